"""The full set's settings: pages within pages, the search, and values where Android keeps them."""

from __future__ import annotations

import pytest

from device_scripts.virtual_phone.apps.setting_pages import PAGES, ROOT, TITLES
from device_scripts.virtual_phone.apps.settings import PAGES as BASIC_PAGES
from device_scripts.virtual_phone.phone import KEY_BACK, Phone
from tests.unit.virtual_phone.hands import labels, tap

SETTINGS = "com.android.settings"


@pytest.fixture
def phone() -> Phone:
    phone = Phone(seed=2, apps="full")
    phone.start_activity(SETTINGS)
    return phone


def test_every_page_can_be_reached_and_opened_from_outside(phone: Phone) -> None:
    assert set(TITLES) == set(PAGES)
    for page, title in TITLES.items():
        phone.start_activity(f"{SETTINGS}/.Settings${page}Activity")
        assert labels(phone, "title") == [title]
    phone.start_activity(f"{SETTINGS}/.SubSettings")
    assert "Search settings" in labels(phone)


def test_a_seed_has_the_basic_settings_it_has_in_the_basic_set() -> None:
    for seed in range(3):
        full, basic = Phone(seed=seed, apps="full"), Phone(seed=seed)
        for settings in BASIC_PAGES.values():
            for one in settings:
                assert full.settings_get(one.namespace, one.key) == basic.settings_get(one.namespace, one.key)


@pytest.mark.parametrize(
    ("way", "namespace", "key", "value"),
    [
        (("Display", "Font size", "Small"), "system", "font_scale", "0.85"),
        (("Display", "Screen timeout", "5 minutes"), "system", "screen_off_timeout", "300000"),
        (("Display", "Brightness 10"), "system", "screen_brightness", "255"),
        (("Display", "Display size", "Large"), "secure", "display_density_forced", "184"),
        (("Sound", "Volumes", "Ring volume 0"), "system", "volume_ring_speaker", "0"),
        (("System", "Date and time", "24-hour clock"), "system", "time_12_24", "12"),
        (("System", "Developer options", "Animation scale", "Off"), "global", "animator_duration_scale", "0"),
        (("Network", "Private DNS", "Off"), "global", "private_dns_mode", "off"),
        (("Battery", "Saver starts at", "15 %"), "global", "low_power_trigger_level", "15"),
        (("Accessibility", "Hold delay", "Long"), "secure", "long_press_timeout", "1500"),
    ],
)
def test_a_setting_is_where_android_has_it(
    phone: Phone, way: tuple[str, ...], namespace: str, key: str, value: str
) -> None:
    assert phone.settings_get(namespace, key) != value
    tap(phone, *way)
    assert phone.settings_get(namespace, key) == value


def test_a_name_is_typed_and_saved(phone: Phone) -> None:
    tap(phone, "About phone", "Device name")
    phone.text(" two")
    tap(phone, "Save")
    assert phone.settings_get("global", "device_name") == "Virtual Phone two"
    assert "Device name" in labels(phone)


@pytest.mark.parametrize(
    ("typed", "found", "title"),
    [
        ("time zone", "Auto time zone", "Date and time"),
        ("bright", "Brightness", "Display"),
        ("vol ring", "Ring volume", "Volumes"),
        ("wi", "Wi-Fi networks", "Wi-Fi networks"),
        ("ringt", "Ringtone", "Ringtone"),
        ("nfc", "NFC", "Network"),
    ],
)
def test_the_search_leads_to_the_page_of_a_setting(phone: Phone, typed: str, found: str, title: str) -> None:
    tap(phone, "Search settings")
    phone.text(typed)
    tap(phone, found)
    assert labels(phone, "title") == [title]
    phone.key(KEY_BACK)
    assert found in labels(phone, "entry")
    phone.key(KEY_BACK)
    assert {link.label for link in ROOT} & set(labels(phone, "entry"))


def test_what_is_not_there_is_not_found(phone: Phone) -> None:
    tap(phone, "Search settings")
    phone.text("zzz")
    assert "Nothing found" in labels(phone)


def test_a_secured_network_wants_a_password_and_there_is_one_connection(phone: Phone) -> None:
    phone.settings_put("global", "wifi_on", "1")
    rows = phone.content_query(f"content://{SETTINGS}/wifi_networks")
    first, secured = str(rows[0]["ssid"]), str(rows[1]["ssid"])
    tap(phone, "Network", "Wi-Fi networks", secured, "Connect")
    assert "Too short" in labels(phone)
    tap(phone, "Password")
    phone.text("long enough")
    tap(phone, "Connect")
    rows = phone.content_query(f"content://{SETTINGS}/wifi_networks")
    assert [row["ssid"] for row in rows if row["connected"]] == [secured]
    tap(phone, first, "Forget")
    assert not phone.content_query(f"content://{SETTINGS}/wifi_networks")[0]["saved"]
    tap(phone, "Wi-Fi")
    assert secured not in labels(phone)


def test_an_app_is_stopped_silenced_cleared_and_uninstalled(phone: Phone) -> None:
    def row(name: str) -> dict[str, object]:
        return next(row for row in phone.content_query(f"content://{SETTINGS}/apps") if row["name"] == name)

    phone.install("org.example.dice")
    phone.content_insert("content://org.example.notes/notes", {"text": "mine"})
    phone.start_activity("org.example.notes")
    phone.start_activity(SETTINGS)
    assert row("Notes")["running"] == 1
    tap(phone, "Apps", "Notes", "Force stop", "Yes", "Notifications", "Clear data", "Yes")
    assert (row("Notes")["running"], row("Notes")["notifications"]) == (0, 0)
    assert "mine" not in [one["text"] for one in phone.content_query("content://org.example.notes/notes")]
    phone.key(KEY_BACK)
    phone.state.activity.scroll_px = 0
    tap(phone, "Dice", "Uninstall", "Yes")
    assert "org.example.dice" not in phone.packages()
    assert "No longer there" in labels(phone)


def test_the_display_size_and_the_clock_show_at_once(phone: Phone) -> None:
    def title_height() -> int:
        _, top, _, bottom = next(node.bounds for node in phone.nodes() if node.role == "title")
        return bottom - top

    before = title_height()
    phone.settings_put("secure", "display_density_forced", "240")
    assert title_height() == 1.5 * before
    for senseless in ("5", "x", "100000"):
        phone.settings_put("secure", "display_density_forced", senseless)
        assert title_height() == before
    phone.settings_put("system", "time_12_24", "12")
    assert "9:00 AM" in labels(phone, "status")
    phone.settings_put("system", "status_bar_show_battery_percent", "0")
    assert [node.text for node in phone.nodes() if node.role == "status"] == ["9:00 AM"]
