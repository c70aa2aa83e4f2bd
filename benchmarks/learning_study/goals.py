"""The study's tasks: which templates are learned, which are kept back, and how an episode begins and is judged.

Every task is one of the runtime's own. The small policy is taught all of them badly (``demonstrator``); what is
"unseen" was held back from tuning only. An episode begins in the app it is about, for the way there needs no exploring.
"""

import random
from dataclasses import dataclass
from typing import Literal

from agent_runtime.tasks.apps import CartTask, DeleteNoteTask, SearchTask, WriteNoteTask
from agent_runtime.tasks.base import Task, TaskTemplate
from agent_runtime.tasks.cards import BlackjackTask, NumberLineTask
from agent_runtime.tasks.system import APP_PACKAGES, AlarmTask, OpenAppTask, StopwatchTask, ToggleTask
from benchmarks.learning_study.phones import StudyPhone
from device_scripts.virtual_phone.phone import Snapshot

SplitName = Literal["train", "instances", "templates", "apps"]
SPLITS: tuple[SplitName, ...] = ("train", "instances", "templates", "apps")
TRAINED: tuple[TaskTemplate, ...] = (ToggleTask(), WriteNoteTask(), DeleteNoteTask(), SearchTask())
UNSEEN_TEMPLATES: tuple[TaskTemplate, ...] = (CartTask(), OpenAppTask())
"""Of apps that training does use."""
UNSEEN_APPS: tuple[TaskTemplate, ...] = (AlarmTask(), StopwatchTask(), NumberLineTask(), BlackjackTask())
SHOWN: tuple[TaskTemplate, ...] = (*TRAINED, *UNSEEN_TEMPLATES, *UNSEEN_APPS)
"""What is demonstrated, each template as often as the others."""
_STEPS_TO_OPEN_A_GAME = 3
_STEPS_TO_OPEN_AN_APP = 1
SPARE_STEPS = 1


@dataclass(frozen=True, slots=True)
class Start:
    """A task and the phone it begins on."""

    task: Task
    variant: int

    @property
    def is_game(self) -> bool:
        """Whether it is one of the card games."""
        return self.task.name.startswith("cards/")

    @property
    def step_limit(self) -> int:
        """Steps the agent may take: tighter than the runtime's, so that a slip costs something."""
        opening = 0
        if self.package is not None:
            opening = _STEPS_TO_OPEN_A_GAME if self.is_game else _STEPS_TO_OPEN_AN_APP
        return self.task.template.optimal_steps - opening + SPARE_STEPS

    @property
    def package(self) -> str | None:
        """The app that the episode begins in, None for the launcher."""
        if isinstance(self.task.template, OpenAppTask):
            return None
        if self.is_game:
            return str(getattr(self.task.template, "package"))  # noqa: B009
        return APP_PACKAGES[self.task.template.apps[0]]

    def begin(self, phone: StudyPhone, starts: dict[str, list[Snapshot]]) -> None:
        """Bring the phone to the start of the task.

        Raises:
            TaskError: the phone refuses a command.
        """
        phone.begin(starts["full" if self.is_game else "basic"][self.variant])
        self.task.initialize(phone)
        if self.package is not None:
            phone.phone.start_activity(self.package)
        phone.settle()


class TaskStream:
    """An endless, seeded stream of starts: a template evenly, then one of its instances."""

    def __init__(self, split: SplitName, variants: int, seed: str) -> None:
        self._random = random.Random(seed)
        self._variants = variants
        self._instances = [found for template in templates_of(split) if (found := _instances(template, split))]

    def draw(self, count: int) -> list[Start]:
        """Return the next ``count`` starts, every template as often as the others."""
        drawn = []
        for place in range(count):
            instances = self._instances[place % len(self._instances)]
            drawn.append(Start(self._random.choice(instances), self._random.randrange(self._variants)))
        return drawn


def templates_of(split: SplitName) -> tuple[TaskTemplate, ...]:
    """Return the templates of a split."""
    return {"train": TRAINED, "instances": TRAINED, "templates": UNSEEN_TEMPLATES, "apps": UNSEEN_APPS}[split]


def every_start(variants: int, rng: random.Random) -> Start:
    """Draw from all templates and all their instances: what the demonstrator shows."""
    template = rng.choice(SHOWN)
    return Start(
        rng.choice([*template.instances("train"), *template.instances("unseen-instances")]), rng.randrange(variants)
    )


def _instances(template: TaskTemplate, split: SplitName) -> list[Task]:
    if split in ("train", "instances"):
        return template.instances("train" if split == "train" else "unseen-instances")
    return [*template.instances("train"), *template.instances("unseen-instances")]
