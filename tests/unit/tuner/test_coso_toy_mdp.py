"""Soft policy iteration with causal weights on a phone of two screens: lemmas 4.1 to 4.3, and the paper's point.

An utterance is two tokens, a wording and a button; the parser reads the button alone. On the list, button 1 opens
the form; on the form, button 2 sends it: reward 1, the end. Button 2 on the list gives up: reward 0.1, the end.
Everything else leads to the list. Without entropy V(form) = 1 and V(list) = γ · 1 = 0.9.
"""

import itertools
import math
from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from agent_runtime.actions.vocabulary import Action, Tap
from tests.soft_policy_iteration import joint, soft_backup, soft_improvement, weighted_entropy
from tuner.coso.labels import Utterance, action_labels
from tuner.coso.parser_weights import ParserWeights

torch.set_num_threads(1)
F64 = torch.float64
LIST, FORM = 0, 1
STATES, WORDS, GAMMA = 2, 3, 0.9
UTTERANCES = list(itertools.product(range(WORDS), range(WORDS)))
UNIFORM, CAUSAL = (1.0, 1.0), (0.0, 1.0)


def _world(wording_cost: float = 0.0) -> tuple[Tensor, Tensor]:
    """Rewards [S, A] and transitions [S, A, S]; every wording but the plain 0 costs something."""
    rewards = torch.zeros(STATES, len(UTTERANCES), dtype=F64)
    transitions = torch.zeros(STATES, len(UTTERANCES), STATES, dtype=F64)
    for place, (wording, button) in enumerate(UTTERANCES):
        rewards[:, place] = -wording_cost * (wording != 0)
        transitions[LIST, place, FORM if button == 1 else LIST] = float(button != 2)
        transitions[FORM, place, LIST] = float(button != 2)
        rewards[LIST, place] += 0.1 * (button == 2)
        rewards[FORM, place] += 1.0 * (button == 2)
    return rewards, transitions


def _table(weights: Sequence[float]) -> Tensor:
    return torch.tensor([weights] * STATES, dtype=F64)


