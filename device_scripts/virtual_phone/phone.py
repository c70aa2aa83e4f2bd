"""The virtual phone: input in, frames and structure out, on virtual time. Speaks no ADB and knows no app by name.

Deterministic: the same seed and the same calls give the same pixels. Time is virtual: reading a frame advances
it by one frame (16 ms), so a transition is over after a few reads, and nothing ever sleeps.
"""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from device_scripts.virtual_phone.apps import APP_SETS, LAUNCHER_PACKAGE, App, AppSet, TableShape
from device_scripts.virtual_phone.errors import PhoneError
from device_scripts.virtual_phone.filesystem import DeviceFiles, FileNode
from device_scripts.virtual_phone.state import Activity, Battery, PhoneState, Table, Task
from device_scripts.virtual_phone.transition import TRANSITION_FRAMES, transition_frame
from device_scripts.virtual_phone.ui.boxes import Box, Frame
from device_scripts.virtual_phone.ui.keyboard import typed_by
from device_scripts.virtual_phone.ui.layout import content_height, place
from device_scripts.virtual_phone.ui.render import render
from device_scripts.virtual_phone.ui.theme import DARK, LIGHT, Metrics, Palette, metrics_for
from device_scripts.virtual_phone.ui.widgets import Screen

FRAME_MS = 16
LATIN_IME = "com.android.inputmethod.latin/.LatinIME"
UNICODE_IME = "com.android.adbkeyboard/.AdbIME"
UIAUTOMATOR_IME = "com.github.uiautomator/.AdbKeyboard"
BROADCAST_OK, BROADCAST_CANCELED = -1, 0
KEY_HOME, KEY_BACK, KEY_POWER, KEY_SPACE, KEY_ENTER, KEY_DELETE, KEY_RECENTS, KEY_WAKEUP = (
    3,
    4,
    26,
    62,
    66,
    67,
    187,
    224,
)
KEY_DIGIT_0, KEY_LETTER_A = 7, 29
MEDIA_KEYS = (85, 86, 87, 88, 126, 127)
"""Play or pause, stop, next, previous, play, pause."""
LARGE_FONT_SCALE = "1.3"
MAX_TEXT_LENGTH = 500
MAX_LOG_LINES = 500
_CACHED_FRAMES = 64


@dataclass(frozen=True, slots=True)
class Node:
    """One visible element; ``bounds`` is (left, top, right, bottom) in pixels."""

    role: str
    label: str
    text: str
    bounds: tuple[int, int, int, int]
    clickable: bool
    checked: bool | None
    focused: bool
    scrollable: bool
    resource_id: str
    package: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A phone's whole state, and the screen it was leaving if it was in a transition."""

    state_json: str
    files: dict[str, FileNode]
    leaving: Image.Image | None


