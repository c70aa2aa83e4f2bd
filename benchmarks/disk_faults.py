"""Runs a store's work in its own process while its disk refuses one call, or all calls from one on. Checks nothing.

The errors are injected into the system calls by strace, which attaches to a process that was forked with everything
loaded, so that all calls it makes are the work's. Short writes come of a limit on the size of files: what goes beyond
it is written in part, and the next try is refused.
"""

from __future__ import annotations

import ctypes
import os
import re
import resource
import select
import signal
import socket
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent_runtime.errors import UsageError
from benchmarks import durable_work
from tuner.errors import LedgerError, StoreError

_NAMING: Final = ("openat", "rename", "unlink", "unlinkat", "rmdir", "mkdir")
_WRITING: Final = ("write", "pwrite64", "fsync", "fdatasync", "ftruncate", "sendfile", "fallocate")
_READING: Final = ("read", "pread64", "getdents64")
CALLS: Final = {"EIO": (*_NAMING, *_WRITING, *_READING), "ENOSPC": (*_NAMING, *_WRITING)}
TOLERATED: Final = (OSError, LedgerError, StoreError, UsageError)
"""What stores say they raise; anything else is a crash."""
WORK_SEC: Final = 60.0
CRASHED: Final = "crashed"
_ATTACHED = "attached"
_ANYBODY_MAY_TRACE = (0x59616D61, ctypes.c_ulong(-1))  # prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY)
_NAME = re.compile(r"^(?:\d+ +)?(?P<name>\w+)\(")


@dataclass(frozen=True)
class Fault:
    """Which call fails, and whether all later ones of its name do too; or how long files may become."""

    error: str = ""
    call: str = ""
    nth: int = 0
    stays: bool = False
    longest_file: int | None = None

    def __str__(self) -> str:
        if self.longest_file is not None:
            return f"files of {self.longest_file} bytes at most"
        return f"{self.error} at {self.call} {self.nth}{' and after' if self.stays else ''}"


def worked(
    name: str, phases: Sequence[str], folder: Path, fault: Fault | None, before: Callable[[], None]
) -> list[str]:
    """Do a store's work under a fault and return what it said; ``before`` is called in its process first."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        pid = os.fork()
        if pid == 0:
            _work(theirs, name, phases, folder, fault, before)
        tracer = None
        if fault is not None and fault.call:
            when = f"{fault.nth}+" if fault.stays else f"{fault.nth}"
            tracer = _attached(pid, ["-e", f"inject={fault.call}:error={fault.error}:when={when}"], os.devnull)
        ours.send(b"go")
        theirs.close()
        said = _heard(ours, pid)
        os.waitpid(pid, 0)
        if tracer is not None:
            tracer.wait(WORK_SEC)
    return said


def calls_of(name: str, phases: Sequence[str], folder: Path, trace: Path) -> Counter[str]:
    """Return how often a store's work makes each of the calls that may fail."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        pid = os.fork()
        if pid == 0:
            _work(theirs, name, phases, folder, None, lambda: None)
        tracer = _attached(pid, [], str(trace))
        ours.send(b"go")
        theirs.close()
        _heard(ours, pid)
        os.waitpid(pid, 0)
        tracer.wait(WORK_SEC)
    found = (_NAME.match(line) for line in trace.read_text(errors="replace").splitlines())
    return Counter(match["name"] for match in found if match is not None)


def _attached(pid: int, options: Sequence[str], output: str) -> subprocess.Popen[str]:
    """Return a strace that has the process in hand."""
    calls = ",".join(CALLS["EIO"])
    command = ["strace", "-f", "-p", str(pid), "-o", output, "-e", f"trace={calls}", *options]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert tracer.stderr is not None, "it was asked for"
    line = tracer.stderr.readline()
    if _ATTACHED not in line:
        os.kill(pid, signal.SIGKILL)
        raise RuntimeError(f"strace cannot attach: {line.strip()}")
    return tracer


def _heard(ours: socket.socket, pid: int) -> list[str]:
    """Return the lines the process says until it ends; one that hangs is killed, and counts as crashed."""
    heard = b""
    while True:
        if not select.select([ours], [], [], WORK_SEC)[0]:
            os.kill(pid, signal.SIGKILL)
            return [*heard.decode().splitlines(), f"{CRASHED} it did not end within {WORK_SEC:g} s"]
        more = ours.recv(1 << 16)
        if not more:
            return heard.decode().splitlines()
        heard += more


def _work(
    theirs: socket.socket,
    name: str,
    phases: Sequence[str],
    folder: Path,
    fault: Fault | None,
    before: Callable[[], None],
) -> None:
    """Be the process that works; never returns."""

    def say(*words: object) -> None:
        theirs.send((" ".join(map(str, words)) + "\n").encode())  # no write(): nothing is injected here

    try:
        ctypes.CDLL(None).prctl(*_ANYBODY_MAY_TRACE, 0, 0, 0)
        durable_work.say, durable_work.TOLERATED = say, TOLERATED
        before()
        theirs.recv(2)
        if fault is not None and fault.longest_file is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (fault.longest_file, resource.RLIM_INFINITY))
        for phase in phases:
            durable_work.WORKS[name](folder, phase)
    except BaseException as error:  # noqa: BLE001  # this process ends here, whatever it was
        say(CRASHED, repr(error).replace("\n", " "))
    finally:
        theirs.close()
        os._exit(0)
