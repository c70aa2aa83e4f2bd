"""Makes the two pages from what was read. Everything that came with a trajectory is hostile text: jinja2 escapes it.

Reads through ``LedgerReader`` and the learner's files, so it is to be called in the page's thread only.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from coso.v1 import policy_pb2, trajectory_pb2
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tuner.page import figures, learning
from tuner.page.reader import PURPOSES, VERDICTS, WINDOW, LedgerReader
from tuner.page.sign_in import Session
from tuner.page.standing import Standing

EPISODES_SHOWN = 20
MAX_UTTERANCE_CHARACTERS = 4_000
MAX_GOAL_CHARACTERS = 2_000
_TEMPLATES = Path(__file__).parent / "templates"


class Views:
    """The pages as HTML."""

    def __init__(self, state: Path, reader: LedgerReader) -> None:
        self._state = state
        self._reader = reader
        self._templates = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {"time": _time, "duration": _duration, "figure": _figure}

    def overview(
        self, standing: Standing, session: Session | None = None, on_trial: int = 0, can_sign_in: bool = False
    ) -> str:
        """Return the page that shows how everything stands, with buttons for who is signed in."""
        counts = self._reader.counts()
        episodes = self._reader.latest()
        metrics = learning.latest_metrics(self._state)
        manifests = learning.latest_manifests(self._state)
        latest = manifests[0] if manifests else policy_pb2.AdapterManifest()
        return self.render(
            "overview.html.jinja",
            standing=standing,
            counts=counts,
            episodes=episodes[:EPISODES_SHOWN],
            window=_window_words(len(episodes), counts.stored),
            tasks=figures.by_task(episodes),
            by_version=figures.by_version(episodes),
            charts=_charts(metrics),
            alarms=learning.latest_alarms(self._state),
            decisions=self._reader.decisions(),
            runtimes=self._reader.runtimes(),
            versions=[(manifest, _made_of(manifest)) for manifest in manifests],
            latest=latest,
            devices=figures.by_device(episodes, latest.version),
            per_hour=figures.per_hour(episodes),
            session=session,
            on_trial=on_trial,
            can_sign_in=can_sign_in,
        )

    def episode(self, sequence: int) -> str | None:
        """Return the page of one episode, None where there is none that can be opened."""
        message = self._reader.episode(sequence)
        if message is None:
            return None
        weights = learning.weights_of(self._state, message.trajectory_id)
        return self.render(
            "episode.html.jinja",
            sequence=sequence,
            message=message,
            goal=_cut(message.goal, MAX_GOAL_CHARACTERS),
            facts=_facts(message),
            verdict=VERDICTS.get(message.verdict, "unknown"),
            steps=[_step(step, weights.get(step.index)) for step in message.steps],
        )

    def render(self, name: str, **context: Any) -> str:
        """Return a template's page; whatever it shows is escaped."""
        return self._templates.get_template(name).render(context)


def _charts(metrics: Sequence[dict[str, float]]) -> list[tuple[str, figures.Chart]]:
    success = figures.smoothed(metrics, "batch_success_rate")
    named = (
        (
            f"success of the episodes learned from, mean of {figures.SMOOTHED_UPDATES} updates",
            figures.chart_of(success, ("batch_success_rate",), 1.0),
        ),
        ("entropy of a token, in nats", figures.chart_of(metrics, ("entropy", "causal_entropy"))),
    )
    return [(title, chart) for title, chart in named if chart is not None]


def _window_words(read: int, stored: int) -> str:
    wanted = min(stored, WINDOW)
    if read < wanted:
        return f"the latest {read:,} episodes ({wanted - read:,} more are still being read)"
    return f"the latest {read:,} episodes" if stored > read else f"all {read:,} episodes"


def _made_of(manifest: policy_pb2.AdapterManifest) -> str:
    if manifest.rolled_back_to:
        return f"the tensors of version {manifest.rolled_back_to}"
    return f"{manifest.optimizer_steps:,} optimizer steps, {manifest.trajectories_consumed:,} episodes so far"


def _facts(message: trajectory_pb2.Trajectory) -> Mapping[str, str]:
    """Return what the head of an episode's page lists."""
    return {
        "task": message.task_name,
        "run for": PURPOSES.get(message.purpose, "unknown"),
        "started": _time(message.started_at.seconds),
        "runtime": message.runtime_id,
        "device": message.device_serial,
        "temperature": _figure(message.temperature),
        "seed": f"{message.seed}",
        "id": message.trajectory_id,
        **({"void because": message.void_reason} if message.void_reason else {}),
    }


def _step(step: trajectory_pb2.Step, weights: learning.StepWeights | None) -> Mapping[str, Any]:
    return {
        "index": step.index,
        "version": step.adapter_version,
        "width_px": step.screenshot.width_px,
        "height_px": step.screenshot.height_px,
        "action": (step.action.WhichOneof("kind") or "none").replace("_", " "),
        "utterance": _cut(step.utterance, MAX_UTTERANCE_CHARACTERS),
        "weights": weights,
        "took_ms": step.timings.observe_ms + step.timings.decide_ms + step.timings.act_ms,
    }


def _cut(text: str, at_most: int) -> str:
    return text if len(text) <= at_most else text[:at_most] + " … (cut here)"


def _time(unix_sec: float) -> str:
    try:
        moment = datetime.datetime.fromtimestamp(unix_sec, datetime.timezone.utc)
    except (ValueError, OverflowError, OSError):  # a runtime's clock can say anything
        return "at no time that exists"
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")


def _duration(seconds: float) -> str:
    days, rest = divmod(int(seconds), 86_400)
    hours, minutes = divmod(rest // 60, 60)
    return f"{days} d {hours} h" if days else f"{hours} h {minutes} min"


def _figure(value: float) -> str:
    return f"{value:.4g}"
