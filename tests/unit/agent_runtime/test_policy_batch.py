"""Rows of a batch say what they would say alone: over ragged prompts, comings and goings, seeds and adapters."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent_runtime.actions import grammar_named
from agent_runtime.errors import PolicyError
from agent_runtime.policy.batch import Request, Row, TokenBatch
from agent_runtime.policy.checkpoint import LoadedModel, load_model
from agent_runtime.policy.generate import VlmPolicy
from agent_runtime.policy.prompt import PromptBuilder
from agent_runtime.policy.server import DecisionServer
from agent_runtime.trajectory import Decision, PolicyIdentity
from tests.tiny_vlm import manifest_of, payload_of, picture_png, random_adapter

IDENTITY = PolicyIdentity("base", "tokenizer", "none", "json")
TOLERANCE = 1e-4
PNGS = [picture_png(seed) for seed in range(4)]


def endless(loaded: LoadedModel, max_new_tokens: int = 12) -> VlmPolicy:
    """Return a policy whose answers have exactly so many tokens."""
    prompts = PromptBuilder(loaded.encoder, grammar_named("json"), "brief")
    return VlmPolicy(replace(loaded, stop_token_ids=frozenset()), prompts, IDENTITY, max_new_tokens, None)


@pytest.fixture(scope="module")
def policy(tiny_folder: Path) -> VlmPolicy:
    return endless(load_model(tiny_folder, "none"))


def request(policy: VlmPolicy, number: int) -> Request:
    """Return one of many requests: prompts of 1 to 40 letters, four pictures, three temperatures, a seed of its own."""
    rng = random.Random(number)
    prompt = "Goal: " + "".join(rng.choices("abcdef ", k=rng.randint(1, 40)))
    temperature = rng.choice((0.0, 0.7, 1.0))
    return policy.request(PNGS[number % len(PNGS)], prompt, temperature=temperature, seed=number)


def alone(policy: VlmPolicy, asked: Request) -> Decision:
    batch = policy.new_batch()
    row = batch.join(asked)
    while not row.is_over:
        batch.step()
    return policy.decision(row)


def is_same(found: Decision, expected: Decision) -> bool:
    return found.token_ids == expected.token_ids and list(found.log_probs) == pytest.approx(
        list(expected.log_probs), abs=TOLERANCE
    )


def flown(policy: VlmPolicy, joins: Sequence[tuple[int, int]]) -> dict[int, Decision]:
    """Fly requests, each of which joins after so many steps; return their decisions by number."""
    batch = policy.new_batch()
    left = sorted(joins, key=lambda join: join[1])
    rows: dict[int, Row] = {}
    steps = 0
    while left or any(not row.is_over for row in rows.values()):
        while left and left[0][1] <= steps:
            number, _ = left.pop(0)
            rows[number] = batch.join(request(policy, number))
        if any(not row.is_over for row in rows.values()):
            batch.step()
        steps += 1
    return {number: policy.decision(row) for number, row in rows.items()}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, 500), st.integers(0, 20)), min_size=1, max_size=7, unique_by=lambda one: one[0])
)
def test_whenever_rows_come_and_go_each_says_what_it_says_alone(
    policy: VlmPolicy, joins: list[tuple[int, int]]
) -> None:
    for number, decision in flown(policy, joins).items():
        assert is_same(decision, alone(policy, request(policy, number))), number


def test_rows_that_stop_early_leave_and_the_others_go_on(tiny_folder: Path) -> None:
    loaded = load_model(tiny_folder, "none")
    stopping = endless(loaded, 30)
    stopping._loaded = replace(loaded, stop_token_ids=frozenset(range(0, 263, 9)))  # one token in nine
    found = flown(stopping, [(number, 0) for number in range(6)])
    assert len({len(decision.token_ids) for decision in found.values()}) > 2
    for number, decision in found.items():
        assert is_same(decision, alone(stopping, request(stopping, number)))


def test_another_architecture_says_in_a_batch_what_it_says_alone(llava_folder: Path) -> None:
    policy = endless(load_model(llava_folder, "none"))
    for number, decision in flown(policy, [(number, number % 3) for number in range(5)]).items():
        assert is_same(decision, alone(policy, request(policy, number)))


def test_log_probs_are_those_of_a_teacher_forced_pass(policy: VlmPolicy) -> None:
    from agent_runtime.policy.score import Utterance, score_utterances

    asked = [policy.request(PNGS[0], f"Goal: {'x' * (5 * n)}", temperature=0.7, seed=n) for n in range(4)]
    batch = policy.new_batch()
    rows = [batch.join(one) for one in asked]
    while not all(row.is_over for row in rows):
        batch.step()
    for n, row in enumerate(rows):
        utterance = Utterance(f"Goal: {'x' * (5 * n)}", PNGS[0], tuple(row.token_ids))
        with torch.no_grad():
            scores = score_utterances(policy.slot.model, policy._prompts, [utterance])
        expected = torch.log_softmax(scores.logits / 0.7, -1).gather(-1, scores.token_ids.unsqueeze(-1)).flatten()
        assert row.log_probs == pytest.approx(expected.tolist(), abs=TOLERANCE)


def test_a_row_alone_is_the_same_bit_for_bit_after_others_were_there(policy: VlmPolicy) -> None:
    expected = alone(policy, request(policy, 7))
    flown(policy, [(number, 0) for number in range(3)])
    assert alone(policy, request(policy, 7)) == expected


def test_a_dropped_row_leaves_the_others_as_they_would_be(policy: VlmPolicy) -> None:
    batch = policy.new_batch()
    rows = [batch.join(request(policy, number)) for number in (3, 11, 12)]
    batch.step()
    batch.drop(rows[1])
    while not (rows[0].is_over and rows[2].is_over):
        batch.step()
    assert len(rows[1].token_ids) == 2
    for row, number in ((rows[0], 3), (rows[2], 12)):
        assert is_same(policy.decision(row), alone(policy, request(policy, number)))


def test_a_request_that_cannot_be_read_leaves_the_others_as_they_would_be(policy: VlmPolicy) -> None:
    batch = policy.new_batch()
    row = batch.join(request(policy, 3))
    asked = request(policy, 4)
    without_pictures = {**asked.inputs, "input_ids": torch.zeros_like(asked.inputs["input_ids"])}
    with pytest.raises((RuntimeError, ValueError)):
        batch.join(replace(asked, inputs=without_pictures))
    while not row.is_over:
        batch.step()
    assert is_same(policy.decision(row), alone(policy, request(policy, 3)))


def test_logits_that_are_no_numbers_end_their_row_alone(policy: VlmPolicy, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = policy.new_batch()
    rows = [batch.join(request(policy, number)) for number in (3, 11)]
    head = policy.slot.model.lm_head

    def spoil(module: object, args: object, logits: torch.Tensor) -> torch.Tensor:
        spoilt = logits.clone()
        spoilt[1] = math.nan
        return spoilt

    hook = head.register_forward_hook(spoil)
    over = batch.step()
    hook.remove()
    assert over == [rows[1]]
    with pytest.raises(PolicyError, match="no numbers"):
        policy.decision(rows[1])
    while not rows[0].is_over:
        batch.step()
    assert is_same(policy.decision(rows[0]), alone(policy, request(policy, 3)))


def test_a_cache_that_cannot_be_padded_is_not_shared(policy: VlmPolicy, monkeypatch: pytest.MonkeyPatch) -> None:
    class SlidingLayer:
        pass

    batch = policy.new_batch()
    assert batch.has_room
    batch.join(request(policy, 3))
    assert batch.has_room
    monkeypatch.setattr(batch._cache, "layers", [SlidingLayer()])
    assert not batch.has_room


def test_a_server_under_changing_adapters_answers_as_the_named_version_would(tiny_folder: Path) -> None:
    policy = endless(load_model(tiny_folder, "none"), 6)
    policy.slot._base_model_digest = manifest_of(tiny_folder, b"").base_model_digest
    tensors = random_adapter(tiny_folder, scale=0.1)
    asked: list[tuple[int, Any]] = []
    digests = [policy.slot.digest]
    with DecisionServer(policy) as server:
        for version in range(1, 4):
            asked += [(n, server.submit(PNGS[n % 4], f"Goal: {n}", temperature=1.0, seed=n)) for n in range(5)]
            payload = payload_of({name: tensor * version for name, tensor in tensors.items()})
            policy.stage_and_apply(manifest_of(tiny_folder, payload, version, version - 1), payload)
            digests.append(policy.slot.digest)
        answers = [(n, answer.result(60)) for n, answer in asked]
    again = endless(load_model(tiny_folder, "none"), 6)
    again.slot._base_model_digest = policy.slot._base_model_digest
    assert {decision.adapter_version for _, decision in answers} <= {0, 1, 2, 3}
    for version in range(4):
        if version:
            payload = payload_of({name: tensor * version for name, tensor in tensors.items()})
            again.stage_and_apply(manifest_of(tiny_folder, payload, version, version - 1), payload)
        for n, decision in answers:
            if decision.adapter_version == version:
                assert decision.adapter_digest == digests[version]
                assert is_same(decision, again.decide(PNGS[n % 4], f"Goal: {n}", temperature=1.0, seed=n))


def test_an_empty_batch_takes_any_request(policy: VlmPolicy) -> None:
    batch: TokenBatch = policy.new_batch()
    assert batch.has_room
    row = batch.join(request(policy, 3))
    batch.drop(row)
    assert batch.has_room
    row = batch.join(request(policy, 3))
    while not row.is_over:
        batch.step()
    assert policy.decision(row) == alone(policy, request(policy, 3))
