"""Imported demonstrations as steps to imitate: rendered in our grammar, with our tokens. Learns and stores nothing.

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
from agent_runtime.observe import resized
from agent_runtime.policy.prompt import PromptBuilder, picture_from_png
from agent_runtime.sessions.reader import screen_png
from agent_runtime.sessions.recording import RecordedEpisode, RecordedStep, Session
from agent_runtime.trajectory import Verdict
from tuner.coso.labels import Utterance, action_labels
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
    """Steps to imitate, and how many were left out because the grammar has no words for their action."""

    steps: tuple[StepSample, ...]
    left_out: int


def demonstrated(sessions: Sequence[Session], renderer: Renderer) -> Demonstrated:
    """Return the steps of the episodes that succeeded; keys count down from −1, so that they meet none of the ledger's.

    Raises:
        SessionError: a screen is missing or is not what was imported.
        PolicyError: a screen is no picture.
    """
    episodes = [(session, episode) for session in sessions for episode in session.episodes]
    won = [(s, e) for s, e in episodes if e.end is not None and e.end.verdict is Verdict.SUCCESS]
    steps: list[StepSample] = []
    left_out = 0
    for number, (session, episode) in enumerate(won, start=1):
        for place, step in enumerate(episode.steps):
            said = _said(step, renderer.grammar)
            if said is None:
                left_out += 1
            else:
                steps.append(_sample((-number, place), session, episode, step, said, renderer))
    return Demonstrated(tuple(steps), left_out)


def _said(step: RecordedStep, grammar: Grammar) -> str | None:
    """Return the step's answer in the grammar; None where it cannot say that."""
    try:
        text = grammar.render(step.action, _thought(step.decision.utterance))
    except ValueError:
        return None
    return text if type(grammar.parse(text)) is type(step.action) else None


def _thought(utterance: str) -> str:
    """Return the source's thought: importers write every step in the JSON grammar."""
    plain = json.loads(utterance)
    return str(plain.get("thought", "")) if isinstance(plain, dict) else ""


def _sample(
    key: tuple[int, int], session: Session, episode: RecordedEpisode, step: RecordedStep, said: str, renderer: Renderer
) -> StepSample:
    start = episode.start
    done = [earlier.action for earlier in episode.steps[: key[1]]]
    ids = tuple(renderer.encode(said))
    return StepSample(
        key=key,
        trajectory_id=start.trajectory_id,
        task_name=start.task_name,
        goal=start.goal,
        prompt=renderer.prompts.prompt_text(start.goal, done),
        screenshot_png=_shown(screen_png(session, step), renderer.image_size_px),
        group=(start.task_name, tuple(sorted(start.task_params.items()))),
        utterance=Utterance(ids, action_labels(renderer.grammar.parse(said))),
        behaviour_log_prob=0.0,
        behaviour_log_probs=(0.0,) * len(ids),
        temperature=1.0,
        reward=1.0,
        succeeded=True,
        version=0,
        steps=len(episode.steps),
        horizon=len(episode.steps),
    )


def _shown(png: bytes, image_size_px: tuple[int, int] | None) -> bytes:
    picture = picture_from_png(png)
    if image_size_px is None or picture.size == image_size_px:
        return png
    target = io.BytesIO()
    resized(picture, image_size_px).save(target, "PNG", compress_level=1)
    return target.getvalue()
