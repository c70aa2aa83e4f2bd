"""A small model with an adapter in use, a key that signs, and versions that would be taken. Attacks nothing itself."""

from __future__ import annotations

import hashlib
import json
import random
import struct
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from coso.v1 import policy_pb2, tuner_pb2
from numpy.typing import NDArray
from safetensors.numpy import save
from torch import nn

from agent_runtime.adapter_inbox import AdapterInbox
from agent_runtime.adapters.deltas import encode_delta
from agent_runtime.adapters.extrapolation import encode_extrapolated
from agent_runtime.adapters.highest_seen import HighestSeen
from agent_runtime.adapters.signatures import ManifestSigner, ManifestVerifier
from agent_runtime.policy.adapter import AdapterSlot
from agent_runtime.policy.lora import adapter_tensors
from agent_runtime.uplink.following import Follower
from agent_runtime.uplink.link_state import LinkState

BASE: Final = "b" * 64
TOKENIZER: Final = "7" * 64
RANK, ALPHA, TARGETS = 4, 8.0, ("q_proj", "v_proj")
IN_USE: Final = 5
"""The version in use, the fifth of its tuner."""
_WIDTH, _LAYERS = 48, 2
Tensors = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Sent:
    """What a tuner, or who plays one, sends for a version; ``chunks`` are place and bytes, all at once where None."""

    manifest: policy_pb2.AdapterManifest
    payload: bytes
    chunks: tuple[tuple[int, bytes], ...] | None = None

    def parts(self) -> list[tuner_pb2.FollowAdaptersResponse]:
        """Return it as the stream has it."""
        parts = [tuner_pb2.FollowAdaptersResponse(manifest=self.manifest)]
        for place, data in self.chunks if self.chunks is not None else ((0, self.payload),):
            chunk = policy_pb2.AdapterChunk(offset_bytes=place, data=data)
            parts.append(tuner_pb2.FollowAdaptersResponse(chunk=chunk))
        return parts


class _Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.q_proj, self.v_proj = nn.Linear(_WIDTH, _WIDTH), nn.Linear(_WIDTH, _WIDTH // 2)
        self.norm = nn.LayerNorm(_WIDTH)


class _Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_Layer() for _ in range(_LAYERS))


