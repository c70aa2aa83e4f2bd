"""Asks whether estimates from recorded episodes hold the truth: small worlds, many pairs of policies, the truth known.

    python -m benchmarks.policy_estimate              # 400 pairs, a minute or two
    python -m benchmarks.policy_estimate --mutants    # the same with planted bugs, which must show

A world has tasks, screens between which actions lead (now and then elsewhere, as a pop-up would), and a policy that
writes a few words of thought and one word of action in each state. Those who act and those who are asked about differ
by random amounts, from hardly at all to beyond recognition; how often the latter succeed is computed exactly.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final
from unittest import mock

import numpy as np
from rich.console import Console
from rich.progress import track

from benchmarks.estimate_worlds import make_policy, make_world, moved, play, truth, with_a_shortcut
from benchmarks.measures import machine
from tuner.estimate import verdict
from tuner.estimate.episodes import Episode, Table, table_of
from tuner.estimate.intervals import Interval, percentiles, wilson
from tuner.estimate.overlap import OverlapRule
from tuner.estimate.verdict import Verdict, judge

SIZES: Final = (60, 200, 600)
DISTANCES: Final = (0.05, 0.15, 0.3, 0.5, 0.8, 1.5)
UNSEEN: Final = -1.0
"""In the place of a distance: who is asked about does what was hardly ever recorded."""
DRAWS: Final = 500
NO_RULE: Final = OverlapRule(0.0, 1.0, 1e-300, 1e300)

Change = Callable[[list[Episode]], list[Episode]]


@dataclass(frozen=True)
class Trial:
    """One question: the truth, what is said under the rule, and what would be said without one."""

    distance: float
    episodes: int
    truth: float
    told: Verdict
    anyway: Verdict


def trials(pairs: int, seed: int, sizes: Sequence[int] = SIZES, change: Change | None = None) -> list[Trial]:
    """Ask about so many pairs at every size, distance by distance, and as many as of one distance that are unseen."""
    kinds = (*DISTANCES, UNSEEN)
    return [
        trial
        for pair in track(range(pairs), "pairs", console=Console(stderr=True))
        for trial in _of_pair(kinds[pair % len(kinds)], [seed, pair], sizes, change)
    ]


def _of_pair(distance: float, seed: Sequence[int], sizes: Sequence[int], change: Change | None) -> Iterator[Trial]:
    rng = np.random.default_rng(list(seed))
    world = make_world(rng)
    acting = make_policy(world, rng)
    if distance == UNSEEN:
        acting, asked = with_a_shortcut(world, acting, rng)
    else:
        asked = moved(world, acting, distance, rng)
    for size in sizes:
        episodes = play(world, acting, asked, size, rng)
        if change is not None:
            episodes = change(episodes)
        told, anyway = (judge(episodes, rule, draws=DRAWS, seed=seed[-1]) for rule in (None, NO_RULE))
        yield Trial(distance, size, truth(world, asked), told, anyway)


# --- what is promised


def coverage(asked: Sequence[Trial], name: str) -> float:
    """Return how often the interval of an estimate, or of what was recorded, holds the truth."""
    return float(np.mean([_interval(trial.anyway, name).holds(trial.truth) for trial in asked])) if asked else 1.0


def _interval(said: Verdict, name: str) -> Interval:
    if name == "recorded":
        return said.recorded_interval
    estimate = said.doubly_robust if name == "doubly_robust" else said.importance_sampling
    assert estimate is not None
    return estimate.interval


def answered(asked: Sequence[Trial]) -> list[Trial]:
    """Return the trials in which something was said."""
    return [trial for trial in asked if trial.told.refusal is None]


@dataclass(frozen=True)
class Promise:
    """A figure and its bar; ``slack`` is what chance may take of it in so few trials."""

    name: str
    value: float
    bar: float
    at_least: bool
    slack: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether the bar is met."""
        return self.value >= self.bar - self.slack if self.at_least else self.value <= self.bar + self.slack


def promises(asked: Sequence[Trial]) -> list[Promise]:
    """Return what the estimates promise, and two figures that say whether this study can tell."""
    said = answered(asked)
    near = [trial for trial in asked if 0 < trial.distance <= 0.15 and trial.episodes >= 200]
    unseen = [trial for trial in asked if trial.distance == UNSEEN]
    slack = 2 * (0.95 * 0.05 / max(1, len(said))) ** 0.5
    return [
        Promise("doubly robust intervals hold the truth", coverage(said, "doubly_robust"), 0.95, True, slack),
        Promise(
            "importance sampling intervals hold the truth", coverage(said, "importance_sampling"), 0.95, True, slack
        ),
        Promise("answered among near pairs", len(answered(near)) / max(1, len(near)), 0.95, True),
        Promise(
            "answered where the new way was never recorded", len(answered(unseen)) / max(1, len(unseen)), 0.02, False
        ),
        Promise("there, without the rule, intervals hold the truth", coverage(unseen, "doubly_robust"), 0.5, False),
        Promise("what was recorded holds the truth", coverage(said, "recorded"), 0.75, False),
    ]


