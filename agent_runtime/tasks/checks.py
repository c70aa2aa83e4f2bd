"""What can be so on a device in the end, as parts of templates: rows, settings, files, apps. Changes nothing.

Texts may hold ``{places}``, filled with the task's words; cells are compared without case and outer spaces.
"""

from agent_runtime.devices import Device
from agent_runtime.tasks import probes
from agent_runtime.tasks.base import Params
from agent_runtime.tasks.state_task import Check

Cells = dict[str, str]
PICTURES_URI = "content://media/external/images/media"


def has(uri: str, **cells: str) -> Check:
    """Have a row with these cells."""
    return lambda device, words: any(matches(row, cells, words) for row in probes.rows(device, uri))


def lacks(uri: str, **cells: str) -> Check:
    """Have no row with these cells."""
    return lambda device, words: not any(matches(row, cells, words) for row in probes.rows(device, uri))


def counts(uri: str, number: str, **cells: str) -> Check:
    """Have so many rows with these cells; ``number`` may be a place."""

    def check(device: Device, words: Params) -> bool:
        return sum(matches(row, cells, words) for row in probes.rows(device, uri)) == int(number.format(**words))

    return check


def column_is(uri: str, column: str, *values: str, **cells: str) -> Check:
    """Have exactly these values in a column, in this order, among the rows with these cells."""

    def check(device: Device, words: Params) -> bool:
        found = [row.get(column, "") for row in probes.rows(device, uri) if matches(row, cells, words)]
        return [_plain(value) for value in found] == [_plain(value.format(**words)) for value in values]

    return check


def setting_is(namespace: str, key: str, value: str) -> Check:
    """Have a setting's value."""

    def check(device: Device, words: Params) -> bool:
        return probes.setting(device, namespace.format(**words), key.format(**words)) == value.format(**words)

    return check


def in_front(package: str) -> Check:
    """Have an app in the foreground."""
    return lambda device, words: probes.foreground_package(device) == package.format(**words)


def installed(package: str) -> Check:
    """Have an app on the phone."""
    return lambda device, words: package.format(**words) in _packages(device)


def not_installed(package: str) -> Check:
    """Have an app gone from the phone."""
    return lambda device, words: package.format(**words) not in _packages(device)


def file_there(path: str) -> Check:
    """Have a file or folder."""
    return lambda device, words: is_there(device, path.format(**words))


def file_gone(path: str) -> Check:
    """Have no such file or folder."""
    return lambda device, words: not is_there(device, path.format(**words))


def is_there(device: Device, path: str) -> bool:
    """Tell whether a file or folder is on the device."""
    return device.shell(["ls", "-d", path]).exit_code == 0


def matches(row: dict[str, str], cells: Cells, words: Params) -> bool:
    """Tell whether a row has these cells."""
    return all(_plain(row.get(key, "")) == _plain(value.format(**words)) for key, value in cells.items())


def _plain(text: str) -> str:
    return text.strip().lower()


def _packages(device: Device) -> list[str]:
    listed = probes.run(device, ["pm", "list", "packages"]).split()
    return [line.removeprefix("package:") for line in listed]
