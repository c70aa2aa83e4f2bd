"""Tasks of the full clock: alarms to write, several alarms, timers, laps. Draws none."""

from agent_runtime.devices import Device
from agent_runtime.tasks import probes
from agent_runtime.tasks.base import Params
from agent_runtime.tasks.checks import counts, has
from agent_runtime.tasks.setups import no_row, row
from agent_runtime.tasks.state_task import Check, SetUp, StateTask
from agent_runtime.tasks.system import ALARM_TIMES, ALARMS_URI, STOPWATCH_URI

TIMERS_URI = "content://com.android.deskclock/timers"
LAPS_URI = "content://com.android.deskclock/laps"
TIMES = ("05:15", "05:45", "10:20", "11:35", "13:50", "16:05", "20:40", "22:25")
NEW_TIMES = ("07:10", "09:35", "18:00", "19:55")
MINUTES = ("2", "3", "4", "6", "8", "15", "25", "45")
_MINUTE_MS = 60_000
_WAITING_MS = 45_000
"""How much of a timer may have run off when the state is probed: an agent may think for a while."""
_TIME = {"time": ALARM_TIMES}
_OTHER = {"other": "time"}


def times_of(words: Params) -> Params:
    """Return hour and minutes of the words that are times, as whole numbers."""
    found: Params = {"kept_hour": "4", "kept_minutes": "5"}
    for key in ("time", "other", "new"):
        if key in words:
            hour, minutes = words[key].split(":")
            found |= {f"{key}_hour": str(int(hour)), f"{key}_minutes": str(int(minutes))}
    return found


def alarm(key: str, enabled: int) -> SetUp:
    """Have an alarm at the time of that word."""
    return row(ALARMS_URI, hour=f"{{{key}_hour}}", minutes=f"{{{key}_minutes}}", enabled=enabled)


def alarm_is(key: str, enabled: int) -> Check:
    """Have the alarm at the time of that word on (1) or off (0)."""
    return has(ALARMS_URI, hour=f"{{{key}_hour}}", minutes=f"{{{key}_minutes}}", enabled=str(enabled))


def _timer_runs(device: Device, words: Params) -> bool:
    """Have a timer run that was set to ``{minutes}``."""
    full_ms = int(words["minutes"]) * _MINUTE_MS
    return any(
        timer.get("running") == "1" and full_ms - _WAITING_MS <= int(timer.get("left_ms", "0")) <= full_ms
        for timer in probes.rows(device, TIMERS_URI)
    )


_NONE, _KEPT = no_row(ALARMS_URI), alarm("kept", 1)
_TIMER_ON = row(TIMERS_URI, minutes=30)

CLOCK_TEMPLATES = (
    StateTask(
        *("clock/add-alarm", "Set an alarm for {time}", ["Clock"], 7),
        params={"time": TIMES},
        derived=times_of,
        set_up=[_NONE, _KEPT],
        checks=[alarm_is("time", 1), alarm_is("kept", 1), counts(ALARMS_URI, "2")],
    ),
    StateTask(
        *("clock/delete-alarm", "Delete the {time} alarm", ["Clock"], 5),
        params={"time": TIMES},
        derived=times_of,
        set_up=[_NONE, _KEPT, alarm("time", 1)],
        checks=[alarm_is("kept", 1), counts(ALARMS_URI, "1")],
    ),
    StateTask(
        *("clock/edit-alarm", "Change the {time} alarm to {new}", ["Clock"], 7),
        params={"time": TIMES, "new": NEW_TIMES},
        derived=times_of,
        set_up=[_NONE, _KEPT, alarm("time", 1)],
        checks=[alarm_is("new", 1), alarm_is("kept", 1), counts(ALARMS_URI, "2")],
    ),
    StateTask(
        *("clock/two-alarms", "Turn on the {time} alarm and the {other} alarm", ["Clock"], 4),
        params=_TIME,
        others=_OTHER,
        derived=times_of,
        set_up=[_NONE, alarm("time", 0), alarm("other", 0)],
        level=2,
        checks=[counts(ALARMS_URI, "2", enabled="1")],
    ),
    StateTask(
        *("clock/change-alarm", "Turn on the {other} alarm instead of the {time} one", ["Clock"], 4),
        params=_TIME,
        others=_OTHER,
        derived=times_of,
        set_up=[_NONE, alarm("time", 1), alarm("other", 0)],
        level=2,
        checks=[alarm_is("time", 0), alarm_is("other", 1)],
    ),
    StateTask(
        *("clock/no-alarms", "Turn off both alarms", ["Clock"], 4),
        params=_TIME,
        others=_OTHER,
        derived=times_of,
        set_up=[_NONE, alarm("time", 1), alarm("other", 1)],
        level=2,
        checks=[counts(ALARMS_URI, "2", enabled="0")],
    ),
    StateTask(
        *("clock/timer", "Start a timer of {minutes} minutes", ["Clock"], 7),
        params={"minutes": MINUTES},
        checks=[_timer_runs],
    ),
    StateTask(
        *("clock/pause-timer", "Pause the timer", ["Clock"], 4),
        set_up=[_TIMER_ON],
        checks=[has(TIMERS_URI, running="0")],
    ),
    StateTask(
        *("clock/cancel-timer", "Cancel the timer", ["Clock"], 4),
        set_up=[_TIMER_ON],
        checks=[counts(TIMERS_URI, "0")],
    ),
    StateTask(
        *("clock/laps", "Start the stopwatch and take {count} laps", ["Clock"], 9),
        params={"count": ("2", "3", "4", "5")},
        level=2,
        checks=[has(STOPWATCH_URI, running="1"), counts(LAPS_URI, "{count}")],
    ),
    StateTask(
        *("clock/stop", "Start the stopwatch and stop it again", ["Clock"], 5),
        level=2,
        checks=[
            has(STOPWATCH_URI, running="0"),
            lambda device, words: not has(STOPWATCH_URI, elapsed_ms="0")(device, words),
        ],
    ),
)
