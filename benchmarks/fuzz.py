"""Feeds changed inputs to every parser of what comes from outside, and holds that each says so in its own errors.

`python -m benchmarks.fuzz --inputs 20000` makes so many for each target of `fuzz_targets` by a seed: bytes flipped,
cut, repeated, spliced, numbers put to their ends. What reaches new lines joins the seeds while the lines are watched,
during the first inputs. An error that is not allowed is a fault, a second of CPU for one input too, and less coverage
than the target's floor. Planted bugs, each of which must show: a screenshot looked at before its length, a nested
header not caught, a search on blanks that never ends, a window's title that may be missing.
"""

from __future__ import annotations

import argparse
import logging
import random
import re
import signal
import struct
import sys
import time
import types
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from unittest import mock

from PIL import Image

from agent_runtime.adapters import layout
from benchmarks.fuzz_targets import Target, targets
from benchmarks.measures import Measure, report

SLOWEST_SEC: Final = 1.0
LONGEST_BYTES: Final = 1 << 18
WATCHED_SHARE: Final = 0.1
"""Of the inputs, while new lines are looked for: watching is slow."""
PLANTED_INPUTS, PLANTED_ROUNDS = 200, 40
"""Inputs before it is looked whether a planted bug shows, and how often that is done at the most."""
_ENDS: Final = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 63, (1 << 64) - 1)
_PIECES: Final = (
    *(bytes([byte]) for byte in b'"{}[]<>=()\0\n'),
    *(b"-1", b"1e999", b"NaN", b"null", b"\xff\xfe", b" " * 64, b"9" * 400, b"9" * 5000, b'{"a":' * 2000),
    "\u202e".encode(),
    "\ud800".encode("utf-8", "surrogatepass"),
)
Line = tuple[types.CodeType, int]


class TooSlowError(Exception):
    """One input took more than its time."""


@dataclass
class Tally:
    """What came of one target."""

    name: str
    inputs: int = 0
    faults: int = 0
    slow: int = 0
    coverage: float = 1.0
    least_coverage: float = 0.0
    notes: list[str] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Whether no promise was broken."""
        return not self.faults and not self.slow and self.coverage >= self.least_coverage


def changed(rng: random.Random, pool: list[bytes]) -> bytes:
    """Return an input changed in one to several places."""
    content = bytearray(rng.choice(pool))
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        place = rng.randrange(len(content) + 1)
        length = rng.choice((1, 2, 4, 8, rng.randrange(1, 256)))
        match rng.randrange(8):
            case 0 if content:
                content[place % len(content)] ^= 1 << rng.randrange(8)
            case 1:
                del content[place : place + length]
            case 2:
                content[place:place] = rng.choice(_PIECES)
            case 3:
                content[place:place] = rng.randbytes(length)
            case 4:
                size = rng.choice((1, 2, 4, 8))
                number = rng.choice(_ENDS) % (1 << (8 * size))
                content[place : place + size] = number.to_bytes(size, rng.choice(("little", "big")))
            case 5:
                piece = bytes(content[place : place + length])
                content[place:place] = piece * min(rng.choice((2, 16, 1000)), LONGEST_BYTES // max(1, len(piece)))
            case 6:
                other = rng.choice(pool)
                start = rng.randrange(len(other) + 1)
                content[place:] = other[start:]
            case _:
                del content[place:]
    return bytes(content[:LONGEST_BYTES])


class Watch:
    """Which lines of a target's modules were reached."""

    def __init__(self, target: Target) -> None:
        self.reached: set[Line] = set()
        codes = (code for module in target.modules for code in _codes_of(module))
        self._codes = {code for code in codes if code.co_qualname.partition(".")[0] not in target.writers}
        self.lines = {
            (code, line)
            for code in self._codes
            for _, _, line in code.co_lines()
            if line and line != code.co_firstlineno
        }

    @contextmanager
    def on(self) -> Iterator[None]:
        """Watch this thread while the block runs."""
        before = sys.gettrace()
        sys.settrace(self._called)
        try:
            yield
        finally:
            sys.settrace(before)

    @property
    def coverage(self) -> float:
        """Share of the lines that were reached."""
        return len(self.reached & self.lines) / len(self.lines) if self.lines else 1.0

    def _called(self, frame: types.FrameType, event: str, argument: object) -> Callable[..., Any] | None:
        return self._at_line if frame.f_code in self._codes else None

    def _at_line(self, frame: types.FrameType, event: str, argument: object) -> Callable[..., Any]:
        if event == "line":
            self.reached.add((frame.f_code, frame.f_lineno))
        return self._at_line


def _codes_of(module: types.ModuleType) -> Iterator[types.CodeType]:
    """Yield the code of a module's functions, methods and what is within these."""
    waiting = [
        found.__code__
        for holder in (module, *(value for value in vars(module).values() if isinstance(value, type)))
        for found in map(_function, vars(holder).values())
        if found is not None and found.__module__ == module.__name__
    ]
    while waiting:
        code = waiting.pop()
        if code.co_filename == module.__file__:
            yield code
        waiting += [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]


def _function(value: object) -> types.FunctionType | None:
    if isinstance(value, property):
        value = value.fget
    value = getattr(value, "__func__", value)
    return value if isinstance(value, types.FunctionType) else None


