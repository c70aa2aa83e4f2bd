"""`dumpsys` and `cmd`: find the service named and let it speak. Holds no service's text but the short ones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Final

from device_scripts.virtual_phone.shell import cmd_activity, cmd_packages, cmd_settings
from device_scripts.virtual_phone.shell.dump_activity import dump_activity
from device_scripts.virtual_phone.shell.dump_window import DISPLAY_ID, dump_display, dump_window
from device_scripts.virtual_phone.shell.interpreter import CommandFunction, Context

_NOT_FOUND_STATUS: Final = 1
_CMD_NOT_FOUND_STATUS: Final = 20


def dumpsys(ctx: Context) -> int:
    """Print one service's state; `-l` lists the services."""
    args = list(ctx.args)
    if args[:1] == ["-t"]:
        del args[:2]
    if not args or args[0] == "-l":
        ctx.print("Currently running services:")
        for name in sorted(_SERVICES):
            ctx.print(f"  {name}")
        return 0
    function = _SERVICES.get(args[0])
    if function is None:
        return ctx.fail(f"Can't find service: {args[0]}", _NOT_FOUND_STATUS)
    return function(ctx, args[1:])


def _battery(ctx: Context, args: list[str]) -> int:
    battery = ctx.device.phone.state.battery
    if args[:1] == ["set"] and len(args) == 3 and args[1] in ("level", "status") and args[2].isdigit():
        setattr(battery, args[1], int(args[2]))
        return 0
    if args[:1] == ["unplug"]:
        battery.ac_powered = battery.usb_powered = False
        return 0
    lines = {
        "AC powered": _java(battery.ac_powered),
        "USB powered": _java(battery.usb_powered),
        "Wireless powered": "false",
        "Dock powered": "false",
        "Max charging current": "0",
        "Max charging voltage": "0",
        "Charge counter": str(battery.level * 30_000),
        "status": str(battery.status),
        "health": "2",
        "present": "true",
        "level": str(battery.level),
        "scale": "100",
        "voltage": str(battery.voltage_mv),
        "temperature": str(battery.temperature_tenths_c),
        "technology": "Li-ion",
    }
    ctx.print("Current Battery Service state:")
    for name, value in lines.items():
        ctx.print(f"  {name}: {value}")
    return 0


def _power(ctx: Context, _args: list[str]) -> int:
    on = ctx.device.phone.state.screen_on
    state = "Awake" if on else "Asleep"
    ctx.print(f"POWER MANAGER (dumpsys power)\n\nPower Manager State:\n  mWakefulness={state}")
    ctx.print(f"  mHoldingWakeLockSuspendBlocker=false\n  mHoldingDisplaySuspendBlocker={_java(on)}")
    ctx.print(f"Display Power: state={'ON' if on else 'OFF'}")
    return 0


def _input_method(ctx: Context, _args: list[str]) -> int:
    phone = ctx.device.phone
    shown = _java(phone.ime_shown())
    ctx.print("Current Input Method Manager state:")
    ctx.print(f"  mCurMethodId={phone.ime_current()}")
    ctx.print(f"  mCurId={phone.ime_current()} mHaveConnection=true mBoundToMethod=true mVisibleBound={shown}")
    ctx.print(f"  mShowRequested={shown} mShowExplicitlyRequested=false mShowForced=false mInputShown={shown}")
    ctx.print("  mInteractive=true mSystemReady=true")
    return 0


