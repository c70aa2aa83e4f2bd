"""Tasks of the full clock: alarms to write, timers, laps. Samples nothing."""

from typing import ClassVar

from agent_runtime.devices import Device
from agent_runtime.tasks import probes
from agent_runtime.tasks.base import Command, Params, ParamSpace, TaskTemplate
from agent_runtime.tasks.system import ALARMS_URI, CLOCK, STOPWATCH_URI

TIMERS_URI = "content://com.android.deskclock/timers"
LAPS_URI = "content://com.android.deskclock/laps"
TIMES = ("05:15", "05:45", "10:20", "11:35", "13:50", "16:05", "20:40", "22:25")
MINUTES = ("2", "3", "4", "6", "8", "15", "25", "45")
_OTHER = {"hour": 4, "minutes": 5, "enabled": 1}
_MINUTE_MS = 60_000
_WAITING_MS = 45_000
"""How much of a timer may have run off when the state is probed: an agent may think for a while."""


class _ClockTask(TaskTemplate):
    """Starts at the launcher's first page with the clock as it came, and leaves it so."""

    def prepare(self, device: Device, params: Params) -> list[Command]:
        probes.clear(device, CLOCK)
        self.set_up(device, params)
        probes.start_from_home(device, [CLOCK])
        probes.start_from_home(device, [])  # a second time: the launcher goes to its first page
        return [["pm", "clear", CLOCK]]

    def set_up(self, device: Device, params: Params) -> None:
        """Add what the task needs."""


def _only_alarms(device: Device, *alarms: dict[str, int]) -> None:
    """Have these alarms and no other."""
    probes.run(device, ["content", "delete", "--uri", ALARMS_URI])
    for alarm in alarms:
        probes.insert(device, ALARMS_URI, dict(alarm))


def _alarm(time: str) -> dict[str, int]:
    hour, minutes = (int(part) for part in time.split(":"))
    return {"hour": hour, "minutes": minutes, "enabled": 1}


def _alarms(device: Device) -> list[str]:
    """Return the times of the alarms that are on, in order."""
    rows = [row for row in probes.rows(device, ALARMS_URI) if row.get("enabled") == "1"]
    return sorted(f"{row.get('hour', ''):0>2}:{row.get('minutes', ''):0>2}" for row in rows)


_OTHER_TIME = "04:05"


class AddAlarmTask(_ClockTask):
    """Have a further alarm, on."""

    name = "clock/add_alarm"
    goal_template = "Set an alarm for {time}"
    param_space: ClassVar[ParamSpace] = {"time": TIMES}
    split_param = "time"
    optimal_steps = 7

    def set_up(self, device: Device, params: Params) -> None:
        _only_alarms(device, _OTHER)

    def reached(self, device: Device, params: Params) -> bool:
        return _alarms(device) == sorted((_OTHER_TIME, params["time"]))


class DeleteAlarmTask(_ClockTask):
    """Have one alarm gone; the other one is there still."""

    name = "clock/delete_alarm"
    goal_template = "Delete the {time} alarm"
    param_space: ClassVar[ParamSpace] = {"time": TIMES}
    split_param = "time"
    optimal_steps = 5

    def set_up(self, device: Device, params: Params) -> None:
        _only_alarms(device, _OTHER, _alarm(params["time"]))

    def reached(self, device: Device, params: Params) -> bool:
        times = [f"{row.get('hour', ''):0>2}:{row.get('minutes', ''):0>2}" for row in probes.rows(device, ALARMS_URI)]
        return times == [_OTHER_TIME]


class EditAlarmTask(_ClockTask):
    """Have an alarm at another time, and none at the old one."""

    name = "clock/edit_alarm"
    goal_template = "Change the {time} alarm to {new}"
    param_space: ClassVar[ParamSpace] = {"time": TIMES, "new": ("07:10", "09:35", "18:00", "19:55")}
    split_param = "time"
    optimal_steps = 7

    def set_up(self, device: Device, params: Params) -> None:
        _only_alarms(device, _OTHER, _alarm(params["time"]))

    def reached(self, device: Device, params: Params) -> bool:
        return _alarms(device) == sorted((_OTHER_TIME, params["new"]))


class StartTimerTask(_ClockTask):
    """Have a timer run that was set to so many minutes."""

    name = "clock/timer"
    goal_template = "Start a timer of {minutes} minutes"
    param_space: ClassVar[ParamSpace] = {"minutes": MINUTES}
    split_param = "minutes"
    optimal_steps = 7

    def reached(self, device: Device, params: Params) -> bool:
        full_ms = int(params["minutes"]) * _MINUTE_MS
        return any(
            row.get("running") == "1" and full_ms - _WAITING_MS <= int(row.get("left_ms", "0")) <= full_ms
            for row in probes.rows(device, TIMERS_URI)
        )


class _RunningTimerTask(_ClockTask):
    """A timer runs at the start."""

    param_space: ClassVar[ParamSpace] = {}
    split_param = None
    minutes: ClassVar[int] = 30

    def set_up(self, device: Device, params: Params) -> None:
        probes.insert(device, TIMERS_URI, {"minutes": self.minutes})


class PauseTimerTask(_RunningTimerTask):
    """Have the timer, which runs at the start, held."""

    name = "clock/pause_timer"
    goal_template = "Pause the timer"
    optimal_steps = 4

    def reached(self, device: Device, params: Params) -> bool:
        return [row.get("running") for row in probes.rows(device, TIMERS_URI)] == ["0"]


class CancelTimerTask(_RunningTimerTask):
    """Have no timer any more."""

    name = "clock/cancel_timer"
    goal_template = "Cancel the timer"
    optimal_steps = 4

    def reached(self, device: Device, params: Params) -> bool:
        return probes.rows(device, TIMERS_URI) == []


class LapsTask(_ClockTask):
    """Have the stopwatch run with so many laps."""

    name = "clock/laps"
    goal_template = "Start the stopwatch and take {count} laps"
    param_space: ClassVar[ParamSpace] = {"count": ("2", "3", "4", "5")}
    split_param = "count"
    optimal_steps = 9

    def reached(self, device: Device, params: Params) -> bool:
        runs = any(row.get("running") == "1" for row in probes.rows(device, STOPWATCH_URI))
        return runs and len(probes.rows(device, LAPS_URI)) == int(params["count"])


CLOCK_TEMPLATES: tuple[TaskTemplate, ...] = (
    AddAlarmTask(),
    DeleteAlarmTask(),
    EditAlarmTask(),
    StartTimerTask(),
    PauseTimerTask(),
    CancelTimerTask(),
    LapsTask(),
)
