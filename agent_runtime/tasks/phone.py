"""Tasks of the phone as a whole: several switches, starting any app, the small shop's cart. Draws none."""

from agent_runtime.tasks.apps import CART_URI, PRODUCTS, TABS_URI
from agent_runtime.tasks.base import Params
from agent_runtime.tasks.checks import column_is, has, in_front, setting_is
from agent_runtime.tasks.phone_apps import PHONE_APPS
from agent_runtime.tasks.setups import row, setting
from agent_runtime.tasks.state_task import StateTask
from agent_runtime.tasks.system import SWITCHES

_STEADY = ("Dark theme", "Large text")
"""Left out: they change how every screen looks."""
_SWITCHES = tuple(label for label in SWITCHES if label not in _STEADY)
_PRODUCT = {"product": PRODUCTS}
_IN_CART = row(CART_URI, site="shop.example", sku="{sku}", name="{product}", count=1)


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

PHONE_TEMPLATES = (
    StateTask(
        *("home/open", "Open {app}", ["Home"], 5),
        params={"app": tuple(PHONE_APPS)},
        derived=lambda words: {"package": PHONE_APPS[words["app"]].package},
        checks=[in_front("{package}")],
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
        set_up=[_IN_CART, row(CART_URI, site="shop.example", sku="{other_sku}", name="{other}", count=1)],
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
