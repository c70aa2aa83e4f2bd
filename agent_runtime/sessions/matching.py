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

AndroidControl (Li et al. 2024, arXiv 2406.03679) counts a tap as right within the box of the element that was meant.
``ANDROID_CONTROL`` is how X-PLUG/MobileAgent checks its steps at 05cb90d (UI-S1/evaluation/qwenvl_utils.py): taps, and
long presses, within 0.04 of the screen or in the box enlarged by a fifth, which again is left out; of two texts or
names of apps one must be in the other; swipes match by type. That has no ends; they match by type here.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from agent_runtime.actions import Action, Finish, LongPress, Malformed, OpenApp, PressKey, Swipe, Tap, TypeText, Wait

TAP_DISTANCE_NORM = 0.14
ANDROID_CONTROL_TAP_DISTANCE_NORM = 0.04
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
    """How to match: which gestures are taps on a screen of that size, how near taps are, what counts as the same text.

    ``by_type`` are those that match any of their kind: drags along either axis, ends that say success or not.
    """

    name: str
    is_tap: Callable[[Gesture, SizePx], bool]
    same_text: Callable[[str, str], bool]
    same_app: Callable[[str, str], bool]
    tap_distance_norm: float = TAP_DISTANCE_NORM
    by_type: tuple[type[Action], ...] = ()

    def match(self, one: Action, other: Action, device_size_px: SizePx) -> bool:
        """Say whether the two come to the same; symmetric. ``Malformed`` matches nothing, not even itself."""
        if type(one) is type(other) and isinstance(one, self.by_type):
            return True
        first, second = _gesture(one), _gesture(other)
        if first is None or second is None:
            return first is second and self._match_without_touch(one, other)
        taps = self.is_tap(first, device_size_px), self.is_tap(second, device_size_px)
        if taps[0] != taps[1]:
            return False
        return self._near(first, second) if taps[0] else _drags_match(first, second)

    def _match_without_touch(self, one: Action, other: Action) -> bool:
        match one, other:
            case TypeText(first), TypeText(second):
                return self.same_text(first, second)
            case OpenApp(first), OpenApp(second):
                return self.same_app(first, second)
            case PressKey(first_key), PressKey(second_key):
                return first_key is second_key
            case Finish(first_says), Finish(second_says):
                return first_says is second_says
            case LongPress(x0, y0), LongPress(x1, y1):  # AitW has none: as two taps
                return self._near(Gesture(x0, y0, x0, y0), Gesture(x1, y1, x1, y1))
            case Wait(), Wait():
                return True
            case _:
                return False

    def _near(self, one: Gesture, other: Gesture) -> bool:
        return math.hypot(one.x0_norm - other.x0_norm, one.y0_norm - other.y0_norm) <= self.tap_distance_norm


def aitw_is_tap(gesture: Gesture, device_size_px: SizePx) -> bool:
    """AitW's: the ends are at most 0.04 apart, each axis in its own normalized unit."""
    apart_norm = math.hypot(gesture.x1_norm - gesture.x0_norm, gesture.y1_norm - gesture.y0_norm)
    return apart_norm <= AITW_TAP_ENDS_NORM


def digirl_is_tap(gesture: Gesture, device_size_px: SizePx) -> bool:
    """DigiRL's: the squared distance of the ends is below 10 device pixels²."""
    x_px = (gesture.x1_norm - gesture.x0_norm) * device_size_px[0]
    y_px = (gesture.y1_norm - gesture.y0_norm) * device_size_px[1]
    return x_px**2 + y_px**2 < DIGIRL_TAP_ENDS_PX2


def same_words(one: str, other: str) -> bool:
    """Say whether two texts are equal but for case and the blanks around them."""
    return one.strip().casefold() == other.strip().casefold()


def one_in_the_other(one: str, other: str) -> bool:
    """MobileAgent's: one text contains the other, whatever the case and the blanks around them."""
    first, second = one.strip().lower(), other.strip().lower()
    return first in second or second in first


def is_a_point(gesture: Gesture, device_size_px: SizePx) -> bool:
    """AndroidControl has taps and scrolls, no gesture that may be either."""
    return (gesture.x0_norm, gesture.y0_norm) == (gesture.x1_norm, gesture.y1_norm)


AITW = Rule("AitW as published (typed text unread)", aitw_is_tap, lambda one, other: True, same_words)
AITW_TEXT = Rule("AitW, typed text equal but for case", aitw_is_tap, same_words, same_words)
DIGIRL = Rule("DigiRL's taps, typed text equal but for case", digirl_is_tap, same_words, same_words)
ANDROID_CONTROL = Rule(
    "AndroidControl as MobileAgent checks it",
    is_a_point,
    one_in_the_other,
    one_in_the_other,
    ANDROID_CONTROL_TAP_DISTANCE_NORM,
    (Swipe, Finish),
)
RULES = (AITW, AITW_TEXT, DIGIRL, ANDROID_CONTROL)


def _gesture(action: Action) -> Gesture | None:
    match action:
        case Tap(x, y):
            return Gesture(x, y, x, y)
        case Swipe(x0, y0, x1, y1):
            return Gesture(x0, y0, x1, y1)
        case Malformed() | LongPress() | TypeText() | PressKey() | OpenApp() | Wait() | Finish():
            return None


def _drags_match(one: Gesture, other: Gesture) -> bool:
    return _is_sideways(one) == _is_sideways(other)


def _is_sideways(gesture: Gesture) -> bool:
    """True when x changes most; a tie counts as up or down, as AitW's argmax over (y, x) has it."""
    return abs(gesture.x1_norm - gesture.x0_norm) > abs(gesture.y1_norm - gesture.y0_norm)
