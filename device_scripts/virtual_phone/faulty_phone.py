"""A phone over whose apps the system puts dialogs, for fault schedules. Decides no time: `faults` does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any, Final, TypeVar

from device_scripts.virtual_phone.apps import LAUNCHER_PACKAGE
from device_scripts.virtual_phone.apps.phone_app import CALLS, INCOMING_TYPE, REJECTED_TYPE
from device_scripts.virtual_phone.filesystem import BOOT_TIME_PATH
from device_scripts.virtual_phone.phone import Node, Phone
from device_scripts.virtual_phone.ui.boxes import Box
from device_scripts.virtual_phone.ui.widgets import Button, Dialog, Screen

_SYSTEM_ID: Final = "system"
_CALLER: Final = "555 0100"
_FaultyPhone = TypeVar("_FaultyPhone", bound="FaultyPhone")
_MS_PER_HOUR: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class SystemDialog:
    """A dialog of the system: its words, its (label, resource id) buttons, its package and its window's title."""

    text: str
    buttons: tuple[tuple[str, str], ...]
    package: str
    window: str
    """The title `dumpsys window` shows; ``{app}`` stands for the package under it."""


_PERMISSION: Final = "com.android.permissioncontroller"
_GRANT: Final = "permission.ui.GrantPermissionsActivity"
DIALOGS: Final = {
    "anr_dialog": SystemDialog(
        "Not responding",
        (("Close app", "android:id/aerr_close"), ("Wait", "android:id/aerr_wait")),
        "android",
        "Application Not Responding: {app}",
    ),
    "crash_dialog": SystemDialog(
        "App has stopped", (("Close app", "android:id/aerr_close"),), "android", "Application Error: {app}"
    ),
    "permission_dialog": SystemDialog(
        "Allow access?",
        (("Allow", f"{_PERMISSION}:id/permission_allow_button"), ("Deny", f"{_PERMISSION}:id/permission_deny_button")),
        _PERMISSION,
        f"{_PERMISSION}/{_PERMISSION}.{_GRANT}",
    ),
    "system_popup": SystemDialog(
        "Update ready",
        (("Install", "android:id/button1"), ("Later", "android:id/button2")),
        "com.android.updater",
        "com.android.updater/com.android.updater.UpdatePopup",
    ),
    "incoming_call": SystemDialog(
        f"Call: {_CALLER}",
        (("Answer", "com.android.dialer:id/answer"), ("Decline", "com.android.dialer:id/decline")),
        "com.android.dialer",
        "com.android.dialer/com.android.incallui.InCallActivity",
    ),
    "low_battery": SystemDialog(
        "Battery is low", (("OK", "android:id/button1"),), "com.android.systemui", "com.android.systemui"
    ),
}


