"""Fixtures for the policy's tests: tiny checkpoints, written once a session."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Qwen3-VL checkpoint."""
    from tests.tiny_vlm import tiny_checkpoint  # torch is loaded only where a test asks for a checkpoint

    return tiny_checkpoint(tmp_path_factory.mktemp("tiny-vlm"))


@pytest.fixture(scope="session")
def llava_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random LLaVA checkpoint."""
    from tests.tiny_vlm import tiny_llava

    return tiny_llava(tmp_path_factory.mktemp("tiny-llava"))
