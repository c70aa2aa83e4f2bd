"""Writes what happened for people and reports: one JSON line per episode, screens as PNG. Sends nothing."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from agent_runtime.errors import UsageError
from agent_runtime.sessions.schema import action_record
from agent_runtime.trajectory import Step, Trajectory


class Records:
    """Appends to ``path`` and saves screens under ``screens_folder``; either may be None."""

    def __init__(self, path: Path | None, screens_folder: Path | None) -> None:
        self._path = path
        self._screens_folder = screens_folder

    def open(self) -> None:
        """Make the folders and the file.

        Raises:
            UsageError: they cannot be written.
        """
        try:
            if self._path is not None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._path.touch()
            if self._screens_folder is not None:
                self._screens_folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"Got no place for records ({error}), expected a folder to write to: name another."
            ) from error

    def add(self, trajectory: Trajectory) -> None:
        """Write one episode; its screens first, so that a line never names a file that is not there."""
        if self._screens_folder is not None:
            for step in trajectory.steps:
                path = self._screens_folder / f"{screen_digest(step)}.png"
                if not path.exists():
                    path.write_bytes(step.screenshot.png)
        if self._path is not None:
            line = json.dumps(episode_record(trajectory), ensure_ascii=False, separators=(",", ":"))
            with self._path.open("a", encoding="utf-8", errors="replace") as file:
                file.write(line + "\n")


def screen_digest(step: Step) -> str:
    """Return the hex sha256 of the picture the policy saw; its file is named so."""
    return hashlib.sha256(step.screenshot.png).hexdigest()


def episode_record(trajectory: Trajectory) -> dict[str, object]:
    """Return an episode as plain JSON data, pictures by their digest."""
    return {
        "id": trajectory.trajectory_id,
        "task_name": trajectory.task_name,
        "goal": trajectory.goal,
        "purpose": trajectory.purpose.value,
        "seed": trajectory.seed,
        "verdict": trajectory.verdict.value,
        "void_reason": trajectory.void_reason,
        "reward": trajectory.reward,
        "steps": [_step_record(step) for step in trajectory.steps],
    }


def _step_record(step: Step) -> dict[str, object]:
    return {
        "utterance": step.decision.utterance,
        "action": action_record(step.action),
        "adapter_version": step.decision.adapter_version,
        "adapter_digest": step.decision.adapter_digest,
        "timings": asdict(step.timings),
        "screen": screen_digest(step),
        **({} if step.gate is None or not step.gate.rule else {"gate": asdict(step.gate)}),
    }
