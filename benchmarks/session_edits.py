"""Edits of a recorded session's folder, each a thing somebody or a disk might do to it. Opens and verifies none.

No edit here chains the folder anew: who can do that can forge any session, as the chain is no signature.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from agent_runtime.sessions.recording import HEADER_NAME, LINES_NAME, SCREENS_NAME

Edit = Callable[[Path, Path, random.Random], None]
"""Changes the first folder, a copy; the second is another session, of which it may take something."""
_HEX: Final = b"0123456789abcdef"
_NUMBER: Final = re.compile(rb'"(reward|x_norm|y_norm|seed|index|temperature|step_limit)":(-?[0-9][0-9.e-]*)')
_SCREEN: Final = re.compile(rb'"screen_sha256":"([0-9a-f]{64})"')
_CHAIN: Final = re.compile(rb'"chain":"([0-9a-f]{64})"')
_REWARD: Final = re.compile(rb'"reward":([0-9.e-]+)')


def flip_a_bit(folder: Path, other: Path, rng: random.Random) -> None:
    """Flip one bit of one file."""
    path, content = _some_file(folder, rng)
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def change_a_byte(folder: Path, other: Path, rng: random.Random) -> None:
    """Change one byte of one file to another value."""
    path, content = _some_file(folder, rng)
    content[rng.randrange(len(content))] ^= rng.randrange(1, 256)
    path.write_bytes(content)


def insert_a_byte(folder: Path, other: Path, rng: random.Random) -> None:
    """Put one byte in somewhere."""
    path, content = _some_file(folder, rng)
    content.insert(rng.randrange(len(content) + 1), rng.randrange(256))
    path.write_bytes(content)


def delete_a_byte(folder: Path, other: Path, rng: random.Random) -> None:
    """Take one byte out."""
    path, content = _some_file(folder, rng)
    del content[rng.randrange(len(content))]
    path.write_bytes(content)


def truncate_a_file(folder: Path, other: Path, rng: random.Random) -> None:
    """Cut one file short by at least a byte, at worst to nothing."""
    path, content = _some_file(folder, rng)
    path.write_bytes(content[: rng.randrange(len(content))])


def append_to_a_file(folder: Path, other: Path, rng: random.Random) -> None:
    """Add bytes after a file's end."""
    path, content = _some_file(folder, rng)
    path.write_bytes(content + rng.randbytes(rng.randint(1, 200)))


def drop_a_line(folder: Path, other: Path, rng: random.Random) -> None:
    """Take a line out."""
    lines = _lines(folder)
    del lines[rng.randrange(len(lines))]
    _write(folder, lines)


def drop_the_last_lines(folder: Path, other: Path, rng: random.Random) -> None:
    """Cut between two lines."""
    lines = _lines(folder)
    _write(folder, lines[: rng.randrange(len(lines))])


def drop_a_last_step(folder: Path, other: Path, rng: random.Random) -> None:
    """Take out the step before an episode's end: what stays is in an order that could have been recorded."""
    lines = _lines(folder)
    ends = [at for at, line in enumerate(lines) if b'"event":"episode_end"' in line]
    del lines[rng.choice(ends) - 1]
    _write(folder, lines)


def duplicate_a_line(folder: Path, other: Path, rng: random.Random) -> None:
    """Write a line twice."""
    lines = _lines(folder)
    at = rng.randrange(len(lines))
    lines.insert(at, lines[at])
    _write(folder, lines)


def reorder_lines(folder: Path, other: Path, rng: random.Random) -> None:
    """Swap two lines."""
    lines = _lines(folder)
    one, two = rng.sample(range(len(lines)), 2)
    lines[one], lines[two] = lines[two], lines[one]
    _write(folder, lines)


def take_a_line_of_another(folder: Path, other: Path, rng: random.Random) -> None:
    """Replace a line by the one at the same place of another session."""
    lines, theirs = _lines(folder), _lines(other)
    at = rng.choice([at for at, (mine, yours) in enumerate(zip(lines, theirs, strict=False)) if mine != yours])
    lines[at] = theirs[at]
    _write(folder, lines)


