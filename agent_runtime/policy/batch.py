"""Decisions in flight over one model: each joins by its own prefill, and all take every token together. Waits for none.

Rows share one key-value cache, right-aligned: a shorter row has zeros on its left, which the mask hides. A row leaves
with its last token, and room that only it needed goes with it. Every row draws from its own generator, so that what
it says depends on its seed; its mates change the order of sums in a matrix product and so the log-probs by rounding
alone (docs/many-devices.md has the sizes). A batch of one is not padded, not masked, and the same bit for bit every
time.

The sampling loop is our own, because the log-probs must be those of the distribution that was sampled from:
softmax(logits / temperature), over the whole vocabulary, nothing cut off.
"""

import inspect
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers.cache_utils import DynamicLayer

from agent_runtime.errors import PolicyError
from agent_runtime.policy.pictures import PictureFeatures, in_place_of_pixels, without_pixels

MAX_ROWS = 32
_COUNTS_FROM_ONE = ("paligemma", "inkling2")
"""Architectures whose positions are not the number of tokens before; nobody else gives them any here."""


@dataclass(frozen=True, slots=True)
class Request:
    """One decision asked for: model inputs (input_ids [1, P] and the rest), the picture's hex sha256, how to sample."""

    inputs: dict[str, Tensor]
    picture_digest: str
    temperature: float
    seed: int


@dataclass(eq=False, slots=True)
class Row:
    """A decision in the making; ``token_ids`` and ``log_probs`` grow together."""

    request: Request
    generator: torch.Generator
    cached: int
    """Tokens of it that the cache holds: prompt and answer so far, but for the newest token."""
    position_delta: int
    """What its next token's position is beyond ``cached``: pictures take fewer positions than tokens."""
    token_ids: list[int] = field(default_factory=list)
    log_probs: list[float] = field(default_factory=list)
    is_over: bool = False
    fault: PolicyError | None = None
    """Why it ended without an answer."""


