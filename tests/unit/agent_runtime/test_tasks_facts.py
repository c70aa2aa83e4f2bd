"""What tasks take for granted of the virtual phone is so: names, prices, streets, the nearest places."""

from agent_runtime.tasks import maps, music, pictures, store, weather
from agent_runtime.tasks.multi_app_things import PRICES_USD, STREETS
from agent_runtime.tasks.phone_apps import PHONE_APPS
from agent_runtime.tasks.suites import SUITES
from device_scripts.virtual_phone.apps import APP_SETS
from device_scripts.virtual_phone.apps.browser import PRODUCTS
from device_scripts.virtual_phone.apps.gadgets import GADGETS
from device_scripts.virtual_phone.apps.maps import PLACES
from device_scripts.virtual_phone.apps.music import TRACKS
from device_scripts.virtual_phone.apps.weather import NAMES
from device_scripts.virtual_phone.ui.pictures import SUBJECTS

FULL = {app.label: app for app in APP_SETS["full"].apps}


def test_packages_and_who_keeps_the_data() -> None:
    for label, app in PHONE_APPS.items():
        assert app.package == FULL[label].package
        assert app.data_package in (None, FULL[label].provider_package or FULL[label].package)


def test_every_app_that_a_task_names_is_there() -> None:
    named = {app for suite in SUITES.values() for template in suite for app in template.apps}
    assert named <= {*FULL, *(gadget.label for gadget in GADGETS), "Home"}


def test_prices_streets_and_nearest_places() -> None:
    assert {product.name: product.price_usd for product in PRODUCTS} == PRICES_USD
    assert {place.name: place.street for place in PLACES} == STREETS
    nearest = {place.kind: place.name for place in sorted(PLACES, key=lambda place: -place.metres)}
    assert nearest == maps.NEAREST


def test_names() -> None:
    assert set(music.SONGS) == {track.title for track in TRACKS.values()}
    assert set(weather.CITIES) == set(NAMES)
    assert set(store.STORE_APPS) == {gadget.label for gadget in GADGETS}
    assert set(pictures.SUBJECTS) == set(SUBJECTS)
