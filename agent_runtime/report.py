"""Tells a person how a run goes and went, and a program by JSON. Runs nothing."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from agent_runtime.tally import DeviceResult, RunResult, Tally
from agent_runtime.tasks.splits import SPLITS
from agent_runtime.trajectory import Trajectory, Verdict

_COLOURS = {Verdict.SUCCESS: "green", Verdict.FAILURE: "yellow", Verdict.VOID: "red"}


class Reporter:
    """One line per episode, told one at a time, and a table at the end; colours only on a terminal."""

    def __init__(self, names_devices: bool = False) -> None:
        self._names_devices = names_devices
        self._console: Any = None
        self._episodes = 0

    def open(self) -> None:
        """Load rich; kept out of the import, which must be fast."""
        from rich.console import Console

        self._console = Console(highlight=False, soft_wrap=True)

    def episode(self, trajectory: Trajectory) -> None:
        """Print an episode's line."""
        from rich.markup import escape

        self._episodes += 1
        verdict = trajectory.verdict
        version = trajectory.steps[-1].decision.adapter_version if trajectory.steps else 0
        reason = f" ({trajectory.void_reason})" if trajectory.void_reason else ""
        where = f"{escape(trajectory.device_serial)} " if self._names_devices else ""
        self._console.print(
            f"{self._episodes:4d} {where}{trajectory.purpose.value:8s} [{_COLOURS[verdict]}]{verdict.value:7s}[/] "
            f"{len(trajectory.steps):2d} steps  adapter {version:<3d} {escape(trajectory.goal + reason)}"
        )

    def note(self, sentence: str) -> None:
        """Print a sentence."""
        self._console.print(sentence, markup=False)

    def table(self, result: RunResult) -> None:
        """Print success by task, by split and, where there are several, by device: before, exploring, after."""
        from rich.table import Table

        table = Table("task", "before", "explored", "after")
        tallies = (result.before, result.explore, result.after)
        for name in sorted({name for tally in tallies for name in tally.by_task}):
            table.add_row(name, *(_share(*tally.by_task.get(name, (0, 0))) for tally in tallies))
        table.add_section()
        for split in SPLITS:
            if any(split in tally.by_split for tally in tallies):
                table.add_row(split, *(_share(*tally.by_split.get(split, (0, 0))) for tally in tallies))
        table.add_section()
        table.add_row("all", *(_share(tally.successes, tally.successes + tally.failures) for tally in tallies))
        table.add_row("void", *(str(tally.voids) for tally in tallies))
        if self._names_devices:
            table.add_section()
            for serial, device in result.by_device.items():
                table.add_row(serial, *(_told(tally) for tally in (device.before, device.explore, device.after)))
        self._console.print(table)


def _told(tally: Tally) -> str:
    voids = f", {tally.voids} void" if tally.voids else ""
    return _share(tally.successes, tally.successes + tally.failures) + voids


def _share(successes: int, judged: int) -> str:
    return f"{successes}/{judged}" if judged else "-"


def summary(result: RunResult, extra: dict[str, object]) -> dict[str, object]:
    """Return the run as plain JSON data; rates are None where nothing was judged."""
    devices = {serial: _plain(device) for serial, device in result.by_device.items()}
    return {**_plain(result), "devices": devices, **extra}


def _plain(result: DeviceResult) -> dict[str, object]:
    tallies = {"before": result.before, "explore": result.explore, "after": result.after}
    told = {name: {**asdict(tally), "rate": tally.rate} for name, tally in tallies.items()}
    return {**told, "seconds": result.seconds, "stopped": result.stopped}


def write_summary(path: Path, data: dict[str, object]) -> None:
    """Write the summary as one JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", "utf-8")
