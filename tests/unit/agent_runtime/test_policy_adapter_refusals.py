"""An adapter that must not be applied: each way of being wrong is one sentence, and not one byte of the model moves."""

from __future__ import annotations

import copy
import hashlib
import json
import math
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from coso.v1 import policy_pb2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from agent_runtime.errors import AdapterError
from agent_runtime.policy.adapter import MAX_HEADER_BYTES, MAX_SIZE
from agent_runtime.policy.generate import VlmPolicy, load_policy
from agent_runtime.trajectory import NO_ADAPTER_DIGEST
from tests.tiny_vlm import manifest_of, payload_of, picture_png, random_adapter

Manifest = policy_pb2.AdapterManifest
Tensors = dict[str, Tensor]


@pytest.fixture(scope="module")
def tensors(tiny_folder: Path) -> Tensors:
    return random_adapter(tiny_folder)


@pytest.fixture
def base(tiny_folder: Path) -> VlmPolicy:
    """The base model alone, version 0."""
    return load_policy(tiny_folder, "none", None)


@pytest.fixture(scope="module")
def adapted(tiny_folder: Path, tensors: Tensors) -> VlmPolicy:
    """Version 1 in place; refusals must leave it so for the next test."""
    policy = load_policy(tiny_folder, "none", None)
    payload = payload_of(tensors)
    policy.stage_and_apply(manifest_of(tiny_folder, payload), payload)
    return policy


def state_of(policy: VlmPolicy) -> tuple[int, str, str, str]:
    """Everything that must stay: version, digest, the answer to one question, every byte under its name."""
    whole = hashlib.sha256()
    for name, tensor in policy.slot.model.state_dict().items():
        whole.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        whole.update(tensor.contiguous().view(torch.uint8).numpy().tobytes())
    answer = policy.decide(picture_png(), "Goal: x", temperature=0.0, seed=0)
    return policy.slot.version, policy.slot.digest, repr(answer), whole.hexdigest()


def assert_refused(policy: VlmPolicy, manifest: Manifest, payload: bytes, says: str) -> None:
    before = state_of(policy)
    with pytest.raises(AdapterError) as refused:
        policy.stage_and_apply(manifest, payload)
    sentence = str(refused.value)
    assert says in sentence
    assert sentence.startswith("Got ")
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert state_of(policy) == before


def lora_layers(policy: VlmPolicy) -> list[str]:
    return [name for name, _ in policy.slot.model.named_modules() if "lora" in name or "base_layer" in name]


def _set_targets(manifest: Manifest, *targets: str) -> None:
    del manifest.lora.target_modules[:]
    manifest.lora.target_modules.extend(targets)


BROKEN_MANIFESTS: dict[str, tuple[Callable[[Manifest], object], str]] = {
    "another base model": (lambda m: setattr(m, "base_model_digest", "0" * 64), "with the same checkpoint"),
    "no base model": (lambda m: m.ClearField("base_model_digest"), "with the same checkpoint"),
    "another tokenizer": (lambda m: setattr(m, "tokenizer_digest", "0" * 64), "with the same checkpoint"),
    "another parent": (lambda m: setattr(m, "parent_version", 7), "made from 7"),
    "version 0": (lambda m: setattr(m, "version", 0), "old versions are not taken"),
    "too long": (lambda m: setattr(m, "payload_bytes", m.payload_bytes - 1), "fetch again"),
    "too short": (lambda m: setattr(m, "payload_bytes", m.payload_bytes + 1), "fetch again"),
    "another payload": (lambda m: setattr(m, "payload_sha256", "0" * 64), "sha256 is not the manifest's"),
    "no encoding": (lambda m: m.ClearField("encoding"), "expected safetensors"),
    "an encoding to come": (lambda m: setattr(m, "encoding", 9), "expected safetensors"),
}
BROKEN_LORA: dict[str, tuple[Callable[[Manifest], object], str]] = {
    "rank 0": (lambda m: setattr(m.lora, "r", 0), "rank 0 and alpha 8.0, expected 1 to 512"),
    "another rank": (lambda m: setattr(m.lora, "r", 8), "Got ('F32', (4, 256))"),
    "a rank beyond memory": (lambda m: setattr(m.lora, "r", 1 << 20), "expected 1 to 512"),
    "alpha 0": (lambda m: setattr(m.lora, "lora_alpha", 0.0), "a number > 0"),
    "alpha NaN": (lambda m: setattr(m.lora, "lora_alpha", math.nan), "a number > 0"),
    "alpha infinite": (lambda m: setattr(m.lora, "lora_alpha", math.inf), "a number > 0"),
    "no targets": (lambda m: _set_targets(m), "target modules ()"),
    "absent targets": (lambda m: _set_targets(m, "c_attn"), "target modules ('c_attn',)"),
    "some absent targets": (lambda m: _set_targets(m, "q_proj", "c_attn"), "expected None"),
    "a target that is no linear layer": (lambda m: _set_targets(m, "q_proj", "input_layernorm"), "not a linear layer"),
    "a target that is a container": (lambda m: _set_targets(m, "q_proj", "layers"), "not a linear layer"),
    "targets in the vision tower": (lambda m: _set_targets(m, "visual", "linear_fc1"), "('visual', 'linear_fc1')"),
}


