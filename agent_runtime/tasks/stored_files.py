"""Tasks on shared storage: files and folders, taking pictures, the gallery. Samples nothing."""

from typing import ClassVar

from agent_runtime.devices import Device
from agent_runtime.tasks import probes
from agent_runtime.tasks.base import Command, Params, ParamSpace, TaskTemplate
from agent_runtime.tasks.more_apps import OPEN_STEPS, CleanAppTask

FILES = "com.android.documentsui"
CAMERA = "com.android.camera2"
GALLERY = "com.android.gallery3d"
SHOWN_FILE_URI = f"content://{FILES}/shown"
SHOWN_PICTURE_URI = f"content://{GALLERY}/shown"
IMAGES_URI = "content://media/external/images/media"
DOWNLOAD = "/sdcard/Download"
KEPT = "/data/local/tmp"
FILE_NAMES = ("ticket", "bill", "recipe", "plan", "song", "report", "form", "guide")
NEW_NAMES = ("trip", "home", "work", "garden", "school", "music", "photos", "old")
SUBJECTS = ("house", "tree", "boat", "flower", "star", "cup", "car", "kite")
LENSES = ("front", "back")
COUNTS = ("2", "3")


class OpenFileTask(TaskTemplate):
    """Have a file of the Download folder open."""

    name = "files/open"
    goal_template = "Open the file {file} in Download"
    param_space: ClassVar[ParamSpace] = {"file": FILE_NAMES}
    split_param = "file"
    optimal_steps = OPEN_STEPS + 4

    def prepare(self, device: Device, params: Params) -> list[Command]:
        probes.start_from_home(device, (FILES,))
        names = (params["file"], FILE_NAMES[FILE_NAMES.index(params["file"]) - 1])
        paths = [f"{DOWNLOAD}/{name}.txt" for name in names]
        for path in paths:
            probes.run(device, ["touch", path])
        return [["rm", "-f", *paths]]

    def reached(self, device: Device, params: Params) -> bool:
        ending = f"/Download/{params['file']}.txt"
        return any(row.get("_data", "").endswith(ending) for row in probes.rows(device, SHOWN_FILE_URI))


class DeleteFileTask(OpenFileTask):
    """Have one file gone from the Download folder; another one is there still."""

    name = "files/delete"
    goal_template = "Delete the file {file} from Download"
    optimal_steps = OPEN_STEPS + 6

    def reached(self, device: Device, params: Params) -> bool:
        other = FILE_NAMES[FILE_NAMES.index(params["file"]) - 1]
        names = _names(device, DOWNLOAD)
        return f"{params['file']}.txt" not in names and f"{other}.txt" in names


class RenameFileTask(OpenFileTask):
    """Have a file of the Download folder under another name."""

    name = "files/rename"
    goal_template = "Rename the file {file} in Download to {name}"
    param_space: ClassVar[ParamSpace] = {"file": FILE_NAMES, "name": NEW_NAMES}
    optimal_steps = OPEN_STEPS + 7

    def prepare(self, device: Device, params: Params) -> list[Command]:
        probes.run(device, ["rm", "-f", f"{DOWNLOAD}/{params['name']}.txt"])
        return [*super().prepare(device, params), ["rm", "-f", f"{DOWNLOAD}/{params['name']}.txt"]]

    def reached(self, device: Device, params: Params) -> bool:
        names = _names(device, DOWNLOAD)
        return f"{params['file']}.txt" not in names and f"{params['name']}.txt" in names


class NewFolderTask(TaskTemplate):
    """Have a folder of a name in shared storage."""

    name = "files/folder"
    goal_template = "Make a folder called {name} in Files"
    param_space: ClassVar[ParamSpace] = {"name": NEW_NAMES}
    split_param = "name"
    optimal_steps = OPEN_STEPS + 4

    def prepare(self, device: Device, params: Params) -> list[Command]:
        probes.start_from_home(device, (FILES,))
        probes.run(device, ["rm", "-rf", f"/sdcard/{params['name']}"])
        return [["rm", "-rf", f"/sdcard/{params['name']}"]]

    def reached(self, device: Device, params: Params) -> bool:
        return params["name"] in _names(device, "/sdcard")


