"""Parser weights: equal to enumerating every alternative by hand."""

from collections.abc import Sequence

import pytest
import torch

from agent_runtime.actions.grammar import grammar_named
from agent_runtime.actions.vocabulary import Malformed, Tap
from tuner.coso.labels import Utterance, action_labels
from tuner.coso.parser_weights import ParserWeights

PIECES = ['{"thought":"', "go", "stop", '","action":"tap","x":', "1", "2", ',"y":3}', "}"]
GRAMMAR = grammar_named("json")


def _decode(token_ids: Sequence[int]) -> str:
    return "".join(PIECES[token] for token in token_ids)


def _utterance(*token_ids: int) -> Utterance:
    return Utterance(token_ids, action_labels(GRAMMAR.parse(_decode(token_ids))))


TAP = _utterance(0, 1, 3, 4, 6)
EVERYWHERE = torch.ones(5, dtype=torch.bool)


def _probabilities(rows: dict[int, dict[int, float]]) -> torch.Tensor:
    """[5, V] with the given probabilities; elsewhere the written token is certain."""
    table = torch.zeros(5, len(PIECES))
    for spot, token in enumerate(TAP.token_ids):
        table[spot, token] = 1.0
    for spot, row in rows.items():
        table[spot] = 0.0
        for token, probability in row.items():
            table[spot, token] = probability
    return table


def test_the_fixture_is_a_tap() -> None:
    assert isinstance(GRAMMAR.parse(_decode(TAP.token_ids)), Tap)


def test_weights_equal_enumeration() -> None:
    # thought: "stop" (0.3) changes nothing, "}" (0.1) neither: it stands inside the string -> 0
    # x: "2" (0.3) moves the tap, "}" (0.1) is malformed -> (0.3 + 0.1) / 0.4 = 1
    # end: ',"y":3}' (0.5) was written; "}" (0.2) is malformed, and 1 -> "...13}"? no y: malformed
    probabilities = _probabilities({1: {1: 0.6, 2: 0.3, 7: 0.1}, 3: {4: 0.6, 5: 0.3, 7: 0.1}, 4: {6: 0.8, 7: 0.2}})
    found = ParserWeights(GRAMMAR, _decode, top_k=3).weights([TAP], [EVERYWHERE], [probabilities])[0]
    assert found[[1, 3, 4]].tolist() == pytest.approx([0.0, 1.0, 1.0])


def test_the_sum_is_over_the_policys_own_alternatives_renormalised() -> None:
    # at the number: "1" written (0.5), "2" 0.2 changes; the thought token "go" 0.3 is malformed.
    # with k = 2 the alternatives are only "go": 0.3 / 0.3; with k = 3 (0.2 + 0.3) / 0.5
    # at the thought: "stop" 0.1 keeps, the opening piece 0.3 breaks the JSON: 0.3 / (0.1 + 0.3)
    probabilities = _probabilities({1: {1: 0.6, 0: 0.3, 2: 0.1}, 3: {4: 0.5, 5: 0.2, 1: 0.3}})
    found = ParserWeights(GRAMMAR, _decode, top_k=3).weights([TAP], [EVERYWHERE], [probabilities])[0]
    assert found[1].item() == pytest.approx(0.75)
    assert found[3].item() == pytest.approx(1.0)


def test_a_token_the_policy_would_never_replace_weighs_nothing() -> None:
    found = ParserWeights(GRAMMAR, _decode, top_k=1).weights([TAP], [EVERYWHERE], [_probabilities({})])[0]
    assert found.tolist() == [0.0] * 5


def test_one_malformed_text_for_another_is_no_change() -> None:
    broken = _utterance(0, 1, 7)
    assert isinstance(GRAMMAR.parse(_decode(broken.token_ids)), Malformed)
    probabilities = torch.full((3, len(PIECES)), 1 / len(PIECES))
    asked = torch.tensor([False, True, False])
    assert ParserWeights(GRAMMAR, _decode, 8).weights([broken], [asked], [probabilities])[0].tolist() == [0.0] * 3


def test_positions_not_asked_for_are_zero() -> None:
    probabilities = torch.full((5, len(PIECES)), 1 / len(PIECES))
    asked = torch.tensor([False, False, False, True, False])
    found = ParserWeights(GRAMMAR, _decode, 8).weights([TAP], [asked], [probabilities])[0]
    assert found.nonzero().squeeze(1).tolist() == [3]


def test_top_k_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="top_k"):
        ParserWeights(GRAMMAR, _decode, top_k=0)


def test_a_swap_that_breaks_the_format_can_be_left_out() -> None:
    # at the number: "2" 0.2 gives another tap, "go" 0.3 nothing that can be done; at the end "}" 0.2 is malformed
    probabilities = _probabilities({3: {4: 0.5, 5: 0.2, 1: 0.3}, 4: {6: 0.8, 7: 0.2}})
    weights = ParserWeights(GRAMMAR, _decode, top_k=3, valid_only=True)
    found = weights.weights([TAP], [EVERYWHERE], [probabilities])[0]
    assert found[[3, 4]].tolist() == pytest.approx([0.2 / 0.5, 0.0])
