"""What can be brought about on a device before a task, as parts of templates: rows, files, apps. Checks nothing.

Texts may hold ``{places}``, filled with the task's words. Rows need no undoing: the apps of a task are set back.
"""

from collections.abc import Sequence

from agent_runtime.devices import Device
from agent_runtime.errors import TaskError
from agent_runtime.tasks import checks, probes
from agent_runtime.tasks.base import Command, Params
from agent_runtime.tasks.state_task import SetUp

RAW_CONTACTS_URI = "content://com.android.contacts/raw_contacts"
CONTACT_DATA_URI = "content://com.android.contacts/data"


def row(uri: str, **cells: str | int) -> SetUp:
    """Add a row."""

    def step(device: Device, words: Params) -> Sequence[Command]:
        filled = {key: value.format(**words) if isinstance(value, str) else value for key, value in cells.items()}
        probes.insert(device, uri, filled)
        return ()

    return step


def no_row(uri: str, **cells: str) -> SetUp:
    """Take away every row with these cells; all rows without any."""

    def step(device: Device, words: Params) -> Sequence[Command]:
        for there in probes.rows(device, uri):
            if checks.matches(there, cells, words):
                probes.delete(device, uri, there["_id"])
        return ()

    return step


def setting(namespace: str, key: str, value: str) -> SetUp:
    """Set a setting; it is put back to what it was, or removed where it was not set."""

    def step(device: Device, words: Params) -> Sequence[Command]:
        place = [namespace.format(**words), key.format(**words)]
        before = probes.setting(device, *place)
        probes.run(device, ["settings", "put", *place, value.format(**words)])
        return [["settings", "delete", *place] if before is None else ["settings", "put", *place, before]]

    return step


def file(path: str) -> SetUp:
    """Make an empty file; it is removed again."""

    def step(device: Device, words: Params) -> Sequence[Command]:
        filled = path.format(**words)
        probes.run(device, ["touch", filled])
        return [["rm", "-rf", filled]]

    return step


def folder(path: str) -> SetUp:
    """Make an empty folder; it is removed again with what is in it by then."""

    def step(device: Device, words: Params) -> Sequence[Command]:
        filled = path.format(**words)
        probes.run(device, ["rm", "-rf", filled])
        probes.run(device, ["mkdir", "-p", filled])
        return [["rm", "-rf", filled]]

    return step


def no_file(path: str) -> SetUp:
    """Have no such file or folder, now and afterwards."""

    def step(device: Device, words: Params) -> Sequence[Command]:
        remove = ["rm", "-rf", path.format(**words)]
        probes.run(device, remove)
        return [remove]

    return step


def kept_file(path: str) -> SetUp:
    """Keep a copy of a file of the phone's own; it is put back from it, even where it is gone already."""

    def step(device: Device, words: Params) -> Sequence[Command]:
        filled = path.format(**words)
        copy = f"/data/local/tmp/{filled.rpartition('/')[2]}"
        probes.run(device, ["cp", filled, copy] if checks.is_there(device, filled) else ["cp", copy, filled])
        return [["cp", copy, filled]]

    return step


def installed(package: str) -> SetUp:
    """Have one of the store's apps installed; it is removed again."""

    def step(device: Device, words: Params) -> Sequence[Command]:
        filled = package.format(**words)
        probes.run(device, ["pm", "install-existing", filled])
        return [["pm", "uninstall", filled]]

    return step


def not_installed(package: str) -> SetUp:
    """Have one of the store's apps not on the phone, now and afterwards."""

    def step(device: Device, words: Params) -> Sequence[Command]:
        filled = package.format(**words)
        if checks.installed(filled)(device, words):
            probes.run(device, ["pm", "uninstall", filled])
        return [["pm", "uninstall", filled]]

    return step


def key_pressed(keycode: str) -> SetUp:
    """Press a key."""

    def step(device: Device, words: Params) -> Sequence[Command]:
        probes.run(device, ["input", "keyevent", keycode])
        return ()

    return step


def contact(name: str, number: str, starred: int = 0) -> SetUp:
    """Add a contact the way a sync adapter does: a raw contact, then its data."""

    def step(device: Device, words: Params) -> Sequence[Command]:
        raw: dict[str, str | int] = {"account_name": "local", "account_type": "local", "starred": starred}
        probes.insert(device, RAW_CONTACTS_URI, raw)
        ids = [int(there["_id"]) for there in probes.rows(device, RAW_CONTACTS_URI)]
        if not ids:
            raise TaskError(f"Got no raw contact on {device.serial} after adding one, expected it: use another device.")
        for kind, value in (("name", name), ("phone_v2", number)):
            data: dict[str, str | int] = {"raw_contact_id": max(ids), "mimetype": f"vnd.android.cursor.item/{kind}"}
            probes.insert(device, CONTACT_DATA_URI, {**data, "data1": value.format(**words)})
        return ()

    return step
