"""A small transformer that sees a screen's elements and the goal, and writes an answer. Holds no losses.

    [elements of the screen | words of the goal]  attend to each other, whole
    [tokens of the answer]                        attend to those and to the answer so far

An element's vector is the sum of its words', its role's and state's, and of two projections of the vectors of the
numbers that write its place, so that copying a coordinate is one step of attention; the number of words it shares
with the goal is given, for the study is not about learning to read.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benchmarks.learning_study.screens import MAX_ELEMENTS, ROLES, Scene
from benchmarks.learning_study.vocabulary import Vocabulary

MAX_WORDS = 5
MAX_GOAL_TOKENS = 10
MAX_ANSWER_TOKENS = 52
WRITTEN_TOKENS = 44
"""A longer answer is cut off when the policy writes: the demonstrator's have 40 at most."""
MAX_SHARED = 3
_STATES = (None, False, True)


@dataclass(frozen=True)
class PolicySize:
    """Shape of the network: 0.1 M parameters and a vector for each piece of the vocabulary."""

    layers: int = 3
    hidden: int = 64
    heads: int = 4


@dataclass(frozen=True)
class Sight:
    """A screen and a goal as ids: elements [E, MAX_WORDS + 5] (words, role, state,
    x, y, words shared with the goal) and goal [G]."""

    elements: Tensor
    goal: Tensor


@dataclass(frozen=True)
class SightBatch:
    """Padded sights: elements [B, E, MAX_WORDS + 5], goal [B, G], and seen [B, E + G], False at padding."""

    elements: Tensor
    goal: Tensor
    seen: Tensor


def sight_of(scene: Scene, goal: str, vocabulary: Vocabulary) -> Sight:
    """Encode a screen and a goal."""
    rows = []
    asked = set(vocabulary.encode(f" {goal}"))
    for element in scene.elements:
        words = vocabulary.encode(f" {element.words}")[:MAX_WORDS]
        shared = min(MAX_SHARED, len(asked.intersection(words)))
        place = [vocabulary.encode(str(value))[0] for value in (element.x, element.y)]
        state = [ROLES.index(element.role), _STATES.index(element.checked)]
        rows.append([*words, *[vocabulary.pad_id] * (MAX_WORDS - len(words)), *state, *place, shared])
    return Sight(torch.tensor(rows), torch.tensor(vocabulary.encode(f" {goal}")[:MAX_GOAL_TOKENS]))


def batch_of(sights: Sequence[Sight]) -> SightBatch:
    """Pad sights on the right."""
    elements = nn.utils.rnn.pad_sequence([sight.elements for sight in sights], batch_first=True)
    goal = nn.utils.rnn.pad_sequence([sight.goal for sight in sights], batch_first=True)
    counts = [(len(sight.elements), len(sight.goal)) for sight in sights]
    seen = torch.zeros((len(sights), elements.shape[1] + goal.shape[1]), dtype=torch.bool)
    for row, (shown, words) in enumerate(counts):
        seen[row, :shown] = True
        seen[row, elements.shape[1] : elements.shape[1] + words] = True
    return SightBatch(elements, goal, seen)


