"""Decisions: repeatable for a seed, with the log-probs of what was sampled, ended by a stop token or the limit."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from agent_runtime.actions import grammar_named
from agent_runtime.errors import PolicyError, UsageError
from agent_runtime.policy.batch import Row
from agent_runtime.policy.checkpoint import LoadedModel, load_model
from agent_runtime.policy.generate import VlmPolicy, load_policy
from agent_runtime.policy.prompt import PromptBuilder
from agent_runtime.policy.score import Utterance, score_utterances
from agent_runtime.trajectory import Decision, PolicyIdentity
from tests.tiny_vlm import manifest_of, payload_of, picture, picture_png, random_adapter

PROMPT = "Goal: open the clock"
PNG = picture_png()
IDENTITY = PolicyIdentity("base", "tokenizer", "none", "json")


@pytest.fixture(scope="module")
def loaded(tiny_folder: Path) -> LoadedModel:
    return load_model(tiny_folder, "none")


@pytest.fixture(scope="module")
def prompts(loaded: LoadedModel) -> PromptBuilder:
    return PromptBuilder(loaded.encoder, grammar_named("json"), "brief")


@pytest.fixture(scope="module")
def policy(loaded: LoadedModel, prompts: PromptBuilder) -> VlmPolicy:
    return VlmPolicy(loaded, prompts, IDENTITY, 12, None)


def decided(policy: VlmPolicy, temperature: float = 1.0, seed: int = 0, prompt: str = PROMPT) -> Decision:
    return policy.decide(PNG, prompt, temperature=temperature, seed=seed)


@torch.no_grad()
def teacher_forced(policy: VlmPolicy, prompts: PromptBuilder, decision: Decision, temperature: float) -> list[float]:
    """log softmax(logits / temperature) of every token, by one pass over prompt and answer."""
    scores = score_utterances(policy.slot.model, prompts, [Utterance(PROMPT, PNG, decision.token_ids)])
    log_probs = torch.log_softmax(scores.logits / temperature, dim=-1)
    return log_probs.gather(-1, scores.token_ids.unsqueeze(-1)).flatten().tolist()


@pytest.mark.parametrize("temperature", [0.0, 0.3, 1.0, 2.0])
@pytest.mark.parametrize("seed", [0, 1, -7, 2**70])
def test_the_same_seed_gives_the_same_decision(policy: VlmPolicy, temperature: float, seed: int) -> None:
    assert decided(policy, temperature, seed) == decided(policy, temperature, seed)


def test_sampling_differs_over_seeds_and_greedy_does_not(policy: VlmPolicy) -> None:
    assert len({decided(policy, 1.0, seed).token_ids for seed in range(6)}) == 6  # 263^12 utterances to choose from
    assert len({decided(policy, 0.0, seed) for seed in range(6)}) == 1


def test_a_cold_sample_is_the_greedy_one(policy: VlmPolicy) -> None:
    assert decided(policy, 1e-4).token_ids == decided(policy, 0.0).token_ids


def test_every_token_has_a_log_prob_at_or_below_zero(policy: VlmPolicy) -> None:
    decision = decided(policy)
    assert len(decision.token_ids) == len(decision.log_probs)
    assert max(decision.log_probs) <= 0
    assert decided(policy, 1e-4).log_probs == pytest.approx([0.0] * 12, abs=1e-3)  # nothing else is likely there


@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.7])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_log_probs_are_those_of_a_teacher_forced_pass(
    policy: VlmPolicy, prompts: PromptBuilder, temperature: float, seed: int
) -> None:
    decision = decided(policy, temperature, seed)
    expected = teacher_forced(policy, prompts, decision, temperature)
    assert list(decision.log_probs) == pytest.approx(expected, abs=1e-4)


def test_greedy_log_probs_are_those_of_the_untempered_distribution(policy: VlmPolicy, prompts: PromptBuilder) -> None:
    decision = decided(policy, 0.0)
    assert list(decision.log_probs) == pytest.approx(teacher_forced(policy, prompts, decision, 1.0), abs=1e-4)


def test_log_probs_under_an_adapter_are_those_of_a_teacher_forced_pass(tiny_folder: Path) -> None:
    policy = load_policy(tiny_folder, "none", None)
    payload = payload_of(random_adapter(tiny_folder))
    policy.stage_and_apply(manifest_of(tiny_folder, payload), payload)
    prompts = PromptBuilder(load_model(tiny_folder, "none").encoder, grammar_named("json"), "brief")
    decision = decided(policy)
    assert list(decision.log_probs) == pytest.approx(teacher_forced(policy, prompts, decision, 1.0), abs=1e-4)


def test_log_probs_of_another_architecture_are_those_of_a_teacher_forced_pass(llava_folder: Path) -> None:
    policy = load_policy(llava_folder, "none", "json")
    loaded = load_model(llava_folder, "none")
    prompts = PromptBuilder(loaded.encoder, grammar_named("json"), "full")  # what a checkpoint without agent.json gets
    assert policy.image_size_px is None
    short = VlmPolicy(loaded, prompts, IDENTITY, 12, None)
    decision = decided(short)
    assert list(decision.log_probs) == pytest.approx(teacher_forced(short, prompts, decision, 1.0), abs=1e-4)


def test_a_stop_token_ends_the_answer_and_is_part_of_it(loaded: LoadedModel, prompts: PromptBuilder) -> None:
    endless = VlmPolicy(replace(loaded, stop_token_ids=frozenset()), prompts, IDENTITY, 12, None)
    whole = decided(endless)
    assert len(whole.token_ids) == 12
    length = next(place for place in range(3, 11) if whole.token_ids[place - 1] not in whole.token_ids[: place - 1])
    stop = whole.token_ids[length - 1]
    stopping = VlmPolicy(replace(loaded, stop_token_ids=frozenset({stop, 9999})), prompts, IDENTITY, 12, None)
    decision = decided(stopping)
    assert decision.token_ids == whole.token_ids[:length]
    assert decision.log_probs == whole.log_probs[:length]


def test_the_end_of_turn_is_a_stop_token_and_not_in_the_utterance(loaded: LoadedModel, prompts: PromptBuilder) -> None:
    tokenizer = loaded.encoder.tokenizer
    assert loaded.stop_token_ids == {tokenizer.convert_tokens_to_ids("<|im_end|>")}
    written = [*tokenizer.encode('{"a": 1} '), *loaded.stop_token_ids]
    policy = VlmPolicy(loaded, prompts, IDENTITY, 12, None)
    request = policy.request(PNG, PROMPT, temperature=1.0, seed=0)
    row = Row(request, torch.Generator(), 0, 0, written, [0.0] * len(written), is_over=True)
    assert policy.decision(row).utterance == '{"a": 1} '


@pytest.mark.parametrize("limit", [1, 2, 7, 30])
def test_an_answer_is_no_longer_than_the_limit(loaded: LoadedModel, prompts: PromptBuilder, limit: int) -> None:
    endless = VlmPolicy(replace(loaded, stop_token_ids=frozenset()), prompts, IDENTITY, limit, None)
    longer = VlmPolicy(replace(loaded, stop_token_ids=frozenset()), prompts, IDENTITY, limit + 1, None)
    decision = decided(endless)
    assert len(decision.token_ids) == limit
    assert decision.token_ids == decided(longer).token_ids[:limit]


def test_the_picture_and_the_prompt_count(policy: VlmPolicy) -> None:
    decision = decided(policy, 0.0)
    assert policy.decide(picture_png(seed=5), PROMPT, temperature=0.0, seed=0).log_probs != decision.log_probs
    assert decided(policy, 0.0, prompt="Goal: go home").log_probs != decision.log_probs


def test_first_tokens_are_drawn_as_often_as_they_are_likely(loaded: LoadedModel, prompts: PromptBuilder) -> None:
    policy = VlmPolicy(loaded, prompts, IDENTITY, 1, None)
    # At temperature 0.2 the likeliest of the 263 tokens has p; of n draws np ± 4·√(np(1−p)) are it.
    draws = [decided(policy, 0.2, seed) for seed in range(200)]
    likeliest = decided(policy, 0.0).token_ids
    p = math.exp(next(decision.log_probs[0] for decision in draws if decision.token_ids == likeliest))
    hits = sum(decision.token_ids == likeliest for decision in draws)
    assert 0.05 < p < 0.95
    assert abs(hits - 200 * p) < 4 * math.sqrt(200 * p * (1 - p))


def _jpeg() -> bytes:
    file = io.BytesIO()
    picture().save(file, "JPEG")
    return file.getvalue()


@pytest.mark.parametrize("png", [b"", b"no picture", PNG[:8], PNG[:100], PNG[:-200], _jpeg()])
def test_bytes_that_are_no_png_are_one_sentence(policy: VlmPolicy, png: bytes) -> None:
    with pytest.raises(PolicyError, match=rf"Got {len(png)} bytes that are no picture .*, expected a PNG\."):
        policy.decide(png, PROMPT, temperature=1.0, seed=0)


@pytest.mark.parametrize("broken", [math.nan, math.inf])  # of ∞ and −∞ times a number, one is the logit +∞
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_weights_that_give_no_numbers_are_one_sentence(tiny_folder: Path, broken: float, temperature: float) -> None:
    policy = load_policy(tiny_folder, "none", None)
    policy.slot.model.get_output_embeddings().weight.data[200:202, 0] = torch.tensor([broken, -broken])
    with pytest.raises(PolicyError, match="Got logits that are no numbers"):
        decided(policy, temperature)


def test_a_checkpoint_is_driven_as_it_wants_unless_told_otherwise(tiny_folder: Path) -> None:
    policy = load_policy(tiny_folder, "none", None)
    assert policy.identity.action_grammar == "json"
    assert policy.image_size_px == (64, 96)
    assert policy.prompt_text("open the clock", []) == PROMPT
    assert load_policy(tiny_folder, "nf4", "auto-ui").identity.action_grammar == "auto-ui"
    assert load_policy(tiny_folder, "nf4", "auto-ui").identity.quantization == "nf4"


def test_options_that_cannot_be_used_are_one_sentence(tiny_folder: Path) -> None:
    with pytest.raises(UsageError, match="expected one of auto-ui, json"):
        load_policy(tiny_folder, "none", "xml")
    with pytest.raises(UsageError, match="expected one of nf4, int8, none"):
        load_policy(tiny_folder, "int3", None)
