"""Finds things on a screen by `uiautomator dump` and makes actions of them. Knows no task and performs nothing."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from agent_runtime.actions import Action, Key, PressKey, Swipe, Tap, TypeText
from agent_runtime.devices import Device
from agent_runtime.errors import PolicyError

_BOUNDS = re.compile(r"\[(\d+),(\d+)\]\[(\d+),(\d+)\]")
_DUMP = "/sdcard/oracle.xml"
UP = Swipe(0.5, 0.85, 0.5, 0.2)
DOWN = Swipe(0.5, 0.2, 0.5, 0.85)
NEXT_PAGE = Swipe(0.8, 0.5, 0.2, 0.5)
SECOND_PAGE = ("Calendar", "Contacts", "Messages", "Phone")
"""Apps that are nearer by turning the page than by the drawer."""


@dataclass(frozen=True, slots=True)
class Element:
    """Something on the screen: its words, its kind as in EditText, its sides (left, top, right, bottom) in pixels."""

    label: str
    kind: str
    is_pressable: bool
    bounds: tuple[int, int, int, int]

    @property
    def is_field(self) -> bool:
        """Whether text can be typed there."""
        return self.kind == "EditText"

    def holds(self, other: Element) -> bool:
        """Whether another element is within this one."""
        (left, top, right, bottom), (left2, top2, right2, bottom2) = self.bounds, other.bounds
        return left <= left2 and top <= top2 and right2 <= right and bottom2 <= bottom


class Hands:
    """Looks at one device and makes actions; whoever asks for them performs them."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._is_home = True

    def elements(self) -> list[Element]:
        """Return what is on the screen, top to bottom."""
        self._device.shell(["uiautomator", "dump", _DUMP])
        xml = self._device.shell(["cat", _DUMP]).stdout
        self._device.shell(["rm", "-f", _DUMP])
        found = []
        for node in ET.fromstring(xml).iter("node"):
            bounds = _BOUNDS.fullmatch(node.get("bounds", ""))
            if bounds is None:
                continue
            left, top, right, bottom = (int(number) for number in bounds.groups())
            label = node.get("text") or node.get("content-desc") or ""
            kind = node.get("class", "").rpartition(".")[2]
            found.append(Element(label, kind, node.get("clickable") == "true", (left, top, right, bottom)))
        return found

    def labels(self) -> list[str]:
        """Return what the screen says, top to bottom."""
        return [element.label for element in self.elements()]

    def tap(self, label: str | None) -> Tap:
        """Return a tap on the last element that says ``label``, or on the last text field for None.

        Raises:
            PolicyError: there is none.
        """
        if label is None:
            return self.touch(self.found("text field", lambda element: element.is_field)[-1])
        return self.touch(self.found(label, lambda element: element.label == label)[-1])

    def found(self, name: str, is_it: Callable[[Element], bool]) -> list[Element]:
        """Return the elements that are it, one at least.

        Raises:
            PolicyError: there is none; ``name`` is what the sentence calls it.
        """
        shown = self.elements()
        found = [element for element in shown if is_it(element)]
        if not found:
            said = [element.label for element in shown]
            raise PolicyError(f"Got no {name} among {said}, expected one: correct the plan.")
        return found

    def touch(self, element: Element) -> Tap:
        """Return a tap on the middle of an element."""
        width_px, height_px = self._device.screen_size_px()
        left, top, right, bottom = element.bounds
        return Tap((left + right) / 2 / width_px, (top + bottom) / 2 / height_px)

    def taps(self, *labels: str) -> Iterator[Action]:
        """Yield a tap on each of these, one screen after another."""
        for label in labels:
            yield self.tap(label)

    def reach(self, label: str) -> Iterator[Action]:
        """Swipe up, then down, until the label is there or the screen does not move on, then tap it."""
        for swipe in (UP, DOWN):
            before: list[Element] | None = None
            while (shown := self.elements()) != before and all(element.label != label for element in shown):
                before = shown
                yield swipe
        yield self.tap(label)

    def open_app(self, label: str) -> Iterator[Action]:
        """Go home unless there already, and start an app: from a page of the home screen, else from the drawer."""
        if not self._is_home:
            yield PressKey(Key.HOME)
        self._is_home = False
        if label in SECOND_PAGE and label not in self.labels():
            yield NEXT_PAGE
        if label not in self.labels():
            yield UP
            yield self.tap(None)
            yield TypeText(label)
        yield self.tap(label)
