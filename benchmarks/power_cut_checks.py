"""Opens a store as it may be found after a power cut, and says what is missing of what was promised. Cuts nothing.

Each check opens the store as its service does, reads everything, and has it take something new. What was not promised
may be there or not, but whole; what may have gone may still be there.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from coso.v1 import trajectory_pb2

from agent_runtime.files import make_folder
from agent_runtime.uplink.spool import Spool
from benchmarks.disk_trace import Recording
from benchmarks.durable_work import ASIDE, LEARNER, LEDGER, MENDED, SPOOL
from benchmarks.stored_episodes import episode
from tuner.adapters.store import AdapterStore
from tuner.errors import StoreError
from tuner.ingest.ledger import DAMAGED_NAME, LEDGER_NAME, Ledger, StoreOutcome
from tuner.ingest.mending import mend

STORED_BEFORE: Final = 10
HIT: Final = 4
"""The record that is damaged before its set-aside is recorded."""
NEW: Final = 90
Wrong = list[str]


@dataclass(frozen=True)
class Scenario:
    """A store, how it is made before, in which phases it is worked on, and how it is looked at."""

    name: str
    phases: Sequence[tuple[str, tuple[str, int] | None]]
    """Name, and the call at whose so-manieth beginning the process is killed."""
    check: Callable[[Path, Collection[str]], Wrong]
    prepare: Callable[[Path], None] = lambda folder: None

    def recorded(self, root: Path, planted: str = "") -> Recording:
        """Make the store in a new folder, do everything, and return the record."""
        root.mkdir(parents=True)
        self.prepare(root)
        recording = Recording(root)
        for phase, kill_at in self.phases:
            command = [sys.executable, "-m", "benchmarks.durable_work", self.name, phase, str(root), planted]
            recording.run(command, kill_at)
        return recording


def _numbers(said: Collection[str], word: str) -> set[int]:
    return {int(line.split()[1]) for line in said if line.split()[0] == word}


def check_spool(root: Path, said: Collection[str]) -> Wrong:
    """Every trajectory put and not sent waits, or was set aside as refused."""
    spool = Spool(root / "runs" / "spool")
    spool.open()
    with closing(spool):
        held = [message for _, message in spool.waiting()]
        spool.put(episode(NEW))
        held_after = [message for _, message in spool.waiting()]
        damaged = [path.name for path in (root / "runs" / "spool" / "damaged").glob("*")]
        refused = (root / "runs" / "spool" / "refused").glob("*.trajectory")
        held += [trajectory_pb2.Trajectory.FromString(path.read_bytes()[32:]) for path in refused]
    expected = _numbers(said, "put") - _numbers(said, "sent")
    wrong = _missing(held, expected)
    wrong += [f"damaged: {damaged}"] if damaged else []
    return wrong + ([] if held_after[-1] == episode(NEW) else ["took nothing new"])


def _missing(held: Collection[trajectory_pb2.Trajectory], expected: Collection[int]) -> Wrong:
    ids = {message.trajectory_id: message for message in held}
    wrong = [f"lost: {number}" for number in expected if episode(number).trajectory_id not in ids]
    for trajectory_id, message in ids.items():
        if message != episode(int(trajectory_id.rpartition("-")[2])):
            wrong.append(f"changed: {trajectory_id}")
    return wrong


def _check_ledger(state: Path, stored: Collection[int], used: Collection[int], hit: Collection[int] = ()) -> Wrong:
    """Everything acknowledged is there, used ones are not to be used again, and a second sending is a duplicate."""
    mend(state)
    ledger = Ledger(state)
    ledger.open()
    with closing(ledger):
        were_used = [item.message for item in ledger.recent(1000)]
        waiting = [item.message for item in ledger.waiting(1000)]
        wrong = _missing([*were_used, *waiting], set(stored) - set(hit))
        again = {message.trajectory_id for message in waiting}
        wrong += [f"to be used twice: {number}" for number in used if episode(number).trajectory_id in again]
        for number in stored:
            if ledger.store(episode(number)) is not StoreOutcome.DUPLICATE:
                wrong.append(f"taken twice: {number}")
        if ledger.store(episode(NEW)) is not StoreOutcome.STORED:
            wrong.append("took nothing new")
        if ledger.counts().damaged > len(hit):
            wrong.append(f"{ledger.counts().damaged} damaged")
    return wrong


def check_ledger(root: Path, said: Collection[str]) -> Wrong:
    """See ``_check_ledger``."""
    state = root / "runs" / "tuner"
    make_folder(state)
    return _check_ledger(state, _numbers(said, "stored"), _numbers(said, "used"))


def prepare_ledger(folder: Path) -> None:
    """Make a ledger of some records."""
    ledger = Ledger(folder)
    ledger.open()
    with closing(ledger):
        for number in range(STORED_BEFORE):
            ledger.store(episode(number))
        ledger.mark_consumed([1], version=1)


def prepare_damaged(folder: Path) -> None:
    """Make a ledger whose header is damaged."""
    prepare_ledger(folder)
    _flip(folder / LEDGER_NAME, 0)


def check_mended(root: Path, said: Collection[str]) -> Wrong:
    """All that was stored before is there."""
    return _check_ledger(root, {*range(STORED_BEFORE), *_numbers(said, "stored")}, {0})


def prepare_hit(folder: Path) -> None:
    """Make a ledger of which one record is damaged."""
    prepare_ledger(folder)
    _flip(folder / LEDGER_NAME, (folder / LEDGER_NAME).read_bytes().index(episode(HIT).trajectory_id.encode() * 100))


def check_aside(root: Path, said: Collection[str]) -> Wrong:
    """The others are there, and the bytes of the one that was hit are kept."""
    wrong = _check_ledger(root, {*range(STORED_BEFORE), *_numbers(said, "stored")}, {0}, {HIT})
    whole = hashlib.sha256(episode(HIT).SerializeToString(deterministic=True)).digest()
    kept = [path for path in (root / DAMAGED_NAME).glob(f"record-{HIT + 1}-*") if path.stat().st_size > 0]
    was_made_anew = any((root / DAMAGED_NAME).glob(f"ledger-*/{LEDGER_NAME}"))  # which keeps them too
    if not was_made_anew and (len(kept) != 1 or hashlib.sha256(kept[0].read_bytes()).digest() == whole):
        wrong.append("the bytes that were hit are gone")
    return wrong


def _flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def check_learner(root: Path, said: Collection[str]) -> Wrong:
    """The newest checkpoint saved or a newer one is there, and every version published and not removed."""
    import torch

    from benchmarks.rotten_stores import payload_of, tensors_of
    from tuner.learner.checkpoint import CheckpointFolder

    state = root / "runs" / "tuner"
    checkpoints, store = CheckpointFolder(state / "learner"), AdapterStore(state / "adapters")
    make_folder(checkpoints.folder)
    wrong: Wrong = []
    newest, found = max(_numbers(said, "saved"), default=0), checkpoints.latest()
    if found is None or found.update < newest:
        wrong += [f"lost: checkpoint {newest}"] if newest else []
    else:
        told = tensors_of(found.update)
        same = found.tensors.keys() == told.keys() and all(
            torch.equal(tensor, told[name]) for name, tensor in found.tensors.items()
        )
        wrong += [] if same and found.state == {"progress": found.update} else [f"changed: checkpoint {found.update}"]
    for version in _numbers(said, "published") - _numbers(said, "removed"):
        wrong += _version(store, version, payload_of(version))
    for version in store.versions():
        wrong += _version(store, version, payload_of(version))
    checkpoints.save(NEW, tensors_of(NEW), {"progress": NEW})
    return wrong


def _version(store: AdapterStore, version: int, payload: bytes) -> Wrong:
    try:
        return [] if store.get(version)[1] == payload else [f"changed: version {version}"]
    except StoreError as error:
        return [f"lost: version {version} ({error})"]


_SYNCS: Final = "fsync,fdatasync"
SCENARIOS: Final[Mapping[str, Scenario]] = {
    scenario.name: scenario
    for scenario in (
        Scenario(SPOOL, [("first", None), ("killed", ("rename", 2)), ("again", None)], check_spool),
        Scenario(LEDGER, [("first", None), ("killed", (_SYNCS, 9)), ("again", None)], check_ledger),
        Scenario(MENDED, [("only", None)], check_mended, prepare_damaged),
        Scenario(ASIDE, [("only", None)], check_aside, prepare_hit),
        Scenario(LEARNER, [("first", None), ("again", None)], check_learner),
    )
}


def checked(scenario: Scenario, folder: Path, said: Collection[str]) -> tuple[Wrong, str]:
    """Return what is wrong, and why the store does not open, if so; the folder is gone then."""
    try:
        return scenario.check(folder, said), ""
    except Exception as error:  # noqa: BLE001  # whatever it is, the service would not have started
        return [], repr(error)
    finally:
        shutil.rmtree(folder)
