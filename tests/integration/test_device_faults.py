"""A sample of `benchmarks.device_faults`: every kind of fault once or twice, the endless ones, and the planted bugs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from agent_runtime.devices.adb import open_device
from agent_runtime.devices.link import Patience
from agent_runtime.devices.recovery import RecoveringDevice
from agent_runtime.errors import DeviceFaultError
from benchmarks.device_faults import MUTANTS, faulty_phone, run_kind
from benchmarks.fault_oracle import schedule_of
from device_scripts.virtual_phone.faults import EVENT_OF, FRAME, Fault

SLOW = ("hung_shell", "offline", "reboot")


@pytest.fixture(scope="module")
def running(adb_server: Any) -> Iterator[Any]:
    with faulty_phone(adb_server, seed=1) as phone:
        yield phone


@pytest.mark.parametrize("kind", EVENT_OF)
def test_a_fault_is_named_and_survived(adb_server: Any, running: Any, kind: str) -> None:
    counts = run_kind(adb_server, running, kind, trials=1 if kind in SLOW else 2)
    assert counts.is_kept, counts


@pytest.mark.parametrize("kind", [kind for kind, event in EVENT_OF.items() if event == FRAME])
def test_a_frame_that_stays_spoilt_makes_the_episode_void(adb_server: Any, running: Any, kind: str) -> None:
    counts = run_kind(adb_server, running, kind, trials=1, first_trial=4)
    assert (counts.void, counts.void_wanted, counts.named) == (1, 1, 1), counts
    assert counts.is_kept, counts


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant[0].__name__)
def test_the_harness_catches_a_planted_bug(adb_server: Any, running: Any, mutant: Any) -> None:
    device, kind, shown_by = mutant
    assert getattr(run_kind(adb_server, running, kind, 2, device), shown_by) > 0


def test_a_black_picture_names_the_app_that_forbids_it(adb_server: Any, running: Any) -> None:
    with open_device(running.serial, server_port=adb_server.port) as opened:
        opened.shell(["am", "start", "-n", "com.android.settings/.Settings"])
        running.call(schedule_of(running).clear)
        running.call(lambda: schedule_of(running).add(Fault("black_frame", lasts=1_000_000)))
        with pytest.raises(DeviceFaultError, match=r"com\.android\.settings\S* forbids screenshots"):
            RecoveringDevice(opened, Patience(look_again_sec=0.1)).observe_settled(1)
