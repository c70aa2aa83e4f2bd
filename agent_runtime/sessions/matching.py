"""Says whether two actions come to the same, by published rules. Pure functions; runs no policy.

Android in the Wild (Rawles et al. 2023, NeurIPS Datasets and Benchmarks, arXiv 2307.10088; the code is
google-research/android_in_the_wild/action_matching.py): a dual-point gesture is a tap when its ends are at most 0.04 of
the screen apart. Two taps match within 0.14 of the screen (Euclidean, both axes normalized) or in the same enlarged
box of a detected element; two drags match when they move mainly along the same axis, in whichever direction; a tap
never matches a drag; all other actions match by their type alone, typed text unread. No boxes are recorded here, so
that half of the tap rule is left out: these rates are a lower bound of AitW's.

DigiRL (Bai et al. 2024, arXiv 2406.11896; DigiRL-agent/digirl at c74ec34) scores episodes by a VLM judge and publishes
no matching of actions. What it has is a rule for what is a tap: its environment taps where the ends of a gesture are
less than √10 device pixels apart, and swipes otherwise. ``DIGIRL`` is that rule, with AitW's distances for what
follows.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from agent_runtime.actions import Action, Finish, LongPress, Malformed, OpenApp, PressKey, Swipe, Tap, TypeText, Wait

TAP_DISTANCE_NORM = 0.14
AITW_TAP_ENDS_NORM = 0.04
DIGIRL_TAP_ENDS_PX2 = 10.0
SizePx = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Gesture:
    """A touch from its first to its last point, as AitW's dual points; a tap's are the same."""

    x0_norm: float
    y0_norm: float
    x1_norm: float
    y1_norm: float


@dataclass(frozen=True, slots=True)
class Rule:
    """How to match: which gestures are taps on a screen of that size, and whether typed text is read."""

    name: str
    is_tap: Callable[[Gesture, SizePx], bool]
    reads_text: bool

    def match(self, one: Action, other: Action, device_size_px: SizePx) -> bool:
        """Say whether the two come to the same; symmetric. ``Malformed`` matches nothing, not even itself."""
        first, second = _gesture(one), _gesture(other)
        if first is None or second is None:
            return first is second and self._match_without_touch(one, other)
        taps = self.is_tap(first, device_size_px), self.is_tap(second, device_size_px)
        if taps[0] != taps[1]:
            return False
        return _taps_match(first, second) if taps[0] else _drags_match(first, second)

    def _match_without_touch(self, one: Action, other: Action) -> bool:
        match one, other:
            case TypeText(first), TypeText(second):
                return not self.reads_text or _same_words(first, second)
            case OpenApp(first), OpenApp(second):
                return _same_words(first, second)
            case PressKey(first_key), PressKey(second_key):
                return first_key is second_key
            case Finish(first_says), Finish(second_says):
                return first_says is second_says
            case LongPress(x0, y0), LongPress(x1, y1):  # AitW has none: as two taps
                return math.hypot(x0 - x1, y0 - y1) <= TAP_DISTANCE_NORM
            case Wait(), Wait():
                return True
            case _:
                return False


def aitw_is_tap(gesture: Gesture, device_size_px: SizePx) -> bool:
    """AitW's: the ends are at most 0.04 apart, each axis in its own normalized unit."""
    apart_norm = math.hypot(gesture.x1_norm - gesture.x0_norm, gesture.y1_norm - gesture.y0_norm)
    return apart_norm <= AITW_TAP_ENDS_NORM


def digirl_is_tap(gesture: Gesture, device_size_px: SizePx) -> bool:
    """DigiRL's: the squared distance of the ends is below 10 device pixels²."""
    x_px = (gesture.x1_norm - gesture.x0_norm) * device_size_px[0]
    y_px = (gesture.y1_norm - gesture.y0_norm) * device_size_px[1]
    return x_px**2 + y_px**2 < DIGIRL_TAP_ENDS_PX2


AITW = Rule("AitW as published (typed text unread)", aitw_is_tap, reads_text=False)
AITW_TEXT = Rule("AitW, typed text equal but for case", aitw_is_tap, reads_text=True)
DIGIRL = Rule("DigiRL's taps, typed text equal but for case", digirl_is_tap, reads_text=True)
RULES = (AITW, AITW_TEXT, DIGIRL)


def _gesture(action: Action) -> Gesture | None:
    match action:
        case Tap(x, y):
            return Gesture(x, y, x, y)
        case Swipe(x0, y0, x1, y1):
            return Gesture(x0, y0, x1, y1)
        case Malformed() | LongPress() | TypeText() | PressKey() | OpenApp() | Wait() | Finish():
            return None


def _taps_match(one: Gesture, other: Gesture) -> bool:
    return math.hypot(one.x0_norm - other.x0_norm, one.y0_norm - other.y0_norm) <= TAP_DISTANCE_NORM


def _drags_match(one: Gesture, other: Gesture) -> bool:
    return _is_sideways(one) == _is_sideways(other)


def _is_sideways(gesture: Gesture) -> bool:
    """True when x changes most; a tie counts as up or down, as AitW's argmax over (y, x) has it."""
    return abs(gesture.x1_norm - gesture.x0_norm) > abs(gesture.y1_norm - gesture.y0_norm)


def _same_words(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()
