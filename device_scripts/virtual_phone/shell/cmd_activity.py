"""`am` and `monkey`: start, stop and broadcast. Texts follow ActivityManagerShellCommand of Android 14."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from device_scripts.virtual_phone.errors import PhoneError
from device_scripts.virtual_phone.shell.intents import (
    Intent,
    IntentError,
    long_component,
    parse_intent,
    short_component,
)
from device_scripts.virtual_phone.shell.interpreter import CommandFunction, Context

_BAD_STATUS: Final = 255
_MONKEY_ABORTED: Final = 252
_START_MS: Final = 120
_ENCODED_EXTRA: Final = {
    "ADB_INPUT_B64": ("ADB_INPUT_TEXT", "msg"),
    "ADB_KEYBOARD_INPUT_TEXT": ("ADB_KEYBOARD_INPUT_TEXT", "text"),
}
"""A keyboard's action to the phone's, and the extra that holds base64."""
_NOT_STARTED_ON_TOP: Final = (
    "Warning: Activity not started, intent has been delivered to currently running top-most instance."
)


def am(ctx: Context) -> int:
    """Run one activity-manager command."""
    name, *rest = ctx.args or [""]
    function = _COMMANDS.get(name)
    if function is None:
        known = ", ".join(sorted(_COMMANDS))
        problem = f"Unknown command: {name}\n" if name else ""
        return ctx.fail(f"{problem}Activity manager (activity) commands: {known}", _BAD_STATUS)
    try:
        return function(ctx, rest)
    except IntentError as error:
        return ctx.fail(f"\nException occurred while executing '{name}':\n{error}", _BAD_STATUS)


def _start(ctx: Context, args: list[str]) -> int:
    """Start an activity by component, package or URL. Without -W, warnings and errors go to standard error."""
    intent = parse_intent(args)
    ctx.print(f"Starting: {intent.describe()}")
    target = intent.component or intent.package
    phone = ctx.device.phone
    if intent.stop_first and target:
        phone.force_stop(target.partition("/")[0])
    before = phone.foreground()
    if not _is_address(intent.data_uri) or (not target and not intent.data_uri):
        return ctx.fail(f"Error: Activity not started, unable to resolve {intent.describe()}")
    try:
        started = phone.start_activity(target, intent.data_uri or None)
    except PhoneError:
        return _not_started(ctx, intent)
    already_on_top = not intent.data_uri and long_component(started) == long_component(before)
    if already_on_top and intent.wait:
        ctx.print(_NOT_STARTED_ON_TOP)
    elif already_on_top:
        ctx.fail(_NOT_STARTED_ON_TOP)
    if intent.wait:
        _print_wait(ctx, started, "UNKNOWN (0)" if already_on_top else "COLD")
    return 0


def _is_address(uri: str) -> bool:
    """Return whether a link can be taken apart (`https://[` cannot)."""
    try:
        urlsplit(uri)
    except ValueError:
        return False
    return True


def _not_started(ctx: Context, intent: Intent) -> int:
    if intent.component:
        ctx.fail("Error type 3")
        return ctx.fail(f"Error: Activity class {{{long_component(intent.component)}}} does not exist.")
    return ctx.fail(f"Error: Activity not started, unable to resolve {intent.describe()}")


def _print_wait(ctx: Context, component: str, launch_state: str) -> None:
    lines = (
        "Status: ok",
        f"LaunchState: {launch_state}",
        f"Activity: {short_component(component)}",
        f"TotalTime: {_START_MS}",
        f"WaitTime: {_START_MS + 3}",
        "Complete",
    )
    for line in lines:
        ctx.print(line)


def _force_stop(ctx: Context, args: list[str]) -> int:
    """Stop a package; an unknown one is no error, as on a phone."""
    operands = _operands(args)
    if not operands:
        raise IntentError('java.lang.IllegalArgumentException: Argument expected after "force-stop"')
    if operands[0] in ctx.device.phone.packages():
        ctx.device.phone.force_stop(operands[0])
    return 0


def _kill(ctx: Context, args: list[str]) -> int:
    """Kill a background process: the app on top stays, as on a phone."""
    operands = _operands(args)
    if not operands:
        raise IntentError('java.lang.IllegalArgumentException: Argument expected after "kill"')
    foreground_package = ctx.device.phone.foreground().partition("/")[0]
    if operands[0] in ctx.device.phone.packages() and operands[0] != foreground_package:
        ctx.device.phone.force_stop(operands[0])
    return 0


def _broadcast(ctx: Context, args: list[str]) -> int:
    """Send a broadcast and print the receivers' answer."""
    intent = parse_intent(args)
    ctx.print(f"Broadcasting: {intent.describe()}")
    action, extras = _typed_text(intent)
    phone = ctx.device.phone
    is_for_another = bool(intent.package) and intent.package != phone.ime_current().partition("/")[0]
    result, data = (0, None) if is_for_another else phone.broadcast(action, extras)
    suffix = "" if data is None else f', data="{data}"'
    ctx.print(f"Broadcast completed: result={result}{suffix}")
    return 0


