"""Plans for notes, files, the camera and the gallery."""

from device_scripts.oracle.steps import BACK, Plan, app, choose, text, times

_DOWNLOAD: Plan = (app("Files"), "Download")
_WRITE: Plan = ("New", text("{word}"), "Save")
_TIMER: Plan = (choose("time", **{"3s": ["Timer off"], "10s": ["Timer off", "Timer 3s"]}),)


def picture(subject: str) -> Plan:
    """Open a picture from the grid."""
    return (f"{subject}.png",)


STORAGE_PLANS: dict[str, Plan] = {
    "notes/two": [app("Notes"), *_WRITE, "New", text("{other}"), "Save"],
    "notes/change": [app("Notes"), "{word}", "Edit", "Clear", text("{new}"), "Save"],
    "notes/append": [app("Notes"), "{word}", "Edit", text(" {new}"), "Save"],
    "notes/pin": [app("Notes"), "{word}", "Pin"],
    "notes/unpin": [app("Notes"), "{word}", "Unpin"],
    "notes/archive": [app("Notes"), "{word}", "Archive"],
    "notes/restore": [app("Notes"), "Archive", "{word}", "Restore"],
    "notes/copy": [app("Notes"), "{word}", "Copy"],
    "notes/open": [app("Notes"), "{word} and {new}"],
    "notes/sort": [app("Notes"), "Sort by name"],
    "notes/replace": [app("Notes"), "{word}", "Delete", "Yes", "New", text("{new}"), "Save"],
    "notes/delete-two": [app("Notes"), "{word}", "Delete", "Yes", "{other}", "Delete", "Yes"],
    "notes/pin-and-archive": [app("Notes"), "{word}", "Pin", BACK, "{other}", "Archive"],
    "notes/copy-and-change": [app("Notes"), "{word}", "Copy", "{word}", "Edit", "Clear", text("{new}"), "Save"],
    "notes/write-and-pin": [app("Notes"), *_WRITE, "{word}", "Pin"],
    "files/open": [*_DOWNLOAD, "{file}.txt"],
    "files/delete": [*_DOWNLOAD, "{file}.txt", "Delete", "Yes"],
    "files/rename": [*_DOWNLOAD, "{file}.txt", "Rename", text("{name}"), "Save"],
    "files/folder": [app("Files"), "New folder", text("{name}"), "Save"],
    "files/subfolder": [*_DOWNLOAD, "New folder", text("{name}"), "Save"],
    "files/move": [*_DOWNLOAD, "{file}.txt", "Move", "Documents", "Here"],
    "files/copy": [*_DOWNLOAD, "{file}.txt", "Copy", "Documents", "Here"],
    "files/delete-folder": [app("Files"), "{name}", "Delete", "Yes"],
    "files/rename-folder": [app("Files"), "{name}", "Rename", text("{other}"), "Save"],
    "files/sort": [app("Files"), "Sort by size"],
    "files/delete-two": [*_DOWNLOAD, "{file}.txt", "Delete", "Yes", "{other}.txt", "Delete", "Yes"],
    "files/move-into-new": [
        *(app("Files"), "New folder", text("{name}"), "Save"),
        *("Download", "{file}.txt", "Move", "{name}", "Here"),
    ],
    "files/rename-and-move": [
        *(*_DOWNLOAD, "{file}.txt", "Rename", text("{name}"), "Save"),
        *("Move", "Documents", "Here"),
    ],
    "files/empty-folder": [app("Files"), "{name}", "first.txt", "Delete", "Yes", "second.txt", "Delete", "Yes"],
    "camera/picture": [app("Camera"), choose("lens", front=["Flip"], back=[]), "Take"],
    "camera/several": [app("Camera"), times("Take", "{count}")],
    "camera/flash": [app("Camera"), choose("way", on=["Flash off"], auto=["Flash off", "Flash on"])],
    "camera/timer": [app("Camera"), *_TIMER],
    "camera/both": [app("Camera"), "Take", "Flip", "Take"],
    "camera/flash-picture": [app("Camera"), "Flash off", times("Take", "{count}")],
    "camera/timed-selfie": [app("Camera"), *_TIMER, "Flash off", "Flip", "Take"],
    "gallery/show": [app("Gallery"), *picture("{subject}")],
    "gallery/favourite": [app("Gallery"), *picture("{subject}"), "Favourite"],
    "gallery/delete": [app("Gallery"), *picture("{subject}"), "Delete", "Yes"],
    "gallery/unmark": [app("Gallery"), *picture("{subject}"), "Unmark"],
    "gallery/wallpaper": [app("Gallery"), *picture("{subject}"), "Wallpaper"],
    "gallery/copy": [app("Gallery"), *picture("{subject}"), "Copy"],
    "gallery/favourite-two": [
        *(app("Gallery"), *picture("{subject}"), "Favourite", BACK),
        *(*picture("{other}"), "Favourite"),
    ],
    "gallery/delete-two": [
        *(app("Gallery"), *picture("{subject}"), "Delete", "Yes"),
        *(*picture("{other}"), "Delete", "Yes"),
    ],
    "gallery/change-favourite": [
        *(app("Gallery"), *picture("{subject}"), "Unmark", BACK),
        *(*picture("{other}"), "Favourite"),
    ],
    "gallery/copy-and-delete": [app("Gallery"), *picture("{subject}"), "Copy", "Delete", "Yes"],
    "gallery/wallpaper-and-favourite": [app("Gallery"), *picture("{subject}"), "Favourite", "Wallpaper"],
}
