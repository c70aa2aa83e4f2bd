"""The phone's visible elements as the XML `uiautomator dump` writes. Invents no element."""

from __future__ import annotations

import re
from typing import Final
from xml.sax.saxutils import quoteattr

from device_scripts.virtual_phone.phone_api import NodeLike, PhoneLike

_CLASS_BY_ROLE: Final = {
    "action": "android.widget.ImageButton",
    "bubble": "android.widget.TextView",
    "button": "android.widget.Button",
    "card": "android.widget.ImageView",
    "cell": "android.widget.Button",
    "choice": "android.widget.RadioButton",
    "dialog": "android.widget.FrameLayout",
    "entry": "android.widget.LinearLayout",
    "fab": "android.widget.ImageButton",
    "field": "android.widget.EditText",
    "headline": "android.widget.TextView",
    "icon": "android.widget.TextView",
    "image": "android.widget.ImageView",
    "key": "android.widget.Button",
    "level": "android.widget.SeekBar",
    "link": "android.widget.TextView",
    "page": "android.webkit.WebView",
    "pad": "android.widget.Button",
    "paragraph": "android.widget.TextView",
    "place": "android.widget.FrameLayout",
    "round": "android.widget.Button",
    "row": "android.widget.LinearLayout",
    "list": "android.widget.ScrollView",
    "section": "android.widget.TextView",
    "switch": "android.widget.Switch",
    "tab": "android.widget.TextView",
    "text": "android.widget.TextView",
    "toggle": "android.widget.Switch",
}
_NOT_IN_XML: Final = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_DEFAULT_CLASS: Final = "android.view.View"
_SYSTEM_BARS: Final = ("status", "navigation")


def hierarchy_xml(phone: PhoneLike) -> str:
    """Return the active window's elements under one frame that fills the screen; system bars are another window."""
    package = phone.foreground().partition("/")[0]
    width_px, height_px = phone.size
    shown = [node for node in phone.nodes() if node.role not in _SYSTEM_BARS]
    inner = "".join(_node_xml(index, node, package) for index, node in enumerate(shown))
    frame = _attributes(
        index="0", text="", resource_id="", kind="android.widget.FrameLayout", package=package, description="",
        flags={"enabled": True}, bounds=(0, 0, width_px, height_px),
    )  # fmt: skip
    head = "<?xml version='1.0' encoding='UTF-8' standalone='yes' ?>"
    return f'{head}<hierarchy rotation="{phone.state.rotation}"><node {frame}>{inner}</node></hierarchy>'


def _node_xml(index: int, node: NodeLike, package: str) -> str:
    flags = {
        "checkable": node.checked is not None,
        "checked": bool(node.checked),
        "clickable": node.clickable,
        "enabled": True,
        "focusable": node.clickable,
        "focused": node.focused,
        "scrollable": node.scrollable,
    }
    text = node.text or ("" if node.role in ("field", "icon-only") else node.label)
    attributes = _attributes(
        index=str(index), text=text, resource_id=node.resource_id,
        kind=_CLASS_BY_ROLE.get(node.role, _DEFAULT_CLASS), package=node.package or package,
        description=node.label, flags=flags, bounds=node.bounds,
    )  # fmt: skip
    return f"<node {attributes} />"


def _attributes(
    *,
    index: str,
    text: str,
    resource_id: str,
    kind: str,
    package: str,
    description: str,
    flags: dict[str, bool],
    bounds: tuple[int, int, int, int],
) -> str:
    """Return the attributes in the order the real dump writes them."""
    left, top, right, bottom = bounds
    pairs = {
        "index": index, "text": text, "resource-id": resource_id, "class": kind, "package": package,
        "content-desc": description,
    }  # fmt: skip
    for name in (
        "checkable", "checked", "clickable", "enabled", "focusable", "focused", "scrollable", "long-clickable",
        "password", "selected",
    ):  # fmt: skip
        pairs[name] = "true" if flags.get(name) else "false"
    pairs["bounds"] = f"[{left},{top}][{right},{bottom}]"
    return " ".join(f"{name}={quoteattr(_printable(value))}" for name, value in pairs.items())


def _printable(text: str) -> str:
    """Replace what XML 1.0 cannot hold by a dot, as uiautomator does."""
    return _NOT_IN_XML.sub(".", text)
