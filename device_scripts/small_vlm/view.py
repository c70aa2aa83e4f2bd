"""What the small VLM is taught to see: a screen's elements with positions, in words. Chooses no action."""

from __future__ import annotations

from dataclasses import dataclass

from agent_runtime.actions.json_grammar import per_mille
from device_scripts.virtual_phone.phone import Node, Phone

TITLE_SHARE = 14
"""Percent of the height that the status bar and the title take."""
Bounds = tuple[int, int, int, int]
Region = tuple[str, Bounds]
"""What an element says, its state included, and (left, top, right, bottom) of it in pixels."""
_SEEN_ROLES = ("icon", "row", "switch", "button", "field", "tab", "text")


@dataclass(frozen=True)
class View:
    """One screen: its title, its elements from top to bottom, and whether the keyboard is up."""

    title: str
    elements: tuple[Node, ...]
    has_keyboard: bool
    size_px: tuple[int, int]

    @classmethod
    def of(cls, phone: Phone) -> View:
        """Look at a phone's final screen; under a dialog only the dialog is seen."""
        nodes = phone.nodes()
        dialogs = [index for index, node in enumerate(nodes) if node.role == "dialog"]
        seen = nodes[dialogs[0] :] if dialogs else nodes
        titles = [node.label for node in seen if node.role in ("title", "dialog")]
        elements = tuple(node for node in seen if node.role in _SEEN_ROLES and not node.label.startswith("$"))
        return cls(titles[0] if titles else "Home", elements, any(node.role == "key" for node in seen), phone.size)

    def find(self, label: str) -> Node | None:
        """Return the element of that label, or None."""
        return next((element for element in self.elements if element.label == label), None)

    def field(self) -> Node | None:
        """Return the text field, or None."""
        return next((element for element in self.elements if element.role == "field"), None)

    def centre_norm(self, node: Node) -> tuple[float, float]:
        """Return an element's centre, normalized to [0, 1)."""
        left, top, right, bottom = node.bounds
        return (left + right) / 2 / self.size_px[0], (top + bottom) / 2 / self.size_px[1]

    def regions(self) -> tuple[Region, ...]:
        """Return what every element says and where, the title last; where two overlap the later one counts."""
        title = (f"title {self.title}", (0, 0, self.size_px[0], self.size_px[1] * TITLE_SHARE // 100))
        return (*((self._words(element), element.bounds) for element in self.elements), title)

    def listing(self) -> str:
        """Say everything seen: ``Network: Wi-Fi off 500 266; NFC on 500 383``."""
        parts = [self._describe(element) for element in self.elements]
        return f"{self.title}: " + "; ".join(parts + ["keyboard"] * self.has_keyboard)

    def _describe(self, node: Node) -> str:
        if node.role == "text":
            return node.label
        x, y = (per_mille(value) for value in self.centre_norm(node))
        return f"{self._words(node)} {x} {y}"

    @staticmethod
    def _words(node: Node) -> str:
        state = {None: "", True: " on", False: " off"}[node.checked]
        name = f"field {node.text}" if node.role == "field" and node.text != node.label else node.label
        return f"{name}{state}"
