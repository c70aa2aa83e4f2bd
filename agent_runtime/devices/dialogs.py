"""Dialogs of the system over an app: told by their window's title, closed by their own button. Taps nothing itself."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent_runtime.devices import parsers
from agent_runtime.devices.faults import DeviceFault

Nodes = Sequence[Mapping[str, str]]
_FOCUS = re.compile(r"mCurrentFocus=Window\{\S+ u\d+ ([^}\n]*)\}")


@dataclass(frozen=True, slots=True)
class _Dialog:
    """How a dialog of the system is told by its window's title, whose it is, and which buttons close it mildest."""

    name: str
    title: re.Pattern[str]
    package: re.Pattern[str]
    buttons: tuple[str, ...]
    """Ends of resource ids and whole labels, the best first."""
    excuses: bool = False


_MILD = ("Later", "Not now", "Cancel", "No thanks", "Close", "OK", "button2", "button1")
_DIALOGS = (
    _Dialog("anr_dialog", re.compile("Application Not Responding"), re.compile("android"), ("aerr_wait", "Wait")),
    _Dialog(
        "crash_dialog",
        re.compile("Application Error"),
        re.compile("android"),
        ("aerr_close", "Close app", "OK"),
        excuses=True,
    ),
    _Dialog(
        "permission_dialog",
        re.compile(r"\S*permissioncontroller/\S*GrantPermissionsActivity"),
        re.compile(r"com\.(?:google\.)?android\.permissioncontroller"),
        ("permission_deny_button", "permission_deny_and_dont_ask_again_button"),
    ),
    _Dialog(
        "incoming_call",
        re.compile(r"\S*dialer/\S*InCallActivity"),
        re.compile(r"com\.(?:google\.)?android\.dialer"),
        ("decline", "Decline", "Dismiss"),
    ),
    _Dialog("low_battery", re.compile(r"com\.android\.systemui$"), re.compile(r"com\.android\.systemui"), _MILD),
    _Dialog(
        "system_popup",
        re.compile(r"(?:android|com\.android\.updater|com\.google\.android\.gms)(?:/|$)"),
        re.compile(r"android|com\.android\.updater|com\.google\.android\.gms"),
        _MILD,
    ),
)


def dialog_of(window_dump: str) -> DeviceFault | None:
    """Return the system's dialog that has the focus in `dumpsys window`, None where an app has it."""
    found = _FOCUS.search(window_dump)
    dialog = _dialog_titled(found[1]) if found else None
    if dialog is None or found is None:
        return None
    return DeviceFault(dialog.name, excuses=dialog.excuses, about=found[1])


def _dialog_titled(title: str) -> _Dialog | None:
    return next((dialog for dialog in _DIALOGS if dialog.title.match(title)), None)


def way_out(fault: DeviceFault, nodes: Nodes) -> tuple[float, float] | None:
    """Return the middle, in pixels, of the button that closes that dialog mildest.

    Only a button of the system's own package counts: any app may give its window the title of a system dialog.
    """
    dialog = next(known for known in _DIALOGS if known.name == fault.name)
    own = [node for node in nodes if dialog.package.fullmatch(node.get("package", ""))]
    for wanted in dialog.buttons:
        for node in own:
            says = (node.get("resource-id", "").rpartition("/")[2], node.get("text", ""))
            if wanted in says and node.get("clickable") == "true":
                return _middle(node)
    return None


def _middle(node: Mapping[str, str]) -> tuple[float, float] | None:
    bounds = parsers.node_bounds(node)
    return None if bounds is None else ((bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2)
