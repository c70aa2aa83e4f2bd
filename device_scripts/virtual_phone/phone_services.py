"""What commands ask of a virtual phone: its settings, content, packages, keyboards. Takes no touch, draws nothing."""

from __future__ import annotations

from device_scripts.virtual_phone.apps import App, TableShape
from device_scripts.virtual_phone.errors import PhoneError
from device_scripts.virtual_phone.phone_tasks import PhoneTasks
from device_scripts.virtual_phone.state import PhoneState

LATIN_IME = "com.android.inputmethod.latin/.LatinIME"
UNICODE_IME = "com.android.adbkeyboard/.AdbIME"
UIAUTOMATOR_IME = "com.github.uiautomator/.AdbKeyboard"
BROADCAST_OK, BROADCAST_CANCELED = -1, 0
MAX_TEXT_LENGTH = 500


class PhoneServices(PhoneTasks):
    """A phone with its services; ``keyboards`` are the installed ones by id.

    Raises:
        PhoneError: from services asked for an activity, provider or setting that is not there.
    """

    def __init__(self, state: PhoneState, keyboards: tuple[str, ...]) -> None:
        super().__init__(state)
        self._keyboards = keyboards

    # --- packages

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

    # --- settings and content

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

    # --- text and keyboards

    def text(self, text: str) -> None:
        """Type into the field that has the keyboard; without one the text is lost, as on a real phone."""
        field, activity = self.state.focused_field, self.state.activity
        if field is None:
            return
        key = f"field:{field}"
        activity.data[key] = (activity.data.get(key, "") + text)[:MAX_TEXT_LENGTH]
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

    # --- inside

    def _provider(self, uri: str) -> tuple[App, str, int | None]:
        path = uri.removeprefix("content://").rstrip("/")
        stem, _, last = path.rpartition("/")
        row_id = int(last) if last.isdigit() else None
        path = stem if row_id is not None else path
        for app in self.app_set.there(self._installed()):
            if path in app.tables:
                return app, path, row_id
        raise PhoneError(f"Could not find provider: {path.partition('/')[0]}")
