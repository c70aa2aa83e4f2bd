"""Tasks on shared storage in the files app: opening, naming, moving, removing. Draws none."""

from agent_runtime.tasks.checks import counts, file_gone, file_there, has
from agent_runtime.tasks.setups import file, folder, no_file
from agent_runtime.tasks.state_task import StateTask

FILES_URI = "content://media/external/file"
SHOWN_URI = "content://com.android.documentsui/shown"
ORDER_URI = "content://com.android.documentsui/order"
STORAGE = "/storage/emulated/0"
DOWNLOAD, DOCUMENTS = f"{STORAGE}/Download", f"{STORAGE}/Documents"
FILE_NAMES = ("ticket", "bill", "recipe", "plan", "song", "report", "form", "guide")
NEW_NAMES = ("trip", "home", "work", "garden", "school", "music", "photos", "old")
_FILE = {"file": FILE_NAMES}
_FILE_AND_NAME = {"file": FILE_NAMES, "name": NEW_NAMES}
_NAME = {"name": NEW_NAMES}
_OTHER = {"other": "file"}
_IN_DOWNLOAD = DOWNLOAD + "/{file}.txt"
_IN_DOCUMENTS = DOCUMENTS + "/{file}.txt"
_OTHER_IN_DOWNLOAD = DOWNLOAD + "/{other}.txt"
_BOTH = [file(_IN_DOWNLOAD), file(_OTHER_IN_DOWNLOAD)]
_FOLDER = STORAGE + "/{name}"

FILES_TEMPLATES = (
    StateTask(
        *("files/open", "Open the file {file} in Download", ["Files"], 7),
        params=_FILE,
        others=_OTHER,
        set_up=_BOTH,
        checks=[has(SHOWN_URI, _data=_IN_DOWNLOAD)],
    ),
    StateTask(
        *("files/delete", "Delete the file {file} from Download", ["Files"], 9),
        params=_FILE,
        others=_OTHER,
        set_up=_BOTH,
        checks=[file_gone(_IN_DOWNLOAD), file_there(_OTHER_IN_DOWNLOAD)],
    ),
    StateTask(
        *("files/rename", "Rename the file {file} in Download to {name}", ["Files"], 10),
        params=_FILE_AND_NAME,
        set_up=[no_file(DOWNLOAD + "/{name}.txt"), file(_IN_DOWNLOAD)],
        checks=[file_gone(_IN_DOWNLOAD), file_there(DOWNLOAD + "/{name}.txt")],
    ),
    StateTask(
        *("files/folder", "Make a folder called {name} in Files", ["Files"], 8),
        params=_NAME,
        set_up=[no_file(_FOLDER)],
        checks=[file_there(_FOLDER)],
    ),
    StateTask(
        *("files/subfolder", "Make a folder called {name} in Download", ["Files"], 9),
        params=_NAME,
        set_up=[no_file(DOWNLOAD + "/{name}")],
        checks=[file_there(DOWNLOAD + "/{name}")],
    ),
    StateTask(
        *("files/move", "Move the file {file} from Download to Documents", ["Files"], 10),
        params=_FILE,
        others=_OTHER,
        set_up=[no_file(_IN_DOCUMENTS), *_BOTH],
        checks=[file_there(_IN_DOCUMENTS), file_gone(_IN_DOWNLOAD), file_there(_OTHER_IN_DOWNLOAD)],
    ),
    StateTask(
        *("files/copy", "Copy the file {file} from Download to Documents", ["Files"], 10),
        params=_FILE,
        set_up=[no_file(_IN_DOCUMENTS), file(_IN_DOWNLOAD)],
        checks=[file_there(_IN_DOCUMENTS), file_there(_IN_DOWNLOAD)],
    ),
    StateTask(
        *("files/delete-folder", "Delete the folder {name} in Files", ["Files"], 9),
        params=_NAME,
        others={"other": "name"},
        set_up=[folder(_FOLDER), folder(STORAGE + "/{other}")],
        checks=[file_gone(_FOLDER), file_there(STORAGE + "/{other}")],
    ),
    StateTask(
        *("files/rename-folder", "Rename the folder {name} in Files to {other}", ["Files"], 10),
        params=_NAME,
        others={"other": "name"},
        set_up=[no_file(STORAGE + "/{other}"), folder(_FOLDER)],
        checks=[file_gone(_FOLDER), file_there(STORAGE + "/{other}")],
    ),
    StateTask(
        *("files/sort", "Sort the files by size", ["Files"], 7),
        checks=[has(ORDER_URI, by="size")],
    ),
    StateTask(
        *("files/delete-two", "Delete the files {file} and {other} from Download", ["Files"], 12),
        params=_FILE,
        others=_OTHER,
        set_up=[*_BOTH, file(DOWNLOAD + "/keep.txt")],
        level=2,
        checks=[file_gone(_IN_DOWNLOAD), file_gone(_OTHER_IN_DOWNLOAD), file_there(DOWNLOAD + "/keep.txt")],
    ),
    StateTask(
        *(
            "files/move-into-new",
            "Make a folder called {name} in Files and move {file} there from Download",
            ["Files"],
            14,
        ),
        params=_FILE_AND_NAME,
        set_up=[no_file(_FOLDER), file(_IN_DOWNLOAD)],
        level=2,
        checks=[file_there(_FOLDER + "/{file}.txt"), file_gone(_IN_DOWNLOAD)],
    ),
    StateTask(
        *("files/rename-and-move", "Rename {file} in Download to {name} and move it to Documents", ["Files"], 13),
        params=_FILE_AND_NAME,
        set_up=[no_file(DOCUMENTS + "/{name}.txt"), no_file(DOWNLOAD + "/{name}.txt"), file(_IN_DOWNLOAD)],
        level=2,
        checks=[file_there(DOCUMENTS + "/{name}.txt"), file_gone(_IN_DOWNLOAD), file_gone(DOWNLOAD + "/{name}.txt")],
    ),
    StateTask(
        *("files/empty-folder", "Delete both files in the folder {name} but keep the folder", ["Files"], 13),
        params=_NAME,
        set_up=[folder(_FOLDER), file(_FOLDER + "/first.txt"), file(_FOLDER + "/second.txt")],
        level=2,
        checks=[file_there(_FOLDER), counts(FILES_URI, "0", relative_path="{name}/")],
    ),
)