@dataclass
class World:
    """A runtime's slot with version ``IN_USE`` in place, all of it made by the seed."""

    folder: Path
    seed: int
    slot_class: type[AdapterSlot] = AdapterSlot
    private_key: bytes = field(init=False)

    def __post_init__(self) -> None:
        rng = random.Random(f"world {self.seed}")
        self.private_key = rng.randbytes(32)
        self.signer = ManifestSigner(self.private_key)
        self.now_sec = time.time()
        torch.manual_seed(self.seed)
        self._recorded: list[tuple[Sent, Sent | None]] = []
        self.slot = self.fresh_slot("runtime")
        self.tensors: Tensors = {}
        for version in range(1, IN_USE + 1):
            parent, self.tensors = self.tensors, self._first() if not self.tensors else self.child(rng)
            self._recorded.append((self._whole(version), self._delta(version, parent, self.tensors)))
            self.take(self._recorded[-1][0])
            self._before = parent
        assert self.slot.version == IN_USE
        self._held = self.slot.held

    def fresh_slot(self, name: str) -> AdapterSlot:
        """Return a slot as after a start; the same name has the same memory of versions."""
        slot = self.slot_class(_Model(), BASE)
        slot.tokenizer_digest = TOKENIZER
        slot.verifier = ManifestVerifier(self.signer.public_key)
        slot.seen = HighestSeen(self.folder / name, self.signer.key_id)
        slot.seen.open()
        return slot

    def take(self, sent: Sent, slot: AdapterSlot | None = None) -> None:
        """Have the runtime follow a stream that says this, as its own threads do, and put in place what was staged."""
        inbox, state = AdapterInbox(slot or self.slot), LinkState("here")
        state.registered = True
        follower = Follower(
            state, "r", inbox.receive, inbox.version, inbox.digest, (), inbox.admits, inbox.before_digest
        )
        follower.run(_Line(sent, state))  # type: ignore[arg-type]  # it plays the line and the stub
        inbox.apply_waiting()

    def child(self, rng: random.Random) -> Tensors:
        """Return tensors a training step away from those in use."""
        noise = np.random.default_rng(rng.getrandbits(32))
        return {
            name: (tensor + noise.normal(0, 1e-4, tensor.shape)).astype(np.float32)
            for name, tensor in self.tensors.items()
        }

    def next_version(self, rng: random.Random) -> Sent:
        """Return a version that would be taken."""
        return self.whole(as_file(self.child(rng)), rng)

    def whole(self, payload: bytes, rng: random.Random) -> Sent:
        """Return a signed version of that file."""
        manifest = self._manifest(IN_USE + 1, payload)
        manifest.replaces_any = rng.random() < 0.5
        return self.signed(Sent(manifest, payload))

    def delta(self, rng: random.Random, parent: Tensors | None = None) -> Sent:
        """Return a signed version as its delta to the tensors in use, or to others."""
        made = self._delta(IN_USE + 1, parent or self.tensors, self.child(rng))
        assert made is not None, "a step away is always worth a delta"
        return made

    def extrapolated(self, rng: random.Random, before: Tensors | None = None, parent: Tensors | None = None) -> Sent:
        """Return a signed version as its delta to the tensors in use and those before them, or to others."""
        payload = as_file(self.child(rng))
        delta = encode_extrapolated(as_file(before or self._before), as_file(parent or self.tensors), payload)
        manifest = self._manifest(IN_USE + 1, payload)
        manifest.encoding = policy_pb2.ADAPTER_ENCODING_EXTRAPOLATED_ZSTD
        manifest.grandparent_adapter_sha256 = hashlib.sha256(as_file(self._before)).hexdigest()
        return self.signed(Sent(manifest, delta), resize=True)

    def good(self, rng: random.Random) -> Sent:
        """Return a signed version that would be taken, in any of the encodings."""
        return rng.choice((self.delta, self.extrapolated, self.next_version))(rng)

    def recorded(self, version: int, rng: random.Random) -> Sent:
        """Return an earlier version as it was sent once."""
        whole, delta = self._recorded[version - 1]
        return whole if delta is None or rng.random() < 0.5 else delta

    def signed(self, sent: Sent, resize: bool = False, replaces_any: bool | None = None) -> Sent:
        """Sign what was changed; with ``resize`` size and digest of what travels are those of the payload."""
        manifest = policy_pb2.AdapterManifest()
        manifest.CopyFrom(sent.manifest)
        if resize:
            manifest.payload_bytes = len(sent.payload)
            manifest.payload_sha256 = hashlib.sha256(sent.payload).hexdigest()
        if replaces_any is not None:
            manifest.replaces_any = replaces_any
        self.signer.sign(manifest, self.now_sec)
        return Sent(manifest, sent.payload, sent.chunks)

    def state(self) -> tuple[int, str, int, str]:
        """Return what no refused version may change: version, digest, the highest version seen, every byte in use."""
        whole = hashlib.sha256()
        assert self.slot.seen is not None
        for name, tensor in adapter_tensors(self.slot.model).items():
            whole.update(name.encode() + tensor.numpy().tobytes())
        return self.slot.version, self.slot.digest, self.slot.seen.version, whole.hexdigest()

    def put_back(self) -> None:
        """Undo what a version that was taken changed."""
        self.slot.version, self.slot.digest = IN_USE, hashlib.sha256(as_file(self.tensors)).hexdigest()
        self.slot.held = self._held
        live = adapter_tensors(self.slot.model)
        for name, tensor in self.tensors.items():
            live[name].copy_(torch.from_numpy(tensor))
        assert self.slot.seen is not None
        if self.slot.seen.version > IN_USE:
            self.slot.seen.path.write_text(f"{self.signer.key_id} {IN_USE}\n")
            self.slot.seen.open()

    def _first(self) -> Tensors:
        noise = np.random.default_rng(self.seed)
        names = [f"base_model.model.layers.{layer}.{target}" for layer in range(_LAYERS) for target in TARGETS]
        out = {"q_proj": _WIDTH, "v_proj": _WIDTH // 2}
        made: Tensors = {}
        for name in names:
            made[f"{name}.lora_A.weight"] = noise.normal(0, 0.1, (RANK, _WIDTH)).astype(np.float32)
            made[f"{name}.lora_B.weight"] = noise.normal(0, 0.1, (out[name[-6:]], RANK)).astype(np.float32)
        return made

    def _manifest(self, version: int, payload: bytes) -> policy_pb2.AdapterManifest:
        digest = hashlib.sha256(payload).hexdigest()
        return policy_pb2.AdapterManifest(
            version=version,
            parent_version=version - 1,
            base_model_digest=BASE,
            tokenizer_digest=TOKENIZER,
            encoding=policy_pb2.ADAPTER_ENCODING_SAFETENSORS,
            payload_bytes=len(payload),
            payload_sha256=digest,
            lora=policy_pb2.LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=TARGETS),
            adapter_sha256=digest,
            adapter_bytes=len(payload),
        )

    def _whole(self, version: int) -> Sent:
        payload = as_file(self.tensors)
        return self.signed(Sent(self._manifest(version, payload), payload))

    def _delta(self, version: int, parent: Tensors, child: Tensors) -> Sent | None:
        payload = as_file(child)
        delta = encode_delta(as_file(parent), payload) if parent else None
        if delta is None:
            return None
        manifest = self._manifest(version, payload)
        manifest.encoding = policy_pb2.ADAPTER_ENCODING_DELTA_ZSTD
        return self.signed(Sent(manifest, delta), resize=True)


class _Line:
    """Streams one version to a follower and ends its link."""

    def __init__(self, sent: Sent, state: LinkState) -> None:
        self.tls = None
        self._parts = iter(sent.parts())
        self._state = state

    def stub(self) -> _Line:
        """Return what to call: itself."""
        return self

    def FollowAdapters(self, request: tuner_pb2.FollowAdaptersRequest) -> _Line:  # noqa: N802
        return self

    def __iter__(self) -> _Line:
        return self

    def __next__(self) -> tuner_pb2.FollowAdaptersResponse:
        part = next(self._parts, None)
        if part is None:
            self._state.stopping = True
            raise StopIteration
        return part

    def cancel(self) -> None:
        """Nobody listens any more."""
        self._state.stopping = True


def as_file(tensors: Tensors) -> bytes:
    """Return tensors as a safetensors file."""
    return save({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()})


def header_of(payload: bytes) -> tuple[dict[str, dict[str, Any]], bytes]:
    """Return a file's header and the bytes of its tensors."""
    (length,) = struct.unpack("<Q", payload[:8])
    return json.loads(payload[8 : 8 + length]), payload[8 + length :]


def with_header(header: bytes, data: bytes) -> bytes:
    """Return a safetensors file: eight bytes of length, the header, the data."""
    return struct.pack("<Q", len(header)) + header + data
