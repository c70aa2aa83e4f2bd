"""Lays a screen out as boxes: what is drawn, tapped and dumped. Draws nothing, changes no state."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from device_scripts.virtual_phone.ui.boxes import Box, Frame
from device_scripts.virtual_phone.ui.keyboard import keyboard_boxes
from device_scripts.virtual_phone.ui.material_placing import app_bar, floating, floating_px
from device_scripts.virtual_phone.ui.placing import place_widget
from device_scripts.virtual_phone.ui.web import Look
from device_scripts.virtual_phone.ui.web_placing import place_block
from device_scripts.virtual_phone.ui.widgets import Dialog, Popup, Screen, Widget


def place(screen: Screen, frame: Frame) -> tuple[Box, ...]:
    """Return every visible box, the topmost last; what a screen is too small for is not there."""
    sizes = frame.metrics
    bottom = frame.height_px - sizes.navigation_bar
    keys: tuple[Box, ...] = ()
    if frame.focused_field is not None and screen.dialog is None:
        keys = _keys(frame.width_px, bottom, sizes.keyboard_row)
        bottom = keys[0].rect[1]
    boxes, top = _header(screen, frame)
    footer, bottom = _footer(screen, frame, bottom)
    if screen.ground is not None:
        boxes.append(Box("page", "page", "", (0, top, frame.width_px, bottom), look=Look(screen.ground)))
    body = _body(screen.body, frame, top)
    end = bottom - _floating_room(screen, frame)
    scrolled_px = _scroll_within(body, frame.scroll_px, top, end)
    body = [_shift(box, scrolled_px) for box in body]
    visible = [_clip(box, top, bottom) for box in body if _shows(box, top, bottom)]
    boxes += [box for box in visible if box.rect[3] - box.rect[1] >= sizes.font or box.role == "list" or _is_whole(box)]
    if screen.floating is not None and not keys:
        boxes.append(floating(screen.floating, frame, bottom))
    boxes += footer
    boxes += keys
    boxes += _furniture(frame)
    if frame.banner is not None:
        boxes.append(_banner(*frame.banner, frame))
    if screen.dialog is not None:
        boxes += _popup(screen.dialog, frame) if isinstance(screen.dialog, Popup) else _dialog(screen.dialog, frame)
    return tuple(box for box in boxes if box.rect[0] < box.rect[2] and box.rect[1] < box.rect[3])


@lru_cache(maxsize=16)
def _keys(width_px: int, bottom_px: int, row_px: int) -> tuple[Box, ...]:
    """Return the keyboard's keys, which are the same on every screen."""
    return tuple(
        Box("key", f"key:{name}", name, rect, clickable=True)
        for name, rect in keyboard_boxes(width_px, bottom_px, row_px)
    )


def content_height(screen: Screen, frame: Frame) -> int:
    """Pixels by which the body is taller than the room there is; 0 when it fits."""
    sizes = frame.metrics
    _, top = _header(screen, frame)
    _, bottom = _footer(screen, frame, frame.height_px - sizes.navigation_bar)
    bottom -= _floating_room(screen, frame)
    body = _body(screen.body, frame, top)
    return max(0, max((box.rect[3] for box in body), default=top) - bottom)


def _floating_room(screen: Screen, frame: Frame) -> int:
    """Return the pixels below the body in which the floating button covers none of it."""
    return floating_px(frame.metrics) + frame.metrics.margin if screen.floating is not None else 0


def _shows(box: Box, top: int, bottom: int) -> bool:
    """Say whether a box shows between two heights: in part, or only as a whole for one that asks for it."""
    if box.whole:
        return box.rect[1] >= top and box.rect[3] <= bottom
    return box.rect[3] > top and box.rect[1] < bottom


def _is_whole(box: Box) -> bool:
    """Say whether a web page's box is to be drawn however little of it shows: a ground, or what is not cut off."""
    return box.look is not None and (box.full is None or (box.role == "panel" and not box.id))


