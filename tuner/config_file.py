"""`--config FILE`: options of a command from a YAML file, under their own names; what the command line says wins."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from tuner.command_options import fail

_MAX_FILE_BYTES = 1 << 20


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            fail(f"Got {path} with over {_MAX_FILE_BYTES} bytes, expected a file of settings: shorten it.")
        settings = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        first_line = " ".join(str(error).split())
        fail(f"Got no settings from {path} ({first_line}), expected YAML: correct the path or the file.")
    if not isinstance(settings, dict):
        fail(f"Got {path} without settings, expected lines like `learning_rate: 2e-4`: correct the file.")
    return settings


def take_defaults_from(context: typer.Context, path: Path | None) -> Path | None:
    """Make the file's settings the defaults of the command's options, before these are read."""
    if path is None:
        return None
    settings = _read(path)
    known = {parameter.name: parameter for parameter in context.command.params if parameter.name != "config"}
    for name, value in settings.items():
        if name not in known:
            fail(f"Got {name!r} in {path}, expected one of {', '.join(sorted(filter(None, known)))}: correct the file.")
        if isinstance(value, dict | list) or value is None:
            fail(f"Got {name}: {value!r} in {path}, expected one plain value: correct the file.")
    plain = {name: value if isinstance(value, bool) else str(value) for name, value in settings.items()}
    context.default_map = {**(context.default_map or {}), **plain}
    return path


ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        is_eager=True,
        callback=take_defaults_from,
        help="YAML file with options of this command, named as here with _ for -; the command line wins.",
    ),
]
