"""Tasks in the weather app: its cities, a forecast, the unit. Samples nothing."""

from typing import ClassVar

from agent_runtime.devices import Device
from agent_runtime.tasks import probes
from agent_runtime.tasks.base import Command, Params, ParamSpace
from agent_runtime.tasks.more_apps import OPEN_STEPS, CleanAppTask

WEATHER = "org.example.weather"
CITIES_URI = f"content://{WEATHER}/cities"
CITIES = (
    *("Oslo", "Lima", "Cairo", "Delhi", "Paris", "Tokyo", "Quito", "Rome"),
    *("Accra", "Seoul", "Perth", "Dublin", "Boston", "Hanoi", "Madrid", "Lagos"),
)


class AddCityTask(CleanAppTask):
    """Have a city in the weather's list."""

    name = "weather/add"
    goal_template = "Add {city} to the weather"
    param_space: ClassVar[ParamSpace] = {"city": CITIES}
    split_param = "city"
    package = WEATHER
    optimal_steps = OPEN_STEPS + 4

    def prepare(self, device: Device, params: Params) -> list[Command]:
        undo = super().prepare(device, params)
        for row in probes.rows(device, CITIES_URI):
            if row.get("name") == params["city"]:
                probes.delete(device, CITIES_URI, row["_id"])
        return undo

    def reached(self, device: Device, params: Params) -> bool:
        return params["city"] in _cities(device)


class ShowForecastTask(CleanAppTask):
    """Have the forecast of a listed city on its page."""

    name = "weather/forecast"
    goal_template = "Show the forecast for {city}"
    param_space: ClassVar[ParamSpace] = {"city": CITIES}
    split_param = "city"
    package = WEATHER
    optimal_steps = OPEN_STEPS + 2

    def prepare(self, device: Device, params: Params) -> list[Command]:
        undo = super().prepare(device, params)
        if params["city"] not in _cities(device):
            probes.insert(device, CITIES_URI, {"name": params["city"]})
        return undo

    def reached(self, device: Device, params: Params) -> bool:
        return any(row.get("name") == params["city"] for row in probes.rows(device, f"content://{WEATHER}/shown"))


class RemoveCityTask(ShowForecastTask):
    """Have a city gone from the weather's list; others are there still."""

    name = "weather/remove"
    goal_template = "Remove {city} from the weather"
    optimal_steps = OPEN_STEPS + 4

    def reached(self, device: Device, params: Params) -> bool:
        cities = _cities(device)
        return bool(cities) and params["city"] not in cities


class TemperatureUnitTask(CleanAppTask):
    """Have temperatures in a unit; they start in the other one."""

    name = "weather/unit"
    goal_template = "Show temperatures in {unit}"
    param_space: ClassVar[ParamSpace] = {"unit": ("Celsius", "Fahrenheit")}
    split_param = None
    package = WEATHER
    optimal_steps = OPEN_STEPS + 2

    def prepare(self, device: Device, params: Params) -> list[Command]:
        undo = super().prepare(device, params)
        other = "celsius" if params["unit"] == "Fahrenheit" else "fahrenheit"
        probes.run(device, ["settings", "put", "system", "temperature_unit", other])
        return undo

    def reached(self, device: Device, params: Params) -> bool:
        return probes.setting(device, "system", "temperature_unit") == params["unit"].lower()


def _cities(device: Device) -> list[str | None]:
    return [row.get("name") for row in probes.rows(device, CITIES_URI)]
