"""Tasks across apps that start from a note, the shop, a map, the weather, a sum, a song or a picture. Draws none."""

from agent_runtime.devices import Device
from agent_runtime.tasks import probes
from agent_runtime.tasks.apps import CART_URI, NOTE_WORDS, NOTES_URI, PRODUCTS
from agent_runtime.tasks.base import Params
from agent_runtime.tasks.calculator import HISTORY_URI, SUMS
from agent_runtime.tasks.checks import PICTURES_URI, column_is, file_there, has
from agent_runtime.tasks.contacts import NAMES, PHONES_URI
from agent_runtime.tasks.contacts import NUMBERS as CONTACT_NUMBERS
from agent_runtime.tasks.maps import PLACES
from agent_runtime.tasks.messages import NUMBERS
from agent_runtime.tasks.multi_app_parts import sent
from agent_runtime.tasks.music import PLAYBACK_URI
from agent_runtime.tasks.pictures import SUBJECTS, TAKEN
from agent_runtime.tasks.setups import file, folder, key_pressed, no_file, no_row, row, setting
from agent_runtime.tasks.state_task import StateTask
from agent_runtime.tasks.stored_files import DOWNLOAD, FILE_NAMES
from agent_runtime.tasks.stored_files import SHOWN_URI as SHOWN_FILE_URI
from agent_runtime.tasks.weather import CITIES, CITIES_URI, UNIT

FORECAST_URI = "content://org.example.weather/forecast"
PRICES_USD = dict(zip(PRODUCTS, (24, 60, 45, 48, 8, 9, 21, 6, 90, 70, 15, 18, 32, 55, 4, 12), strict=True))
"""What the products cost in the shop."""
STREETS = dict(
    zip(
        PLACES,
        (
            *("Mill Lane", "High Street", "Mill Lane", "Park Road", "Park Road", "Church Row", "High Street"),
            *("Station Way", "Station Way", "Bridge Street", "High Street", "Bridge Street", "Church Row"),
            *("Bridge Street", "Park Road", "Lake View"),
        ),
        strict=True,
    )
)
_FILE = DOWNLOAD + "/{file}.txt"
_OTHER_FILE = DOWNLOAD + "/{other}.txt"


def _sent_high(device: Device, words: Params) -> bool:
    """Have sent today's high of ``{city}`` to ``{number}``."""
    forecast = [day for day in probes.rows(device, FORECAST_URI) if day.get("name") == words["city"]]
    return (
        all(check(device, {**words, "high": forecast[0]["high_c"]}) for check in sent("{high}")) if forecast else False
    )


def _with_song(device: Device, words: Params) -> Params:
    return {**words, "song": next((song["title"] for song in probes.rows(device, PLAYBACK_URI)), "")}


def _sum(words: Params) -> Params:
    """Return the sum of a term's two numbers and its keys."""
    first, second = words["term"].split(" + ")
    return {"keys": f"{first}+{second}", "sum": str(int(first) + int(second))}


def _prices(words: Params) -> Params:
    """Return both prices, their sum and the cheaper product."""
    product, other = words["product"], words.get("other", words["product"])
    return {
        "price": str(PRICES_USD[product]),
        "other_price": str(PRICES_USD[other]),
        "sum": str(PRICES_USD[product] + PRICES_USD[other]),
        "cheaper": min(product, other, key=PRICES_USD.__getitem__),
    }


