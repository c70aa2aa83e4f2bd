"""What an episode says of the version that acted in it, as plain numbers. Judges nothing and keeps nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass

from coso.v1 import trajectory_pb2

_GREEDY = 0.0


@dataclass(frozen=True, slots=True)
class EpisodeFacts:
    """One episode under one adapter."""

    adapter_digest: str
    """Hex sha256 of the adapter that took every step."""
    stratum: str
    """What is compared with its like only: the task and what it was run for."""
    runtime_id: str
    is_void: bool
    succeeded: bool
    malformed: bool
    """Whether an answer was outside the grammar."""
    surprise_nats: float | None
    """Mean of −log π over the tokens sampled, which estimates the policy's entropy; None where nothing was sampled."""
    decide_ms: float | None
    """Mean time of a decision, in milliseconds; None without steps."""


def facts_of(trajectory: trajectory_pb2.Trajectory, without_steps: str = "") -> EpisodeFacts | None:
    """Return what the episode says; None for a demonstration and where several adapters took its steps.

    An episode without steps, void by nature, counts for the adapter with the digest ``without_steps``: a version that
    cannot answer at all never takes a step.
    """
    if trajectory.purpose == trajectory_pb2.PURPOSE_DEMONSTRATE:
        return None
    steps = trajectory.steps
    digests = {step.adapter_digest for step in steps} or {without_steps}
    if len(digests) > 1 or digests == {""}:
        return None
    sampled = [log_prob for step in steps for log_prob in step.log_probs] if trajectory.temperature > _GREEDY else []
    surprise_nats = -math.fsum(sampled) / len(sampled) if sampled else None
    decide_ms = math.fsum(step.timings.decide_ms for step in steps) / len(steps) if steps else None
    is_void = trajectory.verdict == trajectory_pb2.VERDICT_VOID
    return EpisodeFacts(
        adapter_digest=digests.pop(),
        stratum=f"{trajectory_pb2.Purpose.Name(trajectory.purpose)} {trajectory.task_name}",
        runtime_id=trajectory.runtime_id,
        is_void=is_void,
        succeeded=trajectory.verdict == trajectory_pb2.VERDICT_SUCCESS,
        malformed=not is_void and any(step.action.WhichOneof("kind") == "malformed" for step in steps),
        surprise_nats=_finite(surprise_nats),
        decide_ms=_finite(decide_ms),
    )


def _finite(value: float | None) -> float | None:
    """Return None for what no mean can take."""
    return value if value is not None and math.isfinite(value) and value >= 0 else None
