"""Keeping the action model current: rehearsal, gaps, and the three sources of weights behind one face."""

import json
from collections.abc import Sequence

import pytest
import torch

from agent_runtime.actions import Malformed, grammar_named
from tuner.coso.action_model import ActionModel, ActionModelSize
from tuner.coso.counterfactual import ScmWeights
from tuner.coso.labels import Utterance, action_labels
from tuner.coso.parser_weights import ParserWeights
from tuner.coso.rehearsal import Rehearsal
from tuner.learner.causal import (
    NEGLIGIBLE_ENTROPY_NATS,
    ActionModelTrainer,
    CausalWeights,
    numbers_in,
    padded,
    whole_coordinates,
)
from tuner.learner.finite import NotFiniteError

torch.set_num_threads(1)
JSON = grammar_named("json")
VOCABULARY = 128


def _encode(text: str) -> list[int]:
    return [ord(letter) % VOCABULARY for letter in text]


def _decode(token_ids: Sequence[int]) -> str:
    return "".join(chr(token_id) for token_id in token_ids)


def _trainer(seed: int = 0) -> tuple[ActionModel, ActionModelTrainer]:
    torch.manual_seed(seed)
    model = ActionModel(VOCABULARY, ActionModelSize(1, 16, 2, 32))
    return model, ActionModelTrainer(model, Rehearsal(JSON, _encode, _decode, 0), max_grad_norm=1.0)


def _weights(source: str) -> CausalWeights:
    return CausalWeights(ScmWeights(_trainer()[0]), ParserWeights(JSON, _decode), source)


REAL = Rehearsal(JSON, _encode, _decode, 9).utterances(20)
WELL_FORMED = [utterance for utterance in REAL if not isinstance(JSON.parse(_decode(utterance.token_ids)), Malformed)]


def test_numbers_are_found_in_a_byte_level_and_a_plain_vocabulary() -> None:
    vocabulary = {"Ġ620": 1, "62": 2, "▁7": 3, "x620": 4, "1234": 5, "Ġ": 6, "0": 7}
    assert numbers_in(vocabulary) == {1: 620, 2: 62, 3: 7, 7: 0}
    assert whole_coordinates(vocabulary) == [62, 620]


def test_a_tokenizer_of_single_digits_prefers_no_coordinates() -> None:
    assert whole_coordinates({str(digit): digit for digit in range(10)}) == []


def test_padding_is_masked() -> None:
    ids, mask = padded([Utterance((5, 6, 7), ()), Utterance((8,), ())])
    assert ids.tolist() == [[5, 6, 7], [8, 0, 0]]
    assert mask.tolist() == [[True, True, True], [True, False, False]]


def test_training_lowers_the_loss_and_is_the_same_for_the_same_seed() -> None:
    losses = []
    for _ in range(2):
        trainer = _trainer()[1]
        first = trainer.update(REAL, epochs=1, least_steps=4, rate=3e-3, seed="a")
        trainer.update(REAL, epochs=1, least_steps=30, rate=3e-3, seed="b")
        losses.append((first, trainer.update(REAL, epochs=1, least_steps=4, rate=1e-3, seed="c")))
    assert losses[0] == losses[1]
    assert losses[0][1] < losses[0][0]


def test_pretraining_needs_no_real_utterance() -> None:
    trainer = _trainer()[1]
    assert trainer.pretrain(12, "a") < 30
    assert trainer.pretrain(0, "a") == 0.0


def test_a_model_that_exploded_is_refused() -> None:
    model, trainer = _trainer()
    with torch.no_grad():
        model.queries[0, 0] = 1e30
    with pytest.raises(NotFiniteError):
        trainer.update(REAL, epochs=1, least_steps=1, rate=1e-3, seed="a")


def _entropies(utterances: Sequence[Utterance], value: float) -> torch.Tensor:
    return torch.full((len(utterances), max(len(utterance.token_ids) for utterance in utterances)), value)


def _logits(entropies: torch.Tensor) -> torch.Tensor:
    return torch.zeros(*entropies.shape, VOCABULARY)


@pytest.mark.parametrize("source", ["scm", "parser", "uniform"])
def test_rows_are_padded_with_zero_weights(source: str) -> None:
    utterances = WELL_FORMED[:3]  # swapping a token of a malformed text leaves it malformed: no exact weight
    entropies = _entropies(utterances, 1.0)
    rows = _weights(source).rows(utterances, entropies, _logits(entropies))
    assert rows.shape == entropies.shape
    for row, utterance in zip(rows, utterances, strict=True):
        assert row[len(utterance.token_ids) :].abs().sum() == 0
        assert row.abs().sum() > 0


@pytest.mark.parametrize("source", ["scm", "parser"])
def test_no_weight_is_computed_where_the_policy_is_sure(source: str) -> None:
    entropies = _entropies(REAL[:2], NEGLIGIBLE_ENTROPY_NATS / 2)
    assert _weights(source).rows(REAL[:2], entropies, _logits(entropies)).abs().sum() == 0


def test_an_unknown_source_is_refused() -> None:
    entropies = _entropies(REAL[:1], 1.0)
    with pytest.raises(ValueError, match="naive"):
        _weights("naive").rows(REAL[:1], entropies, _logits(entropies))


def test_after_training_the_coordinates_weigh_and_the_thought_does_not() -> None:
    torch.manual_seed(0)
    words: dict[str, int] = {}

    def encode(text: str) -> list[int]:
        pieces = text.replace('"', ' " ').replace(":", " : ").replace(",", " , ").replace("}", " } ").split()
        return [words.setdefault(piece, len(words)) for piece in pieces]

    def decode(token_ids: Sequence[int]) -> str:
        names = list(words)
        return "".join(names[token_id] for token_id in token_ids)

    rehearsal = Rehearsal(JSON, encode, decode, 0)
    rehearsal.per_milles = [100, 300, 500, 700, 900]
    rehearsal.utterances(2000)  # meets every word
    model = ActionModel(20_000, ActionModelSize())
    model.place_numbers(numbers_in(words))
    ActionModelTrainer(model, rehearsal, max_grad_norm=1.0).pretrain(150, "a")
    text = json.dumps({"thought": "row", "action": "tap", "x": 300, "y": 700}, separators=(",", ":"))
    token_ids = encode(text)
    weights = ScmWeights(model).weights([Utterance(tuple(token_ids), action_labels(JSON.parse(text)))])[0]
    by_word = dict(zip((list(words)[token_id] for token_id in token_ids), weights.tolist(), strict=True))
    assert min(by_word["300"], by_word["700"]) > 4 * by_word["row"]
    assert min(by_word["300"], by_word["700"]) > 0.1