class FaultyPhone(Phone):
    """A ``Phone`` on which dialogs of the system can be shown; ``taken`` lists the buttons that were tapped.

    It may have a second display, ``focused_display`` 1: keys and texts go there and are lost, and a touch of the first
    one brings the focus back. While ``keyboards_gone`` only its first keyboard is installed.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        self.dialog: SystemDialog | None = None
        self.taken: list[str] = []
        self.taps: list[tuple[int, int]] = []
        self.focused_display = 0
        self.keyboards_gone = False
        super().__init__(*args, **options)

    def fork(self: _FaultyPhone) -> _FaultyPhone:
        """See ``Phone``."""
        twin = super().fork()
        twin.taken, twin.taps = list(self.taken), list(self.taps)
        return twin

    def show(self, kind: str) -> None:
        """Put a dialog over whatever is on the screen."""
        leaving, before = self._current_pixels(), self._place()
        self.dialog = DIALOGS[kind]
        self._changed(leaving, before)

    def hide(self) -> None:
        """Take the dialog away."""
        self.dialog = None
        self._boxes = None

    def turn(self) -> None:
        """Turn to landscape, as automatic rotation does when the phone lies on its side."""
        self.settings_put("system", "accelerometer_rotation", "1")
        self.state.transition_frames_left = 0
        self.set_rotation(1)

    def jump_clock(self, hours: int) -> None:
        """Set the date; the time since the phone was switched on stays as long as it was."""
        booted_at_sec = self.files.nodes[BOOT_TIME_PATH].mtime_sec
        self.advance(hours * _MS_PER_HOUR)
        self.files.set_boot_time(booted_at_sec + hours * _MS_PER_HOUR // 1000)

    def lose_keyboards(self) -> None:
        """Take the keyboard apps beside the first one off the phone, which is in use then."""
        self.ime_set(self._keyboards[0])
        self.keyboards_gone = True

    def ime_list(self) -> list[str]:
        """See ``Phone``."""
        return super().ime_list()[:1] if self.keyboards_gone else super().ime_list()

    def put_right(self) -> None:
        """Be as without faults again, but for the date."""
        self.hide()
        self.focused_display = 0
        self.keyboards_gone = False
        self.settings_put("system", "accelerometer_rotation", "0")
        self.set_rotation(0)

    def kill_front_app(self) -> str | None:
        """End the app on top as the system does when it runs out of memory; the home screen itself is let be."""
        package = self.state.tasks[-1].package
        if package == LAUNCHER_PACKAGE:
            return None
        at = datetime.fromtimestamp(self.clock_ms / 1000, timezone.utc).strftime("%m-%d %H:%M:%S.%f")[:-3]
        self.state.log.append(f"{at}  1000  1000 I ActivityManager: Process {package} (pid 4711) has died: fg  TOP")
        self.force_stop(package)
        self.key(3)
        return package

    def lose_keyboard(self) -> None:
        """Take the focus from a field that has it, so that no keyboard shows."""
        self.state.focused_field = None
        self._boxes = None

    def window_title(self) -> str | None:
        """Return the title of the system's window on top, None where an app has the focus."""
        return None if self.dialog is None else self.dialog.window.format(app=self.state.tasks[-1].package)

    def window_package(self) -> str:
        """Return whose that window is."""
        return self.state.tasks[-1].package if self.dialog is None else self.dialog.package

    def tap(self, x_px: int, y_px: int) -> None:
        """See ``Phone``; keeps where taps went."""
        self.taps.append((x_px, y_px))
        super().tap(x_px, y_px)

    def text(self, text: str) -> None:
        """See ``Phone``; under a dialog no field takes text."""
        if self.dialog is None:
            super().text(text)

    def nodes(self) -> list[Node]:
        """See ``Phone``; a dialog is the active window, and its elements are the only ones."""
        shown = super().nodes()
        dialog = self.dialog
        if dialog is None:
            return shown
        ids = dict(dialog.buttons)
        at = next(index for index, node in enumerate(shown) if node.role == "dialog")
        return [replace(node, package=dialog.package, resource_id=ids.get(node.label, "")) for node in shown[at:]]

    def _screen(self) -> Screen:
        screen = super()._screen()
        if self.dialog is None:
            return screen
        buttons = tuple(Button(f"{_SYSTEM_ID}:{label}", label) for label, _ in self.dialog.buttons)
        return replace(screen, dialog=Dialog(self.dialog.text, buttons))

    def _dispatch(self, box: Box) -> None:
        kind, _, label = box.id.partition(":")
        if kind != _SYSTEM_ID:
            super()._dispatch(box)
            return
        self.taken.append(label)
        dialog, self.dialog = self.dialog, None
        if dialog is DIALOGS["incoming_call"] and CALLS in self.state.tables:
            call_type = INCOMING_TYPE if label == "Answer" else REJECTED_TYPE
            self.content_insert(f"content://{CALLS}", {"number": _CALLER, "type": str(call_type)})
        if dialog is DIALOGS["anr_dialog"] and label == "Close app":
            self.kill_front_app()
