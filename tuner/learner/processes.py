"""Several processes share the work of one learner's gradients, by torch.distributed. Knows no loss and keeps nothing.

Process 0 is the learner, the only one with a ledger, a checkpoint, an optimizer and an action model of its own. For
each optimizer step it sends the LoRA tensors, the action model and the batch; each process adds up the gradients of
its share of the batch, divided by the size of the whole; the sums are added up at process 0, which takes the step.
Helpers keep nothing between two steps and draw nothing, so a checkpoint is the same whatever the number of processes.

All of it goes through gloo, in memory of the CPU: LoRA gradients are small, and a helper that waits for hours occupies
no GPU. With a base model that is split over the processes (``split_base``) its blocks travel between the GPUs, by nccl,
and all processes make their passes in step: as many in a batch as the one with most, and one over nothing for each that
the learner makes for itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor

from tuner.learner.experience import Candidate
from tuner.learner.finite import NotFiniteError
from tuner.learner.orders import order_bytes, read_order
from tuner.learner.policy_update import FIGURES, PolicyUpdater
from tuner.learner.split_base import Blocks
from tuner.learner.student import Student

PATIENCE = timedelta(days=365)
"""How long a helper waits for the next step: the learner may wait that long for trajectories."""
_LEADER = 0
_END, _PASS = b"", b"pass"
"""Orders that are no batch."""
_LOOPBACK = "lo"


@contextmanager
def joined() -> Iterator[int]:
    """Join the processes that torchrun started, yield this one's rank, and leave; alone, rank 0 of one."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield _LEADER
        return
    if os.environ.get("LOCAL_WORLD_SIZE") == os.environ["WORLD_SIZE"] and Path("/sys/class/net", _LOOPBACK).exists():
        os.environ.setdefault("GLOO_SOCKET_IFNAME", _LOOPBACK)  # one machine: nothing listens to the others
    dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=PATIENCE)
    try:
        yield dist.get_rank()
    finally:
        dist.destroy_process_group()


def own_device(kind: str) -> str:
    """Return the device of this process: of several GPUs the one of its rank on this machine."""
    return kind if kind == "cpu" or not dist.is_initialized() else f"{kind}:{os.environ['LOCAL_RANK']}"


def shares(count: int, processes: int) -> list[range]:
    """Return the places of a batch that each process takes: runs of even length, some empty in a small batch."""
    cuts = [count * process // processes for process in range(processes + 1)]
    return [range(start, end) for start, end in pairwise(cuts)]


class Leader:
    """Process 0's side; stands in for ``Alone`` in its updater. ``blocks`` are those of a base model that is split."""

    def __init__(self, student: Student, blocks: Blocks | None = None) -> None:
        self._student = student
        self._blocks = blocks
        if blocks is not None:
            blocks.on_pass = lambda: _send(_PASS)

    def add_up(self, updater: PolicyUpdater, batch: Sequence[Candidate]) -> Tensor:
        """Have all processes add up gradients of the batch, and return its figures [B, 5].

        Raises:
            NotFiniteError: a process found the loss of its share not finite.
        """
        _send(order_bytes(self._student.led(updater), batch))
        return _share_added_up(updater, batch, self._blocks)

    @staticmethod
    def dismiss() -> None:
        """Let the helpers end."""
        _send(_END)


def help_out(student: Student, blocks: Blocks | None = None) -> None:
    """Do a helper's part until the learner ends."""
    while order := _received():
        if order == _PASS:
            assert blocks is not None, "only a learner whose base model is split says so"
            blocks.pass_by()
            continue
        tensors, batch = read_order(order)
        policy = student.follow(tensors)
        policy.optimizer.zero_grad()
        try:
            _share_added_up(policy, batch, blocks)
        except NotFiniteError:
            continue  # the learner was told


def _share_added_up(updater: PolicyUpdater, batch: Sequence[Candidate], blocks: Blocks | None) -> Tensor:
    """Compute this process's share; at process 0 gradients and figures are then those of the whole batch."""
    figures = torch.zeros((len(batch), FIGURES), dtype=torch.float64)
    failed = torch.zeros(1, dtype=torch.float64)
    share = shares(len(batch), dist.get_world_size())[dist.get_rank()]
    try:
        figures = updater.add_up(batch, share) if blocks is None else _in_step(updater, batch, share, blocks)
    except NotFiniteError:
        failed += 1  # the others wait for this process all the same
    for parameter in updater.parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    gradients = [parameter.grad for parameter in updater.parameters if parameter.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients]).cpu()
    for tensor in (flat, figures, failed):
        dist.reduce(tensor, _LEADER)
    if dist.get_rank() == _LEADER and failed.item():
        raise NotFiniteError("the loss of a process's share is not finite")
    parts = torch.split(flat, [gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))
    return figures


def _in_step(updater: PolicyUpdater, batch: Sequence[Candidate], share: Sequence[int], blocks: Blocks) -> Tensor:
    """Do ``add_up`` in as many passes as the process makes that has most.

    Raises:
        NotFiniteError: a loss is not finite; all passes were made.
    """
    passes = updater.passes(batch, share)
    most = torch.tensor([len(passes)])
    dist.all_reduce(most, dist.ReduceOp.MAX)
    figures = torch.zeros((len(batch), FIGURES), dtype=torch.float64)
    failure: NotFiniteError | None = None
    for together in passes:
        try:
            with blocks.one_pass():
                figures += updater.add_up_pass(batch, together)
        except NotFiniteError as error:
            failure = error
    for _ in range(int(most) - len(passes)):
        blocks.pass_with_gradient()
    if failure is not None:
        raise failure
    return figures


def _send(order: bytes) -> None:
    dist.broadcast(torch.tensor([len(order)]), _LEADER)
    if order:
        dist.broadcast(torch.frombuffer(bytearray(order), dtype=torch.uint8), _LEADER)


def _received() -> bytes:
    length = torch.zeros(1, dtype=torch.long)
    dist.broadcast(length, _LEADER)
    order = torch.empty(int(length), dtype=torch.uint8)
    if order.numel():
        dist.broadcast(order, _LEADER)
    return order.numpy().tobytes()
