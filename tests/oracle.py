"""Solves the suites' tasks by reading `uiautomator dump` and touching the screen. Holds no tests."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent_runtime.actions import Action, Finish, Key, PressKey, Tap, TypeText, grammar_named
from agent_runtime.devices import Device
from agent_runtime.policy.scripted import ScriptedPolicy
from agent_runtime.tasks import Task
from agent_runtime.tasks.system import SWITCHES
from agent_runtime.trajectory import Decision
from tests.card_plans import CARD_PLANS
from tests.phone_plans import PLANS

_BOUNDS = re.compile(r"\[(\d+),(\d+)\]\[(\d+),(\d+)\]")
_PAGES = ("Network", "Display", "Sound", "System")
_PAGE_OF = dict(zip(SWITCHES, [_PAGES[0]] * 4 + [_PAGES[1]] * 4 + [_PAGES[2]] * 3 + [_PAGES[3]] * 3, strict=True))


@dataclass(frozen=True)
class Element:
    """Something on the screen: what it says and its middle in pixels."""

    label: str
    is_field: bool
    x_px: float
    y_px: float


def elements(device: Device) -> list[Element]:
    """Return what is on the screen, top to bottom."""
    path = "/sdcard/oracle.xml"
    device.shell(["rm", "-f", path])
    device.shell(["uiautomator", "dump", path])
    xml = device.shell(["cat", path]).stdout
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


class Oracle(ScriptedPolicy):
    """A policy that knows the task and sees the screen's structure; it acts through taps, text and keys alone."""

    def __init__(self, device: Device, task: Task) -> None:
        super().__init__(["{}"])
        self._device = device
        self._plan = self._actions(task.name, task.params)

    def decide(self, image_png: bytes, prompt: str, *, temperature: float, seed: int) -> Decision:
        utterance = grammar_named("json").render(next(self._plan))
        return Decision(
            utterance, (0,), (0.0,), 0, super().decide(image_png, prompt, temperature=0, seed=0).adapter_digest
        )

    def _actions(self, name: str, params: dict[str, str]) -> Iterator[Action]:
        match name:
            case "apps/open":
                yield self.tap(params["app"])
            case "settings/toggle":
                yield from self.taps("Settings", _PAGE_OF[params["switch"]], params["switch"])
            case "clock/alarm":
                yield from self.taps("Clock", params["time"])
            case "clock/stopwatch":
                yield from self.taps("Clock", "Stopwatch", "Start")
            case "notes/write":
                yield from self.taps("Notes", "New")
                yield TypeText(params["word"])
                yield self.tap("Save")
            case "notes/delete":
                yield from self.taps("Notes", params["word"], "Delete", "Yes")
            case "browser/search":
                yield from self._search(params["product"])
            case "browser/cart":
                yield from self._search(params["product"])
                yield from self.taps(params["product"], "Add to cart")
            case _:
                yield from {**PLANS, **CARD_PLANS}[name](self, params)
        yield Finish(True)

    def _search(self, product: str) -> Iterator[Action]:
        yield from self.taps("Browser", "Shop")
        yield self.tap(None)
        yield TypeText(product)
        yield PressKey(Key.ENTER)

    def labels(self) -> list[str]:
        """Return what the screen says, top to bottom."""
        return [element.label for element in elements(self._device)]

    def taps(self, *labels: str) -> Iterator[Action]:
        for label in labels:
            yield self.tap(label)

    def tap(self, label: str | None) -> Tap:
        """Return a tap on the element that says `label`, or on the text field for None."""
        shown: Sequence[Element] = elements(self._device)
        found = [element for element in shown if (element.is_field if label is None else element.label == label)]
        assert found, f"{label or 'a field'} is not among {[element.label for element in shown]}"
        width_px, height_px = self._device.screen_size_px()
        return Tap(found[-1].x_px / width_px, found[-1].y_px / height_px)
