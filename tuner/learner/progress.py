"""How far the learner has come, as plain data for JSON, and the manifest that follows from it. Keeps no tensor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from coso.v1 import policy_pb2

from tuner.config import LearnerConfig

_SETTINGS = ("base_model_digest", "quantization", "lora_r", "lora_alpha", "target_modules")


@dataclass(frozen=True, slots=True)
class Progress:
    """Counters after an update; ``batch`` is what that update consumed, by sequence in the ledger."""

    settings: str
    """What a checkpoint's tensors depend on; another value cannot go on from it."""
    update: int
    version: int
    optimizer_steps: int
    trajectories_consumed: int
    batch: tuple[int, ...]
    rolled_back_to: int = 0
    """The version whose tensors ``version`` has again; 0 when it was learned."""
    unused: tuple[tuple[int, str], ...] = ()
    """(sequence, reason) of those in ``batch`` of which no step was used."""
    trajectories_unused: int = 0

    @classmethod
    def first(cls, config: LearnerConfig, version: int = 0) -> Progress:
        """Return the start; ``version`` is the newest one already published under this state folder."""
        settings = "; ".join(f"{name}={getattr(config, name)}" for name in _SETTINGS)
        return cls(settings, 0, version, 0, 0, ())

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Progress:
        """Undo ``plain``."""
        unused = tuple((int(sequence), str(reason)) for sequence, reason in plain.get("unused", ()))
        return cls(**{**plain, "batch": tuple(plain["batch"]), "unused": unused})

    def plain(self) -> dict[str, Any]:
        """Return everything as JSON knows it."""
        return asdict(self)

    def after(self, batch: Sequence[int], good_steps: int, unused: Mapping[int, str] | None = None) -> Progress:
        """Return the state after one more update; a version is counted only when a step was good.

        ``unused`` is why nothing was used of some of the batch, by sequence.
        """
        unused = unused or {}
        return replace(
            self,
            update=self.update + 1,
            version=self.version + (1 if good_steps else 0),
            optimizer_steps=self.optimizer_steps + good_steps,
            trajectories_consumed=self.trajectories_consumed + len(batch),
            batch=tuple(batch),
            unused=tuple(sorted(unused.items())),
            trajectories_unused=self.trajectories_unused + len(unused),
            rolled_back_to=0 if good_steps else self.rolled_back_to,
        )

    def published(self) -> Progress:
        """Return the state after the tensors as they are became a version."""
        return replace(self, version=self.version + 1)

    def rolled_back(self, latest: int, to_version: int) -> Progress:
        """Return the state after the tensors of ``to_version`` came back as a version above ``latest``."""
        return replace(self, update=self.update + 1, version=latest + 1, batch=(), unused=(), rolled_back_to=to_version)

    def at_least(self, version: int) -> Progress:
        """Return the same, counting versions on from ``version`` where a newer one is out already."""
        return replace(self, version=max(self.version, version))


def manifest_of(config: LearnerConfig, progress: Progress) -> policy_pb2.AdapterManifest:
    """Return the manifest of ``progress.version``; the store fills in size, digest and time."""
    return policy_pb2.AdapterManifest(
        version=progress.version,
        parent_version=progress.version - 1,
        base_model_digest=config.base_model_digest,
        lora=policy_pb2.LoraConfig(
            r=config.lora_r, lora_alpha=config.lora_alpha, target_modules=list(config.target_modules)
        ),
        optimizer_steps=progress.optimizer_steps,
        trajectories_consumed=progress.trajectories_consumed,
        rolled_back_to=progress.rolled_back_to,
    )
