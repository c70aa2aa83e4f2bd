"""Tasks of the calendar, for a phone that has an app for it. Days are those of the month it is on the device."""

from datetime import datetime, timezone
from typing import ClassVar

from agent_runtime.devices import Device
from agent_runtime.errors import TaskError
from agent_runtime.tasks import probes
from agent_runtime.tasks.base import Command, Params, ParamSpace, TaskTemplate

CALENDAR, PROVIDER = "com.android.calendar", "com.android.providers.calendar"
EVENTS_URI = f"content://{CALENDAR}/events"
TITLES = ("Piano", "Picnic", "Yoga", "Painter", "Swimming", "Exam", "Theatre", "Brunch")
DAYS = ("12", "14", "16", "18", "20", "21", "23", "26")
HOURS = ("10", "11", "12", "13", "14", "15")
KEPT = "Not this one"
_DAY, _HOUR = 19, 9
_HOUR_MS = 3_600_000


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


class _CalendarTask(TaskTemplate):
    """Starts at the launcher's first page; unless it is about a new one, the event is there, and another one."""

    has_event: ClassVar[bool] = True

    def prepare(self, device: Device, params: Params) -> list[Command]:
        probes.clear(device, PROVIDER)
        if self.has_event:
            for title, hour in ((params["title"], _HOUR), (KEPT, _HOUR + 8)):
                probes.insert(device, EVENTS_URI, {"title": title, "dtstart": at_ms(device, _DAY, hour)})
        probes.start_from_home(device, [CALENDAR])
        probes.start_from_home(device, [])  # a second time: the launcher goes to its first page
        return [["pm", "clear", PROVIDER]]

    def reached(self, device: Device, params: Params) -> bool:
        every = probes.rows(device, EVENTS_URI)
        kept = not self.has_event or any(row.get("title") == KEPT for row in every)
        asked_for = [row for row in every if row.get("title", "").lower() == params["title"].lower()]
        return kept and self.is_right(device, params, asked_for)

    def is_right(self, device: Device, params: Params, rows: list[dict[str, str]]) -> bool:
        """Say whether the events of that title are as asked for."""
        raise NotImplementedError


def _starts(rows: list[dict[str, str]]) -> list[str | None]:
    return [row.get("dtstart") for row in rows]


class AddEventTask(_CalendarTask):
    """Have a new event at an hour of a day."""

    name = "calendar/add"
    goal_template = "Add the event {title} on day {day} of this month at {hour}:00"
    param_space: ClassVar[ParamSpace] = {"title": TITLES, "day": DAYS, "hour": HOURS}
    split_param = "title"
    optimal_steps = 9
    has_event = False

    def is_right(self, device: Device, params: Params, rows: list[dict[str, str]]) -> bool:
        return _starts(rows) == [str(at_ms(device, int(params["day"]), int(params["hour"])))]


class DeleteEventTask(_CalendarTask):
    """Have one event gone; the other one is there still."""

    name = "calendar/delete"
    goal_template = f"Delete the event {{title}} on day {_DAY} of this month"
    param_space: ClassVar[ParamSpace] = {"title": TITLES}
    split_param = "title"
    optimal_steps = 7

    def is_right(self, device: Device, params: Params, rows: list[dict[str, str]]) -> bool:
        return rows == []


class MoveHourTask(_CalendarTask):
    """Have an event at another hour of the same day."""

    name = "calendar/move_hour"
    goal_template = f"Move the event {{title}} on day {_DAY} of this month to {{hour}}:00"
    param_space: ClassVar[ParamSpace] = {"title": TITLES, "hour": HOURS}
    split_param = "title"
    optimal_steps = 8

    def is_right(self, device: Device, params: Params, rows: list[dict[str, str]]) -> bool:
        return _starts(rows) == [str(at_ms(device, _DAY, int(params["hour"])))]


class NextDayTask(_CalendarTask):
    """Have an event a day later, at the same hour."""

    name = "calendar/next_day"
    goal_template = f"Move the event {{title}} on day {_DAY} of this month to the next day"
    param_space: ClassVar[ParamSpace] = {"title": TITLES}
    split_param = "title"
    optimal_steps = 8

    def is_right(self, device: Device, params: Params, rows: list[dict[str, str]]) -> bool:
        return _starts(rows) == [str(at_ms(device, _DAY, _HOUR) + 24 * _HOUR_MS)]


class AllDayTask(_CalendarTask):
    """Have an event last the whole day it is on."""

    name = "calendar/all_day"
    goal_template = f"Let the event {{title}} on day {_DAY} of this month last all day"
    param_space: ClassVar[ParamSpace] = {"title": TITLES}
    split_param = "title"
    optimal_steps = 8

    def is_right(self, device: Device, params: Params, rows: list[dict[str, str]]) -> bool:
        return [(row.get("dtstart"), row.get("allDay")) for row in rows] == [(str(at_ms(device, _DAY, 0)), "1")]


CALENDAR_TEMPLATES: tuple[TaskTemplate, ...] = (
    AddEventTask(),
    DeleteEventTask(),
    MoveHourTask(),
    NextDayTask(),
    AllDayTask(),
)
