"""What an operator's wish to return to an older version takes: checks it and has it recorded. Moves no weight."""

import json
from pathlib import Path

from coso.v1 import policy_pb2

from tuner.adapters.store import AdapterStore
from tuner.errors import RollbackError
from tuner.learner.decisions import DECISIONS_NAME, append_decision
from tuner.learner.mailbox import RollbackWish


def payload_to_return_to(store: AdapterStore, wish: RollbackWish, expected: policy_pb2.AdapterManifest) -> bytes:
    """Return the payload of the version that is wished for; ``expected`` has the learner's own base and LoRA.

    Versions learned since the operator looked do not matter, for they descend from what is to be left; a rollback
    since then does.

    Raises:
        RollbackError: it is not an older version of this model, or another rollback came in between.
        StoreError: there is no such version, or it is damaged.
    """
    versions = store.versions()
    latest = max(versions, default=0)
    if not 0 < wish.version < latest:
        raise RollbackError(f"Got version {wish.version} to return to, expected one below the latest, {latest}.")
    for version in versions:
        if version > wish.latest_version and store.get(version)[0].rolled_back_to:
            raise RollbackError(
                f"Got a rollback asked for when version {wish.latest_version} was the latest, expected {latest}, to "
                "which another rollback led: look at `tuner status` and ask again."
            )
    manifest, payload = store.get(wish.version)
    if manifest.base_model_digest != expected.base_model_digest or manifest.lora != expected.lora:
        raise RollbackError(
            f"Got version {wish.version}, which is for another base model or LoRA, expected one like those now: "
            "start a tuner with its settings."
        )
    return payload


def record_rollback(state: Path, to_version: int, from_version: int, new_version: int) -> None:
    """Append the decision durably; a second time changes nothing."""
    path = state / DECISIONS_NAME
    told = path.read_text("utf-8", "replace") if path.exists() else ""
    if any(_new_version(line) == new_version for line in told.splitlines()):
        return
    append_decision(
        state,
        {"decision": "rollback", "to_version": to_version, "from_version": from_version, "new_version": new_version},
    )


def _new_version(line: str) -> int | None:
    try:
        return int(json.loads(line)["new_version"])
    except (ValueError, KeyError, TypeError):
        return None  # a line torn by a crash
