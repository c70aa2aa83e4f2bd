"""A policy that says what it was told to, for tests and rehearsals. Needs no torch and no checkpoint."""

import itertools
from collections.abc import Iterator, Sequence

from agent_runtime.actions import Action
from agent_runtime.errors import UsageError
from agent_runtime.trajectory import NO_ADAPTER_DIGEST, Decision, PolicyIdentity

_NOBODY = "0" * 64


class ScriptedPolicy:
    """Repeats a list of utterances; their tokens are their UTF-8 bytes, each of probability 1."""

    image_size_px: tuple[int, int] | None = None

    def __init__(self, utterances: Sequence[str], action_grammar: str = "json") -> None:
        if not utterances:
            raise UsageError("Got a script without lines, expected one utterance a line.")
        self.identity = PolicyIdentity(_NOBODY, _NOBODY, "none", action_grammar)
        self._utterances: Iterator[str] = itertools.cycle(utterances)

    def prompt_text(self, goal: str, history: Sequence[Action]) -> str:
        return f"Goal: {goal}"

    def decide(self, image_png: bytes, prompt: str, *, temperature: float, seed: int) -> Decision:
        utterance = next(self._utterances)
        tokens = tuple(utterance.encode()) or (0,)
        return Decision(utterance, tokens, (0.0,) * len(tokens), 0, NO_ADAPTER_DIGEST)
