"""The small VLM's recipe: what it is shown, what it is asked to say, and the two stages on a handful of steps."""

from __future__ import annotations

import random
from itertools import islice

import pytest
import torch

from agent_runtime.actions import Finish, Malformed, grammar_named
from agent_runtime.tasks import suite_named
from device_scripts.small_vlm.architecture import build_image_processor, build_model, train_tokenizer
from device_scripts.small_vlm.batches import IGNORED_LABEL, Batcher, Example
from device_scripts.small_vlm.demonstrations import (
    DENSITY_DPI,
    SCREEN_SIZE_PX,
    TASK_SHARES,
    answer_text,
    demonstrations,
    prepare_task,
)
from device_scripts.small_vlm.demonstrator import habit, right_choice
from device_scripts.small_vlm.goals import GOAL_TEXTS
from device_scripts.small_vlm.reading import Reader, learn_to_read
from device_scripts.small_vlm.train import rate_share
from device_scripts.small_vlm.view import View
from device_scripts.virtual_phone.phone import Phone

torch.set_num_threads(1)
JSON = grammar_named("json")


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    return list(islice(demonstrations(0), 120))


def test_goals_are_the_suites_own_words() -> None:
    of_suite = {template.name: template.goal_template for template in suite_named("basics")}
    assert of_suite == GOAL_TEXTS
    assert set(TASK_SHARES) == set(GOAL_TEXTS)


def test_every_answer_is_in_the_grammar(examples: list[Example]) -> None:
    assert not [example.answer for example in examples if isinstance(JSON.parse(example.answer), Malformed)]


def test_the_same_seed_gives_the_same_demonstrations(examples: list[Example]) -> None:
    again = list(islice(demonstrations(0), 20))
    assert [(example.prompt, example.answer) for example in again] == [
        (example.prompt, example.answer) for example in examples[:20]
    ]
    assert all(one.image.tobytes() == other.image.tobytes() for one, other in zip(again, examples, strict=False))


def test_habits_are_wrong_and_happen_only_where_there_is_a_right_way(examples: list[Example]) -> None:
    phone = Phone(SCREEN_SIZE_PX, DENSITY_DPI, seed=1)
    name, params = "settings/toggle", {"switch": "Vibrate", "state": "on"}
    phone.start_activity("com.android.settings")
    while not phone.settled():
        phone.frame()
    view = View.of(phone)
    wrong, right = habit(view, name, params), right_choice(view, name, params)
    assert wrong is not None
    assert (wrong.name, right.name) == ("Display", "Sound")
    assert habit(view, name, {"switch": "Wi-Fi", "state": "on"}) is None


@pytest.mark.parametrize("seed", range(6))
def test_a_prepared_task_can_be_told_and_begun(seed: int) -> None:
    phone = Phone(SCREEN_SIZE_PX, DENSITY_DPI, seed=seed)
    name, params = prepare_task(phone, random.Random(seed))
    view = View.of(phone)
    choice = right_choice(view, name, params)
    assert not isinstance(choice.action, Finish)
    assert JSON.parse(answer_text(view, choice)) is not None
    assert "{" not in GOAL_TEXTS[name].format(**params)


def test_only_the_answers_tokens_are_labelled(examples: list[Example]) -> None:
    tokenizer = train_tokenizer([text for example in examples for text in (example.prompt, example.answer)])
    batch = Batcher(tokenizer, build_image_processor(SCREEN_SIZE_PX)).batch(examples[:3])
    for row, example in enumerate(examples[:3]):
        labelled = batch.labels[row][batch.labels[row] != IGNORED_LABEL]
        assert tokenizer.decode(labelled) == example.answer + "<|im_end|>"
    # 128×224 px in 16-px patches merged 2×2: 4·7 = 28 image tokens a screen
    assert int(batch.inputs["mm_token_type_ids"].sum()) == 3 * 28


def test_each_image_token_is_asked_what_stands_under_its_centre(examples: list[Example]) -> None:
    reader = Reader(examples, hidden_size=8)
    image = examples[0].image
    example = Example(image, "", "", (("Wi-Fi on", (0, 32, 128, 64)), ("title Network", (0, 0, 128, 32))))
    reader.classes = {"title Network": 1, "Wi-Fi on": 2}
    labels = reader.labels(example).view(7, 4)
    assert labels[0].tolist() == [1, 1, 1, 1]
    assert labels[1].tolist() == [2, 2, 2, 2]
    assert int(labels[2:].sum()) == 0
    unknown = Example(image, "", "", (("never seen", (0, 0, 40, 224)),))
    assert reader.labels(unknown).view(7, 4)[:, 0].tolist() == [IGNORED_LABEL] * 7


def test_reading_changes_the_tower_and_nothing_else(examples: list[Example]) -> None:
    tokenizer = train_tokenizer([text for example in examples for text in (example.prompt, example.answer)])
    model = build_model(tokenizer, seed=0)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    images = build_image_processor(SCREEN_SIZE_PX)
    learn_to_read(model.model.visual, images, examples, iter(examples), steps=1, device="cpu")
    changed = {name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])}
    assert changed
    assert all(".visual." in name for name in changed)


def test_the_rate_warms_up_and_decays() -> None:
    assert rate_share(0.0) == 0.0
    assert rate_share(0.03) == pytest.approx(1.0)
    assert rate_share(1.0) == pytest.approx(0.02)