@contextmanager
def _limited() -> Iterator[None]:
    """Interrupt what takes more CPU than its time, also within a regular expression."""

    def interrupt(number: int, frame: object) -> None:
        raise TooSlowError

    before = signal.signal(signal.SIGPROF, interrupt)
    signal.setitimer(signal.ITIMER_PROF, SLOWEST_SEC)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, before)


def feed(target: Target, content: bytes, tally: Tally) -> None:
    """Parse one input and count what came of it."""
    tally.inputs += 1
    try:
        with _limited():
            target.parse(content)
    except target.allowed:
        return
    except TooSlowError:
        tally.slow += 1
        tally.notes.append(f"{target.name}: over {SLOWEST_SEC:g} s for {len(content)} bytes {content[:60]!r}")
    except Exception as error:  # noqa: BLE001  # whatever it is, it is not what the parser promises
        tally.faults += 1
        tally.notes.append(f"{target.name}: {error!r} for {len(content)} bytes {content[:60]!r}")


def fuzz(target: Target, inputs: int, seed: int | str) -> Tally:
    """Feed the seeds and so many changed inputs."""
    tally, rng = Tally(target.name, least_coverage=target.least_coverage), random.Random(f"{seed} {target.name}")
    watch, pool = Watch(target), list(target.seeds)
    watched = max(200, int(WATCHED_SHARE * inputs)) if target.modules else 0
    with watch.on():
        for content in target.seeds:
            feed(target, content, tally)
    for number in range(inputs):
        content = changed(rng, pool)
        if number < watched:
            known = len(watch.reached)
            with watch.on():
                feed(target, content, tally)
            if len(watch.reached) > known:
                pool.append(content)
        else:
            feed(target, content, tally)
    tally.coverage = watch.coverage
    return tally


def _png_before_its_length() -> mock._patch[Any]:
    def broken(screenshot: Any) -> None:
        struct.unpack(">II", screenshot.png[16:24])

    return mock.patch("tuner.ingest.validate._broken_screenshot", broken)


@contextmanager
def _uncaught_nesting() -> Iterator[None]:
    try:
        with mock.patch("agent_runtime.adapters.layout.json.loads", lambda content, **settings: _nested(content)):
            yield
    finally:  # nobody is to remember what was read wrong
        layout._described.cache_clear()
        layout._float32_layout.cache_clear()


def _nested(content: str) -> dict[str, object]:
    if content.count("{") > 40:
        raise KeyError("nested")
    return {}


def _endless_blanks() -> mock._patch[Any]:
    pattern = re.compile(r"(\s+)+:")
    return mock.patch("benchmarks.fuzz_targets.vote_from_text", pattern.search)


def _missing_title() -> mock._patch[Any]:
    return mock.patch("benchmarks.fuzz_targets.secure_windows", lambda text: text.split("mCurrentFocus=")[1])


PLANTED: Final[Mapping[str, tuple[str, Callable[[], Any]]]] = {
    "a screenshot is looked at before its length": ("wire", _png_before_its_length),
    "a header's nesting is not caught": ("delta header", _uncaught_nesting),
    "blanks are searched for ever": ("model text", _endless_blanks),
    "a window's title may be missing": ("device output", _missing_title),
}


def unseen(seed: int, names: Iterable[str] = PLANTED) -> list[str]:
    """Plant each bug and return those that do not show within ``PLANTED_ROUNDS`` rounds of inputs."""
    by_name = {target.name: target for target in targets()}
    return [name for name in names if not _shows(by_name[PLANTED[name][0]], PLANTED[name][1], seed)]


def _shows(target: Target, plant: Callable[[], Any], seed: int) -> bool:
    with plant():
        rounds = (fuzz(target, PLANTED_INPUTS, f"{seed}/{count}") for count in range(PLANTED_ROUNDS))
        return any(tally.faults or tally.slow for tally in rounds)


def main() -> int:
    """Fuzz, tell, and return the exit code: 1 where a parser misbehaves or a planted bug goes unseen."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--inputs", type=int, default=20_000, help="for each target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    options = parser.parse_args()
    if options.inputs < 1:
        parser.error("give inputs from 1")
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)
    started_sec = time.monotonic()
    tallies = []
    for target in targets():
        tallies.append(fuzz(target, options.inputs, options.seed))
        tally = tallies[-1]
        print(
            f"  {tally.name:14} {tally.inputs} inputs, {tally.faults} faults, {tally.slow} slow, {tally.coverage:.0%}"
        )
    blind = unseen(options.seed)
    print(f"seed {options.seed}, {time.monotonic() - started_sec:.0f} s")
    print("\n".join([note for tally in tallies for note in tally.notes][:20]))
    print(f"planted bugs that go unseen: {', '.join(blind) or 'none'}")
    total = sum(tally.inputs for tally in tallies)
    measures = [
        Measure(
            "inputs with an error that is not allowed",
            sum(each.faults for each in tallies),
            0.0,
            "lower",
            total,
            "inputs",
        ),
        Measure("… that took over a second of CPU", sum(each.slow for each in tallies), 0.0, "lower", total, "inputs"),
        *(
            Measure(
                f"{each.name}: lines reached", each.coverage, each.least_coverage, "higher", 100 * each.coverage, "%"
            )
            for each in tallies
            if each.least_coverage
        ),
        Measure("planted bugs that show", 1 - len(blind) / len(PLANTED), 1.0, "higher", len(PLANTED), ""),
    ]
    return report("Parsers never misbehave", measures, options.json)


if __name__ == "__main__":
    sys.exit(main())
