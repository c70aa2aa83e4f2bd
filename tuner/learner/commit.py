"""Makes an update true: the checkpoint first, then the published adapter and the mark in the ledger. Learns nothing.

The checkpoint is the commit. Publishing and marking follow from it, and are done again at the next start if a crash
came between; doing them twice changes nothing.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from agent_runtime.adapters.explorer import as_explorer
from agent_runtime.adapters.payload import float32_file
from agent_runtime.files import make_folder
from tuner.adapters.store import AdapterStore
from tuner.config import LearnerConfig
from tuner.errors import LearnerError, StoreError
from tuner.ingest.ledger import Ledger
from tuner.learner.checkpoint import Checkpoint, CheckpointFolder
from tuner.learner.explorer import PREFIX as EXPLORERS
from tuner.learner.finite import NotFiniteError, require_sound
from tuner.learner.mailbox import Mailbox
from tuner.learner.progress import Progress, manifest_of
from tuner.learner.rollback import record_rollback


class Commits:
    """Checkpoints and adapters of one state folder."""

    def __init__(self, config: LearnerConfig, ledger: Ledger, mailbox: Mailbox) -> None:
        self.store = AdapterStore(config.state / "adapters")
        self._config = config
        self._ledger = ledger
        self._mailbox = mailbox
        self._checkpoints = CheckpointFolder(config.state / "learner")

    @property
    def latest_version(self) -> int:
        """The newest version published, 0 when there is none."""
        return self.store.newest()

    def rollbacks(self) -> list[tuple[int, int]]:
        """Return (new version, version returned to) of the rollbacks among the versions there are."""
        found = []
        for version in self.store.versions():
            try:
                found.append((version, self.store.manifest(version).rolled_back_to))
            except StoreError:
                continue  # it was set aside
        return [(version, to) for version, to in found if to]

    def latest(self) -> tuple[Checkpoint, Progress] | None:
        """Return the newest checkpoint that is whole and where it stands, None when there is none.

        Raises:
            LearnerError: the checkpoint is of other settings.
        """
        make_folder(self._checkpoints.folder)
        checkpoint = self._checkpoints.latest()
        if checkpoint is None:
            return None
        progress = Progress.from_plain(checkpoint.state["progress"])
        expected = Progress.first(self._config).settings
        if progress.settings != expected:
            raise LearnerError(
                f"Got a checkpoint of {progress.settings}, expected one of {expected}: "
                "use the settings it was made with, or another state folder."
            )
        return checkpoint, progress

    def commit(self, progress: Progress, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Make what the progress says true; ``state`` is what else a checkpoint is to hold, as JSON knows it.

        Raises:
            LearnerError: a tensor is not finite or has exploded; nothing is written.
            OSError: the disk refused.
        """
        try:
            require_sound(tensors)
        except NotFiniteError as error:
            raise LearnerError(
                f"Got weights that must not be kept ({error}), expected sound ones: the last checkpoint stands, "
                "start again from it."
            ) from error
        self._checkpoints.save(progress.update, tensors, {"progress": progress.plain(), **state})
        self.finish(progress, tensors)

    def finish(self, progress: Progress, tensors: Mapping[str, Tensor]) -> None:
        """Bring the store and the ledger up to a checkpoint; doing it twice changes nothing."""
        version = progress.version
        if version > self.latest_version:
            self.store.publish(manifest_of(self._config, progress), _adapter_payload(tensors))
            self._mailbox.published(version)
        if progress.rolled_back_to:
            record_rollback(self._config.state, progress.rolled_back_to, version - 1, version)
        self._ledger.mark_consumed(progress.batch, version, dict(progress.unused))


def _adapter_payload(tensors: Mapping[str, Tensor]) -> bytes:
    """Return the adapters as runtimes take them: one safetensors file, float32, as ``adapters.explorer`` names them."""
    named = _below("lora/", tensors) | as_explorer(_below(EXPLORERS, tensors))
    return float32_file({name: tensor.detach().cpu().float().numpy() for name, tensor in named.items()})


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
