"""Reads what the learner leaves for people: its metrics, its causal weights, the versions. Opens no payload."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coso.v1 import policy_pb2
from google.protobuf.message import DecodeError

from tuner.learner.decisions import DECISIONS_NAME
from tuner.learner.records import METRICS_NAME, WEIGHTS_NAME

METRICS_TAIL_BYTES = 256 << 10
WEIGHTS_TAIL_BYTES = 4 << 20
MAX_UPDATES = 400
MAX_ALARMS = 5
DECISIONS_TAIL_BYTES = 64 << 10
MAX_VERSIONS = 30
SHADES = 10


@dataclass(frozen=True, slots=True)
class ShadedToken:
    """A token, its causal weight, and its shade: 0 for none to ``SHADES - 1`` for the largest of the utterance."""

    text: str
    weight: float
    shade: int


@dataclass(frozen=True, slots=True)
class StepWeights:
    """The tokens of one step and the version whose learner weighed them."""

    version: int
    tokens: tuple[ShadedToken, ...]


def latest_metrics(state: Path) -> list[dict[str, float]]:
    """Return the figures of the latest updates, the oldest first; what is no finite number is left out."""
    rows = [
        {name: float(value) for name, value in row.items() if _is_finite(value)}
        for row in _tail(state / METRICS_NAME, METRICS_TAIL_BYTES)
    ]
    return rows[-MAX_UPDATES:]


def weights_of(state: Path, trajectory_id: str) -> dict[int, StepWeights]:
    """Return the latest weights of each step of a trajectory that has some."""
    found = {}
    for row in _tail(state / WEIGHTS_NAME, WEIGHTS_TAIL_BYTES):
        match row:
            case {
                "trajectory_id": str(name),
                "step_index": int(index),
                "version": int(version),
                "tokens": list(tokens),
                "weights": list(weights),
            } if name == trajectory_id and len(tokens) == len(weights) and all(map(_is_finite, weights)):
                found[index] = StepWeights(version, _shaded(tokens, weights))
    return found


def latest_alarms(state: Path) -> list[dict[str, Any]]:
    """Return the latest alarms of the learner, the newest first."""
    rows = [row for row in _tail(state / DECISIONS_NAME, DECISIONS_TAIL_BYTES) if _is_alarm(row)]
    return rows[: -MAX_ALARMS - 1 : -1]


def latest_manifests(state: Path) -> list[policy_pb2.AdapterManifest]:
    """Return the manifests of the newest versions, the newest first; one that cannot be read is left out."""
    folder = state / "adapters"
    if not folder.is_dir():
        return []
    names = sorted((path.name for path in folder.iterdir() if path.name.isdigit()), key=int, reverse=True)
    found = []
    for name in names[:MAX_VERSIONS]:
        try:
            found.append(policy_pb2.AdapterManifest.FromString((folder / name / "manifest.pb").read_bytes()))
        except (FileNotFoundError, DecodeError):  # being published, or set aside, just now
            continue
    return found


def _tail(path: Path, at_most_bytes: int) -> Iterator[dict[str, Any]]:
    """Give the objects on the last whole lines of a file of JSON lines."""
    try:
        with path.open("rb") as file:
            skipped = max(0, file.seek(0, 2) - at_most_bytes)
            file.seek(skipped)
            lines = file.read(at_most_bytes).split(b"\n")
    except FileNotFoundError:
        return
    for line in lines[1 if skipped else 0 :]:
        try:
            row = json.loads(line)
        except ValueError:  # the last line may be half written
            continue
        if isinstance(row, dict):
            yield row


def _shaded(tokens: list[Any], weights: list[float]) -> tuple[ShadedToken, ...]:
    largest = max((*weights, 0.0))
    shares = [max(weight, 0.0) / largest if largest else 0.0 for weight in weights]
    return tuple(
        ShadedToken(str(token), weight, round(share * (SHADES - 1)))
        for token, weight, share in zip(tokens, weights, shares, strict=True)
    )


def _is_alarm(row: dict[str, Any]) -> bool:
    words = ("kind", "action", "recorded_at")
    numbers = ("entropy_nats", "usual_nats", "version")
    return (
        row.get("decision") == "alarm"
        and all(isinstance(row.get(name), str) for name in words)
        and all(_is_finite(row.get(name)) for name in numbers)
    )


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
