"""`agent-runtime perform`: a recorded session performed again on a device, told in a few lines. Loads no model."""

from pathlib import Path
from typing import Annotated

import typer

from agent_runtime.command_options import (
    DEFAULT_ADB_SERVER_HOST,
    DEFAULT_ADB_SERVER_PORT,
    AdbServerHost,
    AdbServerPort,
    Device,
    RecordedFolder,
    bad_input_is_a_sentence,
)
from agent_runtime.sessions.commands import DIFFERENT_EXIT_CODE


def register(app: typer.Typer) -> None:
    """Add the commands to the program's."""
    app.command()(perform)


def perform(
    folder: RecordedFolder,
    device: Device,
    adb_server_host: AdbServerHost = DEFAULT_ADB_SERVER_HOST,
    adb_server_port: AdbServerPort = DEFAULT_ADB_SERVER_PORT,
    gate: Annotated[str | None, typer.Option(help="emulator, strict, or a JSON file (docs/gate.md).")] = None,
    allow_physical: Annotated[bool, typer.Option("--allow-physical", help="Use a real phone.")] = False,
    ignore_region: Annotated[
        list[str] | None, typer.Option(help="x0,y0,x1,y1 from 0 to 1 not to compare, as a clock; may be given again.")
    ] = None,
    page: Annotated[Path | None, typer.Option(help="HTML file to write; DIR/performed.html by default.")] = None,
) -> None:
    """Perform recorded actions on a device again and compare screens: exit code 0 when all are equal, 1 when not."""
    from agent_runtime.devices.adb import open_device
    from agent_runtime.devices.recovery import RecoveringDevice
    from agent_runtime.gate.files import GateChoice, gated
    from agent_runtime.sessions.on_device import perform_again
    from agent_runtime.sessions.on_device_page import summary, told, write_difference_page
    from agent_runtime.sessions.provenance import require_trusted
    from agent_runtime.sessions.reader import open_session
    from agent_runtime.sessions.recording import region_from_text

    with bad_input_is_a_sentence():
        ignored = [region_from_text(region) for region in ignore_region or ()]
        session = open_session(folder)
        require_trusted(session)
        with open_device(device, adb_server_host, adb_server_port) as opened:
            guarded = gated(RecoveringDevice(opened), GateChoice(gate, allow_physical))
            if guarded.screen_size_px() != session.info.screen_size_px:
                typer.echo(
                    f"The screen is {guarded.screen_size_px()} and not the recorded {session.info.screen_size_px}: "
                    "pictures are compared in the recorded size."
                )
            report = perform_again(session, guarded, ignored)
        path = page if page is not None else folder / "performed.html"
        write_difference_page(session, device, report, path)
    for done in report.episodes:
        typer.echo(f"Episode {done.episode.number} ({done.episode.start.goal}): {told(done)}")
    typer.echo(f"{summary(report)} Wrote {path}.")
    if not all(done.is_whole for done in report.episodes):
        raise typer.Exit(DIFFERENT_EXIT_CODE)
