"""The structural causal model: a small network that reads an utterance and predicts its parsed action.

P_φ(a | y) = Π_f P_φ(field f of a | y) over every field of ``labels.FIELD_SIZES`` (Eq. 5): a bidirectional
encoder over token ids, then one attention query per field. Attention and pooling are masked, so what lies
in padding, or beside an utterance in the batch, never changes its answer. Trains nothing by itself.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tuner.coso.labels import FIELD_SIZES


@dataclass(frozen=True)
class ActionModelSize:
    """Shape of the network; ``PAPER_SIZE`` is the published one."""

    layers: int = 1
    hidden: int = 64
    heads: int = 4
    feed_forward: int = 256


EMBEDDING_SCALE = 0.5
PAPER_SIZE = ActionModelSize(layers=3, hidden=128, heads=4, feed_forward=512)


def position_codes(length: int, width: int) -> Tensor:
    """Return sinusoidal position codes [length, width] (Vaswani et al. 2017, section 3.5)."""
    rate = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
    angle = torch.arange(length).unsqueeze(1) * rate  # [T, W/2]
    return torch.stack((angle.sin(), angle.cos()), -1).flatten(1)


def number_codes(values: Tensor, width: int) -> Tensor:
    """Return sine and cosine codes [N, width] of values [N], periods from 2000 down to 4."""
    periods = torch.logspace(math.log10(2000), math.log10(4), width // 2)
    angle = 2 * math.pi * values.unsqueeze(1) / periods
    return torch.stack((angle.sin(), angle.cos()), -1).flatten(1)


class EncoderLayer(nn.Module):
    """Pre-norm self-attention and feed-forward, without dropout; q, k and v from one product."""

    def __init__(self, size: ActionModelSize) -> None:
        super().__init__()
        self.heads = size.heads
        self.attention_norm = nn.LayerNorm(size.hidden)
        self.qkv = nn.Linear(size.hidden, 3 * size.hidden)
        self.mixed = nn.Linear(size.hidden, size.hidden)
        self.feed_norm = nn.LayerNorm(size.hidden)
        self.feed_in = nn.Linear(size.hidden, size.feed_forward)
        self.feed_out = nn.Linear(size.feed_forward, size.hidden)

    def forward(self, hidden: Tensor, visible: Tensor | None) -> Tensor:
        """Map hidden [B, T, D]; ``visible`` [B, 1, 1, T] is True at tokens, None when there is no padding."""
        return self.mix(hidden, self.qkv(self.attention_norm(hidden)), visible)

    def mix(self, hidden: Tensor, qkv: Tensor, visible: Tensor | None) -> Tensor:
        """Everything after the q, k, v [B, T, 3D] of this layer are known.

        In place where no gradient needs what was there: fresh memory for each step is what costs a CPU most here.
        """
        rows, length, width = hidden.shape
        heads = qkv.view(rows, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        seen = nn.functional.scaled_dot_product_attention(heads[0], heads[1], heads[2], attn_mask=visible)
        mixed = self.mixed(seen.transpose(1, 2).reshape(rows, length, width)).add_(hidden)
        fed: Tensor = self.feed_out(self.feed_in(self.feed_norm(mixed)).relu_())
        return fed.add_(mixed)


class ActionModel(nn.Module):
    """P_φ(a | y), Eq. 5. Ids are the policy's own; ``null_id`` stands for a token taken away (Eq. 6)."""

    def __init__(self, vocabulary_size: int, size: ActionModelSize | None = None) -> None:
        super().__init__()
        self.size = size or ActionModelSize()
        self.null_id = vocabulary_size
        self.embed = nn.Embedding(vocabulary_size + 1, self.size.hidden)
        self.shifted = nn.Linear(3 * self.size.hidden, self.size.hidden)
        self.layers = nn.ModuleList(EncoderLayer(self.size) for _ in range(self.size.layers))
        self.norm = nn.LayerNorm(self.size.hidden)
        self.queries = nn.Parameter(torch.randn(len(FIELD_SIZES), self.size.hidden) / self.size.hidden**0.5)
        self.heads = nn.ModuleList(nn.Linear(self.size.hidden, classes) for classes in FIELD_SIZES.values())

    @torch.no_grad()
    def place_numbers(self, number_of_id: Mapping[int, int]) -> None:
        """Start the ids that are whole numbers from codes of their value, so that near numbers look alike.

        Without this every number is a word of its own, and the coordinates' cells are learned token by token.
        """
        self.embed.weight.mul_(EMBEDDING_SCALE)
        if number_of_id:
            values = torch.tensor(list(number_of_id.values()), dtype=torch.float32)
            self.embed.weight[list(number_of_id)] = number_codes(values, self.size.hidden)

    def forward(self, token_ids: Tensor, mask: Tensor | None = None) -> list[Tensor]:
        """Return logits [B, classes] for each field, from ids [B, T] and mask [B, T] (None: no padding)."""
        assert token_ids.ndim == 2
        assert mask is None or mask.shape == token_ids.shape
        visible = None if mask is None else mask.bool()[:, None, None, :]
        hidden = self.embedded(token_ids, mask)
        for layer in self.layers:
            hidden = layer(hidden, visible)
        return self.read(hidden, mask)

    def embedded(self, token_ids: Tensor, mask: Tensor | None) -> Tensor:
        """Return [B, T, D]: each token with its two predecessors, and its position."""
        tokens = self.embed(token_ids)
        if mask is not None:
            tokens = tokens * mask.unsqueeze(-1)
        length = token_ids.shape[1]
        return self.join(nn.functional.pad(tokens, (0, 0, 2, 0))) + position_codes(length, self.size.hidden).to(tokens)

    def join(self, tokens: Tensor) -> Tensor:
        """Map token vectors [B, 2 + T, D] to [B, T, D]: each of the last T with its two predecessors."""
        here = tokens[:, 2:]
        joined: Tensor = here + self.shifted(torch.cat((here, tokens[:, 1:-1], tokens[:, :-2]), -1))
        return joined

    def read(self, hidden: Tensor, mask: Tensor | None) -> list[Tensor]:
        """Pool hidden [B, T, D] once per field, masked, and classify."""
        pooled = self.pooled(hidden, mask)
        return [head(pooled[:, index]) for index, head in enumerate(self.heads)]

    def pooled(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        """Return what each field's head reads, [B, F, D]."""
        normed = self.norm(hidden)
        scores = self.queries @ normed.transpose(1, 2)  # [B, F, T]
        if mask is not None:
            scores = scores.masked_fill(~mask.bool().unsqueeze(1), -torch.inf)
        pooled: Tensor = scores.softmax(-1) @ normed
        return pooled

    def log_prob(self, logits: list[Tensor], labels: Tensor) -> Tensor:
        """Return log P_φ(a | y) [B]: the sum over fields, for labels [B, F]."""
        assert labels.ndim == 2
        assert labels.shape[1] == len(logits)
        parts = [
            torch.log_softmax(field.float(), -1).gather(-1, labels[:, index : index + 1])
            for index, field in enumerate(logits)
        ]
        return torch.cat(parts, 1).sum(1)


def action_model_loss(model: ActionModel, token_ids: Tensor, mask: Tensor, labels: Tensor) -> Tensor:
    """Return the cross-entropy −(1/B) Σ log P_φ(a | y), a scalar: Algorithm 1's update of φ."""
    return -model.log_prob(model(token_ids, mask), labels).mean()
