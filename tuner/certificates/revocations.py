"""The list of revoked serial numbers: one file, written whole, read again whenever it changes. Knows no certificate.

One line each: the serial number in hex, a blank, the name. A list that is gone or cannot be read lets nobody in.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tuner.errors import ConfigError
from tuner.files import write_atomically

_Stamp = tuple[int, int, int]


def read_serials(path: Path) -> dict[int, str]:
    """Return the serial numbers of a list, each with its name.

    Raises:
        ConfigError: it cannot be read or is no such list.
    """
    try:
        lines = [line.split() for line in path.read_text("ascii").splitlines()]
        return {int(serial, 16): name for serial, name in lines}
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"Got no list of serial numbers from {path} ({error}), expected lines of one and a name: restore it."
        ) from error


def write_serials(path: Path, serials: dict[int, str]) -> None:
    """Write a list whole.

    Raises:
        OSError: the disk refused; the list is as it was.
    """
    write_atomically(path, "".join(f"{serial:x} {name}\n" for serial, name in serials.items()).encode("ascii"))


class Revocations:
    """What ``path`` says now."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: _Stamp | None = None
        self._serials: Iterable[int] = ()

    def __contains__(self, serial: int) -> bool:
        """Return whether the serial number is revoked.

        Raises:
            ConfigError: the list cannot be read: take nobody's word then.
        """
        stamp = self._stamp_now()
        if stamp is None or stamp != self._stamp:
            self._serials = frozenset(read_serials(self._path))
            self._stamp = stamp
        return serial in self._serials

    def _stamp_now(self) -> _Stamp | None:
        """Return what tells one writing of the file from another; each has a file number of its own."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino, found.st_size
