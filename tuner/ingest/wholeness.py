"""Says whether what the ledger's file gives back is what was stored. Reads and writes no file."""

from __future__ import annotations

import hashlib
import sqlite3
from typing import Final

from coso.v1 import trajectory_pb2
from google.protobuf.message import DecodeError

DAMAGED: Final = -1
"""In the column ``purpose``: the record was damaged and set aside."""
_REFUSALS: Final = (
    "disk I/O error",
    "database or disk is full",
    "unable to open database file",
    "readonly database",
    "database is locked",
)


def whole_message(
    trajectory_id: object, digest: object, purpose: object, verdict: object, content: object
) -> trajectory_pb2.Trajectory | None:
    """Return the trajectory of a row, None where it is not what was stored: the hash or a column says otherwise."""
    message = trajectory_of(digest, content)
    if message is None or (message.trajectory_id, message.purpose, message.verdict) != (
        trajectory_id,
        purpose,
        verdict,
    ):
        return None
    return message


def trajectory_of(digest: object, content: object) -> trajectory_pb2.Trajectory | None:
    """Return the trajectory whose hash this is, None where the content has another one."""
    if not isinstance(content, bytes) or hashlib.sha256(content).hexdigest() != digest:
        return None
    try:
        return trajectory_pb2.Trajectory.FromString(content)
    except DecodeError:
        return None


def is_damage(error: BaseException | None) -> bool:
    """Whether SQLite says that the file's bytes are wrong; what else it has to say comes as a class below this one."""
    return type(error) is sqlite3.DatabaseError


def is_refusal(error: BaseException) -> bool:
    """Whether SQLite says that the disk did not do as it was told, which says nothing about the file's bytes."""
    return isinstance(error, sqlite3.OperationalError) and any(told in str(error) for told in _REFUSALS)


def readable_text(content: bytes) -> str:
    """Return a column's text even where a byte of it was changed; as a connection's ``text_factory``."""
    return content.decode(errors="replace")
