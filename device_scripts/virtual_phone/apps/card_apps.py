"""The list of the card games' apps. Holds no screen."""

from device_scripts.virtual_phone.apps.base import App
from device_scripts.virtual_phone.apps.blackjack import BlackjackApp
from device_scripts.virtual_phone.apps.ez_points import EzPointsApp
from device_scripts.virtual_phone.apps.number_line import NumberLineApp
from device_scripts.virtual_phone.apps.points24 import Points24App

CARD_APPS: tuple[App, ...] = (NumberLineApp(), EzPointsApp(), Points24App(), BlackjackApp())
