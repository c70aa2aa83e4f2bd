"""The phone's date and time in words, on its virtual clock, which is UTC. Draws nothing."""

from __future__ import annotations

from datetime import date, datetime, time, timezone

from device_scripts.virtual_phone.language import Own, say
from device_scripts.virtual_phone.state import PhoneState

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def today(state: PhoneState) -> date:
    """Return the day it is on the phone."""
    return datetime.fromtimestamp(state.clock_ms // 1000, timezone.utc).date()


def at_ms(day: date, hour: int) -> int:
    """Return an hour of a day in milliseconds since 1970."""
    return int(datetime.combine(day, time(hour), timezone.utc).timestamp()) * 1000


def day_words(state: PhoneState, day: date) -> Own:
    """Return a day as in ``Thu 1 Jan``."""
    return Own(f"{say(state, WEEKDAYS[day.weekday()])} {day.day} {say(state, MONTHS[day.month - 1])}")


def month_words(state: PhoneState, day: date) -> Own:
    """Return a month as in ``Jan 2026``."""
    return Own(f"{say(state, MONTHS[day.month - 1])} {day.year}")


def clock_words(state: PhoneState, minutes: int) -> str:
    """Return a time of day, in minutes since midnight, by the phone's 12- or 24-hour clock."""
    hour, minute = minutes // 60 % 24, minutes % 60
    if state.settings["system"].get("time_12_24") != "12":
        return f"{hour:02d}:{minute:02d}"
    return f"{(hour + 11) % 12 + 1}:{minute:02d} {'AM' if hour < 12 else 'PM'}"