def with_header(header: bytes, data: bytes = b"") -> bytes:
    """A safetensors file: eight bytes of length, the header, the data."""
    return struct.pack("<Q", len(header)) + header + data


def _parts(payload: bytes) -> tuple[dict[str, dict[str, object]], bytes]:
    (length,) = struct.unpack("<Q", payload[:8])
    return json.loads(payload[8 : 8 + length]), payload[8 + length :]


def _changed_first(tensors: Tensors, change: Callable[[Tensor], Tensor]) -> bytes:
    first = min(tensors)
    return payload_of({**tensors, first: change(tensors[first]).contiguous()})


def _with_value(tensors: Tensors, value: float) -> bytes:
    changed = copy.deepcopy(tensors)
    changed[max(changed)][-1, -1] = value
    return payload_of(changed)


def _twice_the_first(tensors: Tensors) -> bytes:
    header, data = _parts(payload_of(tensors))
    first = min(header)
    once = json.dumps(header)[1:]
    return with_header(f"{{{json.dumps(first)}:{json.dumps(header[first])},{once}".encode(), data)


def _all_at_the_start(tensors: Tensors) -> bytes:
    header, data = _parts(payload_of(tensors))
    for entry in header.values():
        entry["data_offsets"] = [0, 16]
    return with_header(json.dumps(header).encode(), data)


UNFIT_PAYLOADS: dict[str, tuple[Callable[[Tensors], bytes], str]] = {
    "no bytes": (lambda t: b"", "header of 0 bytes"),
    "no whole length": (lambda t: b"\1" * 7, "header of 0 bytes"),
    "an empty header": (lambda t: with_header(b"", b"data"), "header of 0 bytes"),
    "a header bomb": (lambda t: struct.pack("<Q", 1 << 62) + b"{}", f"header of {1 << 62} bytes"),
    "a header beyond the bound": (lambda t: with_header(b" " * (MAX_HEADER_BYTES + 1)), f"1 to {MAX_HEADER_BYTES}"),
    "a header longer than the file": (lambda t: struct.pack("<Q", 3) + b"{}", "header of 3 bytes"),
    "a truncated header": (lambda t: with_header(payload_of(t)[8:100]), "cannot be read"),
    "a header that is no text": (lambda t: with_header(b"\xff\xfe\xfd"), "cannot be read"),
    "a header that is a list": (lambda t: with_header(b"[]"), "cannot be read"),
    "a header that is a number": (lambda t: with_header(b"7"), "cannot be read"),
    "a header nested deep": (lambda t: with_header(b'{"a":' * 100_000), "cannot be read"),
    "an entry without a shape": (lambda t: with_header(b'{"a":{"dtype":"F32"}}'), "cannot be read"),
    "an entry that is a text": (lambda t: with_header(b'{"a":"F32"}'), "cannot be read"),
    "a shape of infinity": (lambda t: with_header(b'{"a":{"dtype":"F32","shape":[1e999]}}'), "cannot be read"),
    "a name twice": (_twice_the_first, "a name occurs twice"),
    "an empty adapter": (lambda t: with_header(b"{}"), "expected ('F32'"),
    "half precision": (lambda t: _changed_first(t, lambda first: first.half()), "Got ('F16'"),
    "double precision": (lambda t: _changed_first(t, lambda first: first.double()), "Got ('F64'"),
    "whole numbers": (lambda t: _changed_first(t, lambda first: first.int()), "Got ('I32'"),
    "a transposed tensor": (lambda t: _changed_first(t, lambda first: first.T), "(256, 4)"),
    "a tensor of one axis": (lambda t: _changed_first(t, lambda first: first.flatten()), "(1024,)"),
    "a missing tensor": (lambda t: payload_of({name: t[name] for name in sorted(t)[1:]}), "Got None for"),
    "a tensor too many": (lambda t: payload_of({**t, "lm_head.weight": torch.zeros(2, 2)}), "lm_head.weight"),
    "another name": (lambda t: payload_of({name.replace("q_proj", "o_proj"): t[name] for name in t}), "o_proj"),
}
BROKEN_VALUES: dict[str, tuple[Callable[[Tensors], bytes], str]] = {
    "NaN": (lambda t: _with_value(t, math.nan), "not finite or beyond 1000"),
    "infinity": (lambda t: _with_value(t, math.inf), "not finite or beyond 1000"),
    "minus infinity": (lambda t: _with_value(t, -math.inf), "not finite or beyond 1000"),
    "too large": (lambda t: _with_value(t, -MAX_SIZE * 1.001), "not finite or beyond 1000"),
    "truncated data": (lambda t: payload_of(t)[:-4], "it is no whole adapter"),
    "data too long": (lambda t: payload_of(t) + b"more", "it is no whole adapter"),
    "overlapping data": (_all_at_the_start, "expected it whole and from 0 on"),
}


