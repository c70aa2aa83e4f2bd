"""The learner's own state on disk: safetensors and JSON, whole or not there. Knows no meaning of what it keeps.

    learner/00000012.safetensors     tensors by name
    learner/00000012.json            {"body": {"update": 12, "tensors_sha256": …, "state": …}, "sha256": …}

The JSON is written last and makes the checkpoint exist. The two newest are kept; one whose bytes are not what
was written is moved to ``damaged/`` and the one before it is used.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from agent_runtime.files import fsync_folder, make_folder
from tuner.files import write_atomically

CHECKPOINTS_KEPT = 2


@dataclass(frozen=True)
class Checkpoint:
    """State after ``update`` updates; ``state`` is plain data for JSON."""

    update: int
    tensors: dict[str, Tensor]
    state: dict[str, Any]


class CheckpointFolder:
    """Checkpoints in ``folder``, which exists before the first save."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, update: int, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Make a checkpoint durable, then drop the oldest beyond ``CHECKPOINTS_KEPT``.

        Raises:
            ValueError: a number of the state is not finite; nothing is written.
            OSError: the disk refused; the checkpoints before it are untouched.
        """
        payload = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
        body = {"update": update, "tensors_sha256": hashlib.sha256(payload).hexdigest(), "state": dict(state)}
        told = json.dumps({"body": body, "sha256": _digest(body)}, allow_nan=False).encode()
        write_atomically(self._path(update, "safetensors"), payload)
        write_atomically(self._path(update, "json"), told)
        fsync_folder(self.folder)
        for old in self.updates()[:-CHECKPOINTS_KEPT]:
            self._path(old, "json").unlink()
            self._path(old, "safetensors").unlink(missing_ok=True)

    def updates(self) -> list[int]:
        """Return the updates there are checkpoints of, ascending."""
        if not self.folder.is_dir():
            return []
        return sorted(int(path.stem) for path in self.folder.glob("[0-9]*.json"))

    def latest(self) -> Checkpoint | None:
        """Return the newest checkpoint that is whole, or None; damaged ones are set aside."""
        for update in reversed(self.updates()):
            checkpoint = self._read(update)
            if checkpoint is not None:
                return checkpoint
            self._set_aside(update)
        return None

    def _read(self, update: int) -> Checkpoint | None:
        try:
            envelope = json.loads(self._path(update, "json").read_bytes())
            body = envelope["body"]
            payload = self._path(update, "safetensors").read_bytes()
            whole = _digest(body) == envelope["sha256"] and body["update"] == update
            if not whole or hashlib.sha256(payload).hexdigest() != body["tensors_sha256"]:
                return None
            return Checkpoint(update, load(payload), body["state"])
        except (FileNotFoundError, ValueError, KeyError, TypeError, SafetensorError):
            return None

    def _set_aside(self, update: int) -> None:
        damaged = self.folder / "damaged"
        make_folder(damaged)
        for suffix in ("json", "safetensors"):
            path = self._path(update, suffix)
            if path.exists():
                os.replace(path, damaged / path.name)

    def _path(self, update: int, suffix: str) -> Path:
        return self.folder / f"{update:08d}.{suffix}"


def optimizer_tensors(prefix: str, state_dict: Mapping[str, Any]) -> dict[str, Tensor]:
    """Flatten a torch optimizer's state into tensors named ``prefix/parameter index/name``."""
    return {
        f"{prefix}/{index}/{name}": value
        for index, state in state_dict["state"].items()
        for name, value in state.items()
    }


def optimizer_state(prefix: str, tensors: Mapping[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    """Undo ``optimizer_tensors``: the ``state`` part of an optimizer's state dict."""
    found: dict[int, dict[str, Tensor]] = {}
    for path, tensor in tensors.items():
        if path.startswith(f"{prefix}/"):
            _, index, name = path.split("/")
            found.setdefault(int(index), {})[name] = tensor
    return found


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