def take_the_header_of_another(folder: Path, other: Path, rng: random.Random) -> None:
    """Put another session's session.json over it."""
    (folder / HEADER_NAME).write_bytes((other / HEADER_NAME).read_bytes())


def change_a_number(folder: Path, other: Path, rng: random.Random) -> None:
    """Change the value of a field in a line and leave the line's chain."""
    _substitute(folder, _NUMBER, 2, lambda told: b"7" if told != b"7" else b"8", rng)


def change_the_reward(folder: Path, other: Path, rng: random.Random) -> None:
    """Turn a reward around."""
    _substitute(folder, _REWARD, 1, lambda told: b"0.0" if told == b"1.0" else b"1.0", rng)


def change_a_chain(folder: Path, other: Path, rng: random.Random) -> None:
    """Change a digit of a line's chain."""
    _substitute(folder, _CHAIN, 1, lambda told: _another_digit(told, rng), rng)


def change_a_digest(folder: Path, other: Path, rng: random.Random) -> None:
    """Change a digit of the digest by which a step names its picture."""
    _substitute(folder, _SCREEN, 1, lambda told: _another_digit(told, rng), rng)


def exchange_a_screenshot(folder: Path, other: Path, rng: random.Random) -> None:
    """Put another whole picture, of another session, in a picture's place, where it has one."""
    theirs = {path.read_bytes() for path in _screens(other)} - {path.read_bytes() for path in _screens(folder)}
    if theirs:
        rng.choice(_screens(folder)).write_bytes(rng.choice(sorted(theirs)))


def swap_screenshots(folder: Path, other: Path, rng: random.Random) -> None:
    """Swap the contents of two pictures; a session with one picture stays as it is."""
    if len(_screens(folder)) < 2:
        return
    one, two = rng.sample(_screens(folder), 2)
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)


def remove_a_screenshot(folder: Path, other: Path, rng: random.Random) -> None:
    """Delete a picture."""
    rng.choice(_screens(folder)).unlink()


def remove_the_lines(folder: Path, other: Path, rng: random.Random) -> None:
    """Delete all that happened and leave session.json."""
    (folder / LINES_NAME).unlink()


EDITS: Final[Mapping[str, Edit]] = {
    edit.__name__.replace("_", " "): edit
    for edit in (
        *(flip_a_bit, change_a_byte, insert_a_byte, delete_a_byte, truncate_a_file, append_to_a_file),
        *(drop_a_line, drop_the_last_lines, drop_a_last_step, duplicate_a_line, reorder_lines),
        *(take_a_line_of_another, take_the_header_of_another, change_a_number, change_the_reward, change_a_chain),
        *(change_a_digest, exchange_a_screenshot, swap_screenshots, remove_a_screenshot, remove_the_lines),
    )
}
"""By the name they are told by."""


def _some_file(folder: Path, rng: random.Random) -> tuple[Path, bytearray]:
    """Return one of session.json, the lines and the pictures, each a third of the time, and what is in it."""
    path = rng.choice([folder / HEADER_NAME, folder / LINES_NAME, rng.choice(_screens(folder))])
    return path, bytearray(path.read_bytes())


def _screens(folder: Path) -> list[Path]:
    return sorted((folder / SCREENS_NAME).iterdir())


def _lines(folder: Path) -> list[bytes]:
    return (folder / LINES_NAME).read_bytes().splitlines(keepends=True)


def _write(folder: Path, lines: Sequence[bytes]) -> None:
    (folder / LINES_NAME).write_bytes(b"".join(lines))


def _substitute(
    folder: Path, where: re.Pattern[bytes], group: int, new: Callable[[bytes], bytes], rng: random.Random
) -> None:
    content = (folder / LINES_NAME).read_bytes()
    found = rng.choice(list(where.finditer(content)))
    start, end = found.span(group)
    (folder / LINES_NAME).write_bytes(content[:start] + new(found[group]) + content[end:])


def _another_digit(told: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(told))
    digit = rng.choice([digit for digit in _HEX if digit != told[at]])
    return told[:at] + bytes([digit]) + told[at + 1 :]
