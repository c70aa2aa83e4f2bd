"""Records what a process does to the files of a folder, by strace: writes, syncs, names, and what it says meanwhile.

The record is in the order of the calls. A model of the folder is kept along with it, and is held against the folder
after every run, so that a call nobody thought of does not go unseen. SQLite's shared memory and lock files are left
out: no store depends on what is in them after a power cut.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROOT_INODE: Final = 0
CALLS: Final = (
    "openat,creat,write,pwrite64,writev,pwritev,pwritev2,fsync,fdatasync,ftruncate,truncate,rename,renameat,renameat2,"
    "unlink,unlinkat,rmdir,mkdir,mkdirat,lseek,sendfile,copy_file_range,link,linkat,symlink,symlinkat,fallocate"
)
LONGEST_STRING: Final = 1 << 26
RUN_SEC: Final = 120.0
_LINE = re.compile(r"(?P<pid>\d+) +(?P<name>\w+)\((?P<told>.*)\) += (?P<answer>-?\d+|\?)")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(?!\.\.\.)')
_FOLDER = re.compile(r"^(?:AT_FDCWD|\d+)<((?:\\x[0-9a-f]{2})*)>")
_LEFT_OUT = ("-shm", ".lock", ".writable")


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes written at a place of a file."""

    inode: int
    offset: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Truncate:
    """A file made so long."""

    inode: int
    size: int


@dataclass(frozen=True, slots=True)
class Sync:
    """A file's bytes, or a folder's names, brought to the disk."""

    inode: int


@dataclass(frozen=True, slots=True)
class Link:
    """A name that came to be."""

    folder: int
    name: str
    inode: int


@dataclass(frozen=True, slots=True)
class Unlink:
    """A name that went."""

    folder: int
    name: str


@dataclass(frozen=True, slots=True)
class Rename:
    """A name that took another's place."""

    folder: int
    name: str
    to_folder: int
    to_name: str
    inode: int


@dataclass(frozen=True, slots=True)
class Said:
    """A line on standard output: what the process promised by then."""

    line: str


Operation = Write | Truncate | Sync | Link | Unlink | Rename | Said


def strace_missing() -> str:
    """Return in one sentence why nothing can be recorded here, nothing where it can."""
    if shutil.which("strace") is None:
        return "Got no strace, expected one to record writes with: install it (apt-get install strace)."
    probe = subprocess.run(
        ["strace", "-f", "-e", "trace=none", "true"], capture_output=True, text=True, timeout=RUN_SEC
    )
    if probe.returncode:
        return f"Got a strace that may trace nothing here ({probe.stderr.strip()[:100]}), expected one that may."
    return ""


