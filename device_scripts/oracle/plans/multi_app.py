"""Plans for the suite ``multi-app``: what is carried over is read off the screen first, not known."""

from device_scripts.oracle.plans.basics import search
from device_scripts.oracle.plans.people import add, send
from device_scripts.oracle.plans.things import city, place
from device_scripts.oracle.steps import BACK, ENTER, FIELD, Plan, app, digits, label_of, noted, text


def _note(pattern: str) -> Plan:
    """Read the word ``it`` off the list of notes."""
    return (app("Notes"), noted("it", pattern))


def _message(pattern: str) -> Plan:
    """Read the word ``it`` off the conversation with ``{number}``."""
    return (app("Messages"), "{number}", noted("it", pattern))


def _number(name: str) -> Plan:
    """Read the word ``it`` off the page of a contact."""
    return (app("Contacts"), name, noted("it", r"^(\d+)$"))


def _pass_on(words: str) -> Plan:
    """Send that to ``{number}`` from the home screen."""
    return (app("Messages"), *send("{number}", words))


def _write(words: str) -> Plan:
    """Write a note from the home screen."""
    return (app("Notes"), "New", text(words), "Save")


_IT = label_of(lambda words: words["it"])
_PRICES: Plan = (
    *(*search("{product}"), "{product}", noted("it", r"^\$(\d+)$")),
    *(BACK, BACK, FIELD, text("{other}"), ENTER, "{other}", noted("other_it", r"^\$(\d+)$")),
)

MULTI_APP_PLANS: dict[str, Plan] = {
    "multi/note-to-contact": [*_note(r"^{name} (\d+)$"), app("Contacts"), *add("{name}", "{it}")],
    "multi/contact-to-message": [*_number("{name}"), app("Messages"), *send("{it}", "{word}")],
    "multi/contact-passed-on": [*_number("{name}"), *_pass_on("{it}")],
    "multi/contact-to-note": [*_number("{name}"), *_write("{it}")],
    "multi/message-to-contact": [app("Messages"), noted("it", r"^(\d+)$"), app("Contacts"), *add("{name}", "{it}")],
    "multi/price-to-note": [*search("{product}"), "{product}", noted("it", r"^\$(\d+)$"), *_write("{it}")],
    "multi/price-sum": [*_PRICES, app("Calculator"), digits("{it}"), "+", digits("{other_it}"), "="],
    "multi/cheaper-to-message": [
        *_PRICES,
        *_pass_on("{cheaper}"),
    ],
    "multi/note-to-cart": [*_note("^buy (.+)$"), *search("{it}"), _IT, "Add to cart"],
    "multi/message-to-map": [*_message("^meet me at (.+)$"), app("Maps"), *place("{it}")],
    "multi/save-and-answer": [
        *(*_message("^meet me at (.+)$"), app("Maps"), *place("{it}"), "Save"),
        *(app("Messages"), "Message", text("{word}"), "Send"),
    ],
    "multi/street-to-message": [app("Maps"), *place("{place}"), noted("it", r"^\w+, (.+)$"), *_pass_on("{it}")],
    "multi/weather-to-message": [app("Weather"), "{city}", noted("it", r"^[A-Z]\w+, (-?\d+)°$"), *_pass_on("{it}")],
    "multi/note-to-weather": [*_note("^trip to (.+)$"), app("Weather"), *city("{it}")],
    "multi/sum-to-message": [
        *(app("Calculator"), digits("{keys}"), "=", noted("it", r"^(\d\d|{sum})$")),
        *_pass_on("{it}"),
    ],
    "multi/message-to-alarm": [*_message("^wake up at (.+)$"), app("Clock"), _IT],
    "multi/note-to-file": [*_note("^look at (.+)$"), app("Files"), "Download", _IT],
    "multi/message-to-file": [
        *(*_message("^please delete (.+)$"), app("Files")),
        *("Download", _IT, "Delete", "Yes"),
    ],
    "multi/note-to-folder": [*_note("^folder (.+)$"), app("Files"), "New folder", text("{it}"), "Save"],
    "multi/note-to-picture": [*_note("^print the (.+)$"), app("Gallery"), "{it}.png", "Favourite"],
    "multi/new-picture": [app("Camera"), "Take", app("Gallery"), "IMG_0001.png", "Favourite"],
    "multi/message-to-music": [*_message("^I love (.+)$"), app("Music"), _IT],
    "multi/song-to-message": [
        app("Music"),
        "Now playing",
        noted("it", "^([A-Z][a-z]+ [A-Z][a-z]+)$"),
        *_pass_on("{it}"),
    ],
    "multi/message-to-store": [*_message("^try (.+)$"), app("Store"), _IT, "Install"],
    "multi/message-to-note": [*_message("^(get .+)$"), *_write("{it}")],
    "multi/note-to-message": [*_note("^(get .+)$"), *_pass_on("{it}")],
}
