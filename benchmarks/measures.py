"""Holds figures beside their bars, times works in turn, and tells the result: a table, JSON, an exit code.

Every figure is a ratio to a reference that was measured in the same run, because these machines are shared: works
take turns, round after round, and a ratio is the median over the rounds of the ratios within a round.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.markup import escape
from rich.table import Table

_CPU_FILE = Path("/proc/cpuinfo")
_PLAIN_WIDTH = 200


@dataclass(frozen=True)
class Measure:
    """One figure as a ratio to its reference, and the bar it is held to; `value` and `unit` are for people."""

    name: str
    ratio: float
    bar: float
    better: Literal["higher", "lower"]
    value: float
    unit: str

    @property
    def passes(self) -> bool:
        """True when the bar is met; a ratio that is no number meets none."""
        return self.ratio >= self.bar if self.better == "higher" else self.ratio <= self.bar


@dataclass(frozen=True)
class Rounds:
    """What each work took in each round, in milliseconds, by the work's name."""

    times_ms: Mapping[str, Sequence[float]]

    def median_ms(self, work: str) -> float:
        """Return the median time of a work."""
        return statistics.median(self.times_ms[work])

    def median_ratio(self, work: str, reference: str) -> float:
        """Return the median, over the rounds, of how many times the reference's time a work took."""
        pairs = zip(self.times_ms[work], self.times_ms[reference], strict=True)
        return statistics.median(mine_ms / theirs_ms for mine_ms, theirs_ms in pairs)


def timed_ms(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Return the milliseconds one call takes by a clock of seconds."""
    started_sec = clock()
    work()
    return 1e3 * (clock() - started_sec)


def in_turn(
    rounds: int, works: Mapping[str, Callable[[], object]], clock: Callable[[], float] = time.perf_counter
) -> Rounds:
    """Time every work once a round, one after another; what is to be warm must be so before.

    ``time.process_time`` as the clock leaves out what others do on the machine; for works that wait for nothing.
    """
    times_ms: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            times_ms[name].append(timed_ms(work, clock))
    return Rounds(times_ms)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which so great a share of them lies, the next above; infinite for none."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else math.inf


def json_option(name: str, description: str | None) -> Path | None:
    """Read the command line every benchmark has; return the file it names for the figures, None where it does not."""
    summary = (description or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=summary)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    chosen: Path | None = parser.parse_args().json
    return chosen


def report(title: str, measures: Sequence[Measure], json_path: Path | None) -> int:
    """Print the figures, write them as JSON where asked, and return the exit code: 1 when a bar is missed."""
    where, passed = machine(), all(measure.passes for measure in measures)
    _print(title, where, measures)
    if json_path is not None:
        result = {"pass": passed, "measures": [asdict(measure) for measure in measures], "machine": where}
        json_path.parent.mkdir(parents=True, exist_ok=True)
        json_path.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return 0 if passed else 1


def machine() -> str:
    """Say in one line what the figures were seen on."""
    model, flags = _cpu()
    bf16 = "with" if "avx512_bf16" in flags else "without"
    load = os.getloadavg()[0]
    return f"{model} ({platform.machine()}), {os.cpu_count()} cores, {bf16} AVX512-BF16, load {load:.1f}"


def _cpu() -> tuple[str, frozenset[str]]:
    """Return the processor's name and its features, as far as the system tells."""
    if not _CPU_FILE.is_file():
        return platform.processor() or "unknown CPU", frozenset()
    lines = [line.partition(":") for line in _CPU_FILE.read_text().splitlines()]
    told = {key.strip(): value.strip() for key, _, value in lines}
    return told.get("model name", "unknown CPU"), frozenset(told.get("flags", "").split())


def _print(title: str, where: str, measures: Sequence[Measure]) -> None:
    """Print a table; where nobody looks at a terminal, plain columns that no width cuts."""
    console = Console(highlight=False)
    table = Table("measure", "value", "ratio", "bar", "")
    if not console.is_terminal:
        console = Console(highlight=False, width=_PLAIN_WIDTH)
        table.box = None
    for measure in measures:
        bar = f"{'≥' if measure.better == 'higher' else '≤'} {measure.bar:.3g}"
        verdict = "[green]pass[/]" if measure.passes else "[red]MISSED[/]"
        value = f"{measure.value:.3g} {measure.unit}"
        table.add_row(escape(measure.name), value, f"{measure.ratio:.3g}", bar, verdict)
    console.print(f"{title} — {where}", markup=False, soft_wrap=True)
    console.print(table)
