"""An explorer beside the deployed adapter (OPARL, arXiv 2312.15965): its tensors, its age, its return. Draws no batch.

Both learn from the same batches, the steps of the explorer's episodes:

    explorer    the loss asked for, entropy bonus included: optimistic
    deployed    the same loss without the bonus: pessimistic

Every few updates the explorer becomes the deployed adapter again, and its optimizer starts anew. OPARL takes the
largest and the smallest of several critics' values; no critic here has a second opinion, so both have the same values.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from agent_runtime.policy.lora import EXPLORER, adapter_tensors
from tuner.learner.checkpoint import optimizer_state, optimizer_tensors
from tuner.learner.experience import Candidate
from tuner.learner.policy_update import PolicyUpdater, StepFigures

PREFIX = "explorer/"
"""Before the names of its LoRA tensors among a learner's."""
_ADAM = "explorer_adam"


class Explorer:
    """The second adapter of ``peft_model``, which ``policy`` trains; it begins as the deployed one once that is set."""

    def __init__(self, peft_model: Any, policy: PolicyUpdater, reset_every: int) -> None:
        self.policy = policy
        self.age = 0
        """Published updates since it was the deployed adapter."""
        self._peft = peft_model
        self._reset_every = reset_every
        self.reset()

    def step_with(self, deployed: PolicyUpdater, batch: Sequence[Candidate]) -> tuple[StepFigures, StepFigures]:
        """Take one optimizer step of both adapters on ``batch``; return the deployed one's figures and its own.

        Raises:
            NotFiniteError: of either; neither has moved.
        """
        figures = deployed.gradients(batch), self.policy.gradients(batch)
        deployed.optimizer.step()
        self.policy.optimizer.step()
        return figures

    def grow_older(self) -> None:
        """Count a published update, and become the deployed adapter when it is time."""
        self.age += 1
        if self.age >= self._reset_every:
            self.reset()

    def reset(self) -> None:
        """Become the deployed adapter; the moments of the optimizer, which belong to the old tensors, are dropped."""
        self.take_over(adapter_tensors(self._peft))
        self.age = 0

    @torch.no_grad()
    def take_over(self, adapter: Mapping[str, Tensor]) -> None:
        """Take over LoRA tensors, under PEFT's names, and drop the moments of the optimizer."""
        for name, live in adapter_tensors(self._peft, EXPLORER).items():
            live.copy_(adapter[name])
        self.policy.optimizer.state.clear()

    def tensors(self) -> dict[str, Tensor]:
        """Return its live tensors, the optimizer's included, under stable names."""
        lora = {f"{PREFIX}{name}": tensor for name, tensor in adapter_tensors(self._peft, EXPLORER).items()}
        return lora | optimizer_tensors(_ADAM, self.policy.optimizer.state_dict())

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over what ``tensors`` returned, value for value; become the deployed adapter where nothing is there."""
        own = {name.removeprefix(PREFIX): tensor for name, tensor in tensors.items() if name.startswith(PREFIX)}
        if not own:
            self.reset()
            return
        self.take_over(own)
        state = {index: dict(values) for index, values in optimizer_state(_ADAM, tensors).items()}
        self.policy.optimizer.load_state_dict({**self.policy.optimizer.state_dict(), "state": state})
