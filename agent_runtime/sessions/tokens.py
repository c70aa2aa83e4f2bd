"""Splits an utterance into its tokens, with what the policy and the tuner thought of each. Draws nothing.

A session holds token ids. Their texts come from the checkpoint's ``tokenizer.json``, from the tuner's ``weights.jsonl``
or, for a scripted policy, from the ids themselves, which are bytes. Where none fits, tokens have no text.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent_runtime.errors import SessionError, UsageError
from agent_runtime.sessions.fields import Fields
from agent_runtime.sessions.recording import RecordedStep

_UNFINISHED = "\ufffd"


@dataclass(frozen=True, slots=True)
class Token:
    """One token of an utterance; ``weight`` is its causal weight, None where the tuner gave none."""

    text: str
    token_id: int | None
    log_prob: float
    weight: float | None
    is_special: bool = False
    """True for a token that ends the answer and is no part of the utterance."""

    @property
    def surprise(self) -> float:
        """1 - p of the token under the distribution it was drawn from."""
        return -math.expm1(min(0.0, self.log_prob))


@dataclass(frozen=True, slots=True)
class Weights:
    """A line of ``weights.jsonl``."""

    version: int
    tokens: tuple[str, ...]
    weights: tuple[float, ...]


WeightsByStep = Mapping[tuple[str, int], Weights]


def read_weights(path: Path) -> dict[tuple[str, int], Weights]:
    """Return the causal weights a tuner wrote, by trajectory id and step index; the newest where there are more.

    Raises:
        UsageError: the file cannot be read, or a line of it is no such record.
    """
    found: dict[tuple[str, int], Weights] = {}
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise UsageError(f"Got no weights from {path} ({error}), expected a tuner's weights.jsonl.") from error
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            fields = Fields(json.loads(line))
            weights = Weights(fields.whole("version"), fields.each("tokens", str), fields.numbers("weights"))
            found[fields.text("trajectory_id"), fields.whole("step_index")] = weights
        except (ValueError, RecursionError) as error:
            raise UsageError(
                f"Got line {number} of {path} that holds no causal weights ({error}), expected a tuner's weights.jsonl."
            ) from error
    return found


class TokenTexts:
    """Gives tokens their texts; ``tokenizer`` is the recorded policy's, or None where it is not at hand."""

    def __init__(self, tokenizer: Any = None, weights: WeightsByStep | None = None) -> None:
        self._tokenizer = tokenizer
        self._weights = weights or {}

    def tokens(self, trajectory_id: str, step: RecordedStep) -> list[Token]:
        """Return the step's tokens in order; their texts are empty where nothing tells them."""
        decision = step.decision
        ids, count = decision.token_ids, len(decision.log_probs)
        found = self._weights.get((trajectory_id, step.index))
        if found is not None and not len(found.tokens) == len(found.weights) == count == len(ids):
            found = None  # of a redacted session, or of another run
        weights: Sequence[float | None] = found.weights if found is not None else [None] * count
        texts, special = self._texts(decision.utterance, ids)
        if found is not None and not any(texts):
            texts = list(found.tokens)
        texts = texts or [""] * count
        known: Sequence[int | None] = ids if len(ids) == count else [None] * count
        return [
            Token(text, token_id, log_prob, weight, place in special)
            for place, (text, token_id, log_prob, weight) in enumerate(
                zip(texts, known, decision.log_probs, weights, strict=False)
            )
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
