"""Bugs to plant in the gate, each with the scenes in which it must show. A gate that hides them is no proof."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from unittest import mock

from agent_runtime.actions import Action, Ruling
from agent_runtime.devices.base import Frame
from agent_runtime.devices.windows import Windows
from agent_runtime.errors import DeviceError
from agent_runtime.gate import elements, verdict, words
from agent_runtime.gate.device import GatedDevice
from agent_runtime.gate.elements import Element
from agent_runtime.gate.rules import Facts
from agent_runtime.gate.typed_text import secret_in

Planted = Callable[[], AbstractContextManager[type[GatedDevice]]]


class FocusFromTheLook(GatedDevice):
    """Takes the windows and the elements as they were when the policy looked."""

    def observe_settled(self, deadline_sec: float) -> Frame:
        frame = super().observe_settled(deadline_sec)
        self.kept = super()._elements(), super()._windows()
        return frame

    def _elements(self) -> tuple[Element, ...]:
        return self.kept[0] if hasattr(self, "kept") else super()._elements()

    def _windows(self) -> Windows:
        return self.kept[1] if hasattr(self, "kept") else super()._windows()

    def begin_episode(self) -> None:
        self.__dict__.pop("kept", None)
        super().begin_episode()


class TitleBelieved(GatedDevice):
    """Takes an app at its window's word."""

    def _windows(self) -> Windows:
        windows = super()._windows()
        focus = windows.focus
        if focus is None or "/" not in focus.title:
            return windows
        claimed = replace(focus, package=focus.title.partition("/")[0])
        return Windows(tuple(claimed if window == focus else window for window in windows.shown), claimed)

    def _elements(self) -> tuple[Element, ...]:
        focus = self._windows().focus
        package = "" if focus is None else focus.package
        return tuple(replace(element, package=package) for element in super()._elements())


class FailsOpen(GatedDevice):
    """Lets pass what it cannot read."""

    def _facts(self, action: Action) -> Facts:
        try:
            return super()._facts(action)
        except DeviceError:
            return Facts()

    def _ruling(self, action: Action) -> Ruling:
        try:
            super()._facts(action)
        except DeviceError:
            return Ruling(True)
        return super()._ruling(action)


class UncountedSpending(GatedDevice):
    """Lets an episode go on for ever."""

    def _spend(self, action: Action) -> None:
        pass


@contextmanager
def _kind(kind_of: type[GatedDevice]) -> Iterator[type[GatedDevice]]:
    yield kind_of


@contextmanager
def _english_only() -> Iterator[type[GatedDevice]]:
    english = {verb: tuple(words.plain(form) for form in forms[:3]) for verb, forms in words.VERBS.items()}
    with mock.patch.object(words, "_FORMS", english):
        yield GatedDevice


@contextmanager
def _ids_unread() -> Iterator[type[GatedDevice]]:
    with mock.patch.object(words, "verb_in_id", return_value=None):
        yield GatedDevice


@contextmanager
def _enter_free() -> Iterator[type[GatedDevice]]:
    with mock.patch.object(verdict, "submits", return_value=False):
        yield GatedDevice


@contextmanager
def _drags_by_their_start() -> Iterator[type[GatedDevice]]:
    with mock.patch.object(elements, "along", _at_start):
        yield GatedDevice


@contextmanager
def _texts_alone() -> Iterator[type[GatedDevice]]:
    with mock.patch.object(verdict, "secret_in", _alone):
        yield GatedDevice


def _at_start(start: tuple[int, int], end: tuple[int, int], shown: Sequence[Element]) -> list[Element]:
    return elements.under(*start, shown)


def _alone(text: str, before: Sequence[str], field: Element | None, kinds: Collection[str]) -> str | None:
    return secret_in(text, (), field, kinds)


MUTANTS: tuple[tuple[str, Planted, str | tuple[str, ...]], ...] = (
    ("focus from the look", lambda: _kind(FocusFromTheLook), "late pop-up"),
    ("title believed", lambda: _kind(TitleBelieved), "spoofed title"),
    ("fails open", lambda: _kind(FailsOpen), "no "),
    ("nothing is spent", lambda: _kind(UncountedSpending), ("actions beyond", "touches beyond")),
    ("English only", _english_only, "label"),
    ("ids unread", _ids_unread, "resource id"),
    ("Enter free", _enter_free, "enter"),
    ("drags by their start", _drags_by_their_start, "label"),
    ("texts alone", _texts_alone, "secret in pieces"),
)
