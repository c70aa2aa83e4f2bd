"""Makes demonstrations on in-process phones: screen and goal in, the demonstrator's answer out. Trains nothing."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from agent_runtime.actions import Finish
from benchmarks.learning_study.answers import answer_text
from benchmarks.learning_study.demonstrator import Habits, choose
from benchmarks.learning_study.goals import every_start
from benchmarks.learning_study.phones import VARIANTS, StudyPhone, starts
from benchmarks.learning_study.screens import Scene

SLIP_RATE = 0.12
PLAY_ON_RATE = 0.2


@dataclass(frozen=True)
class Demonstration:
    """One step: what was to be done, what was seen, what was answered."""

    goal: str
    scene: Scene
    answer: str


def demonstrations(seed: int, habits: Habits, names_choice: bool) -> Iterator[Demonstration]:
    """Yield steps forever; after an occasional slip of the finger the demonstrator goes on from where that led."""
    rng = random.Random(seed)
    phone, states = StudyPhone("demonstrator"), starts()
    while True:
        start = every_start(VARIANTS, rng)
        start.begin(phone, states)
        task = start.task
        for _ in range(start.step_limit + SPARE):
            phone.settle()
            scene = Scene.of(phone.phone)
            choice = choose(scene, task.name, task.params, habits, rng)
            yield Demonstration(task.goal, scene, answer_text(scene, task.goal, choice, names_choice, rng))
            if isinstance(choice.action, Finish) and rng.random() > PLAY_ON_RATE:
                break
            phone.perform(choice.action)
            if rng.random() < SLIP_RATE:
                _slip(phone, start.is_game, rng)


SPARE = 2


def _slip(phone: StudyPhone, is_game: bool, rng: random.Random) -> None:
    """Touch something at random; in a game, something of the game."""
    phone.settle()
    targets = [node for node in phone.phone.nodes() if node.clickable and not (is_game and node.role == "navigation")]
    left, top, right, bottom = rng.choice(targets).bounds
    phone.phone.tap((left + right) // 2, (top + bottom) // 2)
