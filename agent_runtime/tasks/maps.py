"""Tasks in the maps app: finding, saving, labelling places and travelling to them. Draws none."""

from agent_runtime.tasks.checks import column_is, counts, has
from agent_runtime.tasks.setups import no_row, row
from agent_runtime.tasks.state_task import StateTask

SAVED_URI = "content://org.example.maps/saved"
NAVIGATION_URI = "content://org.example.maps/navigation"
SHOWN_URI = "content://org.example.maps/shown"
LABELS_URI = "content://org.example.maps/labels"
PLACES = (
    *("Blue Cafe", "Corner Cafe", "Old Mill", "Art House", "Green Park", "Rose Garden", "Town Hall", "Post Office"),
    *("Main Station", "Bus Station", "City Bank", "River Bank", "Book Shop", "Shoe Shop", "Grand Hotel", "Lake Hotel"),
)
MODES = ("car", "bus", "walk")
NEAREST = {
    "cafe": "Blue Cafe",
    "museum": "Old Mill",
    "park": "Green Park",
    "office": "Town Hall",
    "station": "Main Station",
    "bank": "City Bank",
    "shop": "Book Shop",
    "hotel": "Grand Hotel",
}
"""The nearest place of each kind in the town."""
_PLACE = {"place": PLACES}
_OTHER = {"other": "place"}
_NONE_SAVED = no_row(SAVED_URI)

MAPS_TEMPLATES = (
    StateTask(
        *("maps/search", "Find {place} in Maps", ["Maps"], 8),
        params=_PLACE,
        checks=[has(SHOWN_URI, place="{place}")],
    ),
    StateTask(
        *("maps/save", "Save {place} in Maps", ["Maps"], 9),
        params=_PLACE,
        set_up=[_NONE_SAVED],
        checks=[column_is(SAVED_URI, "place", "{place}")],
    ),
    StateTask(
        *("maps/directions", "Start directions to {place} by {mode}", ["Maps"], 11),
        params={"place": PLACES, "mode": MODES},
        checks=[has(NAVIGATION_URI, place="{place}", mode="{mode}")],
    ),
    StateTask(
        *("maps/unsave", "Take {place} off the saved places", ["Maps"], 7),
        params=_PLACE,
        others=_OTHER,
        set_up=[_NONE_SAVED, row(SAVED_URI, place="{place}"), row(SAVED_URI, place="{other}")],
        checks=[column_is(SAVED_URI, "place", "{other}")],
    ),
    StateTask(
        *("maps/stop", "Stop the directions to {place}", ["Maps"], 10),
        params=_PLACE,
        set_up=[row(NAVIGATION_URI, place="{place}", mode="car")],
        checks=[counts(NAVIGATION_URI, "0")],
    ),
    StateTask(
        *("maps/label", "Set {place} as {label} in Maps", ["Maps"], 9),
        params={"place": PLACES, "label": ("home", "work")},
        checks=[column_is(LABELS_URI, "place", "{place}", label="{label}"), counts(LABELS_URI, "1")],
    ),
    StateTask(
        *("maps/go-home", "Start directions home by {mode}", ["Maps"], 8),
        params={"place": PLACES, "mode": MODES},
        set_up=[row(LABELS_URI, label="home", place="{place}")],
        checks=[has(NAVIGATION_URI, place="{place}", mode="{mode}")],
    ),
    StateTask(
        *("maps/nearest", "Save the nearest {kind} in Maps", ["Maps"], 9),
        params={"kind": tuple(NEAREST)},
        derived=lambda words: {"place": NEAREST[words["kind"]]},
        set_up=[_NONE_SAVED],
        checks=[column_is(SAVED_URI, "place", "{place}")],
    ),
    StateTask(
        *("maps/save-two", "Save {place} and {other} in Maps", ["Maps"], 14),
        params=_PLACE,
        others=_OTHER,
        set_up=[_NONE_SAVED],
        level=2,
        checks=[has(SAVED_URI, place="{place}"), has(SAVED_URI, place="{other}"), counts(SAVED_URI, "2")],
    ),
    StateTask(
        *("maps/exchange", "Save {other} in Maps instead of {place}", ["Maps"], 12),
        params=_PLACE,
        others=_OTHER,
        set_up=[_NONE_SAVED, row(SAVED_URI, place="{place}")],
        level=2,
        checks=[column_is(SAVED_URI, "place", "{other}")],
    ),
    StateTask(
        *("maps/home-and-work", "Set {place} as home and {other} as work in Maps", ["Maps"], 14),
        params=_PLACE,
        others=_OTHER,
        level=2,
        checks=[has(LABELS_URI, label="home", place="{place}"), has(LABELS_URI, label="work", place="{other}")],
    ),
    StateTask(
        *("maps/save-and-go", "Save {place} in Maps, then start directions there by {mode}", ["Maps"], 12),
        params={"place": PLACES, "mode": MODES},
        set_up=[_NONE_SAVED],
        level=2,
        checks=[has(SAVED_URI, place="{place}"), has(NAVIGATION_URI, place="{place}", mode="{mode}")],
    ),
)
