"""Critics: what they learn, what they must not see, and that the learner goes on from them exactly."""

import io
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from agent_runtime.trajectory import Verdict
from agent_runtime.uplink.codec import trajectory_to_message
from tests.learner_parts import differing, made_step, resumed_learner
from tests.learner_world import MIXED, REWARDED, UNREWARDED, World, learner_config
from tuner.coso.critic import SuccessClassifier, has_two_classes, is_held_out, success_accuracy, success_loss
from tuner.ingest.ledger import StoredTrajectory
from tuner.learner.critics import Critics, EpisodeValues
from tuner.learner.experience import FAILURES_KEPT, Experience
from tuner.learner.feature_cache import FeatureCache, key_of
from tuner.learner.features import StepFeatures
from tuner.learner.judging import digirl_weights, gae_weights
from tuner.learner.samples import StepSample, trainable_steps
from tuner.learner.student import load_student

torch.set_num_threads(1)
TAUGHT = [name for name in map(str, range(100)) if not is_held_out(name)]
HELD = [name for name in map(str, range(100)) if is_held_out(name)]


def _steps(sequence: int, reward: float, count: int = 1, horizon: int = 4, name: str = "") -> list[StepSample]:
    return [
        made_step(
            sequence,
            place,
            trajectory_id=name or str(sequence),
            prompt="won" if reward else "lost",
            reward=reward,
            succeeded=reward > 0,
            steps=count,
            horizon=horizon,
        )
        for place in range(count)
    ]


