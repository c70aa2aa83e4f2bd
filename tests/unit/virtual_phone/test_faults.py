"""Fault schedules: when they strike, that they repeat exactly, and what a wrong file is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from device_scripts.virtual_phone.errors import LaunchError
from device_scripts.virtual_phone.faults import EVENT_OF, FRAME, SHELL, Fault, FaultSchedule, read_schedule, schedule_of
from device_scripts.virtual_phone.faulty_phone import DIALOGS, FaultyPhone
from device_scripts.virtual_phone.phone import Phone


def struck_at(schedule: FaultSchedule, event: str, events: int) -> list[int]:
    return [number for number in range(1, events + 1) if schedule.happen(event)]


def test_a_fault_strikes_at_its_event_and_lasts() -> None:
    assert struck_at(schedule_of([Fault("empty_frame", nth=3, lasts=2)]), FRAME, 8) == [3, 4]


def test_other_events_are_not_counted() -> None:
    schedule = schedule_of([Fault("empty_frame", nth=1)])
    assert struck_at(schedule, SHELL, 5) == []
    assert struck_at(schedule, FRAME, 2) == [1]


def test_chance_is_the_same_for_the_same_seed_and_differs_by_seed() -> None:
    def course(seed: int) -> list[int]:
        return struck_at(schedule_of([Fault("black_frame", nth=0, probability=0.2)], seed), FRAME, 200)

    assert course(1) == course(1) != course(2)
    assert 20 <= len(course(1)) <= 60


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    path.write_text(json.dumps({"seed": 3, "faults": [{"kind": "reboot", "nth": 2}, {"kind": "offline", "lasts": 3}]}))
    schedule = read_schedule(path)
    assert schedule.seed == 3
    assert [fault.kind for fault in schedule.happen(SHELL)] == ["offline"]
    assert [fault.kind for fault in schedule.happen(SHELL)] == ["reboot"]  # one that is away is struck once


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"faults": [1]}', '{"faults": [{"kind": "fire"}]}', '{"faults": [{"kind": "reboot", "x": 1}]}',
     '{"faults": [{"kind": "reboot", "nth": -1}]}', '{"faults": [{"kind": "reboot", "probability": 2}]}'],
)  # fmt: skip
def test_a_wrong_file_says_what_to_give(tmp_path: Path, text: str) -> None:
    path = tmp_path / "faults.json"
    path.write_text(text)
    with pytest.raises(LaunchError, match=r"give|choose"):
        read_schedule(path)


def test_without_a_fault_the_phone_looks_and_acts_as_the_plain_one() -> None:
    plain, faulty = Phone(seed=4), FaultyPhone(seed=4)
    for phone in (plain, faulty):
        phone.start_activity("com.android.settings")
        phone.tap(60, 60)
    assert [plain.frame_bytes() for _ in range(20)] == [faulty.frame_bytes() for _ in range(20)]
    assert plain.nodes() == faulty.nodes()


@pytest.mark.parametrize("kind", DIALOGS)
def test_a_dialog_covers_the_app_until_its_button_is_tapped(kind: str) -> None:
    phone = FaultyPhone()
    phone.start_activity("com.android.settings")
    while not phone.settled():
        phone.frame()
    before = phone.nodes()
    phone.show(kind)
    buttons = [node for node in phone.nodes() if node.clickable]
    assert [(node.label, node.resource_id) for node in buttons] == list(DIALOGS[kind].buttons)
    left, top, right, bottom = buttons[-1].bounds
    phone.tap((left + right) // 2, (top + bottom) // 2)
    assert phone.dialog is None
    assert phone.nodes() == before or kind == "anr_dialog"


def test_every_kind_counts_an_event_of_a_known_sort() -> None:
    assert set(EVENT_OF.values()) == {"frame", "shell", "input", "tap", "text", "keys", "keyboard", "write"}
