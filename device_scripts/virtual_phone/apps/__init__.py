"""The phone's apps, one file each, and the sets of them a phone can have. Draws nothing and speaks no ADB."""

from device_scripts.virtual_phone.apps.app_set import AppSet
from device_scripts.virtual_phone.apps.base import App, Host, TableShape
from device_scripts.virtual_phone.apps.browser import Browser
from device_scripts.virtual_phone.apps.calendar_app import CalendarApp
from device_scripts.virtual_phone.apps.card_apps import CARD_APPS
from device_scripts.virtual_phone.apps.clock import Clock
from device_scripts.virtual_phone.apps.contacts import Contacts
from device_scripts.virtual_phone.apps.full_clock import FullClock
from device_scripts.virtual_phone.apps.full_settings import FullSettings
from device_scripts.virtual_phone.apps.launcher import LAUNCHER_PACKAGE, Launcher
from device_scripts.virtual_phone.apps.messages import Messages
from device_scripts.virtual_phone.apps.more import MORE_APPS
from device_scripts.virtual_phone.apps.notebook import Notebook
from device_scripts.virtual_phone.apps.notes import Notes
from device_scripts.virtual_phone.apps.offers import Offers
from device_scripts.virtual_phone.apps.paged_launcher import PagedLauncher
from device_scripts.virtual_phone.apps.phone_app import PhoneApp
from device_scripts.virtual_phone.apps.settings import Settings
from device_scripts.virtual_phone.apps.web_browser import WebBrowser

BASIC: tuple[App, ...] = (Settings(), Clock(), Notes(), Browser())
MORE: tuple[App, ...] = (
    Contacts(),
    Messages(),
    PhoneApp(),
    CalendarApp(),
)
"""What the full set has besides; a new app is one line here."""
_BESIDE_SETTINGS: tuple[App, ...] = (FullClock(), Notebook(), WebBrowser())
FIRST: tuple[App, ...] = (FullSettings((*_BESIDE_SETTINGS, *MORE, *CARD_APPS, *MORE_APPS)), *_BESIDE_SETTINGS)
"""The basic four in the full set, where all of them can do more."""
APP_SETS = {
    app_set.name: app_set
    for app_set in (
        AppSet("basic", Launcher(BASIC), BASIC),
        AppSet(
            "full", PagedLauncher(FIRST, MORE, CARD_APPS, MORE_APPS), (*FIRST, *MORE, *CARD_APPS, *MORE_APPS, Offers())
        ),
    )
}

__all__ = ["APP_SETS", "LAUNCHER_PACKAGE", "App", "AppSet", "Host", "TableShape"]
