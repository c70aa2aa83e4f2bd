"""Plans for tasks of the phone as a whole: starting apps, switches, the shop's cart."""

from device_scripts.oracle.plans.basics import page_of, search
from device_scripts.oracle.steps import BACK, ENTER, FIELD, Plan, app, text

PHONE_PLANS: dict[str, Plan] = {
    "home/open": [app("{app}")],
    "settings/two": [app("Settings"), page_of("switch"), "{switch}", BACK, page_of("other"), "{other}"],
    "settings/change": [app("Settings"), page_of("switch"), "{switch}", BACK, page_of("other"), "{other}"],
    "settings/offline": [app("Settings"), "Network", "Wi-Fi", "Bluetooth", "Airplane mode"],
    "browser/item": [*search("{product}"), "{product}"],
    "browser/drop": [app("Browser"), "Shop", "Cart", "{product}"],
    "browser/two": [
        *(*search("{product}"), "{product}", "Add to cart"),
        *(BACK, BACK, FIELD, text("{other}"), ENTER, "{other}", "Add to cart"),
    ],
    "browser/exchange": [*search("{other}"), "{other}", "Add to cart", "Cart", "{product}"],
}
