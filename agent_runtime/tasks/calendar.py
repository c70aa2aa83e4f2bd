"""Tasks of the calendar, for a phone that has an app for it. Days are those of the device's month."""

from datetime import datetime, timezone

from agent_runtime.devices import Device
from agent_runtime.errors import TaskError
from agent_runtime.tasks import probes
from agent_runtime.tasks.base import Params
from agent_runtime.tasks.checks import column_is, has, lacks
from agent_runtime.tasks.setups import row
from agent_runtime.tasks.state_task import Check, SetUp, StateTask

EVENTS_URI = "content://com.android.calendar/events"
TITLES = ("Piano", "Picnic", "Yoga", "Painter", "Swimming", "Exam", "Theatre", "Brunch")
DAYS = ("12", "14", "16", "18", "20", "21", "23", "26")
HOURS = ("10", "11", "12", "13", "14", "15")
KEPT = "Not this one"
_DAY, _HOUR = "19", "9"


def at_ms(device: Device, day: int, hour: int) -> int:
    """Return an hour of a day of the month it is on the device, in milliseconds since 1970.

    Raises:
        TaskError: the device does not say its date.
    """
    said = probes.run(device, ["date", "+%Y-%m"]).strip()
    try:
        first = datetime.strptime(said, "%Y-%m").replace(tzinfo=timezone.utc)
    except ValueError as error:
        raise TaskError(
            f"Got the date {said!r} from {device.serial}, expected year and month: set its clock."
        ) from error
    return int(first.replace(day=day, hour=hour).timestamp()) * 1000


def _event(title: str, day: str, hour: str) -> SetUp:
    """Have an event at an hour of a day."""
    return lambda device, words: row(EVENTS_URI, title=title, dtstart="{ms}")(
        device, {**words, "ms": _ms(device, words, day, hour)}
    )


def _event_is(title: str, day: str, hour: str, all_day: str = "0") -> Check:
    """Have one event of that title, at an hour of a day."""
    return lambda device, words: (
        column_is(EVENTS_URI, "dtstart", "{ms}", title=title)(device, {**words, "ms": _ms(device, words, day, hour)})
        and has(EVENTS_URI, title=title, allDay=all_day)(device, words)
    )


def _ms(device: Device, words: Params, day: str, hour: str) -> str:
    return str(at_ms(device, int(day.format(**words)), int(hour.format(**words))))


_TITLE = {"title": TITLES}
_BOTH = [_event("{title}", _DAY, _HOUR), _event(KEPT, _DAY, "17")]
_WHICH = f"{{}} the event {{{{title}}}} on day {_DAY} of this month"
_KEPT_THERE = has(EVENTS_URI, title=KEPT)

CALENDAR_TEMPLATES = (
    StateTask(
        *("calendar/add", "Add the event {title} on day {day} of this month at {hour}:00", ["Calendar"], 9),
        params={"title": TITLES, "day": DAYS, "hour": HOURS},
        checks=[_event_is("{title}", "{day}", "{hour}")],
    ),
    StateTask(
        *("calendar/delete", _WHICH.format("Delete"), ["Calendar"], 7),
        params=_TITLE,
        set_up=_BOTH,
        checks=[lacks(EVENTS_URI, title="{title}"), _KEPT_THERE],
    ),
    StateTask(
        *(
            "calendar/move-hour",
            _WHICH.format("Move") + " to {hour}:00",
            ["Calendar"],
            8,
        ),
        params={"title": TITLES, "hour": HOURS},
        set_up=_BOTH,
        checks=[_event_is("{title}", _DAY, "{hour}"), _KEPT_THERE],
    ),
    StateTask(
        *(
            "calendar/next-day",
            _WHICH.format("Move") + " to the next day",
            ["Calendar"],
            8,
        ),
        params=_TITLE,
        set_up=_BOTH,
        checks=[_event_is("{title}", "20", _HOUR), _KEPT_THERE],
    ),
    StateTask(
        *("calendar/all-day", _WHICH.format("Let") + " last all day", ["Calendar"], 8),
        params=_TITLE,
        set_up=_BOTH,
        checks=[_event_is("{title}", _DAY, "0", all_day="1"), _KEPT_THERE],
    ),
)
