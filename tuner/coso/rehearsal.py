"""Makes labelled utterances without any rollout: random actions written in the grammar, some of them spoiled.

The action model's offline stage (Algorithm 1). Thoughts are drawn from text already seen, or from numbers,
and say nothing about the action that follows, so the model learns what the parser does and not what agents
tend to do. Knows no model.
"""

import random
from collections.abc import Callable, Sequence

from agent_runtime.actions.grammar import Grammar
from agent_runtime.actions.vocabulary import (
    Action,
    Finish,
    Key,
    LongPress,
    OpenApp,
    PressKey,
    Swipe,
    Tap,
    TypeText,
    Wait,
)
from tuner.coso.labels import Utterance, action_labels

Encode = Callable[[str], list[int]]
Decode = Callable[[Sequence[int]], str]
SPOILED_SHARE = 0.15
PREFERRED_SHARE = 0.7
_WORDS = ("on", "off", "goal", "tap", "row", "list", "field", "open", "now", "back", "next", "done")


class Rehearsal:
    """An endless, seeded source of utterances in one grammar and one tokenizer."""

    def __init__(self, grammar: Grammar, encode: Encode, decode: Decode, seed: int | str) -> None:
        self._grammar = grammar
        self._encode = encode
        self._decode = decode
        self._random = random.Random(seed)
        self.texts: list[str] = []
        """Texts to draw thoughts and typed texts from; the learner adds goals and utterances it has seen."""

        self.per_milles: list[int] = []
        """Coordinates to prefer: those the tokenizer writes as one token, as its own texts are likely to."""

    def reseed(self, seed: str) -> None:
        """Start the draws anew; the same seed and ``texts`` give the same utterances."""
        self._random = random.Random(seed)

    def utterances(self, count: int) -> list[Utterance]:
        """Return ``count`` fresh utterances with the labels of what the grammar makes of them."""
        return [self._one() for _ in range(count)]

    def _one(self) -> Utterance:
        token_ids = self._encode(self._rendered())
        if self._random.random() < SPOILED_SHARE:
            token_ids = self._spoiled(token_ids)
        return Utterance(tuple(token_ids), action_labels(self._grammar.parse(self._decode(token_ids))))

    def _rendered(self) -> str:
        for _ in range(16):
            try:
                return self._grammar.render(self._action(), self._thought())
            except ValueError:  # this grammar has no such verb: draw again
                continue
        return ""

    def _spoiled(self, token_ids: list[int]) -> list[int]:
        """Drop, double or swap a token, or break off."""
        spot = self._random.randrange(len(token_ids))
        other = self._random.choice(token_ids)
        variants = (
            token_ids[:spot] + token_ids[spot + 1 :],
            [*token_ids[:spot], other, *token_ids[spot:]],
            [*token_ids[:spot], other, *token_ids[spot + 1 :]],
            token_ids[: max(1, spot)],
        )
        return self._random.choice(variants) or token_ids

    def _action(self) -> Action:
        draw = self._random
        match draw.choices(range(8), weights=(8, 2, 2, 1, 1, 1, 1, 1))[0]:
            case 0:
                return Tap(self._norm(), self._norm())
            case 1:
                return Swipe(self._norm(), self._norm(), self._norm(), self._norm())
            case 2:
                return TypeText(self._words(1, 3))
            case 3:
                return PressKey(draw.choice(tuple(Key)))
            case 4:
                return OpenApp(self._words(1, 1))
            case 5:
                return Wait(float(draw.randint(0, 20)))
            case 6:
                return LongPress(self._norm(), self._norm())
            case _:
                return Finish(draw.random() < 0.5)

    def _thought(self) -> str:
        parts = [
            f"{self._words(1, 2)} {int(1000 * self._norm())} {int(1000 * self._norm())}"
            for _ in range(self._random.randint(0, 4))
        ]
        return "; ".join([*parts, self._words(0, 4)])

    def _norm(self) -> float:
        if self.per_milles and self._random.random() < PREFERRED_SHARE:
            return (self._random.choice(self.per_milles) + 0.5) / 1000
        return self._random.random()

    def _words(self, least: int, most: int) -> str:
        pool = self._random.choice(self.texts).split() if self.texts and self._random.random() < 0.7 else list(_WORDS)
        return " ".join(self._random.choices(pool or list(_WORDS), k=self._random.randint(least, most)))
