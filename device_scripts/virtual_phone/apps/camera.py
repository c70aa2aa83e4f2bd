"""The camera: shows what it sees, and writes a picture of it into DCIM/Camera, where every app finds it."""

from __future__ import annotations

import random

from device_scripts.virtual_phone.apps.base import App, Host
from device_scripts.virtual_phone.apps.files import ROOT
from device_scripts.virtual_phone.errors import DeviceFileError
from device_scripts.virtual_phone.language import Own
from device_scripts.virtual_phone.state import Activity, PhoneState
from device_scripts.virtual_phone.ui.pictures import PERSON, SUBJECTS, photograph
from device_scripts.virtual_phone.ui.widgets import Button, Grid, Label, Picture, Screen

CAMERA = "com.android.camera2/camera"
FOLDER = f"{ROOT}/DCIM/Camera"
GALLERY_PACKAGE = "com.android.gallery3d"
_CHOICES = {"flash": ("off", "on", "auto"), "timer": ("off", "3s", "10s")}


class Camera(App):
    """One screen. The front camera sees a person, the back one something else each time; flash and timer do nothing."""

    package = "com.android.camera2"
    label = "Camera"
    glyph = "camera"
    colour = (60, 60, 66)
    activities = (".CameraActivity",)
    tables = (CAMERA,)

    def defaults(self, state: PhoneState, rng: random.Random) -> None:
        state.tables[CAMERA] = [{"_id": 1, "lens": "back", "taken": 0, "flash": "off", "timer": "off"}]

    def screen(self, state: PhoneState, activity: Activity) -> Screen:
        row = state.tables[CAMERA][0]
        acts = Grid(3, (Button("flip", "Flip"), Button("take", "Take"), Button("photos", "View")))
        ways = Grid(2, tuple(Button(f"set:{key}", f"{key} {row[key]}".capitalize(), quiet=True) for key in _CHOICES))
        said = Own(activity.data.get("said", "")) or ("Selfie" if row["lens"] == "front" else "Photo")
        return Screen("Camera", (Picture("", "Viewfinder", seen(state)), acts, ways, Label(said)))

    def tapped(self, host: Host, activity: Activity, id: str) -> None:
        row = host.state.tables[CAMERA][0]
        activity.data.pop("said", None)
        kind, _, key = id.partition(":")
        match kind:
            case "set":
                choices = _CHOICES[key]
                row[key] = choices[(choices.index(str(row[key])) + 1) % len(choices)]
            case "flip":
                row["lens"] = "front" if row["lens"] == "back" else "back"
            case "take":
                activity.data["said"] = take(host.state)
            case "photos":
                host.launch(GALLERY_PACKAGE)


def seen(state: PhoneState) -> bytes:
    """Return what the camera sees now, as a PNG."""
    row = state.tables[CAMERA][0]
    number = state.seed * 1000 + int(str(row["taken"]))
    subject = PERSON if row["lens"] == "front" else random.Random(f"camera/{number}").choice(SUBJECTS)
    return photograph(subject, number)


def take(state: PhoneState) -> str:
    """Write a picture under the first free number and return what to say of it."""
    row, files, now_sec = state.tables[CAMERA][0], state.files, state.clock_ms // 1000
    kind = "SELF" if row["lens"] == "front" else "IMG"
    try:
        files.make_folder(FOLDER, now_sec=now_sec, parents=True)
        used = {name for name, _ in files.children(FOLDER)}
        name = next(name for number in range(1, len(used) + 2) if (name := f"{kind}_{number:04d}.png") not in used)
        files.write(f"{FOLDER}/{name}", seen(state), now_sec=now_sec)
    except DeviceFileError as error:
        return error.reason
    row["taken"] = int(str(row["taken"])) + 1
    return name
