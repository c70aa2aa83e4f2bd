"""The five kinds of files that a tuner and a runtime keep, each with a way to read it after damage. Damages nothing.

A store is made in a folder; ``read`` opens it as the service does and says what came of it. What counts as hit are the
records with bytes in the damaged pages of the ledger, and the damaged file's own record elsewhere.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from coso.v1 import policy_pb2, trajectory_pb2
from safetensors.numpy import save

from agent_runtime.errors import SessionError
from agent_runtime.sessions.reader import open_session
from agent_runtime.sessions.recording import Session, SessionInfo
from agent_runtime.sessions.writer import Recorder
from agent_runtime.trajectory import EpisodeStart, Purpose
from agent_runtime.uplink.spool import Spool
from benchmarks.recording import IDENTITY, SMALL_PX, finished, phone_pictures, steps_of
from benchmarks.stored_episodes import episode
from tuner.adapters.delta_files import DELTA_NAME, EXTRAPOLATED_NAME
from tuner.adapters.store import AdapterStore
from tuner.ingest.ledger import Ledger, StoreOutcome
from tuner.ingest.mending import mend
from tuner.learner.checkpoint import CheckpointFolder

PAGE_BYTES: Final = 4096
RECORDS: Final = 12
USED: Final = (1, 2, 3)
"""Places of the ledger's records that an update used."""


@dataclass(frozen=True)
class Reading:
    """What came of reading a damaged store."""

    found: bool
    """Something was set aside, refused or made anew."""
    used: bool = False
    """Something was handed out that is not what was written."""
    lost: int = 0
    """Records that the damage did not hit and that are gone, or are to be learned from again."""
    silent: int = 0
    """Records that are gone without a word."""


class Rotting(ABC):
    """A store; ``hit`` are the records that damage at a place touched."""

    name: str

    @abstractmethod
    def make(self, folder: Path) -> None:
        """Write the store into a new folder."""

    @abstractmethod
    def read(self, folder: Path, hit: Collection[str]) -> Reading:
        """Open it and read everything, as who uses it does; an exception means that the service does not start."""

    def files(self, folder: Path) -> list[Path]:
        """Return the files to damage."""
        return sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))

    def hit(self, path: Path, begin: int, end: int) -> frozenset[str]:
        """Return the records with bytes between two places of a file."""
        return frozenset({path.name})


class RottingSpool(Rotting):
    """Six trajectories that wait to be sent."""

    name = "spool"

    def make(self, folder: Path) -> None:
        spool = Spool(folder)
        spool.open()
        for number in range(6):
            spool.put(episode(number))
        spool.close()

    def read(self, folder: Path, hit: Collection[str]) -> Reading:
        spool = Spool(folder)
        spool.open()
        got = {path.name: message for path, message in spool.waiting()}
        spool.put(episode(7))
        spool.close()
        written = {f"{number:012d}.trajectory": episode(number) for number in range(6)}
        missing = written.keys() - got.keys()
        aside = {path.name for path in (folder / "damaged").glob("*")}
        used = any(message != written[name] for name, message in got.items())
        return Reading(bool(aside), used, len(missing - set(hit)), len(missing - aside))