class _TellingFeatures(StepFeatures):
    """Features that say what the prompt says; no model."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def of_episode(self, steps: Any) -> torch.Tensor | None:
        self.asked.append(steps[0].trajectory_id)
        if steps[0].prompt == "broken":
            return None
        sign = 1.0 if steps[0].prompt == "won" else -1.0
        return torch.tensor([[sign, -sign, 0.5, 0.0]] * len(steps))

    def keep(self) -> None:
        pass


def _critics() -> Critics:
    return Critics(_TellingFeatures(), 4, 1e-2, 1.0, 0)


def _tensors(critics: Critics) -> dict[str, torch.Tensor]:
    return {name: tensor for head in critics.heads for name, tensor in head.tensors().items()}


# ---- the classifier


def test_an_untrained_classifier_says_one_half_and_loses_log_2() -> None:
    logits = SuccessClassifier(6)(torch.randn(3, 6))
    assert logits.tolist() == [0.0, 0.0, 0.0]
    assert success_loss(logits, torch.tensor([1.0, 0.0, 1.0])).item() == pytest.approx(math.log(2))


def test_the_loss_is_cross_entropy() -> None:
    # V = 0.8 and 0.4, outcomes 1 and 0: −(log 0.8 + log 0.6) / 2
    logits = torch.tensor([math.log(0.8 / 0.2), math.log(0.4 / 0.6)])
    found = success_loss(logits, torch.tensor([1.0, 0.0]))
    assert float(found) == pytest.approx(-(math.log(0.8) + math.log(0.6)) / 2)
    assert success_accuracy(logits, torch.tensor([1.0, 1.0])) == 0.5


def test_classes_and_the_share_held_out() -> None:
    assert has_two_classes(torch.tensor([0.0, 1.0]))
    assert not has_two_classes(torch.tensor([1.0, 1.0]))
    assert not has_two_classes(torch.tensor([0.0]))
    share = sum(is_held_out(f"trajectory-{number}") for number in range(4000)) / 4000
    assert share == pytest.approx(0.125, abs=0.02)


# ---- the critics


def test_critics_learn_from_those_not_held_out_and_are_measured_on_the_rest() -> None:
    critics = _critics()
    names = [*TAUGHT[:20], *HELD[:4]]
    episodes = [_steps(n, float(n % 2), count=2, name=name) for n, name in enumerate(names)]
    figures = critics.update(episodes, epochs=40, seed="s")
    assert (figures["critic_trained"], figures["critic_held_out_episodes"]) == (1.0, 4.0)
    assert figures["step_value_accuracy"] == figures["instruction_value_accuracy"] == 1.0
    assert figures["step_value_majority"] == 0.5
    values = critics.values([episodes[0], episodes[1]])
    assert values[0].instruction < 0.3 < 0.7 < values[1].instruction
    assert len(values[1].steps) == 2
    assert all(math.isfinite(figure) for figure in figures.values())


def test_what_is_held_out_teaches_nothing() -> None:
    one, other = _critics(), _critics()
    taught = [_steps(n, float(n % 2), name=name) for n, name in enumerate(TAUGHT[:6])]
    held = [_steps(100 + n, float(n % 2), name=name) for n, name in enumerate(HELD[:4])]
    one.update(taught, 3, "s")
    other.update([*taught, *held], 3, "s")
    assert differing(_tensors(one), _tensors(other)) == set()


@pytest.mark.parametrize("rewards", [[], [1.0, 1.0, 1.0], [0.0, 0.0]])
def test_without_two_classes_the_critics_stay_as_they_are(rewards: list[float]) -> None:
    critics = _critics()
    before = {name: tensor.clone() for name, tensor in _tensors(critics).items()}
    figures = critics.update([_steps(n, reward, name=TAUGHT[n]) for n, reward in enumerate(rewards)], 4, "s")
    assert figures == {"critic_trained": 0.0, "critic_held_out_episodes": 0.0}
    assert [name for name, tensor in before.items() if not torch.equal(tensor, _tensors(critics)[name])] == []


def test_an_episode_whose_pictures_do_not_decode_is_not_judged() -> None:
    broken = [replace(step, prompt="broken") for step in _steps(7, 1.0)]
    assert list(_critics().values([broken, _steps(8, 1.0)])) == [8]


# ---- what the values make of the steps


def test_digirl_keeps_good_steps_of_the_top_episodes() -> None:
    # λ = 1/2, horizon 4: the bar is 1/4. Episode 1, r = 1, V = 0.5, 0.9, behind the last 0:
    #   h = 1: 0.5 + 0.5·(0.9 − 0.5) = 0.7 kept;  h = 2: 1 + 0·… = 1 kept
    # Episode 2, r = 1, V = 0.9, 0.1, 0.5: h = 1: 0.25 + 0.75·(0.1 − 0.9) = −0.35 left;
    #   h = 2: 0.5 + 0.5·(0.5 − 0.1) = 0.7 kept;  h = 3: 1 kept
    # Episode 3, r = 0, V = 0.1, 0.6: h = 1: 0.6 − 0.1 = 0.5 kept;  h = 2: 0 − 0.6 left
    # A_instr: 1 − 0.2 = 0.8;  1 − 0.5 = 0.5;  0 − 0.4 = −0.4
    episodes = [_steps(1, 1.0, 2), _steps(2, 1.0, 3), _steps(3, 0.0, 2)]
    values = {
        1: EpisodeValues((0.5, 0.9), 0.2),
        2: EpisodeValues((0.9, 0.1, 0.5), 0.5),
        3: EpisodeValues((0.1, 0.6), 0.4),
    }
    one, two, three = {(1, 0): 1.0, (1, 1): 1.0}, {(2, 0): 0.0, (2, 1): 1.0, (2, 2): 1.0}, {(3, 0): 1.0, (3, 1): 0.0}
    nothing_of = dict.fromkeys((*two, *three), 0.0)
    assert digirl_weights(episodes, values, 0.5, 1.0) == one | two | three
    assert digirl_weights(episodes, values, 0.5, 1 / 3) == one | nothing_of
    assert digirl_weights(episodes, {3: values[3]}, 0.5, 1.0) == three
    assert digirl_weights([], {}, 0.5, 0.1) == {}


def test_the_horizon_is_the_tasks_step_limit(world: World) -> None:
    stored = StoredTrajectory(1, trajectory_to_message(world.trajectory(1, REWARDED)))
    assert [step.horizon for step in trainable_steps(stored)] == [4]


def test_soft_values_count_the_next_steps_entropy_and_not_ones_own() -> None:
    """γ = λ = 0.5, V = 0.5, 0.4, α·H_B = 7 (of s_1, unused) and 0.2: r'_1 = 0 + 0.5 · 0.2 = 0.1.

    δ_2 = 1 − 0.4 = 0.6.  δ_1 = 0.1 + 0.5 · 0.4 − 0.5 = −0.2.  A_2 = 0.6, A_1 = −0.2 + 0.25 · 0.6 = −0.05.
    """
    values, steps = {1: EpisodeValues((0.5, 0.4), 0.0)}, _steps(1, 1.0, 2)
    found = gae_weights([steps], values, 0.5, 0.5, {(1, 0): 7.0, (1, 1): 0.2})
    assert [found[step.key] for step in steps] == pytest.approx([-0.05, 0.6])
    without = gae_weights([steps], values, 0.5, 0.5)
    assert gae_weights([steps], values, 0.5, 0.5, {}) == without
    assert gae_weights([steps], values, 0.5, 0.5, {(1, 0): 7.0}) == without


def test_gae_from_the_step_critic() -> None:
    # γ = 1/2, λ = 1/2, V = 0.5, 0.4, r = 0, 1: δ_2 = 1 − 0.4 = 0.6;  δ_1 = 0.5·0.4 − 0.5 = −0.3
    # A_2 = 0.6;  A_1 = −0.3 + 0.25·0.6 = −0.15
    found = gae_weights([_steps(1, 1.0, 2), _steps(2, 1.0)], {1: EpisodeValues((0.5, 0.4), 0.0)}, 0.5, 0.5)
    assert found == pytest.approx({(1, 0): -0.15, (1, 1): 0.6})


def _experience(world: World, objective: Any) -> Experience:
    experience = Experience(100, 0.5, objective=objective, advantage="critic")
    texts = (REWARDED, REWARDED, *[UNREWARDED] * (FAILURES_KEPT + 1))
    experience.take([StoredTrajectory(n, trajectory_to_message(world.trajectory(n, t))) for n, t in enumerate(texts)])
    return experience


def test_kept_steps_of_any_outcome_carry_and_recent_failures_ride(world: World) -> None:
    experience = _experience(world, "awr")
    experience.judged = {(0, 0): 0.0, (1, 0): 1.0, (5, 0): 1.0, (6, 0): 0.0}
    carrying, riding = experience.candidates()
    assert [(c.sample.key[0], c.weight, c.correction) for c in carrying] == [(1, 1.0, 1.0), (5, 1.0, 1.0)]
    # failures are 2 … 34; the latest 32 are 3 … 34, and 5 is kept
    assert [c.sample.key[0] for c in riding] == [3, 4, *range(6, 35)]
    assert {c.weight for c in riding} == {0.0}


def test_ppo_takes_the_judged_advantage_with_its_sign(world: World) -> None:
    experience = _experience(world, "ppo")
    experience.judged = {(0, 0): 0.25, (3, 0): -0.5}
    carrying, riding = experience.candidates()
    assert [(c.sample.key[0], c.weight) for c in carrying] == [(0, 0.25), (3, -0.5)]
    assert len(riding) == FAILURES_KEPT + 1


# ---- features and their cache


def test_a_feature_is_computed_once_by_content_and_never_from_the_adapter(
    tmp_path: Path, checkpoint: Path, world: World
) -> None:
    config = learner_config(tmp_path / "state", checkpoint, advantage="critic")
    student = load_student(config)
    steps = trainable_steps(StoredTrajectory(1, trajectory_to_message(world.trajectory(1, REWARDED))))
    others = [replace(step, key=(2, 0), prompt="Goal: stay") for step in steps]
    assert student.critics is not None
    features = student.critics._features
    plain = features.of_episode(steps)
    assert plain is not None
    assert plain.shape == (1, 64)
    features.of_episode([replace(steps[0], key=(9, 0))])
    assert features.computed == 1
    for parameter in student.policy.parameters:
        assert parameter.requires_grad
        parameter.data.fill_(0.3)
    other = features.of_episode(others)
    assert features.computed == 2
    features.keep()
    fresh = load_student(learner_config(tmp_path / "fresh", checkpoint, advantage="critic")).critics
    assert fresh is not None
    assert torch.equal(fresh._features.of_episode(others), other)  # of weights that have no adapter's doing in them
    again = load_student(config).critics
    assert again is not None
    assert torch.equal(again._features.of_episode(steps), plain)
    assert again._features.computed == 0


def test_a_key_tells_parts_from_their_concatenation_and_takes_any_text() -> None:
    split = [key_of("ab", "c"), key_of("a", "bc"), key_of("abc"), key_of("ab", "c", b"")]
    assert len({*split}) == len(split)
    assert {len(key) for key in split} == {32}
    assert key_of("é\ud800", b"x") == key_of(b"\xc3\xa9\xed\xa0\x80", b"x")


def test_the_cache_outlives_the_process_within_its_capacity_and_survives_damage(tmp_path: Path) -> None:
    keys = [bytes([n]) * 32 for n in range(5)]
    rows = [torch.full((3,), float(n), dtype=torch.float16) for n in range(5)]
    cache = FeatureCache(tmp_path / "f", 3)
    for first in (0, 2):
        for n in (first, first + 1):
            cache.put(keys[n], rows[n])
        cache.flush()
    cache.flush()
    assert sorted(path.name for path in (tmp_path / "f").iterdir()) == ["00000001.safetensors", "00000002.safetensors"]
    assert [len(FeatureCache(tmp_path / "f", 3)), len(FeatureCache(tmp_path / "f", 3, capacity=3))] == [4, 2]
    reread = FeatureCache(tmp_path / "f", 3)  # the file that had no room is gone
    found = reread.get(keys[3])
    assert found is not None
    assert torch.equal(found, rows[3])
    assert reread.get(keys[0]) is None
    (tmp_path / "f" / "00000002.safetensors").write_bytes(b"no tensors")
    assert len(FeatureCache(tmp_path / "f", 3)) == 0
    assert list((tmp_path / "f").iterdir()) == []


# ---- the learner


@pytest.mark.parametrize("objective", ["awr", "ppo"])
def test_a_learner_with_critics_started_again_ends_up_bit_for_bit_where_an_undisturbed_one_does(
    tmp_path: Path, checkpoint: Path, world: World, objective: str
) -> None:
    settings = {"advantage": "critic", "objective": objective, "instruction_share": 0.5}
    said = io.StringIO()
    undisturbed, ledger = resumed_learner(learner_config(tmp_path / "a", checkpoint, **settings), said)
    for update in range(2):
        world.store(ledger, 4 * update, MIXED)
        undisturbed.update(ledger.waiting(4))
    for update in range(2):
        restarted, ledger = resumed_learner(learner_config(tmp_path / "b", checkpoint, **settings))
        world.store(ledger, 4 * update, MIXED)
        restarted.update(ledger.waiting(4))
    expected = undisturbed._student.tensors()
    assert any(name.startswith("critic_adam_instruction/") for name in expected)
    assert differing(expected, restarted._student.tensors()) == set()
    metrics = [json.loads(line)["metrics"] for line in said.getvalue().splitlines() if '"metrics"' in line]
    assert [line["critic_trained"] for line in metrics] == [1.0, 1.0]
    assert metrics[-1]["optimizer_steps"] > 0


def test_failures_alone_leave_critics_and_policy_as_they_are(tmp_path: Path, checkpoint: Path, world: World) -> None:
    said = io.StringIO()
    learner, ledger = resumed_learner(learner_config(tmp_path / "a", checkpoint, advantage="critic"), said)
    for number in range(4):
        ledger.store(trajectory_to_message(world.trajectory(number, UNREWARDED, Verdict.FAILURE)))
    before = {name: tensor.clone() for name, tensor in learner._student.tensors().items() if name[:3] != "scm"}
    learner.update(ledger.waiting(4))
    after = learner._student.tensors()
    assert [name for name, tensor in before.items() if not torch.equal(tensor, after[name])] == []
    assert '"critic_trained": 0.0' in said.getvalue()


def test_a_checkpoint_without_critics_is_gone_on_from(tmp_path: Path, checkpoint: Path, world: World) -> None:
    learner, ledger = resumed_learner(learner_config(tmp_path / "a", checkpoint))
    world.store(ledger, 0, MIXED)
    learner.update(ledger.waiting(4))
    assert not [name for name in learner._student.tensors() if name.startswith("critic")]
    again, ledger = resumed_learner(
        learner_config(tmp_path / "a", checkpoint, advantage="critic", instruction_share=1.0)
    )
    world.store(ledger, 4, MIXED)
    again.update(ledger.waiting(4))
    assert again.progress.update == 2
