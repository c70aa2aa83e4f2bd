"""What a gate is told to hold back, and what it knows of the screen when it is asked. Decides nothing."""

from dataclasses import dataclass, field

from agent_runtime.devices.windows import Windows
from agent_runtime.gate.elements import Element

WINDOW, VERB, TEXT, BUDGET = "window", "verb", "text", "budget"
RULES = (WINDOW, VERB, TEXT, BUDGET)


@dataclass(frozen=True, slots=True)
class GateRules:
    """The rules. The default ones hold nothing back on an emulator and read nothing of the screen.

    ``packages``: the only apps that may be acted on, None for all. ``verbs``: of `words.VERBS`; ``words`` are further
    ones to deny. ``secrets``: of `typed_text.SECRETS`. ``steps`` and ``taps``: how many actions, and touches among
    them, an episode may have performed. ``confirm``: rules in spite of which a person may let an action through.
    """

    packages: frozenset[str] | None = None
    verbs: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    secrets: frozenset[str] = frozenset()
    steps: int | None = None
    taps: int | None = None
    confirm: frozenset[str] = frozenset()

    @property
    def has_words(self) -> bool:
        """Whether what lies under a touch matters."""
        return bool(self.verbs or self.words)

    @property
    def read_windows(self) -> bool:
        """Whether it matters which window is in focus."""
        return self.packages is not None or self.has_words


@dataclass(frozen=True, slots=True)
class Spent:
    """What an episode has had performed so far; ``typed`` are its texts in order."""

    steps: int = 0
    taps: int = 0
    typed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known right before an action would be sent; a part that no rule needs is left None or empty.

    ``looked_at`` is the window (token, title) in focus when the policy looked, ``opens`` the package an `OpenApp`
    means, ``language`` the device's, as in ``en-US``.
    """

    size_px: tuple[int, int] = (0, 0)
    windows: Windows | None = None
    looked_at: tuple[str, str] | None = None
    elements: tuple[Element, ...] = field(default=())
    opens: str | None = None
    language: str = ""
