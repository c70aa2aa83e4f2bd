"""The model's own slot takes deltas against the version in place, and only signed manifests where it has a key."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import zstandard
from coso.v1 import policy_pb2
from torch import Tensor

from agent_runtime.adapters import signatures
from agent_runtime.adapters.deltas import encode_delta
from agent_runtime.adapters.extrapolation import encode_extrapolated
from agent_runtime.adapters.layout import float32_layout
from agent_runtime.adapters.signatures import ManifestSigner, ManifestVerifier
from agent_runtime.errors import AdapterError
from agent_runtime.policy import adapter as adapter_module
from agent_runtime.policy.generate import VlmPolicy, load_policy
from agent_runtime.policy.lora import adapter_tensors
from tests.tiny_vlm import manifest_of, payload_of, picture_png, random_adapter

Manifest = policy_pb2.AdapterManifest
Tensors = dict[str, Tensor]
SIGNER = ManifestSigner(b"s" * 32)


@pytest.fixture(scope="module")
def first(tiny_folder: Path) -> Tensors:
    return random_adapter(tiny_folder)


@pytest.fixture(scope="module")
def second(first: Tensors) -> Tensors:
    generator = torch.Generator().manual_seed(5)
    return {name: tensor + 1e-4 * torch.randn(tensor.shape, generator=generator) for name, tensor in first.items()}


@pytest.fixture
def policy(tiny_folder: Path, first: Tensors) -> VlmPolicy:
    """Version 1 in place."""
    policy = load_policy(tiny_folder, "none", None)
    payload = payload_of(first)
    policy.stage_and_apply(manifest_of(tiny_folder, payload), payload)
    return policy


def delta_and_manifest(folder: Path, parent: Tensors, child: Tensors) -> tuple[bytes, Manifest]:
    """A delta to version 1 and the manifest it travels with."""
    whole = payload_of(child)
    delta = encode_delta(payload_of(parent), whole)
    assert delta is not None
    manifest = manifest_of(folder, delta, version=2, parent_version=1)
    manifest.encoding = policy_pb2.ADAPTER_ENCODING_DELTA_ZSTD
    manifest.adapter_bytes, manifest.adapter_sha256 = len(whole), hashlib.sha256(whole).hexdigest()
    return delta, manifest


def test_a_delta_puts_the_same_bits_and_digest_in_place_as_the_whole(
    policy: VlmPolicy, tiny_folder: Path, first: Tensors, second: Tensors
) -> None:
    delta, manifest = delta_and_manifest(tiny_folder, first, second)
    policy.stage_and_apply(manifest, delta)
    live = adapter_tensors(policy.slot.model)
    assert all(torch.equal(live[name].view(torch.int32), second[name].view(torch.int32)) for name in second)
    assert (policy.slot.version, policy.slot.digest) == (2, hashlib.sha256(payload_of(second)).hexdigest())
    decision = policy.decide(picture_png(), "Goal: x", temperature=0.0, seed=0)
    assert (decision.adapter_version, decision.adapter_digest) == (2, policy.slot.digest)


def assert_refused(policy: VlmPolicy, manifest: Manifest, payload: bytes, says: str, version: int = 1) -> None:
    held = policy.slot.held
    before = {name: tensor.clone() for name, tensor in adapter_tensors(policy.slot.model).items()}
    with pytest.raises(AdapterError) as refused:
        policy.stage_and_apply(manifest, payload)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)
    after = adapter_tensors(policy.slot.model)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert policy.slot.version == version
    assert policy.slot.held is held


BROKEN: dict[str, tuple[Callable[[Manifest], object], str]] = {
    "to any version": (lambda m: setattr(m, "replaces_any", True), "no version in particular"),
    "of another parent": (lambda m: setattr(m, "parent_version", 3), "made from 3, expected one made from 1"),
    "of another adapter": (lambda m: setattr(m, "adapter_sha256", "0" * 64), "fetch it whole"),
    "that names no adapter": (lambda m: m.ClearField("adapter_sha256"), "fetch it whole"),
    "said to be whole": (lambda m: setattr(m, "encoding", 1), "fetch it whole"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_delta_that_does_not_belong_is_refused(
    name: str, policy: VlmPolicy, tiny_folder: Path, first: Tensors, second: Tensors
) -> None:
    breaks, says = BROKEN[name]
    delta, manifest = delta_and_manifest(tiny_folder, first, second)
    breaks(manifest)
    assert_refused(policy, manifest, delta, says)


def test_a_delta_to_tensors_that_are_not_in_use_is_found_by_the_digest(
    policy: VlmPolicy, tiny_folder: Path, first: Tensors, second: Tensors
) -> None:
    other = {name: tensor * 1.001 for name, tensor in first.items()}
    delta, manifest = delta_and_manifest(tiny_folder, other, second)
    assert_refused(policy, manifest, delta, "made from other tensors")


def test_a_delta_of_broken_values_is_refused_like_the_whole(
    policy: VlmPolicy, tiny_folder: Path, first: Tensors, second: Tensors
) -> None:
    broken = {name: tensor.clone() for name, tensor in second.items()}
    broken[max(broken)][0, 0] = float("nan")
    delta, manifest = delta_and_manifest(tiny_folder, first, broken)
    assert_refused(policy, manifest, delta, "not finite or beyond")


def test_the_base_model_takes_no_delta(tiny_folder: Path, first: Tensors, second: Tensors) -> None:
    policy = load_policy(tiny_folder, "none", None)
    delta, manifest = delta_and_manifest(tiny_folder, first, second)
    for parent_version in (0, 1):
        manifest.parent_version = parent_version
        with pytest.raises(AdapterError, match="no version in particular"):
            policy.slot.stage(manifest, delta)


def test_a_whole_adapter_whose_two_digests_differ_is_refused(
    policy: VlmPolicy, tiny_folder: Path, second: Tensors
) -> None:
    payload = payload_of(second)
    manifest = manifest_of(tiny_folder, payload, 2, 1)
    manifest.adapter_sha256 = "0" * 64
    assert_refused(policy, manifest, payload, "sha256 is not the manifest's")


# --- deltas that need the version before the parent too


@pytest.fixture(scope="module")
def third(second: Tensors) -> Tensors:
    generator = torch.Generator().manual_seed(6)
    return {name: tensor + 1e-4 * torch.randn(tensor.shape, generator=generator) for name, tensor in second.items()}


@pytest.fixture
def two_deep(policy: VlmPolicy, tiny_folder: Path, second: Tensors) -> VlmPolicy:
    """Version 2 in place, version 1 before it."""
    payload = payload_of(second)
    policy.stage_and_apply(manifest_of(tiny_folder, payload, 2, 1), payload)
    return policy


def extrapolated(folder: Path, before: Tensors, parent: Tensors, child: Tensors) -> tuple[bytes, Manifest]:
    """A delta to version 2 that needs version 1, and the manifest it travels with."""
    whole = payload_of(child)
    delta = encode_extrapolated(payload_of(before), payload_of(parent), whole)
    manifest = manifest_of(folder, delta, version=3, parent_version=2)
    manifest.encoding = policy_pb2.ADAPTER_ENCODING_EXTRAPOLATED_ZSTD
    manifest.adapter_bytes, manifest.adapter_sha256 = len(whole), hashlib.sha256(whole).hexdigest()
    manifest.grandparent_adapter_sha256 = hashlib.sha256(payload_of(before)).hexdigest()
    return delta, manifest


def test_what_is_held_goes_along_with_the_version_in_place(
    two_deep: VlmPolicy, tiny_folder: Path, first: Tensors, second: Tensors, third: Tensors
) -> None:
    slot = two_deep.slot
    assert slot.before_digest == hashlib.sha256(payload_of(first)).hexdigest()
    delta, manifest = extrapolated(tiny_folder, first, second, third)
    two_deep.stage_and_apply(manifest, delta)
    live = adapter_tensors(slot.model)
    assert all(torch.equal(live[name].view(torch.int32), third[name].view(torch.int32)) for name in third)
    assert (slot.version, slot.digest) == (3, hashlib.sha256(payload_of(third)).hexdigest())
    assert slot.before_digest == hashlib.sha256(payload_of(second)).hexdigest()


def test_a_slot_just_started_holds_none_before(tiny_folder: Path, policy: VlmPolicy) -> None:
    assert load_policy(tiny_folder, "none", None).slot.before_digest == ""
    assert policy.slot.before_digest == ""  # version 1 alone is in place


MISPLACED: dict[str, tuple[Callable[[Manifest], object], str]] = {
    "of another grandparent": (lambda m: setattr(m, "grandparent_adapter_sha256", "0" * 64), "needs the adapter"),
    "of no grandparent": (lambda m: m.ClearField("grandparent_adapter_sha256"), "needs the adapter"),
    "to any version": (lambda m: setattr(m, "replaces_any", True), "no version in particular"),
    "of another parent": (lambda m: setattr(m, "parent_version", 1), "made from 1, expected one made from 2"),
    "of another adapter": (lambda m: setattr(m, "adapter_sha256", "0" * 64), "fetch it whole"),
    "said to be a delta to the parent alone": (lambda m: setattr(m, "encoding", 2), "fetch the whole"),
    "said to be whole": (lambda m: setattr(m, "encoding", 1), "fetch it whole"),
    "of an encoding that is not known": (lambda m: setattr(m, "encoding", 4), "Got the encoding 4"),
}


@pytest.mark.parametrize("name", MISPLACED)
def test_an_extrapolated_delta_that_does_not_belong_is_refused(
    name: str, two_deep: VlmPolicy, tiny_folder: Path, first: Tensors, second: Tensors, third: Tensors
) -> None:
    breaks, says = MISPLACED[name]
    delta, manifest = extrapolated(tiny_folder, first, second, third)
    breaks(manifest)
    assert_refused(two_deep, manifest, delta, says, version=2)


def test_an_extrapolated_delta_is_refused_where_the_version_before_is_not_held(
    policy: VlmPolicy, tiny_folder: Path, first: Tensors, second: Tensors, third: Tensors
) -> None:
    delta, manifest = extrapolated(tiny_folder, second, first, third)
    manifest.version, manifest.parent_version = 2, 1
    assert_refused(policy, manifest, delta, "expected 'none'")


def test_one_to_other_tensors_or_with_another_coefficient_is_found_by_the_digest(
    two_deep: VlmPolicy, tiny_folder: Path, first: Tensors, second: Tensors, third: Tensors
) -> None:
    other = {name: tensor * 1.001 for name, tensor in first.items()}
    delta, manifest = extrapolated(tiny_folder, other, second, third)
    manifest.grandparent_adapter_sha256 = two_deep.slot.before_digest
    assert_refused(two_deep, manifest, delta, "made from other tensors", version=2)
    delta, manifest = extrapolated(tiny_folder, first, second, third)
    content = bytearray(zstandard.ZstdDecompressor().decompress(delta))
    content[float32_layout(bytes(content)).data_offset_bytes] ^= 64
    changed = zstandard.ZstdCompressor().compress(bytes(content))
    manifest.payload_bytes, manifest.payload_sha256 = len(changed), hashlib.sha256(changed).hexdigest()
    assert_refused(two_deep, manifest, changed, "made from other tensors", version=2)


# --- signatures


def signed(folder: Path, payload: bytes, signer: ManifestSigner = SIGNER, at: float | None = None) -> Manifest:
    manifest = manifest_of(folder, payload, 2, 1)
    signer.sign(manifest, time.time() if at is None else at)
    return manifest


@pytest.fixture
def trusting(policy: VlmPolicy) -> VlmPolicy:
    policy.slot.verifier = ManifestVerifier(SIGNER.public_key)
    return policy


def test_a_signed_version_is_taken(trusting: VlmPolicy, tiny_folder: Path, second: Tensors) -> None:
    payload = payload_of(second)
    trusting.stage_and_apply(signed(tiny_folder, payload), payload)
    assert trusting.slot.version == 2


def test_missing_foreign_wrong_and_expired_signatures_are_refused_before_the_payload_is_looked_at(
    trusting: VlmPolicy, tiny_folder: Path, second: Tensors, monkeypatch: pytest.MonkeyPatch
) -> None:
    def touched(*_: object) -> None:
        raise AssertionError("the payload was parsed")

    for name in ("described_tensors", "decode_delta", "decode_extrapolated", "float32_values"):
        monkeypatch.setattr(adapter_module, name, touched)
    payload = payload_of(second)
    changed = signed(tiny_folder, payload)
    changed.version = 3
    past = time.time() - signatures.DEFAULT_LIFETIME_SEC - 1
    assert_refused(trusting, manifest_of(tiny_folder, payload, 2, 1), payload, "without a signature")
    assert_refused(trusting, signed(tiny_folder, payload, ManifestSigner(b"f" * 32)), payload, "signature by key")
    assert_refused(trusting, changed, payload, "wrong signature")
    assert_refused(trusting, signed(tiny_folder, payload, at=past), payload, "ended")


def test_a_refused_version_is_not_remembered_as_the_highest(
    trusting: VlmPolicy, tiny_folder: Path, second: Tensors
) -> None:
    payload = payload_of(second)
    high = manifest_of(tiny_folder, payload, 1000, 1)
    with pytest.raises(AdapterError):
        trusting.stage_and_apply(high, payload)
    trusting.stage_and_apply(signed(tiny_folder, payload), payload)
    assert trusting.slot.version == 2


def test_an_old_version_stays_refused_however_well_it_is_signed(
    trusting: VlmPolicy, tiny_folder: Path, second: Tensors
) -> None:
    payload = payload_of(second)
    manifest = signed(tiny_folder, payload)
    trusting.stage_and_apply(manifest, payload)
    with pytest.raises(AdapterError, match="old versions are not taken"):
        trusting.stage_and_apply(manifest, payload)