@dataclass
class Recording:
    """What was done to ``root``, which is as it is at first when this is made."""

    root: Path
    operations: list[Operation] = field(default_factory=list)
    first_names: dict[int, dict[str, int]] = field(default_factory=dict)
    first_contents: dict[int, bytes] = field(default_factory=dict)
    names: dict[int, dict[str, int]] = field(default_factory=dict)
    """By folder; as a process sees them now."""
    contents: dict[int, bytearray] = field(default_factory=dict)
    _inodes: Iterator[int] = field(default_factory=lambda: itertools.count(ROOT_INODE + 1))

    def __post_init__(self) -> None:
        self._load(self.root, ROOT_INODE)
        self.first_names = {inode: dict(names) for inode, names in self.names.items()}
        self.first_contents = {inode: bytes(content) for inode, content in self.contents.items()}

    def run(self, command: Sequence[str], kill_at: tuple[str, int] | None = None) -> None:
        """Run a command and record it; ``kill_at`` kills it when it begins its so-manieth of these calls, if it does.

        Raises:
            RuntimeError: it failed, or what it did is not what the record says.
        """
        with tempfile.NamedTemporaryFile("r", prefix="trace-") as trace:
            options = ["-f", "-y", "-xx", "-s", str(LONGEST_STRING), "-e", f"trace={CALLS}"]
            if kill_at is None:
                options.append("--seccomp-bpf")  # faster, and no use together with injected signals
            else:
                options += ["-e", f"inject={kill_at[0]}:signal=SIGKILL:when={kill_at[1]}"]
            done = subprocess.run(
                ["strace", *options, "-o", trace.name, *command], capture_output=True, text=True, timeout=RUN_SEC
            )
            if done.returncode not in ((0,) if kill_at is None else (0, -signal.SIGKILL)):
                raise RuntimeError(f"{command} ended with {done.returncode}: {done.stderr[-2000:]}")
            self._read(trace)
        self._compare(self.root, ROOT_INODE)

    def _load(self, folder: Path, inode: int) -> None:
        self.names[inode] = {}
        for path in sorted(folder.iterdir()):
            if path.name.endswith(_LEFT_OUT):
                continue
            child = next(self._inodes)
            self.names[inode][path.name] = child
            if path.is_dir():
                self._load(path, child)
            else:
                self.contents[child] = bytearray(path.read_bytes())

    def _compare(self, folder: Path, inode: int) -> None:
        there = {path.name for path in folder.iterdir() if not path.name.endswith(_LEFT_OUT)}
        if there != self.names[inode].keys():
            raise RuntimeError(f"the record has {sorted(self.names[inode])} in {folder}, the disk {sorted(there)}")
        for name, child in self.names[inode].items():
            if child in self.names:
                self._compare(folder / name, child)
            elif (folder / name).read_bytes() != self.contents[child]:
                raise RuntimeError(f"the record and the disk differ in {folder / name}")

    def _read(self, trace: Iterator[str]) -> None:
        open_files: dict[int, list[int]] = {}  # inode and place, by descriptor
        unfinished: dict[str, str] = {}
        for line in trace:
            pid = line.split(" ", 1)[0]
            if "<unfinished ...>" in line:
                unfinished[pid] = line.partition(" <unfinished ...>")[0]
                continue
            if " resumed>" in line:
                line = unfinished.pop(pid, "") + line.partition(" resumed>")[2]
            found = _LINE.match(line)
            if found is not None and found["answer"] != "?" and int(found["answer"]) >= 0:
                self._note(found["name"], found["told"], int(found["answer"]), open_files)

    def _note(self, name: str, told: str, answer: int, open_files: dict[int, list[int]]) -> None:
        descriptor = int(told.split("<", 1)[0]) if told[0].isdigit() else -1
        strings = [bytes.fromhex(text.replace("\\x", "")) for text in _STRING.findall(told)]
        match name:
            case "openat":
                self._open(told, strings[0], answer, open_files)
            case "write" if descriptor == 1:
                self.operations += [Said(line) for line in strings[0].decode().splitlines()]
            case "write" if descriptor in open_files:
                inode, place = open_files[descriptor]
                self._write(inode, len(self.contents[inode]) if place < 0 else place, strings[0][:answer])
                open_files[descriptor][1] += answer if place >= 0 else 0
            case "writev" if descriptor in open_files:
                inode, place = open_files[descriptor]
                self._write(inode, len(self.contents[inode]) if place < 0 else place, b"".join(strings)[:answer])
                open_files[descriptor][1] += answer if place >= 0 else 0
            case "pwrite64" if descriptor in open_files:
                self._write(open_files[descriptor][0], int(told.rsplit(", ", 1)[1]), strings[0][:answer])
            case "sendfile" if descriptor in open_files and answer:
                inode, place = open_files[descriptor]
                source = int(told.split(", ")[1].split("<", 1)[0])
                begin = int(told.split("[", 1)[1].split("]", 1)[0])
                self._write(inode, place, bytes(self.contents[open_files[source][0]][begin : begin + answer]))
                open_files[descriptor][1] += answer
            case "lseek" if descriptor in open_files and open_files[descriptor][1] >= 0:
                open_files[descriptor][1] = answer
            case "ftruncate" if descriptor in open_files:
                self._truncate(open_files[descriptor][0], int(told.rsplit(", ", 1)[1]))
            case "fsync" | "fdatasync":
                inode = open_files[descriptor][0] if descriptor in open_files else -1
                self.operations += [Sync(inode)] if inode >= 0 else []
            case "mkdir" | "mkdirat":
                place_of = self._place(told, strings[0])
                if place_of is not None:
                    child = next(self._inodes)
                    self.names[child] = {}
                    self._link(*place_of, child)
            case "unlink" | "unlinkat" | "rmdir":
                place_of = self._place(told, strings[0])
                if place_of is not None and self.names[place_of[0]].pop(place_of[1], None) is not None:
                    self.operations.append(Unlink(*place_of))
            case "rename" | "renameat" | "renameat2" if all(path.startswith(b"/") for path in strings[:2]):
                self._rename(self._place("", strings[0]), self._place("", strings[1]))
            case "fcntl" | "creat" | "write" | "writev" | "pwrite64" | "sendfile" | "lseek" | "ftruncate":
                pass
            case _ if str(self.root).encode() in b"".join(strings):
                raise RuntimeError(f"nobody thought of {name}({told[:200]})")

    def _place(self, told: str, path: bytes) -> tuple[int, str] | None:
        """Return the folder's inode and the name of a path; None where it is not one of ours."""
        folder = _FOLDER.match(told)
        base = bytes.fromhex(folder[1].replace("\\x", "")).decode() if folder else ""
        whole = os.path.normpath(os.path.join(base, path.decode()))
        inside = os.path.relpath(whole, self.root)
        if inside.startswith("..") or whole.endswith(_LEFT_OUT):
            return None
        *folders, name = Path(inside).parts or ("",)
        inode = ROOT_INODE
        for part in folders:
            inode = self.names[inode][part]
        return inode, name

    def _open(self, told: str, path: bytes, descriptor: int, open_files: dict[int, list[int]]) -> None:
        open_files.pop(descriptor, None)
        place = self._place(told, path)
        if place is None:
            return
        folder, name = place
        if not name or name in self.names[folder]:
            inode = self.names[folder][name] if name else ROOT_INODE
        elif "O_CREAT" in told:
            inode = next(self._inodes)
            self.contents[inode] = bytearray()
            self._link(folder, name, inode)
        else:
            raise RuntimeError(f"the record knows no {path!r}, which was opened")
        if "O_TRUNC" in told and self.contents[inode]:
            self._truncate(inode, 0)
        open_files[descriptor] = [inode, -1 if "O_APPEND" in told else 0]

    def _link(self, folder: int, name: str, inode: int) -> None:
        self.names[folder][name] = inode
        self.operations.append(Link(folder, name, inode))

    def _rename(self, source: tuple[int, str] | None, target: tuple[int, str] | None) -> None:
        if source is None or target is None:
            return
        inode = self.names[source[0]].pop(source[1])
        self.names[target[0]][target[1]] = inode
        self.operations.append(Rename(*source, *target, inode))

    def _write(self, inode: int, offset: int, content: bytes) -> None:
        held = self.contents[inode]
        held.extend(bytes(max(0, offset + len(content) - len(held))))
        held[offset : offset + len(content)] = content
        self.operations.append(Write(inode, offset, content))

    def _truncate(self, inode: int, size: int) -> None:
        held = self.contents[inode]
        held[:] = held[:size] + bytes(max(0, size - len(held)))
        self.operations.append(Truncate(inode, size))
