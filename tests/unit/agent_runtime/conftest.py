"""Fixtures for the policy's tests: tiny checkpoints, written once a session; for the uplink's: a front in a thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agent_runtime.uplink.client import TunerLink
from agent_runtime.uplink.spool import Spool

if TYPE_CHECKING:
    from tests.wire_world import LoopThread, ServedTuner


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


@pytest.fixture(scope="session")
def loop_thread() -> Iterator[LoopThread]:
    """An event loop in a thread of its own."""
    from tests.wire_world import LoopThread

    thread = LoopThread()
    yield thread
    thread.stop()


@pytest.fixture
def serve(loop_thread: LoopThread, tmp_path: Path) -> Iterator[Callable[..., ServedTuner]]:
    """A factory of tuners, one after another on one state folder; all are stopped at the end."""
    from tests.wire_world import ServedTuner

    with ExitStack() as stack:

        def start(**settings: Any) -> ServedTuner:
            tuner = ServedTuner(loop_thread, tmp_path / "state", **settings)
            stack.callback(tuner.stop)
            return tuner

        yield start


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    """An empty, open spool; the link closes it."""
    spool = Spool(tmp_path / "spool")
    spool.open()
    return spool


@pytest.fixture
def connect(spool: Spool) -> Iterator[Callable[..., TunerLink]]:
    """A factory of links over the spool, started; all are closed at the end."""
    from tests.wire_world import RUNTIME_IDENTITY

    with ExitStack() as stack:

        def start(address: str, **settings: Any) -> TunerLink:
            given = {"on_adapter": lambda manifest, payload: None, **settings}
            link = TunerLink(address, RUNTIME_IDENTITY, ["runtime"], spool, **given)
            stack.callback(link.close, 0.0)
            link.start()
            return link

        yield start
