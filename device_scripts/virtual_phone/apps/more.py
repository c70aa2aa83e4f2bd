"""Apps beyond the four of the default phone. Holds the list only."""

from __future__ import annotations

from device_scripts.virtual_phone.apps.base import App
from device_scripts.virtual_phone.apps.calculator import Calculator
from device_scripts.virtual_phone.apps.camera import Camera
from device_scripts.virtual_phone.apps.files import Files
from device_scripts.virtual_phone.apps.gallery import Gallery
from device_scripts.virtual_phone.apps.maps import Maps
from device_scripts.virtual_phone.apps.music import Music
from device_scripts.virtual_phone.apps.store import Store
from device_scripts.virtual_phone.apps.weather import Weather

MORE_APPS: tuple[App, ...] = (
    Calculator(),
    Files(),
    Camera(),
    Gallery(),
    Maps(),
    Music(),
    Weather(),
    Store(),
)
