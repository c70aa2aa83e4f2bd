"""`agent-runtime`: all of its commands, and what it says of bad options. Needs no torch until a model is loaded.

`agent-runtime --device S` is short for `agent-runtime run --device S`.
"""

from typing import Any

import typer
from typer.core import TyperGroup

from agent_runtime import (
    device_commands,
    doctor_command,
    provenance_commands,
    record_command,
    run_command,
    scan_command,
    send_command,
)
from agent_runtime.command_line import run_program
from agent_runtime.sessions import commands as session_commands
from agent_runtime.sessions import transfer_commands


class RunByDefault(TyperGroup):
    """Takes options without a command as those of ``run``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put ``run`` in front of options; asking for help stays asking for help."""
        is_run = bool(args) and args[0].startswith("-") and args[0] != "--help"
        return super().parse_args(ctx, ["run", *args] if is_run else args)


app = typer.Typer(
    cls=RunByDefault,
    add_completion=False,
    no_args_is_help=True,
    help="Lets a vision-language model use a phone, and sends what happens to a tuner. "
    "Without a command, options are those of `run`: agent-runtime --device emulator-5554.",
)


@app.callback()
def _group() -> None:
    """Makes the app a group even while it has one command."""


session_commands.register(app)
transfer_commands.register(app)
device_commands.register(app)
send_command.register(app)
record_command.register(app)
provenance_commands.register(app)
scan_command.register(app)
run_command.register(app)
doctor_command.register(app)


def main() -> None:
    """Entry point; bad options end with one sentence and exit code 2."""
    run_program(app, "agent-runtime")


if __name__ == "__main__":
    main()
