"""Verifies adapters and copies them into the live model between two decisions. Fetches nothing.

Nothing of a payload is believed before its sha256 is the manifest's; no live tensor is touched before every
check has passed; and the copy itself happens under the lock that every decision holds.
"""

import hashlib
import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from coso.v1 import policy_pb2
from numpy.typing import NDArray
from torch import Tensor

from agent_runtime.adapters import DELTAS, ENCODINGS, MAX_PAYLOAD_BYTES
from agent_runtime.adapters.deltas import decode_delta
from agent_runtime.adapters.explorer import as_explorer, carries_explorer, deployed_part
from agent_runtime.adapters.extrapolation import decode_extrapolated
from agent_runtime.adapters.hashed import Payload, sha256_of
from agent_runtime.adapters.highest_seen import HighestSeen
from agent_runtime.adapters.layout import MAX_HEADER_BYTES as MAX_HEADER_BYTES
from agent_runtime.adapters.layout import described_tensors
from agent_runtime.adapters.payload import float32_values
from agent_runtime.adapters.signatures import ManifestVerifier
from agent_runtime.adapters.words import split_by_name
from agent_runtime.errors import AdapterError
from agent_runtime.policy.held import HeldVersions
from agent_runtime.policy.lora import DEPLOYED, EXPLORER, act_as, adapter_tensors, attach_explorer, attach_lora
from agent_runtime.policy.turn_lock import TurnLock
from agent_runtime.trajectory import NO_ADAPTER_DIGEST

MAX_LORA_R = 512
MAX_SIZE = 1000.0
"""No sound LoRA value comes near it; one beyond it would drown the base model."""
MAX_ROOT_MEAN_SQUARE = 30.0
"""Of one tensor: a few large values may be, all of them not. A's start is below 1, B's is 0."""
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class StagedAdapter:
    """A payload that passed every check, ready to be copied in."""

    version: int
    digest: str
    tensors: dict[str, Tensor]
    parent_version: int | None
    """The only version it may replace, None when it may replace any older one."""


