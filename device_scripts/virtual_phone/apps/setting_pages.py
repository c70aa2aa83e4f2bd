"""The pages of the full settings: what stands on each, in order. Holds no behaviour.

Every key is one of android.provider.Settings.
"""

from __future__ import annotations

from device_scripts.virtual_phone.apps.setting_items import DisplaySize, Fact, Item, Link, Options, Slide, Words
from device_scripts.virtual_phone.apps.settings import PAGES as BASIC_PAGES
from device_scripts.virtual_phone.apps.settings import Setting
from device_scripts.virtual_phone.apps.storage import free, kind_of_storage, used
from device_scripts.virtual_phone.language import DEFAULT_LOCALE, LOCALE_KEY, LOCALES, Own
from device_scripts.virtual_phone.state import DENSITY_KEY, PhoneState

WIFI_NETWORKS, ALL_APPS = "WifiNetworks", "Apps"
"""Pages whose lines come from the phone's state."""
_BLUE, _GREEN, _ORANGE, _VIOLET = (60, 110, 190), (50, 130, 100), (190, 110, 40), (120, 84, 170)
_GREY, _RED, _TEAL = (96, 108, 128), (176, 72, 88), (40, 120, 140)
_SOUNDS = tuple((f"content://media/internal/audio/media/{n}?title={name}", Own(name)) for n, name in enumerate(
    ("Aurora", "Chimes", "Harbor", "Meadow", "Pebble"), start=10))  # fmt: skip
_BATTERY_SAVER = next(setting for setting in BASIC_PAGES["System"] if setting.key == "low_power")
STEADY_ON = ("time_12_24", "status_bar_show_battery_percent")
"""Keys of switches that start on on every phone: they change how every screen looks."""
ROOT: tuple[Link, ...] = (
    Link("Network", "Network", "Wi-Fi, Bluetooth", "wifi", _BLUE),
    Link("Display", "Display", "Theme, text size", "screen", _ORANGE),
    Link("Sound", "Sound", "Volumes, tones", "speaker", _RED),
    Link("System", "System", "Languages, time", "gear", _GREY),
    Link("Apps", ALL_APPS, "All apps", "apps", _GREEN),
    Link("Notifications", "Notifications", "Lock screen, dots", "bell", _VIOLET),
    Link("Battery", "Battery", "Level, saver", "battery", _TEAL),
    Link("Storage", "Storage", "What takes up room", "disk", _VIOLET),
    Link("Accessibility", "Accessibility", "Text, colours, touch", "reach", _BLUE),
    Link("About phone", "AboutPhone", "Name, model, screen", "info", _GREY),
)


def _level(state: PhoneState) -> str:
    return Own(f"{state.battery.level} %")


def _charging(state: PhoneState) -> str:
    return {2: "Charging", 5: "Full"}.get(state.battery.status, "Not charging")


