"""BAD's credit in the learner: the arithmetic of tokens' advantages, what the critic learns, the loss, a resume."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.learner_parts import differing, made_step, resumed_learner
from tests.learner_world import REWARDED, UNREWARDED, World, learner_config, picture_png
from tuner.config import LearnerConfig
from tuner.learner.experience import Candidate
from tuner.learner.finite import NotFiniteError
from tuner.learner.orders import order_bytes, read_order
from tuner.learner.policy_loss import PolicyLoss
from tuner.learner.samples import StepSample
from tuner.learner.token_critic import TokenCritic, token_advantages

torch.set_num_threads(1)
BAD = {"objective": "ppo", "advantage": "bad"}
PICTURE = picture_png()


def _step(sequence: int, place: int, tokens: int, reward: float, picture: bytes = PICTURE) -> StepSample:
    return made_step(
        sequence,
        place,
        tuple(range(tokens)),
        prompt="won" if reward else "lost",
        screenshot_png=picture,
        reward=reward,
        succeeded=reward > 0,
        steps=2,
        horizon=4,
    )


class _Policy:
    """Hidden states that say how the episode ended and at which token one is; no model."""

    def __init__(self, poison: float = 0.0) -> None:
        self.is_base = False
        self._poison = poison

    @contextmanager
    def as_base(self) -> Iterator[None]:
        self.is_base = True
        yield
        self.is_base = False

    def scored(self, samples: Sequence[StepSample]) -> Iterator[tuple[list[StepSample], Any]]:
        assert self.is_base
        for sample in reversed(samples):  # an order of its own
            sign = 1.0 if sample.reward else -1.0
            rows = torch.tensor([[sign, -sign, place + self._poison, 1.0] for place in sample.utterance.token_ids])
            yield [sample], SimpleNamespace(states=SimpleNamespace(hidden=rows))


def _critic(policy: Any) -> TokenCritic:
    return TokenCritic(policy, 4, 1e-2, 1.0, 0)


def test_only_the_last_token_of_an_action_looks_beyond_it_and_pays_the_discount() -> None:
    # γ = 0.9, λ = 1: A = γ^(actions that end before the outcome) · r − V; step 1 has 2 tokens, step 2 has 1
    values = [torch.tensor([0.2, 0.4]), torch.tensor([0.7])]
    one, two = token_advantages(1.0, values, 0.9, 1.0)
    assert two.tolist() == pytest.approx([1 - 0.7])
    assert one.tolist() == pytest.approx([0.9 - 0.2, 0.9 - 0.4])
    # λ = 0: inside an action V of the next token, at its end γ V of the next action's first
    one, two = token_advantages(1.0, values, 0.9, 0.0)
    assert two.tolist() == pytest.approx([1 - 0.7])
    assert one.tolist() == pytest.approx([0.4 - 0.2, 0.9 * 0.7 - 0.4])


def test_an_untaught_critic_says_one_half_and_learns_to_tell_the_outcome() -> None:
    critic = _critic(_Policy())
    episodes = [[_step(n, 0, 3, float(n % 2)), _step(n, 1, 2, float(n % 2))] for n in range(6)]
    credit, figures = critic.update(episodes, 1.0, 1.0, 30, "s")
    assert credit[1, 1] == pytest.approx((0.5, 0.5))
    assert credit[0, 0] == pytest.approx((-0.5, -0.5, -0.5))
    assert len(credit) == 12
    assert figures["token_value_majority"] == 0.5
    again, after = critic.update(episodes, 1.0, 1.0, 1, "t")
    assert after["token_value_accuracy"] == 1.0
    assert after["token_value_loss"] < figures["token_value_loss"]
    assert 0 < again[1, 1][0] < 0.3


def test_values_are_those_from_before_the_training() -> None:
    episodes = [[_step(n, 0, 3, float(n % 2))] for n in range(4)]
    one, other = _critic(_Policy()), _critic(_Policy())
    assert one.update(episodes, 1.0, 1.0, 1, "s")[0] == other.update(episodes, 1.0, 1.0, 50, "s")[0]


def test_an_episode_that_cannot_be_shown_has_no_credit_and_none_at_all_is_a_no_op() -> None:
    critic = _critic(_Policy())
    broken = [_step(1, 0, 2, 1.0, b"no picture"), _step(1, 1, 2, 1.0)]
    before = {name: tensor.clone() for name, tensor in critic.heads[0].tensors().items()}
    assert critic.update([broken], 1.0, 1.0, 1, "s") == ({}, {"critic_trained": 0.0})
    assert critic.update([], 1.0, 1.0, 1, "s") == ({}, {"critic_trained": 0.0})
    assert all(torch.equal(tensor, critic.heads[0].tensors()[name]) for name, tensor in before.items())
    assert list(critic.update([broken, [_step(2, 0, 2, 1.0)]], 1.0, 1.0, 1, "s")[0]) == [(2, 0)]


def test_a_state_that_is_no_number_is_refused() -> None:
    with pytest.raises(NotFiniteError, match="hidden state"):
        _critic(_Policy(math.nan)).update([[_step(1, 0, 2, 1.0)]], 1.0, 1.0, 1, "s")


# ---- the loss


def _rows() -> list[Candidate]:
    one, two = _step(1, 0, 2, 1.0), _step(2, 0, 1, 0.0)
    return [
        Candidate(one, 0.5, 1.0, token_weights=(0.25, 0.75)),
        Candidate(two, -1.0, 1.0, token_weights=(-1.0,)),
    ]


NOW = torch.tensor([[-1.0 + math.log(1.1), -1.0 + math.log(2.0)], [-1.0 + math.log(1.5), 9.0]])
MASK = torch.tensor([[1.0, 1.0], [1.0, 0.0]])


def _policy_term(rows: Sequence[Candidate], now: Tensor = NOW, mask: Tensor = MASK) -> float:
    config = LearnerConfig(
        state=Path("s"), model=Path("m"), base_model_digest="d", entropy="none", clip_range=0.2, **BAD
    )
    loss = PolicyLoss(config, lambda ids: [False] * len(ids))
    return float(loss.of(rows, now, torch.zeros_like(now), None, mask).loss.total)


def test_each_token_has_its_own_ratio_and_advantage_and_an_utterance_is_their_sum() -> None:
    # ρ: 1.1 and 2 with A 0.25 and 0.75, 1.5 with A −1; ε = 0.2
    # −(min(0.275, 0.275) + min(1.5, 0.9) + min(−1.5, −1.2)) / 2 utterances
    assert _policy_term(_rows()) == pytest.approx(-(0.275 + 0.9 - 1.5) / 2)


def test_the_loss_of_a_batch_is_the_mean_of_that_of_its_parts_however_it_is_split() -> None:
    rows = _rows()
    parts = [_policy_term(rows[:1], NOW[:1], MASK[:1]), _policy_term(rows[1:], NOW[1:, :1], MASK[1:, :1])]
    assert _policy_term(rows) == pytest.approx(sum(parts) / 2)


def test_one_advantage_for_all_tokens_has_the_gradient_of_the_utterances_at_the_acting_policy() -> None:
    gradients = []
    for advantage in ("bad", "critic"):
        now = torch.full((2, 2), -1.0, requires_grad=True)
        rows = [replace(row, weight=0.5, token_weights=(0.5,) * len(row.token_weights)) for row in _rows()]
        settings: Any = {"objective": "ppo", "advantage": advantage, "entropy": "none"}
        config = LearnerConfig(state=Path("s"), model=Path("m"), base_model_digest="d", **settings)
        loss = PolicyLoss(config, lambda ids: [False] * len(ids))
        found = loss.of(rows, now, torch.zeros(2, 2), None, MASK).loss.total
        gradients.append(torch.autograd.grad(found, now)[0])
    torch.testing.assert_close(gradients[0], gradients[1])


def test_the_credit_of_tokens_reaches_the_other_processes() -> None:
    rows = _rows()
    assert read_order(order_bytes({}, rows))[1] == rows


# ---- the learner


def test_a_learner_with_tokens_credit_learns_and_resumes_exactly(tmp_path: Path, checkpoint: Path) -> None:
    world = World(checkpoint)
    texts = (REWARDED, UNREWARDED, UNREWARDED, REWARDED)
    configs = [learner_config(tmp_path / name, checkpoint, entropy="none", **BAD) for name in ("a", "b")]
    undisturbed, ledger = resumed_learner(configs[0])
    before = {text: world.log_prob(undisturbed._student.policy._model, text) for text in texts}
    for update in range(2):
        world.store(ledger, 4 * update, texts)
        undisturbed.update(ledger.waiting(4))
    for update in range(2):
        restarted, ledger = resumed_learner(configs[1])
        world.store(ledger, 4 * update, texts)
        restarted.update(ledger.waiting(4))
    expected = undisturbed._student.tensors()
    assert any(name.startswith("critic_adam_token/") for name in expected)
    assert differing(expected, restarted._student.tensors()) == set()
    model = undisturbed._student.policy._model
    assert world.log_prob(model, REWARDED) > before[REWARDED]
    assert world.log_prob(model, UNREWARDED) < before[UNREWARDED]
    told = [json.loads(line) for line in (configs[0].state / "metrics.jsonl").read_text().splitlines()]
    assert [line["critic_trained"] for line in told] == [1.0, 1.0]
    assert told[1]["token_value_loss"] < told[0]["token_value_loss"]
    assert told[1]["token_value_majority"] == pytest.approx(0.5, abs=0.05)
