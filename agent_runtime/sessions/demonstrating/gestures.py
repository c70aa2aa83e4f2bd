"""What a finger did, as one of the actions an agent has; pure functions. A gesture that none stands for is said so.

Where a tap ends and a swipe begins is Android's own touch slop, 8 dp; a touch is long from the device's own timeout on.
A swipe is told by its ends: its speed and the way it took are not kept.
"""

import math
import re
from dataclasses import dataclass

from agent_runtime.actions import Action, LongPress, Swipe, Tap
from agent_runtime.devices.touches import Touch

TOUCH_SLOP_DP = 8
LONG_PRESS_SEC = 0.4
"""Android's default since release 12; older ones wait 0.5 s."""
_BELOW_ONE = math.nextafter(1.0, 0.0)
_DENSITY = re.compile(r"^(Physical|Override) density:\s*(\d+)\s*$", re.MULTILINE)
_BASELINE_DPI = 160
PointNorm = tuple[float, float]


class NoActionError(ValueError):
    """No action of the vocabulary stands for what was done; the text says what it was."""


@dataclass(frozen=True, slots=True)
class Screen:
    """How touches are to be read: quarter turns of the content, size in pixels as it is turned, slop and timeout."""

    quarter_turns: int
    size_px: tuple[int, int]
    slop_px: float
    long_press_sec: float = LONG_PRESS_SEC


def slop_px(wm_density: str) -> float:
    """Return the touch slop in pixels, by what `wm density` printed; that of 160 dpi where it printed none."""
    told = {kind: int(dpi) for kind, dpi in _DENSITY.findall(wm_density)}
    return TOUCH_SLOP_DP * told.get("Override", told.get("Physical", _BASELINE_DPI)) / _BASELINE_DPI


def turned(u: float, v: float, quarter_turns: int) -> PointNorm:
    """Return where a point of the panel, normalized, lies on the screen as it is turned (as Android's InputReader)."""
    x, y = {0: (u, v), 1: (v, 1 - u), 2: (1 - u, 1 - v), 3: (1 - v, u)}[quarter_turns % 4]
    return min(max(x, 0.0), _BELOW_ONE), min(max(y, 0.0), _BELOW_ONE)


def points_norm(touch: Touch, screen: Screen) -> list[PointNorm]:
    """Return where the finger was, normalized to the screen as it is turned."""
    panel = touch.panel
    return [turned(panel.x.norm(x), panel.y.norm(y), screen.quarter_turns) for _, x, y in touch.points]


def action_of(touch: Touch, screen: Screen) -> Action:
    """Return the action that stands for a touch.

    Raises:
        NoActionError: several fingers, a drag that began by holding still, or one that came back to where it began.
    """
    if touch.fingers > 1:
        raise NoActionError(f"a gesture of {touch.fingers} fingers")
    points = points_norm(touch, screen)
    first, last = points[0], points[-1]
    left_at_sec = next(
        (at_sec for (at_sec, _, _), point in zip(touch.points, points, strict=True) if _apart_px(first, point, screen)),
        None,
    )
    if left_at_sec is None:
        held_sec = touch.up_sec - touch.down_sec
        return LongPress(*first) if held_sec >= screen.long_press_sec else Tap(*first)
    if left_at_sec - touch.down_sec >= screen.long_press_sec:
        raise NoActionError("a long press that went on as a drag")
    if not _apart_px(first, last, screen):
        raise NoActionError("a drag that came back to where it began")
    return Swipe(*first, *last)


def _apart_px(one: PointNorm, other: PointNorm, screen: Screen) -> bool:
    """Tell whether two points are further apart than a finger that taps may wander."""
    width_px, height_px = screen.size_px
    return math.hypot((one[0] - other[0]) * width_px, (one[1] - other[1]) * height_px) > screen.slop_px
