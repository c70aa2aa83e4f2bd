"""Tasks of the camera and the gallery: taking, showing, marking, removing pictures. Draws none."""

from agent_runtime.tasks.checks import PICTURES_URI, column_is, counts, file_gone, file_there, has
from agent_runtime.tasks.setups import folder, kept_file, no_file, row
from agent_runtime.tasks.state_task import StateTask

CAMERA_URI = "content://com.android.camera2/camera"
SHOWN_URI = "content://com.android.gallery3d/shown"
WALLPAPER_URI = "content://com.android.gallery3d/wallpaper"
FAVOURITES_URI = "content://com.android.gallery3d/favourites"
PICTURES = "/storage/emulated/0/Pictures"
TAKEN = "/storage/emulated/0/DCIM/Camera"
SUBJECTS = ("house", "tree", "boat", "flower", "star", "cup", "car", "kite")
_KINDS = {"front": "self", "back": "img"}
_NONE_TAKEN = folder(TAKEN)
_SUBJECT = {"subject": SUBJECTS}
_OTHER = {"other": "subject"}
_PICTURE, _OTHER_PICTURE = PICTURES + "/{subject}.png", PICTURES + "/{other}.png"
_COPY = PICTURES + "/{subject} copy.png"
_KEPT = kept_file(_PICTURE)


CAMERA_TEMPLATES = (
    StateTask(
        *("camera/picture", "Take a picture with the {lens} camera", ["Camera"], 7),
        params={"lens": ("front", "back")},
        derived=lambda words: {"kind": _KINDS[words["lens"]]},
        set_up=[_NONE_TAKEN],
        checks=[column_is(PICTURES_URI, "_display_name", "{kind}_0001.png", relative_path="DCIM/Camera/")],
    ),
    StateTask(
        *("camera/several", "Take {count} pictures", ["Camera"], 8),
        params={"count": ("2", "3")},
        set_up=[_NONE_TAKEN],
        checks=[counts(PICTURES_URI, "{count}", relative_path="DCIM/Camera/")],
    ),
    StateTask(
        *("camera/flash", "Set the camera's flash to {way}", ["Camera"], 7),
        params={"way": ("on", "auto")},
        checks=[has(CAMERA_URI, flash="{way}")],
    ),
    StateTask(
        *("camera/timer", "Set the camera's timer to {time}", ["Camera"], 7),
        params={"time": ("3s", "10s")},
        checks=[has(CAMERA_URI, timer="{time}")],
    ),
    StateTask(
        *("camera/both", "Take one picture with the front camera and one with the back camera", ["Camera"], 8),
        set_up=[_NONE_TAKEN],
        level=2,
        checks=[
            file_there(TAKEN + "/SELF_0001.png"),
            file_there(TAKEN + "/IMG_0001.png"),
            counts(PICTURES_URI, "2", relative_path="DCIM/Camera/"),
        ],
    ),
    StateTask(
        *("camera/flash-picture", "Turn the flash on and take {count} pictures", ["Camera"], 8),
        params={"count": ("1", "2")},
        set_up=[_NONE_TAKEN],
        level=2,
        checks=[has(CAMERA_URI, flash="on"), counts(PICTURES_URI, "{count}", relative_path="DCIM/Camera/")],
    ),
    StateTask(
        *(
            "camera/timed-selfie",
            "With the timer at {time} and the flash on, take a picture of yourself",
            ["Camera"],
            10,
        ),
        params={"time": ("3s", "10s")},
        set_up=[_NONE_TAKEN],
        level=3,
        checks=[
            has(CAMERA_URI, timer="{time}", flash="on"),
            column_is(PICTURES_URI, "_display_name", "SELF_0001.png", relative_path="DCIM/Camera/"),
        ],
    ),
)

GALLERY_TEMPLATES = (
    StateTask(
        *("gallery/show", "Show the picture of the {subject}", ["Gallery"], 6),
        params=_SUBJECT,
        checks=[has(SHOWN_URI, _data=_PICTURE)],
    ),
    StateTask(
        *("gallery/favourite", "Make the picture of the {subject} a favourite", ["Gallery"], 7),
        params=_SUBJECT,
        checks=[column_is(PICTURES_URI, "_display_name", "{subject}.png", is_favorite="1")],
    ),
    StateTask(
        *("gallery/delete", "Delete the picture of the {subject}", ["Gallery"], 8),
        params=_SUBJECT,
        set_up=[_KEPT],
        checks=[file_gone(_PICTURE), counts(PICTURES_URI, "7", relative_path="Pictures/")],
    ),
    StateTask(
        *("gallery/unmark", "Take the picture of the {subject} off the favourites", ["Gallery"], 7),
        params=_SUBJECT,
        others=_OTHER,
        set_up=[row(FAVOURITES_URI, path=_PICTURE), row(FAVOURITES_URI, path=_OTHER_PICTURE)],
        checks=[column_is(PICTURES_URI, "_display_name", "{other}.png", is_favorite="1")],
    ),
    StateTask(
        *("gallery/wallpaper", "Use the picture of the {subject} as the wallpaper", ["Gallery"], 7),
        params=_SUBJECT,
        checks=[has(WALLPAPER_URI, _data=_PICTURE)],
    ),
    StateTask(
        *("gallery/copy", "Make a copy of the picture of the {subject}", ["Gallery"], 7),
        params=_SUBJECT,
        set_up=[no_file(_COPY)],
        checks=[file_there(_COPY), file_there(_PICTURE)],
    ),
    StateTask(
        *("gallery/favourite-two", "Make the pictures of the {subject} and the {other} favourites", ["Gallery"], 10),
        params=_SUBJECT,
        others=_OTHER,
        level=2,
        checks=[
            has(PICTURES_URI, _display_name="{subject}.png", is_favorite="1"),
            has(PICTURES_URI, _display_name="{other}.png", is_favorite="1"),
            counts(PICTURES_URI, "2", is_favorite="1"),
        ],
    ),
    StateTask(
        *("gallery/delete-two", "Delete the pictures of the {subject} and the {other}", ["Gallery"], 11),
        params=_SUBJECT,
        others=_OTHER,
        set_up=[_KEPT, kept_file(_OTHER_PICTURE)],
        level=2,
        checks=[
            file_gone(_PICTURE),
            file_gone(_OTHER_PICTURE),
            counts(PICTURES_URI, "6", relative_path="Pictures/"),
        ],
    ),
    StateTask(
        *("gallery/change-favourite", "Make the {other} a favourite instead of the {subject}", ["Gallery"], 10),
        params=_SUBJECT,
        others=_OTHER,
        set_up=[row(FAVOURITES_URI, path=_PICTURE)],
        level=2,
        checks=[column_is(PICTURES_URI, "_display_name", "{other}.png", is_favorite="1")],
    ),
    StateTask(
        *("gallery/copy-and-delete", "Copy the picture of the {subject}, then delete the first one", ["Gallery"], 9),
        params=_SUBJECT,
        set_up=[no_file(_COPY), _KEPT],
        level=2,
        checks=[file_there(_COPY), file_gone(_PICTURE)],
    ),
    StateTask(
        *("gallery/wallpaper-and-favourite", "Make the {subject} a favourite and the wallpaper", ["Gallery"], 8),
        params=_SUBJECT,
        level=2,
        checks=[
            column_is(PICTURES_URI, "_display_name", "{subject}.png", is_favorite="1"),
            has(WALLPAPER_URI, _data=_PICTURE),
        ],
    ),
)