# --- planted bugs


def _with_ratios(remake: Callable[[tuple[float, ...]], Sequence[float]]) -> Change:
    return lambda episodes: [replace(one, log_ratios=tuple(remake(one.log_ratios))) for one in episodes]


def _ended_episodes_drop_out(episodes: Sequence[Episode]) -> Table:
    table = table_of(episodes)
    for row, episode in enumerate(episodes):
        table.ratios[row, len(episode.log_ratios) + 1 :] = 0.0
    return table


def _all_count(share: float, count: float, confidence: float) -> Interval:
    return wilson(share, 100 * count, confidence)


MUTANTS: Final[Mapping[str, tuple[Change | None, Mapping[str, Any]]]] = {
    "the episodes are not weighed at all": (_with_ratios(lambda logs: [0.0 for _ in logs]), {}),
    "a step has its own ratio, not those so far": (
        _with_ratios(lambda logs: [after - before for before, after in pairwise((0.0, *logs))]),
        {},
    ),
    "ratios upside down": (_with_ratios(lambda logs: [-log for log in logs]), {}),
    "episodes that ended lose their weight": (None, {"table_of": _ended_episodes_drop_out}),
    "nothing is ever refused": (None, {"refusal": lambda overlap, rule: None}),
    "everything is refused": (None, {"refusal": lambda overlap, rule: None if rule == NO_RULE else "no"}),
    "intervals of one standard error": (
        None,
        {
            "percentiles": lambda drawn, confidence: percentiles(drawn, 0.68),
            "wilson": _all_count,
        },
    ),
}


@contextmanager
def planted(name: str) -> Iterator[Change | None]:
    """Plant a bug while inside; yield what it makes of episodes."""
    change, patches = MUTANTS[name]
    with mock.patch.multiple(verdict, **patches) if patches else mock.patch.dict({}):
        yield change


def caught(name: str, pairs: int, seed: int, sizes: Sequence[int] = SIZES) -> list[str]:
    """Return the promises that a planted bug breaks."""
    with planted(name) as change:
        return [promise.name for promise in promises(trials(pairs, seed, sizes, change)) if not promise.holds]


# --- telling


def table(asked: Sequence[Trial]) -> str:
    """Return a table, a row for each distance and size."""
    lines = [
        "| distance | episodes | answered | doubly robust holds | importance sampling holds | recorded holds "
        "| width | error |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for distance, size in sorted({(trial.distance, trial.episodes) for trial in asked}):
        cell = [trial for trial in asked if (trial.distance, trial.episodes) == (distance, size)]
        said = answered(cell)
        name = "unseen" if distance == UNSEEN else f"{distance:g}"
        shares = [f"{coverage(said, kind):.0%}" for kind in ("doubly_robust", "importance_sampling", "recorded")]
        width, error = _width_and_error(said)
        rest = [*shares, f"{width:.2f}", f"{error:.3f}"] if said else ["–"] * 5
        lines.append(f"| {name} | {size} | {len(said)} of {len(cell)} | {' | '.join(rest)} |")
    return "\n".join(lines)


def _width_and_error(said: Sequence[Trial]) -> tuple[float, float]:
    """Return the mean width of the doubly robust intervals, and the root mean square of their estimates' errors."""
    found = [(trial.told.doubly_robust, trial.truth) for trial in said]
    widths = [one.interval.high - one.interval.low for one, _ in found if one is not None]
    errors = [(one.value - true) ** 2 for one, true in found if one is not None]
    return float(np.mean(widths or [0.0])), float(np.mean(errors or [0.0])) ** 0.5


def main() -> int:
    """Run, print, and return the exit code: 1 when a promise is broken, or a planted bug breaks none."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.policy_estimate", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--pairs", type=int, default=420)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mutants", action="store_true", help="plant bugs, which must break a promise")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    options = parser.parse_args()
    print(f"seed {options.seed}, {options.pairs} pairs, {machine()}")
    if options.mutants:
        broken = {name: caught(name, options.pairs, options.seed) for name in MUTANTS}
        for name, told in broken.items():
            print(f"{name}: {'; '.join(told) if told else 'NOT CAUGHT'}")
        return 0 if all(broken.values()) else 1
    asked = trials(options.pairs, options.seed)
    print(table(asked))
    found = promises(asked)
    for promise in found:
        bar = f"{'≥' if promise.at_least else '≤'} {promise.bar:.2f}"
        print(f"{promise.name}: {promise.value:.1%} ({bar}) {'holds' if promise.holds else 'BROKEN'}")
    passes = all(promise.holds for promise in found)
    if options.json is not None:
        figures = {"pass": passes, "seed": options.seed, "promises": [asdict(promise) for promise in found]}
        options.json.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return 0 if passes else 1


if __name__ == "__main__":
    sys.exit(main())
