"""The plan for every template of every suite, by its name. Holds no device."""

from device_scripts.oracle.plans.basics import BASICS_PLANS
from device_scripts.oracle.plans.cards import CARD_PLANS, GAMES_OF_CHANCE
from device_scripts.oracle.plans.daily import DAILY_PLANS
from device_scripts.oracle.plans.multi_app import MULTI_APP_PLANS
from device_scripts.oracle.plans.people import PEOPLE_PLANS
from device_scripts.oracle.plans.phone import PHONE_PLANS
from device_scripts.oracle.plans.storage import STORAGE_PLANS
from device_scripts.oracle.plans.things import THINGS_PLANS
from device_scripts.oracle.plans.web import WEB_PLANS
from device_scripts.oracle.steps import Plan

PLANS: dict[str, Plan] = {
    **BASICS_PLANS,
    **CARD_PLANS,
    **DAILY_PLANS,
    **MULTI_APP_PLANS,
    **PEOPLE_PLANS,
    **PHONE_PLANS,
    **STORAGE_PLANS,
    **THINGS_PLANS,
    **WEB_PLANS,
}
"""A new suite's plans join by one line here."""

__all__ = ["GAMES_OF_CHANCE", "PLANS"]
