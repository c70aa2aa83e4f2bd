"""Where on a picture a model points: coordinate spaces, and directions as strokes of a finger. Parses no text.

Space(1000, 1000).point([250, 500]) == (0.25, 0.5)
scroll(0.5, 0.5, "down") == Swipe(0.5, 0.5, 0.5, 0.1)      # what lies below comes into view
"""

from collections.abc import Sequence
from dataclasses import dataclass

from agent_runtime.actions.vocabulary import Swipe

STROKE_NORM = 0.4
"""How far a finger moves where a family names only a direction."""
_LAST_NORM = 0.9995
_WAYS = {"up": (0, -1), "down": (0, 1), "left": (-1, 0), "right": (1, 0)}
AGAINST = {"up": "down", "down": "up", "left": "right", "right": "left"}


@dataclass(frozen=True, slots=True)
class Space:
    """Coordinates from 0 to ``x_scale`` and to ``y_scale``, the far edges included."""

    x_scale: int
    y_scale: int

    def point(self, numbers: object) -> tuple[float, float]:
        """Return [x, y], or the middle of the box [x0, y0, x1, y1], normalized to [0, 1).

        Raises:
            ValueError: that is neither, or lies outside.
        """
        if not isinstance(numbers, Sequence) or isinstance(numbers, str) or len(numbers) not in (2, 4):
            raise ValueError(f"{numbers!r:.80} is neither a point nor a box")
        xs, ys = numbers[0::2], numbers[1::2]
        return _middle(xs, self.x_scale), _middle(ys, self.y_scale)

    def whole(self, x_norm: float, y_norm: float) -> tuple[int, int]:
        """Return the nearest whole coordinates of a normalized point."""
        return _nearest(x_norm, self.x_scale), _nearest(y_norm, self.y_scale)


def stroke(x_norm: float, y_norm: float, way: object) -> Swipe:
    """Return a finger's way of ``STROKE_NORM`` from the point, set back where the screen would end before.

    Raises:
        ValueError: ``way`` is not up, down, left or right.
    """
    if not isinstance(way, str) or way not in _WAYS:
        raise ValueError(f"{way!r:.80} is not up, down, left or right")
    x_way, y_way = _WAYS[way]
    x0, y0 = _set_back(x_norm, x_way), _set_back(y_norm, y_way)
    return Swipe(x0, y0, x0 + x_way * STROKE_NORM, y0 + y_way * STROKE_NORM)


def scroll(x_norm: float, y_norm: float, towards: object) -> Swipe:
    """Return the stroke that brings what lies in that direction into view: the finger goes against it.

    Raises:
        ValueError: ``towards`` is not up, down, left or right.
    """
    return stroke(x_norm, y_norm, AGAINST.get(towards, towards) if isinstance(towards, str) else towards)


def way_of(swipe: Swipe) -> str | None:
    """Return the direction of a swipe that is a ``stroke`` from its own start, else None."""
    for way in _WAYS:
        made = stroke(swipe.x0_norm, swipe.y0_norm, way)
        ends = (made.x0_norm, made.y0_norm, made.x1_norm, made.y1_norm)
        if all(abs(end - own) < 1e-9 for end, own in zip(ends, _ends(swipe), strict=True)):
            return way
    return None


def _ends(swipe: Swipe) -> tuple[float, float, float, float]:
    return swipe.x0_norm, swipe.y0_norm, swipe.x1_norm, swipe.y1_norm


def _set_back(norm: float, way: int) -> float:
    if way == 0:
        return norm
    return max(norm, STROKE_NORM) if way < 0 else min(norm, _LAST_NORM - STROKE_NORM)


def _middle(values: Sequence[object], scale: int) -> float:
    numbers = [_number(value, scale) for value in values]
    return min(sum(numbers) / len(numbers) / scale, 1 - 0.5 / scale)


def _number(value: object, scale: int) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= scale:
        raise ValueError(f"the coordinate {value!r:.80} is not a number from 0 to {scale}")
    return float(value)


def _nearest(norm: float, scale: int) -> int:
    return min(scale, max(0, round(norm * scale)))
