"""Tasks of the phone as a whole: several alarms or switches, starting any app, the shop's cart. Draws none."""

from agent_runtime.tasks.apps import CART_URI, PRODUCTS, TABS_URI
from agent_runtime.tasks.base import Params
from agent_runtime.tasks.checks import column_is, counts, has, in_front, setting_is
from agent_runtime.tasks.phone_apps import PHONE_APPS
from agent_runtime.tasks.setups import no_row, row, setting
from agent_runtime.tasks.state_task import StateTask
from agent_runtime.tasks.system import ALARM_TIMES, ALARMS_URI, STOPWATCH_URI, SWITCHES

TIMERS_URI = "content://com.android.deskclock/timers"
_STEADY = ("Dark theme", "Large text")
"""Left out: they change how every screen looks."""
_SWITCHES = tuple(label for label in SWITCHES if label not in _STEADY)
_TIME = {"time": ALARM_TIMES}
_PRODUCT = {"product": PRODUCTS}
_IN_CART = row(CART_URI, sku="{sku}", name="{product}", count=1)


def times_of(words: Params) -> Params:
    """Return hour and minutes of both times as whole numbers."""
    found: Params = {}
    for key in ("time", "other"):
        if key in words:
            hour, minutes = words[key].split(":")
            found |= {f"{key}_hour": str(int(hour)), f"{key}_minutes": str(int(minutes))}
    return found


def alarm(key: str, enabled: int) -> dict[str, str | int]:
    """Return the cells of an alarm at the time of that word."""
    return {"hour": f"{{{key}_hour}}", "minutes": f"{{{key}_minutes}}", "enabled": enabled}


def _settings(words: Params) -> Params:
    """Return where both switches keep their values, and which those are."""
    parts = ("namespace", "key", "off", "on")
    return {
        f"{part}_{which}": value
        for which in ("switch", "other")
        for part, value in zip(parts, SWITCHES[words[which]], strict=True)
    }


def _skus(words: Params) -> Params:
    return {"sku": words["product"].replace(" ", "-"), "other_sku": words.get("other", "").replace(" ", "-")}


_SWITCH, _OTHER_SWITCH = ("{namespace_switch}", "{key_switch}"), ("{namespace_other}", "{key_other}")
_ALARM = {"hour": "{time_hour}", "minutes": "{time_minutes}"}
_OTHER_ALARM = {"hour": "{other_hour}", "minutes": "{other_minutes}"}

PHONE_TEMPLATES = (
    StateTask(
        *("home/open", "Open {app}", ["Home"], 5),
        params={"app": tuple(PHONE_APPS)},
        derived=lambda words: {"package": PHONE_APPS[words["app"]].package},
        checks=[in_front("{package}")],
    ),
    StateTask(
        *("clock/timer", "Start a timer of {minutes} minutes", ["Clock"], 4),
        params={"minutes": ("5", "10")},
        checks=[has(TIMERS_URI, minutes="{minutes}", running="1")],
    ),
    StateTask(
        *("clock/two-alarms", "Turn on the {time} alarm and the {other} alarm", ["Clock"], 4),
        params=_TIME,
        others={"other": "time"},
        derived=times_of,
        set_up=[no_row(ALARMS_URI), row(ALARMS_URI, **alarm("time", 0)), row(ALARMS_URI, **alarm("other", 0))],
        level=2,
        checks=[counts(ALARMS_URI, "2", enabled="1")],
    ),
    StateTask(
        *("clock/change-alarm", "Turn on the {other} alarm instead of the {time} one", ["Clock"], 4),
        params=_TIME,
        others={"other": "time"},
        derived=times_of,
        set_up=[no_row(ALARMS_URI), row(ALARMS_URI, **alarm("time", 1)), row(ALARMS_URI, **alarm("other", 0))],
        level=2,
        checks=[has(ALARMS_URI, **_ALARM, enabled="0"), has(ALARMS_URI, **_OTHER_ALARM, enabled="1")],
    ),
    StateTask(
        *("clock/no-alarms", "Turn off both alarms", ["Clock"], 4),
        params=_TIME,
        others={"other": "time"},
        derived=times_of,
        set_up=[no_row(ALARMS_URI), row(ALARMS_URI, **alarm("time", 1)), row(ALARMS_URI, **alarm("other", 1))],
        level=2,
        checks=[counts(ALARMS_URI, "2", enabled="0")],
    ),
    StateTask(
        *("clock/stop", "Start the stopwatch and stop it again", ["Clock"], 5),
        level=2,
        checks=[
            has(STOPWATCH_URI, running="0"),
            lambda device, words: not has(STOPWATCH_URI, elapsed_ms="0")(device, words),
        ],
    ),
    StateTask(
        *("settings/two", "Turn on {switch} and {other}", ["Settings"], 7),
        params={"switch": _SWITCHES},
        others={"other": "switch"},
        derived=_settings,
        set_up=[setting(*_SWITCH, "{off_switch}"), setting(*_OTHER_SWITCH, "{off_other}")],
        level=2,
        checks=[setting_is(*_SWITCH, "{on_switch}"), setting_is(*_OTHER_SWITCH, "{on_other}")],
    ),
    StateTask(
        *("settings/change", "Turn off {switch} and turn on {other}", ["Settings"], 7),
        params={"switch": _SWITCHES},
        others={"other": "switch"},
        derived=_settings,
        set_up=[setting(*_SWITCH, "{on_switch}"), setting(*_OTHER_SWITCH, "{off_other}")],
        level=2,
        checks=[setting_is(*_SWITCH, "{off_switch}"), setting_is(*_OTHER_SWITCH, "{on_other}")],
    ),
    StateTask(
        *("settings/offline", "Turn off Wi-Fi and Bluetooth and turn on airplane mode", ["Settings"], 6),
        set_up=[
            *(setting("global", key, "1") for key in ("wifi_on", "bluetooth_on")),
            setting("global", "airplane_mode_on", "0"),
        ],
        level=3,
        checks=[
            *(setting_is("global", key, "0") for key in ("wifi_on", "bluetooth_on")),
            setting_is("global", "airplane_mode_on", "1"),
        ],
    ),
    StateTask(
        *("browser/item", "Show the shop's page of the {product}", ["Browser"], 7),
        params=_PRODUCT,
        derived=_skus,
        checks=[has(TABS_URI, url="https://shop.example/item/{sku}")],
    ),
    StateTask(
        *("browser/drop", "Take the {product} out of the cart", ["Browser"], 5),
        params=_PRODUCT,
        others={"other": "product"},
        derived=_skus,
        set_up=[_IN_CART, row(CART_URI, sku="{other_sku}", name="{other}", count=1)],
        checks=[column_is(CART_URI, "name", "{other}")],
    ),
    StateTask(
        *("browser/two", "Put the {product} and the {other} in the cart", ["Browser"], 15),
        params=_PRODUCT,
        others={"other": "product"},
        level=2,
        checks=[column_is(CART_URI, "name", "{product}", "{other}")],
    ),
    StateTask(
        *("browser/exchange", "Have the {other} in the cart instead of the {product}", ["Browser"], 10),
        params=_PRODUCT,
        others={"other": "product"},
        derived=_skus,
        set_up=[_IN_CART],
        level=2,
        checks=[column_is(CART_URI, "name", "{other}")],
    ),
)
