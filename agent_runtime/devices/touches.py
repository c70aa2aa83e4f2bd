"""Follows fingers and keys through input events: multi-touch protocols A and B, single touch. Knows no screen.

Protocol B (slots): only what changes is told, and a slot's place outlives its finger. Protocol A: every report names
all fingers anew, each closed by SYN_MT_REPORT. Source: Linux, Documentation/input/multi-touch-protocol.rst.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from agent_runtime.devices.getevent import InputEvent, TouchPanel

Point = tuple[float, int, int]
"""(seconds, x, y), in the panel's own units."""


@dataclass(frozen=True, slots=True)
class TouchBegan:
    """A first finger came down."""


@dataclass(frozen=True, slots=True)
class Touch:
    """All of a touch, from the first finger down to the last one up; the points are the first finger's."""

    panel: TouchPanel
    points: tuple[Point, ...]
    up_sec: float
    fingers: int

    @property
    def down_sec(self) -> float:
        """When the first finger came down."""
        return self.points[0][0]


@dataclass(frozen=True, slots=True)
class KeyChange:
    """A key went down (True) or up; what it repeats by itself is not told."""

    code: str
    is_down: bool


@dataclass(frozen=True, slots=True)
class Lost:
    """What the fingers did is not known: the kernel dropped events, or a finger came down on an axis' value of before.

    The kernel tells only what changes, and what it told before anybody listened cannot be asked for.
    """


Happening = TouchBegan | Touch | KeyChange | Lost


@dataclass
class _Contact:
    is_down: bool = False
    x: int | None = None
    y: int | None = None


@dataclass
class _Panel:
    """One panel's state."""

    panel: TouchPanel
    slots: dict[int, _Contact] = field(default_factory=dict)
    slot: int = 0
    reported: list[tuple[int, int]] = field(default_factory=list)
    """Fingers of the report so far, under protocol A."""
    pending: _Contact = field(default_factory=_Contact)
    speaks_a: bool = False
    points: list[Point] = field(default_factory=list)
    fingers: int = 0
    is_blind: bool = False

    def take(self, event: InputEvent) -> Iterator[Happening]:
        """Take an event of this panel."""
        match event.code:
            case "SYN_DROPPED":
                self.slots, self.pending, self.reported = {}, _Contact(), []
                self.points, self.fingers = [], 0
                yield Lost()
            case "SYN_MT_REPORT":
                self.speaks_a = True
                if self.pending.x is not None and self.pending.y is not None:
                    self.reported.append((self.pending.x, self.pending.y))
                self.pending = _Contact()
            case "SYN_REPORT":
                down = self.reported if self.speaks_a else self._in_slots()
                self.reported, self.pending = [], _Contact()
                yield from self._blindness()
                yield from self._report(event.at_sec, down)
            case "BTN_TOUCH":
                self._button(event.value)
            case _:
                self._move(event.code, event.value)

    def _move(self, code: str, value: int) -> None:
        contact = self.slots.setdefault(self.slot, _Contact())
        match code:
            case "ABS_MT_SLOT":
                self.slot = value
            case "ABS_MT_TRACKING_ID":
                contact.is_down = value >= 0
            case "ABS_MT_POSITION_X" | "ABS_X":
                contact.x = self.pending.x = value
            case "ABS_MT_POSITION_Y" | "ABS_Y":
                contact.y = self.pending.y = value

    def _button(self, value: int) -> None:
        """The button tells single touch, and that no finger is left at all."""
        if value and not self.panel.is_multi_touch:
            self.slots.setdefault(0, _Contact()).is_down = True
        if not value:
            for contact in self.slots.values():
                contact.is_down = False

    def _in_slots(self) -> list[tuple[int, int]]:
        down = (contact for _, contact in sorted(self.slots.items()) if contact.is_down)
        return [(contact.x, contact.y) for contact in down if contact.x is not None and contact.y is not None]

    def _blindness(self) -> Iterator[Happening]:
        was_blind = self.is_blind
        unknown = (contact.x is None or contact.y is None for contact in self.slots.values() if contact.is_down)
        self.is_blind = not self.speaks_a and any(unknown)
        if self.is_blind and not was_blind:
            yield Lost()

    def _report(self, at_sec: float, down: list[tuple[int, int]]) -> Iterator[Happening]:
        if down:
            if not self.points:
                yield TouchBegan()
            self.points.append((at_sec, *down[0]))
            self.fingers = max(self.fingers, len(down))
        elif self.points:
            points, self.points = tuple(self.points), []
            fingers, self.fingers = self.fingers, 0
            yield Touch(self.panel, points, at_sec, fingers)


class InputTracker:
    """Turns the events of all devices into touches on these panels and key changes of the others."""

    def __init__(self, panels: Mapping[str, TouchPanel]) -> None:
        self._panels = {path: _Panel(panel) for path, panel in panels.items()}

    @property
    def is_touched(self) -> bool:
        """Whether a finger is down."""
        return any(panel.points for panel in self._panels.values())

    def take(self, event: InputEvent) -> Iterator[Happening]:
        """Take the next event; yield what it completes."""
        panel = self._panels.get(event.path)
        if event.kind == "EV_KEY" and not event.code.startswith("BTN_"):
            if event.value in (0, 1):
                yield KeyChange(event.code, event.value == 1)
        elif panel is not None:
            yield from panel.take(event)