class AdapterSlot:
    """The place in a model where adapters go: version 0 is the base model alone.

    LoRA layers are attached when the first adapter is staged, with zeros, so the answers stay the same until
    an adapter is applied. ``lock`` is held by every decision and every change. A version may carry an explorer beside
    the deployed adapter; the holder of ``lock`` says by ``act_as`` which of the two answers. With a ``verifier``, set
    before the first version comes, only manifests with a good signature are taken; with ``seen`` none below the highest
    one that was ever in place.
    """

    def __init__(self, model: Any, base_model_digest: str) -> None:
        self.model = model
        self.lock = TurnLock()
        self.verifier: ManifestVerifier | None = None
        self.seen: HighestSeen | None = None
        self.tokenizer_digest = ""
        """What versions must be for, where it is known here and a manifest says."""
        self.version = 0
        self.digest = NO_ADAPTER_DIGEST
        self.has_explorer = False
        """Whether the version in place carries one."""
        self.held = HeldVersions()
        """As versions came; the model's own tensors are another copy."""
        self._base_model_digest = base_model_digest
        self._lora: tuple[int, float, tuple[str, ...]] | None = None
        self._live: dict[str, Tensor] = {}
        """By the names in a version; an explorer's from the first version on that carries one."""

    @property
    def before_digest(self) -> str:
        """Return the digest of the version before the one in place, while its tensors are held; empty otherwise."""
        return self.held.before_digest

    def admit(self, manifest: policy_pb2.AdapterManifest) -> None:
        """Check what the manifest alone says, before any of its payload is kept; its parent may still be on its way.

        Raises:
            AdapterError: the payload is not worth fetching; the sentence says why.
        """
        if self.verifier is not None:
            self.verifier.verify(manifest, time.time())
        if manifest.base_model_digest != self._base_model_digest:
            raise AdapterError(
                f"Got an adapter for base model {manifest.base_model_digest[:12]!r}, expected "
                f"{self._base_model_digest[:12]!r}: run tuner and runtime with the same checkpoint."
            )
        told, own = manifest.tokenizer_digest, self.tokenizer_digest
        if told and own and told != own:
            raise AdapterError(
                f"Got an adapter for the tokenizer {told[:12]!r}, expected {own[:12]!r}: "
                "run tuner and runtime with the same checkpoint."
            )
        if manifest.encoding not in ENCODINGS:
            raise AdapterError(
                f"Got the encoding {manifest.encoding}, expected safetensors or a delta: update the runtime."
            )
        if manifest.payload_bytes > MAX_PAYLOAD_BYTES:
            raise AdapterError(
                f"Got a payload of {manifest.payload_bytes} bytes, expected at most {MAX_PAYLOAD_BYTES}: "
                "the version is broken."
            )
        self._check_newer(manifest.version)

    def stage(self, manifest: policy_pb2.AdapterManifest, payload: Payload) -> StagedAdapter:
        """Check everything about a version; changes no answer of the model.

        Raises:
            AdapterError: it must not be applied; the sentence says why.
        """
        self.admit(manifest)
        self._check_order(manifest)
        payload, digest = self._whole(manifest, payload)
        described = described_tensors(payload)
        with self.lock:
            self._prepare(manifest.lora, described)
        values, layout = float32_values(payload)
        arrays = split_by_name(values, layout)
        _check_values(values, arrays)
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        if carries_explorer(tensors) and not carries_explorer(self._live):
            with self.lock:
                attach_explorer(self.model)
                self._rest()
                self._live |= as_explorer(adapter_tensors(self.model, EXPLORER))
        return StagedAdapter(
            manifest.version, digest, tensors, None if manifest.replaces_any else manifest.parent_version
        )

    def apply(self, staged: StagedAdapter) -> None:
        """Copy a staged adapter into the live tensors, in place.

        Raises:
            AdapterError: another version was applied since, and this one does not follow it.
        """
        with self.lock, torch.no_grad():
            self._check_newer(staged.version)
            self._check_parent(staged.version, staged.parent_version)
            names = list(staged.tensors)
            torch._foreach_copy_([self._live[name] for name in names], [staged.tensors[name] for name in names])
            self.version, self.digest = staged.version, staged.digest
            self.has_explorer = carries_explorer(staged.tensors)
            self.held = self.held.followed_by(staged.digest, staged.tensors)
        self._note_seen()

    def act_as(self, explores: bool) -> None:
        """Have the explorer answer where the version in place carries one, the deployed adapter otherwise."""
        if carries_explorer(self._live):
            act_as(self.model, EXPLORER if explores and self.has_explorer else DEPLOYED, learns=False)

    def _whole(self, manifest: policy_pb2.AdapterManifest, payload: Payload) -> tuple[Payload, str]:
        """Return the adapter's own file and its digest; both are the manifest's."""
        if len(payload) != manifest.payload_bytes:
            raise AdapterError(
                f"Got {len(payload)} bytes, expected the manifest's {manifest.payload_bytes}: fetch again."
            )
        digest = sha256_of(payload)
        if digest != manifest.payload_sha256:
            raise AdapterError("Got a payload whose sha256 is not the manifest's: fetch it again.")
        if manifest.encoding in DELTAS:
            if manifest.encoding == policy_pb2.ADAPTER_ENCODING_DELTA_ZSTD:
                payload = decode_delta(self._live_arrays(), payload)
            else:
                payload = decode_extrapolated(self.held.before_arrays(), self._live_arrays(), payload)
            digest = hashlib.sha256(payload).hexdigest()
        if digest != (manifest.adapter_sha256 or manifest.payload_sha256):
            raise AdapterError(
                "Got an adapter whose sha256 is not the manifest's, expected the same: it was made from other tensors "
                "than those in use, or is broken; fetch it whole."
            )
        return payload, digest

    def _check_order(self, manifest: policy_pb2.AdapterManifest) -> None:
        is_delta = manifest.encoding in DELTAS
        if is_delta and (manifest.replaces_any or not self._live):
            raise AdapterError("Got a delta to no version in particular, expected one to that in use: fetch it whole.")
        self._check_parent(manifest.version, None if manifest.replaces_any else manifest.parent_version)
        told, held = manifest.grandparent_adapter_sha256, self.before_digest
        if manifest.encoding == policy_pb2.ADAPTER_ENCODING_EXTRAPOLATED_ZSTD and (not held or told != held):
            raise AdapterError(
                f"Got a delta that needs the adapter {told[:12]!r} of before, expected {held[:12] or 'none'!r}, which "
                "is held here: fetch it whole."
            )

    def _live_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the tensors of the version in place, on a CPU without a copy.

        No lock is needed: had they changed since the delta was made, the decoded adapter's sha256 would tell.
        """
        in_place = self._live if self.has_explorer else deployed_part(self._live)
        if any(tensor.dtype != torch.float32 for tensor in in_place.values()):
            raise AdapterError("Got a delta for tensors that are not float32 here, expected the whole: fetch it whole.")
        return {name: tensor.detach().cpu().numpy() for name, tensor in in_place.items()}

    def _check_newer(self, version: int) -> None:
        if version <= self.version:
            raise AdapterError(f"Got version {version}, expected one above {self.version}: old versions are not taken.")
        if self.seen is not None and version < self.seen.version:
            raise AdapterError(
                f"Got version {version}, expected {self.seen.version} or a newer one, as it was in place before a "
                f"restart: wait for one, or remove {self.seen.path} if the tuner began anew."
            )

    def _note_seen(self) -> None:
        """Note the version in place, once it is; a disk that refuses does not take it away again."""
        if self.seen is None:
            return
        try:
            self.seen.raise_to(self.version)
        except OSError as error:
            _LOG.warning("version %d is in use, and that cannot be noted for the next start: %s", self.version, error)

    def _check_parent(self, version: int, parent_version: int | None) -> None:
        if parent_version not in (None, self.version):
            raise AdapterError(
                f"Got version {version} made from {parent_version}, expected one made from {self.version}: "
                "follow again from the version in use."
            )

    def _prepare(self, lora: policy_pb2.LoraConfig, described: dict[str, tuple[str, tuple[int, ...]]]) -> None:
        """Attach LoRA layers for the first payload that fits them; one that does not leaves none behind."""
        is_first = self._lora is None
        self._attach(lora)
        try:
            self._check_shapes(described)
        except AdapterError:
            if is_first:
                self.model = self.model.unload()
                self._lora, self._live = None, {}
            raise

    def _attach(self, lora: policy_pb2.LoraConfig) -> None:
        wanted = (lora.r, lora.lora_alpha, tuple(lora.target_modules))
        if self._lora == wanted:
            return
        if self._lora is not None:
            raise AdapterError(f"Got LoRA settings {wanted}, expected {self._lora} as before: restart the runtime.")
        if not (0 < lora.r <= MAX_LORA_R and math.isfinite(lora.lora_alpha) and lora.lora_alpha > 0):
            raise AdapterError(
                f"Got LoRA of rank {lora.r} and alpha {lora.lora_alpha}, expected 1 to {MAX_LORA_R} and a number > 0: "
                "the version is broken."
            )
        try:
            self.model = attach_lora(self.model, lora.r, lora.lora_alpha, list(lora.target_modules), seed=0)
        except ValueError as error:
            raise AdapterError(f"Got target modules {wanted[2]} that the base model does not have: {error}.") from error
        self._rest()
        self._live = adapter_tensors(self.model)
        self._lora = wanted

    def _rest(self) -> None:
        """Leave nothing of the model in a state to learn."""
        self.model.eval()
        self.model.requires_grad_(False)

    def _check_shapes(self, described: dict[str, tuple[str, tuple[int, ...]]]) -> None:
        live = {name: ("F32", tuple(tensor.shape)) for name, tensor in deployed_part(self._live).items()}
        if carries_explorer(described):
            live |= as_explorer(live)
        if described == live:
            return
        for name in sorted(described.keys() | live.keys()):
            if described.get(name) != live.get(name):
                raise AdapterError(
                    f"Got {described.get(name)} for {name}, expected {live.get(name)}: "
                    "the adapter is for another model."
                )


def _check_values(values: NDArray[np.float32], arrays: Mapping[str, NDArray[np.float32]]) -> None:
    """Return when every value and every tensor's size is one of a trained weight; ``values`` are all tensors' at once.

    In numpy: two passes over some megabytes are done before torch's threads have woken up.

    Raises:
        AdapterError: one is not.
    """
    if _largest(values) <= min(MAX_SIZE, MAX_ROOT_MEAN_SQUARE):  # then so is every mean; false for NaN
        return
    for name, array in arrays.items():
        if not _largest(array) <= MAX_SIZE:
            raise AdapterError(
                f"Got a value in {name} that is not finite or beyond {MAX_SIZE:g}, expected a trained weight: "
                "the version is broken."
            )
        root_mean_square = float(np.linalg.norm(array)) / math.sqrt(max(array.size, 1))
        if not root_mean_square <= MAX_ROOT_MEAN_SQUARE:
            raise AdapterError(
                f"Got values in {name} with a root mean square of {root_mean_square:.0f}, expected at most "
                f"{MAX_ROOT_MEAN_SQUARE:g}: the version would drown the base model."
            )


def _largest(values: NDArray[np.float32]) -> float:
    """Return the largest absolute value, NaN where there is one."""
    return max(float(values.max(initial=0.0)), -float(values.min(initial=0.0)))
