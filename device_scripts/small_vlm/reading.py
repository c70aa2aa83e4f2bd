"""The recipe's first stage: the vision tower learns to read, one answer for each image token. Trains no language.

Without it the language model has to find out where to look and how to read at once, through a sentence whose other
tokens are easy: the loss then stays on a plateau for over a thousand steps. Here every image token is asked directly
what the element under its centre says, which is learned in a few hundred steps. The head is thrown away afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from device_scripts.small_vlm.architecture import MERGE_SIZE, PATCH_SIZE_PX
from device_scripts.small_vlm.batches import IGNORED_LABEL, Example
from device_scripts.small_vlm.view import Region

PEAK_RATE = 1e-3
WARMUP_STEPS = 50
BATCH_SIZE = 32
TOKEN_PX = PATCH_SIZE_PX * MERGE_SIZE
_NOTHING = 0


class Reader:
    """Classes of what elements say, and a head [hidden] → [classes] over the vision tower's tokens."""

    def __init__(self, corpus: Iterable[Example], hidden_size: int) -> None:
        sayings = sorted({saying for example in corpus for saying, _ in example.regions})
        self.classes = {saying: number for number, saying in enumerate(sayings, start=1)}
        self.head = nn.Sequential(nn.LayerNorm(hidden_size), nn.Linear(hidden_size, len(sayings) + 1))

    def labels(self, example: Example) -> Tensor:
        """Return the class under each image token's centre, [tokens], row by row; 0 where nothing is."""
        columns, rows = example.image.width // TOKEN_PX, example.image.height // TOKEN_PX
        centres = [((x + 0.5) * TOKEN_PX, (y + 0.5) * TOKEN_PX) for y in range(rows) for x in range(columns)]
        return torch.tensor([self._class_at(example.regions, x, y) for x, y in centres])

    def _class_at(self, regions: Sequence[Region], x_px: float, y_px: float) -> int:
        found = _NOTHING
        for saying, (left, top, right, bottom) in regions:
            if left <= x_px < right and top <= y_px < bottom:
                found = self.classes.get(saying, IGNORED_LABEL)
        return found


def learn_to_read(
    tower: Any, images: Any, corpus: Sequence[Example], stream: Iterable[Example], steps: int, device: str
) -> None:
    """Train ``tower`` for ``steps`` batches of ``stream``; ``corpus`` tells what there is to read."""
    reader = Reader(corpus, tower.config.out_hidden_size)
    reader.head.to(device)
    optimizer = torch.optim.AdamW(
        [*tower.parameters(), *reader.head.parameters()], lr=PEAK_RATE, weight_decay=0.01, betas=(0.9, 0.98)
    )
    examples = iter(stream)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = PEAK_RATE * min(1.0, (step + 1) / WARMUP_STEPS) * (1 - 0.9 * step / steps)
        batch = list(islice(examples, BATCH_SIZE))
        logits = reader.head(_tokens(tower, images, batch, device))  # [B·tokens, classes]
        labels = torch.cat([reader.labels(example) for example in batch]).to(device)  # [B·tokens]
        loss = cross_entropy(logits, labels, ignore_index=IGNORED_LABEL)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(tower.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if step % 50 == 0 or step == steps - 1:
            is_read = labels > _NOTHING
            right = (logits.argmax(-1) == labels)[is_read].float().mean()
            print(f"reading step {step} loss {loss.item():.3f} read {float(right):.3f}", flush=True)


def _tokens(tower: Any, images: Any, batch: Sequence[Example], device: str) -> Tensor:
    """Return the tower's merged tokens [B·tokens, hidden], computed in bfloat16."""
    pictures = images([example.image for example in batch], return_tensors="pt")
    with torch.autocast(device, dtype=torch.bfloat16):
        pooled = tower(pictures["pixel_values"].to(device), pictures["image_grid_thw"].to(device)).pooler_output
    return (pooled if isinstance(pooled, Tensor) else torch.cat(list(pooled))).float()
