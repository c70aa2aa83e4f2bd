"""`agent-runtime import` and `agent-runtime export`: options in, a few lines out. Loads no model."""

from pathlib import Path
from typing import Annotated

import typer

from agent_runtime.command_line import BAD_INPUT_EXIT_CODE
from agent_runtime.command_options import bad_input_is_a_sentence
from agent_runtime.errors import UsageError

LEFT_OUT_EXIT_CODE = 1


def register(app: typer.Typer) -> None:
    """Add the commands to the program's."""
    app.command("import")(import_)
    app.command()(export)


def import_(
    kind: Annotated[str, typer.Argument(help="aitw, aitz, android-control, android-world or folder.")],
    source: Annotated[Path, typer.Argument(help="What to import: see docs/sessions.md.")],
    output: Annotated[Path, typer.Option(help="New folder for the session.")],
    images: Annotated[Path | None, typer.Option(help="Folder of the screenshots, where they lie elsewhere.")] = None,
) -> None:
    """Make a session of what others recorded: exit code 0 when all of it is in, 1 when episodes were left out."""
    with bad_input_is_a_sentence():
        from agent_runtime.sessions.importers import IMPORTERS
        from agent_runtime.sessions.importing import import_session
        from agent_runtime.sessions.recording import Origin

        name = kind.replace("_", "-")
        if name not in IMPORTERS:
            raise UsageError(f"Got the kind {kind!r}, expected one of {', '.join(IMPORTERS)}: choose one of these.")
        report = import_session(Origin(name, str(source)), IMPORTERS[name](source, images), output)
    for sentence in report.refused:
        typer.echo(sentence, err=True)
    if not report.episodes:
        raise typer.Exit(BAD_INPUT_EXIT_CODE)
    left_out = f" {len(report.refused)} more left out." if report.refused else ""
    typer.echo(f"Imported {report.episodes} episodes of {report.steps} steps into {output}.{left_out}")
    typer.echo(f"It is quarantined until `agent-runtime accept {output}`: look at it first.")
    if report.refused:
        raise typer.Exit(LEFT_OUT_EXIT_CODE)


def export(
    folder: Annotated[Path, typer.Argument(help="Folder of a session.", metavar="DIR")],
    output: Annotated[
        Path, typer.Option(help="File to write, over one that is there; a new folder for atif and lerobot.")
    ],
    format_: Annotated[str, typer.Option("--format", help="jsonl, parquet, atif, lerobot or rrd.")] = "jsonl",
) -> None:
    """Write a session for other programs: a table with a row a step, ATIF, a LeRobot dataset or a Rerun recording."""
    with bad_input_is_a_sentence():
        from agent_runtime.sessions.export import FORMATS, export_session
        from agent_runtime.sessions.reader import open_session

        session = open_session(folder)
        count = export_session(session, format_, output)
    cut = "" if session.is_closed else " The recording was cut short."
    typer.echo(f"Wrote {output}: {count} {FORMATS[format_].counts}.{cut}")
