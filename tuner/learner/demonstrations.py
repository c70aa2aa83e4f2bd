"""Stored demonstrations as steps to imitate: rendered in our grammar, with our tokens. Learns and stores nothing.

Somebody else acted them, so there are no tokens and no log-probs of ours (0 stands for those, and nothing that uses
them may take these steps): they serve imitation alone. A step is what
the policy would have been shown and should have said: the prompt of its goal and what was done so far, the screen in
the policy's size, and the action in the grammar with the source's thought.
"""

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent_runtime.actions import Grammar
from agent_runtime.errors import PolicyError
from agent_runtime.observe import resized
from agent_runtime.policy.prompt import PromptBuilder, picture_from_png
from agent_runtime.trajectory import Purpose, Step, Trajectory, Verdict
from agent_runtime.uplink.codec import trajectory_from_message
from tuner.coso.labels import Utterance, action_labels
from tuner.ingest.ledger import StoredTrajectory
from tuner.learner.samples import StepSample


@dataclass(frozen=True)
class Renderer:
    """How this base model is spoken to; ``encode`` gives an answer's tokens, the end of turn last."""

    grammar: Grammar
    prompts: PromptBuilder
    encode: Callable[[str], list[int]]
    image_size_px: tuple[int, int] | None


@dataclass(frozen=True)
class Demonstrated:
    """Steps to imitate, and how many were left out: the grammar has no words for the action, or there is no picture."""

    steps: tuple[StepSample, ...]
    left_out: int


def demonstrated(stored: Sequence[StoredTrajectory], renderer: Renderer) -> Demonstrated:
    """Return the steps of the demonstrations that succeeded; other trajectories give none."""
    steps: list[StepSample] = []
    left_out = 0
    for item in stored:
        try:
            trajectory = trajectory_from_message(item.message)
        except ValueError:  # an action or verdict that is left open
            left_out += len(item.message.steps)
            continue
        if trajectory.purpose is not Purpose.DEMONSTRATE or trajectory.verdict is not Verdict.SUCCESS:
            continue
        for place, step in enumerate(trajectory.steps):
            sample = _sample((item.sequence, place), trajectory, step, renderer)
            if sample is None:
                left_out += 1
            else:
                steps.append(sample)
    return Demonstrated(tuple(steps), left_out)


def _said(step: Step, grammar: Grammar) -> str | None:
    """Return the step's answer in the grammar; None where it cannot say that."""
    try:
        text = grammar.render(step.action, _thought(step.decision.utterance))
    except ValueError:
        return None
    return text if type(grammar.parse(text)) is type(step.action) else None


def _thought(utterance: str) -> str:
    """Return the source's thought: importers write every step in the JSON grammar. Else there is none."""
    try:
        plain = json.loads(utterance)
    except (ValueError, RecursionError):
        return ""
    return str(plain.get("thought", "")) if isinstance(plain, dict) else ""


def _sample(key: tuple[int, int], trajectory: Trajectory, step: Step, renderer: Renderer) -> StepSample | None:
    said = _said(step, renderer.grammar)
    if said is None:
        return None
    try:
        png = _shown(step.screenshot.png, renderer.image_size_px)
    except PolicyError:
        return None
    done = [earlier.action for earlier in trajectory.steps[: key[1]]]
    ids = tuple(renderer.encode(said))
    return StepSample(
        key=key,
        trajectory_id=trajectory.trajectory_id,
        task_name=trajectory.task_name,
        goal=trajectory.goal,
        prompt=renderer.prompts.prompt_text(trajectory.goal, done),
        screenshot_png=png,
        group=(trajectory.task_name, tuple(sorted(trajectory.task_params.items()))),
        utterance=Utterance(ids, action_labels(renderer.grammar.parse(said))),
        behaviour_log_prob=0.0,
        behaviour_log_probs=(0.0,) * len(ids),
        temperature=1.0,
        reward=1.0,
        succeeded=True,
        version=0,
        steps=len(trajectory.steps),
        horizon=len(trajectory.steps),
    )


def _shown(png: bytes, image_size_px: tuple[int, int] | None) -> bytes:
    picture = picture_from_png(png)
    if image_size_px is None or picture.size == image_size_px:
        return png
    target = io.BytesIO()
    resized(picture, image_size_px).save(target, "PNG", compress_level=1)
    return target.getvalue()
