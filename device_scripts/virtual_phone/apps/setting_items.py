"""What a page of the full settings is made of, as plain data, and how each part reads and is changed. No screens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from device_scripts.virtual_phone.apps.settings import Setting
from device_scripts.virtual_phone.language import Own
from device_scripts.virtual_phone.state import PhoneState

Colour = tuple[int, int, int]
_DISPLAY_SIZES = (("Small", 0.85), ("Default", 1.0), ("Large", 1.15), ("Larger", 1.3))


@dataclass(frozen=True, slots=True)
class Options:
    """One of several values, chosen on a page of its own; ``options`` are (value, label)."""

    label: str
    namespace: str
    key: str
    options: tuple[tuple[str, str], ...]
    default: str

    def value(self, state: PhoneState) -> str:
        """Return the value that is set."""
        return state.settings[self.namespace].get(self.key, self.default)

    def choices(self, state: PhoneState) -> tuple[tuple[str, str], ...]:
        """Return the options of this phone."""
        return self.options

    def chosen(self, state: PhoneState) -> str:
        """Return the label of the value that is set, the value itself where it is none of the options."""
        return dict(self.choices(state)).get(self.value(state), Own(self.value(state)))


@dataclass(frozen=True, slots=True)
class DisplaySize(Options):
    """The density everything is drawn at, in dots per inch; the options are shares of the display's own."""

    def value(self, state: PhoneState) -> str:
        """Return the density in use."""
        return str(state.shown_density_dpi)

    def choices(self, state: PhoneState) -> tuple[tuple[str, str], ...]:
        """Return densities around the display's own."""
        return tuple((str(round(state.density_dpi * share)), label) for label, share in _DISPLAY_SIZES)


@dataclass(frozen=True, slots=True)
class Slide:
    """A number from 0 to ``highest`` on a slider of ``steps`` steps."""

    label: str
    namespace: str
    key: str
    highest: int
    steps: int
    default: int

    def step(self, state: PhoneState) -> int:
        """Return the step that is nearest to the value."""
        text = state.settings[self.namespace].get(self.key, "")
        value = int(text) if text.isdecimal() else self.default
        return min(self.steps, round(value * self.steps / self.highest))

    def value_at(self, step: int) -> str:
        """Return the value of a step, as it is stored."""
        return str(round(self.highest * step / self.steps))


@dataclass(frozen=True, slots=True)
class Words:
    """A name that can be typed, on a page of its own."""

    label: str
    namespace: str
    key: str
    default: str

    def value(self, state: PhoneState) -> str:
        """Return the name."""
        return state.settings[self.namespace].get(self.key, self.default)


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that can be read but not changed."""

    label: str
    tell: Callable[[PhoneState], str]


@dataclass(frozen=True, slots=True)
class Link:
    """A way to another page; ``page`` is its name in ``setting_pages.PAGES``."""

    label: str
    page: str
    below: str = ""
    glyph: str = ""
    colour: Colour | None = None


Item = Setting | Options | Slide | Words | Fact | Link


def defaults_of(item: Item) -> tuple[str, str, str] | None:
    """Return the namespace, key and value a new phone has for an item, None where it keeps none or it is by seed."""
    match item:
        case DisplaySize():
            return None
        case Options() | Words():
            return item.namespace, item.key, item.default
        case Slide():
            return item.namespace, item.key, str(item.default)
        case _:
            return None
