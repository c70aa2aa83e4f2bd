"""Splits a frozen base model over processes with FSDP2, and keeps their passes in step. Sends no batch, learns nothing.

Every block of the language model is split (``torch.distributed.fsdp.fully_shard``): a process holds its part of the
block's weights, and all of them only while the block computes. LoRA tensors, embeddings, head and vision tower stay
whole in each process: LoRA is small and is what steps, checkpoints and versions are made of.

A block's weights come together only if all processes ask for them, so passes go in step: while one process computes
something of its own, the others make a pass over nothing, ``Blocks.pass_by``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from tuner.errors import LearnerError
from tuner.learner.finite import NotFiniteError

OnPass = Callable[[], None]


class Blocks:
    """The split blocks of one process's model, ``peft_model`` with its LoRA tensors, on ``device``.

    ``on_pass`` is called before each forward pass outside of ``one_pass``: it has the others pass by.

    Raises:
        LearnerError: the model's blocks are not found, or its weights are quantized.
    """

    def __init__(self, peft_model: Any, device: str) -> None:
        language_model = getattr(peft_model.get_base_model().model, "language_model", None)
        layers = getattr(language_model, "layers", None)
        if language_model is None or not layers:
            raise LearnerError(
                "Got a base model whose language model's blocks are not found, expected language_model.layers: leave "
                "shard_base out."
            )
        frozen = {weight for layer in layers for weight in layer.parameters() if not weight.requires_grad}
        if not all(weight.is_floating_point() for weight in frozen):
            raise LearnerError("Got quantized weights to split, expected full precision: set quantization none.")
        mesh = init_device_mesh(torch.device(device).type, (dist.get_world_size(),))
        whole = {weight for weight in language_model.parameters() if weight not in frozen}
        for layer in layers:
            fully_shard(layer, mesh=mesh, ignored_params=whole)
        fully_shard(language_model, mesh=mesh, ignored_params=whole)
        peft_model.to(device)
        self.on_pass: OnPass = _nothing
        self._model = language_model
        self._is_within = False
        self._state: Tensor | None = None
        """What the forward pass within ``one_pass`` gave and no backward pass has gone over yet."""
        language_model.register_forward_pre_hook(self._before)
        language_model.register_forward_hook(self._after)

    @contextmanager
    def one_pass(self) -> Iterator[None]:
        """Make the block's forward and backward pass one of those that all processes make at the same time.

        Whatever becomes of it, NotFiniteError included, this process has made one of each at the end.
        """
        self._is_within, self._state = True, None
        try:
            yield
        except NotFiniteError:
            if self._state is None:
                self._forward()
            self._backward()
            raise
        finally:
            self._is_within, self._state = False, None

    def pass_with_gradient(self) -> None:
        """Stand in for a pass that this process has no samples for; every gradient gets 0 more."""
        with self.one_pass():
            self._forward()
            self._backward()

    @torch.no_grad()
    def pass_by(self) -> None:
        """Make a forward pass over nothing, for another process that makes one without gradient."""
        with self.one_pass():
            self._forward()

    def _forward(self) -> None:
        weight = self._model.get_input_embeddings().weight
        self._model(inputs_embeds=weight.new_zeros(1, 1, weight.shape[-1]), use_cache=False)

    def _backward(self) -> None:
        assert self._state is not None
        torch.autograd.backward(0 * self._state.sum())

    def _before(self, *_: object) -> None:
        if not self._is_within:
            self.on_pass()

    def _after(self, module: Any, args: object, output: Any) -> None:
        if self._is_within:
            self._state = output.last_hidden_state


def _nothing() -> None:
    """Have nobody pass by."""
