"""Faults of a phone, one kind after another under an oracle's episodes, and planted bugs that must show.

`python -m benchmarks.device_faults --trials 100` runs so many episodes a kind on a phone without sockets and on a
clock of its own, so that waits of minutes cost nothing; `--over-adb N` of them go over a real adb server. A sound
device stands beside the faulty one. Every fifth trial of a fault that can stay never ends, and every second one under
a killed app or a jumped clock has an agent that gives up: these must be void.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from benchmarks.fault_mutants import MUTANTS, shown
from benchmarks.fault_stages import real_stage, simulated_stage
from benchmarks.fault_trials import Counts, run_kind
from benchmarks.measures import Measure, report
from device_scripts.virtual_phone.faults import EVENT_OF
from device_scripts.virtual_phone.private_adb import AdbServer, private_adb_server

MUTANT_TRIALS = 20
RECOVERED_BAR = 0.99
_HEAD = (
    "| kind | trials | struck | named | recovered | void (wanted) | blamed | taps repeated | bad frames trained on "
    "| others disturbed | s/episode | simulated s |\n|" + "---|" * 12
)


def row(counts: Counts) -> str:
    """Return a line of the table."""
    per_trial = max(1, counts.trials)
    cells = (
        *(counts.kind, counts.trials, counts.struck, counts.named, counts.recovered),
        *(f"{counts.void} ({counts.void_wanted})", counts.blamed, counts.taps_repeated, counts.bad_frames),
        *(counts.disturbed, f"{counts.seconds / per_trial:.2f}", f"{counts.simulated_sec / per_trial:.0f}"),
    )
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def trials_of(kind: str, trials: int, over_adb: int, seed: int, adb: AdbServer) -> Counts:
    """Run the trials of one kind, the first ones on a simulated stage, the last ones over adb, and add up."""
    with simulated_stage(seed) as stage:
        counts = run_kind(stage, kind, max(0, trials - over_adb))
    if over_adb:
        with real_stage(adb, seed) as stage:
            real = run_kind(stage, kind, min(over_adb, trials))
        for part in fields(Counts):
            if part.name not in ("kind", "simulated_sec"):
                setattr(counts, part.name, getattr(counts, part.name) + getattr(real, part.name))
    return counts


def measures_of(results: Sequence[Counts], caught: int) -> list[Measure]:
    """Hold the sums over all kinds beside what is promised."""

    def total(name: str) -> int:
        return sum(int(getattr(counts, name)) for counts in results)

    trials, wanted = total("trials"), total("void_wanted")
    could = max(1, trials - wanted)
    none = (
        ("episodes scored as the agent's failure", "blamed"),
        ("taps repeated", "taps_repeated"),
        ("decisions on bad frames that are trained on", "bad_frames"),
        ("episodes that disturbed another device", "disturbed"),
    )
    return [
        Measure("faults that struck, of the trials", total("struck") / trials, 1.0, "higher", total("struck"), ""),
        Measure("faults detected and named", total("named") / trials, 1.0, "higher", total("named"), ""),
        Measure("recovered, of those that end", total("recovered") / could, RECOVERED_BAR, "higher", could, "could"),
        Measure("void, of those that do not end", _share(wanted, results), 1.0, "higher", wanted, "episodes"),
        *(Measure(about, total(name), 0.0, "lower", total(name), "") for about, name in none),
        Measure("planted bugs caught", caught / len(MUTANTS), 1.0, "higher", caught, "bugs"),
    ]


def _share(wanted: int, results: Sequence[Counts]) -> float:
    """Return which share of the episodes that had to be void was; 1 where none had to."""
    rightly = sum(counts.void - counts.wrongly_void for counts in results)
    return rightly / wanted if wanted else 1.0


def main() -> int:
    """Run, print the tables, and return the exit code: 1 where a promise is broken or a planted bug goes unseen."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kinds", default="all", help="all, or names joined by commas")
    parser.add_argument("--trials", type=int, default=10, help="episodes a kind")
    parser.add_argument("--over-adb", type=int, default=1, help="how many of them over a real adb server")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    options = parser.parse_args()
    kinds = list(EVENT_OF) if options.kinds == "all" else options.kinds.split(",")
    unknown = [kind for kind in kinds if kind not in EVENT_OF]
    if unknown or options.trials < 1 or options.over_adb < 0:
        parser.error(f"give kinds of {', '.join(EVENT_OF)}, trials from 1 and over-adb from 0")
    print(f"seed {options.seed}\n{_HEAD}", flush=True)
    results = []
    with tempfile.TemporaryDirectory() as home, private_adb_server(Path(home)) as adb:
        for kind in kinds:
            results.append(trials_of(kind, options.trials, options.over_adb, options.seed, adb))
            print(row(results[-1]), flush=True)
    for note in sorted({note for counts in results for note in counts.notes}):
        print(note)
    caught = 0
    for mutant in MUTANTS:
        sick, sound = shown(mutant, MUTANT_TRIALS)
        caught += sick > 0 and sound == 0
        print(f"{mutant.recovery.__name__}: {mutant.shown_by} {sick} with the bug, {sound} without", flush=True)
    missed = report("Faults of a device", measures_of(results, caught), options.json)
    return missed or int(not all(counts.is_kept for counts in results))


if __name__ == "__main__":
    sys.exit(main())
