"""The gallery: every picture file of shared storage in a grid, one at a time, marked or deleted."""

from __future__ import annotations

import posixpath
import random
from collections.abc import Mapping
from typing import ClassVar

from device_scripts.virtual_phone.apps.base import App, Host, TableShape, front_activity
from device_scripts.virtual_phone.apps.files import PICTURE_ENDINGS, ROOT, media_row
from device_scripts.virtual_phone.filesystem import FileNode
from device_scripts.virtual_phone.language import Own
from device_scripts.virtual_phone.state import Activity, PhoneState, Table
from device_scripts.virtual_phone.ui.pictures import SUBJECTS, photograph
from device_scripts.virtual_phone.ui.widgets import Button, Dialog, Grid, Label, Picture, Screen, Tab, Tabs, Widget

IMAGES = "media/external/images/media"
SHOWN = "com.android.gallery3d/shown"
WALLPAPER = "com.android.gallery3d/wallpaper"
"""The picture chosen for the home screen; it is only remembered."""
FAVOURITES = "com.android.gallery3d/favourites"
_TABS = ("All", "Favourites")
_MORE = (Button("copy", "Copy"), Button("wallpaper", "Wallpaper"))
_COLUMNS = 3


class Gallery(App):
    """A grid and a viewer."""

    package = "com.android.gallery3d"
    label = "Gallery"
    glyph = "picture"
    colour = (150, 70, 120)
    activities = (".GalleryActivity", ".ViewActivity")
    tables = (IMAGES, SHOWN, WALLPAPER, FAVOURITES)
    insertable: ClassVar[Mapping[str, TableShape]] = {FAVOURITES: TableShape({"path": str})}

    def defaults(self, state: PhoneState, rng: random.Random) -> None:
        """Put a picture of each subject on a new phone; they are the user's own and outlive the app's data."""
        state.tables[FAVOURITES] = []
        state.tables[WALLPAPER] = []
        if "gallery" in state.orders:
            return
        state.orders["gallery"] = rng.sample(SUBJECTS, len(SUBJECTS))
        for age, subject in enumerate(state.orders["gallery"], start=1):
            data = photograph(subject, state.seed)
            state.files.write(f"{ROOT}/Pictures/{subject}.png", data, now_sec=state.clock_ms // 1000 - 3600 * age)

    def screen(self, state: PhoneState, activity: Activity) -> Screen:
        if activity.component.endswith(".ViewActivity"):
            return _viewer(state, activity)
        selected = activity.data.get("tab", _TABS[0])
        tabs = Tabs(tuple(Tab(f"tab:{name}", name, name == selected) for name in _TABS))
        shown = [
            Picture(f"open:{path}", Own(posixpath.basename(path)), node.data)
            for path, node in pictures(state)
            if selected == _TABS[0] or _is_favourite(state, path)
        ]
        body: Widget = Grid(_COLUMNS, tuple(shown)) if shown else Label("No pictures")
        return Screen("Gallery", (tabs, body))

    def tapped(self, host: Host, activity: Activity, id: str) -> None:
        kind, _, name = id.partition(":")
        path, favourites = activity.data.get("path", ""), host.state.tables[FAVOURITES]
        match kind:
            case "tab":
                activity.data["tab"] = name
                activity.scroll_px = 0
            case "open":
                host.open(self.component(".ViewActivity"), {"path": name})
            case "favourite":
                favourites.append({"_id": len(favourites) + 1, "path": path})
            case "plain":
                favourites[:] = [row for row in favourites if row["path"] != path]
            case "wallpaper":
                host.state.tables[WALLPAPER] = [{"_id": 1, "_data": path}]
            case "copy":
                _copy(host.state, path)
            case "delete":
                activity.data["asked"] = "1"
            case "cancel":
                del activity.data["asked"]
            case "confirm":
                if host.state.files.find(path) is not None:
                    host.state.files.remove(path)
                favourites[:] = [row for row in favourites if row["path"] != path]
                host.leave()

    def back(self, host: Host, activity: Activity) -> bool:
        return activity.data.pop("asked", None) is not None

    def query(self, state: PhoneState, path: str) -> Table:
        if path in (WALLPAPER, FAVOURITES):
            return state.tables[path]
        if path == SHOWN:
            activity = front_activity(state, self.package)
            return [{"_id": 1, "_data": activity.data["path"]}] if activity and "path" in activity.data else []
        return [
            {**media_row(name, node.size_bytes), "is_favorite": int(_is_favourite(state, name))}
            for name, node in pictures(state)
        ]


def pictures(state: PhoneState) -> list[tuple[str, FileNode]]:
    """Return the path and node of every picture file of shared storage, the newest first."""
    found = [
        (path, node)
        for path, node in state.files.nodes.items()
        if path.startswith(ROOT + "/") and path.lower().endswith(PICTURE_ENDINGS) and not node.is_dir
    ]
    return sorted(found, key=lambda one: (-one[1].mtime_sec, one[0]))


def _copy(state: PhoneState, path: str) -> None:
    """Write the picture once more, under its name with "copy"."""
    node, (stem, ending) = state.files.find(path), posixpath.splitext(path)
    if node is not None:
        state.files.write(f"{stem} copy{ending}", node.data, now_sec=state.clock_ms // 1000)


def _is_favourite(state: PhoneState, path: str) -> bool:
    return any(row["path"] == path for row in state.tables[FAVOURITES])


def _viewer(state: PhoneState, activity: Activity) -> Screen:
    path = activity.data.get("path", "")
    node = state.files.find(path)
    if node is None or node.is_dir:
        return Screen("Picture", (Label("No longer there"),))
    name = Own(posixpath.basename(path))
    mark = Button("plain", "Unmark") if _is_favourite(state, path) else Button("favourite", "Favourite")
    asked = Dialog("Delete it?", (Button("cancel", "Keep"), Button("confirm", "Yes")))
    body = (Picture("", name, node.data), Label(name), Grid(2, (mark, Button("delete", "Delete"), *_MORE)))
    return Screen("Picture", body, asked if "asked" in activity.data else None, up=True)
