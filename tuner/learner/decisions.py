"""Appends to ``decisions.jsonl`` in the state folder: rollbacks and alarms, one object a line. Decides nothing.

{"decision": "rollback", "to_version": …, "from_version": …, "new_version": …, "recorded_at": …}
{"decision": "alarm", "kind": "collapse" or "blow-up", "action": …, "entropy_nats": …, "usual_nats": …, "version": …,
 "recorded_at": …}
"""

import json
import os
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path

DECISIONS_NAME = "decisions.jsonl"


def append_decision(state: Path, decision: Mapping[str, object]) -> None:
    """Append a line durably, with the time; a last line torn by a crash is left to itself."""
    path = state / DECISIONS_NAME
    torn = path.exists() and path.read_bytes()[-1:] not in (b"", b"\n")
    line = json.dumps({**decision, "recorded_at": datetime.now(timezone.utc).isoformat(timespec="seconds")})
    with path.open("a", encoding="utf-8") as file:
        file.write(("\n" if torn else "") + line + "\n")
        file.flush()
        os.fsync(file.fileno())
