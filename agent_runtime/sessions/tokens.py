"""Splits an utterance into its tokens, with what the policy and the tuner thought of each. Draws nothing.

A session holds token ids. Their texts come from the checkpoint's ``tokenizer.json``, from what the tuner wrote of the
step or, for a scripted policy, from the ids themselves, which are bytes. Where none fits, tokens have no text.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent_runtime.errors import SessionError
from agent_runtime.sessions.explained import Explained, ExplainedByStep
from agent_runtime.sessions.recording import RecordedStep

_UNFINISHED = "\ufffd"


@dataclass(frozen=True, slots=True)
class Token:
    """One token of an utterance; ``weights`` are its causal weights by their source, none where the tuner gave none."""

    text: str
    token_id: int | None
    log_prob: float
    weights: Mapping[str, float]
    alternatives: tuple[tuple[str, float], ...] = ()
    """The likeliest other tokens there, with their probabilities."""
    is_special: bool = False
    """True for a token that ends the answer and is no part of the utterance."""

    @property
    def surprise(self) -> float:
        """1 - p of the token under the distribution it was drawn from."""
        return -math.expm1(min(0.0, self.log_prob))


class TokenTexts:
    """Gives tokens their texts; ``tokenizer`` is the recorded policy's, or None where it is not at hand."""

    def __init__(self, tokenizer: Any = None, explained: ExplainedByStep | None = None) -> None:
        self._tokenizer = tokenizer
        self._explained = explained or {}

    def explained(self, trajectory_id: str, step: RecordedStep) -> Explained | None:
        """Return what the tuner thinks of the step, None where it said nothing of it."""
        found = self._explained.get((trajectory_id, step.index))
        ids, count = step.decision.token_ids, len(step.decision.log_probs)
        return found if found is not None and len(ids) == count and found.fits(count) else None

    def tokens(self, trajectory_id: str, step: RecordedStep) -> list[Token]:
        """Return the step's tokens in order; their texts are empty where nothing tells them."""
        decision = step.decision
        ids, count = decision.token_ids, len(decision.log_probs)
        found = self.explained(trajectory_id, step)
        texts, special = self._texts(decision.utterance, ids)
        if found is not None and not any(texts):
            texts = list(found.tokens)
        texts = texts or [""] * count
        known: Sequence[int | None] = ids if len(ids) == count else [None] * count
        return [
            Token(
                text,
                token_id,
                log_prob,
                {} if found is None else {name: weights[place] for name, weights in found.sources.items()},
                found.alternatives[place] if found is not None and found.alternatives else (),
                place in special,
            )
            for place, (text, token_id, log_prob) in enumerate(zip(texts, known, decision.log_probs, strict=False))
        ]

    def _texts(self, utterance: str, ids: Sequence[int]) -> tuple[list[str], set[int]]:
        if self._tokenizer is not None:
            return _pieces(self._tokenizer, ids)
        if all(0 <= token_id < 256 for token_id in ids) and bytes(ids) == utterance.encode(errors="replace"):
            return _byte_pieces(ids), set()
        return [], set()


def load_tokenizer(path: Path) -> Any:
    """Return the tokenizer of a checkpoint's ``tokenizer.json``; needs no torch.

    Raises:
        SessionError: it cannot be read.
    """
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_str(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SessionError(f"Got no tokenizer from {path} ({error}), expected the checkpoint's.") from error


def _pieces(tokenizer: Any, ids: Sequence[int]) -> tuple[list[str], set[int]]:
    """Return each token's share of the decoded text; a character of several tokens belongs to the last of them."""
    texts: list[str] = []
    special: set[int] = set()
    unspoken = {token_id for token_id, token in tokenizer.get_added_tokens_decoder().items() if token.special}
    done = ""
    for place, token_id in enumerate(ids):
        text = tokenizer.decode(list(ids[: place + 1]), skip_special_tokens=True)
        if token_id in unspoken:
            special.add(place)
            texts.append(tokenizer.id_to_token(token_id) or "")
        elif text.endswith(_UNFINISHED) and place + 1 < len(ids):
            texts.append("")
        else:
            texts.append(text[len(done) :])
            done = text
    return texts, special


def _byte_pieces(ids: Sequence[int]) -> list[str]:
    texts: list[str] = []
    waiting = b""
    for token_id in ids:
        waiting += bytes((token_id,))
        try:
            texts.append(waiting.decode())
            waiting = b""
        except UnicodeDecodeError:
            texts.append("")
    return texts
