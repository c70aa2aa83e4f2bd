"""An episode in which no policy decided, imported or shown by a person, as a recorder takes it. Records nothing.

Token ids and log-probs are empty, so are prompts, and the identity names nobody. The utterance is the action in the
JSON grammar, with a thought where there is one, so that what reads utterances finds one.
"""

import time
from collections.abc import Sequence

from agent_runtime.actions import Action, grammar_named
from agent_runtime.trajectory import (
    NO_ADAPTER_DIGEST,
    Decision,
    EpisodeStart,
    PolicyIdentity,
    Purpose,
    Screenshot,
    Step,
    Timings,
    Trajectory,
    Verdict,
)

NOBODY = PolicyIdentity("0" * 64, "0" * 64, "none", "json")
UNSAID = "The source does not say how it ended."
_GRAMMAR = grammar_named(NOBODY.action_grammar)


def start_of(trajectory_id: str, name: str, goal: str, step_limit: int) -> EpisodeStart:
    """Return the start of an episode, as of now."""
    return EpisodeStart(
        trajectory_id=trajectory_id,
        task_name=name,
        task_params={},
        goal=goal,
        purpose=Purpose.DEMONSTRATE,
        seed=0,
        step_limit=step_limit,
        temperature=0.0,
        started_at_unix_sec=time.time(),
    )


def step_of(index: int, screenshot: Screenshot, action: Action, thought: str = "") -> Step:
    """Return the step of an action that was done on a screen."""
    decision = Decision(_GRAMMAR.render(action, thought), (), (), 0, NO_ADAPTER_DIGEST)
    return Step(index, "", screenshot, decision, action, Timings())


def ended(
    start: EpisodeStart, steps: Sequence[Step], verdict: Verdict, void_reason: str, device_serial: str
) -> Trajectory:
    """Return the whole episode; its reward is 1 for a success and 0 otherwise."""
    return Trajectory(
        trajectory_id=start.trajectory_id,
        runtime_id="",
        task_name=start.task_name,
        goal=start.goal,
        task_params={},
        purpose=start.purpose,
        seed=start.seed,
        step_limit=start.step_limit,
        verdict=verdict,
        void_reason=void_reason,
        reward=1.0 if verdict is Verdict.SUCCESS else 0.0,
        steps=tuple(steps),
        started_at_unix_sec=start.started_at_unix_sec,
        device_serial=device_serial,
        temperature=start.temperature,
        identity=NOBODY,
    )
