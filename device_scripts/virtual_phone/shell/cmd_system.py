"""Shell commands about the whole device: reboot, ifconfig, df."""

from __future__ import annotations

from typing import Final

from device_scripts.virtual_phone.apps.storage import DISK_KIB, SYSTEM_KIB
from device_scripts.virtual_phone.shell.interpreter import CommandFunction, Context


def reboot(ctx: Context) -> int:
    """Ask for a reboot: the connection drops and the phone is back with its home screen."""
    ctx.device.rebooting = True
    return 0


def ifconfig(ctx: Context) -> int:
    """Print the one interface: the address an emulator's guest has."""
    if ctx.args and ctx.args[0] != "wlan0":
        return ctx.fail(f"ifconfig: {ctx.args[0]}: error fetching interface information: No such device")
    ctx.print("wlan0     Link encap:Ethernet  HWaddr 02:00:00:00:00:00")
    ctx.print("          inet addr:10.0.2.16  Bcast:10.0.2.255  Mask:255.255.255.0")
    ctx.print("          UP BROADCAST RUNNING MULTICAST  MTU:1500  Metric:1")
    return 0


def df(ctx: Context) -> int:
    """Print the one disk in KiB (`df -k /data`): always the same, as files here are few and small."""
    for path in [word for word in ctx.args if not word.startswith("-")]:
        if ctx.device.files.find(ctx.shell.absolute(path)) is None:
            return ctx.fail(f"df: {path}: No such file or directory")
    share = 100 * SYSTEM_KIB // DISK_KIB
    ctx.print("Filesystem     1K-blocks    Used Available Use% Mounted on")
    ctx.print(f"/dev/block/dm-5  {DISK_KIB} {SYSTEM_KIB}   {DISK_KIB - SYSTEM_KIB}  {share}% /data")
    return 0


COMMANDS: Final[dict[str, CommandFunction]] = {"reboot": reboot, "ifconfig": ifconfig, "df": df}
