"""Fixtures for the learner's tests: a tiny checkpoint and its world, made once a module."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.learner_world import World


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained checkpoint that speaks of two utterances."""
    from tests.learner_world import tiny_checkpoint  # torch is loaded only where a test asks for a checkpoint

    return tiny_checkpoint(tmp_path_factory.mktemp("tiny") / "checkpoint")


@pytest.fixture(scope="module")
def world(checkpoint: Path) -> World:
    """The checkpoint as a runtime sees it."""
    from tests.learner_world import World

    return World(checkpoint)
