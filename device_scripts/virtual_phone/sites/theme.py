"""A site's colours, and the looks and the margin its pages have. Holds no page."""

from __future__ import annotations

from dataclasses import dataclass

from device_scripts.virtual_phone.ui.theme import Colour
from device_scripts.virtual_phone.ui.web import Across, Block, Gap, Look

WHITE: Colour = (255, 255, 255)


@dataclass(frozen=True, slots=True)
class SiteTheme:
    """The colours of one site, red-green-blue; ``on_`` is what is written on a colour."""

    bar: Colour
    on_bar: Colour
    accent: Colour
    on_accent: Colour = WHITE
    ground: Colour = WHITE
    card: Colour = (246, 246, 248)
    ink: Colour = (28, 28, 34)
    faint: Colour = (106, 108, 118)
    edge: Colour = (210, 212, 220)
    round: bool = True

    @property
    def text(self) -> Look:
        """Of words."""
        return Look(ink=self.ink)

    @property
    def quiet(self) -> Look:
        """Of words that matter less."""
        return Look(ink=self.faint, size="small")

    @property
    def heading(self) -> Look:
        """Of a heading."""
        return Look(ink=self.ink, size="large")

    @property
    def link(self) -> Look:
        """Of words that lead somewhere."""
        return Look(ink=self.accent)

    @property
    def strong(self) -> Look:
        """Of the button that matters most."""
        return Look(fill=self.accent, ink=self.on_accent, round=self.round)

    @property
    def mild(self) -> Look:
        """Of the other buttons."""
        return Look(fill=self.card, ink=self.ink, edge=self.edge, round=self.round)

    @property
    def panel(self) -> Look:
        """Of a card."""
        return Look(fill=self.card, edge=self.edge, round=self.round)

    @property
    def field(self) -> Look:
        """Of a text field."""
        return Look(fill=self.ground, ink=self.ink, edge=self.edge, round=self.round)


def indented(block: Block) -> Block:
    """Return a block with a margin at its left and right."""
    return Across((Gap(), block, Gap()), (1, 40, 1))
