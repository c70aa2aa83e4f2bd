"""Entropy of the action instead of the token, exactly, for the parser is known. Knows no action model and no policy.

At token t, let C_t be the tokens among the policy's top k, and y_t, whose swap into place t parses to an action:

    C_t = {v : π(v | y_<t, s) ≥ least,  f_parse(y with v at t) is not malformed}
    q_t(v) = π(v | y_<t, s) / Σ_{u ∈ C_t} π(u | y_<t, s)
    P_t(a) = Σ_{v ∈ C_t : f_parse(y with v at t) = a} q_t(v)
    H_t = −Σ_a P_t(a) log P_t(a)                                                    the bonus is α Σ_t H_t

Actions are told apart by their labels (``labels``): two points of one touch cell are one action. Renormalised over
what can be done, H_t rewards no broken answer and no other wording of the same action; where all alternatives
give one action it is 0. It sees one swap at a time: an action that differs in two tokens is malformed halfway.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from agent_runtime.actions.grammar import Grammar
from tuner.coso.labels import Labels, Utterance, action_labels, is_malformed
from tuner.coso.rehearsal import Decode

NOT_COUNTED = -1


@dataclass(frozen=True)
class Alternatives:
    """What could stand at each place: tokens [T, K] and the action each gives [T, K], −1 where it does not count.

    Equal numbers at one place are the same action; numbers of different places have nothing to do with each other.
    """

    token_ids: Tensor
    actions: Tensor


def batch_of_alternatives(rows: Sequence[Alternatives]) -> Alternatives:
    """Return the alternatives of several utterances, both [B, T, K]; nothing counts at padding."""
    token_ids = pad_sequence([row.token_ids for row in rows], batch_first=True)
    return Alternatives(token_ids, pad_sequence([row.actions for row in rows], True, NOT_COUNTED))


class ParsedAlternatives:
    """Finds the alternatives of utterances; what each swap parses to is remembered until ``forget``."""

    def __init__(self, grammar: Grammar, decode: Decode, top_k: int = 5, least_probability: float = 1e-3) -> None:
        if top_k < 2:
            raise ValueError(f"Got top_k {top_k}: expected at least 2, for one token alone has no alternative.")
        self._grammar = grammar
        self._decode = decode
        self._top_k = top_k
        self._least = least_probability
        self._labels: dict[tuple[tuple[int, ...], int, int], Labels] = {}

    def forget(self) -> None:
        """Drop what is remembered."""
        self._labels.clear()

    def of(self, utterance: Utterance, needed: Tensor, probabilities: Tensor) -> Alternatives:
        """Return the alternatives of one utterance; none count where ``needed`` [T] is False.

        ``probabilities`` [T, V] are the policy's, teacher-forced on the utterance. K is top k and one: the token
        written, which always counts where its utterance parses.
        """
        assert needed.shape == (len(utterance.token_ids),)
        assert probabilities.ndim == 2
        assert len(probabilities) == len(utterance.token_ids)
        top = probabilities.topk(min(self._top_k, probabilities.shape[1]), dim=1)
        written = torch.tensor(utterance.token_ids, device=top.indices.device).unsqueeze(1)
        token_ids = torch.cat((written, top.indices), 1)
        likely = (top.values >= self._least) & (top.indices != written)
        actions = torch.full(token_ids.shape, NOT_COUNTED)
        for place in (needed.cpu() & likely.any(1).cpu()).nonzero().squeeze(1).tolist():
            others = [token for token, counts in zip(*_lists(top.indices[place], likely[place]), strict=True) if counts]
            found = [utterance.labels, *(self._swapped(utterance.token_ids, place, other) for other in others)]
            numbers = _numbered(found)
            actions[place, 0] = numbers[0]
            actions[place, 1:][likely[place].cpu()] = torch.tensor(numbers[1:])
        return Alternatives(token_ids, actions.to(token_ids.device))

    def _swapped(self, token_ids: tuple[int, ...], place: int, other: int) -> Labels:
        key = (token_ids, place, other)
        if key not in self._labels:
            text = self._decode((*token_ids[:place], other, *token_ids[place + 1 :]))
            self._labels[key] = action_labels(self._grammar.parse(text))
        return self._labels[key]


def action_entropies(scores: Tensor, actions: Tensor) -> Tensor:
    """Return H_t in nats, shaped [...], with gradient, from ``scores`` and ``actions``, both [..., K].

    ``scores`` are logits or log-probs of the alternatives (only their differences count); ``actions`` numbers the
    action that each gives, −1 where it does not count. Since P_t is constant on the tokens of an action,

        H_t = −Σ_{v ∈ C_t} q_t(v) log P_t(action of v)

    A place where fewer than two actions count has 0, and no gradient.
    """
    assert scores.shape == actions.shape
    counted = actions >= 0
    wide = scores.to(torch.promote_types(scores.dtype, torch.float32))
    shares = torch.softmax(wide.masked_fill(~counted, torch.finfo(wide.dtype).min), -1)
    same = (actions.unsqueeze(-1) == actions.unsqueeze(-2)) & counted.unsqueeze(-1) & counted.unsqueeze(-2)
    of_action = (same * shares.unsqueeze(-2)).sum(-1)
    several = (counted.unsqueeze(-1) & counted.unsqueeze(-2) & ~same).any(-1)
    nats = torch.where(several, shares * of_action.clamp(min=torch.finfo(of_action.dtype).tiny).log(), 0.0)
    return -nats.sum(-1)


def _numbered(found: Sequence[Labels]) -> list[int]:
    """Return a number for each of the labels, equal for equal ones, ``NOT_COUNTED`` for malformed."""
    known: dict[Labels, int] = {}
    return [NOT_COUNTED if is_malformed(labels) else known.setdefault(labels, len(known)) for labels in found]


def _lists(*tensors: Tensor) -> list[list[int]]:
    return [tensor.tolist() for tensor in tensors]
