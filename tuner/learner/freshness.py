"""The rule of the allowed lag: whether a step may be learned from, and if not, why. Keeps no step and counts none.

The age of a step is how many versions were published after the one that acted it, up to the one that is trained:

    age = trained − acted

by the store's numbers, which count every publication, a rollback's like any other: a rollback makes all that was
acted before it one version older, and nothing younger, not even steps of the very tensors it returned to. What a
rollback left, the versions above the one returned to and below the new one, is no ancestor of what is trained from then
on. By number such steps would look near, so while there is a bound they are not used at all, whatever their age. A
version above the trained one is none that was published here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

DropReason = Literal["too_old", "rolled_back", "unknown_version"]
DROP_REASONS: tuple[DropReason, ...] = get_args(DropReason)


@dataclass(frozen=True, slots=True)
class Freshness:
    """The rule while ``version`` is trained; without ``max_lag`` every step may be used."""

    max_lag: int | None = None
    version: int = 0
    rollbacks: tuple[tuple[int, int], ...] = ()
    """(new version, version returned to) of every rollback so far, ascending."""

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Freshness:
        """Undo ``plain``."""
        pairs = tuple((int(new), int(to)) for new, to in plain["rollbacks"])
        return cls(plain["max_lag"], plain["version"], pairs)

    def plain(self) -> dict[str, Any]:
        """Return everything as JSON knows it."""
        return asdict(self)

    def at(self, version: int, rollbacks: Iterable[tuple[int, int]] = ()) -> Freshness:
        """Return the rule for a later version, after these rollbacks besides those known."""
        return replace(self, version=version, rollbacks=tuple(sorted({*self.rollbacks, *rollbacks})))

    def reason(self, acted: int) -> DropReason | None:
        """Return why a step acted by this version must not be used, None where it may."""
        if self.max_lag is None:
            return None
        if acted > self.version:
            return "unknown_version"
        if any(to < acted < new for new, to in self.rollbacks):
            return "rolled_back"
        return "too_old" if self.version - acted > self.max_lag else None
