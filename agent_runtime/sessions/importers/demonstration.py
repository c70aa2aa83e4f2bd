"""What every importer yields, and how it reads JSON files and pictures. Knows no source's format, writes nothing."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from agent_runtime.actions import Action, Finish
from agent_runtime.actions.reading import whole_json
from agent_runtime.errors import UsageError

MAX_FILE_BYTES = 256 << 20
SizePx = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Shown:
    """A screen and what was done on it; ``thought`` is what the source says about why."""

    picture: Path | bytes
    """The PNG, or the file it is in."""
    size_px: SizePx
    action: Action
    thought: str = ""


@dataclass(frozen=True, slots=True)
class Demonstration:
    """An episode that somebody else recorded; it has at least one step."""

    name: str
    """Stands for the task: the source's own name of the episode."""
    goal: str
    steps: tuple[Shown, ...]
    succeeded: bool | None
    """None where the source does not say."""


@dataclass(frozen=True, slots=True)
class Refused:
    """An episode that cannot be imported, and the sentence that says why and what to do."""

    sentence: str


def said_by_the_last(actions: Sequence[Action]) -> bool | None:
    """Return what the last action says of the goal; None where it is no end."""
    last = actions[-1] if actions else None
    return last.succeeded if isinstance(last, Finish) else None


def json_of(path: Path, what: str) -> object:
    """Return what a JSON file holds; ``what`` tells a person what it should have been.

    Raises:
        UsageError: it cannot be read, is too large or is no JSON.
    """
    return json_in(text_of_file(path, what), path, what)


def json_in(text: str, where: object, what: str) -> object:
    """Return what a text holds as JSON.

    Raises:
        UsageError: it is none.
    """
    try:
        return whole_json(text)
    except ValueError as error:
        problem = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        raise UsageError(f"Got {where} that is no JSON ({problem}), expected {what}: name such a file.") from error


def text_of_file(path: Path, what: str) -> str:
    """Return a text file's contents.

    Raises:
        UsageError: it cannot be read, is too large or is no UTF-8.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise UsageError(f"Got {path}, larger than {MAX_FILE_BYTES} bytes, expected {what}: split it.")
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"Got {path} that cannot be read ({error}), expected {what}: name such a file.") from error


def picture_size_px(path: Path) -> SizePx:
    """Return a PNG's (width, height) after decoding it whole, so that a broken one is found before anything is written.

    Raises:
        UsageError: it is missing, or no whole PNG.
    """
    try:
        with Image.open(path, formats=("PNG",)) as picture:
            picture.load()
            return picture.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UsageError(
            f"Got no picture from {path} ({error}), expected the screenshot as a PNG: put it there, or convert it."
        ) from error
