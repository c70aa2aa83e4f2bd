"""Causal weights without any network: the parser is known, so ask it. Knows no action model and no policy.

    B_i = Σ_{v ≠ y_i} π(v | y_<i, s) · 1[f_parse(y with v at i) ≠ f_parse(y)]  /  Σ_{v ≠ y_i} π(v | y_<i, s)

both sums over the policy's own top k tokens at position i (method, section 4): the chance that the action
changes, given that another token were drawn there. Two malformed texts are the same action. With ``valid_only`` a
swap counts only where it gives another action that can be done: breaking the format is no exploration.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from agent_runtime.actions.grammar import Grammar
from agent_runtime.actions.vocabulary import Action, Malformed
from tuner.coso.labels import Utterance
from tuner.coso.rehearsal import Decode


class ParserWeights:
    """Exact weights over top-k alternatives; what each swap parses to is remembered until ``forget``."""

    def __init__(self, grammar: Grammar, decode: Decode, top_k: int = 5, valid_only: bool = False) -> None:
        if top_k < 1:
            raise ValueError(f"Got top_k {top_k}: expected at least 1.")
        self._grammar = grammar
        self._decode = decode
        self._top_k = top_k
        self._valid_only = valid_only
        self._changes: dict[tuple[tuple[int, ...], int, int], bool] = {}

    def forget(self) -> None:
        """Drop what is remembered."""
        self._changes.clear()

    def weights(
        self, utterances: Sequence[Utterance], needed: Sequence[Tensor], probabilities: Sequence[Tensor]
    ) -> list[Tensor]:
        """Return the weights [T] of each utterance, 0 where ``needed`` [T] is False.

        ``probabilities`` [T, V] are the policy's, teacher-forced on the utterance.
        """
        rows = zip(utterances, needed, probabilities, strict=True)
        return [self._one(utterance, asked, probs) for utterance, asked, probs in rows]

    def _one(self, utterance: Utterance, asked: Tensor, probabilities: Tensor) -> Tensor:
        assert asked.shape == (len(utterance.token_ids),)
        assert probabilities.ndim == 2
        assert len(probabilities) == len(utterance.token_ids)
        top = probabilities.topk(min(self._top_k, probabilities.shape[1]), dim=1)
        answer = torch.zeros(len(utterance.token_ids))
        original = self._parsed(utterance.token_ids)
        for position in asked.nonzero().squeeze(1).tolist():
            mass, moved = 0.0, 0.0
            pairs = zip(top.indices[position].tolist(), top.values[position].tolist(), strict=True)
            for other, probability in pairs:
                if other != utterance.token_ids[position]:
                    mass += probability
                    moved += probability * self._differs(utterance.token_ids, position, other, original)
            answer[position] = moved / mass if mass > 0 else 0.0
        return answer

    def _differs(self, token_ids: tuple[int, ...], position: int, other: int, original: Action) -> bool:
        key = (token_ids, position, other)
        if key not in self._changes:
            swapped = self._parsed((*token_ids[:position], other, *token_ids[position + 1 :]))
            broken = isinstance(swapped, Malformed)
            same = swapped == original or (broken and isinstance(original, Malformed))
            self._changes[key] = not same and not (broken and self._valid_only)
        return self._changes[key]

    def _parsed(self, token_ids: Sequence[int]) -> Action:
        return self._grammar.parse(self._decode(token_ids))