PAGES: dict[str, tuple[Item, ...]] = {
    "Network": (
        *BASIC_PAGES["Network"],
        Link("Wi-Fi networks", WIFI_NETWORKS, "Connect to a network"),
        Link("Mobile network", "MobileNetwork", "Data, roaming"),
        Options(
            "Private DNS",
            "global",
            "private_dns_mode",
            (("off", "Off"), ("opportunistic", "Automatic")),
            "opportunistic",
        ),
        Words("Bluetooth name", "secure", "bluetooth_name", "Virtual Phone"),
    ),
    WIFI_NETWORKS: (),
    "MobileNetwork": (
        Setting("Mobile data", "global", "mobile_data"),
        Setting("Roaming", "global", "data_roaming"),
        Options(
            "Network type",
            "global",
            "preferred_network_mode",
            (("33", "5G"), ("22", "4G"), ("18", "3G")),
            "33",
        ),
    ),
    "Display": (
        *BASIC_PAGES["Display"],
        Slide("Brightness", "system", "screen_brightness", 255, 10, 128),
        Options(
            "Font size",
            "system",
            "font_scale",
            (("0.85", "Small"), ("1.0", "Default"), ("1.15", "Large"), ("1.3", "Largest")),
            "1.0",
        ),
        DisplaySize("Display size", "secure", DENSITY_KEY, (), ""),
        Options(
            "Screen timeout",
            "system",
            "screen_off_timeout",
            (
                ("15000", "15 seconds"),
                ("30000", "30 seconds"),
                ("60000", "1 minute"),
                ("300000", "5 minutes"),
                ("600000", "10 minutes"),
                ("1800000", "30 minutes"),
            ),
            "60000",
        ),
        Setting("Night light", "secure", "night_display_activated"),
    ),
    "Sound": (
        *BASIC_PAGES["Sound"],
        Link("Volumes", "Volumes", "Media, calls, alarms"),
        Options("Ringtone", "system", "ringtone", _SOUNDS, _SOUNDS[0][0]),
        Options("Notice sound", "system", "notification_sound", _SOUNDS, _SOUNDS[1][0]),
        Options("Alarm sound", "system", "alarm_alert", _SOUNDS, _SOUNDS[2][0]),
        Setting("Dial tones", "system", "dtmf_tone"),
        Setting("Lock sounds", "system", "lockscreen_sounds_enabled"),
    ),
    "Volumes": (
        Slide("Media volume", "system", "volume_music_speaker", 15, 15, 5),
        Slide("Call volume", "system", "volume_voice_speaker", 5, 5, 4),
        Slide("Ring volume", "system", "volume_ring_speaker", 7, 7, 5),
        Slide("Alarm volume", "system", "volume_alarm_speaker", 7, 7, 6),
    ),
    "System": (
        *BASIC_PAGES["System"],
        Options(
            "Languages", "system", LOCALE_KEY, tuple((tag, Own(name)) for tag, name in LOCALES.items()), DEFAULT_LOCALE
        ),
        Link("Date and time", "DateTime", "Clock, time zone"),
        Link("Developer options", "Developer", "For app makers"),
    ),
    "DateTime": (
        next(setting for setting in BASIC_PAGES["System"] if setting.key == "auto_time"),
        Setting("Auto time zone", "global", "auto_time_zone"),
        Setting("24-hour clock", "system", "time_12_24", "12", "24"),
    ),
    "Developer": (
        Setting("Stay awake", "global", "stay_on_while_plugged_in", "0", "7"),
        Setting("Show taps", "system", "show_touches"),
        Setting("Pointer location", "system", "pointer_location"),
        Options(
            "Animation scale",
            "global",
            "animator_duration_scale",
            (("0", "Off"), ("0.5", "0.5x"), ("1", "1x"), ("2", "2x")),
            "1",
        ),
    ),
    ALL_APPS: (),
    "Notifications": (
        Setting("On the lock screen", "secure", "lock_screen_show_notifications"),
        Setting("Notice dots", "secure", "notification_badging"),
        Setting("Pop-ups", "global", "heads_up_notifications_enabled"),
        Setting("Bubbles", "secure", "notification_bubbles"),
    ),
    "Battery": (
        Fact("Level", _level),
        Fact("State", _charging),
        _BATTERY_SAVER,
        Setting("Show percentage", "system", "status_bar_show_battery_percent"),
        Setting("Adaptive battery", "global", "adaptive_battery_management_enabled"),
        Options(
            "Saver starts at",
            "global",
            "low_power_trigger_level",
            (("0", "Never"), ("5", "5 %"), ("15", "15 %"), ("25", "25 %"), ("50", "50 %")),
            "0",
        ),
    ),
    "Storage": (
        Fact("Free", free),
        Fact("Used", used),
        Fact("Pictures", kind_of_storage("Pictures", "DCIM")),
        Fact("Documents", kind_of_storage("Documents")),
        Fact("Downloads", kind_of_storage("Download")),
        Setting("Storage manager", "secure", "automatic_storage_manager_enabled"),
    ),
    "Accessibility": (
        Setting("Bold contrast", "secure", "high_text_contrast_enabled"),
        Setting("Invert colours", "secure", "accessibility_display_inversion_enabled"),
        Setting("Magnify", "secure", "accessibility_display_magnification_enabled"),
        Setting("Power ends call", "secure", "incall_power_button_behavior", "1", "2"),
        Options(
            "Hold delay",
            "secure",
            "long_press_timeout",
            (("400", "Short"), ("1000", "Medium"), ("1500", "Long")),
            "400",
        ),
    ),
    "AboutPhone": (
        Words("Device name", "global", "device_name", "Virtual Phone"),
        Fact("Model", lambda state: Own("Virtual Phone")),
        Fact("Screen", lambda state: Own(f"{state.width_px} x {state.height_px}")),
    ),
}
TITLES = {page: label for items in (ROOT, *PAGES.values()) for item in items if isinstance(item, Link)
          for label, page in ((item.label, item.page),)}  # fmt: skip
"""What each page is called."""