class TokenBatch:
    """The rows in flight. Whoever calls holds the model's lock from the first ``join`` until no row is left."""

    def __init__(
        self, model: Any, stop_token_ids: frozenset[int], max_new_tokens: int, pictures: PictureFeatures
    ) -> None:
        self._model = model
        self._base = model.get_base_model() if hasattr(model, "get_base_model") else model
        self._stop_token_ids = stop_token_ids
        self._max_new_tokens = max_new_tokens
        self._pictures = pictures
        self._rows: list[Row] = []
        self._cache: Any = None
        takes_it = "logits_to_keep" in inspect.signature(self._base.forward).parameters
        self._head_on_last_token = {"logits_to_keep": 1} if takes_it else {}

    @property
    def has_room(self) -> bool:
        """Whether one more may join: always into an empty batch; never beside a cache that cannot be padded."""
        return not self._rows or (len(self._rows) < MAX_ROWS and self._can_share())

    @torch.inference_mode()
    def join(self, request: Request) -> Row:
        """Read a request's prompt and draw its first token, with which it may be over already.

        Raises:
            PolicyError: the logits are no numbers.
        """
        device = self._model.device
        on_device = {name: value.to(device) for name, value in request.inputs.items()}
        features = self._pictures.of(request.picture_digest, on_device)
        inputs = on_device if features is None else without_pixels(on_device) | in_place_of_pixels([features])
        output = self._model(**inputs, **self._head_on_last_token, use_cache=True)
        deltas = self._position_deltas()
        row = Row(
            request,
            torch.Generator().manual_seed(request.seed % (1 << 63)),
            cached=request.inputs["input_ids"].shape[1],
            position_delta=0 if deltas is None else int(deltas),
        )
        self._take(row, output.logits[0, -1].float().cpu())
        if row.fault is not None:
            raise row.fault
        if not row.is_over:
            self._add(row, output.past_key_values)
        return row

    @torch.inference_mode()
    def step(self) -> list[Row]:
        """Give every row one more token; return those that are over with it, which leave."""
        next_ids = torch.tensor([[row.token_ids[-1]] for row in self._rows], device=self._model.device)
        output = self._model(input_ids=next_ids, past_key_values=self._cache, use_cache=True, **self._places())
        self._cache = output.past_key_values
        for row, logits in zip(self._rows, output.logits[:, -1].float().cpu(), strict=True):
            row.cached += 1
            self._take(row, logits)
        over = [row for row in self._rows if row.is_over]
        self._keep([row for row in self._rows if not row.is_over])
        return over

    def drop(self, row: Row) -> None:
        """Let a row leave before it is over."""
        self._keep([other for other in self._rows if other is not row])

    # --- inside

    def _take(self, row: Row, logits: Tensor) -> None:
        try:
            token, log_prob = sample(logits, row.request.temperature, row.generator)
        except PolicyError as fault:
            row.fault, row.is_over = fault, True
            return
        row.token_ids.append(token)
        row.log_probs.append(log_prob)
        row.is_over = token in self._stop_token_ids or len(row.token_ids) == self._max_new_tokens

    def _position_deltas(self) -> Tensor | None:
        """Return the model's own note on the prompt it just read; None where positions are the number of tokens."""
        deltas: Tensor | None = getattr(getattr(self._base, "model", None), "rope_deltas", None)
        return deltas

    def _can_share(self) -> bool:
        plain = all(type(layer) is DynamicLayer for layer in self._cache.layers)
        return plain and self._base.config.model_type not in _COUNTS_FROM_ONE

    def _places(self) -> dict[str, Tensor]:
        """Return where the next tokens stand: positions [3, B, 1] or [B, 1], and a mask [B, S + 1] where it hides any.

        A single row without deltas of its own is left to the model, which counts for itself.
        """
        device = self._model.device
        cached = torch.tensor([row.cached for row in self._rows], device=device)
        width = self._cache.get_seq_length()
        places: dict[str, Tensor] = {}
        if any(row.cached < width for row in self._rows):
            is_its_own = torch.arange(width + 1, device=device) >= (width - cached).unsqueeze(1)
            places["attention_mask"] = is_its_own.long()
        if self._position_deltas() is not None:
            deltas = torch.tensor([row.position_delta for row in self._rows], device=device)
            places["position_ids"] = (cached + deltas).view(1, -1, 1).expand(3, -1, -1)
        elif len(self._rows) > 1:
            places["position_ids"] = cached.unsqueeze(1)
        return places

    def _add(self, row: Row, cache: Any) -> None:
        if self._rows:
            width = max(self._cache.get_seq_length(), row.cached)
            for ours, theirs in zip(self._cache.layers, cache.layers, strict=True):
                ours.keys = torch.cat((_widened(ours.keys, width), _widened(theirs.keys, width)))
                ours.values = torch.cat((_widened(ours.values, width), _widened(theirs.values, width)))
        else:
            self._cache = cache
        self._rows.append(row)

    def _keep(self, rows: Sequence[Row]) -> None:
        if len(rows) == len(self._rows):
            return
        if rows:
            places = torch.tensor([self._rows.index(row) for row in rows], device=self._model.device)
            spare = self._cache.get_seq_length() - max(row.cached for row in rows)
            for layer in self._cache.layers:
                layer.keys = layer.keys[places, :, spare:]
                layer.values = layer.values[places, :, spare:]
        else:
            self._cache = None
        self._rows = list(rows)


def sample(logits: Tensor, temperature: float, generator: torch.Generator) -> tuple[int, float]:
    """Draw a token from softmax(logits / temperature), float32 [V]; temperature 0 takes the likeliest.

    Returns the token and its log-prob under that distribution (of the untempered one when greedy).

    Raises:
        PolicyError: the logits are no numbers.
    """
    log_probs = torch.log_softmax(logits / (temperature or 1.0), dim=-1)
    if math.isnan(float(log_probs[0])):  # one NaN or +inf among the logits makes all of them NaN
        raise PolicyError(
            "Got logits that are no numbers, expected finite ones: the weights or the adapter are broken."
        )
    if temperature == 0:
        token = int(log_probs.argmax())
    else:
        token = int(torch.multinomial(log_probs.exp(), 1, generator=generator))
    return token, min(0.0, float(log_probs[token]))


def _widened(values: Tensor, width: int) -> Tensor:
    """Return keys or values [B, H, S, D] with zeros on the left up to ``width`` tokens."""
    return pad(values, (0, 0, width - values.shape[-2], 0))
