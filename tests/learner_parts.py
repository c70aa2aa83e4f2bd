"""A learner in this process, and steps made by hand, for tests of what it learns from. Holds no tests."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, TextIO

import torch
from torch import Tensor

from tuner.config import LearnerConfig
from tuner.coso.labels import Utterance
from tuner.ingest.ledger import Ledger
from tuner.learner.loop import Learner
from tuner.learner.mailbox import Mailbox
from tuner.learner.samples import StepSample
from tuner.learner.student import load_student


def resumed_learner(config: LearnerConfig, said: TextIO | None = None) -> tuple[Learner, Ledger]:
    """Return a learner that goes on from its state folder, telling ``said``, and the folder's ledger."""
    ledger = Ledger(config.state)
    ledger.open()
    learner = Learner(config, load_student(config), ledger, Mailbox(io.StringIO(), said or io.StringIO()))
    learner.resume()
    return learner, ledger


def differing(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> set[str]:
    """Return the names of tensors that only one has, or that are not the same to the last bit."""
    both = expected.keys() & found.keys()
    return (expected.keys() ^ found.keys()) | {name for name in both if not torch.equal(expected[name], found[name])}


def made_step(sequence: int = 0, place: int = 0, token_ids: tuple[int, ...] = (1, 2), **facts: Any) -> StepSample:
    """Return a step of an episode, acted at version 0 with log-prob −1 a token; ``facts`` are fields that differ."""
    behaviour = facts.pop("behaviour_log_probs", (-1.0,) * len(token_ids))
    plain: dict[str, Any] = {
        "key": (sequence, place),
        "trajectory_id": str(sequence),
        "task_name": "task",
        "goal": "go",
        "prompt": "",
        "screenshot_png": b"",
        "group": ("task", ()),
        "utterance": Utterance(token_ids, ()),
        "behaviour_log_prob": sum(behaviour),
        "behaviour_log_probs": tuple(behaviour),
        "temperature": 1.0,
        "reward": 1.0,
        "succeeded": True,
        "version": 0,
        "steps": 1,
        "horizon": 1,
    }
    return StepSample(**{**plain, **facts})
