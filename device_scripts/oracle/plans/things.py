"""Plans for the calculator, maps, music, the weather and the store."""

from device_scripts.oracle.steps import BACK, FIELD, Plan, app, choose, digits, tapped_until, text, times

_MODE = choose("mode", car=[], bus=["Bus"], walk=["Walk"])


def place(name: str) -> Plan:
    """Find a place from the map."""
    return (FIELD, text(name), name)


def city(name: str) -> Plan:
    """Add a city from the list of cities."""
    return ("Add city", text(name), name)


THINGS_PLANS: dict[str, Plan] = {
    **{
        f"calculator/{kind}": [app("Calculator"), digits("{keys}"), "="]
        for kind in ("add", "multiply", "chain", "percent", "decimal")
    },
    "calculator/clear": [app("Calculator"), "Log", "Clear log"],
    "calculator/two": [app("Calculator"), digits("{keys}"), "=", digits("{more_keys}"), "="],
    "calculator/only-in-log": [app("Calculator"), "Log", "Clear log", BACK, digits("{keys}"), "="],
    "maps/search": [app("Maps"), *place("{place}")],
    "maps/save": [app("Maps"), *place("{place}"), "Save"],
    "maps/directions": [app("Maps"), *place("{place}"), "Route", _MODE, "Start"],
    "maps/unsave": [app("Maps"), "{place}", "Unsave"],
    "maps/stop": [app("Maps"), *place("{place}"), "Route", "Stop"],
    "maps/label": [app("Maps"), *place("{place}"), "Set {label}"],
    "maps/go-home": [app("Maps"), "To home", _MODE, "Start"],
    "maps/nearest": [app("Maps"), FIELD, text("{kind}"), "{place}", "Save"],
    "maps/save-two": [app("Maps"), *place("{place}"), "Save", BACK, *place("{other}"), "Save"],
    "maps/exchange": [app("Maps"), "{place}", "Unsave", BACK, *place("{other}"), "Save"],
    "maps/home-and-work": [app("Maps"), *place("{place}"), "Set home", BACK, *place("{other}"), "Set work"],
    "maps/save-and-go": [app("Maps"), *place("{place}"), "Save", "Route", _MODE, "Start"],
    "music/play": [app("Music"), "{song}"],
    "music/pause": [app("Music"), "Now playing", "Pause"],
    "music/next": [app("Music"), "Now playing", "Next"],
    "music/previous": [app("Music"), "Now playing", "Prev"],
    "music/add": [app("Music"), "{song}", "Add to playlist"],
    "music/drop": [app("Music"), "Playlist", "{song}", "Off playlist"],
    "music/mode": [app("Music"), "Now playing", choose("mode", shuffle=["Shuffle"], repeat=["Repeat"])],
    "music/empty": [app("Music"), "Playlist", "Empty"],
    "music/play-list": [app("Music"), "Playlist", "Play all"],
    "music/add-two": [app("Music"), "{song}", "Add to playlist", BACK, "{other}", "Add to playlist"],
    "music/exchange": [
        *(app("Music"), "Playlist", "{song}", "Off playlist", BACK),
        *("Songs", "{other}", "Add to playlist"),
    ],
    "music/repeat-song": [app("Music"), "{song}", "Repeat"],
    "music/choose-and-pause": [app("Music"), "{song}", "Add to playlist", "Pause"],
    "weather/add": [app("Weather"), *city("{city}")],
    "weather/forecast": [app("Weather"), "{city}"],
    "weather/remove": [app("Weather"), "{city}", "Remove city", "Yes"],
    "weather/unit": [app("Weather"), "Fahrenheit"],
    "weather/first": [app("Weather"), "{city}", "Make first"],
    "weather/alert": [app("Weather"), "{city}", "Rain alert"],
    "weather/add-two": [app("Weather"), *city("{city}"), *city("{other}")],
    "weather/exchange": [app("Weather"), "{city}", "Remove city", "Yes", *city("{other}")],
    "weather/add-with-alert": [app("Weather"), *city("{city}"), "{city}", "Rain alert"],
    "weather/forecast-fahrenheit": [app("Weather"), "Fahrenheit", "{city}"],
    "store/install": [app("Store"), "{app}", "Install"],
    "store/open": [app("Store"), "{app}", "Install", "Open"],
    "store/uninstall": [app("Store"), "{app}", "Uninstall", "Yes"],
    "store/wish": [app("Store"), "{app}", "Wish"],
    "store/unwish": [app("Store"), "{app}", "Off wishes"],
    "store/rate": [app("Store"), "{app}", "{stars}"],
    "store/install-two": [app("Store"), "{app}", "Install", BACK, "{other}", "Install"],
    "store/exchange": [app("Store"), "{app}", "Uninstall", "Yes", BACK, "{other}", "Install"],
    "store/install-and-rate": [app("Store"), "{app}", "Install", "{stars}"],
    "dice/roll": [app("Dice"), times("Roll", "{count}")],
    "recipes/dish": [app("Recipes"), tapped_until("Next", "{dish}")],
    "torch/on": [app("Store"), "Torch", "Install", "Open", "Switch"],
}
