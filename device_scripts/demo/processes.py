"""Starts the demo's processes and ends every one of them. Knows nothing of what they do."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

STOP_DEADLINE_SEC = 40.0


class DemoError(Exception):
    """A process of the demo did not do its part; one sentence fit to show a person."""


def own_command(name: str) -> str:
    """Return the path of a command installed beside this Python."""
    return str(Path(sys.executable).with_name(name))


class Background:
    """A process that runs beside the demo, its output in a log file."""

    def __init__(self, name: str, command: Sequence[str], log_path: Path, environment: Mapping[str, str]) -> None:
        self._name = name
        self._command = command
        self._log_path = log_path
        self._environment = {**os.environ, **environment}
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    def start(self, ready_word: str, deadline_sec: float) -> str:
        """Start it and return its first line of output, which must hold ``ready_word``.

        Raises:
            DemoError: it ended, or was not ready in time.
        """
        self._log = self._log_path.open("wb")
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=self._log, env=self._environment)
        line = self._first_line(deadline_sec)
        if ready_word not in line:
            self.stop()
            said = line.strip() or self._last_words() or "no output"
            raise DemoError(f"{self._name} did not start ({said}); see {self._log_path}.")
        return line

    def stop(self) -> None:
        """Ask it to end, and make it when it does not."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_DEADLINE_SEC)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._log is not None:
            self._log.close()

    def _last_words(self) -> str:
        lines = self._log_path.read_text(errors="replace").splitlines()
        return lines[-1].strip() if lines else ""

    def _first_line(self, deadline_sec: float) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        ends_at = time.monotonic() + deadline_sec
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(max(0.0, ends_at - time.monotonic())):
                return ""
        return self._process.stdout.readline().decode(errors="replace")


def run_foreground(command: Sequence[str], environment: Mapping[str, str], deadline_sec: float) -> None:
    """Run a process whose output the person sees, to its end.

    Raises:
        DemoError: it failed or took too long.
    """
    try:
        done = subprocess.run(command, env={**os.environ, **environment}, timeout=deadline_sec, check=False)
    except subprocess.TimeoutExpired as error:
        raise DemoError(
            f"{Path(command[0]).name} was still running after {deadline_sec:.0f} s and was ended."
        ) from error
    if done.returncode != 0:
        raise DemoError(f"{Path(command[0]).name} ended with {done.returncode}; its last lines above say why.")
