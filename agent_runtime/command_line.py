"""Runs a program's command line: what is wrong with its options is one sentence and exit code 2. Knows no command."""

import re
import sys
from typing import NoReturn, cast

import typer

BAD_INPUT_EXIT_CODE = 2
INTERRUPTED_EXIT_CODE = 130
_USAGE_ERROR = cast("type[typer.BadParameter]", typer.BadParameter.__mro__[1])
"""click's UsageError; typer brings a click of its own or not, depending on its version, and exports only this child."""
_NO_CHOICE = re.compile(r"Invalid value for '(?P<option>[^']+)': (?P<got>.+) is not one of (?P<choices>.+)\.")


def run_program(app: typer.Typer, name: str, prefix: str = "") -> NoReturn:
    """Run the command line of the program of that name and exit; ``prefix`` begins a sentence on bad options."""
    try:
        code = app(standalone_mode=False)
    except _USAGE_ERROR as error:
        sentence = _sentence(error, name)
        if sentence:
            typer.echo(prefix + sentence, err=True)
        sys.exit(BAD_INPUT_EXIT_CODE)
    except typer.Abort:
        sys.exit(INTERRUPTED_EXIT_CODE)
    sys.exit(code if isinstance(code, int) else 0)


def _sentence(error: typer.BadParameter, name: str) -> str:
    said = error.format_message().replace(": Value error, ", ": ")
    if not said or "\n" in said:  # no command was named, and help is the answer
        return said
    chosen = _NO_CHOICE.fullmatch(said)
    if chosen is not None:
        return "Got {got} for {option}, expected one of {choices}: choose one of these.".format(**chosen.groupdict())
    context = error.ctx
    command = "" if context is None else context.command_path.removeprefix(context.find_root().info_name or "")
    return f"{said.rstrip('.')}; see `{name}{command} --help`."
