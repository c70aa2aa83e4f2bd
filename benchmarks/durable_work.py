"""What is done to each store while it is recorded, in a process of its own; says what was promised. Checks nothing.

`python -m benchmarks.durable_work STORE PHASE FOLDER PLANTED` prints a line for everything that was acknowledged, when
it was, and before everything that may be gone from then on.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Final
from unittest import mock

from benchmarks.stored_episodes import episode

SPOOL, LEDGER, MENDED, ASIDE, LEARNER = "spool", "ledger", "ledger made anew", "record set aside", "learner's folders"
SYNCHRONOUS_NORMAL, SYNCHRONOUS_OFF, NO_FOLDER_FSYNC = "synchronous=NORMAL", "synchronous=OFF", "no fsync of the folder"
PLANTED: Final = (SYNCHRONOUS_NORMAL, SYNCHRONOUS_OFF, NO_FOLDER_FSYNC)
CHECKPOINT_PAGES: Final = 12
"""SQLite carries its log over after so many pages here, not after 1,000: a short run has that more than once."""


LAST: Final = (30, 2)
"""First and count of what is stored when all else is done."""
TRIES: Final = 2
"""So often a store is opened, where its disk refused once."""
TOLERATED: tuple[type[Exception], ...] = ()


def say(*words: object) -> None:
    """Write a line at once."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def tried() -> AbstractContextManager[None]:
    """Go on after what a store may raise when its disk refuses, as a service does; nothing where no disk refuses."""
    return suppress(*TOLERATED)


def spool_work(folder: Path, phase: str) -> None:
    """Put, send, refuse."""
    from agent_runtime.uplink.spool import Spool

    spool = Spool(folder / "runs" / "spool")
    for _ in range(TRIES):
        with tried():
            spool.open()
            break
    first, count = {"first": (0, 5), "killed": (5, 3), "again": (8, 3), "last": LAST}[phase]
    for number in range(first, first + count):
        with tried():
            spool.put(episode(number))
            say("put", number)
    if phase == "first":
        with tried():
            for place, (path, message) in enumerate(list(spool.waiting())[:2]):
                if place == 1:
                    spool.refuse(path)
                    continue
                say("sent", int(message.trajectory_id.rpartition("-")[2]))
                spool.remove(path)
        with tried():
            spool.put(episode(20))
            say("put", 20)
    spool.close()


def ledger_work(folder: Path, phase: str) -> None:
    """Store, use, be killed in between, store again what was not acknowledged."""
    from agent_runtime.files import make_folder
    from tuner.ingest.ledger import Ledger

    state = folder / "runs" / "tuner"
    ledger = Ledger(state)
    for _ in range(TRIES):
        with tried():
            make_folder(state)
            ledger.open()
            break
    with tried(), ledger.sql() as sql:
        sql.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    first, count = {"first": (0, 8), "killed": (8, 4), "again": (6, 10), "last": LAST}[phase]
    for number in range(first, first + count):
        with tried():
            ledger.store(episode(number))
            say("stored", number)
        if number == 4 and phase == "first":
            with tried():
                used = [item for item in ledger.waiting(100) if item.sequence in (1, 2)]
                ledger.mark_consumed([1, 2], version=1)
                for item in used:
                    say("used", int(item.message.trajectory_id.rpartition("-")[2]))
    ledger.close()


def mended_work(folder: Path, phase: str) -> None:
    """Make a damaged ledger anew, and use it."""
    from tuner.ingest.ledger import Ledger
    from tuner.ingest.mending import mend

    ledger = Ledger(folder)
    with tried():
        mend(folder)
        ledger.open()
    for number in range(LAST[0], sum(LAST)):
        with tried():
            ledger.store(episode(number))
            say("stored", number)
    ledger.close()


def aside_work(folder: Path, phase: str) -> None:
    """Meet a record that is not what was stored."""
    from tuner.ingest.ledger import Ledger

    ledger = Ledger(folder)
    with tried():
        ledger.open()
    with tried():
        ledger.waiting(100)
    for number in range(LAST[0], sum(LAST)):
        with tried():
            ledger.store(episode(number))
            say("stored", number)
    ledger.close()


def learner_work(folder: Path, phase: str) -> None:
    """Save checkpoints and publish versions, as a commit does, and remove an old one."""
    from coso.v1 import policy_pb2

    from agent_runtime.files import make_folder
    from benchmarks.rotten_stores import payload_of, tensors_of
    from tuner.adapters.store import AdapterStore
    from tuner.learner.checkpoint import CheckpointFolder

    state = folder / "runs" / "tuner"
    checkpoints, store = CheckpointFolder(state / "learner"), AdapterStore(state / "adapters")
    first, count = {"first": (1, 3), "again": (4, 2), "last": LAST}[phase]
    for update in range(first, first + count):
        with tried():
            make_folder(checkpoints.folder)
            checkpoints.save(update, tensors_of(update), {"progress": update})
            say("saved", update)
            store.publish(policy_pb2.AdapterManifest(version=update, parent_version=update - 1), payload_of(update))
            say("published", update)
    if phase == "again":
        say("removed", 1)
        with tried():
            store.remove(1)


WORKS: Final[Mapping[str, Callable[[Path, str], None]]] = {
    SPOOL: spool_work,
    LEDGER: ledger_work,
    MENDED: mended_work,
    ASIDE: aside_work,
    LEARNER: learner_work,
}


def _set_pragma(connection: sqlite3.Connection, name: str, value: str, expected: object) -> None:
    """Set what was planted in place of what the ledger asks for."""
    connection.execute(f"PRAGMA {name} = {value}")


def plant(bug: str) -> None:
    """Put a planted bug into this process."""
    from tuner.ingest import opening

    if bug in (SYNCHRONOUS_NORMAL, SYNCHRONOUS_OFF):
        value = bug.partition("=")[2]

        def changed(connection: sqlite3.Connection, name: str, asked: str, expected: object) -> None:
            _set_pragma(connection, name, value if name == "synchronous" else asked, expected)

        mock.patch.object(opening, "_set_pragma", changed).start()
    if bug == NO_FOLDER_FSYNC:
        mock.patch("agent_runtime.files.os.fsync", _fsync_of_files(os.fsync)).start()


def _fsync_of_files(fsync: Callable[[int], None]) -> Callable[[int], None]:
    def only_files(descriptor: int) -> None:
        if not os.path.isdir(f"/proc/self/fd/{descriptor}"):
            fsync(descriptor)

    return only_files


if __name__ == "__main__":
    store, phase, folder, bug = sys.argv[1:]
    plant(bug)
    WORKS[store](Path(folder), phase)
