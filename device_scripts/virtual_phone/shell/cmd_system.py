"""Shell commands about the whole device: reboot, ifconfig."""

from __future__ import annotations

from typing import Final

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


COMMANDS: Final[dict[str, CommandFunction]] = {"reboot": reboot, "ifconfig": ifconfig}
