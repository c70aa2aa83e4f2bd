"""The answers the small policy is taught: a thought in varying words, then the action. Chooses no action.

About two thirds of an answer's tokens are thought, and its wording varies freely: none of that decides anything.
"""

import random

from agent_runtime.actions import grammar_named
from benchmarks.learning_study.screens import Scene
from device_scripts.small_vlm.demonstrator import Choice

GRAMMAR = grammar_named("json")
_OPENINGS = ("I see", "this is", "now at", "we are on", "here is")
_WISHES = ("the goal is to", "I want to", "the user asked to", "my task is to", "I should")
_CLOSINGS = ("so one more step", "so let me act", "then go on", "so next comes this", "then I do it now")
_NAMINGS = ("so take", "then use", "so the next is", "I go for")


def answer_text(scene: Scene, goal: str, choice: Choice, names_choice: bool, rng: random.Random) -> str:
    """Return the whole answer. With ``names_choice`` the thought says what is about to be done."""
    closing = f"{rng.choice(_NAMINGS)} {choice.name}" if names_choice else rng.choice(_CLOSINGS)
    reason = f"; {choice.reason}" if choice.reason else ""
    thought = f"{rng.choice(_OPENINGS)} {scene.view.title}, {rng.choice(_WISHES)} {_short(goal)}{reason}; {closing}"
    return GRAMMAR.render(choice.action, thought)


def _short(goal: str) -> str:
    """Return the goal without what follows a colon."""
    return goal.partition(": ")[0].replace("Turn", "turn").replace("Write", "write")
