"""Solves the suite `settings` and much of `general` by reading `uiautomator dump` and touching. Holds no tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from agent_runtime.actions import Action, Finish, Swipe, Tap, TypeText
from agent_runtime.tasks.calendar import CALENDAR_TEMPLATES
from agent_runtime.tasks.calls import PHONE_APP_TEMPLATES
from agent_runtime.tasks.clock import CLOCK_TEMPLATES
from agent_runtime.tasks.finding import FINDING_TEMPLATES
from tests.oracle import Element, Oracle, elements
from tests.phone_plans import NEXT_PAGE

_MAX_SWIPES = 8
_UP = Swipe(0.5, 0.85, 0.5, 0.25)
Params = dict[str, str]
DAILY_TEMPLATES = (*PHONE_APP_TEMPLATES, *CALENDAR_TEMPLATES, *CLOCK_TEMPLATES, *FINDING_TEMPLATES)
"""Those of the general suite that are solved here."""
HIGHEST = {"media": 15, "call": 5, "ring": 7, "alarm": 7}
SETTING_WAYS: dict[str, Callable[[Params], tuple[str, ...]]] = {
    "font_size": lambda p: ("Display", "Font size", p["size"]),
    "screen_timeout": lambda p: ("Display", "Screen timeout", p["time"]),
    "brightness": lambda p: ("Display", f"Brightness {p['step']}"),
    "ringtone": lambda p: ("Sound", "Ringtone", p["tone"]),
    "alarm_sound": lambda p: ("Sound", "Alarm sound", p["tone"]),
    "private_dns": lambda p: ("Network", "Private DNS", p["mode"]),
    "network_type": lambda p: ("Network", "Mobile network", "Network type", p["type"]),
    "hold_delay": lambda p: ("Accessibility", "Hold delay", p["delay"]),
    "animation": lambda p: ("System", "Developer options", "Animation scale", p["scale"]),
    "saver_level": lambda p: ("Battery", "Saver starts at", p["level"]),
    "clock_format": lambda p: ("System", "Date and time", "24-hour clock"),
    "mobile": lambda p: ("Network", "Mobile network", p["switch"]),
    "notifications": lambda p: ("Notifications", p["switch"]),
    "developer": lambda p: ("System", "Developer options", p["switch"]),
    "accessibility": lambda p: ("Accessibility", p["switch"]),
    "sounds": lambda p: ("Sound", p["switch"]),
    "volume": lambda p: ("Sound", "Volumes", _volume(p)),
    "device_name": lambda p: ("About phone", "Device name"),
    "bluetooth_name": lambda p: ("Network", "Bluetooth name"),
    "display_size": lambda p: ("Display", "Display size", p["size"]),
    "language": lambda p: ("System", "Languages", "Nederlands (Nederland)"),
    "connect": lambda p: ("Network", "Wi-Fi networks", p["network"], "Connect"),
    "silence_app": lambda p: ("Apps", p["app"], "Notifications"),
    "force_stop": lambda p: ("Apps", p["app"], "Force stop", "Yes"),
    "clear_data": lambda p: ("Apps", p["app"], "Clear data", "Yes"),
}
CALL_WAYS: dict[str, Callable[[Params], tuple[str, ...]]] = {
    "call_number": lambda p: (*p["number"], "Call"),
    "speaker": lambda p: (*p["number"], "Call", "Speaker"),
    "call_contact": lambda p: ("Contacts", p["name"], "Call"),
    "return_call": lambda p: ("Recents", p["number"], "Call"),
    "delete_calls": lambda p: ("Recents", p["number"], "Delete calls", "Yes"),
    "clear_log": lambda p: ("Recents", "Clear call log", "Yes"),
}
CALENDAR_WAYS: dict[str, Callable[[Params], tuple[str, ...]]] = {
    "delete": lambda p: ("Delete", "Yes"),
    "move_hour": lambda p: ("Edit", f"{p['hour']}:00", "Save"),
    "next_day": lambda p: ("Edit", ">", "Save"),
    "all_day": lambda p: ("Edit", "All day", "Save"),
}


def _volume(params: Params) -> str:
    kind, end = params["kind"], params["end"]
    return f"{kind.capitalize()} volume {0 if end == 'lowest' else HIGHEST[kind]}"


class DailyOracle(Oracle):
    """Swipes up until what it looks for is on the screen."""

    def _actions(self, name: str, params: Params) -> Iterator[Action]:
        app, _, what = name.partition("/")
        plans = {
            "settings": self._settings,
            "phone": self._phone,
            "calendar": self._calendar,
            "clock": self._clock,
            "contacts": self._contacts,
            "messages": self._messages,
        }
        yield from plans[app](what, params)
        yield Finish(True)

    def _settings(self, what: str, params: Params) -> Iterator[Action]:
        yield from self._reach("Settings", *SETTING_WAYS[what](params))
        if what.endswith("_name"):
            yield self._first("x")  # the keyboard has one as well
            yield TypeText(params["name"])
            yield self.tap("Save")

    def _phone(self, what: str, params: Params) -> Iterator[Action]:
        yield NEXT_PAGE
        yield from self._reach("Phone", *CALL_WAYS[what](params))

    def _calendar(self, what: str, params: Params) -> Iterator[Action]:
        yield NEXT_PAGE
        if what == "add":
            yield from self._reach("Calendar", params["day"], "New event")
            yield TypeText(params["title"])
            yield self.tap("enter")  # away with the keyboard
            yield from self._reach(f"{params['hour']}:00", "Save")
        else:
            yield from self._reach("Calendar", "19", params["title"], *CALENDAR_WAYS[what](params))

    def _clock(self, what: str, params: Params) -> Iterator[Action]:
        if "alarm" in what:
            yield from self._reach("Clock")
            if what == "add_alarm":
                yield self.tap("Add alarm")
            else:
                yield self._first(params["time"])
            if what == "delete_alarm":
                yield from self._reach("Delete", "Yes")
            else:
                hour, minute = params["time" if what == "add_alarm" else "new"].split(":")
                yield from self._reach(hour, f":{minute}", "Save")
            return
        ways = {
            "timer": ("Timer", *params.get("minutes", ""), "00", "Start"),
            "pause_timer": ("Timer", "Pause"),
            "cancel_timer": ("Timer", "Cancel"),
            "laps": ("Stopwatch", "Start", *["Lap"] * int(params.get("count", "0"))),
        }
        yield from self._reach("Clock", *ways[what])

    def _contacts(self, what: str, params: Params) -> Iterator[Action]:
        yield NEXT_PAGE
        if what == "rename":
            yield from self._reach("Contacts", params["name"], "Edit")
            yield self._first("x")
            yield TypeText(params["new"])
            yield self.tap("Save")
        elif what == "find":
            yield from self._reach("Contacts", "Search contacts")
            yield TypeText(params["name"])
            yield from self._last_of(params["name"])
        else:
            yield from self._reach("Contacts", params["name"], "Add star")
            yield self.tap("Navigate up")
            yield from self._reach(params["other"], "Add star")

    def _messages(self, what: str, params: Params) -> Iterator[Action]:
        yield NEXT_PAGE
        yield from self._reach("Messages", "Search messages")
        yield TypeText(params["subject"])
        yield from self._last_of("5551")
        if what == "find_reply":
            yield from self._reach("Message")
            yield TypeText("yes")
            yield self.tap("Send")

    def _first(self, label: str) -> Tap:
        """Return a tap on the first element that says this, of several."""
        return self._on(next(element for element in elements(self._device) if element.label == label))

    def _last_of(self, start: str) -> Iterator[Action]:
        """Tap on what begins like this and is no text field."""
        shown = elements(self._device)
        yield self._on(next(one for one in reversed(shown) if one.label.startswith(start) and not one.is_field))

    def _on(self, element: Element) -> Tap:
        width_px, height_px = self._device.screen_size_px()
        return Tap(element.x_px / width_px, element.y_px / height_px)

    def _reach(self, *labels: str) -> Iterator[Action]:
        """Tap on each of these, swiping up first while it is not on the screen."""
        for label in labels:
            for _ in range(_MAX_SWIPES):
                if any(element.label == label for element in elements(self._device)):
                    break
                yield _UP
            yield self.tap(label)
