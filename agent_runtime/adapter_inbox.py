"""Hands adapter versions from the uplink's thread to the loops, which apply them between two decisions.

Verification happens in the uplink's thread while the policy works; only the copy happens between decisions.
Torch-free: the slot that verifies and copies is given.
"""

import logging
import threading
from typing import Protocol, TypeVar

from coso.v1 import policy_pb2

from agent_runtime.adapters.hashed import Payload
from agent_runtime.errors import AdapterError

_LOG = logging.getLogger(__name__)
Staged = TypeVar("Staged")


class Slot(Protocol[Staged]):
    """What takes adapters: `agent_runtime.policy.adapter.AdapterSlot`, or a fake of it."""

    version: int
    """The version in place."""
    digest: str
    """Hex sha256 of the whole adapter in place."""

    @property
    def before_digest(self) -> str:
        """Hex sha256 of the one that was in place before, while its tensors are still held; empty otherwise."""

    def admit(self, manifest: policy_pb2.AdapterManifest) -> None:
        """Check the manifest before its payload is fetched; raises ``AdapterError``."""

    def stage(self, manifest: policy_pb2.AdapterManifest, payload: Payload) -> Staged:
        """Verify; raises ``AdapterError``."""

    def apply(self, staged: Staged) -> None:
        """Put in place; raises ``AdapterError``."""


class AdapterInbox:
    """At most one verified version waits; the next is not verified before that one is in place."""

    def __init__(self, slot: Slot[Staged]) -> None:
        self.applied = 0
        self.refused = 0
        self._slot: Slot[object] = slot  # type: ignore[assignment]  # what `stage` returns goes to the same slot
        self._changed = threading.Condition()
        self._staged: object | None = None
        self._closed = False
        self._held = False

    def version(self) -> int:
        """Return the version in place, which the tuner is asked to go on from."""
        return self._slot.version

    def digest(self) -> str:
        """Return the digest of the adapter in place, against which the tuner may send a delta."""
        return self._slot.digest

    def before_digest(self) -> str:
        """Return the digest of the adapter that was in place before, where it is still held."""
        return self._slot.before_digest

    def admits(self, manifest: policy_pb2.AdapterManifest) -> bool:
        """Return whether a version's payload is worth fetching; one that is not is logged and counted."""
        try:
            self._slot.admit(manifest)
        except AdapterError as error:
            self._note_refused(manifest, error)
            return False
        return True

    def receive(self, manifest: policy_pb2.AdapterManifest, payload: Payload) -> bool:
        """Verify a version and leave it for the loop; called from the uplink's thread.

        Returns False for a bad one, which is logged and counted.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._staged is None or self._closed)
            if self._closed:
                return True
        try:
            staged = self._slot.stage(manifest, payload)
        except AdapterError as error:
            self._note_refused(manifest, error)
            return False
        with self._changed:
            self._staged = staged
            self._changed.notify_all()
        return True

    def _note_refused(self, manifest: policy_pb2.AdapterManifest, error: AdapterError) -> None:
        self.refused += 1
        _LOG.warning("version %d is not used: %s", manifest.version, error)

    def apply_waiting(self) -> None:
        """Put the version that waits in place, if there is one; called by every loop between two of its decisions.

        Nobody else gets past here, and no other version is verified, before it is in place.
        """
        with self._changed:
            if self._held or self._staged is None:
                return
            try:
                self._slot.apply(self._staged)
                self.applied += 1
            except AdapterError as error:
                self.refused += 1
                _LOG.warning("a verified version is not used: %s", error)
            self._staged = None
            self._changed.notify_all()

    def wait_for_version(self, timeout_sec: float) -> bool:
        """Return True once a version waits or another loop applied one, False after ``timeout_sec``."""
        with self._changed:
            known = self.applied
            return self._changed.wait_for(
                lambda: self._staged is not None or self.applied > known or self._closed, timeout_sec
            )

    def hold(self) -> None:
        """Keep the version in place from now on, as an evaluation needs; what arrives waits."""
        self._held = True

    def close(self) -> None:
        """Let the uplink's thread go; nothing is taken any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
