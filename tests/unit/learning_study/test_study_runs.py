"""A tiny study end to end: it is repeatable, goes on where it was stopped, and adds up. Measures nothing."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from agent_runtime.actions import Finish, Tap
from benchmarks.learning_study.__main__ import main
from benchmarks.learning_study.alphas import chosen_alphas, chosen_blaming, chosen_steps, deep_alphas
from benchmarks.learning_study.arms import Arm, RunSpec, Weights
from benchmarks.learning_study.bases import load_base, make_base, make_stem
from benchmarks.learning_study.demonstrator import DEEP_HABITS, Habits, choose
from benchmarks.learning_study.goals import SPLITS, TaskStream, templates_of
from benchmarks.learning_study.learner import Learner
from benchmarks.learning_study.phones import VARIANTS, StudyPhone, starts
from benchmarks.learning_study.plans import Stage, specs_of
from benchmarks.learning_study.runs import Record, play
from benchmarks.learning_study.screens import Scene
from benchmarks.learning_study.study import BASES, play_all, records, write_record
from benchmarks.learning_study.vocabulary import Vocabulary

NO_HABITS = Habits(**dict.fromkeys(Habits.__dataclass_fields__, 0.0))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tiny base of seed 0."""
    torch.set_num_threads(1)
    found = tmp_path_factory.mktemp("study")
    recipe = specs_of("smoke")[0].recipe
    make_stem(found / BASES, recipe)
    make_base(found / BASES, 0, recipe)
    return found


@pytest.fixture(scope="module")
def record(folder: Path) -> Record:
    """The record of the first run of the tiny study."""
    return play(specs_of("smoke")[0], folder / BASES)


def test_a_run_gives_the_same_record_twice(folder: Path, record: Record) -> None:
    again = play(specs_of("smoke")[0], folder / BASES)
    taken = ("seconds", "cpu_seconds")
    assert {**again, **{name: record[name] for name in taken}} == record


@pytest.mark.parametrize(
    "arm",
    [
        *(Arm("awr", weights, 0.03) for weights in ("uniform", "parser", "valid", "actions")),
        Arm("ppo", "none", blame="causal"),
        Arm("ppo", "scm", 0.03, blame="malformed"),
    ],
    ids=lambda arm: arm.name,
)
def test_every_kind_of_bonus_and_blame_learns(folder: Path, arm: Arm) -> None:
    spec = specs_of("smoke")[0]
    updates = play(replace(spec, arm=arm), folder / BASES)["updates"]
    assert isinstance(updates, list)
    assert len(updates) == spec.scale.updates


def test_what_is_played_is_not_played_again(folder: Path, tmp_path: Path) -> None:
    specs = specs_of("smoke")
    for spec in specs:
        write_record({"seed": spec.seed}, tmp_path / spec.file_name)
    assert play_all(specs, tmp_path, folder / BASES, jobs=1) == 0
    assert records(specs, tmp_path) == {spec: {"seed": 0} for spec in specs}


def test_a_stopped_stage_goes_on_and_ends_in_tables(
    folder: Path, record: Record, capsys: pytest.CaptureFixture[str]
) -> None:
    specs = specs_of("smoke")
    (folder / "smoke").mkdir()
    write_record(record, folder / "smoke" / specs[0].file_name)
    assert main(["smoke", "--folder", str(folder), "--jobs", "1"]) == 0
    told = capsys.readouterr().out
    assert f"1/1 {specs[1].file_name}" in told
    assert f"| {specs[0].name} |" in told
    assert {path.name for path in (folder / "smoke").iterdir()} >= {"tables.md", "summary.json", "curves.png"}


def test_alpha_is_that_of_the_largest_mean_area() -> None:
    # areas of uniform: 0.01 has 0.2, 0.3, 0.4 and 0.5 by seed, mean 0.35; 0.03 has 0.3; 0.1 has 0.35: the smaller wins
    heights = {("scm", 0.1): [0.9] * 4, ("uniform", 0.01): [0.2, 0.3, 0.4, 0.5], ("uniform", 0.1): [0.35] * 4}
    played = {}
    for spec in specs_of("pilot"):
        height = heights.get((spec.arm.weights, spec.arm.alpha), [0.3] * 4)[spec.seed - 100]
        played[spec] = {"curve": [{"success": height - 0.1}, {"success": height + 0.1}]}
    assert chosen_alphas(played) == {"uniform": 0.01, "scm": 0.1, "parser": 0.01, "actions": 0.01}
    with pytest.raises(ValueError, match="Got a pilot without 1 of its runs"):
        chosen_alphas(dict(list(played.items())[1:]))


def test_each_blame_has_the_alpha_of_its_largest_mean_area() -> None:
    alphas: dict[Weights, float] = {"uniform": 0.001, "scm": 0.01, "parser": 0.01, "actions": 0.03}
    pilot = specs_of("blame-pilot", alphas)
    heights = {("causal", "scm", 0.03): 0.4, ("malformed", "uniform", 0.01): 0.4}  # all others 0.3: the smallest wins
    played = {
        spec: {"curve": [{"success": heights.get((spec.arm.blame, spec.arm.weights, spec.arm.alpha), 0.3)}]}
        for spec in pilot
    }
    chosen = chosen_blaming(played, pilot)
    assert [(arm.blame, arm.weights, arm.alpha) for arm in chosen] == [
        ("malformed", "uniform", 0.01),
        ("malformed", "scm", 0.003),
        ("causal", "scm", 0.03),
    ]
    names = {spec.arm.name for spec in specs_of("blame", alphas, blaming=chosen)}
    assert names == {"ppo-uniform-0.001", *(arm.name for arm in chosen)}
    assert chosen[2].name == "ppo-scm-0.03-causal-blame"


