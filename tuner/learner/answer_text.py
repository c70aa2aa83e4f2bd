"""A base checkpoint's tokenizer as learning needs it: whole answers to token ids and back. Knows no grammar."""

from collections.abc import Sequence
from typing import Any

from agent_runtime.policy.checkpoint import LoadedModel
from tuner.config import NullToken
from tuner.coso.released import PUNCTUATION
from tuner.errors import LearnerError


class AnswerText:
    """Texts of whole answers, ended by the end-of-turn token, and the tokens that stand for nothing."""

    def __init__(self, loaded: LoadedModel) -> None:
        self._tokenizer: Any = loaded.encoder.tokenizer
        self._stops = loaded.stop_token_ids

    def encode(self, text: str) -> list[int]:
        """Return the ids of an answer, the end-of-turn token last."""
        return [*self._tokenizer.encode(text, add_special_tokens=False), self._tokenizer.eos_token_id]

    def decode(self, token_ids: Sequence[int]) -> str:
        """Return the text up to the first token that ends a turn."""
        ends = [place for place, token_id in enumerate(token_ids) if token_id in self._stops]
        kept = token_ids[: ends[0]] if ends else token_ids
        return str(self._tokenizer.decode(list(kept), skip_special_tokens=True))

    def null_id(self, name: NullToken) -> int | None:
        """Return the tokenizer's id of "unk" or "pad"; None for the kinds of null that are no token of its own.

        Raises:
            LearnerError: the tokenizer has no such token.
        """
        if name not in ("unk", "pad"):
            return None
        token_id: int | None = getattr(self._tokenizer, f"{name}_token_id")
        if token_id is None:
            raise LearnerError(f"Got scm_null {name}, but this tokenizer has no such token: choose mask or neighbour.")
        return token_id

    def quiet_ids(self) -> frozenset[int]:
        """Return the tokens that the released code sets to zero: special ones and punctuation."""
        pieces = (self._tokenizer.encode(mark, add_special_tokens=False) for mark in PUNCTUATION)
        return frozenset(self._tokenizer.all_special_ids).union(*pieces)
