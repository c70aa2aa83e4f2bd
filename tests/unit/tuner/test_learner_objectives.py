"""The learner under its other objectives, advantages, entropy terms and nulls, on the tiny checkpoint."""

import copy
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.learner_parts import differing, made_step, resumed_learner
from tests.learner_world import MIXED, REWARDED, UNREWARDED, World, learner_config
from tuner.config import AdvantageKind, LearnerConfig
from tuner.coso.spans import THOUGHT_SPANS
from tuner.errors import LearnerError
from tuner.learner.experience import Candidate
from tuner.learner.policy_loss import PolicyLoss
from tuner.learner.student import Student, load_student

torch.set_num_threads(1)


class Running:
    """A learner that is handed the two utterances again and again, as the policy it has just published says them."""

    def __init__(self, config: LearnerConfig, world: World) -> None:
        self.config = config
        self.learner, self.ledger = resumed_learner(config)
        self.student: Student = self.learner._student
        self._world = copy.copy(world)

    def update(self, number: int) -> dict[str, float]:
        model = self.student.policy._model
        self._world._base = {text: self._world.token_log_probs(model, text) for text in (REWARDED, UNREWARDED)}
        self._world.store(self.ledger, 4 * number, MIXED)
        self.learner.update(self.ledger.waiting(4))
        lines = (self.config.state / "metrics.jsonl").read_text().splitlines()
        metrics: dict[str, float] = json.loads(lines[-1])
        return metrics

    def log_prob(self, text: str) -> float:
        return self._world.log_prob(self.student.policy._model, text)


OBJECTIVES: list[dict[str, Any]] = [
    {"objective": "ppo"},
    {"objective": "ppo", "advantage": "group", "thought_scaling": 0.2},
    {"objective": "bc"},
    {"advantage": "group"},
]


@pytest.mark.parametrize("settings", OBJECTIVES, ids=str)
def test_every_objective_makes_the_rewarded_utterance_likelier(
    tmp_path: Path, checkpoint: Path, world: World, settings: dict[str, Any]
) -> None:
    running = Running(learner_config(tmp_path / "state", checkpoint, entropy_alpha=0.0, **settings), world)
    before = {text: running.log_prob(text) for text in (REWARDED, UNREWARDED)}
    metrics = [running.update(number) for number in range(2)][-1]
    gain = {text: running.log_prob(text) - before[text] for text in before}
    assert gain[REWARDED] > 1
    assert gain[REWARDED] > gain[UNREWARDED] + 1
    assert all(math.isfinite(value) for value in metrics.values())
    assert metrics["version"] == 2


def test_ppo_pushes_the_failure_down_and_reports_what_was_clipped(
    tmp_path: Path, checkpoint: Path, world: World
) -> None:
    config = learner_config(tmp_path / "state", checkpoint, objective="ppo", entropy="none")
    running = Running(config, world)
    before = running.log_prob(UNREWARDED)
    metrics = running.update(0)
    assert running.log_prob(UNREWARDED) < before
    assert 0 < metrics["clipped"] <= 1  # steps of 5e-3 leave 1 ± 0.1 after the first


@pytest.mark.parametrize("form", [{"thought_scaling": 0.5}, {"group_step_weight": 0.5}], ids=str)
def test_ppo_started_again_ends_up_bit_for_bit_where_an_undisturbed_one_does(
    tmp_path: Path, checkpoint: Path, world: World, form: dict[str, Any]
) -> None:
    settings: dict[str, Any] = {"objective": "ppo", "advantage": "group", **form}
    undisturbed = Running(learner_config(tmp_path / "a", checkpoint, **settings), world)
    for number in range(2):
        undisturbed.update(number)
        restarted = Running(learner_config(tmp_path / "b", checkpoint, **settings), world)
        restarted.update(number)
    assert differing(undisturbed.student.tensors(), restarted.student.tensors()) == set()


@pytest.mark.parametrize(
    ("settings", "bonus"),
    [
        ({"entropy": "none"}, False),
        ({"entropy": "uniform"}, True),
        ({"weight_source": "released"}, True),
        ({"scm_null": "pad"}, True),
        ({"scm_null": "neighbour"}, True),
    ],
    ids=str,
)
def test_every_entropy_term_and_null_learns(
    tmp_path: Path, checkpoint: Path, world: World, settings: dict[str, Any], bonus: bool
) -> None:
    metrics = Running(learner_config(tmp_path / "state", checkpoint, **settings), world).update(0)
    assert (metrics["causal_entropy"] > 0) is bonus
    assert metrics["version"] == 1


