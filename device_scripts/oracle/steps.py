"""What plans are made of: labels to tap, and steps that type, press or look. Knows no task.

A plan is a sequence of steps. A plain text is a label to tap, swiped up for where it is not on the screen; places
such as ``{word}`` in it are filled with the task's words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from agent_runtime.actions import Action, Key, PressKey, TypeText
from agent_runtime.errors import PolicyError
from agent_runtime.tasks.base import Params
from device_scripts.oracle.hands import NEXT_PAGE, Hands

Step = str | Callable[[Hands, Params], Iterator[Action]]
Plan = Sequence[Step]
Plans = Mapping[str, Plan]


def app(label: str) -> Step:
    """Start an app from the home screen."""
    return lambda hands, words: hands.open_app(label.format(**words))


def text(words_typed: str) -> Step:
    """Type into the field that has the keyboard."""
    return lambda hands, words: iter([TypeText(words_typed.format(**words))])


def key(which: Key) -> Step:
    """Press a key."""
    return lambda hands, words: iter([PressKey(which)])


def times(step: str, number: str) -> Step:
    """Tap a label so many times; ``number`` may be a place."""
    return lambda hands, words: hands.taps(*[step.format(**words)] * int(number.format(**words)))


def label_of(word: Callable[[Params], str]) -> Step:
    """Tap a label that is worked out from the words."""
    return lambda hands, words: hands.reach(word(words))


def first(label: str) -> Step:
    """Tap the first of several elements that say this, instead of the last."""

    def find(hands: Hands, words: Params) -> Iterator[Action]:
        wanted = label.format(**words)
        yield hands.touch(hands.found(wanted, lambda element: element.label == wanted)[0])

    return find


def starting(start: str) -> Step:
    """Tap what begins like this and is no text field."""

    def find(hands: Hands, words: Params) -> Iterator[Action]:
        wanted = start.format(**words)
        found = hands.found(wanted, lambda element: element.label.startswith(wanted) and not element.is_field)
        yield hands.touch(found[-1])

    return find


def tapped_until(step: str, shown: str) -> Step:
    """Tap a label again and again until another one is on the screen."""

    def until(hands: Hands, words: Params) -> Iterator[Action]:
        while shown.format(**words) not in hands.labels():
            yield hands.tap(step)

    return until


def paged_to(label: str) -> Step:
    """Go from page to page of the home screen until an app is there, and start it."""

    def pages(hands: Hands, words: Params) -> Iterator[Action]:
        while label not in hands.labels():
            yield NEXT_PAGE
        yield hands.tap(label)

    return pages


def choose(key_of_word: str, **by_value: Plan) -> Step:
    """Follow the plan for the value of a word."""
    return lambda hands, words: follow(by_value[words[key_of_word]], hands, words)


def _tap_field(hands: Hands, words: Params) -> Iterator[Action]:
    yield hands.tap(None)


FIELD: Step = _tap_field
"""Tap the text field."""
ENTER, BACK = key(Key.ENTER), key(Key.BACK)


def noted(word: str, pattern: str) -> Step:
    """Read a word off the screen: what the pattern's group is on the first label with it; later steps may name it."""

    def look(hands: Hands, words: Params) -> Iterator[Action]:
        shown = hands.labels()
        words[word] = next((found[1] for label in shown if (found := re.search(pattern.format(**words), label))), "")
        if not words[word]:
            raise PolicyError(f"Got no {pattern} among {shown}, expected one: correct the plan.")
        yield from ()

    return look


def digits(number: str) -> Step:
    """Tap a number's signs one after another."""
    return lambda hands, words: hands.taps(*number.format(**words))


def follow(plan: Plan, hands: Hands, words: Params) -> Iterator[Action]:
    """Yield a plan's actions, each made for the screen as it then is."""
    for step in plan:
        yield from hands.reach(step.format(**words)) if isinstance(step, str) else step(hands, words)
