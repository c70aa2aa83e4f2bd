"""Teaches the small policy the demonstrator's answers, habits included: the base that all arms of a seed share."""

import random
from dataclasses import dataclass
from itertools import islice

import torch

from benchmarks.learning_study.arms import Recipe
from benchmarks.learning_study.demonstrations import Demonstration, demonstrations
from benchmarks.learning_study.demonstrator import Habits
from benchmarks.learning_study.policy import MAX_ANSWER_TOKENS, Policy, Sight, batch_of, sight_of
from benchmarks.learning_study.vocabulary import Vocabulary
from tuner.coso.objectives import token_log_probs_and_entropies

VOCABULARY_SEED = 12345
FIRST_SEED = 1_000_000
BATCH_ROWS = 64
THOUGHT_WEIGHT = 0.2
PASSES = 4
WARM_UP_STEPS = 50
ANSWERS_KEPT = 512
_Row = tuple[Sight, torch.Tensor]


@dataclass(frozen=True)
class Taught:
    """What came of a training: the last loss in nats per token, and some of the demonstrations."""

    loss_nats: float
    shown: list[Demonstration]


def build_vocabulary(recipe: Recipe) -> Vocabulary:
    """Return the vocabulary of all seeds: every piece of many demonstrations, their goals and screens."""
    texts: list[str] = []
    shown = demonstrations(VOCABULARY_SEED, Habits(), recipe.names_choice)
    for one in islice(shown, recipe.vocabulary_demonstrations):
        texts += [one.answer, f" {one.goal}"]
        for element in one.scene.elements:
            texts += [f" {element.words}", str(element.x), str(element.y)]
    keys = "tap long_press swipe type press open_app wait finish back home enter recents success infeasible"
    words = [word for key in keys.split() for word in (key, f" {key}")]
    return Vocabulary.of([*texts, *words, '{"thought":"","action":"swipe","x":1,"y":2,"x2":3,"y2":4}'])


def train(
    policy: Policy,
    seed: int,
    steps: int,
    learning_rate: float,
    habits: Habits,
    recipe: Recipe,
    vocabulary: Vocabulary,
) -> Taught:
    """Train a policy for so many steps, with a rate that falls to a twentieth, on a seed's own demonstrations."""
    shown = demonstrations(FIRST_SEED + seed, habits, recipe.names_choice)
    pool = list(islice(shown, max(BATCH_ROWS + 1, steps * BATCH_ROWS // PASSES)))
    encoded = [row for row in (_encoded(one, vocabulary) for one in pool) if len(row[1]) <= MAX_ANSWER_TOKENS]
    optimizer = torch.optim.AdamW(policy.parameters(), lr=learning_rate, weight_decay=0.01)
    rng = random.Random(seed)
    queue: list[list[_Row]] = []
    loss_nats = 0.0
    for step in range(steps):
        warmth = min(1.0, (step + 1) / WARM_UP_STEPS)
        optimizer.param_groups[0]["lr"] = learning_rate * warmth * (1 - 0.95 * step / steps)
        queue = queue or _batches(encoded, rng)
        rows = queue.pop()
        ids = torch.nn.utils.rnn.pad_sequence([answer for _, answer in rows], batch_first=True)
        log_probs, _ = token_log_probs_and_entropies(policy(batch_of([sight for sight, _ in rows]), ids), ids)
        weights = torch.where(ids == vocabulary.pad_id, 0.0, _weights(ids, vocabulary))
        loss = -(weights * log_probs).sum() / weights.sum()
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
        optimizer.step()
        loss_nats = loss.item()
    return Taught(loss_nats, pool[:ANSWERS_KEPT])


def _batches(encoded: list[_Row], rng: random.Random) -> list[list[_Row]]:
    """Return all rows once, in batches of screens of like size, shuffled."""
    ranked = sorted(encoded, key=lambda row: len(row[0].elements) + 3 * rng.random())
    batches = [ranked[first : first + BATCH_ROWS] for first in range(0, len(ranked) - BATCH_ROWS + 1, BATCH_ROWS)]
    rng.shuffle(batches)
    return batches


def _weights(ids: torch.Tensor, vocabulary: Vocabulary) -> torch.Tensor:
    """Return 1 at the tokens of the action, ``THOUGHT_WEIGHT`` before them: most wording is learned at once."""
    action = (ids == vocabulary.encode("action")[0]).cumsum(1) > 0
    return torch.where(action, 1.0, THOUGHT_WEIGHT)


def _encoded(shown: Demonstration, vocabulary: Vocabulary) -> _Row:
    answer = [*vocabulary.encode(shown.answer), vocabulary.end_id]
    return sight_of(shown.scene, shown.goal, vocabulary), torch.tensor(answer)