def _package(ctx: Context, args: list[str]) -> int:
    """Print one package's record, or `Unable to find package`."""
    package = args[-1] if args else ""
    if package not in ctx.device.phone.packages():
        return ctx.fail(f"Unable to find package: {package}", 0)
    uid = cmd_packages.package_uid(ctx, package)
    kind = "SYSTEM HAS_CODE" if cmd_packages.is_system(package) else "HAS_CODE ALLOW_CLEAR_USER_DATA"
    first_boot = datetime.fromtimestamp(ctx.device.files.nodes["/"].mtime_sec, timezone.utc)
    installed = first_boot.strftime("%Y-%m-%d %H:%M:%S")
    launcher = ctx.device.phone.launcher_activities().get(package)
    lines = [
        "Activity Resolver Table:",
        "  Non-Data Actions:",
        "      android.intent.action.MAIN:",
        f"        1a2b3c4 {launcher} filter 5d6e7f8" if launcher else "        none",
        "",
        "Packages:",
        f"  Package [{package}] (3f1c2d4):",
        f"    userId={uid}",
        f"    codePath={cmd_packages.apk_path(package).rpartition('/')[0]}",
        "    versionCode=1 minSdk=26 targetSdk=34",
        "    versionName=1.0",
        "    signatures=PackageSignatures{1b2c3d4 version:3, signatures:[5e6f7a8b], past signatures:[]}",
        f"    flags=[ {kind} ]",
        f"    pkgFlags=[ {kind} ]",
        f"    timeStamp={installed}",
        f"    firstInstallTime={installed}",
        f"    lastUpdateTime={installed}",
        "    User 0: ceDataInode=1 installed=true hidden=false suspended=false stopped=false enabled=0",
    ]
    for line in lines:
        ctx.print(line)
    return 0


def _telephony_registry(ctx: Context, _args: list[str]) -> int:
    ctx.print("last known state:\n  Phone Id=0")
    ctx.print("    mCallState=0\n    mServiceState=0(IN_SERVICE)")  # idle: this phone makes no calls
    return 0


def _surface_flinger(ctx: Context, args: list[str]) -> int:
    if args[:1] == ["--display-id"]:
        ctx.print(f'Display {DISPLAY_ID} (HWC display 0): port=0 pnpId=VRT displayName="EMU_display_0"')
        return 0
    width_px, height_px = ctx.device.phone.size
    ctx.print(f"Display {DISPLAY_ID}\n  activeMode={width_px}x{height_px} 62.50 Hz")
    return 0


def _window(ctx: Context, args: list[str]) -> int:
    ctx.print(dump_window(ctx.device.phone, args))
    return 0


def _activity(ctx: Context, args: list[str]) -> int:
    ctx.print(dump_activity(ctx.device.phone, args))
    return 0


def _display(ctx: Context, _args: list[str]) -> int:
    ctx.print(dump_display(ctx.device.phone))
    return 0


def _java(value: bool) -> str:
    return "true" if value else "false"


def cmd(ctx: Context) -> int:
    """Run a service's own shell command: activity, package, settings, input, window, …"""
    if not ctx.args:
        return ctx.fail("cmd: No service specified; use -l to list all services", _CMD_NOT_FOUND_STATUS)
    if ctx.args[0] == "-l":
        ctx.print("Currently running services:\n" + "\n".join(f"  {name}" for name in sorted(_CMD_TARGETS)))
        return 0
    name = _CMD_TARGETS.get(ctx.args[0])
    if name is None:
        return ctx.fail(f"cmd: Can't find service: {ctx.args[0]}", _CMD_NOT_FOUND_STATUS)
    return ctx.shell.commands[name](Context(name, ctx.args[1:], ctx.streams, ctx.shell))


def pidof(ctx: Context) -> int:
    """Print the process number of a package that has a task."""
    running = {component.partition("/")[0] for component in ctx.device.phone.back_stack()}
    found = [name for name in ctx.args if name in running]
    if found:
        ctx.print(" ".join(str(process_id(name)) for name in found))
    return 0 if found else 1


def process_id(package: str) -> int:
    """Return a stable process number for a package."""
    return 1000 + sum(package.encode()) % 9000


_SERVICES: Final[dict[str, Callable[[Context, list[str]], int]]] = {
    "window": _window, "activity": _activity, "display": _display, "battery": _battery, "power": _power,
    "input_method": _input_method, "package": _package, "SurfaceFlinger": _surface_flinger,
    "telephony.registry": _telephony_registry,
}  # fmt: skip

_CMD_TARGETS: Final = {
    "activity": "am", "package": "pm", "settings": "settings", "input": "input", "window": "wm", "input_method": "ime",
}  # fmt: skip

COMMANDS: Final[dict[str, CommandFunction]] = {
    "dumpsys": dumpsys, "cmd": cmd, "pidof": pidof, **cmd_activity.COMMANDS, **cmd_packages.COMMANDS,
    **cmd_settings.COMMANDS,
}  # fmt: skip
