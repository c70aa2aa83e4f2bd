"""Has a device write down its visible elements (`uiautomator dump`) and reads them. Knows no app and no task."""

from collections.abc import Callable, Mapping, Sequence

from agent_runtime.devices import parsers
from agent_runtime.devices.base import ShellResult
from agent_runtime.errors import DeviceError, DiskFullError

DUMP_PATH = "/data/local/tmp/agent_runtime_dump.xml"
_ATTEMPTS = 2
"""A dump taken in the middle of a transition fails with `null root node`; a second one is taken at once."""
Shell = Callable[[Sequence[str]], ShellResult]


def visible_nodes(shell: Shell, serial: str) -> list[Mapping[str, str]]:
    """Return the attributes of every element of the active window, as `uiautomator` names them.

    An older dump is removed first: a dump that fails leaves it in place, and often says so by exit status 0.

    Raises:
        DiskFullError: there is no room for one.
        DeviceError: no dump could be had; its text holds the device's own words.
    """
    said = ""
    for _ in range(_ATTEMPTS):
        shell(["rm", "-f", DUMP_PATH])
        dumped = shell(["uiautomator", "dump", DUMP_PATH])
        written = shell(["cat", DUMP_PATH])
        nodes = parsers.hierarchy_nodes(written.stdout) if written.exit_code == 0 else None
        if nodes is not None:
            return nodes
        if parsers.says_no_space(dumped.stdout):
            raise DiskFullError(f"Got no room for a `uiautomator dump` on {serial}, expected some: remove files.")
        said = " ".join(dumped.stdout.split())[:120] or f"exit status {dumped.exit_code}"
    raise DeviceError(
        f"Got no `uiautomator dump` from {serial} ({said}), expected the elements on its screen: stop what moves "
        "there (video, animations), and end other programs that use uiautomator."
    )
