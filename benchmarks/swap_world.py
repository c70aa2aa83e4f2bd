"""A tiny policy with many adapters, and the log-probs that each of them alone would have given. Swaps nothing."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from coso.v1 import policy_pb2
from safetensors.torch import load, save

from agent_runtime.policy.generate import VlmPolicy, load_policy
from agent_runtime.policy.lora import adapter_tensors, attach_lora
from agent_runtime.policy.score import Utterance, score_utterances
from agent_runtime.trajectory import NO_ADAPTER_DIGEST, Decision
from tests.learner_world import PROMPT, World, picture_png, tiny_checkpoint

LORA_R, LORA_ALPHA = 4, 8.0
TARGET_MODULES: Final = ("q_proj", "v_proj", "down_proj")
SCALE: Final = 0.3
"""Of the adapters' random values: no two of them give a token the same log-prob."""
SAME_NATS: Final = 1e-3
"""Mates in a batch change a log-prob by rounding alone, far less than this; another adapter by far more."""
MAX_NEW_TOKENS: Final = 6


@dataclass(frozen=True)
class Decided:
    """A decision, and what it was asked with."""

    decision: Decision
    temperature: float


class SwapWorld:
    """A checkpoint, ``count`` adapters that fit it, and a policy to score with that nobody swaps under."""

    def __init__(self, folder: Path, count: int) -> None:
        self.checkpoint = tiny_checkpoint(folder / "checkpoint")
        self.picture = picture_png()
        self._world = World(self.checkpoint)
        self._reference = attach_lora(self._world.loaded.model, LORA_R, LORA_ALPHA, TARGET_MODULES, seed=0)
        self._live = adapter_tensors(self._reference)
        self.payloads = [self._random(seed) for seed in range(count)]

    def policy(self) -> VlmPolicy:
        """Return a policy of its own over the checkpoint, the base model alone."""
        policy = load_policy(self.checkpoint, "none", None)
        policy._max_new_tokens = MAX_NEW_TOKENS
        return policy

    def payload(self, version: int) -> bytes:
        """Return the whole adapter of a version; versions take turns."""
        return self.payloads[version % len(self.payloads)]

    def manifest(self, policy: VlmPolicy, version: int, replaces_any: bool = True) -> policy_pb2.AdapterManifest:
        """Return what a tuner would publish a version with; the store or ``whole`` fills in size and digests."""
        return policy_pb2.AdapterManifest(
            version=version,
            parent_version=version - 1,
            replaces_any=replaces_any,
            base_model_digest=policy.identity.base_model_digest,
            lora=policy_pb2.LoraConfig(r=LORA_R, lora_alpha=LORA_ALPHA, target_modules=list(TARGET_MODULES)),
        )

    def torn(self, decided: Iterable[Decided]) -> list[str]:
        """Return what is wrong with decisions, each to be made wholly under the adapter whose digest it carries."""
        digests: dict[str, bytes | None] = {hashlib.sha256(payload).hexdigest(): payload for payload in self.payloads}
        digests[NO_ADAPTER_DIGEST] = None
        by_digest: dict[str, list[Decided]] = defaultdict(list)
        for item in decided:
            by_digest[item.decision.adapter_digest].append(item)
        wrong = [
            f"a decision under the digest {digest[:12]} of no version" for digest in by_digest.keys() - digests.keys()
        ]
        for digest, items in by_digest.items():
            if digest in digests:
                self._put(digests[digest])
                wrong += [text for item in items if (text := self._difference(item)) is not None]
        return wrong

    def _difference(self, item: Decided) -> str | None:
        now = self._log_probs(item)
        gap = max(abs(a - b) for a, b in zip(now, item.decision.log_probs, strict=True))
        if gap <= SAME_NATS:
            return None
        return f"version {item.decision.adapter_version}: a log-prob is {gap:.3g} nats from that of its adapter"

    @torch.no_grad()
    def _log_probs(self, item: Decided) -> Sequence[float]:
        asked = [Utterance(PROMPT, self.picture, item.decision.token_ids)]
        scores = score_utterances(self._reference, self._world._prompts, asked)
        log_probs = (scores.logits / (item.temperature or 1.0)).log_softmax(-1)
        found: list[float] = log_probs.gather(-1, scores.token_ids.unsqueeze(-1)).flatten().tolist()
        return found

    @torch.no_grad()
    def _put(self, payload: bytes | None) -> None:
        tensors = (
            {name: torch.zeros_like(live) for name, live in self._live.items()} if payload is None else load(payload)
        )
        for name, live in self._live.items():
            live.copy_(tensors[name])

    def _random(self, seed: int) -> bytes:
        generator = torch.Generator().manual_seed(seed)
        return save({name: torch.randn(live.shape, generator=generator) * SCALE for name, live in self._live.items()})


def whole(manifest: policy_pb2.AdapterManifest, payload: bytes) -> policy_pb2.AdapterManifest:
    """Fill in what a store fills in when it publishes the whole payload."""
    manifest.payload_bytes = manifest.adapter_bytes = len(payload)
    manifest.payload_sha256 = manifest.adapter_sha256 = hashlib.sha256(payload).hexdigest()
    manifest.encoding = policy_pb2.ADAPTER_ENCODING_SAFETENSORS
    return manifest
