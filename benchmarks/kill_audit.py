"""Looks at what a tuner and a runtime kept after many kills, and names what is lost or broken. Kills nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from coso.v1 import trajectory_pb2

from tuner.adapters.store import AdapterStore
from tuner.errors import StoreError
from tuner.ingest.ledger import Ledger
from tuner.ingest.wholeness import trajectory_of


@dataclass
class Findings:
    """Ids of trajectories, and sentences."""

    lost: list[str] = field(default_factory=list)
    """Durable in the spool or acknowledged, and in the ledger no more."""
    doubled: list[str] = field(default_factory=list)
    trained_twice: list[str] = field(default_factory=list)
    never_trained: list[str] = field(default_factory=list)
    """Marked as used, and in the batch of no committed update."""
    corrupt: list[str] = field(default_factory=list)
    trajectories: int = 0
    updates: int = 0
    versions: int = 0

    @property
    def any(self) -> bool:
        """Whether a promise was broken."""
        return bool(self.lost or self.doubled or self.trained_twice or self.never_trained or self.corrupt)

    def lines(self) -> list[str]:
        """Return what was found, a line a kind."""
        kinds = ("lost", "doubled", "trained_twice", "never_trained", "corrupt")
        return [f"{kind}: {', '.join(getattr(self, kind)[:8])}" for kind in kinds if getattr(self, kind)]


def audit(
    state: Path, spool: Path, commits: Path, kept: Iterable[int], make: Callable[[int], trajectory_pb2.Trajectory]
) -> Findings:
    """Hold everything that was durable once (``kept`` numbers of ``make``) against what there is now."""
    found = Findings()
    with closing(Ledger(state)) as ledger:
        ledger.open()
        with ledger.sql() as sql:
            found.corrupt += [row[0] for row in sql.execute("PRAGMA integrity_check") if row[0] != "ok"]
            rows = sql.execute(
                "SELECT sequence, id, content_sha256, message, consumed_by_version FROM trajectories"
            ).fetchall()
    ids = {row[0]: row[1] for row in rows}
    found.trajectories = len(rows)
    contents = {row[1]: trajectory_of(row[2], row[3]) for row in rows}
    for number in kept:
        expected = make(number)
        if expected.trajectory_id not in contents:
            found.lost.append(expected.trajectory_id)
        elif contents[expected.trajectory_id] != expected:
            found.corrupt.append(f"{expected.trajectory_id} has other content")
    found.doubled += [name for name, count in Counter(ids.values()).items() if count > 1]
    consumed = {row[0] for row in rows if row[4] is not None}
    _audit_updates(found, commits, consumed, ids)
    _audit_versions(found, state)
    for folder in (spool, state, state / "adapters", state / "learner"):
        found.corrupt += [f"{path} was set aside" for path in (folder / "damaged").glob("*")]
    found.corrupt += [f"{path} was refused" for path in (spool / "refused").glob("*")]
    return found


def _audit_updates(found: Findings, commits: Path, consumed: set[int], ids: dict[int, str]) -> None:
    batches: dict[int, list[int]] = {}
    for line in commits.read_text().splitlines() if commits.exists() else ():
        note = json.loads(line)
        batch = note["progress"]["batch"]
        if batches.setdefault(note["update"], batch) != batch:
            found.corrupt.append(f"update {note['update']} was committed with two batches")
    found.updates = max(batches, default=0)
    found.corrupt += [f"update {number} is unknown" for number in range(1, found.updates + 1) if number not in batches]
    uses = Counter(sequence for batch in batches.values() for sequence in batch)
    found.trained_twice += [ids.get(sequence, str(sequence)) for sequence, count in uses.items() if count > 1]
    found.never_trained += [ids[sequence] for sequence in sorted(consumed - uses.keys())]
    found.corrupt += [
        f"{ids.get(sequence, sequence)} was used and is not marked" for sequence in uses.keys() - consumed
    ]


def _audit_versions(found: Findings, state: Path) -> None:
    store = AdapterStore(state / "adapters")
    versions = store.versions()
    found.versions = len(versions)
    if versions != list(range(1, len(versions) + 1)):
        found.corrupt.append(f"the versions are {versions}")
    for version in versions:
        try:
            store.get(version)
        except StoreError as error:
            found.corrupt.append(str(error))
    for pattern in ("learner/.*.partial", "adapters/.*.partial"):
        found.corrupt += [f"{path} was left behind" for path in state.glob(pattern)]
