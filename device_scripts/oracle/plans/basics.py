"""Plans for the suite ``basics``, on either set of apps."""

from agent_runtime.tasks.system import SWITCHES
from device_scripts.oracle.steps import ENTER, FIELD, Plan, Step, app, label_of, text

_PAGES = ("Network", "Display", "Sound", "System")
_PAGE_OF = dict(zip(SWITCHES, [_PAGES[0]] * 4 + [_PAGES[1]] * 4 + [_PAGES[2]] * 3 + [_PAGES[3]] * 3, strict=True))


def page_of(word: str) -> Step:
    """Tap the page of the settings that has the switch of that word."""
    return label_of(lambda words: _PAGE_OF[words[word]])


def search(product: str) -> Plan:
    """Search the shop from the home screen."""
    return (app("Browser"), "Shop", FIELD, text(product), ENTER)


BASICS_PLANS: dict[str, Plan] = {
    "apps/open": [app("{app}")],
    "settings/toggle": [app("Settings"), page_of("switch"), "{switch}"],
    "clock/alarm": [app("Clock"), "{time}"],
    "clock/stopwatch": [app("Clock"), "Stopwatch", "Start"],
    "notes/write": [app("Notes"), "New", text("{word}"), "Save"],
    "notes/delete": [app("Notes"), "{word}", "Delete", "Yes"],
    "browser/search": search("{product}"),
    "browser/cart": [*search("{product}"), "{product}", "Add to cart"],
}
