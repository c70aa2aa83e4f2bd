"""Splits by instance, template and app: every task in one, none trained on what is unseen, the same for ever."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.errors import UsageError
from agent_runtime.tasks import TaskTemplate
from agent_runtime.tasks.base import NOTHING
from agent_runtime.tasks.checks import has
from agent_runtime.tasks.splits import SPLITS, held_values, is_unseen_app, is_unseen_template, splits_named
from agent_runtime.tasks.state_task import StateTask
from agent_runtime.tasks.suites import SUITES
from tests.fakes import FakeDevice

TEMPLATES = list({template.name: template for suite in SUITES.values() for template in suite}.values())
NAMES = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8)


def template(name: str = "t/x", values: int = 8, **given_too: object) -> StateTask:
    words = tuple(f"w{number}" for number in range(values))
    return StateTask(name, "Do {word}", ["Notes"], 3, params={"word": words}, checks=[has("content://x")], **given_too)  # type: ignore[arg-type]


@pytest.mark.parametrize("one", TEMPLATES, ids=lambda one: one.name)
def test_every_task_is_in_one_split_and_no_other(one: TaskTemplate) -> None:
    by_split = {split: [str(task.params) for task in one.instances(split)] for split in SPLITS}
    every = [str(dict(zip(one.param_space, row, strict=True))) for row in itertools.product(*one.param_space.values())]
    assert sorted(itertools.chain(*by_split.values())) == sorted(every)
    assert len(set(every)) == len(every)


@pytest.mark.parametrize("one", TEMPLATES, ids=lambda one: one.name)
def test_nothing_that_is_trained_on_names_what_is_unseen(one: TaskTemplate) -> None:
    trained = one.instances("train")
    if not one.splits_by_instance_only and (trained or one.instances("unseen-instances")):
        assert not any(is_unseen_app(app) for app in one.apps)
        assert not is_unseen_template(one.name)
    if trained and one.split_param is not None:
        unseen = {task.params[one.split_param] for task in one.instances("unseen-instances")}
        assert unseen
        for task in trained:
            said = {task.params[one.split_param], one.words(task.params).get("other")}
            assert not said & unseen, task.goal


def test_every_unseen_app_is_touched_by_no_trained_task_of_any_split_suite() -> None:
    trained = {app for one in TEMPLATES if one.instances("train") for app in one.apps}
    unseen = {app for one in TEMPLATES if one.instances("unseen-apps") for app in one.apps if is_unseen_app(app)}
    assert {"Gallery", "Maps"} <= unseen
    assert not trained & unseen


def test_each_big_suite_has_all_splits_and_mostly_trains() -> None:
    for name in ("general", "multi-app"):
        counts = {split: sum(bool(one.instances(split)) for one in SUITES[name]) for split in SPLITS}
        assert all(counts.values()), counts
        assert counts["train"] > len(SUITES[name]) / 2, counts


def test_suites_are_as_large_as_promised() -> None:
    general = SUITES["general"]
    assert len({one.name for one in general}) == len(general) >= 120
    assert len({app for one in general for app in one.apps}) >= 16
    assert {one.level for one in general} == {1, 2, 3}
    assert len({one.goal_template for one in general}) >= 120
    multi = SUITES["multi-app"]
    assert len({one.name for one in multi}) == len(multi) >= 15
    assert all(len(one.apps) > 1 and one.level > 1 for one in multi)


def test_the_small_suites_split_by_instance_only() -> None:
    for name in ("basics", "cards"):
        for one in SUITES[name]:
            assert not one.instances("unseen-templates") + one.instances("unseen-apps")


def test_splits_are_what_they_were() -> None:
    assert held_values("notes/write", ("milk", "bread", "taxi", "rent")) == {"taxi"}
    assert [is_unseen_app(app) for app in ("Gallery", "Maps", "Messages", "Notes")] == [True, True, False, False]
    assert [is_unseen_template(name) for name in ("notes/open", "notes/change")] == [False, True]


def test_a_quarter_is_held_and_it_is_always_the_same_one() -> None:
    values = tuple(f"v{number}" for number in range(16))
    assert len(held_values("t", values)) == 4
    assert held_values("t", values) == held_values("t", tuple(reversed(values)))


def test_about_a_fifth_of_names_is_unseen() -> None:
    names = [f"app/{number}" for number in range(2000)]
    assert 0.17 < sum(map(is_unseen_template, names)) / len(names) < 0.23
    assert 0.17 < sum(map(is_unseen_app, names)) / len(names) < 0.23


@given(NAMES, st.integers(8, 24))
def test_a_neighbour_is_on_the_same_side_and_another_one(name: str, values: int) -> None:
    one = template(name, values, others={"other": "word"})
    held = held_values(name, one.param_space["word"])
    for word in one.param_space["word"]:
        other = one.words({"word": word})["other"]
        assert other != word
        assert (other in held) == (word in held)


def test_a_neighbour_needs_two_values_on_each_side() -> None:
    with pytest.raises(UsageError, match="one value of word on a side of t/x, expected two"):
        template(values=4, others={"other": "word"})


def test_a_template_without_a_check_is_refused() -> None:
    with pytest.raises(UsageError, match="without a check"):
        StateTask("t/x", "Do", ["Notes"], 3, checks=[])


def test_a_template_is_reached_when_all_of_its_checks_hold() -> None:
    yes, no = (lambda device, words: True), (lambda device, words: False)
    for checks, reached in (([yes], True), ([yes, no], False), ([no, yes], False)):
        outcome = StateTask("t/x", "Do", ["Notes"], 3, checks=checks).outcome(FakeDevice(), {})
        assert outcome.reached is reached
        assert reached or outcome == NOTHING


def test_names_of_splits() -> None:
    assert splits_named(["unseen-apps", "train", "train"]) == ("train", "unseen-apps")
    assert splits_named(["all"]) == SPLITS
    with pytest.raises(UsageError, match="Got the split 'held', expected one of train, unseen-instances"):
        splits_named(["held"])


def row_of(name: str) -> str:
    """Return a suite's row of the table in docs/tasks.md."""
    suite = SUITES[name]
    tasks = [sum(len(one.instances(split)) for one in suite) for split in SPLITS]
    levels = ", ".join(str(sum(one.level == level for one in suite)) for level in (1, 2, 3))
    apps = len({app for one in suite for app in one.apps})
    shown = [f"{number:,}" for number in tasks]
    return f"| {' | '.join([f'`{name}`', str(len(suite)), f'{sum(tasks):,}', str(apps), levels, *shown])} |"


@pytest.mark.parametrize("name", SUITES)
def test_the_table_of_suites_is_true(name: str) -> None:
    assert row_of(name) in (Path(__file__).parents[3] / "docs/tasks.md").read_text("utf-8")
