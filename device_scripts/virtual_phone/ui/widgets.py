"""What an app's screen is made of, as plain data. Knows no pixels."""

from __future__ import annotations

from dataclasses import dataclass, field

from device_scripts.virtual_phone.ui.material import Action, Material
from device_scripts.virtual_phone.ui.theme import Colour
from device_scripts.virtual_phone.ui.web import PLAIN, Block, Look


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a list; tapping it reports ``id``."""

    id: str
    label: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class SwitchRow:
    """A line with a switch; tapping anywhere on it reports ``id``."""

    id: str
    label: str
    checked: bool


@dataclass(frozen=True, slots=True)
class Button:
    """A filled button; a quiet one is grey, as the digits of a calculator are."""

    id: str
    label: str
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """A text field with a hint shown while it is empty."""

    id: str
    hint: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Label:
    """Words that cannot be tapped."""

    text: str
    large: bool = False


@dataclass(frozen=True, slots=True)
class Icon:
    """An app's icon on the launcher; ``glyph`` names a drawing in ``ui.glyphs``."""

    id: str
    label: str
    glyph: str
    colour: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class IconGrid:
    """Icons in rows and columns."""

    icons: tuple[Icon, ...]
    whole: bool = False
    """Leave out what would show in part, at an edge of a scrolled list."""


@dataclass(frozen=True, slots=True)
class Tab:
    """One of a row of tabs."""

    id: str
    label: str
    selected: bool


@dataclass(frozen=True, slots=True)
class Tabs:
    """Tabs side by side under the title."""

    tabs: tuple[Tab, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture by its file's content (PNG, JPEG); tapping it reports ``id``, if it has one."""

    id: str
    label: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Grid:
    """Buttons or pictures side by side, ``columns`` to a line."""

    columns: int
    cells: tuple[Button | Picture, ...]
    tall: bool = False
    """Higher buttons where there is room for them."""


@dataclass(frozen=True, slots=True)
class Dialog:
    """A question over the screen; nothing under it can be tapped."""

    text: str
    buttons: tuple[Button, ...]


@dataclass(frozen=True, slots=True)
class Popup:
    """A part of a web page in front of the rest of it; nothing under it can be tapped."""

    title: str
    block: Block
    look: Look = PLAIN


@dataclass(frozen=True, slots=True)
class Web:
    """A part of a web page, from edge to edge."""

    block: Block


@dataclass(frozen=True, slots=True)
class Cell:
    """One key of a pad; without an ``id`` it cannot be tapped."""

    id: str
    label: str
    selected: bool = False
    marked: bool = False
    """With a dot under its label."""


@dataclass(frozen=True, slots=True)
class CellGrid:
    """The keys of a pad, in rows and columns."""

    cells: tuple[Cell, ...]
    columns: int
    tall: bool = False
    """Higher keys where there is room for them."""
    plain: bool = False
    """Without tiles, as the days of a month are."""


@dataclass(frozen=True, slots=True)
class Bubble:
    """A message in a conversation, at the right when it is one's own; long ones take several lines."""

    text: str
    own: bool


@dataclass(frozen=True, slots=True)
class Beside:
    """Fields and buttons side by side, their widths in proportion to ``shares``."""

    widgets: tuple[Button | Field, ...]
    shares: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PageDots:
    """Which page of how many is shown, counted from 0."""

    page: int
    count: int


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Words that cannot be tapped, broken into lines, with room for ``lines`` of them in any case."""

    text: str
    lines: int


@dataclass(frozen=True, slots=True)
class PlayingCard:
    """A card as it is seen: ``corner`` as in A, 10 or K, ``suit`` as in ``ui.suits``; face down without a suit."""

    name: str
    corner: str = ""
    suit: str = ""


@dataclass(frozen=True, slots=True)
class CardRow:
    """Playing cards side by side."""

    cards: tuple[PlayingCard, ...]


Widget = (
    Row
    | SwitchRow
    | Button
    | Field
    | Label
    | IconGrid
    | Tabs
    | Picture
    | Grid
    | CellGrid
    | Bubble
    | Beside
    | PageDots
    | Paragraph
    | CardRow
    | Web
    | Material
)


@dataclass(frozen=True, slots=True)
class Screen:
    """One screen of an app, from top to bottom."""

    title: str
    body: tuple[Widget, ...] = field(default=())
    dialog: Dialog | Popup | None = None
    footer: tuple[Widget, ...] = field(default=())
    """Stays at the bottom, above the keyboard, while the body scrolls."""
    header: tuple[Widget, ...] = ()
    """Stays at the top in place of the title."""
    ground: Colour | None = None
    """The colour under the body, where it is not the theme's."""
    up: bool = False
    """With a button before the title that does what the back key does."""
    actions: tuple[Action, ...] = field(default=())
    """Buttons after the title."""
    floating: Action | None = None
    """A round button over the body's lower right corner; not there while the keyboard is."""
