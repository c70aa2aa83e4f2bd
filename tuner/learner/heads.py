"""A small head on frozen features and its optimizer, under one name in the checkpoint. Reads no episode."""

import random
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from tuner.coso.critic import SuccessClassifier, success_loss
from tuner.learner.checkpoint import optimizer_state, optimizer_tensors
from tuner.learner.finite import PARAMETER_LIMIT, clip_gradients, require_bounded, require_finite


class Head:
    """``SuccessClassifier`` under AdamW; its tensors are named ``critic/NAME/…`` and ``critic_adam_NAME/…``."""

    def __init__(self, name: str, feature_size: int, learning_rate: float, max_grad_norm: float) -> None:
        self.name = name
        self.network = SuccessClassifier(feature_size)
        self._optimizer = torch.optim.AdamW(self.network.parameters(), lr=learning_rate)
        self._max_grad_norm = max_grad_norm

    def step(self, loss: Tensor) -> float:
        """Take one optimizer step on a scalar loss and return its value.

        Raises:
            NotFiniteError: loss or gradient is not finite; nothing has moved.
        """
        require_finite(f"the loss of the {self.name} critic", loss)
        self._optimizer.zero_grad()
        torch.autograd.backward(loss)
        clip_gradients(f"{self.name} critic", self.network.parameters(), self._max_grad_norm)
        self._optimizer.step()
        return loss.item()

    def fit(self, features: Tensor, targets: Tensor, epochs: int, batch_rows: int, seed: str) -> float:
        """Move its word on features [N, F] towards targets [N] in [0, 1], in shuffled passes; return the mean loss.

        Raises:
            NotFiniteError: a loss or gradient is not finite, or a weight must not be kept.
        """
        shuffler = random.Random(seed)
        total = 0.0
        for _ in range(epochs):
            order = shuffler.sample(range(len(features)), len(features))
            for start in range(0, len(order), batch_rows):
                places = order[start : start + batch_rows]
                total += self.step(success_loss(self.network(features[places]), targets[places])) * len(places)
        self.check()
        return total / (epochs * len(features))

    def check(self) -> None:
        """Raise NotFiniteError when a weight must not be kept."""
        require_bounded(f"the {self.name} critic", self.network.parameters(), PARAMETER_LIMIT)

    def tensors(self) -> dict[str, Tensor]:
        """Return every live tensor that learning changes, under stable names."""
        weights = {f"critic/{self.name}/{key}": tensor for key, tensor in self.network.state_dict().items()}
        return weights | optimizer_tensors(f"critic_adam_{self.name}", self._optimizer.state_dict())

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over what ``tensors`` returned, value for value; one that is not among them stays as it is."""
        prefix = f"critic/{self.name}/"
        state = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
        if state:
            self.network.load_state_dict(state)
            moments = {i: dict(v) for i, v in optimizer_state(f"critic_adam_{self.name}", tensors).items()}
            self._optimizer.load_state_dict({**self._optimizer.state_dict(), "state": moments})

    def owns(self, name: str) -> bool:
        """Tell whether a tensor of that name in a checkpoint is this head's."""
        return name.startswith((f"critic/{self.name}/", f"critic_adam_{self.name}/"))


def seeded_heads(
    names: Sequence[str], feature_size: int, learning_rate: float, max_grad_norm: float, seed: int
) -> list[Head]:
    """Return fresh heads, one for each name, from a seed; no generator outside is touched."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return [Head(name, feature_size, learning_rate, max_grad_norm) for name in names]
