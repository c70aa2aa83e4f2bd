"""Solves the general suite's tasks by reading `uiautomator dump`, touching and swiping. Holds no tests."""

from __future__ import annotations

from collections.abc import Iterator

from agent_runtime.actions import Action, Finish, Swipe, TypeText
from device_scripts.virtual_phone.apps.more import MORE_APPS
from tests.oracle import Oracle, elements
from tests.phone_plans import PLANS

_MAX_SWIPES = 6
_UP = Swipe(0.5, 0.85, 0.5, 0.2)
_APPS = {app.label for app in MORE_APPS}


class AppsOracle(Oracle):
    """Swipes up until what it looks for is on the screen."""

    def _actions(self, name: str, params: dict[str, str]) -> Iterator[Action]:
        app, _, what = name.partition("/")
        if name in PLANS:
            yield from super()._actions(name, params)
            return
        if app == "calculator":
            yield from self._reach("Calculator", *params["term"].split(), "=")
        elif app == "files":
            yield from self._files(what, params)
        elif app == "camera":
            flip = ["Flip"] if params.get("lens") == "front" else []
            yield from self._reach("Camera", *flip, *["Take"] * int(params.get("count", "1")))
        elif app == "gallery":
            act = {"show": [], "favourite": ["Favourite"], "delete": ["Delete", "Yes"]}[what]
            yield from self._reach("Gallery", f"{params['subject']}.png", *act)
        elif app == "maps":
            yield from self._reach("Maps", None)
            yield TypeText(params["place"])
            mode = params.get("mode", "").capitalize()
            act = {"search": [], "save": ["Save"], "directions": ["Route", mode, "Start"]}[what]
            yield from self._reach(params["place"], *act)
        elif app == "music":
            yield from self._music(what, params)
        elif app == "weather":
            yield from self._weather(what, params)
        else:
            act = {"install": ["Install"], "open": ["Install", "Open"], "uninstall": ["Uninstall", "Yes"]}[what]
            yield from self._reach("Store", params["app"], *act)
        yield Finish(True)

    def _files(self, what: str, params: dict[str, str]) -> Iterator[Action]:
        if what == "folder":
            yield from self._reach("Files", "New folder")
            yield TypeText(params["name"])
            yield from self._reach("Save")
            return
        act = {"open": [], "delete": ["Delete", "Yes"], "rename": ["Rename"]}[what]
        yield from self._reach("Files", "Download", f"{params['file']}.txt", *act)
        if what == "rename":
            yield TypeText(params["name"])
            yield from self._reach("Save")

    def _music(self, what: str, params: dict[str, str]) -> Iterator[Action]:
        match what:
            case "pause" | "next":
                yield from self._reach("Music", "Now playing", what.capitalize())
            case "drop":
                yield from self._reach("Music", "Playlist", params["song"], "Off playlist")
            case _:
                yield from self._reach("Music", params["song"], *(["Add to playlist"] if what == "add" else []))

    def _weather(self, what: str, params: dict[str, str]) -> Iterator[Action]:
        if what == "add":
            yield from self._reach("Weather", "Add city")
            yield TypeText(params["city"])
            yield from self._reach(params["city"])
            return
        act = {"forecast": [], "remove": ["Remove city", "Yes"], "unit": []}[what]
        yield from self._reach("Weather", params.get("city", "Fahrenheit"), *act)

    def _reach(self, *labels: str | None) -> Iterator[Action]:
        """Tap on each of these, swiping up first while it is not on the screen; find an app by the drawer's search."""
        if labels[0] in _APPS:
            yield _UP
            yield self.tap(None)
            yield TypeText(str(labels[0]))
        for label in labels:
            for _ in range(_MAX_SWIPES):
                if label is None or any(element.label == label for element in elements(self._device)):
                    break
                yield _UP
            yield self.tap(label)
