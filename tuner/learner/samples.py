"""Steps of stored trajectories as learning takes them: what may be trained on, and nothing else. Holds no replay."""

import math
import sys
from dataclasses import dataclass

from agent_runtime.errors import PolicyError
from agent_runtime.policy.prompt import picture_from_png
from agent_runtime.trajectory import Purpose, Trajectory, Verdict
from agent_runtime.uplink.codec import trajectory_from_message
from tuner.coso.labels import Utterance, action_labels
from tuner.ingest.ledger import StoredTrajectory
from tuner.ingest.validate import LEAST_LOG_PROB
from tuner.learner.agent_share import agent_of

NO_BOUND = sys.maxsize
_ROUNDING_NATS = 1e-3

Group = tuple[str, tuple[tuple[str, str], ...]]
"""A task and its parameters: episodes that can be compared."""


@dataclass(frozen=True, slots=True)
class StepSample:
    """One step, with what is needed to compute its loss; ``key`` is (sequence in the ledger, place in the episode)."""

    key: tuple[int, int]
    trajectory_id: str
    task_name: str
    goal: str
    prompt: str
    screenshot_png: bytes
    group: Group
    utterance: Utterance
    behaviour_log_prob: float
    behaviour_log_probs: tuple[float, ...]
    temperature: float
    reward: float
    """In [0, 1], of a failure too: what advantages are made of."""
    succeeded: bool
    """The verdict: what statistics of success are made of, and what cloning imitates."""
    version: int
    """The adapter version that acted the step."""
    steps: int
    horizon: int
    """The task's step limit, or the steps taken where more were."""
    agent: str = ""
    """Whose runtime acted it."""


def trainable_steps(stored: StoredTrajectory, vocabulary_size: int = NO_BOUND) -> list[StepSample]:
    """Return the steps to learn from: none for void, evaluation, unreadable or non-finite trajectories.

    Nor for one that holds a token beyond the tokenizer's ``vocabulary_size``.
    """
    try:
        trajectory = trajectory_from_message(stored.message)
    except ValueError:
        return []
    if trajectory.purpose is not Purpose.EXPLORE or trajectory.verdict is Verdict.VOID:
        return []
    log_probs = [log_prob for step in trajectory.steps for log_prob in step.decision.log_probs]
    if any(token_id >= vocabulary_size for step in trajectory.steps for token_id in step.decision.token_ids):
        return []
    if not (0 <= trajectory.reward <= 1 and all(LEAST_LOG_PROB <= value <= _ROUNDING_NATS for value in log_probs)):
        return []  # of numbers that are none as well, which no comparison holds for
    return _samples(stored.sequence, trajectory)


def _samples(sequence: int, trajectory: Trajectory) -> list[StepSample]:
    return [
        StepSample(
            key=(sequence, place),
            trajectory_id=trajectory.trajectory_id,
            task_name=trajectory.task_name,
            goal=trajectory.goal,
            prompt=step.prompt,
            screenshot_png=step.screenshot.png,
            group=(trajectory.task_name, tuple(sorted(trajectory.task_params.items()))),
            utterance=Utterance(step.decision.token_ids, action_labels(step.action)),
            behaviour_log_prob=math.fsum(step.decision.log_probs),
            behaviour_log_probs=step.decision.log_probs,
            temperature=trajectory.temperature or 1.0,
            reward=trajectory.reward,
            succeeded=trajectory.verdict is Verdict.SUCCESS,
            version=step.decision.adapter_version,
            steps=len(trajectory.steps),
            horizon=max(trajectory.step_limit, len(trajectory.steps)),
            agent=agent_of(trajectory.runtime_id),
        )
        for place, step in enumerate(trajectory.steps)
        if step.decision.token_ids
    ]


def can_be_shown(sample: StepSample) -> bool:
    """Tell whether the step's picture decodes; the front looks only at its ends, and one bad picture stops nobody."""
    try:
        picture_from_png(sample.screenshot_png)
    except PolicyError:
        return False
    return True
