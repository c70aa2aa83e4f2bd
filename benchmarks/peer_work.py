"""What peers do to a folder when they save, in a process of its own; says what they returned from. Checks nothing.

`python -m benchmarks.peer_work PEER FOLDER` saves ``SAVES`` times and prints "saved N" when each is over.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from benchmarks.durable_work import say

PEFT, TRAINER, EPISODES = "PEFT save_pretrained", "transformers Trainer", "episodes by torch.save"
SAVES: Final = 4
_WIDTH: Final = 48
EPISODES_FILE: Final = "trajectories.pt"


class _Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.q_proj = nn.Linear(_WIDTH, _WIDTH)

    def forward(self, x: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the loss of rows [B, W] against others, as a Trainer asks for it."""
        return {"loss": (self.q_proj(x) - labels).square().mean()}


def peft_work(folder: Path) -> None:
    """Save an adapter over the one before, as PEFT's documentation has it."""
    from peft import LoraConfig, get_peft_model

    make: Any = get_peft_model
    model = make(_Model(), LoraConfig(r=8, target_modules=["q_proj"]))
    for number in range(1, SAVES + 1):
        for parameter in (weight for weight in model.parameters() if weight.requires_grad):
            nn.init.normal_(parameter)
        model.save_pretrained(folder / "adapter")
        say("saved", number)


def trainer_work(folder: Path) -> None:
    """Train a step and save, two checkpoints kept."""
    from transformers import Trainer, TrainerCallback, TrainingArguments

    class Says(TrainerCallback):  # type: ignore[misc]  # untyped there
        def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            say("saved", state.global_step)

    rows = torch.randn(16, _WIDTH)
    arguments = TrainingArguments(
        output_dir=str(folder / "trainer"),
        max_steps=SAVES,
        save_steps=1,
        save_total_limit=2,
        per_device_train_batch_size=2,
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        logging_strategy="no",
    )
    data: Any = [{"x": row, "labels": -row} for row in rows]
    Trainer(_Model(), arguments, train_dataset=data, callbacks=[Says()]).train()


def episodes_work(folder: Path) -> None:
    """Keep all episodes so far in one file, written over the one before, as the loop DigiRL released does.

    Source: digirl/algorithms/offpolicy_train_loop.py there (``trajectories.pt``, ``replay_buffer.pt``).
    """
    episodes: list[dict[str, Any]] = []
    for number in range(1, SAVES + 1):
        episodes += [{"observation": torch.randn(_WIDTH, _WIDTH), "action": "x", "reward": 0.0} for _ in range(4)]
        torch.save(episodes, folder / EPISODES_FILE)
        say("saved", number)


WORKS: Final[Mapping[str, Callable[[Path], None]]] = {PEFT: peft_work, TRAINER: trainer_work, EPISODES: episodes_work}

if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    torch.manual_seed(0)
    torch.set_num_threads(1)
    WORKS[sys.argv[1]](Path(sys.argv[2]))
