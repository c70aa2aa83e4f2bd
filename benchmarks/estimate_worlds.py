"""Small worlds of the shape of a phone, for the study of estimates: who acts, who is asked about, the exact truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tuner.estimate.episodes import Episode, Floats

TASKS: Final = 4
SCREENS: Final = 8
ACTIONS: Final = 5
"""The first leads nearer, the last announces success."""
SHORTCUT: Final = ACTIONS - 2
WORDS: Final = 6
THOUGHT: Final = 4
STEP_LIMIT: Final = 8
SLIP: Final = 0.05


@dataclass(frozen=True)
class World:
    """``leads`` [TASKS, SCREENS, ACTIONS − 1] is where an action leads; announcing is right on ``right`` [TASKS]."""

    leads: np.ndarray[Any, Any]
    right: np.ndarray[Any, Any]


@dataclass(frozen=True)
class Policy:
    """Log-probs of thought, ``words`` [TASKS, SCREENS, THOUGHT, WORDS], and of the action after the last word of it,
    ``acts`` [TASKS, SCREENS, WORDS, ACTIONS]."""

    words: Floats
    acts: Floats

    def act_probs(self) -> Floats:
        """Return [TASKS, SCREENS, ACTIONS], the thought summed out."""
        last = np.exp(self.words[:, :, -1])
        found: Floats = np.einsum("tsw,tswa->tsa", last, np.exp(self.acts))
        return found


def make_world(rng: np.random.Generator) -> World:
    """Return a world: each action leads to some screen, the first of them one nearer to the right one."""
    leads = rng.integers(0, SCREENS, (TASKS, SCREENS, ACTIONS - 1))
    right = rng.integers(3, SCREENS, TASKS)
    for task in range(TASKS):
        leads[task, :, 0] = [screen + np.sign(right[task] - screen) for screen in range(SCREENS)]
    return World(leads, right)


def make_policy(world: World, rng: np.random.Generator) -> Policy:
    """Return a policy that is good at some tasks and bad at others."""
    words, acts = rng.normal(0, 1, (TASKS, SCREENS, THOUGHT, WORDS)), rng.normal(0, 1, (TASKS, SCREENS, WORDS, ACTIONS))
    acts[..., 0] += rng.uniform(0, 3, (TASKS, 1, 1))
    acts[..., -1] -= 2.0
    for task, screen in enumerate(world.right):
        acts[task, screen, :, -1] += rng.uniform(1, 4)
    return _normalised(words, acts)


def moved(world: World, policy: Policy, distance: float, rng: np.random.Generator) -> Policy:
    """Return another policy: its logits a little otherwise at random, and more of what is right, or less."""
    acts, words = (logits + rng.normal(0, distance / 4, logits.shape) for logits in (policy.acts, policy.words))
    shift = rng.choice([-3.0, 3.0]) * distance
    acts[..., 0] += shift
    for task, screen in enumerate(world.right):
        acts[task, screen, :, -1] += shift
    return _normalised(words, acts)


def with_a_shortcut(world: World, policy: Policy, rng: np.random.Generator) -> tuple[Policy, Policy]:
    """Return who acts and hardly ever takes the action ``SHORTCUT``, and who nearly always does, and then announces.

    Where that leads is told by the world: to the right screen, or away from it.
    """
    world.leads[:, :, SHORTCUT] = world.right[:, None] if rng.random() < 0.5 else 0
    shy, bold = policy.acts.copy(), policy.acts.copy()
    shy[..., SHORTCUT] -= 8.0
    bold[..., SHORTCUT] += 5.0
    for task, screen in enumerate(world.right):
        for acts in (shy, bold):
            acts[task, screen, :, -1] += 8.0
    return _normalised(policy.words, shy), _normalised(policy.words, bold)


def _normalised(words: Floats, acts: Floats) -> Policy:
    return Policy(*(logits - np.log(np.exp(logits).sum(-1, keepdims=True)) for logits in (words, acts)))


def truth(world: World, policy: Policy) -> float:
    """Return how often the policy succeeds, tasks drawn evenly: exact, by going back from the last step."""
    acts = policy.act_probs()
    wins = np.zeros((TASKS, SCREENS))  # with no step left
    for _ in range(STEP_LIMIT):
        moves = (1 - SLIP) * np.take_along_axis(wins, world.leads.reshape(TASKS, -1), 1).reshape(world.leads.shape)
        moves += SLIP * wins.mean(1)[:, None, None]
        announced = (np.arange(SCREENS) == world.right[:, None]).astype(float)
        wins = (acts[..., :-1] * moves).sum(-1) + acts[..., -1] * announced
    return float(wins[:, 0].mean())


def play(world: World, acting: Policy, asked: Policy, count: int, rng: np.random.Generator) -> list[Episode]:
    """Return episodes that ``acting`` acted, with the ratios of ``asked``."""
    return [_episode(world, acting, asked, rng) for _ in range(count)]


def _episode(world: World, acting: Policy, asked: Policy, rng: np.random.Generator) -> Episode:
    task, screen = int(rng.integers(TASKS)), 0
    ratios, states, outcome = [], [], 0.0
    for _ in range(STEP_LIMIT):
        words = [_drawn(acting.words[task, screen, place], rng) for place in range(THOUGHT)]
        act = _drawn(acting.acts[task, screen, words[-1]], rng)
        written = [asked.words[task, screen, p, w] - acting.words[task, screen, p, w] for p, w in enumerate(words)]
        ratios.append(
            sum(written) + asked.acts[task, screen, words[-1], act] - acting.acts[task, screen, words[-1], act]
        )
        states.append((task, screen))
        if act == ACTIONS - 1:
            outcome = float(screen == world.right[task])
            break
        screen = int(rng.integers(SCREENS)) if rng.random() < SLIP else int(world.leads[task, screen, act])
    return Episode(task, outcome, tuple(map(float, ratios)), tuple(states))


def _drawn(log_probs: Floats, rng: np.random.Generator) -> int:
    return int((np.exp(log_probs).cumsum() > rng.random()).argmax())