def _typed_text(intent: Intent) -> tuple[str, dict[str, str]]:
    """Return action and extras, with the keyboards' base64 of UTF-8 decoded: ADBKeyBoard's becomes `ADB_INPUT_TEXT`."""
    if intent.action not in _ENCODED_EXTRA:
        return intent.action, intent.extras
    action, extra = _ENCODED_EXTRA[intent.action]
    try:
        text = base64.b64decode(intent.extras.get(extra, ""), validate=True).decode()
    except ValueError:
        return "", {}  # a keyboard types nothing for what it cannot decode
    return action, {extra: text}


def _start_service(ctx: Context, args: list[str]) -> int:
    """No app here has a service."""
    intent = parse_intent(args)
    ctx.print(f"Starting service: {intent.describe()}")
    return ctx.fail("Error: Not found; no service started.")


def _current_user(ctx: Context, _args: list[str]) -> int:
    ctx.print("0")
    return 0


def _instrument(ctx: Context, args: list[str]) -> int:
    """No app here has tests."""
    component = _operands(args)[-1:] or [""]
    ctx.print("INSTRUMENTATION_STATUS: id=ActivityManagerService")
    return ctx.fail(f"INSTRUMENTATION_FAILED: {component[0]}")


def _nothing(_ctx: Context, _args: list[str]) -> int:
    """A command whose effect cannot be seen on this phone."""
    return 0


def monkey(ctx: Context) -> int:
    """Launch a package: `monkey -p PKG [-c CATEGORY] 1`; random events are not offered."""
    for word in ctx.args:
        ctx.fail(f"  bash arg: {word}")
    package = next((after for option, after in zip(ctx.args, ctx.args[1:], strict=False) if option == "-p"), "")
    count = ctx.args[-1] if ctx.args else ""
    if not package or count != "1":
        return ctx.fail("** Error: only `monkey -p PACKAGE [-c CATEGORY] 1` (launch an app) is served", _BAD_STATUS)
    try:
        ctx.device.phone.start_activity(package)
    except PhoneError:
        return ctx.fail("** No activities found to run, monkey aborted.", _MONKEY_ABORTED)
    ctx.print("Events injected: 1")
    ctx.print("## Network stats: elapsed time=16ms (0ms mobile, 0ms wifi, 16ms not connected)")
    return 0


def _operands(args: list[str]) -> list[str]:
    """Return what is left without `--user N`."""
    if "--user" in args:
        at = args.index("--user")
        args = args[:at] + args[at + 2 :]
    return [word for word in args if not word.startswith("-")]


_COMMANDS: Final[dict[str, Callable[[Context, list[str]], int]]] = {
    "start": _start, "start-activity": _start, "force-stop": _force_stop, "stop-app": _force_stop, "kill": _kill,
    "kill-all": _nothing, "broadcast": _broadcast, "startservice": _start_service, "start-service": _start_service,
    "start-foreground-service": _start_service, "get-current-user": _current_user, "instrument": _instrument,
    "wait-for-broadcast-idle": _nothing, "clear-debug-app": _nothing, "set-debug-app": _nothing,
}  # fmt: skip

COMMANDS: Final[dict[str, CommandFunction]] = {"am": am, "monkey": monkey}
