"""All that changes in a virtual phone, as plain data that JSON can hold. Holds no behaviour of any app."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields, replace

from device_scripts.virtual_phone.filesystem import DeviceFiles

EPOCH_MS = 1_767_258_000_000
"""2026-01-01 09:00 UTC: when every virtual phone is switched on."""

DENSITY_KEY = "display_density_forced"
"""The secure setting that holds another density than the display's own, as on Android."""
Table = list[dict[str, object]]
"""Rows by column; a value is one number or text, so that a copied row shares nothing."""


@dataclass(slots=True)
class Activity:
    """One screen on a task's back stack; ``data`` is what its app needs to draw it."""

    component: str
    data: dict[str, str] = field(default_factory=dict)
    scroll_px: int = 0


@dataclass(slots=True)
class Task:
    """One app's back stack, the visible activity last."""

    package: str
    activities: list[Activity]


@dataclass(slots=True)
class Battery:
    """What `dumpsys battery` tells; status 2 is charging, 3 discharging, 5 full."""

    level: int = 100
    status: int = 5
    ac_powered: bool = True
    usb_powered: bool = False
    temperature_tenths_c: int = 250
    voltage_mv: int = 4200


@dataclass(slots=True)
class PhoneState:
    """Seeded at the start, changed by input and commands only."""

    width_px: int
    height_px: int
    density_dpi: int
    seed: int
    rotation: int = 0
    clock_ms: int = EPOCH_MS
    screen_on: bool = True
    settings: dict[str, dict[str, str]] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)
    tasks: list[Task] = field(default_factory=list)
    orders: dict[str, list[str]] = field(default_factory=dict)
    focused_field: str | None = None
    battery: Battery = field(default_factory=Battery)
    ime: str = ""
    log: list[str] = field(default_factory=list)
    transition_frames_left: int = 0
    app_set: str = "basic"
    files: DeviceFiles = field(default_factory=lambda: DeviceFiles(EPOCH_MS // 1000))
    """Not part of the JSON: a snapshot keeps its table of nodes beside it."""

    def to_json(self) -> str:
        """Return the whole state but the files as JSON."""
        plain = {part.name: getattr(self, part.name) for part in fields(self) if part.name != "files"}
        return json.dumps(plain, default=asdict, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> PhoneState:
        """Return the state that ``to_json`` wrote, with the files of a new phone."""
        plain = json.loads(text)
        plain["battery"] = Battery(**plain["battery"])
        plain["tasks"] = [
            Task(task["package"], [Activity(**activity) for activity in task["activities"]]) for task in plain["tasks"]
        ]
        return cls(**plain)

    def copy(self) -> PhoneState:
        """Return an independent state equal to this one, its files included."""
        return replace(
            self,
            settings={namespace: dict(values) for namespace, values in self.settings.items()},
            tables={path: [dict(row) for row in rows] for path, rows in self.tables.items()},
            tasks=[
                Task(task.package, [replace(activity, data=dict(activity.data)) for activity in task.activities])
                for task in self.tasks
            ],
            orders={name: list(order) for name, order in self.orders.items()},
            battery=replace(self.battery),
            log=list(self.log),
            files=self.files.copy(),
        )

    @property
    def activity(self) -> Activity:
        """The visible activity."""
        return self.tasks[-1].activities[-1]

    @property
    def density_range_dpi(self) -> tuple[int, int]:
        """The densities the settings may force: half to 1.5 times the display's own, so that everything has room."""
        return self.density_dpi // 2, self.density_dpi * 3 // 2

    @property
    def shown_density_dpi(self) -> int:
        """The density everything is drawn at: the display's own unless the settings force another."""
        forced = self.settings.get("secure", {}).get(DENSITY_KEY, "")
        low, high = self.density_range_dpi
        return int(forced) if forced.isdecimal() and low <= int(forced) <= high else self.density_dpi