class Block(nn.Module):
    """Pre-norm attention and feed-forward; keys and values may come with those of earlier positions."""

    def __init__(self, size: PolicySize) -> None:
        super().__init__()
        self.heads = size.heads
        self.norm = nn.LayerNorm(size.hidden)
        self.qkv = nn.Linear(size.hidden, 3 * size.hidden)
        self.out = nn.Linear(size.hidden, size.hidden)
        self.feed = nn.Sequential(
            nn.LayerNorm(size.hidden),
            nn.Linear(size.hidden, 4 * size.hidden),
            nn.GELU(),
            nn.Linear(4 * size.hidden, size.hidden),
        )

    def heads_of(self, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return query, key and value [B, heads, T, D / heads] of hidden [B, T, D]."""
        rows, length, width = hidden.shape
        split = self.qkv(self.norm(hidden)).view(rows, length, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        return query, key, value

    def mix(self, hidden: Tensor, query: Tensor, key: Tensor, value: Tensor, visible: Tensor) -> Tensor:
        """Attend where ``visible`` is True and feed forward."""
        seen = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=visible)
        hidden = hidden + self.out(seen.transpose(1, 2).reshape(hidden.shape))
        fed: Tensor = hidden + self.feed(hidden)
        return fed


class Policy(nn.Module):
    """π(answer | screen, goal)."""

    def __init__(self, vocabulary_size: int, size: PolicySize | None = None) -> None:
        super().__init__()
        self.size = size or PolicySize()
        width = self.size.hidden
        self.embed = nn.Embedding(vocabulary_size, width)
        nn.init.normal_(self.embed.weight, std=0.05)
        self.role = nn.Embedding(len(ROLES), width)
        self.state = nn.Embedding(len(_STATES), width)
        self.shared = nn.Embedding(MAX_SHARED + 1, width)
        self.place_x, self.place_y = (nn.Linear(width, width, bias=False) for _ in range(2))
        self.goal_place = nn.Parameter(0.02 * torch.randn(MAX_GOAL_TOKENS, width))
        self.element_place = nn.Parameter(0.02 * torch.randn(MAX_ELEMENTS, width))
        self.answer_place = nn.Parameter(0.02 * torch.randn(MAX_ANSWER_TOKENS + 1, width))
        self.blocks = nn.ModuleList(Block(self.size) for _ in range(self.size.layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, sights: SightBatch, token_ids: Tensor) -> Tensor:
        """Return logits [B, T, V] of each token of answers [B, T], every token before it given."""
        prefix = self._prefix(sights)
        rows, length = token_ids.shape
        begun = torch.nn.functional.pad(token_ids[:, :-1], (1, 0), value=1)  # the end of a turn begins the next
        hidden = torch.cat((prefix, self.embed(begun) + self.answer_place[:length]), 1)
        start = prefix.shape[1]
        visible = torch.zeros((rows, 1, start + length, start + length), dtype=torch.bool)
        visible[:, 0, :, :start] = sights.seen[:, None, :]
        visible[:, 0, start:, start:] = torch.ones((length, length), dtype=torch.bool).tril()
        for block in self.blocks:
            assert isinstance(block, Block)
            hidden = block.mix(hidden, *block.heads_of(hidden), visible)
        return self._logits(hidden[:, start:])

    @torch.inference_mode()
    def write(
        self, sights: SightBatch, greedy: Tensor, end_id: int, generator: torch.Generator | None = None
    ) -> tuple[list[list[int]], list[list[float]]]:
        """Return the tokens of one answer for each sight, the end included, and their log-probs.

        Rows of ``greedy`` [B] take the likeliest token; an answer breaks off after ``WRITTEN_TOKENS``.
        """
        hidden = self._prefix(sights)
        rows, start, _ = hidden.shape
        visible = sights.seen[:, None, None, :]
        stores = []
        for block in self.blocks:
            assert isinstance(block, Block)
            query, key, value = block.heads_of(hidden)
            room = (0, 0, 0, WRITTEN_TOKENS)
            stores.append((nn.functional.pad(key, room), nn.functional.pad(value, room)))
            hidden = block.mix(hidden, query, key, value, visible)
        last = torch.full((rows,), end_id)
        answers: list[list[int]] = [[] for _ in range(rows)]
        scores: list[list[float]] = [[] for _ in range(rows)]
        going = torch.ones(rows, dtype=torch.bool)
        visible = nn.functional.pad(visible, (0, WRITTEN_TOKENS))
        for place in range(WRITTEN_TOKENS):
            visible[..., start + place] = True
            hidden = self.embed(last).unsqueeze(1) + self.answer_place[place]
            upto = start + place + 1
            for block, (keys, values) in zip(self.blocks, stores, strict=True):
                assert isinstance(block, Block)
                query, key, value = block.heads_of(hidden)
                keys[:, :, upto - 1 : upto], values[:, :, upto - 1 : upto] = key, value
                hidden = block.mix(hidden, query, keys[:, :, :upto], values[:, :, :upto], visible[..., :upto])
            log_probs = self._logits(hidden[:, 0]).log_softmax(-1)
            last = torch.multinomial(log_probs.exp(), 1, generator=generator).squeeze(1)
            last = torch.where(greedy, log_probs.argmax(-1), last)
            written = log_probs.gather(1, last.unsqueeze(1)).squeeze(1)
            for row, (token, score, goes) in enumerate(
                zip(last.tolist(), written.tolist(), going.tolist(), strict=True)
            ):
                if goes:
                    answers[row].append(token)
                    scores[row].append(score)
            going &= last != end_id
            if not going.any():
                break
        return answers, scores

    def _prefix(self, sights: SightBatch) -> Tensor:
        parts = sights.elements
        shown = self.embed(parts[..., :MAX_WORDS]) * (parts[..., :MAX_WORDS] != 0).unsqueeze(-1)
        elements = shown.sum(2) + self.role(parts[..., MAX_WORDS]) + self.state(parts[..., MAX_WORDS + 1])
        elements = (
            elements + self.shared(parts[..., MAX_WORDS + 4]) + self.place_x(self.embed(parts[..., MAX_WORDS + 2]))
        )
        elements = elements + self.place_y(self.embed(parts[..., MAX_WORDS + 3])) + self.element_place[: parts.shape[1]]
        goal = self.embed(sights.goal) + self.goal_place[: sights.goal.shape[1]]
        return torch.cat((elements, goal), 1)

    def _logits(self, hidden: Tensor) -> Tensor:
        return nn.functional.linear(self.norm(hidden), self.embed.weight)
