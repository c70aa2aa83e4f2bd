"""Finds things on a screen by `uiautomator dump` and makes actions of them. Knows no task and performs nothing."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass

from agent_runtime.actions import Action, Key, PressKey, Swipe, Tap, TypeText
from agent_runtime.devices import Device
from agent_runtime.errors import PolicyError

_BOUNDS = re.compile(r"\[(\d+),(\d+)\]\[(\d+),(\d+)\]")
_DUMP = "/sdcard/oracle.xml"
UP = Swipe(0.5, 0.85, 0.5, 0.2)
DOWN = Swipe(0.5, 0.2, 0.5, 0.85)
NEXT_PAGE = Swipe(0.8, 0.5, 0.2, 0.5)
SECOND_PAGE = ("Contacts", "Messages")
"""Apps that are nearer by turning the page than by the drawer."""


@dataclass(frozen=True, slots=True)
class Element:
    """Something on the screen: what it says and its middle in pixels."""

    label: str
    is_field: bool
    x_px: float
    y_px: float


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
            is_field = node.get("class", "").endswith("EditText")
            found.append(Element(label, is_field, (left + right) / 2, (top + bottom) / 2))
        return found

    def labels(self) -> list[str]:
        """Return what the screen says, top to bottom."""
        return [element.label for element in self.elements()]

    def tap(self, label: str | None) -> Tap:
        """Return a tap on the last element that says ``label``, or on the last text field for None.

        Raises:
            PolicyError: there is none.
        """
        shown = self.elements()
        found = [element for element in shown if (element.is_field if label is None else element.label == label)]
        if not found:
            raise PolicyError(
                f"Got no {label or 'text field'} among {[element.label for element in shown]}, expected one: "
                "correct the plan."
            )
        width_px, height_px = self._device.screen_size_px()
        return Tap(found[-1].x_px / width_px, found[-1].y_px / height_px)

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
