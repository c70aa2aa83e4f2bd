"""Says which steps may be learned from and what is to be counted as dropped, from a schedule's own events alone.

Shares nothing with `tuner.learner.freshness`: the age of a step is its version's place in the list of what was
published, and what a rollback left is a set that grows, not a rule over pairs.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

Key = tuple[int, int]
"""(sequence in the ledger, place in the episode)."""


@dataclass
class Known:
    """What survives a kill once a checkpoint holds it."""

    published: list[int] = field(default_factory=lambda: [0])
    left: set[int] = field(default_factory=set)
    """Versions that a rollback left."""
    held: dict[int, set[int]] = field(default_factory=dict)
    """Places of the steps in the replay, by sequence in order of arrival."""
    counted: Counter[str] = field(default_factory=Counter)


class Oracle:
    """Follows one schedule; every broken promise is a line in ``broken``."""

    def __init__(self, capacity: int, bound: int | None) -> None:
        self.bound = bound
        self.broken: list[str] = []
        self.uses = 0
        self.now = Known()
        self._capacity = capacity
        self._durable = Known()
        self._acted: dict[int, list[int]] = {}

    def arrived(self, sequence: int, versions: Sequence[int], is_trainable: bool) -> None:
        """Know an episode's steps; none of what may not be trained on at all."""
        self._acted[sequence] = list(versions) if is_trainable else []

    def why_not(self, version: int) -> str | None:
        """Return why a step of this version must not be used now."""
        if self.bound is None:
            return None
        if version not in self.now.published:
            return "unknown_version"
        if version in self.now.left:
            return "rolled_back"
        published_since = len(self.now.published) - 1 - self.now.published.index(version)
        return "too_old" if published_since > self.bound else None

    def taken(self, sequences: Sequence[int]) -> dict[int, str]:
        """Take a batch into the replay; return why nothing of some of it may be used."""
        unused = {}
        for sequence in sequences:
            versions = self._acted[sequence]
            self.now.held[sequence] = set(range(len(versions)))
            self._sweep(sequence)
            if not self.now.held[sequence]:
                unused[sequence] = self.why_not(versions[0]) or "?" if versions else "not_trainable"
        for sequence in list(self.now.held)[: -self._capacity]:
            del self.now.held[sequence]
        return unused

    def used(self, keys: Iterable[Key]) -> None:
        """Judge steps that something was computed of."""
        for sequence, place in keys:
            self.uses += 1
            why = self.why_not(self._acted[sequence][place])
            if why is not None:
                self.broken.append(f"step {sequence}/{place} was used although it is {why}")
            elif place not in self.now.held.get(sequence, ()):
                self.broken.append(f"step {sequence}/{place} was used and is not in the replay")

    def saved(self, version: int, is_new: bool, returned_to: int, dropped: Mapping[str, int]) -> None:
        """A checkpoint is made: what it says is published, and the replay is one version older."""
        if version != self.now.published[-1] + is_new:
            self.broken.append(f"version {version} was saved after {self.now.published[-1]}")
        if is_new:
            if returned_to:
                self.now.left.update(number for number in self.now.published if number > returned_to)
            self.now.published.append(version)
        for sequence in self.now.held:
            self._sweep(sequence)
        self.compare_counts(dropped)
        self._durable = copy.deepcopy(self.now)

    def restarted(self, bound: int | None) -> None:
        """Go back to what the checkpoint has; the learner now has this bound."""
        self.now = copy.deepcopy(self._durable)
        self.bound = bound
        for sequence in self.now.held:
            self._sweep(sequence)

    def compare_replay(self, found: Mapping[int, set[int]]) -> None:
        """Hold the learner's replay against what it should have."""
        for sequence in {*found, *self.now.held}:
            has, should = found.get(sequence, set()), self.now.held.get(sequence, set())
            if should - has:
                self.broken.append(f"steps {should - has} of {sequence} are gone and may be used")
            if has - should:
                self.broken.append(f"steps {has - should} of {sequence} are in the replay and were dropped")

    def compare_counts(self, dropped: Mapping[str, int]) -> None:
        """Hold the learner's counts against what was dropped."""
        has = {reason: count for reason, count in dropped.items() if count}
        if has != dict(self.now.counted):
            self.broken.append(f"counted {has}, dropped {dict(self.now.counted)}")

    def _sweep(self, sequence: int) -> None:
        for place in sorted(self.now.held[sequence]):
            why = self.why_not(self._acted[sequence][place])
            if why is not None:
                self.now.held[sequence].discard(place)
                self.now.counted[why] += 1
