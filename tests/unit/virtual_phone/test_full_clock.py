"""The full set's clock: alarms, a timer that can be held, laps; all on virtual time."""

from __future__ import annotations

import pytest

from device_scripts.virtual_phone.phone import Phone
from tests.unit.virtual_phone.hands import labels, tap

ALARMS = "content://com.android.deskclock/alarms"
TIMERS = "content://com.android.deskclock/timers"
LAPS = "content://com.android.deskclock/laps"


@pytest.fixture
def phone() -> Phone:
    phone = Phone(size=(320, 640), seed=2, apps="full")
    phone.content_delete(ALARMS)
    phone.start_activity("com.android.deskclock")
    return phone


def test_an_alarm_is_added_changed_switched_off_and_deleted(phone: Phone) -> None:
    assert "No alarms" in labels(phone)
    tap(phone, "Add alarm", "07", ":45", "Mo", "We", "Save")
    (row,) = phone.content_query(ALARMS)
    assert (row["hour"], row["minutes"], row["enabled"], row["daysofweek"]) == (7, 45, 1, 0b101)
    tap(phone, "07:45")  # the topmost of that name is the switch
    assert phone.content_query(ALARMS)[0]["enabled"] == 0
    left, top, right, bottom = next(node.bounds for node in phone.nodes() if node.role == "entry")
    phone.tap((left + right) // 2, (top + bottom) // 2)
    tap(phone, "09", "Label")
    phone.text("Gym")
    tap(phone, "Save")
    (row,) = phone.content_query(ALARMS)
    assert (row["hour"], row["minutes"], row["label"], row["enabled"]) == (9, 45, "Gym", 1)
    phone.tap((left + right) // 2, (top + bottom) // 2)
    tap(phone, "Delete", "Yes")
    assert phone.content_query(ALARMS) == []


def test_an_alarm_between_the_fives_keeps_its_minute(phone: Phone) -> None:
    phone.content_insert(ALARMS, {"hour": "6", "minutes": "52", "enabled": "1"})
    left, top, right, bottom = next(node.bounds for node in phone.nodes() if node.role == "entry")
    phone.tap((left + right) // 2, (top + bottom) // 2)
    tap(phone, "Save")
    assert phone.content_query(ALARMS)[0]["minutes"] == 52


def test_a_timer_is_held_goes_on_and_ends(phone: Phone) -> None:
    tap(phone, "Timer", "Start")
    assert phone.content_query(TIMERS) == []
    tap(phone, "1", "3", "0", "Start")
    assert phone.content_query(TIMERS)[0]["left_ms"] == 90_000
    phone.advance(30_000)
    tap(phone, "Pause")
    phone.advance(500_000)
    assert [(row["running"], row["left_ms"]) for row in phone.content_query(TIMERS)] == [(0, 60_000)]
    tap(phone, "Resume", "+1 min")
    phone.advance(119_000)
    assert phone.content_query(TIMERS)[0]["left_ms"] == 1000
    phone.advance(1000)
    assert "Time is up" in labels(phone)
    tap(phone, "Cancel")
    assert phone.content_query(TIMERS) == []


def test_laps_are_kept_until_the_stopwatch_is_put_back(phone: Phone) -> None:
    tap(phone, "Stopwatch", "Start")
    phone.advance(5000)
    tap(phone, "Lap")
    phone.advance(4000)
    tap(phone, "Lap", "Stop")
    assert [(row["lap"], row["elapsed_ms"]) for row in phone.content_query(LAPS)] == [(1, 5000), (2, 9000)]
    tap(phone, "Reset")
    assert phone.content_query(LAPS) == []
