"""Puts NaN, infinity or 1e30 where a learner computes, for one update each. Looks at nothing afterwards.

A poison is installed before an update and taken out after it. Where there is a choice (which element, which optimizer
step, which network, which sign) it is drawn.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final
from unittest import mock

import torch
from coso.v1 import trajectory_pb2

from tuner.learner.experience import Candidate
from tuner.learner.loop import Learner
from tuner.learner.student import Student

VALUES: Final = {"NaN": math.nan, "infinity": math.inf, "1e30": 1e30}


@dataclass(frozen=True)
class Target:
    """A learner's parts, and what draws."""

    learner: Learner
    student: Student
    rng: random.Random
    value: float

    def signed(self) -> float:
        """Return the value with either sign."""
        return self.value * self.rng.choice((-1.0, 1.0))


def poisoned_reward(message: trajectory_pb2.Trajectory, value: float, rng: random.Random) -> None:
    """Make the reward of an episode the value."""
    message.reward = value


def poisoned_log_prob(message: trajectory_pb2.Trajectory, value: float, rng: random.Random) -> None:
    """Make one log-prob of an episode the value, negative where it has a sign."""
    log_probs = message.steps[0].log_probs
    log_probs[rng.randrange(len(log_probs))] = -value


@contextmanager
def in_advantage(target: Target) -> Iterator[None]:
    """Have one step of the replay count so much."""
    experience: Any = target.learner._experience
    candidates = experience.candidates
    value = target.signed()

    def poisoned() -> tuple[list[Candidate], list[Candidate]]:
        carrying, riding = candidates()
        place = target.rng.randrange(len(carrying))
        carrying[place] = replace(carrying[place], weight=value, priority=1e3)
        return carrying, riding

    with mock.patch.object(experience, "candidates", poisoned):
        yield


@contextmanager
def in_gradient(target: Target) -> Iterator[None]:
    """Poison one element of a gradient, of the policy or of the action model, from some call on or once."""
    parameters = _networks(target.student)[target.rng.choice(("policy", "action model"))]
    parameter, value = target.rng.choice(parameters), target.signed()
    begins, once, calls = target.rng.randint(1, 2), target.rng.random() < 0.5, 0

    def poisoned(gradient: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls == begins or (calls > begins and not once):
            gradient = gradient.clone()
            _set(gradient, target.rng, value)
        return gradient

    tensor: Any = parameter
    handle = tensor.register_hook(poisoned)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def in_parameter(target: Target) -> Iterator[None]:
    """Poison one weight of the policy or of the action model, before the update or within it."""
    parameters = _networks(target.student)[target.rng.choice(("policy", "action model"))]
    parameter, value = target.rng.choice(parameters), target.signed()
    with _at_some_time(target, lambda: _set(parameter.data, target.rng, value)):
        yield


@contextmanager
def in_optimizer(target: Target) -> Iterator[None]:
    """Poison one moment of an optimizer, before the update or within it; the second moment knows no sign."""
    optimizers = (target.student.policy.optimizer, target.student.causal_model.optimizer)
    optimizer, name = target.rng.choice(optimizers), target.rng.choice(("exp_avg", "exp_avg_sq"))
    value = target.signed() if name == "exp_avg" else target.value

    def poison() -> None:
        states = list(optimizer.state.values())
        _set(target.rng.choice(states)[name], target.rng, value)

    with _at_some_time(target, poison):
        yield


IN_EPISODE: Final[dict[str, Callable[[trajectory_pb2.Trajectory, float, random.Random], None]]] = {
    "reward": poisoned_reward,
    "log-prob": poisoned_log_prob,
}
IN_UPDATE: Final[dict[str, Callable[[Target], AbstractContextManager[None]]]] = {
    "advantage": in_advantage,
    "gradient": in_gradient,
    "parameter": in_parameter,
    "optimizer state": in_optimizer,
}
PLACES: Final = (*IN_EPISODE, *IN_UPDATE)


def _networks(student: Student) -> dict[str, Sequence[torch.nn.Parameter]]:
    return {
        "policy": student.policy.parameters,
        "action model": [p for p in student._action_model.parameters() if p.requires_grad],
    }


@contextmanager
def _at_some_time(target: Target, poison: Callable[[], None]) -> Iterator[None]:
    """Poison before the update, before one of its optimizer steps, or after one."""
    when = target.rng.choice(("before the update", "before a step", "after a step"))
    if when == "before the update":
        poison()
        yield
        return
    policy: Any = target.student.policy
    step, at, calls = policy.step, target.rng.randint(1, 2), 0

    def poisoned(batch: Sequence[Candidate]) -> Any:
        nonlocal calls
        calls += 1
        if calls == at and when == "before a step":
            poison()
        figures = step(batch)
        if calls == at and when == "after a step":
            poison()
        return figures

    with mock.patch.object(policy, "step", poisoned):
        yield


def _set(tensor: torch.Tensor, rng: random.Random, value: float) -> None:
    with torch.no_grad():
        tensor.view(-1)[rng.randrange(tensor.numel())] = value
