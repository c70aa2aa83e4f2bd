"""Value targets of the soft backup in an update of the tiny checkpoint under PPO with critics."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.learner_parts import resumed_learner
from tests.learner_world import REWARDED, UNREWARDED, World, learner_config

torch.set_num_threads(1)


def test_the_entropy_of_steps_enters_the_targets(tmp_path: Path, checkpoint: Path, world: World) -> None:
    config = learner_config(
        tmp_path / "state",
        checkpoint,
        objective="ppo",
        advantage="critic",
        entropy="uniform",
        entropy_alpha=0.1,
        soft_values=True,
    )
    learner, ledger = resumed_learner(config)
    world.store(ledger, 0, [REWARDED, UNREWARDED] * 2)
    learner._experience.take(ledger.waiting(4))
    before = learner._student.policy.causal_entropies([learner._experience.steps_of(n)[0] for n in (1, 2)])
    learner.update(ledger.waiting(4))
    told = json.loads((config.state / "metrics.jsonl").read_text().splitlines()[-1])
    assert told["soft_bonus"] == pytest.approx(0.1 * sum(before.values()) / 2, rel=1e-4)
    assert told["soft_bonus"] > 0
    assert told["refused_steps"] == 0
