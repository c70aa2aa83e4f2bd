"""What the small policy sees of a screen: its elements with label, role, state and place. Reads no pixels.

Learning to read pixels takes minutes (docs/log.md); a study of hundreds of runs cannot afford it, so the elements come
from the phone's structure, as ``uiautomator dump`` tells it.
"""

from dataclasses import dataclass

from agent_runtime.actions.json_grammar import per_mille
from device_scripts.small_vlm.view import View
from device_scripts.virtual_phone.phone import Node, Phone

ROLES = ("title", "icon", "row", "switch", "button", "field", "tab", "text", "card", "cell", "paragraph", "keyboard")
MAX_ELEMENTS = 30


@dataclass(frozen=True, slots=True)
class Element:
    """One thing on the screen; ``x`` and ``y`` are its middle in per-mille."""

    role: str
    words: str
    checked: bool | None
    x: int
    y: int


@dataclass(frozen=True)
class Scene:
    """One screen: ``view`` is what the small VLM's demonstrator reads of it, ``elements`` what the policy sees."""

    view: View
    nodes: tuple[Node, ...]
    elements: tuple[Element, ...]

    @classmethod
    def of(cls, phone: Phone) -> "Scene":
        """Look at a phone's final screen; under a dialog only the dialog is seen."""
        nodes = phone.nodes()
        dialogs = [place for place, node in enumerate(nodes) if node.role == "dialog"]
        seen = nodes[dialogs[0] :] if dialogs else nodes
        shown = tuple(node for node in seen if node.role in ROLES and not node.label.startswith("$"))
        view = View.of(phone)
        elements = [Element("title", view.title, None, 500, 0)]
        elements += [_element(node, view) for node in shown if node.role != "title"]
        if view.has_keyboard:
            elements.append(Element("keyboard", "", None, 500, 900))
        return cls(view, shown, tuple(elements[:MAX_ELEMENTS]))


def _element(node: Node, view: View) -> Element:
    x, y = (per_mille(value) for value in view.centre_norm(node))
    words = node.text if node.role == "field" else node.label
    return Element(node.role, words, node.checked, x, y)