def _policy(seed: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = ((STATES, WORDS), (STATES, WORDS, WORDS))
    return [torch.randn(*shape, generator=generator, dtype=F64).softmax(-1) for shape in shapes]


def _first_policy(plain: float = 0.9) -> list[Tensor]:
    """Says the plain wording with this probability, presses any button alike."""
    wording = torch.tensor([[plain, (1 - plain) / 2, (1 - plain) / 2]] * STATES, dtype=F64)
    return [wording, torch.full((STATES, WORDS, WORDS), 1 / WORDS, dtype=F64)]


def _evaluated(policy: list[Tensor], weights: Tensor, alpha: float, world: tuple[Tensor, Tensor]) -> Tensor:
    """Q of a policy by solving Q = r + γ P (α H_B + π Q), a linear system, instead of iterating the backup."""
    rewards, transitions = world
    probabilities = joint(policy)
    count = rewards.numel()
    onward = torch.einsum("sat,tb->satb", transitions, probabilities).reshape(count, count)
    constant = rewards + GAMMA * alpha * transitions @ weighted_entropy(policy, weights)
    solved: Tensor = torch.linalg.solve(torch.eye(count, dtype=F64) - GAMMA * onward, constant.reshape(count))
    return solved.reshape(rewards.shape)


def _backed_up(q: Tensor, policy: list[Tensor], weights: Tensor, alpha: float, world: tuple[Tensor, Tensor]) -> Tensor:
    entropies = weighted_entropy(policy, weights)
    return soft_backup(q, *world, joint(policy), entropies, GAMMA, alpha)


def _iterated(
    weights: Sequence[float], alpha: float, world: tuple[Tensor, Tensor], plain: float = 0.9
) -> tuple[list[Tensor], list[Tensor]]:
    """Soft policy iteration to its end: the last policy, and Q after each evaluation."""
    table, policy, history = _table(weights), _first_policy(plain), []
    for _ in range(60):
        history.append(_evaluated(policy, table, alpha, world))
        policy = soft_improvement(history[-1], table, alpha, policy)[0]
    return policy, history


def _returned(policy: list[Tensor], world: tuple[Tensor, Tensor]) -> float:
    """What the task pays a policy from the list on, no bonus counted."""
    q = _evaluated(policy, _table(CAUSAL), 0.0, world)
    return float((joint(policy) * q).sum(1)[LIST])


# ---- where B comes from


class Buttons:
    """A grammar of two letters, of which the second is the button."""

    name = "buttons"
    instruction = ""

    def parse(self, utterance: str) -> Action:
        return Tap("abc".index(utterance[1]) / 10, 0.0)

    def render(self, action: Action, thought: str = "") -> str:
        raise ValueError("not needed")


def test_the_parsers_weights_are_zero_for_the_wording_and_one_for_the_button() -> None:
    def decode(token_ids: Sequence[int]) -> str:
        return "".join("abc"[token] for token in token_ids)

    source = ParserWeights(Buttons(), decode, top_k=WORDS)
    for ids, seed in itertools.product(UTTERANCES, range(3)):
        probabilities = torch.randn(2, WORDS, generator=torch.Generator().manual_seed(seed)).softmax(-1)
        utterance = Utterance(ids, action_labels(Buttons().parse(decode(ids))))
        found = source.weights([utterance], [torch.ones(2, dtype=torch.bool)], [probabilities])[0]
        assert found.tolist() == pytest.approx(CAUSAL)


# ---- lemma 4.2: evaluation

tables = st.lists(st.floats(-5, 5), min_size=18, max_size=18).map(lambda v: torch.tensor(v, dtype=F64).view(2, 9))
weight_pairs = st.tuples(st.floats(0, 1), st.floats(0, 1))


@settings(deadline=None, max_examples=60)
@given(tables, tables, weight_pairs, st.floats(0, 2), st.integers(0, 9))
def test_the_backup_is_a_contraction(
    one: Tensor, other: Tensor, weights: tuple[float, float], alpha: float, seed: int
) -> None:
    world, policy, table = _world(0.1), _policy(seed), _table(weights)
    apart = (_backed_up(one, policy, table, alpha, world) - _backed_up(other, policy, table, alpha, world)).abs().max()
    assert apart <= GAMMA * (one - other).abs().max() + 1e-12


def test_the_backup_by_hand() -> None:
    # Q = 0, wording fixed, buttons alike: H_B = log 3; on the list button 1 goes on to the form
    policy = [torch.tensor([[1.0, 0.0, 0.0]] * 2, dtype=F64), torch.full((2, 3, 3), 1 / 3, dtype=F64)]
    found = _backed_up(torch.zeros(2, 9, dtype=F64), policy, _table(CAUSAL), 0.5, _world())
    onward = 0.9 * 0.5 * math.log(3)
    assert found[LIST, :3].tolist() == pytest.approx([onward, onward, 0.1])
    assert found[FORM, :3].tolist() == pytest.approx([onward, onward, 1.0])


@pytest.mark.parametrize("weights", [UNIFORM, CAUSAL, (0.3, 1.0)])
def test_iterating_the_backup_finds_the_solution_of_the_linear_system(weights: tuple[float, float]) -> None:
    world, policy, table = _world(0.1), _policy(0), _table(weights)
    q = torch.zeros(2, 9, dtype=F64)
    for _ in range(300):
        q = _backed_up(q, policy, table, 0.3, world)
    torch.testing.assert_close(q, _evaluated(policy, table, 0.3, world), atol=1e-11, rtol=0)


def test_the_weighted_entropy_is_the_expectation_written_out() -> None:
    wording, button = policy = _policy(3)
    table = torch.tensor([[0.2, 0.7], [1.0, 0.1]], dtype=F64)
    for state in range(STATES):
        total = 0.0
        for first in range(WORDS):
            total -= table[state, 0].item() * (wording[state, first] * wording[state, first].log()).item()
            for second in range(WORDS):
                chance = button[state, first, second]
                total -= table[state, 1].item() * (wording[state, first] * chance * chance.log()).item()
        assert weighted_entropy(policy, table)[state].item() == pytest.approx(total)


def test_with_all_weights_one_it_is_the_entropy_of_the_utterance() -> None:
    policy = _policy(4)
    torch.testing.assert_close(
        weighted_entropy(policy, _table(UNIFORM)), torch.special.entr(joint(policy)).sum(1), atol=1e-12, rtol=0
    )


# ---- lemma 4.3: improvement


@settings(deadline=None, max_examples=60)
@given(tables, weight_pairs, st.floats(0.01, 2), st.integers(0, 9))
def test_no_policy_has_a_higher_soft_value_than_the_improved_one(
    q: Tensor, weights: tuple[float, float], alpha: float, seed: int
) -> None:
    table = _table([weight if weight > 1e-3 else 0.0 for weight in weights])

    def value(policy: list[Tensor]) -> Tensor:
        return (joint(policy) * q).sum(1) + alpha * weighted_entropy(policy, table)

    improved, highest = soft_improvement(q, table, alpha, _policy(seed))
    torch.testing.assert_close(value(improved), highest, atol=1e-7, rtol=0)
    for other in range(20):
        assert (value(_policy(other)) <= highest + 1e-7).all()


def test_with_all_weights_one_the_improved_policy_is_softmax_over_whole_utterances() -> None:
    q = torch.randn(2, 9, generator=torch.Generator().manual_seed(0), dtype=F64)
    improved, highest = soft_improvement(q, _table(UNIFORM), 0.7, _first_policy())
    torch.testing.assert_close(joint(improved), (q / 0.7).softmax(-1), atol=1e-12, rtol=0)
    torch.testing.assert_close(highest, 0.7 * (q / 0.7).logsumexp(-1), atol=1e-12, rtol=0)


@pytest.mark.parametrize("alpha", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("weights", [UNIFORM, CAUSAL, (0.3, 1.0), (1.0, 0.0), (0.0, 0.0)])
@pytest.mark.parametrize("cost", [0.0, 0.1])
def test_policy_iteration_never_loses_and_ends_in_the_soft_optimum(
    weights: tuple[float, float], alpha: float, cost: float
) -> None:
    world = _world(cost)
    history = _iterated(weights, alpha, world)[1]
    for before, after in itertools.pairwise(history):
        assert (after >= before - 1e-10).all()
    torch.testing.assert_close(history[-1], _soft_optimum(weights, alpha, world), atol=1e-9, rtol=0)


def _soft_optimum(weights: Sequence[float], alpha: float, world: tuple[Tensor, Tensor]) -> Tensor:
    """Q* by soft value iteration in plain Python: nested log-sum-exps, no policy anywhere."""
    rewards, transitions = (table.tolist() for table in world)
    values = [0.0] * STATES
    for _ in range(400):
        q = [
            [
                rewards[s][a] + GAMMA * sum(chance * values[t] for t, chance in enumerate(transitions[s][a]))
                for a in range(len(UTTERANCES))
            ]
            for s in range(STATES)
        ]
        inner = [
            [_soft_max(row[WORDS * first : WORDS * (first + 1)], alpha * weights[1]) for first in range(WORDS)]
            for row in q
        ]
        values = [_soft_max(row, alpha * weights[0]) for row in inner]
    return torch.tensor(q, dtype=F64)


def _soft_max(values: Sequence[float], temperature: float) -> float:
    top = max(values)
    if temperature == 0:
        return top
    return top + temperature * math.log(sum(math.exp((value - top) / temperature) for value in values))


def test_without_entropy_it_finds_the_optimum_that_enumeration_finds() -> None:
    world = _world(0.1)
    policy, history = _iterated(CAUSAL, 0.0, world)
    best = max(
        _returned(_deterministic(pair), world)  # every deterministic policy: an utterance for each screen
        for pair in itertools.product(UTTERANCES, repeat=STATES)
    )
    assert best == pytest.approx(0.9)
    assert _returned(policy, world) == pytest.approx(0.9)
    assert history[-1].amax(1).tolist() == pytest.approx([0.9, 1.0])


def _deterministic(utterances: Sequence[tuple[int, int]]) -> list[Tensor]:
    wording = torch.zeros(STATES, WORDS, dtype=F64)
    button = torch.full((STATES, WORDS, WORDS), 1 / WORDS, dtype=F64)
    for state, (first, second) in enumerate(utterances):
        wording[state, first] = 1.0
        button[state, first] = torch.eye(WORDS, dtype=F64)[second]
    return [wording, button]


# ---- the paper's point


def _wordy(policy: list[Tensor]) -> float:
    """The probability, on the list, of another wording than the plain one."""
    return float(1 - policy[0][LIST, 0])


def _button_entropy(policy: list[Tensor]) -> float:
    """How much the button is explored on the list, in nats."""
    return float((policy[0][LIST] * torch.special.entr(policy[1][LIST]).sum(-1)).sum())


def _ends(alpha: float, world: tuple[Tensor, Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    return _iterated(UNIFORM, alpha, world)[0], _iterated(CAUSAL, alpha, world)[0]


@pytest.mark.parametrize(("alpha", "uniform_return", "causal_return"), [(0.05, 0.7353, 0.8732), (0.1, 0.0034, 0.7304)])
def test_where_wording_is_free_uniform_entropy_spreads_over_it_and_causal_moves_nothing(
    alpha: float, uniform_return: float, causal_return: float
) -> None:
    world = _world(0.0)
    uniform, causal = _ends(alpha, world)
    assert _wordy(uniform) == pytest.approx(2 / 3)
    assert _wordy(causal) == pytest.approx(0.1)  # what it was at the start
    # every further step brings the uniform one α log 3 for its wording: it is paid for not getting done
    assert _returned(uniform, world) == pytest.approx(uniform_return, abs=1e-4)
    assert _returned(causal, world) == pytest.approx(causal_return, abs=1e-4)


@pytest.mark.parametrize(("alpha", "uniform_return", "causal_return"), [(0.05, 0.8153, 0.8732), (0.1, -0.0820, 0.7304)])
def test_where_wording_costs_uniform_entropy_pays_at_every_step_and_causal_does_not(
    alpha: float, uniform_return: float, causal_return: float
) -> None:
    world = _world(0.1)
    uniform, causal = _ends(alpha, world)
    odds = 2 * math.exp(-0.1 / alpha)  # two costly wordings against the plain one: 0.213 and 0.424
    assert _wordy(uniform) == pytest.approx(odds / (1 + odds))
    assert _wordy(causal) == 0.0
    assert _returned(uniform, world) == pytest.approx(uniform_return, abs=1e-4)
    assert _returned(causal, world) == pytest.approx(causal_return, abs=1e-4)


@pytest.mark.parametrize(
    ("cost", "alpha", "uniform_return"), [(0.0, 0.0505, 0.727), (0.05, 0.0635, 0.645), (0.1, 0.0733, 0.610)]
)
def test_with_the_button_explored_alike_the_difference_is_what_the_wording_costs(
    cost: float, alpha: float, uniform_return: float
) -> None:
    # a fair comparison: uniform entropy at the smaller α that explores the button as causal entropy does at 0.1;
    # where wording is free nothing is left of the difference, which was one of scale
    world = _world(cost)
    uniform, causal = _iterated(UNIFORM, alpha, world)[0], _iterated(CAUSAL, 0.1, world)[0]
    assert _button_entropy(uniform) == pytest.approx(_button_entropy(causal), abs=2e-3)
    assert _returned(uniform, world) == pytest.approx(uniform_return, abs=2e-3)
    assert _returned(causal, world) == pytest.approx(0.7304, abs=1e-4)
    assert _wordy(causal) < _wordy(uniform)