FROM_THINGS_TEMPLATES = (
    StateTask(
        *(
            "multi/note-to-contact",
            "A note has the number of {name}: add {name} to the contacts",
            ["Notes", "Contacts"],
            10,
        ),
        params={"name": NAMES, "phone": CONTACT_NUMBERS},
        set_up=[row(NOTES_URI, text="{name} {phone}")],
        level=2,
        checks=[column_is(PHONES_URI, "data1", "{phone}", display_name="{name}")],
    ),
    StateTask(
        *(
            "multi/price-to-note",
            "Write a note with the price of the {product}, only the number",
            ["Browser", "Notes"],
            12,
        ),
        params={"product": PRODUCTS},
        derived=_prices,
        level=2,
        checks=[has(NOTES_URI, text="{price}")],
    ),
    StateTask(
        "multi/price-sum",
        "Add up the shop's prices of the {product} and the {other} with the calculator",
        ["Browser", "Calculator"],
        24,
        params={"product": PRODUCTS},
        others={"other": "product"},
        derived=_prices,
        level=3,
        checks=[has(HISTORY_URI, expression="{price}+{other_price}", result="{sum}")],
    ),
    StateTask(
        "multi/cheaper-to-message",
        "Send {number} the name of the cheaper one of the shop's {product} and {other}",
        ["Browser", "Messages"],
        21,
        params={"product": PRODUCTS, "number": NUMBERS},
        others={"other": "product"},
        derived=_prices,
        level=3,
        checks=sent("{cheaper}"),
    ),
    StateTask(
        *("multi/note-to-cart", "Put what the note asks to buy in the cart of the shop", ["Notes", "Browser"], 10),
        params={"product": PRODUCTS},
        set_up=[row(NOTES_URI, text="buy {product}")],
        level=2,
        checks=[column_is(CART_URI, "name", "{product}")],
    ),
    StateTask(
        *("multi/street-to-message", "Send {number} the name of the street of {place}", ["Maps", "Messages"], 16),
        params={"place": PLACES, "number": NUMBERS},
        derived=lambda words: {"street": STREETS[words["place"]]},
        level=2,
        checks=sent("{street}"),
    ),
    StateTask(
        *(
            "multi/weather-to-message",
            "Send {number} today's high in {city}, only the number",
            ["Weather", "Messages"],
            14,
        ),
        params={"city": CITIES, "number": NUMBERS},
        set_up=[no_row(CITIES_URI), row(CITIES_URI, name="{city}"), setting(*UNIT, "celsius")],
        level=2,
        checks=[_sent_high],
    ),
    StateTask(
        *("multi/note-to-weather", "Add the city that the note names to the weather", ["Notes", "Weather"], 10),
        params={"city": CITIES},
        set_up=[row(NOTES_URI, text="trip to {city}"), no_row(CITIES_URI)],
        level=2,
        checks=[column_is(CITIES_URI, "name", "{city}")],
    ),
    StateTask(
        *("multi/sum-to-message", "Send {number} what the calculator makes of {term}", ["Calculator", "Messages"], 17),
        params={"term": SUMS, "number": NUMBERS},
        derived=_sum,
        level=2,
        checks=[has(HISTORY_URI, expression="{keys}"), *sent("{sum}")],
    ),
    StateTask(
        *("multi/note-to-file", "Open the file in Download that the note names", ["Notes", "Files"], 9),
        params={"file": FILE_NAMES},
        others={"other": "file"},
        set_up=[row(NOTES_URI, text="look at {file}.txt"), file(_FILE), file(_OTHER_FILE)],
        level=2,
        checks=[has(SHOWN_FILE_URI, _data=_FILE)],
    ),
    StateTask(
        *("multi/note-to-folder", "Make a folder in Files named as the note says", ["Notes", "Files"], 10),
        params={"word": NOTE_WORDS},
        set_up=[row(NOTES_URI, text="folder {word}"), no_file("/storage/emulated/0/{word}")],
        level=2,
        checks=[file_there("/storage/emulated/0/{word}")],
    ),
    StateTask(
        *("multi/note-to-picture", "Make the picture that the note names a favourite", ["Notes", "Gallery"], 9),
        params={"subject": SUBJECTS},
        set_up=[row(NOTES_URI, text="print the {subject}")],
        level=2,
        checks=[column_is(PICTURES_URI, "_display_name", "{subject}.png", is_favorite="1")],
    ),
    StateTask(
        *("multi/new-picture", "Take a picture and make it a favourite", ["Camera", "Gallery"], 13),
        set_up=[folder(TAKEN)],
        level=2,
        checks=[column_is(PICTURES_URI, "_display_name", "IMG_0001.png", is_favorite="1")],
    ),
    StateTask(
        *("multi/song-to-message", "Send {number} the name of the song that is playing", ["Music", "Messages"], 14),
        params={"number": NUMBERS},
        set_up=[key_pressed("KEYCODE_MEDIA_PLAY")],
        level=2,
        checks=[lambda device, words: all(check(device, _with_song(device, words)) for check in sent("{song}"))],
    ),
    StateTask(
        *(
            "multi/note-to-message",
            "Send {number} the note that begins with get, word by word",
            ["Notes", "Messages"],
            10,
        ),
        params={"word": NOTE_WORDS, "number": NUMBERS},
        set_up=[row(NOTES_URI, text="get {word} today")],
        level=2,
        checks=sent("get {word} today"),
    ),
)
