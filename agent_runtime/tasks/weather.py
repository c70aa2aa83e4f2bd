"""Tasks in the weather app: its cities and their order, a forecast, alerts, the unit. Draws none."""

from agent_runtime.tasks.checks import column_is, has, setting_is
from agent_runtime.tasks.setups import no_row, row, setting
from agent_runtime.tasks.state_task import StateTask

CITIES_URI = "content://org.example.weather/cities"
SHOWN_URI = "content://org.example.weather/shown"
UNIT = ("system", "temperature_unit")
CITIES = (
    *("Oslo", "Lima", "Cairo", "Delhi", "Paris", "Tokyo", "Quito", "Rome"),
    *("Accra", "Seoul", "Perth", "Dublin", "Boston", "Hanoi", "Madrid", "Lagos"),
)
_CITY = {"city": CITIES}
_OTHER = {"other": "city"}
_NONE = no_row(CITIES_URI)
_LISTED, _OTHER_LISTED = row(CITIES_URI, name="{city}"), row(CITIES_URI, name="{other}")

WEATHER_TEMPLATES = (
    StateTask(
        *("weather/add", "Add {city} to the weather", ["Weather"], 8),
        params=_CITY,
        set_up=[no_row(CITIES_URI, name="{city}")],
        checks=[has(CITIES_URI, name="{city}")],
    ),
    StateTask(
        *("weather/forecast", "Show the forecast for {city}", ["Weather"], 6),
        params=_CITY,
        others=_OTHER,
        set_up=[_NONE, _OTHER_LISTED, _LISTED],
        checks=[has(SHOWN_URI, name="{city}")],
    ),
    StateTask(
        *("weather/remove", "Remove {city} from the weather", ["Weather"], 8),
        params=_CITY,
        others=_OTHER,
        set_up=[_NONE, _OTHER_LISTED, _LISTED],
        checks=[column_is(CITIES_URI, "name", "{other}")],
    ),
    StateTask(
        *("weather/unit", "Show temperatures in {unit}", ["Weather"], 6),
        params={"unit": ("Celsius", "Fahrenheit")},
        derived=lambda words: {
            "value": words["unit"].lower(),
            "start": "celsius" if words["unit"] == "Fahrenheit" else "fahrenheit",
        },
        set_up=[setting(*UNIT, "{start}")],
        checks=[setting_is(*UNIT, "{value}")],
    ),
    StateTask(
        *("weather/first", "Put {city} first in the weather's list", ["Weather"], 7),
        params=_CITY,
        others=_OTHER,
        set_up=[_NONE, _OTHER_LISTED, _LISTED],
        checks=[column_is(CITIES_URI, "name", "{city}", "{other}")],
    ),
    StateTask(
        *("weather/alert", "Turn on the rain alert for {city}", ["Weather"], 7),
        params=_CITY,
        others=_OTHER,
        set_up=[_NONE, _OTHER_LISTED, _LISTED],
        checks=[column_is(CITIES_URI, "name", "{city}", alert="1")],
    ),
    StateTask(
        *("weather/add-two", "Add {city} and {other} to the weather", ["Weather"], 11),
        params=_CITY,
        others=_OTHER,
        set_up=[no_row(CITIES_URI, name="{city}"), no_row(CITIES_URI, name="{other}")],
        level=2,
        checks=[has(CITIES_URI, name="{city}"), has(CITIES_URI, name="{other}")],
    ),
    StateTask(
        *("weather/exchange", "Have {other} in the weather instead of {city}", ["Weather"], 11),
        params=_CITY,
        others=_OTHER,
        set_up=[_NONE, _LISTED],
        level=2,
        checks=[column_is(CITIES_URI, "name", "{other}")],
    ),
    StateTask(
        *("weather/add-with-alert", "Add {city} to the weather with its rain alert on", ["Weather"], 10),
        params=_CITY,
        set_up=[_NONE],
        level=2,
        checks=[column_is(CITIES_URI, "name", "{city}", alert="1")],
    ),
    StateTask(
        *("weather/forecast-fahrenheit", "Show the forecast for {city} in Fahrenheit", ["Weather"], 7),
        params=_CITY,
        others=_OTHER,
        set_up=[_NONE, _OTHER_LISTED, _LISTED, setting(*UNIT, "celsius")],
        level=2,
        checks=[has(SHOWN_URI, name="{city}"), setting_is(*UNIT, "fahrenheit")],
    ),
)
