"""A good adapter: copied in place between two decisions, named on every decision after, and the answers are its own."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from agent_runtime.errors import AdapterError
from agent_runtime.policy.generate import VlmPolicy, load_policy
from agent_runtime.policy.lora import adapter_tensors
from agent_runtime.trajectory import NO_ADAPTER_DIGEST, Decision
from tests.tiny_vlm import LORA_ALPHA, LORA_R, TARGET_MODULES, manifest_of, payload_of, picture_png, random_adapter

Tensors = dict[str, Tensor]


@pytest.fixture(scope="module")
def tensors(tiny_folder: Path) -> Tensors:
    return random_adapter(tiny_folder)


@pytest.fixture
def policy(tiny_folder: Path) -> VlmPolicy:
    return load_policy(tiny_folder, "none", None)


@pytest.fixture
def publish(policy: VlmPolicy, tiny_folder: Path) -> Callable[..., str]:
    """Stage and apply tensors as a version; returns the payload's digest."""

    def published(tensors: Tensors, *manifest: Any, **settings: Any) -> str:
        payload = payload_of(tensors)
        policy.stage_and_apply(manifest_of(tiny_folder, payload, *manifest, **settings), payload)
        return hashlib.sha256(payload).hexdigest()

    return published


def answer(policy: VlmPolicy, seed: int = 0) -> Decision:
    return policy.decide(picture_png(), "Goal: x", temperature=1.0, seed=seed)


def test_a_good_adapter_changes_the_answer_and_stands_on_every_decision(
    policy: VlmPolicy, publish: Callable[..., str], tensors: Tensors
) -> None:
    before = answer(policy)
    assert (before.adapter_version, before.adapter_digest) == (0, NO_ADAPTER_DIGEST)
    digest = publish(tensors, 1, 0)
    after = answer(policy)
    assert after.log_probs != before.log_probs
    assert (after.adapter_version, after.adapter_digest) == (1, digest)
    second = publish({name: -tensor for name, tensor in tensors.items()}, 2, 1)
    assert (answer(policy).adapter_version, answer(policy).adapter_digest) == (2, second)


def test_an_adapter_is_copied_into_the_same_storage(
    policy: VlmPolicy, publish: Callable[..., str], tensors: Tensors
) -> None:
    publish(tensors, 1, 0)
    live = adapter_tensors(policy.slot.model)
    places = {name: tensor.data_ptr() for name, tensor in live.items()}
    changed = {name: tensor + 1 for name, tensor in tensors.items()}
    publish(changed, 2, 1)
    assert {name: tensor.data_ptr() for name, tensor in adapter_tensors(policy.slot.model).items()} == places
    for name, tensor in live.items():
        assert torch.equal(tensor, changed[name])


def test_the_answer_is_that_of_the_base_weights_with_the_product_added(
    policy: VlmPolicy, publish: Callable[..., str], tensors: Tensors, tiny_folder: Path
) -> None:
    small = {name: tensor * 0.1 for name, tensor in tensors.items()}
    publish(small, 1, 0)
    merged = load_policy(tiny_folder, "none", None)
    for name in (name for name in small if ".lora_A." in name):
        layer = merged.slot.model.get_submodule(name.removeprefix("base_model.model.").removesuffix(".lora_A.weight"))
        product = small[name.replace(".lora_A.", ".lora_B.")] @ small[name]
        layer.weight.data += LORA_ALPHA / LORA_R * product  # W + (α/r)·B·A
    found, expected = answer(policy), answer(merged)
    assert found.token_ids == expected.token_ids
    assert found.log_probs == pytest.approx(expected.log_probs, abs=1e-4)


def test_staging_alone_changes_no_answer(policy: VlmPolicy, tiny_folder: Path, tensors: Tensors) -> None:
    before = answer(policy)
    payload = payload_of(tensors)
    policy.slot.stage(manifest_of(tiny_folder, payload), payload)
    assert answer(policy) == before
    assert not any(parameter.requires_grad for parameter in policy.slot.model.parameters())
    assert not policy.slot.model.training


def test_only_the_language_model_gets_lora_layers(
    policy: VlmPolicy, publish: Callable[..., str], tensors: Tensors
) -> None:
    publish(tensors, 1, 0)
    wrapped = [name for name, module in policy.slot.model.named_modules() if hasattr(module, "base_layer")]
    assert len(wrapped) == 2 * len(TARGET_MODULES)  # two layers of the language model
    assert all(".language_model." in name and name.endswith(TARGET_MODULES) for name in wrapped)


def test_versions_come_in_order_unless_one_replaces_any(
    policy: VlmPolicy, publish: Callable[..., str], tensors: Tensors
) -> None:
    publish(tensors, 3, 0)
    with pytest.raises(AdapterError, match="made from 2, expected one made from 3"):
        publish(tensors, 4, 2)
    with pytest.raises(AdapterError, match="expected one above 3"):
        publish(tensors, 3, 3)
    with pytest.raises(AdapterError, match="expected one above 3"):
        publish(tensors, 2, 0, replaces_any=True)
    for version, parent in ((5, 1), (9, 0), (10, 9)):
        publish(tensors, version, parent, replaces_any=True)
        assert policy.slot.version == version


def test_a_staged_version_that_was_overtaken_is_not_applied(
    policy: VlmPolicy, tiny_folder: Path, tensors: Tensors
) -> None:
    payload = payload_of(tensors)
    other = payload_of({name: -tensor for name, tensor in tensors.items()})
    first = policy.slot.stage(manifest_of(tiny_folder, payload, 1, 0), payload)
    twin = policy.slot.stage(manifest_of(tiny_folder, other, 1, 0), other)
    second = policy.slot.stage(manifest_of(tiny_folder, other, 2, 0), other)
    any_older = policy.slot.stage(manifest_of(tiny_folder, other, 1, 0, replaces_any=True), other)
    policy.slot.apply(first)
    before = answer(policy)
    for overtaken in (twin, second, any_older, first):
        with pytest.raises(AdapterError):
            policy.slot.apply(overtaken)
        assert answer(policy) == before


def test_a_swap_from_another_thread_waits_for_the_decision(
    policy: VlmPolicy, tiny_folder: Path, tensors: Tensors
) -> None:
    before = answer(policy)
    payload = payload_of(tensors)
    staged = policy.slot.stage(manifest_of(tiny_folder, payload), payload)
    seen: list[bool] = []
    about_to_apply = threading.Event()

    def apply() -> None:
        seen.append(policy.slot.lock.acquire(blocking=False))
        about_to_apply.set()
        policy.slot.apply(staged)

    thread = threading.Thread(target=apply)

    def start_once(module: object, args: object) -> None:
        if not seen:
            thread.start()
            assert about_to_apply.wait(30)
        assert policy.slot.version == 0

    hook = policy.slot.model.get_base_model().register_forward_pre_hook(start_once)
    during = answer(policy)
    hook.remove()
    thread.join(30)
    assert seen == [False]  # the decision held the lock
    assert during == before
    assert policy.slot.version == 1
    assert answer(policy).log_probs != before.log_probs


def test_a_decision_waits_for_a_swap(policy: VlmPolicy, publish: Callable[..., str], tensors: Tensors) -> None:
    publish(tensors, 1, 0)
    answers: list[Decision] = []
    thread = threading.Thread(target=lambda: answers.append(answer(policy)))
    with policy.slot.lock:
        thread.start()
        digest = publish({name: -tensor for name, tensor in tensors.items()}, 2, 1)
        assert answers == []
    thread.join(30)
    assert (answers[0].adapter_version, answers[0].adapter_digest) == (2, digest)
    assert answers[0] == answer(policy)
