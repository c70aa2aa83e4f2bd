"""Says what a disk may hold after a power cut: what was synced, and any part of the rest. Records and checks nothing.

Of a file's writes since its last sync each sector may be there or not, in any order; where the file grew, a lost one
may be zeros or anything. Of a folder's changes since its last sync any may be there or not; a rename is there as a
whole or not at all. That is less than journaling file systems give.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.disk_trace import ROOT_INODE, Link, Operation, Recording, Rename, Said, Sync, Truncate, Unlink, Write

SECTOR_BYTES: Final = 512
GARBAGE_SHARE: Final = 0.1
_KEPT_SHARES: Final = (0.0, 0.1, 0.5, 0.9, 1.0)
Names = dict[int, dict[str, int]]


@dataclass
class Disk:
    """What is on the disk for sure, and what may be; ``said`` is what was promised so far."""

    names: Names
    contents: dict[int, bytes]
    folders: frozenset[int]
    said: list[str] = field(default_factory=list)
    _unsynced: dict[int, list[Write | Truncate]] = field(default_factory=dict)
    _unsynced_names: list[Link | Unlink | Rename] = field(default_factory=list)

    @staticmethod
    def at_first(recording: Recording) -> Disk:
        """Return the disk before the first operation, with everything synced."""
        names = {inode: dict(held) for inode, held in recording.first_names.items()}
        return Disk(names, dict(recording.first_contents), frozenset(recording.names))

    def apply(self, operation: Operation) -> None:
        """Let one more operation have happened."""
        match operation:
            case Said(line):
                self.said.append(line)
            case Write() | Truncate():
                self._unsynced.setdefault(operation.inode, []).append(operation)
            case Sync(inode) if inode in self._unsynced:
                self.contents[inode] = _with_all(self.contents.get(inode, b""), self._unsynced.pop(inode))
            case Sync(inode):
                later = [change for change in self._unsynced_names if inode not in _folders(change)]
                for change in self._unsynced_names:
                    if inode in _folders(change):
                        _apply_name(self.names, change)
                self._unsynced_names = later
            case _:
                self._unsynced_names.append(operation)

    def drawn(self, rng: random.Random) -> dict[str, bytes | None]:
        """Return one state that may be found after a cut now: content by path, None for a folder."""
        names = {inode: dict(held) for inode, held in self.names.items()}
        for change in _some(self._unsynced_names, rng):
            _apply_name(names, change)
        state: dict[str, bytes | None] = {}
        self._collect(names, ROOT_INODE, "", rng, state)
        return state

    def _collect(self, names: Names, inode: int, path: str, rng: random.Random, state: dict[str, bytes | None]) -> None:
        for name, child in names.get(inode, {}).items():
            inside = f"{path}{name}"
            if child in self.folders:
                state[inside] = None
                self._collect(names, child, f"{inside}/", rng, state)
            else:
                state[inside] = _torn(self.contents.get(child, b""), self._unsynced.get(child, []), rng)


def _folders(change: Link | Unlink | Rename) -> tuple[int, ...]:
    return (change.folder, change.to_folder) if isinstance(change, Rename) else (change.folder,)


def _apply_name(names: Names, change: Link | Unlink | Rename) -> None:
    match change:
        case Link():
            names.setdefault(change.folder, {})[change.name] = change.inode
        case Unlink():
            names.setdefault(change.folder, {}).pop(change.name, None)
        case Rename():
            held = names.setdefault(change.folder, {})
            if held.get(change.name) == change.inode:
                del held[change.name]
            names.setdefault(change.to_folder, {})[change.to_name] = change.inode


def _some(changes: list[Link | Unlink | Rename], rng: random.Random) -> list[Link | Unlink | Rename]:
    """Return none, all, the first or any of the changes, in their order."""
    kind = rng.randrange(4)
    if kind < 2:
        return changes if kind else []
    if kind == 2:
        return changes[: rng.randint(0, len(changes))]
    return [change for change in changes if rng.random() < 0.5]


def _with_all(content: bytes, changes: list[Write | Truncate]) -> bytes:
    held = bytearray(content)
    for change in changes:
        _apply(held, change)
    return bytes(held)


def _apply(held: bytearray, change: Write | Truncate) -> None:
    if isinstance(change, Truncate):
        held[:] = held[: change.size] + bytes(max(0, change.size - len(held)))
        return
    held.extend(bytes(max(0, change.offset + len(change.content) - len(held))))
    held[change.offset : change.offset + len(change.content)] = change.content


def _torn(content: bytes, changes: list[Write | Truncate], rng: random.Random) -> bytes:
    """Return a file of which some sectors of what was not synced are there."""
    if not changes:
        return content
    held, share = bytearray(content), rng.choice(_KEPT_SHARES)
    for change in changes:
        if isinstance(change, Truncate):
            if rng.random() < share:
                _apply(held, change)
            continue
        for piece in _sectors(change):
            if rng.random() < share:
                _apply(held, piece)
            elif piece.offset >= len(content) and rng.random() < GARBAGE_SHARE:
                _apply(held, Write(piece.inode, piece.offset, rng.randbytes(len(piece.content))))
    return bytes(held)


def _sectors(write: Write) -> Iterator[Write]:
    begin = write.offset
    while begin < write.offset + len(write.content):
        end = min(begin // SECTOR_BYTES * SECTOR_BYTES + SECTOR_BYTES, write.offset + len(write.content))
        yield Write(write.inode, begin, write.content[begin - write.offset : end - write.offset])
        begin = end


def put_down(state: dict[str, bytes | None], folder: Path) -> None:
    """Write a state into a new folder."""
    folder.mkdir()
    for name, content in state.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            path.mkdir(exist_ok=True)
        else:
            path.write_bytes(content)
