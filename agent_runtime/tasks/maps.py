"""Tasks in the maps app: finding, saving and travelling to a place. Samples nothing."""

from typing import ClassVar

from agent_runtime.devices import Device
from agent_runtime.tasks import probes
from agent_runtime.tasks.base import Command, Params, ParamSpace
from agent_runtime.tasks.more_apps import OPEN_STEPS, CleanAppTask

MAPS = "org.example.maps"
SAVED_URI = f"content://{MAPS}/saved"
NAVIGATION_URI = f"content://{MAPS}/navigation"
PLACES = (
    *("Blue Cafe", "Corner Cafe", "Old Mill", "Art House", "Green Park", "Rose Garden", "Town Hall", "Post Office"),
    *("Main Station", "Bus Station", "City Bank", "River Bank", "Book Shop", "Shoe Shop", "Grand Hotel", "Lake Hotel"),
)
MODES = ("car", "bus", "walk")


class ShowPlaceTask(CleanAppTask):
    """Have a place's page open in Maps."""

    name = "maps/search"
    goal_template = "Find {place} in Maps"
    param_space: ClassVar[ParamSpace] = {"place": PLACES}
    split_param = "place"
    package = MAPS
    optimal_steps = OPEN_STEPS + 4

    def reached(self, device: Device, params: Params) -> bool:
        return any(row.get("place") == params["place"] for row in probes.rows(device, f"content://{MAPS}/shown"))


class SavePlaceTask(ShowPlaceTask):
    """Have a place among the saved ones."""

    name = "maps/save"
    goal_template = "Save {place} in Maps"
    optimal_steps = OPEN_STEPS + 5

    def prepare(self, device: Device, params: Params) -> list[Command]:
        undo = super().prepare(device, params)
        for row in probes.rows(device, SAVED_URI):
            if row.get("place") == params["place"]:
                probes.delete(device, SAVED_URI, row["_id"])
        return undo

    def reached(self, device: Device, params: Params) -> bool:
        return any(row.get("place") == params["place"] for row in probes.rows(device, SAVED_URI))


class DirectionsTask(CleanAppTask):
    """Be on the way to a place, by a means of travel."""

    name = "maps/directions"
    goal_template = "Start directions to {place} by {mode}"
    param_space: ClassVar[ParamSpace] = {"place": PLACES, "mode": MODES}
    split_param = "place"
    package = MAPS
    optimal_steps = OPEN_STEPS + 7

    def reached(self, device: Device, params: Params) -> bool:
        rows = probes.rows(device, NAVIGATION_URI)
        return any(row.get("place") == params["place"] and row.get("mode") == params["mode"] for row in rows)
