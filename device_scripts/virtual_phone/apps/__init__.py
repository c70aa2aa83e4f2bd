"""The phone's apps, one file each, and the list of them. Draws nothing and speaks no ADB."""

from device_scripts.virtual_phone.apps.base import App, Host
from device_scripts.virtual_phone.apps.browser import Browser
from device_scripts.virtual_phone.apps.clock import Clock
from device_scripts.virtual_phone.apps.launcher import Launcher
from device_scripts.virtual_phone.apps.notes import Notes
from device_scripts.virtual_phone.apps.settings import Settings

APPS: tuple[App, ...] = (Settings(), Clock(), Notes(), Browser())
LAUNCHER = Launcher(APPS)

__all__ = ["APPS", "LAUNCHER", "App", "Host"]
