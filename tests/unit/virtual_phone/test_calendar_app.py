"""The calendar: writing, changing and deleting events, turning days and months, rows as Android's provider has them."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from device_scripts.virtual_phone.errors import PhoneError
from device_scripts.virtual_phone.phone import KEY_BACK, Phone
from tests.unit.virtual_phone.hands import labels, tap

EVENTS = "content://com.android.calendar/events"


@pytest.fixture
def phone() -> Phone:
    phone = Phone(size=(320, 640), seed=2, apps="full")
    phone.content_delete(EVENTS)
    phone.start_activity("com.android.calendar")
    return phone


def at_ms(day: int, hour: int, month: int = 1) -> int:
    return int(datetime(2026, month, day, hour, tzinfo=timezone.utc).timestamp()) * 1000


def test_an_event_is_written_moved_and_deleted(phone: Phone) -> None:
    tap(phone, "15", "New event")
    phone.text("Lunch")
    phone.key(66)
    tap(phone, "12:00", "Save")
    (row,) = phone.content_query(EVENTS)
    assert (row["title"], row["dtstart"], row["dtend"], row["allDay"]) == ("Lunch", at_ms(15, 12), at_ms(15, 13), 0)
    tap(phone, "Lunch", "Edit", ">", "16:00", "Save")
    (row,) = phone.content_query(EVENTS)
    assert (row["dtstart"], row["dtend"]) == (at_ms(16, 16), at_ms(16, 17))
    tap(phone, "Delete", "Keep", "Edit", "All day", "Save")
    (row,) = phone.content_query(EVENTS)
    assert (row["dtstart"], row["dtend"], row["allDay"]) == (at_ms(16, 0), at_ms(17, 0), 1)
    tap(phone, "Delete", "Yes")
    assert phone.content_query(EVENTS) == []
    assert "No events" in labels(phone)


def test_months_turn_over_the_year_and_show_their_days(phone: Phone) -> None:
    assert labels(phone, "title") == ["Jan 2026"]
    tap(phone, "Previous month")
    assert labels(phone, "title") == ["Dec 2025"]
    phone.swipe(280, 300, 40, 300)
    tap(phone, "Next month")
    assert labels(phone, "title") == ["Feb 2026"]
    assert "28" in labels(phone, "cell")
    assert "29" not in labels(phone, "cell")
    tap(phone, "28", "Next day")
    assert labels(phone, "title") == ["Sun 1 Mar"]
    phone.key(KEY_BACK)
    assert labels(phone, "title") == ["Feb 2026"]


def test_a_row_from_outside_lasts_an_hour_and_can_be_seen(phone: Phone) -> None:
    phone.content_insert(EVENTS, {"title": "Choir", "dtstart": str(at_ms(1, 18))})
    assert phone.content_query(EVENTS)[0]["dtend"] == at_ms(1, 19)
    assert "Choir" in labels(phone, "entry")
    tap(phone, "Choir")
    phone.content_delete(EVENTS)
    assert "No longer there" in labels(phone)


@pytest.mark.parametrize(("start", "end"), [(10**17, 10**17), (-1, 5), (5, 4)])
def test_a_row_out_of_time_is_refused(phone: Phone, start: int, end: int) -> None:
    with pytest.raises(PhoneError):
        phone.content_insert(EVENTS, {"title": "x", "dtstart": str(start), "dtend": str(end)})
    assert phone.content_query(EVENTS) == []
