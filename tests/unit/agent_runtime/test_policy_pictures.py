"""Vision features are computed once a picture, are the same bits again, and make room for newer ones."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from agent_runtime.policy.checkpoint import load_model
from agent_runtime.policy.generate import VlmPolicy, load_policy
from agent_runtime.policy.pictures import PictureFeatures, in_place_of_pixels, without_pixels
from agent_runtime.policy.prompt import picture_from_png
from tests.tiny_vlm import manifest_of, payload_of, picture_png, random_adapter


@pytest.fixture
def policy(tiny_folder: Path) -> VlmPolicy:
    return load_policy(tiny_folder, "none", None)


def logits(policy: VlmPolicy, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    with torch.inference_mode():
        told: torch.Tensor = policy.slot.model(**inputs, logits_to_keep=1).logits
    return told


def test_a_screen_that_did_not_change_costs_no_vision_encoding(policy: VlmPolicy) -> None:
    for goal in ("Goal: a", "Goal: open the clock", "Goal: a"):
        policy.decide(picture_png(1), goal, temperature=1.0, seed=0)
    assert policy.pictures.encoded == 1
    policy.decide(picture_png(2), "Goal: a", temperature=1.0, seed=0)
    assert policy.pictures.encoded == 2


@pytest.mark.parametrize("folder", ["tiny_folder", "llava_folder"])
def test_kept_features_give_the_same_bits_as_pixels(folder: str, request: pytest.FixtureRequest) -> None:
    policy = load_policy(request.getfixturevalue(folder), "none", "json")
    first = policy.decide(picture_png(1), "Goal: a", temperature=1.0, seed=3)
    assert policy.decide(picture_png(1), "Goal: a", temperature=1.0, seed=3) == first
    inputs = policy._prompts.inputs("Goal: a", picture_from_png(picture_png(1)))
    with torch.inference_mode():
        features = policy.pictures.of("some digest", inputs)
        assert features is not None
        assert policy.pictures.of("some digest", inputs) is features
    kept = without_pixels(inputs) | in_place_of_pixels([features])
    assert "pixel_values" not in kept
    assert torch.equal(logits(policy, kept), logits(policy, inputs))


def test_features_outlive_an_adapter_because_none_touches_the_tower(policy: VlmPolicy, tiny_folder: Path) -> None:
    policy.decide(picture_png(1), "Goal: a", temperature=1.0, seed=3)
    payload = payload_of(random_adapter(tiny_folder))
    policy.stage_and_apply(manifest_of(tiny_folder, payload), payload)
    after = policy.decide(picture_png(1), "Goal: a", temperature=1.0, seed=3)
    assert policy.pictures.encoded == 1
    fresh = load_policy(tiny_folder, "none", None)
    fresh.stage_and_apply(manifest_of(tiny_folder, payload), payload)
    assert fresh.decide(picture_png(1), "Goal: a", temperature=1.0, seed=3) == after


def test_the_longest_unused_is_dropped_when_the_bytes_are_full(policy: VlmPolicy, tiny_folder: Path) -> None:
    model = load_model(tiny_folder, "none").model
    inputs = [policy._prompts.inputs("Goal: a", picture_from_png(picture_png(n))) for n in range(3)]
    with torch.inference_mode():
        one = PictureFeatures(model)
        one.of("0", inputs[0])
        pictures = PictureFeatures(model, cap_bytes=2 * one._held_bytes)
        for name in (0, 1, 0, 2, 0, 1):  # 1 makes room for 2
            pictures.of(str(name), inputs[name])
    assert pictures.encoded == 4


def test_a_model_that_takes_no_features_is_given_pixels() -> None:
    class Plain:
        def forward(self, input_ids: torch.Tensor, pixel_values: torch.Tensor) -> None:
            pass

    pixels = {"input_ids": torch.zeros(1, 3), "pixel_values": torch.zeros(4, 4)}
    assert PictureFeatures(Plain()).of("0", pixels) is None
