"""`agent-runtime record`: a person's own demonstration on a phone, as a session. Loads no model, touches no screen."""

import select
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent_runtime.command_options import (
    DEFAULT_ADB_SERVER_HOST,
    DEFAULT_ADB_SERVER_PORT,
    AdbServerHost,
    AdbServerPort,
    Device,
    RedactRegions,
    bad_input_is_a_sentence,
)
from agent_runtime.devices.numbers import whole_number
from agent_runtime.errors import DeviceError, UsageError
from agent_runtime.stopping import stop_on_signals
from agent_runtime.trajectory import Verdict

if TYPE_CHECKING:
    from agent_runtime.devices.adb import AdbDevice
    from agent_runtime.devices.getevent import TouchPanel
    from agent_runtime.devices.stream import ByteStream
    from agent_runtime.sessions.recording import Redaction
    from agent_runtime.trajectory import Step

VOID_EXIT_CODE = 1
_OUTCOMES = {"success": True, "failure": False}


def register(app: typer.Typer) -> None:
    """Add the command to the program's."""
    app.command()(record)


def record(
    device: Device,
    output: Annotated[Path, typer.Option(help="New folder for the session.")],
    goal: Annotated[str, typer.Option(help="What you are about to do, as an agent would be asked to.")],
    name: Annotated[str, typer.Option(help="What the task is called.")] = "demonstration",
    outcome: Annotated[
        str | None, typer.Option(help="success or failure, as it will end; asked at the end by default.")
    ] = None,
    adb_server_host: AdbServerHost = DEFAULT_ADB_SERVER_HOST,
    adb_server_port: AdbServerPort = DEFAULT_ADB_SERVER_PORT,
    redact_text: Annotated[bool, typer.Option("--redact-text", help="Record typed text as ▒.")] = False,
    redact_region: RedactRegions = None,
) -> None:
    """Record what you do on a phone until Enter, Ctrl-C or the phone's volume-down key: exit code 1 when void."""
    with bad_input_is_a_sentence():
        from agent_runtime.devices.adb import open_device
        from agent_runtime.sessions.start import chosen_redaction

        if outcome is not None and outcome not in _OUTCOMES:
            raise UsageError(f"Got the outcome {outcome!r}, expected success or failure: choose one of these.")
        if not goal.strip():
            raise UsageError("Got an empty goal, expected what you are about to do: name it with --goal.")
        redaction = chosen_redaction(output, redact_text, redact_region or [])
        with closing(open_device(device, adb_server_host, adb_server_port)) as opened:
            verdict, steps = _record(opened, output, goal, name, redaction, outcome)
    typer.echo(f"Wrote {output}: {steps} steps, {verdict.value}.")
    if verdict is Verdict.VOID:
        raise typer.Exit(VOID_EXIT_CODE)


def _record(
    device: "AdbDevice",
    folder: Path,
    goal: str,
    name: str,
    redaction: "Redaction",
    outcome: str | None,
) -> tuple[Verdict, int]:
    """Follow and write; a device that fails on the way makes the demonstration void, and nothing of it is lost.

    Raises:
        DeviceError: the device has no touch screen, or does not answer from the start.
        SessionError: the folder cannot be recorded to.
    """
    from agent_runtime.sessions.demonstrating.demonstrator import Demonstrator
    from agent_runtime.sessions.demonstrating.events import EventLines
    from agent_runtime.sessions.demonstrating.gestures import slop_px
    from agent_runtime.sessions.demonstrating.writing import start_demonstration

    panels = _panels(device)
    slop = slop_px(device.shell(["wm", "density"]).stdout)
    with closing(EventLines(_event_stream(device), device.clock)) as lines:
        writer = start_demonstration(folder, device, goal, name, redaction, _tell_step)
        long_press_sec = _long_press_sec(device)
        person = Demonstrator(device, lines, panels, slop, writer.add, _tell_ready, _tell_noticed, long_press_sec)
        stopped = stop_on_signals()
        typer.echo("Do it, one thing at a time, each after “ready”. End with Enter, Ctrl-C or the volume-down key.")
        last, broken = None, ""
        try:
            last = person.run(lambda: stopped() or writer.is_full or _enter_pressed())
        except DeviceError as error:
            broken = f"DeviceError: {error}"
    broken = broken or person.broken
    if broken:
        typer.echo(f"It is void: {broken}.", err=True)
    succeeded = _OUTCOMES[outcome] if outcome is not None else None if broken else _asked()
    return writer.end(succeeded, last, broken), len(writer.steps)


def _panels(device: "AdbDevice") -> "list[TouchPanel]":
    from agent_runtime.devices.getevent import DEVICES_COMMAND, touch_panels

    told = device.shell(DEVICES_COMMAND)
    panels = touch_panels(told.stdout)
    if not panels:
        said = " ".join(told.stdout.split())[:120] or f"exit status {told.exit_code}"
        raise DeviceError(
            f"Got no touch screen from `getevent -lp` on {device.serial} ({said}), expected one: use a device whose "
            "shell may read /dev/input."
        )
    return panels


def _event_stream(device: "AdbDevice") -> "ByteStream":
    """Open `getevent` on a terminal: into a pipe it would write a full buffer at a time."""
    from agent_runtime.devices.getevent import EVENTS_COMMAND
    from agent_runtime.devices.stream import StreamBrokenError

    try:
        return device.open_service(f"shell,pty:{EVENTS_COMMAND}")
    except StreamBrokenError:  # before Android 7, where a plain shell has a terminal
        return device.open_service(f"shell:{EVENTS_COMMAND}")


def _long_press_sec(device: "AdbDevice") -> float:
    from agent_runtime.sessions.demonstrating.gestures import LONG_PRESS_SEC

    told_ms = whole_number(device.shell(["settings", "get", "secure", "long_press_timeout"]).stdout.strip())
    return LONG_PRESS_SEC if told_ms is None else told_ms / 1e3


def _tell_step(step: "Step") -> None:
    from agent_runtime.sessions.wording import action_words

    typer.echo(f"{step.index}. {action_words(step.action)}")


def _tell_ready() -> None:
    typer.echo("ready")


def _tell_noticed() -> None:
    typer.echo("…")


def _enter_pressed() -> bool:
    if not sys.stdin.isatty():
        return False
    readable, _, _ = select.select([sys.stdin], [], [], 0)
    return bool(readable) and bool(sys.stdin.readline())


def _asked() -> bool | None:
    """Ask at the terminal whether the goal was reached; None where there is none."""
    return typer.confirm("Was the goal reached?", default=True) if sys.stdin.isatty() else None
