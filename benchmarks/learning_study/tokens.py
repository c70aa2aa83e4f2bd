"""Which tokens of an answer a person would name as deciding the action. Weighs nothing."""

import re

import torch
from torch import Tensor

from benchmarks.learning_study.vocabulary import Vocabulary

_KEYS = {"thought", "action", "x", "y", "text", "key", "app", "seconds", "status"}


class TokenKinds:
    """Critical are the words and numbers after ``"action":`` that are no keys: the verb and its values."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        bare = [piece.strip() for piece in vocabulary.pieces]
        self._action_id = vocabulary.encode("action")[0]
        self._is_value = torch.tensor(
            [bool(re.fullmatch(r"[A-Za-z0-9]+", piece)) and piece not in _KEYS for piece in bare]
        )

    def critical(self, token_ids: Tensor) -> Tensor:
        """Return [B, T], True at critical tokens of ids [B, T]."""
        assert token_ids.ndim == 2
        after = (token_ids == self._action_id).cumsum(1) > 0
        return after & self._is_value[token_ids]

    def mean_entropies(self, token_ids: Tensor, mask: Tensor, entropies: Tensor) -> Tensor:
        """Return the mean entropy in nats of critical tokens and of the others, [2], from entropies [B, T]."""
        assert entropies.shape == mask.shape == token_ids.shape
        critical = self.critical(token_ids) & mask
        others = mask & ~critical
        return torch.stack([entropies[kind].mean() if kind.any() else torch.zeros(()) for kind in (critical, others)])
