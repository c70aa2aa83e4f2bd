"""Reads and sets a device's state over its shell, for tasks. Knows no task and looks at no pixels."""

from collections.abc import Mapping, Sequence

from agent_runtime.devices import Device, parsers
from agent_runtime.errors import TaskError

HOME_KEYCODE = "3"
VIRTUAL_PHONE_PRODUCT = "virtual_phone"


def run(device: Device, args: Sequence[str]) -> str:
    """Return what a command printed.

    Raises:
        TaskError: it failed, by its exit status or by its own words.
    """
    result = device.shell(args)
    if result.exit_code or result.stdout.startswith(("Error", "[ERROR]", "Failed", "Exception")):
        said = " ".join(result.stdout.split())[:160] or f"exit status {result.exit_code}"
        raise TaskError(
            f"`{' '.join(args)}` failed on {device.serial} ({said}), expected it to work: "
            "choose tasks whose apps this device has."
        )
    return result.stdout


def is_virtual_phone(device: Device) -> bool:
    """Tell whether the device says that it is this project's virtual phone."""
    return run(device, ["getprop", "ro.product.name"]).strip() == VIRTUAL_PHONE_PRODUCT


def start_from_home(device: Device, packages: Sequence[str]) -> None:
    """Stop these apps and go to the home screen."""
    for package in packages:
        run(device, ["am", "force-stop", package])
    run(device, ["input", "keyevent", HOME_KEYCODE])


def clear(device: Device, package: str) -> None:
    """Set an app's data back to what it was when new."""
    run(device, ["pm", "clear", package])


def setting(device: Device, namespace: str, key: str) -> str | None:
    """Return a setting's value, None where it is not set."""
    return parsers.settings_value(run(device, ["settings", "get", namespace, key]))


def rows(device: Device, uri: str) -> list[dict[str, str]]:
    """Return a content provider's rows, values as text."""
    return parsers.content_rows(run(device, ["content", "query", "--uri", uri]))


def insert(device: Device, uri: str, values: Mapping[str, str | int]) -> None:
    """Add a row to a content provider."""
    bindings = [
        word
        for key, value in values.items()
        for word in ("--bind", f"{key}:{'i' if isinstance(value, int) else 's'}:{value}")
    ]
    run(device, ["content", "insert", "--uri", uri, *bindings])


def delete(device: Device, uri: str, row_id: str) -> None:
    """Remove the row of that ``_id``."""
    run(device, ["content", "delete", "--uri", f"{uri}/{row_id}"])


def foreground_package(device: Device) -> str | None:
    """Return the package of the app on top, None where the device does not say."""
    resumed = parsers.resumed_component(run(device, ["dumpsys", "activity", "activities"]))
    found = resumed or parsers.focused_component(run(device, ["dumpsys", "window"]))
    return found.partition("/")[0] if found else None