@pytest.mark.parametrize("name", [*BROKEN_MANIFESTS, *BROKEN_LORA])
def test_a_broken_manifest_leaves_the_base_model_as_it_was(
    name: str, base: VlmPolicy, tiny_folder: Path, tensors: Tensors
) -> None:
    breaks, says = {**BROKEN_MANIFESTS, **BROKEN_LORA}[name]
    payload = payload_of(tensors)
    manifest = manifest_of(tiny_folder, payload)
    breaks(manifest)
    assert_refused(base, manifest, payload, says)
    assert lora_layers(base) == []
    assert not any(parameter.requires_grad for parameter in base.slot.model.parameters())
    good = manifest_of(tiny_folder, payload)
    base.stage_and_apply(good, payload)  # and a good one is still taken
    assert (base.slot.version, base.slot.digest) == (1, good.payload_sha256)


@pytest.mark.parametrize("name", UNFIT_PAYLOADS)
def test_a_first_payload_that_does_not_fit_leaves_no_lora_layers(
    name: str, base: VlmPolicy, tiny_folder: Path, tensors: Tensors
) -> None:
    breaks, says = UNFIT_PAYLOADS[name]
    payload = breaks(tensors)
    assert_refused(base, manifest_of(tiny_folder, payload), payload, says)
    assert lora_layers(base) == []
    assert (base.slot.version, base.slot.digest) == (0, NO_ADAPTER_DIGEST)


@pytest.mark.parametrize("name", [*BROKEN_MANIFESTS, *BROKEN_LORA])
def test_a_broken_manifest_leaves_the_version_in_use(
    name: str, adapted: VlmPolicy, tiny_folder: Path, tensors: Tensors
) -> None:
    breaks, says = {**BROKEN_MANIFESTS, **BROKEN_LORA}[name]
    payload = payload_of({name: -tensor for name, tensor in tensors.items()})
    manifest = manifest_of(tiny_folder, payload, version=2, parent_version=1)
    breaks(manifest)
    assert_refused(adapted, manifest, payload, "as before" if name in BROKEN_LORA else says)


@pytest.mark.parametrize("name", [*UNFIT_PAYLOADS, *BROKEN_VALUES])
def test_a_broken_payload_leaves_the_version_in_use(
    name: str, adapted: VlmPolicy, tiny_folder: Path, tensors: Tensors
) -> None:
    breaks, says = {**UNFIT_PAYLOADS, **BROKEN_VALUES}[name]
    payload = breaks({name: -tensor for name, tensor in tensors.items()})
    assert_refused(adapted, manifest_of(tiny_folder, payload, 2, 1), payload, says)


@pytest.mark.parametrize("name", BROKEN_VALUES)
def test_a_first_payload_of_broken_values_changes_no_answer(
    name: str, base: VlmPolicy, tiny_folder: Path, tensors: Tensors
) -> None:
    breaks, says = BROKEN_VALUES[name]
    payload = breaks(tensors)
    version, digest, answer, _ = state_of(base)
    with pytest.raises(AdapterError, match=says):
        base.stage_and_apply(manifest_of(tiny_folder, payload), payload)
    assert state_of(base)[:3] == (version, digest, answer)


@given(data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_payload_with_any_byte_of_its_header_changed_is_refused_or_verified(
    data: st.DataObject, adapted: VlmPolicy, tiny_folder: Path, tensors: Tensors
) -> None:
    payload = bytearray(payload_of(tensors))
    (length,) = struct.unpack("<Q", payload[:8])
    payload[data.draw(st.integers(0, 8 + length - 1))] = data.draw(st.integers(0, 255))
    try:
        staged = adapted.slot.stage(manifest_of(tiny_folder, bytes(payload), 2, 1), bytes(payload))
    except AdapterError:
        return
    assert staged.tensors.keys() == tensors.keys()
    assert all(staged.tensors[name].shape == tensors[name].shape for name in tensors)
