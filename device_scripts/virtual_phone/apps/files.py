"""Files: the folders of shared storage, a viewer, renaming and deleting, on the same files that `ls` shows."""

from __future__ import annotations

import errno
import posixpath
import random
import zlib

from device_scripts.virtual_phone.apps.base import App, Host, field_text, front_activity
from device_scripts.virtual_phone.errors import DeviceFileError
from device_scripts.virtual_phone.language import Own, say
from device_scripts.virtual_phone.state import Activity, PhoneState, Table
from device_scripts.virtual_phone.ui.material import Action, Entry
from device_scripts.virtual_phone.ui.widgets import Button, Dialog, Field, Grid, Label, Picture, Screen, Widget

FILES = "media/external/file"
SHOWN = "com.android.documentsui/shown"
ORDER = "com.android.documentsui/order"
ROOT = "/storage/emulated/0"
PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".webp")
_FOLDER, _FILE = (196, 120, 40), (96, 108, 128)
_LETTERS = ("letter", "list", "poem", "speech")
_LINES = ("Dear all,", "the train was late,", "so we walked home", "in the rain.", "See you soon.")
_MAX_SHOWN_BYTES = 4000
_MAX_SHOWN_LINES = 40
_CHANGES = (Button("rename", "Rename"), Button("delete", "Delete"))


