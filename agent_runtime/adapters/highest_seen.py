"""Keeps the highest version of a tuner's key that was put in place, across restarts. Checks no manifest.

A signature is good for weeks, so a copied version could be sent again to a runtime that was just started and holds
nothing. The file has one line for each key: its id, a blank, the version.
"""

import os
from pathlib import Path

from agent_runtime.errors import UsageError
from agent_runtime.files import fsync_folder

FILE_NAME = "highest_versions"
"""In the spool folder, which belongs to one runtime."""


class HighestSeen:
    """The highest version of one key, in a file that other keys have lines in too."""

    def __init__(self, path: Path, key_id: str) -> None:
        self.path = path
        self._key_id = key_id
        self._versions: dict[str, int] = {}

    @property
    def version(self) -> int:
        """The highest version that was put in place; 0 for none."""
        return self._versions.get(self._key_id, 0)

    def open(self) -> None:
        """Read the file; one that is not there is made by the first version.

        Raises:
            UsageError: it cannot be read: without it old versions would be taken.
        """
        try:
            lines = [line.split(" ") for line in self.path.read_text("ascii").splitlines()]
            self._versions = {key_id: int(version) for key_id, version in lines}
        except FileNotFoundError:
            self._versions = {}
        except (OSError, ValueError) as error:
            raise UsageError(
                f"Got no versions from {self.path} ({error}), expected lines of a key and a number: restore it, or "
                "remove it to take any version once."
            ) from error

    def raise_to(self, version: int) -> None:
        """Note a version that is in place, durably.

        Raises:
            OSError: the disk refused; after a power cut the file may say what it said.
        """
        if version <= self.version:
            return
        versions = {**self._versions, self._key_id: version}
        beside = self.path.with_name(f".{self.path.name}.writing")
        with beside.open("w", encoding="ascii") as file:
            file.writelines(f"{key_id} {known}\n" for key_id, known in versions.items())
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, self.path)
        self._versions = versions
        fsync_folder(self.path.parent)
