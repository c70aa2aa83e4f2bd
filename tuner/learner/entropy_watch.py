"""Watches the entropy of each kind of action for collapse and blow-up. A pure rule over figures; stops nothing.

The usual entropy of a kind is the median of its latest ``WINDOW`` updates that gave no alarm, once there are
``LEAST_UPDATES``; with H nats a token now,

    collapse    H < collapse_share · usual            the policy no longer tries anything
    blow-up     H > blowup_factor · usual, and H > ``AUDIBLE_NATS``
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

WINDOW = 20
LEAST_UPDATES = 5
LEAST_TOKENS = 32
"""A kind that fewer tokens of an update speak of is not judged by them."""
AUDIBLE_NATS = 0.05

Kind = Literal["collapse", "blow-up"]


@dataclass(frozen=True, slots=True)
class Alarm:
    """What is wrong with which action, both entropies in nats a token."""

    kind: Kind
    action: str
    entropy_nats: float
    usual_nats: float


def alarm_kind(entropy: float, usual: Sequence[float], collapse_share: float, blowup_factor: float) -> Kind | None:
    """Return what the rule says of ``entropy`` beside the usual ones; None for nothing, or too few to tell."""
    if len(usual) < LEAST_UPDATES:
        return None
    middle = statistics.median(usual)
    if entropy < collapse_share * middle:
        return "collapse"
    return "blow-up" if entropy > max(AUDIBLE_NATS, blowup_factor * middle) else None


class EntropyWatch:
    """Keeps what was usual; ``ringing`` is the kind of alarm of each action that has one now."""

    def __init__(self, collapse_share: float, blowup_factor: float) -> None:
        self.ringing: dict[str, Kind] = {}
        self._collapse_share = collapse_share
        self._blowup_factor = blowup_factor
        self._usual: dict[str, list[float]] = {}

    def look(self, entropies: Mapping[str, tuple[float, int]]) -> list[Alarm]:
        """Take in an update's entropies, (nats in all, tokens) by action; return the alarms that begin with it."""
        begun = []
        for action, (nats, tokens) in sorted(entropies.items()):
            if tokens < LEAST_TOKENS:
                continue
            entropy, usual = nats / tokens, self._usual.setdefault(action, [])
            kind = alarm_kind(entropy, usual, self._collapse_share, self._blowup_factor)
            if kind is None:
                self.ringing.pop(action, None)
                self._usual[action] = [*usual, entropy][-WINDOW:]
                continue
            if self.ringing.get(action) != kind:
                begun.append(Alarm(kind, action, entropy, statistics.median(usual)))
            self.ringing[action] = kind
        return begun

    def state(self) -> dict[str, Any]:
        """Return everything as plain data for JSON."""
        return {"usual": {name: list(values) for name, values in self._usual.items()}, "ringing": dict(self.ringing)}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over what ``state`` returned."""
        self._usual = {name: list(values) for name, values in state["usual"].items()}
        self.ringing = dict(state["ringing"])