class Files(App):
    """A folder, a file, and a page to type a name on."""

    package = "com.android.documentsui"
    label = "Files"
    glyph = "folder"
    colour = (196, 120, 40)
    activities = (".FilesActivity", ".FolderActivity", ".ViewActivity", ".NameActivity", ".PickActivity")
    tables = (FILES, SHOWN, ORDER)

    def defaults(self, state: PhoneState, rng: random.Random) -> None:
        """Put some files on a new phone; they are the user's own and outlive the app's data."""
        state.tables[ORDER] = [{"_id": 1, "by": "name"}]
        if "files" in state.orders:
            return
        state.orders["files"] = rng.sample(_LETTERS, 2)
        for name in state.orders["files"]:
            text = "\n".join(rng.sample(_LINES, 3)) + "\n"
            state.files.write(f"{ROOT}/Documents/{name}.txt", text.encode(), now_sec=state.clock_ms // 1000)

    def screen(self, state: PhoneState, activity: Activity) -> Screen:
        path = _path(activity)
        name = Own(posixpath.basename(path))
        match activity.component.partition("/")[2]:
            case ".ViewActivity":
                asked = Dialog("Delete it?", (Button("cancel", "Keep"), Button("confirm", "Yes")))
                acts = Grid(2, (*_CHANGES, Button("move", "Move"), Button("copy", "Copy")))
                return Screen(
                    name, (acts, *_content(state, path)), asked if "asked" in activity.data else None, up=True
                )
            case ".NameActivity":
                problem = (Label(activity.data["problem"]),) if "problem" in activity.data else ()
                field = Field("name", "New name", field_text(activity, "name"))
                folder = "folder" in activity.data
                return Screen(
                    "New folder" if folder else say(state, "Rename {name}", name=name),
                    (field, *problem, Button("save", "Save")),
                )
            case ".PickActivity":
                problem = (Label(activity.data["problem"]),) if "problem" in activity.data else ()
                folders = tuple(
                    row for row in _rows(state, path) if isinstance(row, Entry) and row.id.startswith("folder:")
                )
                verb = "Move" if activity.data.get("verb") == "move" else "Copy"
                return Screen(
                    say(state, verb + " to {name}", name=say(state, "Files") if path == ROOT else name),
                    (Button("here", "Here"), *problem, *folders),
                )
            case _:
                return _folder_page(state, activity)

    def initial_focus(self, activity: Activity) -> str | None:
        return "name" if activity.component.endswith(".NameActivity") else None

    def tapped(self, host: Host, activity: Activity, id: str) -> None:
        kind, _, name = id.partition(":")
        path = _path(activity)
        match kind:
            case "new":
                host.open(self.component(".NameActivity"), {"path": path, "folder": "1"})
            case "folder" if activity.component.endswith(".PickActivity"):
                activity.data["path"] = posixpath.join(path, name)
            case "folder":
                host.open(self.component(".FolderActivity"), {"path": posixpath.join(path, name)})
            case "file":
                host.open(self.component(".ViewActivity"), {"path": posixpath.join(path, name)})
            case "move" | "copy":
                host.open(self.component(".PickActivity"), {"source": path, "verb": kind})
            case "here":
                self._put(host, activity)
            case "order":
                row = host.state.tables[ORDER][0]
                row["by"] = "name" if row["by"] == "size" else "size"
            case "rename":
                host.open(self.component(".NameActivity"), {"path": path})
            case "name":
                host.focus("name")
            case "save":
                self._save(host, activity)
            case "delete":
                activity.data["asked"] = "1"
            case "cancel":
                del activity.data["asked"]
            case "confirm":
                if host.state.files.find(path) is not None and path != ROOT:
                    host.state.files.remove(path, recursive=True)
                host.leave()

    def submitted(self, host: Host, activity: Activity, field_id: str) -> None:
        self._save(host, activity)

    def back(self, host: Host, activity: Activity) -> bool:
        return activity.data.pop("asked", None) is not None

    def query(self, state: PhoneState, path: str) -> Table:
        if path == ORDER:
            return state.tables[ORDER]
        if path == SHOWN:
            activity = front_activity(state, self.package)
            return [{"_id": 1, "_data": _path(activity)}] if activity is not None else []
        found = ((name, node) for name, node in state.files.nodes.items() if name.startswith(ROOT + "/"))
        return [media_row(name, node.size_bytes) for name, node in sorted(found) if not node.is_dir]

    def _put(self, host: Host, activity: Activity) -> None:
        """Move or copy a file into the folder that is shown."""
        files, source = host.state.files, activity.data.get("source", "")
        target = posixpath.join(_path(activity), posixpath.basename(source))
        node = files.find(source)
        try:
            if node is None or node.is_dir:
                raise DeviceFileError(errno.ENOENT, source)
            if files.find(target) is not None:
                raise DeviceFileError(errno.EEXIST, target)
            if activity.data.get("verb") == "move":
                files.rename(source, target)
            else:
                files.write(target, node.data, now_sec=host.state.clock_ms // 1000)
        except DeviceFileError as error:
            activity.data["problem"] = error.reason
            return
        host.leave()
        if activity.data.get("verb") == "move":
            host.leave()

    def _save(self, host: Host, activity: Activity) -> None:
        """Make the folder, or rename the file; a name without an ending keeps the old one's."""
        name, path = field_text(activity, "name").strip(), _path(activity)
        if not name or "/" in name or name in (".", ".."):
            activity.data["problem"] = "Not a name"
            return
        try:
            if "folder" in activity.data:
                host.state.files.make_folder(posixpath.join(path, name), now_sec=host.state.clock_ms // 1000)
                host.leave()
                return
            name = name if "." in name else name + posixpath.splitext(path)[1]
            new = posixpath.join(posixpath.dirname(path), name)
            host.state.files.rename(path, new)
        except DeviceFileError as error:
            activity.data["problem"] = error.reason
            return
        host.leave()
        host.state.activity.data["path"] = new


def media_row(path: str, size_bytes: int) -> dict[str, object]:
    """Return a file as the media provider lists it; its number is made of its path."""
    return {
        "_id": zlib.crc32(path.encode("utf-8", "surrogateescape")),
        "_data": path,
        "_display_name": posixpath.basename(path),
        "relative_path": posixpath.dirname(path).removeprefix(ROOT).strip("/") + "/",
        "_size": size_bytes,
    }


def _path(activity: Activity) -> str:
    return activity.data.get("path", ROOT)


def _folder_page(state: PhoneState, activity: Activity) -> Screen:
    """A folder: what can be done, then what is in it. Only folders below the top can be renamed and deleted."""
    path = _path(activity)
    asked = Dialog("Delete it?", (Button("cancel", "Keep"), Button("confirm", "Yes")))
    by_size = state.tables[ORDER][0]["by"] == "size"
    sort = Button("order", "Sort by name" if by_size else "Sort by size", quiet=True)
    top = path == ROOT
    body = (*(() if top else (Grid(2, _CHANGES),)), *_rows(state, path), sort)
    title = "Files" if top else Own(posixpath.basename(path))
    new = Action("new", "New folder", "plus")
    return Screen(title, body, asked if "asked" in activity.data else None, up=not top, floating=new)


def _rows(state: PhoneState, path: str) -> tuple[Widget, ...]:
    node = state.files.find(path)
    if node is None or not node.is_dir:
        return (Label("No longer there"),)
    by_size = state.tables[ORDER][0]["by"] == "size"
    inside = sorted(state.files.children(path), key=lambda child: child[0].lower())
    inside.sort(key=lambda child: (not child[1].is_dir, -child[1].size_bytes if by_size else 0))
    rows = tuple(
        Entry(f"folder:{name}", Own(name), glyph="folder", colour=_FOLDER)
        if node.is_dir
        else Entry(f"file:{name}", Own(name), detail=_size(node.size_bytes), glyph=_kind(name), colour=_FILE)
        for name, node in inside
    )
    return rows or (Label("Empty folder"),)


def _kind(name: str) -> str:
    return "picture" if name.lower().endswith(PICTURE_ENDINGS) else "note"


def _size(size_bytes: int) -> Own:
    return Own(f"{size_bytes} B" if size_bytes < 1000 else f"{round(size_bytes / 1000)} kB")


def _content(state: PhoneState, path: str) -> tuple[Widget, ...]:
    node = state.files.find(path)
    if node is None or node.is_dir:
        return (Label("No longer there"),)
    if path.lower().endswith(PICTURE_ENDINGS):
        return (Picture("", Own(posixpath.basename(path)), node.data),)
    lines = node.data[:_MAX_SHOWN_BYTES].decode("utf-8", "replace").splitlines()[:_MAX_SHOWN_LINES]
    return tuple(Label(Own(line)) for line in lines) or (Label("Empty file"),)
