"""What causal weights cost against the plain batched loop on the same action model. Measures only.

The plain loop pads a batch, takes one position after another away from every row, and scores every sample again
however often it comes. Ours scores each distinct utterance once, without padding, shares the first layer, and only
at the positions asked for. f is the share of positions skipped; every pair of times comes from one round, and is of
processor time, since both run on one thread and wait for nothing.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

from benchmarks.measures import Measure, in_turn, json_option, report
from tuner.coso.action_model import PAPER_SIZE, ActionModel, ActionModelSize
from tuner.coso.counterfactual import ScmWeights
from tuner.coso.labels import Utterance

VOCABULARY: Final = 1024
DISTINCT: Final = 16
REPEATS: Final = 4
LENGTHS: Final = (40, 64)
SKIPPED: Final = 0.75
PLAIN_BATCH: Final = 16
ROUNDS: Final = 5
SPEED_BAR: Final = 1.5
REPLAY_BAR: Final = 0.85 * SPEED_BAR
ERROR_BAR: Final = 1e-6


def _model(size: ActionModelSize) -> ActionModel:
    """Return a random model, sharpened as training sharpens, so that probabilities are not all tiny."""
    torch.manual_seed(0)
    model = ActionModel(VOCABULARY, size).eval()
    with torch.no_grad():
        model.queries.mul_(4)
        for parameter in model.heads.parameters():
            parameter.mul_(10)
    return model


def utterances(model: ActionModel, count: int) -> list[Utterance]:
    """Return distinct random utterances of mixed lengths, labelled with what the model holds most likely."""
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(*LENGTHS, (count,), generator=generator).tolist()
    rows = [torch.randint(0, VOCABULARY, (1, length), generator=generator) for length in lengths]
    with torch.inference_mode():
        labels = [tuple(int(field.argmax()) for field in model(row)) for row in rows]
    return [Utterance(tuple(row[0].tolist()), label) for row, label in zip(rows, labels, strict=True)]


@torch.inference_mode()
def plain_loop(model: ActionModel, samples: Sequence[Utterance]) -> list[Tensor]:
    """Return the weights [T] of every sample, one position at a time over padded batches."""
    answers: list[Tensor] = []
    for start in range(0, len(samples), PLAIN_BATCH):
        batch = samples[start : start + PLAIN_BATCH]
        width = max(len(sample.token_ids) for sample in batch)
        ids = torch.tensor([[*sample.token_ids, *[0] * (width - len(sample.token_ids))] for sample in batch])
        mask = torch.tensor([[place < len(sample.token_ids) for place in range(width)] for sample in batch])
        labels = torch.tensor([sample.labels for sample in batch])
        whole = model.log_prob(model(ids, mask), labels).exp()
        moves = []
        for place in range(width):
            without = ids.clone()
            without[:, place] = model.null_id
            moves.append((whole - model.log_prob(model(without, mask), labels).exp()).abs())
        table = torch.stack(moves, 1)
        answers += [table[row, : len(sample.token_ids)] for row, sample in enumerate(batch)]
    return answers


def _compared(model: ActionModel, samples: Sequence[Utterance], needed: Sequence[Tensor]) -> tuple[float, float]:
    """Return the median ratio plain/ours over rounds, and the median milliseconds of ours, cold cache every time."""
    rounds = in_turn(
        ROUNDS,
        {
            "plain": lambda: plain_loop(model, samples),
            "ours": lambda: ScmWeights(model).weights(samples, needed),
        },
        time.process_time,
    )
    return rounds.median_ratio("plain", "ours"), rounds.median_ms("ours")


def _needed(samples: Sequence[Utterance], skipped: float) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.rand(len(sample.token_ids), generator=generator) >= skipped for sample in samples]


def measure(size: ActionModelSize, name: str) -> list[Measure]:
    """Measure one size of action model: each distinct once, with positions skipped, and on a replay with repeats."""
    model = _model(size)
    once = utterances(model, DISTINCT)
    replay = once * REPEATS
    ours, plain = ScmWeights(model).weights(once), plain_loop(model, once)
    error = max(float((a - b).abs().max()) for a, b in zip(ours, plain, strict=True))
    found = [Measure(f"{name}: largest difference", error, ERROR_BAR, "lower", error, "probability")]
    for skipped in (0.0, SKIPPED):
        needed = _needed(once, skipped)
        share = 1 - float(torch.cat(needed).float().mean())
        ratio, ours_ms = _compared(model, once, needed)
        bar = SPEED_BAR / (1 - share)
        found.append(Measure(f"{name}: f = {share:.2f}", ratio, bar, "higher", ours_ms / len(once), "ms an utterance"))
    needed = _needed(once, SKIPPED) * REPEATS
    share = 1 - float(torch.cat(needed).float().mean())
    ratio, ours_ms = _compared(model, replay, needed)
    bar = REPLAY_BAR / (1 - share) * REPEATS
    label = f"{name}: replay, {REPEATS} samples each, f = {share:.2f}"
    return [*found, Measure(label, ratio, bar, "higher", ours_ms / len(replay), "ms a sample")]


def main() -> int:
    """Measure, tell, and return the exit code."""
    json_path = json_option("weights", __doc__)
    torch.set_num_threads(1)
    measures = measure(ActionModelSize(), "default size") + measure(PAPER_SIZE, "paper's size")
    return report(f"Causal weights, torch {torch.__version__}, one thread", measures, json_path)


if __name__ == "__main__":
    sys.exit(main())
