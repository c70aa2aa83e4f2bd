"""Causal weights: equal to taking tokens away one at a time, and independent of everything else."""

import pytest
import torch

from tuner.coso.action_model import PAPER_SIZE, ActionModel, ActionModelSize
from tuner.coso.counterfactual import Scaling, ScmWeights
from tuner.coso.labels import Utterance

SIZES = [ActionModelSize(1, 16, 2, 32), ActionModelSize(3, 16, 4, 32), PAPER_SIZE]
VOCABULARY = 40


torch.set_num_threads(1)


def _model(size: ActionModelSize = SIZES[0], seed: int = 0) -> ActionModel:
    torch.manual_seed(seed)
    model = ActionModel(VOCABULARY, size).eval()
    with torch.no_grad():  # sharpen, so that weights are far from zero
        model.queries.mul_(4)
        for head in model.heads:
            for parameter in head.parameters():
                parameter.mul_(10)
    return model


@torch.no_grad()
def _utterance(length: int, seed: int = 0, size: ActionModelSize = SIZES[0]) -> Utterance:
    """Random tokens, labelled with what ``_model(size)`` holds most likely, so that P(a | y) is not tiny."""
    generator = torch.Generator().manual_seed(1000 * seed + length)
    ids = torch.randint(0, VOCABULARY, (1, length), generator=generator)
    labels = [int(field.argmax()) for field in _model(size)(ids)]
    return Utterance(tuple(ids[0].tolist()), tuple(labels))


@torch.no_grad()
def _one_at_a_time(model: ActionModel, utterance: Utterance, window: int = 1) -> torch.Tensor:
    labels = torch.tensor([utterance.labels])
    whole = model.log_prob(model(torch.tensor([utterance.token_ids])), labels).exp()
    weights = []
    for spot in range(len(utterance.token_ids)):
        ids = list(utterance.token_ids)
        ids[spot : spot + window] = [model.null_id] * len(ids[spot : spot + window])
        weights.append((whole - model.log_prob(model(torch.tensor([ids])), labels).exp()).abs())
    return torch.cat(weights)


@pytest.mark.parametrize("size", SIZES, ids=["small", "deep", "paper"])
@pytest.mark.parametrize("length", [1, 2, 3, 7, 23, 24, 25, 47, 48, 49, 64, 65, 129])
def test_weights_equal_brute_force_around_chunk_edges(size: ActionModelSize, length: int) -> None:
    model = _model(size)
    utterance = _utterance(length, size=size)
    found = ScmWeights(model, chunk_rows=24).weights([utterance])[0]
    assert found.max() > 1e-3
    torch.testing.assert_close(found, _one_at_a_time(model, utterance), atol=1e-6, rtol=0)


@pytest.mark.parametrize("window", [1, 2, 4, 9])
@pytest.mark.parametrize("length", [1, 4, 25])
def test_a_wider_window_takes_neighbours_away_together(window: int, length: int) -> None:
    model = _model()
    utterance = _utterance(length)
    found = ScmWeights(model, window=window).weights([utterance])[0]
    torch.testing.assert_close(found, _one_at_a_time(model, utterance, window), atol=1e-6, rtol=0)


@pytest.mark.parametrize("chunk_rows", [1, 5, 16, 32])
def test_weights_do_not_depend_on_batch_mates_or_on_the_chunk(chunk_rows: int) -> None:
    model = _model()
    mates = [_utterance(length, seed) for seed, length in enumerate((3, 16, 17, 33, 64, 65))]
    together = ScmWeights(model, chunk_rows=chunk_rows).weights(mates)
    for utterance, found in zip(mates, together, strict=True):
        alone = ScmWeights(model).weights([utterance])[0]
        torch.testing.assert_close(found, alone, atol=1e-6, rtol=0)


def test_weights_are_absolute_probabilities() -> None:
    weights = ScmWeights(_model()).weights([_utterance(30)])[0]
    assert weights.min() >= 0
    assert weights.max() <= 1


def test_an_indifferent_model_hands_out_no_weight() -> None:
    model = _model()
    with torch.no_grad():
        for head in model.heads:
            for parameter in head.parameters():
                parameter.zero_()
    assert ScmWeights(model).weights([_utterance(20)])[0].abs().max() < 1e-7


def test_the_reference_scaling_is_min_max_and_square_root() -> None:
    model = _model()
    utterance = _utterance(9)
    plain = _one_at_a_time(model, utterance)
    expected = ((plain - plain.min()) / (plain.max() - plain.min())).sqrt()
    scaling: Scaling = "reference"
    torch.testing.assert_close(ScmWeights(model, scaling=scaling).weights([utterance])[0], expected, atol=2e-3, rtol=0)


def test_each_distinct_utterance_is_scored_once_for_a_version() -> None:
    source = ScmWeights(_model())
    first, second = _utterance(10), _utterance(12)
    source.weights([first, second, first, first])
    source.weights([second])
    assert source.rows_computed == 22
    source.forget()
    source.weights([first])
    assert source.rows_computed == 32


def test_a_model_that_has_changed_is_read_anew() -> None:
    model = _model()
    source = ScmWeights(model)
    first, second = _utterance(10), _utterance(12)
    source.weights([first])
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.1)
    source.forget()
    for utterance in (first, second):
        expected = _one_at_a_time(model, utterance)
        torch.testing.assert_close(source.weights([utterance])[0], expected, atol=1e-6, rtol=0)


def test_the_same_tokens_with_another_action_are_another_utterance() -> None:
    source = ScmWeights(_model())
    utterance = _utterance(10)
    other = Utterance(utterance.token_ids, (7 - utterance.labels[0], *utterance.labels[1:]))
    one, two = source.weights([utterance, other])
    assert not torch.allclose(one, two)


def test_only_the_positions_asked_for_are_computed_and_the_rest_follow_later() -> None:
    model = _model()
    source = ScmWeights(model)
    utterance = _utterance(10)
    needed = torch.zeros(10, dtype=torch.bool)
    needed[[2, 7]] = True
    part = source.weights([utterance], [needed])[0]
    assert source.rows_computed == 2
    whole = source.weights([utterance])[0]
    assert source.rows_computed == 10
    torch.testing.assert_close(part, torch.where(needed, whole, 0.0))
    torch.testing.assert_close(whole, _one_at_a_time(model, utterance), atol=1e-6, rtol=0)


def test_a_caller_that_edits_its_weights_does_not_edit_the_cache() -> None:
    source = ScmWeights(_model())
    utterance = _utterance(10)
    kept = source.weights([utterance])[0].clone()
    source.weights([utterance])[0].zero_()
    torch.testing.assert_close(source.weights([utterance])[0], kept)


@pytest.mark.parametrize(("window", "chunk_rows"), [(0, 1), (1, 0)])
def test_a_window_or_chunk_of_nothing_is_refused(window: int, chunk_rows: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        ScmWeights(_model(), window=window, chunk_rows=chunk_rows)
