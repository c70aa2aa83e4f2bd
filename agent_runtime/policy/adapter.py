"""Verifies adapters and copies them into the live model between two decisions. Fetches nothing.

Nothing of a payload is believed before its sha256 is the manifest's; no live tensor is touched before every
check has passed; and the copy itself happens under the lock that every decision holds.
"""

import hashlib
import json
import math
import struct
import threading
from dataclasses import dataclass
from typing import Any

import torch
from coso.v1 import policy_pb2
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor

from agent_runtime.errors import AdapterError
from agent_runtime.policy.lora import adapter_tensors, attach_lora
from agent_runtime.trajectory import NO_ADAPTER_DIGEST

MAX_HEADER_BYTES = 1 << 20
MAX_LORA_R = 512
MAX_SIZE = 1000.0
"""No sound LoRA value comes near it; one beyond it would drown the base model."""
_LENGTH_BYTES = 8


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
    an adapter is applied. ``lock`` is held by every decision and every change.
    """

    def __init__(self, model: Any, base_model_digest: str) -> None:
        self.model = model
        self.lock = threading.RLock()
        self.version = 0
        self.digest = NO_ADAPTER_DIGEST
        self._base_model_digest = base_model_digest
        self._lora: tuple[int, float, tuple[str, ...]] | None = None
        self._live: dict[str, Tensor] = {}

    def stage(self, manifest: policy_pb2.AdapterManifest, payload: bytes) -> StagedAdapter:
        """Check everything about a version; changes no answer of the model.

        Raises:
            AdapterError: it must not be applied; the sentence says why.
        """
        self._check_manifest(manifest)
        if len(payload) != manifest.payload_bytes:
            raise AdapterError(
                f"Got {len(payload)} bytes, expected the manifest's {manifest.payload_bytes}: fetch again."
            )
        digest = hashlib.sha256(payload).hexdigest()
        if digest != manifest.payload_sha256:
            raise AdapterError("Got a payload whose sha256 is not the manifest's: fetch it again.")
        described = _described_tensors(payload)
        with self.lock:
            self._prepare(manifest.lora, described)
        tensors = _tensors(payload)
        for name, tensor in tensors.items():
            if not bool(tensor.abs().amax() <= MAX_SIZE):  # also false for NaN
                raise AdapterError(
                    f"Got a value in {name} that is not finite or beyond {MAX_SIZE:g}, expected a trained weight: "
                    "the version is broken."
                )
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

    def _check_manifest(self, manifest: policy_pb2.AdapterManifest) -> None:
        if manifest.base_model_digest != self._base_model_digest:
            raise AdapterError(
                f"Got an adapter for base model {manifest.base_model_digest[:12]!r}, expected "
                f"{self._base_model_digest[:12]!r}: run tuner and runtime with the same checkpoint."
            )
        if manifest.encoding != policy_pb2.ADAPTER_ENCODING_SAFETENSORS:
            raise AdapterError(f"Got the encoding {manifest.encoding}, expected safetensors: update the runtime.")
        self._check_newer(manifest.version)
        self._check_parent(manifest.version, None if manifest.replaces_any else manifest.parent_version)

    def _check_newer(self, version: int) -> None:
        if version <= self.version:
            raise AdapterError(f"Got version {version}, expected one above {self.version}: old versions are not taken.")

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
        self.model.eval()
        self.model.requires_grad_(False)
        self._live = adapter_tensors(self.model)
        self._lora = wanted

    def _check_shapes(self, described: dict[str, tuple[str, tuple[int, ...]]]) -> None:
        live = {name: ("F32", tuple(tensor.shape)) for name, tensor in self._live.items()}
        if described == live:
            return
        for name in sorted(described.keys() | live.keys()):
            if described.get(name) != live.get(name):
                raise AdapterError(
                    f"Got {described.get(name)} for {name}, expected {live.get(name)}: "
                    "the adapter is for another model."
                )


def _described_tensors(payload: bytes) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Read name, dtype and shape of every tensor from the header alone (safetensors' format section)."""
    length = struct.unpack("<Q", payload[:_LENGTH_BYTES])[0] if len(payload) >= _LENGTH_BYTES else 0
    if not 0 < length <= min(MAX_HEADER_BYTES, len(payload) - _LENGTH_BYTES):
        raise AdapterError(
            f"Got a safetensors header of {length} bytes, expected 1 to {MAX_HEADER_BYTES} within the payload: "
            "the version is broken."
        )
    try:
        header = json.loads(payload[_LENGTH_BYTES : _LENGTH_BYTES + length], object_pairs_hook=_without_duplicates)
        header.pop("__metadata__", None)
        return {name: (str(entry["dtype"]), tuple(map(int, entry["shape"]))) for name, entry in header.items()}
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise AdapterError(
            f"Got a safetensors header that cannot be read ({error!r}), expected dtype and shape of each tensor: "
            "the version is broken."
        ) from error


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a name occurs twice")
    return dict(pairs)


def _tensors(payload: bytes) -> dict[str, Tensor]:
    try:
        return load_safetensors(payload)
    except (SafetensorError, ValueError) as error:
        raise AdapterError(f"Got a payload that is no safetensors file ({error}): the version is broken.") from error
