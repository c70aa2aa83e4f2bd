"""Blame: what a negative advantage presses down, by hand and through the learner."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from agent_runtime.actions import Finish, Malformed
from tests.learner_parts import differing, made_step
from tests.learner_world import REWARDED, UNREWARDED, World, learner_config
from tests.unit.tuner.test_learner_objectives import Running
from tuner.config import Blame, LearnerConfig
from tuner.coso.labels import Utterance, action_labels
from tuner.coso.objectives import causally_blamed
from tuner.learner.experience import Candidate
from tuner.learner.policy_loss import PolicyLoss

torch.set_num_threads(1)
WEIGHTS = torch.tensor([[0.5, 0.0, 1.0], [0.25, 1.0, 0.0]])
MASK = torch.tensor([[1, 1, 1], [1, 1, 0]])
NOW = torch.tensor([[-0.5, -1.0, -0.25], [-2.0, -0.5, 0.0]])


def _row(token_ids: tuple[int, ...], weight: float, action: Any, behaviour: Sequence[float]) -> Candidate:
    utterance = Utterance(token_ids, action_labels(action))
    return Candidate(made_step(token_ids=token_ids, utterance=utterance, behaviour_log_probs=behaviour), weight, 1.0)


WON = _row((1, 2, 3), 0.5, Finish(succeeded=True), (-1.0, -1.0, -0.25))
LOST = _row((4, 5), -1.0, Finish(succeeded=True), (-2.0, -1.5))
BROKEN = _row((4, 5), -1.0, Malformed("{"), (-2.0, -1.5))


def _loss(**settings: Any) -> PolicyLoss:
    plain: dict[str, Any] = {"objective": "ppo", "entropy": "none", "clip_range": 0.9, **settings}
    config = LearnerConfig(state=Path("s"), model=Path("m"), base_model_digest="d", **plain)
    return PolicyLoss(config, lambda ids: [True] * (len(ids) - 1) + [False])


def _of(rows: Sequence[Candidate], blame: Tensor | None = WEIGHTS, now: Tensor = NOW, **settings: Any) -> Any:
    return _loss(**settings).of(rows, now, torch.zeros(2, 3), None, MASK, blame)


def test_a_blamed_token_counts_its_weight_and_the_others_one() -> None:
    blamed = torch.tensor([[True, True, False]])
    found = causally_blamed(torch.tensor([[-1.0, -2.0, -4.0]]), torch.tensor([[0.5, 0.0, 0.1]]), blamed)
    assert found.tolist() == [[-0.5, 0.0, -4.0]]


def test_the_weights_are_constants() -> None:
    log_probs, weights = (torch.ones(1, 2, requires_grad=True) for _ in range(2))
    torch.autograd.backward(causally_blamed(log_probs, weights, torch.tensor([[True, False]])).sum())
    assert log_probs.grad is not None
    assert weights.grad is None


def test_only_a_failure_is_weighed() -> None:
    found = _of([WON, LOST])
    # won, whole: −1.75 − (−2.25) = 0.5; lost: 0.25·(−2 + 2) + 1·(−0.5 + 1.5) = 1
    assert found.importance.tolist() == pytest.approx([math.exp(0.5), math.e])
    # −(min(0.5·e^0.5, …) + min(−e, −1.9)) / 2
    assert found.loss.total.item() == pytest.approx(-(0.5 * math.exp(0.5) - math.e) / 2)


def test_a_token_that_decided_nothing_is_not_pressed_down() -> None:
    now = NOW.clone().requires_grad_()
    torch.autograd.backward(_of([WON, LOST], torch.tensor([[1.0] * 3, [1.0, 0.0, 0.0]]), now).loss.total)
    assert now.grad is not None
    assert now.grad[1, 0] > 0  # gradient descent lowers what decided
    assert now.grad[1, 1] == 0
    assert (now.grad[0] < 0).all()  # a success is raised whole


def test_the_gradient_is_that_of_finite_differences() -> None:
    now = NOW.double().requires_grad_()
    weights = WEIGHTS.double()
    total = _of([WON, LOST], weights, now).loss.total
    (found,) = torch.autograd.grad(total, now)
    step = 1e-6
    for place in [(0, 0), (0, 2), (1, 0), (1, 1)]:
        ends = []
        for sign in (1, -1):
            moved = NOW.double()
            moved[place] += sign * step
            ends.append(_of([WON, LOST], weights, moved).loss.total)
        assert found[place].item() == pytest.approx(((ends[0] - ends[1]) / (2 * step)).item(), abs=1e-6)


def test_a_malformed_answer_is_pressed_down_whole() -> None:
    found = _of([WON, BROKEN])
    # −2.5 − (−3.5) = 1, whatever the weights say
    assert found.importance.tolist() == pytest.approx([math.exp(0.5), math.e])
    assert torch.equal(found.loss.total, _of([WON, BROKEN], None).loss.total)


def test_lambda_and_blame_are_multiplied() -> None:
    found = _of([WON, LOST], thought_scaling=0.5)
    # won: 0.5·0.5 = 0.25; lost: 0.5·0.25·0 + 1·1 = 1
    assert found.importance.tolist() == pytest.approx([math.exp(0.25), math.e])


def test_under_bad_each_token_is_blamed_by_its_own_advantage() -> None:
    rows = [replace(WON, token_weights=(0.5, -1.0, -1.0)), replace(LOST, token_weights=(1.0, -1.0))]
    found = _of(rows, advantage="bad")
    # ρ: e^0.5, e^(0·0), e^(1·0); e^0, e^(1·1); A·ρ summed over an utterance, clip 1 ± 0.9
    # −(0.5·e^0.5 − 1 − 1 + 1 − e) / 2
    assert found.loss.total.item() == pytest.approx(-(0.5 * math.exp(0.5) - 1 - 1 + 1 - math.e) / 2)


def test_awr_with_negative_weights_is_blamed_too() -> None:
    found = _of([WON, LOST], objective="awr", negative_ceiling=1.0, importance_ceiling=1.0)
    # −(1·0.5·−1.75 + 1·−1·(0.25·−2 + 1·−0.5)) / 2
    assert found.loss.total.item() == pytest.approx(-(0.5 * -1.75 + 1.0) / 2)


def test_weights_that_are_all_one_change_no_bit_and_padding_none() -> None:
    spoiled = WEIGHTS.clone()
    spoiled[1, 2] = 77.0
    assert torch.equal(_of([WON, LOST], torch.ones(2, 3)).loss.total, _of([WON, LOST], None).loss.total)
    assert torch.equal(_of([WON, LOST], spoiled).loss.total, _of([WON, LOST]).loss.total)


def test_wrong_shapes_are_refused_first() -> None:
    with pytest.raises(AssertionError):
        causally_blamed(NOW, WEIGHTS[:1], MASK.bool())
    with pytest.raises(AssertionError):
        causally_blamed(NOW, WEIGHTS, MASK)


@pytest.mark.parametrize(
    "settings",
    [{}, {"objective": "bc"}, {"objective": "awr", "negative_ceiling": 0.0}],
    ids=str,
)
@pytest.mark.parametrize("blame", ["causal", "malformed"])
def test_blame_without_negative_advantages_is_refused(blame: Blame, settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="negative_ceiling above 0: set one of these, or leave blame out"):
        LearnerConfig(state=Path("s"), model=Path("m"), base_model_digest="d", blame=blame, **settings)


@pytest.mark.parametrize("form", [{}, {"weight_source": "parser"}, {"blame": "malformed"}], ids=str)
def test_a_learner_that_blames_by_weight_learns_and_resumes_exactly(
    tmp_path: Path, checkpoint: Path, world: World, form: dict[str, Any]
) -> None:
    settings: dict[str, Any] = {"objective": "ppo", "blame": "causal", **form}
    undisturbed = Running(learner_config(tmp_path / "a", checkpoint, **settings), world)
    before = {text: undisturbed.log_prob(text) for text in (REWARDED, UNREWARDED)}
    for number in range(2):
        undisturbed.update(number)
        restarted = Running(learner_config(tmp_path / "b", checkpoint, **settings), world)
        restarted.update(number)
    assert differing(undisturbed.student.tensors(), restarted.student.tensors()) == set()
    gain = {text: undisturbed.log_prob(text) - before[text] for text in before}
    assert gain[REWARDED] > max(1, gain[UNREWARDED] + 1)


def test_each_blame_is_an_update_of_its_own(tmp_path: Path, checkpoint: Path, world: World) -> None:
    each = [
        Running(learner_config(tmp_path / blame, checkpoint, objective="ppo", entropy="none", blame=blame), world)
        for blame in ("whole", "causal", "malformed")
    ]
    for running in each:
        running.update(0)
    whole, causal, malformed = (running.student.tensors() for running in each)
    assert differing(whole, causal)
    assert differing(causal, malformed)
