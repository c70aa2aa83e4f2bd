"""Plans for the settings, calls, the calendar, the clock, and finding contacts and messages."""

from agent_runtime.tasks.base import Params
from device_scripts.oracle.steps import Plan, app, digits, first, label_of, starting, text, times

HIGHEST = {"media": 15, "call": 5, "ring": 7, "alarm": 7}
"""The last step of each volume."""


def _volume(words: Params) -> str:
    kind, end = words["kind"], words["end"]
    return f"{kind.capitalize()} volume {0 if end == 'lowest' else HIGHEST[kind]}"


def _settings(*way: str) -> Plan:
    return (app("Settings"), *way)


def _renamed(*way: str) -> Plan:
    return (*_settings(*way), first("x"), text("{name}"), "Save")


def _event(*acts: str) -> Plan:
    return (app("Calendar"), "19", "{title}", *acts)


def _set_to(word: str) -> Plan:
    """Choose hour and minute of that word on the page of an alarm."""
    hour = label_of(lambda words: words[word].partition(":")[0])
    minute = label_of(lambda words: ":" + words[word].partition(":")[2])
    return (hour, minute, "Save")


_SETTINGS: dict[str, Plan] = {
    "font_size": _settings("Display", "Font size", "{size}"),
    "screen_timeout": _settings("Display", "Screen timeout", "{time}"),
    "brightness": _settings("Display", "Brightness {step}"),
    "ringtone": _settings("Sound", "Ringtone", "{tone}"),
    "alarm_sound": _settings("Sound", "Alarm sound", "{tone}"),
    "private_dns": _settings("Network", "Private DNS", "{mode}"),
    "network_type": _settings("Network", "Mobile network", "Network type", "{type}"),
    "hold_delay": _settings("Accessibility", "Hold delay", "{delay}"),
    "animation": _settings("System", "Developer options", "Animation scale", "{scale}"),
    "saver_level": _settings("Battery", "Saver starts at", "{level}"),
    "clock_format": _settings("System", "Date and time", "24-hour clock"),
    "mobile": _settings("Network", "Mobile network", "{switch}"),
    "notifications": _settings("Notifications", "{switch}"),
    "developer": _settings("System", "Developer options", "{switch}"),
    "accessibility": _settings("Accessibility", "{switch}"),
    "sounds": _settings("Sound", "{switch}"),
    "volume": (*_settings("Sound", "Volumes"), label_of(_volume)),
    "device_name": _renamed("About phone", "Device name"),
    "bluetooth_name": _renamed("Network", "Bluetooth name"),
    "display_size": _settings("Display", "Display size", "{size}"),
    "language": _settings("System", "Languages", "Nederlands (Nederland)"),
    "connect": _settings("Network", "Wi-Fi networks", "{network}", "Connect"),
    "silence_app": _settings("Apps", "{app}", "Notifications"),
    "force_stop": _settings("Apps", "{app}", "Force stop", "Yes"),
    "clear_data": _settings("Apps", "{app}", "Clear data", "Yes"),
}
DAILY_PLANS: dict[str, Plan] = {
    **{f"settings/{name}": plan for name, plan in _SETTINGS.items()},
    "phone/call-number": [app("Phone"), digits("{number}"), "Call"],
    "phone/speaker": [app("Phone"), digits("{number}"), "Call", "Speaker"],
    "phone/call-contact": [app("Phone"), "Contacts", "{name}", "Call"],
    "phone/return-call": [app("Phone"), "Recents", "{number}", "Call"],
    "phone/delete-calls": [app("Phone"), "Recents", "{number}", "Delete calls", "Yes"],
    "phone/clear-log": [app("Phone"), "Recents", "Clear call log", "Yes"],
    "calendar/add": [app("Calendar"), "{day}", "New event", text("{title}"), "enter", "{hour}:00", "Save"],
    "calendar/delete": _event("Delete", "Yes"),
    "calendar/move-hour": _event("Edit", "{hour}:00", "Save"),
    "calendar/next-day": _event("Edit", ">", "Save"),
    "calendar/all-day": _event("Edit", "All day", "Save"),
    "clock/add-alarm": [app("Clock"), "Add alarm", *_set_to("time")],
    "clock/edit-alarm": [app("Clock"), first("{time}"), *_set_to("new")],
    "clock/delete-alarm": [app("Clock"), first("{time}"), "Delete", "Yes"],
    "clock/two-alarms": [app("Clock"), "{time}", "{other}"],
    "clock/change-alarm": [app("Clock"), "{time}", "{other}"],
    "clock/no-alarms": [app("Clock"), "{time}", "{other}"],
    "clock/timer": [app("Clock"), "Timer", digits("{minutes}"), "00", "Start"],
    "clock/pause-timer": [app("Clock"), "Timer", "Pause"],
    "clock/cancel-timer": [app("Clock"), "Timer", "Cancel"],
    "clock/laps": [app("Clock"), "Stopwatch", "Start", times("Lap", "{count}")],
    "clock/stop": [app("Clock"), "Stopwatch", "Start", "Stop"],
    "contacts/rename": [app("Contacts"), "{name}", "Edit", first("x"), text("{new}"), "Save"],
    "contacts/find": [app("Contacts"), "Search contacts", text("{name}"), starting("{name}")],
    "contacts/star-two": [app("Contacts"), "{name}", "Add star", "Navigate up", "{other}", "Add star"],
    "messages/find": [app("Messages"), "Search messages", text("{subject}"), starting("5551")],
    "messages/find-and-reply": [
        *(app("Messages"), "Search messages", text("{subject}"), starting("5551")),
        *("Message", text("yes"), "Send"),
    ],
}
