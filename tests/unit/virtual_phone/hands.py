"""Touching a phone by what its elements say. Holds no tests."""

from __future__ import annotations

from device_scripts.virtual_phone.phone import Phone


def labels(phone: Phone, role: str = "") -> list[str]:
    """Return what the elements of a role say, or all of them."""
    return [node.label for node in phone.nodes() if role in ("", node.role)]


def tap(phone: Phone, *wanted: str) -> None:
    """Tap each of these in turn, the topmost where several say the same, scrolling down to it where it must be."""
    for label in wanted:
        for _ in range(8):
            found = [node.bounds for node in phone.nodes() if node.label == label]
            if found:
                break
            width, height = phone.size
            phone.swipe(width // 2, height * 2 // 3, width // 2, height // 3)
        assert found, f"{label} is not among {labels(phone)}"
        left, top, right, bottom = found[-1]
        phone.tap((left + right) // 2, (top + bottom) // 2)
