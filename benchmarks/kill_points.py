"""Ends the process it runs in at the k-th of the calls that make things durable. For harnesses' own children only.

A point lies before and after each `os.replace`, `os.fsync` and `os.unlink`, before each statement by which SQLite
changes something, and wherever ``around`` was asked for. Nothing of it is in the product: what is patched is patched
in the child that a harness forked or started.
"""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable
from typing import Any

_CALLS = ("replace", "fsync", "unlink")
_CHANGES = ("BEGIN", "INSERT", "UPDATE", "DELETE", "COMMIT")


def put(owner: Any, name: str, new: Any) -> None:
    """Have ``owner`` hold something else under this name, in this process and for good."""
    setattr(owner, name, new)


class KillPoints:
    """Counts the points passed; the process ends itself by SIGKILL at the one of number ``at``, counted from 1."""

    def __init__(self, at: int | None = None) -> None:
        self.passed = 0
        self._at = at

    def here(self) -> None:
        """Pass a point, or end here."""
        self.passed += 1
        if self.passed == self._at:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, owner: Any, name: str) -> None:
        """Put a point before and one after every call of a function that ``owner`` holds under this name."""
        put(owner, name, self._pointed(getattr(owner, name)))

    def install(self) -> None:
        """Put the points into this process."""
        for name in _CALLS:
            self.around(os, name)
        connect = sqlite3.connect

        def traced(*args: Any, **options: Any) -> sqlite3.Connection:
            connection: sqlite3.Connection = connect(*args, **options)
            connection.set_trace_callback(self._statement)
            return connection

        put(sqlite3, "connect", traced)

    def _statement(self, statement: str) -> None:
        if statement.lstrip().upper().startswith(_CHANGES):
            self.here()

    def _pointed(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def pointed(*args: Any, **options: Any) -> Any:
            self.here()
            found = call(*args, **options)
            self.here()
            return found

        return pointed