class RottingLedger(Rotting):
    """Trajectories that the tuner acknowledged, some of them used."""

    name = "ledger"

    def make(self, folder: Path) -> None:
        ledger = Ledger(folder)
        ledger.open()
        with closing(ledger):
            for number in range(RECORDS):
                ledger.store(episode(number))
            ledger.mark_consumed(USED, version=5)

    def hit(self, path: Path, begin: int, end: int) -> frozenset[str]:
        content = path.read_bytes()
        pages = content[begin // PAGE_BYTES * PAGE_BYTES : -(-end // PAGE_BYTES) * PAGE_BYTES]
        ids = (episode(number).trajectory_id for number in range(RECORDS))
        return frozenset(trajectory_id for trajectory_id in ids if trajectory_id.encode() in pages)

    def read(self, folder: Path, hit: Collection[str]) -> Reading:
        was_mended = mend(folder)
        _used_and_waiting(folder)
        was_mended |= mend(folder)  # what reading found is put right by the next start
        used, waiting = _used_and_waiting(folder)
        ledger = Ledger(folder)
        ledger.open()
        with closing(ledger):
            damaged = ledger.counts().damaged
            takes_more = ledger.store(episode(RECORDS)) is StoreOutcome.STORED
            doubled = sum(ledger.store(message) is StoreOutcome.STORED for message in used.values())
            doubled += sum(ledger.store(message) is StoreOutcome.STORED for message in waiting.values())
        written = {episode(number).trajectory_id: episode(number) for number in range(RECORDS)}
        got = {**used, **waiting}
        missing = written.keys() - got.keys()
        were_used = {episode(sequence - 1).trajectory_id for sequence in USED}
        moved = (were_used & waiting.keys()) | (used.keys() - were_used)
        wrong = doubled > 0 or any(message != written.get(name) for name, message in got.items())
        is_found = was_mended or damaged > 0
        silent = len(missing) if not is_found else 0
        return Reading(is_found, wrong, len((missing | moved) - set(hit)) + (not takes_more), silent)


def _used_and_waiting(
    folder: Path,
) -> tuple[Mapping[str, trajectory_pb2.Trajectory], Mapping[str, trajectory_pb2.Trajectory]]:
    ledger = Ledger(folder)
    ledger.open()
    with closing(ledger):
        used = {item.message.trajectory_id: item.message for item in ledger.recent(10 * RECORDS)}
        waiting = {item.message.trajectory_id: item.message for item in ledger.waiting(10 * RECORDS)}
    return used, waiting


class RottingCheckpoint(Rotting):
    """The newest of two checkpoints."""

    name = "checkpoint"

    def make(self, folder: Path) -> None:
        for update in (1, 2):
            CheckpointFolder(folder).save(update, tensors_of(update), {"progress": update, "words": "some state"})

    def files(self, folder: Path) -> list[Path]:
        return sorted(folder.glob("00000002.*"))

    def read(self, folder: Path, hit: Collection[str]) -> Reading:
        found = CheckpointFolder(folder).latest()
        if found is None:
            return Reading(found=True, lost=1)
        written = tensors_of(found.update)
        same = found.tensors.keys() == written.keys() and all(
            torch.equal(tensor, written[name]) for name, tensor in found.tensors.items()
        )
        same = same and found.state == {"progress": found.update, "words": "some state"}
        aside = (folder / "damaged").is_dir()
        return Reading(aside, not same, silent=int(found.update != 2 and not aside))


def tensors_of(update: int) -> dict[str, torch.Tensor]:
    """Return a checkpoint's tensors."""
    return {name: torch.arange(64, dtype=torch.float32) * update + len(name) for name in ("lora/a", "adam/0/exp")}


class RottingAdapters(Rotting):
    """The newest of three versions, with its deltas of either kind."""

    name = "adapter and deltas"

    def make(self, folder: Path) -> None:
        store = AdapterStore(folder)
        for version in (1, 2, 3):
            manifest = policy_pb2.AdapterManifest(version=version, parent_version=version - 1, optimizer_steps=version)
            store.publish(manifest, payload_of(version))

    def files(self, folder: Path) -> list[Path]:
        found = sorted((folder / "00000003").iterdir())
        assert {DELTA_NAME, EXTRAPOLATED_NAME} < {path.name for path in found}, "both pay for these versions"
        return found

    def read(self, folder: Path, hit: Collection[str]) -> Reading:
        store = AdapterStore(folder)
        found = store.newer_than(0)
        if found is None:
            return Reading(found=True, lost=1)
        manifest, payload = found
        parent = store.get(manifest.parent_version)[0]
        delta, extrapolated = store.delta(manifest, parent.payload_sha256), None
        if manifest.version == 3:
            before = store.get(parent.parent_version)[0]
            extrapolated = store.extrapolated(manifest, parent.payload_sha256, before.payload_sha256)
        told = manifest.version, manifest.parent_version, manifest.optimizer_steps, manifest.payload_bytes
        used = told != (manifest.version, manifest.version - 1, manifest.version, len(payload_of(manifest.version)))
        used = used or manifest.version not in (2, 3) or payload != payload_of(manifest.version)
        used = used or manifest.rolled_back_to != 0 or manifest.base_model_digest != ""
        used = used or (delta is not None and delta != _delta(manifest.version))
        used = used or (extrapolated is not None and extrapolated != _extrapolated())
        aside = (folder / "damaged").is_dir()
        return Reading(aside or None in (delta, extrapolated), used, silent=int(manifest.version != 3 and not aside))


def payload_of(version: int) -> bytes:
    """Return a version's adapter; every weight goes its own way on and on, so that a delta by extrapolation pays."""
    rng = np.random.default_rng(0)
    weights, ways = rng.standard_normal((2, 64, 64))
    return save({"base_model.model.layer.lora_A.weight": (weights + version * 1e-4 * ways).astype(np.float32)})


def _delta(version: int) -> bytes | None:
    from agent_runtime.adapters.deltas import encode_delta

    return encode_delta(payload_of(version - 1), payload_of(version))


def _extrapolated() -> bytes:
    from agent_runtime.adapters.extrapolation import encode_extrapolated

    return encode_extrapolated(payload_of(1), payload_of(2), payload_of(3))


class RottingSession(Rotting):
    """A recorded session of one episode."""

    name = "session"

    def make(self, folder: Path) -> None:
        steps = steps_of(phone_pictures(3), SMALL_PX)
        recorder = Recorder(folder / "session", SessionInfo("x", 1.0, "none", SMALL_PX, None, IDENTITY, 0, 1.0, {}))
        recorder.open()
        start = EpisodeStart("0" * 32, "apps/open", {"app": "Clock"}, "Open", Purpose.EXPLORE, 0, 3, 1.0, 0.0)
        recorder.episode_started(start)
        for step in steps:
            recorder.step_taken(step)
        recorder.episode_ended(finished(start, steps))
        recorder.close()
        self._written = _as_read(open_session(folder / "session"))

    def read(self, folder: Path, hit: Collection[str]) -> Reading:
        try:
            session = open_session(folder / "session")
        except SessionError:
            return Reading(found=True)
        if not session.is_closed:  # cut short, and it says so
            return Reading(found=True)
        return Reading(found=False, used=_as_read(session) != self._written)


def _as_read(session: Session) -> tuple[object, ...]:
    return session.info, session.episodes, session.lines


STORES: Final = (RottingSpool(), RottingLedger(), RottingCheckpoint(), RottingAdapters(), RottingSession())
