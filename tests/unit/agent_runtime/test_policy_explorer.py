"""A version with an explorer beside the deployed adapter: who answers what, on which way it comes, what is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from coso.v1 import policy_pb2
from torch import Tensor

from agent_runtime.adapters.deltas import encode_delta
from agent_runtime.adapters.explorer import EXPLORER_PREFIX, as_explorer, deployed_part, exploring_part
from agent_runtime.adapters.extrapolation import encode_extrapolated
from agent_runtime.errors import AdapterError
from agent_runtime.policy.exploring import acting_for
from agent_runtime.policy.generate import VlmPolicy, load_policy
from agent_runtime.policy.scripted import ScriptedPolicy
from agent_runtime.policy.server import DecisionServer
from agent_runtime.trajectory import Decision, Purpose
from tests.tiny_vlm import manifest_of, payload_of, picture_png, random_adapter

Tensors = dict[str, Tensor]
Alone = Callable[[Tensors], tuple[float, ...]]
ASKED = (picture_png(), "Goal: x")


@pytest.fixture(scope="module")
def deployed(tiny_folder: Path) -> Tensors:
    return random_adapter(tiny_folder, seed=1)


@pytest.fixture(scope="module")
def explorer(tiny_folder: Path) -> Tensors:
    return random_adapter(tiny_folder, seed=2)


@pytest.fixture
def policy(tiny_folder: Path) -> VlmPolicy:
    return load_policy(tiny_folder, "none", None)


def both(deployed: Tensors, explorer: Tensors) -> Tensors:
    return {**deployed, **as_explorer(explorer)}


def put(policy: VlmPolicy, folder: Path, tensors: Tensors, version: int) -> None:
    payload = payload_of(tensors)
    policy.stage_and_apply(manifest_of(folder, payload, version, version - 1), payload)


def answer(policy: VlmPolicy, purpose: Purpose) -> Decision:
    return acting_for(policy, purpose).decide(*ASKED, temperature=1.0, seed=3)


@pytest.fixture(scope="module")
def alone(tiny_folder: Path) -> Alone:
    """What a runtime says that holds these tensors and no others."""
    policy = load_policy(tiny_folder, "none", None)

    def said(tensors: Tensors) -> tuple[float, ...]:
        put(policy, tiny_folder, tensors, policy.slot.version + 1)
        return answer(policy, Purpose.EVALUATE).log_probs

    return said


def test_the_purpose_says_which_adapter_answers(
    policy: VlmPolicy, tiny_folder: Path, deployed: Tensors, explorer: Tensors, alone: Alone
) -> None:
    put(policy, tiny_folder, both(deployed, explorer), 1)
    acted = {purpose: answer(policy, purpose) for purpose in Purpose}
    assert acted[Purpose.EXPLORE].log_probs == alone(explorer)
    assert acted[Purpose.EVALUATE].log_probs == alone(deployed)
    assert acted[Purpose.DEMONSTRATE] == acted[Purpose.EVALUATE]
    assert acted[Purpose.EXPLORE].adapter_digest == acted[Purpose.EVALUATE].adapter_digest == policy.slot.digest
    assert policy.decide(*ASKED, temperature=1.0, seed=3) == acted[Purpose.EVALUATE]
    assert not any(parameter.requires_grad for parameter in policy.slot.model.parameters())
    assert not any(module.training for module in policy.slot.model.modules())


def test_a_served_policy_chooses_as_well(
    policy: VlmPolicy, tiny_folder: Path, deployed: Tensors, explorer: Tensors
) -> None:
    put(policy, tiny_folder, both(deployed, explorer), 1)
    direct = {purpose: answer(policy, purpose) for purpose in Purpose}
    with DecisionServer(policy) as server:
        served = {p: acting_for(server, p).decide(*ASKED, temperature=1.0, seed=3) for p in Purpose}
    assert served == direct


def test_versions_with_and_without_an_explorer_follow_each_other(
    policy: VlmPolicy, tiny_folder: Path, deployed: Tensors, explorer: Tensors, alone: Alone
) -> None:
    put(policy, tiny_folder, deployed, 1)
    assert answer(policy, Purpose.EXPLORE) == answer(policy, Purpose.EVALUATE)
    put(policy, tiny_folder, both(explorer, deployed), 2)
    assert answer(policy, Purpose.EXPLORE).log_probs == alone(deployed)
    put(policy, tiny_folder, explorer, 3)  # while the explorer of before was the one that answered last
    assert answer(policy, Purpose.EXPLORE) == answer(policy, Purpose.EVALUATE)
    assert answer(policy, Purpose.EXPLORE).log_probs == alone(explorer)


def test_a_policy_without_adapters_acts_every_purpose_itself() -> None:
    scripted = ScriptedPolicy(["x"])
    assert acting_for(scripted, Purpose.EXPLORE) is scripted


# --- on its way


def moved(tensors: Tensors, seed: int) -> Tensors:
    generator = torch.Generator().manual_seed(seed)
    return {name: tensor + 1e-4 * torch.randn(tensor.shape, generator=generator) for name, tensor in tensors.items()}


def test_deltas_carry_both_adapters_bit_for_bit(
    policy: VlmPolicy, tiny_folder: Path, deployed: Tensors, explorer: Tensors, alone: Alone
) -> None:
    first = both(deployed, explorer)
    second, third = moved(first, 5), moved(first, 6)
    put(policy, tiny_folder, first, 1)
    files = [payload_of(tensors) for tensors in (first, second, third)]
    delta = encode_delta(files[0], files[1])
    assert delta is not None
    manifest = manifest_of(tiny_folder, delta, 2, 1)
    manifest.encoding = policy_pb2.ADAPTER_ENCODING_DELTA_ZSTD
    manifest.adapter_bytes, manifest.adapter_sha256 = len(files[1]), hashlib.sha256(files[1]).hexdigest()
    policy.stage_and_apply(manifest, delta)
    assert policy.slot.digest == hashlib.sha256(files[1]).hexdigest()
    further = encode_extrapolated(*files)
    manifest = manifest_of(tiny_folder, further, 3, 2)
    manifest.encoding = policy_pb2.ADAPTER_ENCODING_EXTRAPOLATED_ZSTD
    manifest.adapter_bytes, manifest.adapter_sha256 = len(files[2]), hashlib.sha256(files[2]).hexdigest()
    manifest.grandparent_adapter_sha256 = hashlib.sha256(files[0]).hexdigest()
    policy.stage_and_apply(manifest, further)
    assert policy.slot.digest == hashlib.sha256(files[2]).hexdigest()
    assert answer(policy, Purpose.EXPLORE).log_probs == alone(exploring_part(third))
    assert answer(policy, Purpose.EVALUATE).log_probs == alone(deployed_part(third))


def test_a_delta_follows_a_version_that_has_no_explorer_any_more(
    policy: VlmPolicy, tiny_folder: Path, deployed: Tensors, explorer: Tensors
) -> None:
    put(policy, tiny_folder, both(explorer, deployed), 1)
    put(policy, tiny_folder, deployed, 2)
    child = payload_of(moved(deployed, 5))
    delta = encode_delta(payload_of(deployed), child)
    assert delta is not None
    manifest = manifest_of(tiny_folder, delta, 3, 2)
    manifest.encoding = policy_pb2.ADAPTER_ENCODING_DELTA_ZSTD
    manifest.adapter_bytes, manifest.adapter_sha256 = len(child), hashlib.sha256(child).hexdigest()
    policy.stage_and_apply(manifest, delta)
    assert policy.slot.digest == hashlib.sha256(child).hexdigest()


def _without_one(tensors: Tensors) -> Tensors:
    return {name: tensor for name, tensor in tensors.items() if name != max(tensors)}


def _with_nan(tensors: Tensors) -> Tensors:
    changed = dict(tensors)
    changed[max(tensors)] = torch.full_like(tensors[max(tensors)], float("nan"))
    return changed


BROKEN: dict[str, tuple[Callable[[Tensors, Tensors], Tensors], str]] = {
    "an explorer alone": (lambda d, e: as_explorer(e), "Got None for base_model"),
    "half an explorer": (lambda d, e: {**d, **as_explorer(_without_one(e))}, "Got None for explorer."),
    "half a deployed adapter": (lambda d, e: both(_without_one(d), e), "Got None for base_model"),
    "an explorer's explorer": (lambda d, e: {**both(d, e), **as_explorer(as_explorer(moved(d, 9)))}, "expected None"),
    "an explorer of another rank": (
        lambda d, e: both(d, {name: torch.cat([tensor, tensor]) for name, tensor in e.items()}),
        "for explorer.base_model",
    ),
    "another word before the names": (lambda d, e: {**d, **{f"second.{n}": t for n, t in e.items()}}, "expected None"),
    "an explorer that is no number": (lambda d, e: both(d, _with_nan(e)), f"a value in {EXPLORER_PREFIX}"),
}


@pytest.mark.parametrize("is_first", [True, False])
def test_neither_one_set_nor_both_is_refused(
    is_first: bool, policy: VlmPolicy, tiny_folder: Path, deployed: Tensors, explorer: Tensors, alone: Alone
) -> None:
    version = 1
    if not is_first:
        put(policy, tiny_folder, deployed, 1)
        version = 2
    before = policy.slot.version, policy.slot.digest, answer(policy, Purpose.EXPLORE)
    for breaks, says in BROKEN.values():
        with pytest.raises(AdapterError, match=says) as refused:
            put(policy, tiny_folder, breaks(deployed, explorer), version)
        assert "\n" not in str(refused.value)
        assert (policy.slot.version, policy.slot.digest, answer(policy, Purpose.EXPLORE)) == before
        assert not [n for n, _ in policy.slot.model.named_parameters() if ".explorer." in n]
    put(policy, tiny_folder, both(deployed, explorer), version)
    assert answer(policy, Purpose.EXPLORE).log_probs == alone(explorer)
