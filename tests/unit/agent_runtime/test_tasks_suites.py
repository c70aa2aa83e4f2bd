"""Suites, splits and task files."""

import json
import random
from pathlib import Path

import pytest

from agent_runtime.errors import UsageError
from agent_runtime.tasks import sample_task, suite_named, tasks_from_file, unseen_tasks
from agent_runtime.tasks.suites import SUITES, VIRTUAL_PHONE_SUITES, require_fit
from tests.fakes import FakeDevice, FakeTemplate

SUITE = suite_named("basics")


def test_the_basics_suite_is_what_it_says() -> None:
    assert [template.goal_template for template in SUITE] == [
        "Open {app}",
        "Turn {state} {switch}",
        "Turn {state} the {time} alarm",
        "Start the stopwatch",
        "Write a note saying {word}",
        "Delete the note {word}",
        "Search the shop for {product}",
        "Put the {product} in the cart",
    ]


@pytest.mark.parametrize("name", sorted(VIRTUAL_PHONE_SUITES))
def test_a_suite_that_clears_apps_is_refused_but_for_a_virtual_phone(name: str) -> None:
    with pytest.raises(UsageError, match=f"the suite {name} for fake-1, expected a virtual phone"):
        require_fit(name, FakeDevice())  # says nothing of its product


def test_every_suite_but_the_basics_is_for_virtual_phones() -> None:
    assert set(SUITES) - VIRTUAL_PHONE_SUITES == {"basics"}


def test_the_basics_suite_asks_nothing_of_the_device() -> None:
    device = FakeDevice()
    require_fit("basics", device)
    assert device.commands == []


def test_an_unknown_suite_is_refused() -> None:
    with pytest.raises(UsageError, match="expected one of basics, cards, general, injected, multi-app"):
        suite_named("phone")


def test_sampling_is_decided_by_the_seed_and_stays_in_its_split() -> None:
    first = [sample_task(SUITE, "train", random.Random(7)).goal for _ in range(3)]
    assert first == [sample_task(SUITE, "train", random.Random(7)).goal for _ in range(3)]
    held = {task.goal for template in SUITE for task in template.instances("unseen-instances")}
    rng = random.Random(1)
    assert not {sample_task(SUITE, "train", rng).goal for _ in range(200)} & held
    assert {sample_task(SUITE, "unseen-instances", rng).goal for _ in range(50)} <= held


def test_unseen_tasks_are_the_same_for_a_seed_spread_and_distinct_while_they_last() -> None:
    goals = [task.goal for task in unseen_tasks(SUITE, ["unseen-instances"], 14, seed=3)]
    assert goals == [task.goal for task in unseen_tasks(SUITE, ["unseen-instances"], 14, seed=3)]
    assert len(set(goals)) == 14
    few = unseen_tasks(SUITE, ["unseen-instances"], 7, seed=3)
    assert len({task.name for task in few}) == 7  # all but the stopwatch, which has none
    assert unseen_tasks(SUITE, ["unseen-instances"], 0, seed=3) == []


def test_unseen_tasks_are_as_many_of_each_split_and_none_of_an_empty_one() -> None:
    drawn = unseen_tasks(suite_named("general"), ["unseen-templates", "unseen-apps"], 5, seed=1)
    assert [task.split for task in drawn] == ["unseen-templates"] * 5 + ["unseen-apps"] * 5
    assert unseen_tasks(SUITE, ["unseen-apps"], 5, seed=1) == []


def test_more_tasks_than_there_are_repeat() -> None:
    assert len(unseen_tasks([FakeTemplate()], ["unseen-instances"], 5, seed=0)) == 5


def test_a_task_file_gives_its_tasks(tmp_path: Path) -> None:
    path = tmp_path / "tasks.json"
    path.write_text(
        json.dumps([{"name": "notes/write", "params": {"word": "milk"}}, {"name": "clock/stopwatch", "params": {}}])
    )
    assert [task.goal for task in tasks_from_file(path, SUITE)] == ["Write a note saying milk", "Start the stopwatch"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "expected a JSON list"),
        ("[" * 100_000, "expected a JSON list"),
        ("{}", "at least one task"),
        ("[]", "at least one task"),
        ("[1]", "entry 1"),
        ('[{"name": "notes/write"}]', "name and params"),
        ('[{"name": ["x"], "params": {}}]', "expected one of apps/open"),
        ('[{"name": "no/such", "params": {}}]', "expected one of apps/open"),
        ('[{"name": "notes/write", "params": {}}]', r"expected \['word'\]"),
        ('[{"name": "notes/write", "params": {"word": "$(reboot)"}}]', "expected one of milk"),
        ('[{"name": "notes/write", "params": {"word": ["milk"]}}]', "expected one of milk"),
    ],
)
def test_a_malformed_task_file_is_refused_in_one_sentence(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "tasks.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=says):
        tasks_from_file(path, SUITE)


def test_a_missing_task_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="correct the path"):
        tasks_from_file(tmp_path / "none.json", SUITE)


def test_tear_down_undoes_once() -> None:
    device, task = FakeDevice(), FakeTemplate().task({"thing": "b"})
    task.initialize(device)
    task.tear_down(device)
    task.tear_down(device)
    assert device.commands == [["undo"]]
