"""`logcat`: dump, clear or follow the phone's log lines. Filters by nothing but the last N lines."""

from __future__ import annotations

from typing import Final

from device_scripts.virtual_phone.device import VirtualDevice
from device_scripts.virtual_phone.shell.interpreter import CommandFunction, Context, encode

_BEGINNING: Final = "--------- beginning of main"


def logcat(ctx: Context) -> int:
    """Print log lines: -d and leave, -c clear, -t N the last N and leave; otherwise go on with what comes."""
    args = ctx.args
    device = ctx.device
    if "-c" in args or "--clear" in args:
        device.logcat_cleared_at = len(device.phone.logcat_lines())
        return 0
    lines = device.phone.logcat_lines()[device.logcat_cleared_at :]
    if "-t" in args:
        count = args[args.index("-t") + 1 : args.index("-t") + 2]
        lines = lines[-int(count[0]) :] if count and count[0].isdigit() and int(count[0]) else lines
    ctx.write(encode("".join(f"{line}\n" for line in [_BEGINNING, *lines])))
    if "-d" not in args and "-t" not in args:
        ctx.shell.follow = _Follower(device)
    return 0


class _Follower:
    """Returns the log lines that were added since the last call."""

    def __init__(self, device: VirtualDevice) -> None:
        self._device = device
        self._seen = len(device.phone.logcat_lines())

    def __call__(self) -> bytes:
        lines = self._device.phone.logcat_lines()
        new, self._seen = lines[self._seen :], len(lines)
        return encode("".join(f"{line}\n" for line in new))


COMMANDS: Final[dict[str, CommandFunction]] = {"logcat": logcat}
