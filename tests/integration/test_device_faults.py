"""A sample of `benchmarks.device_faults`: every kind of fault, endless ones, planted bugs, some over real adb."""

from __future__ import annotations

from typing import Any

import pytest

from agent_runtime.devices.adb import open_device
from agent_runtime.devices.link import Patience
from agent_runtime.devices.recovery import RecoveringDevice
from agent_runtime.errors import DeviceFaultError
from benchmarks.fault_mutants import MUTANTS, shown
from benchmarks.fault_stages import real_stage, simulated_stage
from benchmarks.fault_trials import run_kind
from device_scripts.virtual_phone.faults import EVENT_OF, Fault, FaultSchedule
from device_scripts.virtual_phone.launch import running_phone

OVER_ADB = ("closed_stream", "hung_shell", "unauthorized", "reboot", "rotation", "ime_lost", "wrong_display_focus")


@pytest.mark.parametrize("kind", EVENT_OF)
def test_a_fault_is_named_and_survived_or_makes_the_episode_void(kind: str) -> None:
    with simulated_stage(seed=1) as stage:
        counts = run_kind(stage, kind, trials=5)  # the fifth is one that stays, where the kind can
    assert counts.is_kept, counts
    assert counts.recovered + counts.void_wanted == 5


@pytest.mark.parametrize("kind", OVER_ADB)
def test_the_same_over_a_real_adb_server(adb_server: Any, kind: str) -> None:
    with real_stage(adb_server, seed=1) as stage:
        counts = run_kind(stage, kind, trials=1)
    assert counts.is_kept, counts


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.recovery.__name__)
def test_the_harness_catches_a_planted_bug(mutant: Any) -> None:
    sick, sound = shown(mutant, trials=2)
    assert sick > 0
    assert sound == 0


def test_minutes_of_waiting_take_no_time() -> None:
    with simulated_stage(seed=1) as stage:
        counts = run_kind(stage, "offline", trials=1, first_trial=4)
    assert counts.void == 1
    assert counts.simulated_sec > 120 > counts.seconds


def test_a_black_picture_names_the_app_that_forbids_it(adb_server: Any) -> None:
    schedule = FaultSchedule()
    with running_phone(adb_server_port=adb_server.port, faults=schedule) as running:
        adb_server.wait_for(running.serial)
        with open_device(running.serial, server_port=adb_server.port) as opened:
            opened.shell(["am", "start", "-n", "com.android.settings/.Settings"])
            running.call(lambda: schedule.add(Fault("black_frame", lasts=1_000_000)))
            with pytest.raises(DeviceFaultError, match=r"com\.android\.settings\S* forbids screenshots"):
                RecoveringDevice(opened, Patience(look_again_sec=0.1)).observe_settled(1)
