"""Adds up outcomes and lays curves out as SVG paths. Reads no file and draws no colour."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tuner.page.reader import EpisodeFacts

Z_95_PERCENT = 1.959964
MAX_GROUPS = 20
SMOOTHED_UPDATES = 8
WIDTH_PX, HEIGHT_PX = 640, 180
_LEFT_PX, _RIGHT_PX, _TOP_PX, _BOTTOM_PX = 62, 12, 12, 26


@dataclass(frozen=True, slots=True)
class Rate:
    """Successes among judged episodes."""

    successes: int
    judged: int

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's interval at 95 %; all of 0 to 1 when nothing was judged."""
        return wilson(self.successes, self.judged)

    @property
    def texts(self) -> tuple[str, ...]:
        """The share and its interval in per cent, and the counts; nothing when nothing was judged."""
        if not self.judged:
            return ()
        low, high = self.interval
        share = f"{100 * self.successes / self.judged:.0f} %"
        return share, f"({100 * low:.0f}–{100 * high:.0f})", f"{self.successes} of {self.judged}"


@dataclass(frozen=True, slots=True)
class Group:
    """Episodes of one task, or of one adapter version, by what they were run for."""

    name: str
    explore: Rate
    evaluate: Rate


@dataclass(frozen=True, slots=True)
class Device:
    """What one runtime sent from one device; ``lag`` is how many versions behind ``latest`` its last episode was."""

    runtime_id: str
    device: str
    episodes: int
    void: int
    lag: int | None
    stored_at_unix_sec: float
    """Of its last episode."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A line in a chart: ``kind`` names it and its look, ``path`` is SVG's ``d``."""

    kind: str
    path: str
    last: float


@dataclass(frozen=True, slots=True)
class Chart:
    """Curves over updates with the numbers at the ends of both axes."""

    curves: tuple[Curve, ...]
    top: float
    first_update: int
    last_update: int


def wilson(successes: int, judged: int) -> tuple[float, float]:
    """Return Wilson's score interval of a share at 95 %."""
    if not judged:
        return 0.0, 1.0
    share, z2 = successes / judged, Z_95_PERCENT**2
    middle = (share + z2 / (2 * judged)) / (1 + z2 / judged)
    half = Z_95_PERCENT / (1 + z2 / judged) * math.sqrt(share * (1 - share) / judged + z2 / (4 * judged**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def by_task(episodes: Sequence[EpisodeFacts]) -> list[Group]:
    """Return success by task, in the order of the names."""
    names = sorted({episode.task_name for episode in episodes})[:MAX_GROUPS]
    return [_group(name, (e for e in episodes if e.task_name == name)) for name in names]


def by_version(episodes: Sequence[EpisodeFacts]) -> list[Group]:
    """Return success by the adapter version that took the last step, the newest first."""
    versions = sorted({e.version for e in episodes if e.version is not None}, reverse=True)[:MAX_GROUPS]
    return [_group(f"{version}", (e for e in episodes if e.version == version)) for version in versions]


def by_device(episodes: Sequence[EpisodeFacts], latest: int) -> list[Device]:
    """Return what came from each device, who was heard of last first; ``episodes`` are the newest first.

    Those that say no runtime are left out: emptied, damaged, or too large to open.
    """
    found: dict[tuple[str, str], list[EpisodeFacts]] = {}
    for episode in episodes:
        if episode.runtime_id:
            found.setdefault((episode.runtime_id, episode.device), []).append(episode)
    return [
        Device(
            runtime_id,
            device,
            len(own),
            sum(episode.verdict == "void" for episode in own),
            next((max(0, latest - episode.version) for episode in own if episode.version is not None), None),
            own[0].stored_at_unix_sec,
        )
        for (runtime_id, device), own in list(found.items())[:MAX_GROUPS]
    ]


def per_hour(episodes: Sequence[EpisodeFacts]) -> float | None:
    """Return how many episodes came in an hour, from the first to the last of these; None where that says nothing."""
    times = [episode.stored_at_unix_sec for episode in episodes]
    span_sec = max(times, default=0.0) - min(times, default=0.0)
    return 3600 * (len(times) - 1) / span_sec if span_sec > 0 else None


def chart_of(rows: Sequence[dict[str, float]], names: Sequence[str], top: float | None = None) -> Chart | None:
    """Return the curves of these figures over updates; None where fewer than two updates have one."""
    points = {name: [(row["update"], row[name]) for row in rows if "update" in row and name in row] for name in names}
    points = {name: line for name, line in points.items() if len(line) > 1}
    if not points:
        return None
    updates = [update for line in points.values() for update, _ in line]
    first, last = min(updates), max(updates)
    highest = max(value for line in points.values() for _, value in line)
    top = top or highest or 1.0
    curves = tuple(Curve(name, _path(line, first, last, top), line[-1][1]) for name, line in points.items())
    return Chart(curves, top, int(first), int(last))


def smoothed(rows: Sequence[dict[str, float]], name: str) -> list[dict[str, float]]:
    """Return the mean of this figure over the latest ``SMOOTHED_UPDATES`` updates, at each update that has it."""
    having = [row for row in rows if "update" in row and name in row]
    means = []
    for index, row in enumerate(having):
        recent = having[max(0, index + 1 - SMOOTHED_UPDATES) : index + 1]
        means.append({"update": row["update"], name: sum(each[name] for each in recent) / len(recent)})
    return means


def _group(name: str, episodes: Iterable[EpisodeFacts]) -> Group:
    outcomes = [(e.purpose, e.verdict) for e in episodes if e.verdict in ("success", "failure")]

    def rate(purpose: str) -> Rate:
        return Rate(
            outcomes.count((purpose, "success")),
            outcomes.count((purpose, "success")) + outcomes.count((purpose, "failure")),
        )

    return Group(name, rate("explore"), rate("evaluate"))


def _path(line: Sequence[tuple[float, float]], first: float, last: float, top: float) -> str:
    across, down = WIDTH_PX - _LEFT_PX - _RIGHT_PX, HEIGHT_PX - _TOP_PX - _BOTTOM_PX
    points = []
    for update, value in line:
        x_px = _LEFT_PX + across * (update - first) / ((last - first) or 1.0)
        y_px = _TOP_PX + down * (1 - min(max(value / top, 0.0), 1.0))
        points.append(f"{x_px:.1f} {y_px:.1f}")
    return "M" + " L".join(points)
