"""Says which version a runtime is to have next: the newest, or, with trials, the trusted one or that on trial."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from coso.v1 import policy_pb2

from tuner.adapters.store import AdapterStore
from tuner.canary.standing import Standing
from tuner.errors import StoreError
from tuner.ingest.version_trials import VersionTrials


class Rollout:
    """Without ``trials`` every version goes to every runtime; with them a new one goes to ``share`` of these first."""

    def __init__(self, store: AdapterStore, trials: VersionTrials | None = None, share: float = 1.0) -> None:
        self.trials = trials
        self._store = store
        self._share = share
        self._following: Counter[str] = Counter()

    @property
    def standing(self) -> Standing:
        """How the trials stand; the newest version is the trusted one where there are none."""
        if self.trials is not None:
            return self.trials.standing
        return Standing(trusted=self._store.newest())

    @contextmanager
    def following(self, runtime_id: str) -> Iterator[None]:
        """Count a runtime among those that follow while the block runs."""
        self._following[runtime_id] += 1
        try:
            yield
        finally:
            self._following[runtime_id] -= 1
            self._following += Counter()  # drops those at nought

    def newer_for(self, runtime_id: str, have_version: int) -> policy_pb2.AdapterManifest | None:
        """Return the manifest of the version above ``have_version`` that a runtime is to have, or None."""
        if self.trials is None:
            return self._store.told_above(have_version)
        version = self.trials.standing.version_for(runtime_id, self._share, self._following)
        if version <= have_version:
            return None
        try:
            manifest = self._store.manifest(version)
        except StoreError:
            return None  # damaged: the next look at the store decides
        self.trials.delivered[runtime_id] = manifest.payload_sha256
        return manifest
