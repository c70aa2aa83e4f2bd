"""Entropy of the action at a token: the sums by hand, gradients by finite differences, and what must not count."""

import math
from collections.abc import Sequence

import pytest
import torch

from agent_runtime.actions.grammar import grammar_named
from agent_runtime.policy.score import AnswerStates
from tuner.coso.action_entropy import NOT_COUNTED, Alternatives, ParsedAlternatives, action_entropies
from tuner.coso.labels import Utterance, action_labels
from tuner.learner.policy_update import per_action

PIECES = ['{"thought":"', "go", "stop", '","action":"tap","x":', "100", "101", "900", ',"y":3}', "}"]
GRAMMAR = grammar_named("json")


def _decode(token_ids: Sequence[int]) -> str:
    return "".join(PIECES[token] for token in token_ids)


def _utterance(*token_ids: int) -> Utterance:
    return Utterance(token_ids, action_labels(GRAMMAR.parse(_decode(token_ids))))


TAP = _utterance(0, 1, 3, 4, 7)
BROKEN = _utterance(0, 1, 3, 8, 7)


def _probabilities(utterance: Utterance, rows: dict[int, dict[int, float]]) -> torch.Tensor:
    """[5, V] with the given probabilities; elsewhere the written token is certain."""
    table = torch.zeros(5, len(PIECES))
    for place, token in enumerate(utterance.token_ids):
        for other, probability in rows.get(place, {token: 1.0}).items():
            table[place, other] = probability
    return table


def _entropies(utterance: Utterance, rows: dict[int, dict[int, float]], **options: float) -> list[float]:
    probabilities = _probabilities(utterance, rows)
    everywhere = torch.ones(5, dtype=torch.bool)
    found = ParsedAlternatives(GRAMMAR, _decode, top_k=4, least_probability=options.get("least", 1e-3)).of(
        utterance, everywhere, probabilities
    )
    nats: list[float] = action_entropies(probabilities.log().gather(1, found.token_ids), found.actions).tolist()
    return nats


def test_entropy_is_over_actions_that_can_be_done_renormalised() -> None:
    # at x: 100 (0.5) and 101 (0.1) touch the same cell, 900 (0.2) another; "}" (0.2) is malformed and left out.
    # C = {100, 101, 900}, mass 0.8: P(left) = 0.6 / 0.8 = 0.75, P(right) = 0.25
    nats = _entropies(TAP, {3: {4: 0.5, 5: 0.1, 6: 0.2, 8: 0.2}})
    by_hand = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert nats == pytest.approx([0.0, 0.0, 0.0, by_hand, 0.0])


def test_another_wording_and_a_broken_format_have_none() -> None:
    # thought: "stop" gives the same action; end: "}" breaks the answer, so that one action is left
    assert _entropies(TAP, {1: {1: 0.5, 2: 0.5}, 4: {7: 0.5, 8: 0.5}}) == [0.0] * 5


def test_of_a_broken_answer_only_what_mends_it_counts() -> None:
    # at x "}" was written (0.5): 100 (0.3) and 900 (0.1) mend it, 2 of 4 parts and so on: P = 0.75, 0.25
    nats = _entropies(BROKEN, {3: {8: 0.6, 4: 0.3, 6: 0.1}})
    assert nats[3] == pytest.approx(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)))


def test_what_is_too_unlikely_does_not_count() -> None:
    rows = {3: {4: 0.9, 6: 0.1}}
    assert _entropies(TAP, rows, least=0.2)[3] == 0
    assert _entropies(TAP, rows, least=0.05)[3] > 0


def test_gradient_equals_finite_differences_and_leaves_broken_tokens_alone() -> None:
    actions = torch.tensor([[0, 0, 1, NOT_COUNTED], [0, 1, 2, 0], [NOT_COUNTED] * 4, [0, 0, NOT_COUNTED, 0]])
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(actions.shape, generator=generator, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda given: action_entropies(given, actions), (scores,))
    action_entropies(scores, actions).sum().backward()  # type: ignore[no-untyped-call]
    assert scores.grad is not None
    assert torch.isfinite(scores.grad).all()
    assert scores.grad[0, 3] == 0
    assert (scores.grad[2:] == 0).all()


def test_a_constant_on_all_scores_changes_nothing_and_two_equal_actions_reach_log_two() -> None:
    actions = torch.tensor([0, 0, 1])
    even = torch.tensor([0.25, 0.25, 0.5]).log()
    assert action_entropies(even, actions).item() == pytest.approx(math.log(2))
    assert action_entropies(even + 7, actions).item() == pytest.approx(math.log(2))


def test_one_alternative_alone_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        ParsedAlternatives(GRAMMAR, _decode, top_k=1)


def test_the_learners_own_sum_equals_that_of_whole_logits() -> None:
    # two answers of unlike length, packed as the forward pass packs them; logits made only where they count
    generator = torch.Generator().manual_seed(1)
    mask = torch.tensor([[1.0] * 5, [1.0] * 3 + [0.0] * 2])
    hidden = torch.randn(8, 4, generator=generator, requires_grad=True)
    head, temperatures = torch.randn(4, len(PIECES), generator=generator), torch.tensor([1.0, 0.5])
    token_ids = torch.randint(len(PIECES), (2, 5, 3), generator=generator)
    actions = torch.randint(-1, 3, (2, 5, 3), generator=generator).masked_fill(mask.unsqueeze(-1) == 0, NOT_COUNTED)
    states = AnswerStates(hidden, token_ids[..., 0], mask, lambda rows: rows @ head)
    found = per_action(states, temperatures, Alternatives(token_ids, actions))
    logits = torch.zeros(2, 5, len(PIECES)).masked_scatter(mask.bool().unsqueeze(-1), hidden @ head)
    whole = action_entropies((logits / temperatures[:, None, None]).gather(2, token_ids), actions)
    torch.testing.assert_close(found, whole)
    gradients = [torch.autograd.grad(nats.sum(), hidden, retain_graph=True)[0] for nats in (found, whole)]
    torch.testing.assert_close(*gradients)
    nothing = Alternatives(token_ids, torch.full_like(actions, NOT_COUNTED))
    assert (per_action(states, temperatures, nothing) == 0).all()
