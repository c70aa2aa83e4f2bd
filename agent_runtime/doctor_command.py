"""`agent-runtime doctor`: options in, the findings on one device as a table out. Loads no model."""

from pathlib import Path
from typing import Annotated

import typer

from agent_runtime.command_options import (
    DEFAULT_ADB_SERVER_HOST,
    DEFAULT_ADB_SERVER_PORT,
    AdbServerHost,
    AdbServerPort,
    Device,
    bad_input_is_a_sentence,
)

NOT_READY_EXIT_CODE = 1


def register(app: typer.Typer) -> None:
    """Add the command to the program's."""
    app.command()(doctor)


def doctor(
    device: Device,
    adb_server_host: AdbServerHost = DEFAULT_ADB_SERVER_HOST,
    adb_server_port: AdbServerPort = DEFAULT_ADB_SERVER_PORT,
    report: Annotated[Path | None, typer.Option(help="JSON file for findings and raw answers, to send along.")] = None,
) -> None:
    """Say whether a device is ready for an agent, and what to do where it is not; exit 1 when something fails."""
    from agent_runtime.doctor import examine, print_table, write_report

    with bad_input_is_a_sentence():
        examination = examine(device, adb_server_host, adb_server_port)
        print_table(examination.findings)
        if report is not None:
            write_report(report, examination)
    if examination.has_failed:
        raise typer.Exit(NOT_READY_EXIT_CODE)
