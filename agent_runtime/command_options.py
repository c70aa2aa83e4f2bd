"""What the commands of `agent-runtime` share: options, their defaults, and the end on bad input. Knows no command."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from agent_runtime.command_line import BAD_INPUT_EXIT_CODE
from agent_runtime.errors import AgentRuntimeError

DEFAULT_ADB_SERVER_HOST = "127.0.0.1"
DEFAULT_ADB_SERVER_PORT = 5037
DEFAULT_MODEL = "small-vlm"

Device = Annotated[str, typer.Option(help="Serial, as `adb devices` shows it.")]
AdbServerHost = Annotated[str, typer.Option(help="Where the adb server runs.")]
AdbServerPort = Annotated[int, typer.Option(min=1, max=65535, help="The adb server's port.")]
Model = Annotated[str, typer.Option(help="Base checkpoint: a folder, or 'small-vlm'.")]
RecordedQuantization = Annotated[str | None, typer.Option(help="nf4, int8 or none; the recorded one by default.")]
RecordedFolder = Annotated[Path, typer.Argument(help="Folder that `run --record` wrote.", metavar="DIR")]
RedactRegions = Annotated[
    list[str] | None, typer.Option(help="x0,y0,x1,y1 from 0 to 1 to record as black; may be given again.")
]
TunerTls = Annotated[
    Path | None, typer.Option(help="Folder of `tuner keys issue`: certificate and key to call the tuner with.")
]


@contextmanager
def bad_input_is_a_sentence() -> Iterator[None]:
    """Say what is wrong in one sentence and end with exit code 2."""
    try:
        yield
    except (AgentRuntimeError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(BAD_INPUT_EXIT_CODE) from None
