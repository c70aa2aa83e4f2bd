"""What learning thinks of recorded steps: causal weights, alternatives, values, advantages. Learns nothing.

For each step under the adapter that acted it: B_i from the action model ("scm"), from the parser over the policy's own
alternatives ("parser") and of plain entropy ("uniform"); the likeliest tokens at every place; V and A of the step, by
the critics where the checkpoint has some, else by the task's success rate so far (``coso.advantage``).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import torch
from coso.v1 import trajectory_pb2
from torch import Tensor

from tuner.coso.advantage import SuccessBaseline, step_advantages
from tuner.coso.parser_weights import ParserWeights
from tuner.ingest.ledger import StoredTrajectory
from tuner.learner.judging import gae_weights
from tuner.learner.samples import StepSample, trainable_steps
from tuner.learner.student import Student

ALTERNATIVES = 5
DIGITS = 4
Judgement = tuple[float, float, str]
"""(V, A, by what)."""
UseVersion = Callable[[int, str, bool], bool]
"""Puts the adapter of that version and digest in place that explores or does not; False when it is not to be had."""


@dataclass(frozen=True, slots=True)
class Explained:
    """One step; a line of the file. What is not known is left empty."""

    trajectory_id: str
    step_index: int
    version: int
    tokens: tuple[str, ...]
    sources: Mapping[str, tuple[float, ...]]
    """Causal weights of every token, by the source's name."""
    alternatives: tuple[tuple[tuple[str, float], ...], ...]
    """At every token's place the likeliest others with their probabilities."""
    value: float | None = None
    advantage: float | None = None
    judged_by: str = ""

    def plain(self) -> dict[str, object]:
        """Return it as JSON data."""
        return asdict(self)


@dataclass(frozen=True)
class Judge:
    """How steps are judged: by the success rates so far and with these constants, unless the student has critics."""

    baseline: SuccessBaseline
    discount: float
    gae_lambda: float


def explain(
    student: Student,
    trajectories: Sequence[trajectory_pb2.Trajectory],
    use_version: UseVersion,
    judge: Judge,
    has_action_model: bool,
) -> Iterator[Explained]:
    """Yield every step that has tokens, episode by episode.

    Raises:
        PolicyError: a picture is none.
    """
    stored = [StoredTrajectory(number, _as_a_run(message)) for number, message in enumerate(trajectories)]
    episodes = {item.sequence: trainable_steps(item, student.vocabulary_size) for item in stored}
    judged = _judged(student, [steps for steps in episodes.values() if steps], judge)
    parser = ParserWeights(student.renderer.grammar, student.decode)
    for item, message in zip(stored, trajectories, strict=True):
        explored = message.purpose == trajectory_pb2.PURPOSE_EXPLORE
        is_judged = message.verdict != trajectory_pb2.VERDICT_VOID
        for sample in episodes[item.sequence]:
            step = message.steps[sample.key[1]]
            found = _step(student, sample, parser, use_version(step.adapter_version, step.adapter_digest, explored))
            if has_action_model:
                weights = _rounded(student.weights.whole(sample.utterance))
                found = replace(found, sources={"scm": weights, **found.sources})
            told = judged.get(sample.key) if is_judged else None
            yield found if told is None else replace(found, value=told[0], advantage=told[1], judged_by=told[2])


def _as_a_run(message: trajectory_pb2.Trajectory) -> trajectory_pb2.Trajectory:
    """Return the episode as one to learn from, so that its steps are read, also of evaluations and void ones."""
    copy = trajectory_pb2.Trajectory()
    copy.CopyFrom(message)
    copy.purpose = trajectory_pb2.PURPOSE_EXPLORE
    if copy.verdict == trajectory_pb2.VERDICT_VOID:
        copy.verdict = trajectory_pb2.VERDICT_FAILURE
    return copy


def _step(student: Student, sample: StepSample, parser: ParserWeights, has_policy: bool) -> Explained:
    ids = sample.utterance.token_ids
    tokens = tuple(student.decode([token_id]) for token_id in ids)
    sources = {"uniform": (1.0,) * len(ids)}
    alternatives: tuple[tuple[tuple[str, float], ...], ...] = ()
    if has_policy:
        probabilities = _probabilities(student, sample)
        everywhere = torch.ones(len(ids), dtype=torch.bool)
        (weights,) = parser.weights([sample.utterance], [everywhere], [probabilities])
        sources = {"parser": _rounded(weights), **sources}
        alternatives = tuple(_others(student, row, own) for row, own in zip(probabilities, ids, strict=True))
    return Explained(sample.trajectory_id, sample.key[1], sample.version, tokens, sources, alternatives)


def _probabilities(student: Student, sample: StepSample) -> Tensor:
    """Return what the policy gives every word at each place, [T, V], under the temperature it was drawn with."""
    ((_, scored),) = student.policy.scored([sample])
    with torch.no_grad():
        logits = scored.states.head(scored.states.hidden).float() / scored.temperatures.unsqueeze(1)
        return logits.softmax(-1).cpu()


def _others(student: Student, row: Tensor, own: int) -> tuple[tuple[str, float], ...]:
    top = row.topk(min(ALTERNATIVES + 1, len(row)))
    pairs = zip(top.indices.tolist(), top.values.tolist(), strict=True)
    others = [(student.decode([token_id]), round(p, DIGITS)) for token_id, p in pairs if token_id != own]
    return tuple((text, p) for text, p in others[:ALTERNATIVES] if p > 0)


def _judged(student: Student, episodes: Sequence[list[StepSample]], judge: Judge) -> dict[tuple[int, int], Judgement]:
    """Return value, advantage and who judged, by the step's key; nothing of an episode whose pictures do not decode."""
    found: dict[tuple[int, int], Judgement] = {}
    if student.critics is not None:
        values = student.critics.values(episodes)
        advantages = gae_weights(episodes, values, judge.discount, judge.gae_lambda)
        for steps in episodes:
            told = values[steps[0].key[0]].steps if steps[0].key[0] in values else ()
            for step, value in zip(steps, told, strict=False):
                found[step.key] = round(value, DIGITS), round(advantages[step.key], DIGITS), "critic"
        return found
    for steps in episodes:
        value = judge.baseline.value(steps[0].task_name)
        by_step = step_advantages(steps[0].reward, len(steps), value, judge.discount)
        for step, advantage in zip(steps, by_step, strict=True):
            found[step.key] = round(value, DIGITS), round(advantage, DIGITS), "success rate"
    return found


def _rounded(weights: Tensor) -> tuple[float, ...]:
    return tuple(round(weight, DIGITS) for weight in weights.tolist())
