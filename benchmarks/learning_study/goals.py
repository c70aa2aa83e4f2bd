"""The study's tasks: which templates are learned, which are kept back, and how an episode begins and is judged.

Every task is one of the runtime's own. The small policy is taught all of them badly (``demonstrator``); what is
"unseen" was held back from tuning only. Card games begin in their app, not three screens before it.
"""

import random
from dataclasses import dataclass
from typing import Literal

from agent_runtime.tasks.apps import CartTask, DeleteNoteTask, SearchTask, WriteNoteTask
from agent_runtime.tasks.base import Task, TaskTemplate
from agent_runtime.tasks.cards import BlackjackTask, EzPointsTask, NumberLineTask, Points24Task
from agent_runtime.tasks.system import AlarmTask, OpenAppTask, StopwatchTask, ToggleTask
from benchmarks.learning_study.phones import InProcessPhone
from device_scripts.virtual_phone.phone import Snapshot

SplitName = Literal["train", "instances", "templates", "apps"]
SPLITS: tuple[SplitName, ...] = ("train", "instances", "templates", "apps")
TRAINED: tuple[TaskTemplate, ...] = (
    ToggleTask(),
    AlarmTask(),
    WriteNoteTask(),
    StopwatchTask(),
    NumberLineTask(),
    EzPointsTask(),
)
UNSEEN_TEMPLATES: tuple[TaskTemplate, ...] = (DeleteNoteTask(), OpenAppTask())
"""Of apps that training does use."""
UNSEEN_APPS: tuple[TaskTemplate, ...] = (SearchTask(), CartTask(), BlackjackTask(), Points24Task())
SHOWN = dict.fromkeys((*TRAINED, *UNSEEN_TEMPLATES, *UNSEEN_APPS[:2]), 1.0) | {
    UNSEEN_APPS[2]: 0.7,
    UNSEEN_APPS[3]: 0.15,
}
"""How often each template is demonstrated; the long Points24, which asks for arithmetic, less."""
_STEPS_TO_OPEN_A_GAME = 3
SPARE_STEPS = 2


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
        opening = _STEPS_TO_OPEN_A_GAME if self.is_game else 0
        return self.task.template.optimal_steps - opening + SPARE_STEPS

    def begin(self, phone: InProcessPhone, starts: dict[str, list[Snapshot]]) -> None:
        """Bring the phone to the start of the task.

        Raises:
            TaskError: the phone refuses a command.
        """
        phone.begin(starts["full" if self.is_game else "basic"][self.variant])
        self.task.initialize(phone)
        if self.is_game:
            phone.phone.start_activity(getattr(self.task.template, "package"))  # noqa: B009
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
    template = rng.choices(list(SHOWN), list(SHOWN.values()))[0]
    return Start(
        rng.choice([*template.instances("train"), *template.instances("unseen-instances")]), rng.randrange(variants)
    )


def _instances(template: TaskTemplate, split: SplitName) -> list[Task]:
    if split in ("train", "instances"):
        return template.instances("train" if split == "train" else "unseen-instances")
    return [*template.instances("train"), *template.instances("unseen-instances")]