def _header(screen: Screen, frame: Frame) -> tuple[list[Box], int]:
    """Return the boxes above the body, the title if there is no header, and where they end."""
    top = frame.metrics.status_bar
    if frame.launcher:
        return [], top
    if not screen.header:
        return app_bar(screen.title, screen.up, screen.actions, frame), top + frame.metrics.title
    boxes: list[Box] = []
    for widget in screen.header:
        placed, top = place_widget(widget, frame, top)
        boxes += placed
    return boxes, top


def _footer(screen: Screen, frame: Frame, bottom: int) -> tuple[list[Box], int]:
    """Return the footer's boxes, which end at ``bottom``, and where they begin."""
    if not screen.footer:
        return [], bottom
    placed, end = [], 0
    for widget in screen.footer:
        boxes, end = place_widget(widget, frame, end)
        placed += boxes
    return [_shift(box, end - bottom) for box in placed], bottom - end


def _scroll_within(body: list[Box], scroll_px: int, top: int, bottom: int) -> int:
    overflow = max((box.rect[3] for box in body), default=top) - bottom
    return min(scroll_px, max(0, overflow))


def _body(widgets: tuple[Widget, ...], frame: Frame, top: int) -> list[Box]:
    boxes: list[Box] = []
    for widget in widgets:
        placed, top = place_widget(widget, frame, top)
        boxes += placed
    return boxes


def _furniture(frame: Frame) -> list[Box]:
    width, height, bar = frame.width_px, frame.height_px, frame.metrics.navigation_bar
    percent = "" if frame.battery_percent is None else str(frame.battery_percent)
    status = Box("status", "status", frame.clock, (0, 0, width, frame.metrics.status_bar), text=percent)
    thirds = [round(width * index / 3) for index in range(4)]
    names = ("back", "home", "recents")
    buttons = [
        Box("navigation", f"nav:{name}", name, (left, height - bar, right, height), True)
        for name, left, right in zip(names, thirds, thirds[1:], strict=False)
    ]
    return [status, *buttons]


def _banner(package: str, title: str, text: str, frame: Frame) -> Box:
    sizes, inset = frame.metrics, frame.metrics.margin // 2
    top = sizes.status_bar
    rect = (inset, top, frame.width_px - inset, top + round(sizes.font * 1.3 + sizes.small_font * 1.5))
    return Box("banner", f"banner:{package}", title, rect, True, text=f"{title}: {text}", below=text)


def _dialog(dialog: Dialog, frame: Frame) -> list[Box]:
    sizes, inset = frame.metrics, frame.metrics.margin * 2
    height = sizes.title + sizes.button + sizes.margin * 2
    top = (frame.height_px - height) // 2
    panel = Box("dialog", "dialog", dialog.text, (inset, top, frame.width_px - inset, top + height))
    inner = frame.width_px - 2 * inset - sizes.margin
    boxes, left = [panel], inset + sizes.margin
    width = inner // len(dialog.buttons)
    for button in dialog.buttons:
        rect = (left, top + sizes.title, left + width - sizes.margin, top + sizes.title + sizes.button)
        boxes.append(Box("button", button.id, button.label, rect, True))
        left += width
    return boxes


def _popup(popup: Popup, frame: Frame) -> list[Box]:
    """Place a pop-up in the middle of the screen, as high as it needs to be."""
    sizes, inset = frame.metrics, frame.metrics.margin
    left, right = inset, frame.width_px - inset
    placed, height = place_block(popup.block, frame, left + inset, right - inset, 0)
    top = max(sizes.status_bar, (frame.height_px - height) // 2 - inset)
    rect = (left, top, right, top + height + 2 * inset)
    panel = Box("dialog", "dialog", popup.title, rect, look=popup.look)
    return [panel, *(_shift(box, -top - inset) for box in placed)]


def _shift(box: Box, up_px: int) -> Box:
    if up_px == 0:
        return box
    left, top, right, bottom = box.rect
    return replace(box, rect=(left, top - up_px, right, bottom - up_px))


def _clip(box: Box, top: int, bottom: int) -> Box:
    left, upper, right, lower = box.rect
    if upper >= top and lower <= bottom:
        return box
    return replace(box, rect=(left, max(upper, top), right, min(lower, bottom)), full=box.rect)
