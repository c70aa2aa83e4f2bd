"""Two processes under torchrun, over gloo: the gradients and versions of one process, and an exact resume."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load
from torch import Tensor

from tests.learner_parts import resumed_learner
from tests.learner_world import MIXED, World, learner_config
from tuner.adapters.store import AdapterStore
from tuner.config import LearnerConfig
from tuner.ingest.ledger import Ledger
from tuner.learner.checkpoint import CheckpointFolder
from tuner.learner.experience import Candidate
from tuner.learner.orders import order_bytes, read_order
from tuner.learner.processes import shares
from tuner.learner.samples import trainable_steps
from tuner.supervisor import in_processes, learner_command

ROOT = Path(__file__).parents[3]
UPDATES = 2
UNEVEN = {"batch_size": 3, "micro_batch_size": 1}
"""Settings: of two processes one has two passes in a batch and the other one."""
TOLERANCE = 1e-3
"""Largest difference of a LoRA tensor from one process's, as a share of its norm, after ``UPDATES`` updates."""


def store_episodes(state: Path, world: World, update: int) -> None:
    """Bring what an update, counted from 1, is to learn from."""
    ledger = Ledger(state)
    ledger.open()
    world.store(ledger, 4 * update, MIXED)
    ledger.close()


@contextmanager
def two_processes(config: LearnerConfig) -> Iterator[subprocess.Popen[str]]:
    """The command that the tuner starts; it and its processes are killed if they still run."""
    process = subprocess.Popen(
        in_processes(learner_command(config), 2),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        started = children.read_text().split() if children.exists() else []
        process.kill()
        for child in started:
            with suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)
        process.wait()


def tell(process: subprocess.Popen[str], event: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f'{{"event": "{event}"}}\n')
    process.stdin.flush()


def until(process: subprocess.Popen[str], event: str, **fields: object) -> None:
    assert process.stdout is not None
    heard = []
    for line in process.stdout:
        heard.append(json.loads(line))
        if heard[-1].items() >= {"event": event, **fields}.items():
            return
    pytest.fail(f"no {event} {fields} in {heard}")


def adapters(config: LearnerConfig) -> list[dict[str, Tensor]]:
    store = AdapterStore(config.state / "adapters")
    return [load(store.get(version)[1]) for version in range(1, UPDATES + 1)]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path, world: World) -> LearnerConfig:
    """What one process learned."""
    torch.set_num_threads(1)
    config = learner_config(tmp_path_factory.mktemp("alone"), checkpoint, **UNEVEN)
    learner, ledger = resumed_learner(config)
    for update in range(1, UPDATES + 1):
        world.store(ledger, 4 * update, MIXED)
        learner.update(ledger.waiting(config.trajectories_per_update))
    ledger.close()
    return config


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path, world: World) -> LearnerConfig:
    """What two processes learned that nobody killed."""
    config = learner_config(tmp_path_factory.mktemp("whole"), checkpoint, **UNEVEN)
    store_episodes(config.state, world, 1)
    with two_processes(config) as process:
        for update in range(1, UPDATES + 1):
            until(process, "published", version=update)
            until(process, "state", state="waiting")
            if update < UPDATES:
                store_episodes(config.state, world, update + 1)
                tell(process, "trajectory_stored")
        tell(process, "stop")
        until(process, "state", state="stopped")
        assert process.wait() == 0
    return config


@pytest.mark.timeout(600)  # two processes start
def test_two_processes_learn_what_one_does(alone: LearnerConfig, whole: LearnerConfig) -> None:
    for one, two in zip(adapters(alone), adapters(whole), strict=True):
        for name, tensor in one.items():
            assert (two[name] - tensor).norm() <= TOLERANCE * tensor.norm(), name


@pytest.mark.timeout(600)  # two starts of two processes
@pytest.mark.parametrize("shard_base", [False, True], ids=["whole base", "base split by FSDP2"])
def test_two_killed_processes_end_with_the_same_bits(
    tmp_path: Path, checkpoint: Path, world: World, whole: LearnerConfig, shard_base: bool
) -> None:
    killed = learner_config(tmp_path / "killed", checkpoint, shard_base=shard_base, **UNEVEN)
    store_episodes(killed.state, world, 1)
    with two_processes(killed) as process:
        until(process, "published", version=1)
        until(process, "state", state="waiting")
        store_episodes(killed.state, world, 2)
        tell(process, "trajectory_stored")
        until(process, "state", state="training")  # and killed in the midst of it
    with two_processes(killed) as process:
        until(process, "published", version=UPDATES)
        until(process, "state", state="waiting")

    for one, two in zip(adapters(whole), adapters(killed), strict=True):
        assert all(torch.equal(two[name], tensor) for name, tensor in one.items())
    ends = [CheckpointFolder(config.state / "learner").latest() for config in (whole, killed)]
    assert ends[0] is not None
    assert ends[1] is not None
    assert ends[0].state == ends[1].state
    assert all(torch.equal(ends[1].tensors[name], tensor) for name, tensor in ends[0].tensors.items())


def test_an_order_arrives_as_it_was_sent(tmp_path: Path, world: World) -> None:
    ledger = Ledger(tmp_path)
    ledger.open()
    world.store(ledger, 0, MIXED)
    steps = [step for stored in ledger.waiting(4) for step in trainable_steps(stored)]
    steps[0] = replace(steps[0], group=("alarm", (("hour", "7"), ("minute", "30"))), goal="Öffne „Notizen“")
    batch = [Candidate(step, 0.25, 1e-3 + place, 1 / 3) for place, step in enumerate(steps)]
    tensors = {"lora/a": torch.randn(3, 2), "scm/count": torch.tensor(7)}
    found, arrived = read_order(order_bytes(tensors, batch))
    assert arrived == batch
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())


@pytest.mark.parametrize(("count", "processes"), [(16, 1), (16, 3), (2, 4), (0, 2)])
def test_shares_hold_every_place_once_and_are_even(count: int, processes: int) -> None:
    found = shares(count, processes)
    assert [place for share in found for place in share] == list(range(count))
    assert len(found) == processes
    assert max(map(len, found)) - min(map(len, found)) <= 1


def test_one_process_is_started_without_torchrun() -> None:
    command = ["python", "-m", "tuner.learner", "--config", "{}"]
    assert in_processes(command, 1) == command
    assert in_processes(command, 3)[-4:] == command[1:]
    assert "torch.distributed.run" in in_processes(command, 3)