class _StopError(Exception):
    """Ends a study before its own stage."""


@pytest.mark.parametrize(
    ("stage", "pilots"),
    [
        ("headline", ["pilot"]),
        ("ppo-again", ["ppo-steps", "ppo-pilot"]),
        ("blame", ["ppo-steps", "ppo-pilot", "blame-pilot"]),
        ("rare", ["ppo-steps", "rare-pilot"]),
    ],
)
def test_pilots_are_played_before_what_they_choose_for(
    stage: Stage, pilots: list[Stage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = []

    def flat(specs: list[RunSpec], folder: Path, bases: Path, jobs: int) -> None:
        played.append(folder.name)
        if folder.name == stage:
            raise _StopError
        folder.mkdir()
        for spec in specs:
            write_record({"curve": [{"success": spec.arm.alpha + spec.scale.clip_range}]}, folder / spec.file_name)

    monkeypatch.setattr("benchmarks.learning_study.__main__.play_all", flat)
    with pytest.raises(_StopError):
        main([stage, "--folder", str(tmp_path)])
    assert played == [*pilots, stage]


def test_ppo_takes_step_and_clip_of_the_largest_mean_area_and_the_deep_stage_alpha_of_the_largest_final_success() -> (
    None
):
    # areas of (1e-4, 0.2): 0.1, 0.5, 0.6, mean 0.4; of (3e-4, 0.1): 0.4 too: the smaller step wins; all others 0.3
    heights = {(1e-4, 0.2): [0.1, 0.5, 0.6], (3e-4, 0.1): [0.4] * 3}
    areas = {}
    for spec in specs_of("ppo-steps"):
        height = heights.get((spec.scale.learning_rate, spec.scale.clip_range), [0.3] * 3)[spec.seed - 110]
        areas[spec] = {"curve": [{"success": height}]}
    assert chosen_steps(areas) == (1e-4, 0.2)
    finals = {}
    for spec in specs_of("deep-pilot"):
        reached = 0.9 if (spec.arm.weights, spec.arm.alpha) in (("scm", 0.1), ("actions", 0.1)) else 0.5
        finals[spec] = {"final": {"instances": {"success": reached}}}
    assert deep_alphas(finals) == {"uniform": 0.01, "scm": 0.1, "actions": 0.1}
    with pytest.raises(ValueError, match="18 of its runs"):
        chosen_steps({})


def test_alpha_falls_to_nothing_where_it_is_asked_to(folder: Path) -> None:
    spec = specs_of("smoke")[0]
    base = load_base(folder / BASES, 0, spec.recipe)
    alphas = []
    for falls in (False, True):
        learner = Learner(
            replace(spec, scale=replace(spec.scale, alpha_falls=falls)), base.policy, base.action_model, base.vocabulary
        )
        alphas.append([learner.alpha(update) for update in (1, 2)])
    assert alphas == [[0.03, 0.03], [0.03, 0.015]]  # two updates: the whole α, then half of it


def test_deep_habits_hide_the_right_step_behind_one_token() -> None:
    phone, states = StudyPhone("test"), starts()
    start = TaskStream("train", VARIANTS, "hidden").draw(2)[1]
    assert start.task.name == "notes/write"
    start.begin(phone, states)
    always = replace(DEEP_HABITS, back_for_save=1.0)
    while True:
        phone.settle()
        scene = Scene.of(phone.phone)
        right, wrong = (
            choose(scene, start.task.name, start.task.params, h, random.Random(0)) for h in (NO_HABITS, always)
        )
        if right.name == "Save":
            break
        phone.perform(right.action)
    assert isinstance(right.action, Tap)
    assert isinstance(wrong.action, Tap)
    assert wrong.action != right.action
    assert wrong.reason == right.reason


def test_without_habits_every_task_but_a_lost_hand_is_solved() -> None:
    phone, states = StudyPhone("test"), starts()
    for split in SPLITS:
        for start in TaskStream(split, VARIANTS, "oracle").draw(3 * len(templates_of(split))):
            if start.task.name == "cards/blackjack":
                continue
            start.begin(phone, states)
            assert not start.task.is_successful(phone)
            for _ in range(start.step_limit):
                phone.settle()
                choice = choose(Scene.of(phone.phone), start.task.name, start.task.params, NO_HABITS, random.Random(0))
                if isinstance(choice.action, Finish):
                    break
                phone.perform(choice.action)
            assert start.task.is_successful(phone), start.task.goal


def test_trained_and_unseen_goals_do_not_meet() -> None:
    seen = {start.task.goal + start.task.params.get("game", "") for start in TaskStream("train", 1, "a").draw(2000)}
    held = {start.task.goal + start.task.params.get("game", "") for start in TaskStream("instances", 1, "b").draw(500)}
    assert not seen & held


def test_every_printable_text_comes_back_and_nothing_after_the_end_is_read() -> None:
    vocabulary = Vocabulary.of(['{"thought":"tap 312"}'])
    text = '{"thought":"~tap 31 512;\\n"}'
    assert vocabulary.decode(vocabulary.encode(text)) == text
    assert vocabulary.decode([*vocabulary.encode("tap"), vocabulary.end_id, *vocabulary.encode("x")]) == "tap"
