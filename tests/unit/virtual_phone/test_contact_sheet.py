"""The sheets show every app, settled, and each look is another one."""

from __future__ import annotations

from device_scripts.virtual_phone.apps import APP_SETS
from device_scripts.virtual_phone.contact_sheet import LOOKS, TALL, screens


def test_every_app_is_on_a_sheet_in_every_compact_look() -> None:
    light, dark = (list(screens(look)) for look in LOOKS if look.size_px != TALL)
    for shots in (light, dark):
        assert len(shots) == 1 + 3 * len(APP_SETS["full"].apps)
        assert len({shot.tobytes() for shot in shots[1::3]}) == len(shots[1::3]), "each app looks different"
    assert not {shot.tobytes() for shot in light} & {shot.tobytes() for shot in dark}


def test_the_looks_are_what_the_page_says() -> None:
    assert len({look.name for look in LOOKS}) == len(LOOKS)
    assert {look.density_dpi for look in LOOKS if look.size_px == TALL} == {320, 420, 560}
    assert {(look.dark, look.locale) for look in LOOKS} >= {(False, "en-US"), (True, "nl-NL"), (False, "nl-NL")}