def test_the_older_name_of_uniform_entropy_is_the_same_to_the_bit(
    tmp_path: Path, checkpoint: Path, world: World
) -> None:
    both = [
        Running(learner_config(tmp_path / name, checkpoint, **{name: "uniform"}), world)
        for name in ("entropy", "weight_source")
    ]
    for running in both:
        running.update(0)
    one, other = (running.student.tensors() for running in both)
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


def test_no_bonus_is_a_bonus_of_alpha_zero_to_the_bit(tmp_path: Path, checkpoint: Path, world: World) -> None:
    none = Running(learner_config(tmp_path / "none", checkpoint, entropy="none"), world)
    zero = Running(learner_config(tmp_path / "zero", checkpoint, entropy_alpha=0.0), world)
    for running in (none, zero):
        running.update(0)
    one, other = (running.student.tensors() for running in (none, zero))
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


def test_a_null_that_the_tokenizer_does_not_have_is_refused(tmp_path: Path, checkpoint: Path) -> None:
    with pytest.raises(LearnerError, match="no such token"):
        load_student(learner_config(tmp_path / "state", checkpoint, scm_null="unk"))


def test_lambda_is_refused_for_a_grammar_whose_thoughts_are_not_told(
    tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(THOUGHT_SPANS, "json")
    with pytest.raises(LearnerError, match="leave it at 1"):
        load_student(learner_config(tmp_path / "state", checkpoint, thought_scaling=0.5))
    load_student(learner_config(tmp_path / "state", checkpoint))


def test_calibration_is_reported_of_what_was_never_trained_on(tmp_path: Path, checkpoint: Path, world: World) -> None:
    running = Running(learner_config(tmp_path / "state", checkpoint), world)
    first, second = running.update(0), running.update(1)
    assert first["scm_unseen"] == 2  # four episodes said two different things
    assert 0 <= first["scm_ece"] <= 1
    assert first["scm_accuracy"] in (0.0, 0.5, 1.0)
    assert "scm_ece" not in second  # the same two again


# ---- the loss of a batch

LOG_PROBS = torch.tensor([[-0.5, -1.0, -0.25], [-2.0, -0.5, 0.0]])
MASK = torch.tensor([[1, 1, 1], [1, 1, 0]])
THOUGHT = {(1, 2, 3): [True, True, False], (4, 5): [True, False]}


def _candidate(token_ids: tuple[int, ...], behaviour: Sequence[float], weight: float) -> Candidate:
    return Candidate(made_step(token_ids=token_ids, behaviour_log_probs=behaviour), weight, 1.0)


ROWS = [_candidate((1, 2, 3), (-1.0, -1.0, -0.25), 0.5), _candidate((4, 5), (-2.0, -1.5), -1.0)]


def _loss(**settings: Any) -> PolicyLoss:
    config = LearnerConfig(state=Path("s"), model=Path("m"), base_model_digest="d", entropy="none", **settings)
    return PolicyLoss(config, THOUGHT.__getitem__)


def _of(loss: PolicyLoss, log_probs: Tensor = LOG_PROBS) -> Any:
    return loss.of(ROWS, log_probs, torch.zeros(2, 3), None, MASK)


def test_ppo_compares_with_the_log_probs_of_the_trajectory() -> None:
    found = _of(_loss(objective="ppo", clip_range=0.2))
    # log ρ: (−1.75) − (−2.25) = 0.5; (−2.5) − (−3.5) = 1; A = 0.5, −1; ε = 0.2
    # −(min(0.5 e^0.5, 0.6) + min(−e, −1.2)) / 2 = −(0.6 − e) / 2
    assert found.importance.tolist() == pytest.approx([math.exp(0.5), math.e])
    assert found.loss.total.item() == pytest.approx(-(0.6 - math.e) / 2)
    assert found.clipped.tolist() == [1.0, 1.0]


def test_lambda_scales_the_thought_in_both_policies() -> None:
    found = _of(_loss(objective="ppo", thought_scaling=0.5))
    # 0.5·(−1.5) − 0.25 − (0.5·(−2) − 0.25) = 0.25; 0.5·(−2) − 0.5 − (0.5·(−2) − 1.5) = 1
    assert found.importance.tolist() == pytest.approx([math.exp(0.25), math.e])


def test_awr_scales_the_thought_in_the_policy_term_and_not_in_the_ratio() -> None:
    found = _of(_loss(thought_scaling=0.5, importance_ceiling=2.0))
    # ρ = min(2, e^0.5), min(2, e); −(0.5·e^0.5·(0.5·−1.5 − 0.25) + −1·2·(0.5·−2 − 0.5)) / 2
    assert found.loss.total.item() == pytest.approx(-(-0.5 * math.exp(0.5) + 3.0) / 2)


def test_the_correction_of_the_draw_multiplies_both_terms_of_awr() -> None:
    rows = [replace(ROWS[0], correction=3.0), ROWS[1]]
    entropies, causal = torch.full((2, 3), 0.5), torch.tensor([[0.0, 1.0, 0.5], [0.2, 0.0, 9.0]])
    config = LearnerConfig(state=Path("s"), model=Path("m"), base_model_digest="d", entropy_alpha=0.1)
    found = PolicyLoss(config, THOUGHT.__getitem__).of(rows, LOG_PROBS, entropies, causal, MASK)
    # ρ = min(2, e^0.5), min(2, e): policy −(3·e^0.5·0.5·−1.75 + 2·−1·−2.5) / 2
    assert found.loss.policy.item() == pytest.approx(-(3 * math.exp(0.5) * 0.5 * -1.75 + 5.0) / 2)
    # entropy (3·(1·0.5 + 0.5·0.5) + 0.2·0.5) / 2
    assert found.loss.causal_entropy.item() == pytest.approx((3 * 0.75 + 0.1) / 2)


@pytest.mark.parametrize("advantage", ["baseline", "bad"])
def test_what_an_agent_has_too_much_of_counts_for_less_under_ppo(advantage: AdvantageKind) -> None:
    rows = [replace(row, token_weights=(0.5, -0.25, 1.0)[: len(row.sample.utterance.token_ids)]) for row in ROWS]
    halved = replace(rows[0], correction=0.5)
    same = replace(rows[0], weight=0.5 * rows[0].weight, token_weights=tuple(0.5 * a for a in rows[0].token_weights))
    config = LearnerConfig(
        state=Path("s"), model=Path("m"), base_model_digest="d", objective="ppo", advantage=advantage
    )
    causal, less = torch.ones(2, 3), torch.tensor([[0.5], [1.0]]).expand(2, 3)
    loss, entropies = PolicyLoss(config, THOUGHT.__getitem__), torch.full((2, 3), 0.5)
    found = loss.of([halved, rows[1]], LOG_PROBS, entropies, causal, MASK).loss
    expected = loss.of([same, rows[1]], LOG_PROBS, entropies, less, MASK).loss
    whole = loss.of(rows, LOG_PROBS, entropies, causal, MASK).loss
    assert found.total.item() == pytest.approx(expected.total.item())
    assert found.policy.item() != pytest.approx(whole.policy.item())


def test_cloning_takes_no_ratio_and_only_what_was_kept() -> None:
    assert _of(_loss(objective="bc")).loss.total.item() == pytest.approx(1.75 / 2)


@pytest.mark.parametrize("settings", [{}, {"objective": "ppo"}, {"objective": "bc"}], ids=str)
def test_padding_reaches_no_loss(settings: dict[str, Any]) -> None:
    loss = _loss(thought_scaling=0.3, **settings)
    spoiled = LOG_PROBS.clone()
    spoiled[1, 2] = -77.0
    assert torch.equal(_of(loss, spoiled).loss.total, _of(loss).loss.total)


def test_wrong_shapes_are_refused_first() -> None:
    with pytest.raises(AssertionError):
        _loss().of(ROWS, LOG_PROBS, torch.zeros(2, 2), None, MASK)
    with pytest.raises(AssertionError):
        _loss().of(ROWS[:1], LOG_PROBS, torch.zeros(2, 3), None, MASK)
