"""An endless, seeded stream of demonstrations on virtual phones: screen, goal, answer. Trains nothing.

Every episode is a new phone and a new task. The demonstrator's own choice is always the label; what is done on
the phone is sometimes something else (``NOISE_RATE``), so that the model also sees where its slips will lead.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from agent_runtime.actions import Key, PressKey, Tap, TypeText, grammar_named
from device_scripts.small_vlm.batches import Example
from device_scripts.small_vlm.demonstrator import HABIT_RATE, PAGE_OF_SWITCH, Choice, habit, right_choice
from device_scripts.small_vlm.goals import GOAL_TEXTS, NOTE_WORDS
from device_scripts.small_vlm.view import View
from device_scripts.virtual_phone.apps.browser import PRODUCTS
from device_scripts.virtual_phone.apps.clock import ALARMS
from device_scripts.virtual_phone.apps.settings import PAGES
from device_scripts.virtual_phone.phone import KEY_BACK, KEY_ENTER, KEY_HOME, Phone

SCREEN_SIZE_PX = (128, 224)
DENSITY_DPI = 160
NOISE_RATE = 0.15
MAX_STEPS = 10
TASK_SHARES = {
    "apps/open": 2.0,
    "settings/toggle": 5.0,
    "clock/alarm": 6.0,
    "clock/stopwatch": 1.0,
    "notes/write": 2.0,
    "notes/delete": 2.5,
    "browser/search": 1.0,
    "browser/cart": 0.8,
}
"""How often each task is demonstrated: short episodes and screens with many words need more of them."""
_SHUFFLE_BUFFER = 256
_SETTINGS = {setting.label: setting for settings in PAGES.values() for setting in settings}
_KEYCODES = {Key.BACK: KEY_BACK, Key.HOME: KEY_HOME, Key.ENTER: KEY_ENTER}
_GRAMMAR = grammar_named("json")


def demonstrations(seed: int, habit_rate: float = HABIT_RATE) -> Iterator[Example]:
    """Yield examples forever, neighbours in an episode kept apart by a shuffle buffer."""
    rng = random.Random(seed)
    buffer: list[Example] = []
    while True:
        buffer += _episode(rng, habit_rate)
        rng.shuffle(buffer)
        while len(buffer) > _SHUFFLE_BUFFER:
            yield buffer.pop()


def answer_text(view: View, choice: Choice) -> str:
    """Return the whole answer: what is seen with positions, why, the choice in a word, then the action."""
    thought = [view.listing(), *([choice.reason] if choice.reason else []), f"so {choice.name}"]
    return _GRAMMAR.render(choice.action, "; ".join(thought))


def prepare_task(phone: Phone, rng: random.Random) -> tuple[str, dict[str, str]]:
    """Pick a task and set the phone up for it; return its name and parameters."""
    name = rng.choices(list(TASK_SHARES), list(TASK_SHARES.values()))[0]
    state = rng.choice(("on", "off"))
    match name:
        case "apps/open":
            return name, {"app": rng.choice(("Settings", "Clock", "Notes", "Browser"))}
        case "settings/toggle":
            setting = _SETTINGS[rng.choice(list(PAGE_OF_SWITCH))]
            phone.settings_put(setting.namespace, setting.key, setting.off if state == "on" else setting.on)
            return name, {"switch": setting.label, "state": state}
        case "clock/alarm":
            row = rng.choice(phone.state.tables[ALARMS])
            row["enabled"] = 0 if state == "on" else 1
            return name, {"time": f"{row['hour']:02d}:{row['minutes']:02d}", "state": state}
        case "clock/stopwatch":
            return name, {}
        case "notes/write" | "notes/delete":
            words = rng.sample(NOTE_WORDS, 3)
            others = words[1 : rng.randint(1, 3)]
            for word in [words[0]] * (name == "notes/delete") + others:
                phone.content_insert("content://org.example.notes/notes", {"text": word})
            return name, {"word": words[0]}
        case _:
            return name, {"product": rng.choice(PRODUCTS).name}


def _episode(rng: random.Random, habit_rate: float) -> list[Example]:
    phone = Phone(SCREEN_SIZE_PX, DENSITY_DPI, seed=rng.randrange(1_000_000))
    phone.advance(60_000 * rng.randrange(600))
    name, params = prepare_task(phone, rng)
    goal = GOAL_TEXTS[name].format(**params)
    examples = []
    for _ in range(MAX_STEPS):
        _settle(phone)
        view = View.of(phone)
        choice = right_choice(view, name, params)
        wrong = habit(view, name, params)
        if wrong is not None and rng.random() < habit_rate:
            choice = wrong
        image = phone.frame().convert("RGB")
        examples.append(Example(image, f"Goal: {goal}", answer_text(view, choice), view.regions()))
        if choice.name == "done" and rng.random() < 0.8:
            break
        _perform(phone, choice)
        if rng.random() < NOISE_RATE:
            _settle(phone)
            _slip(phone, rng)
    return examples


def _settle(phone: Phone) -> None:
    while not phone.settled():
        phone.frame()


def _perform(phone: Phone, choice: Choice) -> None:
    match choice.action:
        case Tap(x, y):
            phone.tap(int(x * phone.size[0]), int(y * phone.size[1]))
        case TypeText(text):
            phone.text(text)
        case PressKey(key):
            phone.key(_KEYCODES[key])


def _slip(phone: Phone, rng: random.Random) -> None:
    """Touch something at random."""
    targets = [node for node in phone.nodes() if node.clickable]
    left, top, right, bottom = rng.choice(targets).bounds
    phone.tap((left + right) // 2, (top + bottom) // 2)