class TakePictureTask(CleanAppTask):
    """Have one picture taken with one of the cameras, which starts on the back one."""

    name = "camera/picture"
    goal_template = "Take a picture with the {lens} camera"
    param_space: ClassVar[ParamSpace] = {"lens": LENSES}
    split_param = None
    package = CAMERA
    optimal_steps = OPEN_STEPS + 3

    def prepare(self, device: Device, params: Params) -> list[Command]:
        probes.run(device, ["rm", "-rf", "/sdcard/DCIM/Camera"])
        probes.run(device, ["mkdir", "-p", "/sdcard/DCIM/Camera"])
        return [*super().prepare(device, params), ["rm", "-rf", "/sdcard/DCIM/Camera"]]

    def reached(self, device: Device, params: Params) -> bool:
        kind = "SELF" if params["lens"] == "front" else "IMG"
        names = _names(device, "/sdcard/DCIM/Camera")
        return len(names) == 1 and names[0].startswith(kind)


class TakePicturesTask(TakePictureTask):
    """Have as many pictures taken as asked for, no more."""

    name = "camera/several"
    goal_template = "Take {count} pictures"
    param_space: ClassVar[ParamSpace] = {"count": COUNTS}
    optimal_steps = OPEN_STEPS + 4

    def reached(self, device: Device, params: Params) -> bool:
        return len(_names(device, "/sdcard/DCIM/Camera")) == int(params["count"])


class ShowPictureTask(CleanAppTask):
    """Have the picture of something open in the gallery."""

    name = "gallery/show"
    goal_template = "Show the picture of the {subject}"
    param_space: ClassVar[ParamSpace] = {"subject": SUBJECTS}
    split_param = "subject"
    package = GALLERY
    optimal_steps = OPEN_STEPS + 3

    def reached(self, device: Device, params: Params) -> bool:
        ending = f"/{params['subject']}.png"
        return any(row.get("_data", "").endswith(ending) for row in probes.rows(device, SHOWN_PICTURE_URI))


class FavouritePictureTask(ShowPictureTask):
    """Have the picture of something, and no other, among the favourites."""

    name = "gallery/favourite"
    goal_template = "Make the picture of the {subject} a favourite"
    optimal_steps = OPEN_STEPS + 4

    def reached(self, device: Device, params: Params) -> bool:
        liked = [row.get("_display_name") for row in probes.rows(device, IMAGES_URI) if row.get("is_favorite") == "1"]
        return liked == [f"{params['subject']}.png"]


class DeletePictureTask(ShowPictureTask):
    """Have the picture of something gone, and all others still there; it is put back afterwards."""

    name = "gallery/delete"
    goal_template = "Delete the picture of the {subject}"
    optimal_steps = OPEN_STEPS + 5

    def prepare(self, device: Device, params: Params) -> list[Command]:
        undo = super().prepare(device, params)
        picture, kept = f"/sdcard/Pictures/{params['subject']}.png", f"{KEPT}/{params['subject']}.png"
        there = f"{params['subject']}.png" in _names(device, "/sdcard/Pictures")
        probes.run(device, ["cp", picture, kept] if there else ["cp", kept, picture])
        return [*undo, ["cp", kept, picture]]

    def reached(self, device: Device, params: Params) -> bool:
        names = _names(device, "/sdcard/Pictures")
        others = [f"{subject}.png" for subject in SUBJECTS if subject != params["subject"]]
        return f"{params['subject']}.png" not in names and all(name in names for name in others)


def _names(device: Device, folder: str) -> list[str]:
    return probes.run(device, ["ls", folder]).split()
