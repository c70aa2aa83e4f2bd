"""The wire and the store as they were before, frozen here as text and made when asked for. Holds no tests.

The wire is that from before deltas, signatures, rollbacks, trials, long presses, the gate and told wire versions: the
messages of today without the fields that came since. The ledger is of schema 1.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Collection, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from coso.v1 import policy_pb2, trajectory_pb2, tuner_pb2
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2

SINCE: Final[Mapping[str, Collection[str]]] = {
    "AdapterManifest": (
        [
            "adapter_sha256",
            "adapter_bytes",
            "signing_key_id",
            "expires_at",
            "signature",
            "rolled_back_to",
            "tokenizer_digest",
            "grandparent_adapter_sha256",
        ]
    ),
    "FollowAdaptersRequest": (
        "encodings",
        "have_adapter_sha256",
        "partial_payload_sha256",
        "partial_bytes",
        "before_adapter_sha256",
    ),
    "GetStatusResponse": ("trusted_version", "trial_version", "withdrawn_version", "trajectories_damaged"),
    "RegisterRuntimeRequest": ("wire_version",),
    "RegisterRuntimeResponse": ("wire_version", "software_version"),
    "Step": ("gate",),
    "Action": ("long_press",),
}
"""Fields that came since, by message."""
LEDGER: Final = """
CREATE TABLE trajectories (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    content_sha256 TEXT NOT NULL,
    purpose INTEGER NOT NULL,
    verdict INTEGER NOT NULL,
    stored_at_unix_sec REAL NOT NULL,
    consumed_by_version INTEGER,
    message BLOB NOT NULL
);
CREATE INDEX waiting ON trajectories (consumed_by_version, sequence);
CREATE INDEX kinds ON trajectories (purpose, verdict, consumed_by_version);
CREATE TABLE runtimes (
    id TEXT PRIMARY KEY,
    registered_at_unix_sec REAL NOT NULL
);
PRAGMA user_version = 1;
"""


def previous_messages() -> Mapping[str, type[Any]]:
    """Return the message classes of before, by name; they know nothing of what came since."""
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
    for module in (policy_pb2, trajectory_pb2, tuner_pb2):
        file = descriptor_pb2.FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb)
        for message in file.message_type:
            gone = SINCE.get(message.name, ())
            kept = [field for field in message.field if field.name not in gone]
            assert len(message.field) == len(kept) + len(gone), message.name
            del message.field[:]
            message.field.extend(kept)
        pool.Add(file)
    names = [
        name for module in (policy_pb2, trajectory_pb2, tuner_pb2) for name in module.DESCRIPTOR.message_types_by_name
    ]
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"coso.v1.{name}")) for name in names}


def write_ledger(state: Path, blobs: Mapping[str, bytes]) -> None:
    """Write a ledger of schema 1 with these trajectories, the first of them consumed, and one runtime."""
    state.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(state / "ledger.sqlite3", isolation_level=None)) as sql:
        sql.execute("PRAGMA journal_mode = WAL")
        sql.executescript(LEDGER)
        for number, (name, blob) in enumerate(blobs.items()):
            sql.execute(
                "INSERT INTO trajectories (id, content_sha256, purpose, verdict, stored_at_unix_sec, "
                "consumed_by_version, message) VALUES (?, ?, 1, 1, 1.0, ?, ?)",
                (name, hashlib.sha256(blob).hexdigest(), None if number else 4, blob),
            )
        sql.execute("INSERT INTO runtimes VALUES ('old/phone', 1.0)")
