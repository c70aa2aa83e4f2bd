"""Keeping the action model current: rehearsal, gaps, calibration, and the sources of weights behind one face."""

import json
import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice

import pytest
import torch

from agent_runtime.actions import Malformed, grammar_named
from tuner.coso.action_model import ActionModel, ActionModelSize
from tuner.coso.counterfactual import ScmWeights
from tuner.coso.labels import Utterance, action_labels, action_type
from tuner.coso.parser_weights import ParserWeights
from tuner.coso.rehearsal import Rehearsal
from tuner.coso.released import PUNCTUATION
from tuner.learner.causal import (
    NEGLIGIBLE_ENTROPY_NATS,
    REAL_ROWS,
    ActionModelTrainer,
    CausalWeights,
    balanced_draws,
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
    model = _trainer()[0]
    quiet = frozenset(token for mark in PUNCTUATION for token in _encode(mark))
    scm = ScmWeights.released(model, quiet) if source == "released" else ScmWeights(model)
    return CausalWeights(scm, ParserWeights(JSON, _decode), source)


def _rows(source: str, utterances: Sequence[Utterance], entropies: torch.Tensor) -> torch.Tensor:
    rows = _weights(source).rows(utterances, entropies, _probabilities(utterances))
    assert rows is not None
    return rows


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


@pytest.mark.parametrize("length", [1, 4096])
def test_an_utterance_of_any_length_the_ledger_takes_trains_beside_others(
    monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    monkeypatch.setattr("tuner.learner.causal.BATCH_ROWS", 3)
    model, trainer = _trainer()
    odd = Utterance(tuple(place % VOCABULARY for place in range(length)), REAL[0].labels)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    assert math.isfinite(trainer.update([odd, REAL[1]], epochs=1, least_steps=1, rate=1e-3, seed="s"))
    assert all(bool(torch.isfinite(parameter).all()) for parameter in model.parameters())
    assert not all(torch.equal(*pair) for pair in zip(before, model.parameters(), strict=True))
    assert math.isfinite(trainer.calibration([odd])["scm_ece"])


def test_one_class_of_action_alone_is_learned_without_a_number_that_is_none() -> None:
    model, trainer = _trainer()
    malformed = [replace(utterance, labels=action_labels(Malformed("no JSON"))) for utterance in REAL]
    assert math.isfinite(trainer.update(malformed, epochs=1, least_steps=2, rate=1e-3, seed="s"))
    assert all(bool(torch.isfinite(parameter).all()) for parameter in model.parameters())
    told = trainer.calibration(malformed)
    assert all(math.isfinite(value) for value in told.values())
    assert told["scm_balanced_accuracy"] == told["scm_accuracy"]


def test_a_model_that_exploded_is_refused() -> None:
    model, trainer = _trainer()
    with torch.no_grad():
        model.queries[0, 0] = 1e30
    with pytest.raises(NotFiniteError):
        trainer.update(REAL, epochs=1, least_steps=1, rate=1e-3, seed="a")


def test_calibration_is_measured_without_a_draw_or_a_change() -> None:
    model, trainer = _trainer()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state = torch.random.get_rng_state()
    found = trainer.calibration(REAL)
    assert found.keys() == {"scm_accuracy", "scm_balanced_accuracy", "scm_ece", "scm_unseen"}
    assert found["scm_unseen"] == len(REAL)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert trainer.calibration([]) == {}


def test_accuracy_is_the_share_of_whole_actions_read_right() -> None:
    model, trainer = _trainer()
    few: list[Utterance] = []
    for utterance in REAL[:8]:
        read = [int(field.argmax()) for field in model(torch.tensor([utterance.token_ids]))]
        wrong = [*read[:-1], (read[-1] + 1) % 3]  # one field off is a whole action off
        few.append(Utterance(utterance.token_ids, tuple(wrong if len(few) % 4 == 0 else read)))
    assert trainer.calibration(few)["scm_accuracy"] == 6 / 8


def test_balanced_accuracy_is_the_mean_over_the_kinds_of_action() -> None:
    model, trainer = _trainer()
    told = []
    for utterance in REAL[:8]:
        read = [int(field.argmax()) for field in model(torch.tensor([utterance.token_ids]))]
        told.append(Utterance(utterance.token_ids, tuple(read)))
    kinds = {utterance.labels[0] for utterance in told}
    another = next(kind for kind in range(9) if kind not in kinds)
    told.append(Utterance(told[0].token_ids, (another, *told[0].labels[1:])))
    figures = trainer.calibration(told)
    assert figures["scm_accuracy"] == pytest.approx(8 / 9)
    assert figures["scm_balanced_accuracy"] == pytest.approx(len(kinds) / (len(kinds) + 1))


@pytest.mark.parametrize("shares", [(97, 2, 1), (1, 1, 1), (5,)])
def test_kinds_of_action_are_drawn_equally_often_and_each_ones_utterances_in_passes(shares: tuple[int, ...]) -> None:
    utterances = [Utterance((kind, number), (kind,)) for kind, count in enumerate(shares) for number in range(count)]
    draws = list(islice(balanced_draws(utterances, random.Random(3)), 30 * len(shares)))
    counts = Counter(utterance.labels[0] for utterance in draws)
    assert counts == dict.fromkeys(range(len(shares)), 30)
    times = Counter(draws)
    for kind, count in enumerate(shares):
        of_kind = [times[utterance] for utterance in utterances if utterance.labels[0] == kind]
        assert max(of_kind) - min(of_kind) <= 1  # passes: nobody comes again before all have come
        assert sum(of_kind) == 30, count
    assert draws == list(islice(balanced_draws(utterances, random.Random(3)), len(draws)))


def test_of_no_utterances_there_is_no_draw() -> None:
    assert list(balanced_draws([], random.Random(0))) == []


def test_the_real_half_of_a_batch_is_balanced_and_no_larger_than_what_there_is() -> None:
    trainer = _trainer()[1]
    taps = [u for u in Rehearsal(JSON, _encode, _decode, 1).utterances(400) if action_type(u.labels) == "tap"][:60]
    others = [u for u in REAL if action_type(u.labels) in ("press_key", "wait")][:1]
    for real, generator in trainer._batches([*taps, *others], 5, "s"):
        kinds = Counter(action_type(utterance.labels) for utterance in real)
        assert kinds == {"tap": REAL_ROWS // 2, action_type(others[0].labels): REAL_ROWS // 2}
        assert isinstance(generator, torch.Generator)
    assert [len(real) for real, _ in trainer._batches(taps[:3], 2, "s")] == [3, 3]
    assert [len(real) for real, _ in trainer._batches([], 2, "s")] == [0, 0]


def test_gaps_are_filled_with_the_null_asked_for() -> None:
    torch.manual_seed(0)
    model = ActionModel(VOCABULARY, ActionModelSize(1, 16, 2, 32))
    before = model.embed.weight.detach().clone()
    rehearsal = Rehearsal(JSON, _encode, _decode, 0)
    trainer = ActionModelTrainer(model, rehearsal, max_grad_norm=1.0, gap_id=1, gap_share=0.5)
    trainer.update(REAL, epochs=1, least_steps=3, rate=1e-2, seed="a")
    moved = (model.embed.weight - before).abs().sum(1) > 0
    assert (bool(moved[1]), bool(moved[model.null_id])) == (True, False)  # no letter here has the id 1


@pytest.mark.parametrize(("share", "has_gaps"), [(0.0, False), (1.0, True)])
def test_training_without_gaps_never_shows_the_null(share: float, has_gaps: bool) -> None:
    torch.manual_seed(0)
    model = ActionModel(VOCABULARY, ActionModelSize(1, 16, 2, 32))
    before = model.embed.weight.detach().clone()
    trainer = ActionModelTrainer(model, Rehearsal(JSON, _encode, _decode, 0), max_grad_norm=1.0, gap_share=share)
    trainer.update(REAL, epochs=1, least_steps=3, rate=1e-2, seed="a")
    assert torch.equal(model.embed.weight[model.null_id], before[model.null_id]) is not has_gaps


def _entropies(utterances: Sequence[Utterance], value: float) -> torch.Tensor:
    return torch.full((len(utterances), max(len(utterance.token_ids) for utterance in utterances)), value)


def _probabilities(utterances: Sequence[Utterance]) -> Callable[[int], torch.Tensor]:
    return lambda row: torch.full((len(utterances[row].token_ids), VOCABULARY), 1 / VOCABULARY)


@pytest.mark.parametrize("source", ["scm", "parser", "released", "uniform"])
def test_rows_are_padded_with_zero_weights(source: str) -> None:
    utterances = WELL_FORMED[:3]  # swapping a token of a malformed text leaves it malformed: no exact weight
    entropies = _entropies(utterances, 1.0)
    rows = _rows(source, utterances, entropies)
    assert rows.shape == entropies.shape
    for row, utterance in zip(rows, utterances, strict=True):
        assert row[len(utterance.token_ids) :].abs().sum() == 0
        assert row.abs().sum() > 0


@pytest.mark.parametrize("source", ["scm", "parser"])
def test_no_weight_is_computed_where_the_policy_is_sure(source: str) -> None:
    entropies = _entropies(REAL[:2], NEGLIGIBLE_ENTROPY_NATS / 2)
    assert _rows(source, REAL[:2], entropies).abs().sum() == 0


def test_without_an_entropy_term_there_are_no_weights() -> None:
    entropies = _entropies(REAL[:2], 1.0)
    assert _weights("none").rows(REAL[:2], entropies, _probabilities(REAL[:2])) is None


def test_released_weights_are_zero_at_punctuation_and_shares_elsewhere() -> None:
    utterance = WELL_FORMED[0]
    rows = _rows("released", [utterance], _entropies([utterance], 1.0))[0]
    quiet = torch.tensor([chr(token) in "".join(PUNCTUATION) for token in utterance.token_ids])
    assert rows[quiet].abs().sum() == 0
    assert 0 < rows.max() <= 1


def test_an_unknown_source_is_refused() -> None:
    entropies = _entropies(REAL[:1], 1.0)
    with pytest.raises(ValueError, match="naive"):
        _weights("naive").rows(REAL[:1], entropies, _probabilities(REAL[:1]))


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
