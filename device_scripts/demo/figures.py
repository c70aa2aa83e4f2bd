"""Reads what the demo's processes wrote and adds it up. Draws nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from coso.v1 import tuner_pb2
from rich.console import Console
from rich.table import Table

PARTS = ("observe_ms", "decide_ms", "act_ms", "judge_ms")


@dataclass(frozen=True)
class ShadedStep:
    """One step with the causal weight of each token of its utterance."""

    goal: str
    verdict: str
    version: int
    screen_path: Path
    action: dict[str, Any]
    tokens: tuple[str, ...]
    weights: tuple[float, ...]


@dataclass(frozen=True)
class Figures:
    """What the demo came to. Success is a share of judged episodes, None where there is none."""

    seed: int
    episodes: int
    voids: int
    success_first: float | None
    success_last: float | None
    goals: int
    trajectories_accepted: int
    versions_published: int
    versions_applied: int
    delta_bytes: int
    """What a version took on its way, on average; ``whole_bytes`` is the newest one's file."""
    deltas: int
    whole_bytes: int
    step_ms: dict[str, float]
    explored: tuple[tuple[int, bool], ...] = field(repr=False)
    """Adapter version and success of every judged exploring episode, in order."""
    by_task: dict[str, tuple[str, str]] = field(repr=False)
    """First and last success of each task, as ``won/judged``."""
    updates: tuple[dict[str, float], ...] = field(repr=False)
    shaded: tuple[ShadedStep, ...] = field(repr=False)


def collect(output: Path, status: tuner_pb2.GetStatusResponse, seed: int) -> Figures:
    """Read ``records.jsonl``, ``runtime.json`` and the tuner's files under ``output``."""
    episodes = _lines(output / "records.jsonl")
    runtime = json.loads((output / "runtime.json").read_text())
    explored = [episode for episode in episodes if episode["purpose"] == "explore" and episode["verdict"] != "void"]
    before, after = runtime["before"], runtime["after"]
    return Figures(
        seed=seed,
        episodes=len(episodes),
        voids=sum(episode["verdict"] == "void" for episode in episodes),
        success_first=before["rate"],
        success_last=after["rate"],
        goals=before["successes"] + before["failures"],
        trajectories_accepted=status.trajectories_stored,
        versions_published=status.latest_version,
        versions_applied=runtime["versions_applied"],
        delta_bytes=round(runtime["payload_bytes_received"] / max(1, runtime["versions_received"])),
        deltas=runtime["deltas_received"],
        whole_bytes=status.latest_payload_bytes,
        step_ms=_step_ms(episodes),
        explored=tuple((_version(episode), episode["verdict"] == "success") for episode in explored),
        by_task={
            name: (_share(before["by_task"].get(name)), _share(after["by_task"].get(name)))
            for name in sorted(before["by_task"].keys() | after["by_task"].keys())
        },
        updates=tuple(_lines(output / "tuner/metrics.jsonl")),
        shaded=tuple(_shaded(_lines(output / "tuner/weights.jsonl"), episodes, output / "screens")),
    )


def write_summary(figures: Figures, path: Path) -> None:
    """Write the figures a program wants."""
    names = (
        "seed",
        "episodes",
        "voids",
        "goals",
        "success_first",
        "success_last",
        "trajectories_accepted",
        "versions_published",
        "versions_applied",
        "delta_bytes",
        "deltas",
        "whole_bytes",
        "step_ms",
    )
    plain = asdict(figures)
    path.write_text(json.dumps({name: plain[name] for name in names}, indent=1) + "\n")


def rows(figures: Figures) -> list[tuple[str, str]]:
    """Return the table a person wants, name and value."""
    step = ", ".join(f"{part.removesuffix('_ms')} {ms:.0f}" for part, ms in figures.step_ms.items())
    return [
        ("episodes", f"{figures.episodes} ({figures.voids} void)"),
        ("success under the first version", f"{_percent(figures.success_first)} of {figures.goals} held goals, greedy"),
        ("success under the last version", f"{_percent(figures.success_last)} of the same goals and seeds"),
        ("trajectories accepted", str(figures.trajectories_accepted)),
        ("versions published / applied", f"{figures.versions_published} / {figures.versions_applied}"),
        ("bytes sent per version", f"{figures.delta_bytes:,} of {figures.whole_bytes:,}; {figures.deltas} as a delta"),
        ("a step's time, ms (mean)", step),
    ]


def print_table(figures: Figures) -> None:
    """Print the figures."""
    table = Table(title=f"demo, seed {figures.seed}", show_header=False)
    for name, value in rows(figures):
        table.add_row(name, value)
    Console().print(table)


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().split("\n") if line]


def _step_ms(episodes: Sequence[dict[str, Any]]) -> dict[str, float]:
    steps = [step["timings"] for episode in episodes for step in episode["steps"]]
    return {part: round(fmean(timings[part] for timings in steps), 2) for part in PARTS} if steps else {}


def _version(episode: dict[str, Any]) -> int:
    return int(episode["steps"][0]["adapter_version"]) if episode["steps"] else 0


def _share(pair: Sequence[int] | None) -> str:
    return f"{pair[0]}/{pair[1]}" if pair else "–"


def _percent(rate: float | None) -> str:
    return "–" if rate is None else f"{100 * rate:.1f} %"


def _shaded(weights: Sequence[dict[str, Any]], episodes: Sequence[dict[str, Any]], screens: Path) -> list[ShadedStep]:
    """Join the latest weight records to their steps, the newest first."""
    by_id = {episode["id"]: episode for episode in episodes}
    shaded = []
    for record in reversed(weights):
        episode = by_id.get(record["trajectory_id"])
        if episode is None or record["step_index"] >= len(episode["steps"]):
            continue
        step = episode["steps"][record["step_index"]]
        shaded.append(
            ShadedStep(
                goal=episode["goal"],
                verdict=episode["verdict"],
                version=record["version"],
                screen_path=screens / f"{step['screen']}.png",
                action=step["action"],
                tokens=tuple(record["tokens"]),
                weights=tuple(record["weights"]),
            )
        )
    return shaded
