"""Reads which windows lie where, and which has the focus, from `dumpsys window`. Pure functions; runs no command.

A window's title is its app's own choice, line breaks included, so a dump can be forged from within. Every dump that
does not add up (a window numbered twice, two owners in one window, two windows in focus) is read as none at all.
"""

import re
from dataclasses import dataclass

_WINDOW = re.compile(r"^ *Window #(\d{1,18}) Window\{(\S+) u\d+ (.*?)\}:?$", re.MULTILINE)
_FOCUS = re.compile(r"\bmCurrentFocus=(?:null|Window\{(\S+) u\d+ ([^\n]*)\})")
_COUNTED = ("mOwnerUid=", "mDisplayId=", "mHasSurface=")
_PACKAGE = re.compile(r"^ *mOwnerUid=\d+ .*\bpackage=([\w.]+)", re.MULTILINE)
_KIND = re.compile(r"\bty=(\w+)")
_FLAGS = re.compile(r"\bfl=([^\n}]*)")
_FRAME = re.compile(r"(?:\bmFrame=| frame=)\[(-?\d{1,18}),(-?\d{1,18})\]\[(-?\d{1,18}),(-?\d{1,18})\]")
_REGION = re.compile(r"\btouchable region=SkRegion\((.*?)\)$", re.MULTILINE)
_RECT = re.compile(r"\((-?\d{1,18}),(-?\d{1,18}),(-?\d{1,18}),(-?\d{1,18})\)")
_COMPONENT = re.compile(r"([\w.]+)/[\w.$]+")
INPUT_METHOD = "INPUT_METHOD"
NOTIFICATION_SHADE = ("NOTIFICATION_SHADE", "2040")
"""The window in which notifications show, those that come up by themselves included; older dumps number its kind."""
Rect = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Window:
    """One visible window; ``areas`` are (left, top, right, bottom) in pixels, None where the dump does not say."""

    token: str
    title: str
    package: str
    kind: str
    areas: tuple[Rect, ...] | None
    takes_touches: bool

    @property
    def packages(self) -> frozenset[str]:
        """Its owner, and the app that its title claims to be where the title is a component."""
        claimed = _COMPONENT.fullmatch(self.title)
        return frozenset((self.package, claimed[1]) if claimed else (self.package,))

    def covers(self, x_px: int, y_px: int) -> bool:
        """Whether it lies there, or may."""
        return self.areas is None or any(
            left <= x_px < right and top <= y_px < bottom for left, top, right, bottom in self.areas
        )


@dataclass(frozen=True, slots=True)
class Windows:
    """The visible windows of display 0, the topmost first, and the one in focus (None: none has it)."""

    shown: tuple[Window, ...]
    focus: Window | None


def windows_of(dump: str) -> Windows | None:
    """Return the windows in what `dumpsys window` printed, None for output that does not add up."""
    focuses = {(found[1], found[2]) for found in _FOCUS.finditer(dump)}
    focuses_of_windows = focuses - {(None, None)}
    if not focuses or len(focuses_of_windows) > 1:
        return None
    heads = list(_WINDOW.finditer(dump))
    if [int(head[1]) for head in heads] != list(range(len(heads))) or not heads:
        return None
    ends = [*(head.start() for head in heads[1:]), len(dump)]
    shown = []
    for head, end in zip(heads, ends, strict=True):
        about = dump[head.end() : end]
        if any(about.count(mark) != 1 for mark in _COUNTED):
            return None
        owner = _PACKAGE.search(about)
        if owner is None:
            return None
        if "mDisplayId=0 " in about and "mHasSurface=true" in about and "isVisible=false" not in about:
            shown.append(_window(head, owner[1], about))
    if not focuses_of_windows:
        return Windows(tuple(shown), None)
    ((token, title),) = focuses_of_windows
    focus = [window for window in shown if window.token == token]
    return Windows(tuple(shown), focus[0]) if len(focus) == 1 and focus[0].title == title else None


def _window(head: re.Match[str], package: str, about: str) -> Window:
    kind, flags = _KIND.search(about), _FLAGS.search(about)
    words = flags[1].split() if flags else []
    kind_name = kind[1] if kind else ""
    return Window(head[2], head[3], package, kind_name, _areas(kind_name, about), "NOT_TOUCHABLE" not in words)


def _areas(kind: str, about: str) -> tuple[Rect, ...] | None:
    """A keyboard's window and the shade's are as large as the screen: where they are touched is told apart."""
    region = _REGION.search(about) if kind in (INPUT_METHOD, *NOTIFICATION_SHADE) else None
    if region is not None:
        return tuple(_rect(found) for found in _RECT.finditer(region[1]))
    frame = _FRAME.search(about)
    return None if frame is None else (_rect(frame),)


def _rect(found: re.Match[str]) -> Rect:
    return int(found[1]), int(found[2]), int(found[3]), int(found[4])
