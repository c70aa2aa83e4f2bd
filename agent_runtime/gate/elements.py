"""Which elements of a screen a touch concerns: those under it, and all that its button says. Reads no words."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from agent_runtime.devices.windows import Rect

_BOUNDS = re.compile(r"\[(-?\d{1,18}),(-?\d{1,18})\]\[(-?\d{1,18}),(-?\d{1,18})\]")
_FIELDS = ("EditText", "AutoCompleteTextView")
_PRESSABLE = ("clickable", "long-clickable", "checkable")


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a `uiautomator dump`; ``bounds`` is (left, top, right, bottom) in pixels."""

    bounds: Rect
    says: tuple[str, ...]
    resource_id: str = ""
    package: str = ""
    is_pressable: bool = False
    is_field: bool = False
    is_password: bool = False
    is_focused: bool = False

    @property
    def area_px(self) -> int:
        """Its size."""
        left, top, right, bottom = self.bounds
        return (right - left) * (bottom - top)

    def holds(self, x_px: float, y_px: float) -> bool:
        """Whether the point lies in it."""
        left, top, right, bottom = self.bounds
        return left <= x_px < right and top <= y_px < bottom

    def surrounds(self, other: "Element") -> bool:
        """Whether the other lies wholly in it."""
        (left, top, right, bottom), (left2, top2, right2, bottom2) = self.bounds, other.bounds
        return left <= left2 and top <= top2 and right2 <= right and bottom2 <= bottom


def elements_of(nodes: Iterable[Mapping[str, str]]) -> tuple[Element, ...] | None:
    """Return the elements of a dump, None where one does not say where it lies."""
    elements = []
    for node in nodes:
        found = _BOUNDS.fullmatch(node.get("bounds", ""))
        if found is None:
            return None
        says = tuple(dict.fromkeys(filter(None, (node.get("text"), node.get("content-desc"), node.get("hint")))))
        left, top, right, bottom = (int(side) for side in found.groups())
        elements.append(
            Element(
                (left, top, right, bottom),
                says,
                node.get("resource-id", ""),
                node.get("package", ""),
                is_pressable=any(node.get(name) == "true" for name in _PRESSABLE),
                is_field=node.get("class", "").endswith(_FIELDS),
                is_password=node.get("password") == "true",
                is_focused=node.get("focused") == "true",
            )
        )
    return tuple(elements)


def under(x_px: int, y_px: int, elements: Sequence[Element]) -> list[Element]:
    """Return everything under the point, and what else belongs to the smallest button under it.

    A row with a label at its far end says what it does there, not under the finger.
    """
    hit = [element for element in elements if element.holds(x_px, y_px)]
    buttons = [element for element in hit if element.is_pressable]
    if not buttons:
        return hit
    button = min(buttons, key=lambda element: element.area_px)
    inner = [element for element in elements if element.is_pressable and element.area_px < button.area_px]
    own = [
        element
        for element in elements
        if element not in hit
        and button.surrounds(element)
        and not any(other.surrounds(element) for other in inner if button.surrounds(other))
    ]
    return hit + own


def along(start: tuple[int, int], end: tuple[int, int], elements: Sequence[Element]) -> list[Element]:
    """Return everything a drag from one point to the other concerns: at its ends, and whatever it crosses."""
    crossed = [element for element in elements if _crosses(start, end, element.bounds)]
    return list(dict.fromkeys([*under(*start, elements), *under(*end, elements), *crossed]))


def _crosses(start: tuple[int, int], end: tuple[int, int], bounds: Rect) -> bool:
    """Clip the segment against the rectangle (Liang and Barsky 1984): is anything left of it?"""
    first, last = 0.0, 1.0
    for axis in (0, 1):
        low, high = bounds[axis], bounds[axis + 2] - 1
        origin, step = start[axis], end[axis] - start[axis]
        if step == 0:
            if not low <= origin <= high:
                return False
            continue
        enter, leave = sorted(((low - origin) / step, (high - origin) / step))
        first, last = max(first, enter), min(last, leave)
    return first <= last