class Phone:
    """One phone. ``size`` is (width, height) in pixels in the natural rotation.

    Raises:
        PhoneError: from services asked for an activity, provider or setting that is not there.
    """

    def __init__(
        self,
        size: tuple[int, int] = (128, 224),
        density_dpi: int = 160,
        seed: int = 0,
        android_release: str = "14",
        keyboards: Sequence[str] = (LATIN_IME, UNICODE_IME),
        apps: str = "basic",
    ) -> None:
        self.android_release = android_release
        self._keyboards = tuple(keyboards)
        self.state = PhoneState(size[0], size[1], density_dpi, seed, ime=LATIN_IME, app_set=apps)
        self._leaving: Image.Image | None = None
        self._boxes: tuple[Box, ...] | None = None
        self._boxes_of = (-1, -1)
        self._bytes: OrderedDict[int, tuple[Image.Image, bytes]] = OrderedDict()
        for app in self.app_set:
            app.defaults(self.state, random.Random(f"{app.package}/{seed}"))
        self.state.settings["secure"].update(default_input_method=LATIN_IME)
        self.state.settings["global"].update(window_animation_scale="1.0", device_provisioned="1")
        self.state.tasks = [Task(LAUNCHER_PACKAGE, [Activity(self.app_set.launcher.component())])]

    # --- what it is

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels in the current rotation."""
        state = self.state
        natural = (state.width_px, state.height_px)
        return natural if state.rotation % 2 == 0 else (natural[1], natural[0])

    @property
    def density_dpi(self) -> int:
        """Dots per inch."""
        return self.state.density_dpi

    @property
    def clock_ms(self) -> int:
        """Virtual time, milliseconds since 1970."""
        return self.state.clock_ms

    @property
    def rotation(self) -> int:
        """Quarter turns, 0..3."""
        return self.state.rotation

    @property
    def files(self) -> DeviceFiles:
        """The files on it."""
        return self.state.files

    @property
    def battery(self) -> Battery:
        """The battery's state."""
        return self.state.battery

    @property
    def screen_on(self) -> bool:
        """Whether the display is lit."""
        return self.state.screen_on

    @property
    def app_set(self) -> AppSet:
        """The apps it has; part of its state."""
        return APP_SETS[self.state.app_set]

    # --- input

    def tap(self, x_px: int, y_px: int) -> None:
        """Touch one point; on nothing clickable it does nothing."""
        box = self._clickable_at(x_px, y_px) if self.state.screen_on else None
        if box is None:
            return
        with_leaving = self._current_picture()
        before = self._place()
        self._dispatch(box)
        self._changed(with_leaving, before)

    def swipe(self, x0_px: int, y0_px: int, x1_px: int, y1_px: int, duration_ms: int = 300) -> None:
        """Drag from one point to another; up and down scrolls the list, a still one is a tap."""
        self.advance(duration_ms)
        if abs(x1_px - x0_px) + abs(y1_px - y0_px) < 2 * self._metrics().margin // 3:
            self.tap(x0_px, y0_px)
            return
        leaving, before = self._current_picture(), self._place()
        direction = _direction(x1_px - x0_px, y1_px - y0_px)
        if self._app(self.state.tasks[-1].package).swiped(self, self.state.activity, direction):
            self._changed(leaving, before)
            return
        screen, frame = self._screen(), self._frame()
        activity = self.state.activity
        reach = content_height(screen, frame)
        activity.scroll_px = max(0, min(reach, min(reach, activity.scroll_px) + y0_px - y1_px))
        self._boxes = None

    def text(self, text: str) -> None:
        """Type into the field that has the keyboard; without one the text is lost, as on a real phone."""
        field, activity = self.state.focused_field, self.state.activity
        if field is None:
            return
        key = f"field:{field}"
        activity.data[key] = (activity.data.get(key, "") + text)[:MAX_TEXT_LENGTH]
        self._boxes = None

    def key(self, keycode: int) -> None:
        """Press a key by its Android key code; keys the phone has no use for do nothing."""
        leaving, before = self._current_picture(), self._place()
        match keycode:
            case _ if keycode == KEY_HOME:
                self._home()
            case _ if keycode == KEY_BACK:
                self._back()
            case _ if keycode == KEY_ENTER:
                self._enter()
            case _ if keycode == KEY_DELETE:
                self._erase()
            case _ if keycode == KEY_SPACE:
                self.text(" ")
            case _ if keycode == KEY_RECENTS:
                self._previous_task()
            case _ if keycode == KEY_POWER:
                self.state.screen_on = not self.state.screen_on
            case _ if keycode == KEY_WAKEUP:
                self.state.screen_on = True
            case _ if keycode in MEDIA_KEYS:
                any(app.media_key(self, keycode) for app in self.app_set.apps)
            case _ if KEY_DIGIT_0 <= keycode < KEY_DIGIT_0 + 10:
                self.text(str(keycode - KEY_DIGIT_0))
            case _ if KEY_LETTER_A <= keycode < KEY_LETTER_A + 26:
                self.text(chr(ord("a") + keycode - KEY_LETTER_A))
        self._changed(leaving, before)

    # --- time and frames

    def advance(self, ms: int) -> None:
        """Let virtual time pass."""
        self.state.clock_ms += ms

    def frame(self) -> Image.Image:
        """Return the next frame, RGBA, and advance time by ``FRAME_MS``; do not draw on it."""
        self.advance(FRAME_MS)
        state = self.state
        if not state.screen_on:
            return Image.new("RGBA", self.size, (0, 0, 0, 255))
        new = self._current_picture()
        if state.transition_frames_left == 0 or self._leaving is None:
            return new
        frame = transition_frame(self._leaving, new, state.transition_frames_left)
        state.transition_frames_left -= 1
        return frame

    def frame_bytes(self) -> bytes:
        """Return the next frame as raw RGBA_8888 rows."""
        frame = self.frame()
        kept = self._bytes.get(id(frame))
        if kept is not None and kept[0] is frame:
            self._bytes.move_to_end(id(frame))
            return kept[1]
        pixels = frame.tobytes()
        self._bytes[id(frame)] = (frame, pixels)
        while len(self._bytes) > _CACHED_FRAMES:
            self._bytes.popitem(last=False)
        return pixels

    def settled(self) -> bool:
        """Tell whether the next frame shows the final screen."""
        return self.state.transition_frames_left == 0

    def nodes(self) -> list[Node]:
        """Return the visible elements of the final screen, the topmost last."""
        package = self.state.tasks[-1].package
        scrollable = content_height(self._screen(), self._frame()) > 0
        return [
            Node(
                role=box.role,
                label=box.label,
                text=box.text or box.label,
                bounds=box.rect,
                clickable=box.clickable and not self._under_dialog(box),
                checked=box.checked,
                focused=box.focused,
                scrollable=scrollable and box.role in ("row", "switch", "entry", "bubble"),
                resource_id=f"{package}:id/{box.id.partition(':')[0]}" if box.id else "",
                package="com.android.systemui" if box.role in ("status", "navigation") else package,
            )
            for box in self._place()
        ]

    # --- snapshots

    def snapshot(self) -> Snapshot:
        """Return everything there is to restore; it can be restored any number of times, on any phone."""
        return Snapshot(self.state.to_json(), self.files.snapshot(), self._leaving)

    def restore(self, snap: object) -> None:
        """Return to a snapshot."""
        assert isinstance(snap, Snapshot), f"got {type(snap).__name__}, expected a Snapshot"
        files = self.files
        files.restore(snap.files)
        self.state = PhoneState.from_json(snap.state_json)
        self.state.files = files
        self._leaving = snap.leaving
        self._boxes = None

    # --- services

    def start_activity(self, component_or_package: str, data_uri: str | None = None) -> str:
        """Start an app or one of its activities, or open a link; return the full component.

        Raises:
            PhoneError: no app has that activity, or none opens that link.
        """
        leaving, before = self._current_picture(), self._place()
        if data_uri is not None:
            self._view(data_uri)
        else:
            package, _, short = component_or_package.partition("/")
            app = self._app(package)
            short = short.removeprefix(package) or app.activities[0]
            if short not in app.activities:
                raise PhoneError(f"Activity class {{{package}/{short}}} does not exist.")
            self._to_front(package)
            if self.state.activity.component != app.component(short):
                self.open(app.component(short))
        self._changed(leaving, before)
        return self.foreground()

    def force_stop(self, package: str) -> None:
        """End an app: its tasks are gone, its data stays."""
        leaving, before = self._current_picture(), self._place()
        self.state.tasks = [task for task in self.state.tasks if task.package != package or package == LAUNCHER_PACKAGE]
        self._focus_front()
        self._changed(leaving, before)

    def clear_package(self, package: str) -> None:
        """End an app and put its data back to how the phone came."""
        for app in self.app_set:
            if package == (app.provider_package or app.package):
                if app.provider_package:  # who uses a provider ends with it
                    self.force_stop(app.package)
                app.defaults(self.state, random.Random(f"{app.package}/{self.state.seed}"))
        self.force_stop(package)
        self._boxes = None

    def packages(self) -> list[str]:
        """Return every installed package."""
        return sorted(
            [
                *self.app_set.packages(),
                *self._installed(),
                "android",
                "com.android.systemui",
                *(ime.partition("/")[0] for ime in self.ime_list()),
            ]
        )

    def install(self, package: str) -> None:
        """Add an app that another one offers, new; it does nothing where it is installed already.

        Raises:
            PhoneError: no app offers it.
        """
        app = self._offered(package)
        installed = self.state.orders.setdefault("installed", [])
        if package not in installed:
            installed.append(package)
            app.defaults(self.state, random.Random(f"{package}/{self.state.seed}"))
            self._boxes = None

    def uninstall(self, package: str) -> None:
        """Take an installed app off the phone, its data with it.

        Raises:
            PhoneError: it is not installed, or came with the phone.
        """
        app = self._offered(package)
        if package not in self._installed():
            raise PhoneError(f"Got {package}, expected an installed app: it is not.")
        self.force_stop(package)
        self.state.orders["installed"].remove(package)
        for path in app.tables:
            self.state.tables.pop(path, None)
        self._boxes = None

    def broadcast(self, action: str, extras: dict[str, str]) -> tuple[int, str | None]:
        """Deliver a broadcast: the current keyboard types what its own action brings.

        ADBKeyBoard leaves the result at 0 whether or not it typed; uiautomator2's says -1 once it has.
        """
        if action == "ADB_INPUT_TEXT" and self.state.ime == UNICODE_IME:
            self.text(extras.get("msg", ""))
        if action == "ADB_KEYBOARD_INPUT_TEXT" and self.state.ime == UIAUTOMATOR_IME and self.ime_shown():
            self.text(extras.get("text", ""))
            return BROADCAST_OK, "success"
        return BROADCAST_CANCELED, None

    def launcher_activities(self) -> dict[str, str]:
        """Return the component that starts each package that has one."""
        return {app.package: app.component() for app in self.app_set.there(self._installed())}

    def foreground(self) -> str:
        """Return the component on top."""
        return self.state.activity.component

    def back_stack(self) -> list[str]:
        """Return every activity, the one on top first."""
        return [activity.component for task in reversed(self.state.tasks) for activity in reversed(task.activities)]

    def settings_get(self, namespace: str, key: str) -> str | None:
        """Return a setting's value, or None."""
        return self.settings_list(namespace).get(key)

    def settings_put(self, namespace: str, key: str, value: str) -> None:
        """Set a setting."""
        self.settings_list(namespace)
        self.state.settings[namespace][key] = value
        self._boxes = None

    def settings_delete(self, namespace: str, key: str) -> None:
        """Remove a setting if it is there."""
        self.settings_list(namespace)
        self.state.settings[namespace].pop(key, None)
        self._boxes = None

    def settings_list(self, namespace: str) -> dict[str, str]:
        """Return one namespace: system, secure or global.

        Raises:
            PhoneError: there is no such namespace.
        """
        if namespace not in self.state.settings:
            raise PhoneError(f"Invalid namespace '{namespace}'")
        return self.state.settings[namespace]

    def content_query(self, uri: str) -> list[dict[str, object]]:
        """Return the rows behind a content address."""
        app, path, row_id = self._provider(uri)
        return [row for row in app.query(self.state, path) if row_id is None or row.get("_id") == row_id]

    def content_shape(self, uri: str) -> TableShape | None:
        """Return what a row inserted there must and may hold, None where none can be."""
        app, path, _ = self._provider(uri)
        return app.insertable.get(path)

    def content_clearable(self, uri: str) -> bool:
        """Tell whether rows there can be deleted from outside."""
        app, path, _ = self._provider(uri)
        return path in app.insertable or path in app.clearable

    def content_insert(self, uri: str, values: dict[str, str]) -> None:
        """Add a row behind a content address."""
        app, path, _ = self._provider(uri)
        app.insert(self.state, path, values)
        self._boxes = None

    def content_delete(self, uri: str) -> None:
        """Remove the row the address names, or every row."""
        app, path, row_id = self._provider(uri)
        app.delete(self.state, path, row_id)
        self._boxes = None

    def ime_shown(self) -> bool:
        """Tell whether the keyboard is on the screen."""
        return self.state.focused_field is not None

    def ime_list(self) -> list[str]:
        """Return the installed keyboards."""
        return list(self._keyboards)

    def ime_current(self) -> str:
        """Return the keyboard in use."""
        return self.state.ime

    def ime_set(self, ime_id: str) -> None:
        """Choose a keyboard.

        Raises:
            PhoneError: it is not installed.
        """
        if ime_id not in self.ime_list():
            raise PhoneError(f"Unknown input method {ime_id} cannot be selected for user #0")
        self.state.ime = ime_id
        self.settings_put("secure", "default_input_method", ime_id)

    def set_rotation(self, quarter_turns: int) -> None:
        """Turn the phone."""
        self.state.rotation = quarter_turns % 4
        self._boxes = None

    def logcat_lines(self) -> list[str]:
        """Return the log, the oldest line first."""
        return list(self.state.log)

    # --- what apps may ask (apps.base.Host)

    def open(self, component: str, data: dict[str, str] | None = None) -> None:
        """Push an activity onto the front task."""
        activity = Activity(component, dict(data or {}))
        self.state.tasks[-1].activities.append(activity)
        self._started(activity)

    def leave(self) -> None:
        """Pop the visible activity; the last one of a task goes home."""
        task = self.state.tasks[-1]
        task.activities.pop()
        if not task.activities:
            self.state.tasks.pop()
            self._to_front(LAUNCHER_PACKAGE)
        self.state.focused_field = None

    def focus(self, field_id: str | None) -> None:
        """Give the keyboard to a field, or take it away."""
        self.state.focused_field = field_id

    def launch(self, package: str) -> None:
        """Bring an app to the front."""
        self._to_front(package)

    # --- inside

    def _installed(self) -> list[str]:
        return self.state.orders.get("installed", [])

    def _offered(self, package: str) -> App:
        app = self.app_set.offered(package)
        if app is None:
            raise PhoneError(f"Got {package}, expected an app that can be installed: none of that name is.")
        return app

    def _app(self, package: str) -> App:
        app = self.app_set.app(package, self._installed())
        if app is None:
            raise PhoneError(f"Activity not started, unable to resolve package {package}")
        return app

    def _provider(self, uri: str) -> tuple[App, str, int | None]:
        path = uri.removeprefix("content://").rstrip("/")
        stem, _, last = path.rpartition("/")
        row_id = int(last) if last.isdigit() else None
        path = stem if row_id is not None else path
        for app in self.app_set.there(self._installed()):
            if path in app.tables:
                return app, path, row_id
        raise PhoneError(f"Could not find provider: {path.partition('/')[0]}")

    def _view(self, uri: str) -> None:
        if not any(app.view(self, uri) for app in self.app_set.there(self._installed())):
            raise PhoneError(
                f"Activity not started, unable to resolve Intent {{ act=android.intent.action.VIEW dat={uri} }}"
            )

    def _to_front(self, package: str) -> None:
        tasks = self.state.tasks
        found = [task for task in tasks if task.package == package]
        if found:
            tasks.remove(found[0])
            tasks.append(found[0])
            self._focus_front()
            return
        activity = Activity(self._app(package).component())
        tasks.append(Task(package, [activity]))
        self._started(activity)

    def _focus_front(self) -> None:
        self.state.focused_field = self._app(self.state.tasks[-1].package).initial_focus(self.state.activity)

    def _started(self, activity: Activity) -> None:
        self._focus_front()
        self.state.log.append(f"I/ActivityTaskManager: START u0 {{cmp={activity.component}}}")
        del self.state.log[:-MAX_LOG_LINES]

    def _previous_task(self) -> None:
        if len(self.state.tasks) > 1:
            self._to_front(self.state.tasks[-2].package)

    def _home(self) -> None:
        in_front = self.state.tasks[-1].package == LAUNCHER_PACKAGE
        self._to_front(LAUNCHER_PACKAGE)
        self.app_set.launcher.home(self, self.state.activity, in_front)

    def _back(self) -> None:
        if self.state.focused_field is not None:
            self.state.focused_field = None
        elif not self._app(self.state.tasks[-1].package).back(self, self.state.activity):
            self.leave()

    def _enter(self) -> None:
        field, activity = self.state.focused_field, self.state.activity
        if field is not None:
            self._app(self.state.tasks[-1].package).submitted(self, activity, field)

    def _erase(self) -> None:
        field, data = self.state.focused_field, self.state.activity.data
        if field is not None:
            data[f"field:{field}"] = data.get(f"field:{field}", "")[:-1]

    def _dispatch(self, box: Box) -> None:
        kind, _, name = box.id.partition(":")
        if kind == "nav":
            {"back": self._back, "home": self._home, "recents": self._previous_task}[name]()
        elif kind == "key" and name == "enter":
            self._enter()
        elif kind == "key" and name == "del":
            self._erase()
        elif kind == "key":
            self.text(typed_by(name))
        else:
            self._app(self.state.tasks[-1].package).tapped(self, self.state.activity, box.id)

    def _changed(self, leaving: Image.Image, before: tuple[Box, ...]) -> None:
        """Start a transition when another screen than ``before`` shows, told by its title or its dialog."""
        self._boxes = None
        if _identity(before) != _identity(self._place()):
            self._leaving = leaving
            self.state.transition_frames_left = TRANSITION_FRAMES

    def _clickable_at(self, x_px: int, y_px: int) -> Box | None:
        for box in reversed(self._place()):
            left, top, right, bottom = box.rect
            if left <= x_px < right and top <= y_px < bottom and (box.clickable or box.role in ("dialog", "status")):
                return box if box.clickable and not self._under_dialog(box) else None
        return None

    def _under_dialog(self, box: Box) -> bool:
        boxes = self._place()
        dialogs = [index for index, other in enumerate(boxes) if other.role == "dialog"]
        return bool(dialogs) and box.role != "navigation" and boxes.index(box) < dialogs[0]

    def _metrics(self) -> Metrics:
        large = self.state.settings["system"].get("font_scale") == LARGE_FONT_SCALE
        scale = float(LARGE_FONT_SCALE) if large else 1.0
        return metrics_for(min(self.state.width_px, self.state.height_px), self.state.density_dpi, scale)

    def _palette(self) -> Palette:
        return DARK if self.state.settings["secure"].get("ui_night_mode") == "2" else LIGHT

    def _screen(self) -> Screen:
        return self._app(self.state.tasks[-1].package).screen(self.state, self.state.activity)

    def _frame(self) -> Frame:
        minutes = self.state.clock_ms // 60_000
        return Frame(
            *self.size,
            metrics=self._metrics(),
            focused_field=self.state.focused_field,
            scroll_px=self.state.activity.scroll_px,
            clock=f"{minutes // 60 % 24:02d}:{minutes % 60:02d}",
            battery_percent=self.state.battery.level,
            launcher=self.state.tasks[-1].package == LAUNCHER_PACKAGE,
        )

    def _place(self) -> tuple[Box, ...]:
        version = (self.state.clock_ms // 1000, self.state.files.changes)
        if self._boxes is None or self._boxes_of != version:
            self._boxes, self._boxes_of = place(self._screen(), self._frame()), version
        return self._boxes

    def _current_picture(self) -> Image.Image:
        launcher = self.state.tasks[-1].package == LAUNCHER_PACKAGE
        return render(self._place(), self.size, self._metrics(), self._palette(), launcher)


def _identity(boxes: tuple[Box, ...]) -> tuple[str, ...]:
    return tuple(box.label for box in boxes if box.role in ("title", "dialog", "pages")) + tuple(
        box.role for box in boxes if box.role == "icon"
    )


def _direction(x_px: int, y_px: int) -> str:
    """Return where the finger went; a movement that is as much up or down as sideways is up or down."""
    if abs(x_px) > abs(y_px):
        return "left" if x_px < 0 else "right"
    return "up" if y_px < 0 else "down"


__all__ = ["FRAME_MS", "Node", "Phone", "Snapshot", "Table"]
