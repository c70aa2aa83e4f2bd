"""What stands in for a token taken away: weights equal one forward pass for each token, whatever the null."""

from collections.abc import Callable

import pytest
import torch

from tuner.coso.action_model import ActionModel, ActionModelSize
from tuner.coso.counterfactual import ScmWeights
from tuner.coso.labels import Utterance
from tuner.coso.nulls import NEIGHBOURS, ConstantNull, NeighbourNull, Nulls

torch.set_num_threads(1)
VOCABULARY = 40
PAD = 0
Makers = dict[str, Callable[[ActionModel], Nulls]]
NULLS: Makers = {
    "mask": lambda model: ConstantNull(model.null_id),
    "pad": lambda model: ConstantNull(PAD),
    "neighbour": NeighbourNull,
}


def _model(seed: int = 0) -> ActionModel:
    torch.manual_seed(seed)
    model = ActionModel(VOCABULARY, ActionModelSize(2, 16, 2, 32)).eval()
    with torch.no_grad():  # sharpen, so that weights are far from zero
        model.queries.mul_(4)
        for parameter in model.heads.parameters():
            parameter.mul_(10)
    return model


def _utterance(length: int, seed: int = 0) -> Utterance:
    generator = torch.Generator().manual_seed(1000 * seed + length)
    ids = torch.randint(0, VOCABULARY, (1, length), generator=generator)
    return Utterance(tuple(ids[0].tolist()), tuple(int(field.argmax()) for field in _model()(ids)))


@torch.no_grad()
def _one_at_a_time(model: ActionModel, nulls: Nulls, utterance: Utterance, window: int) -> torch.Tensor:
    labels = torch.tensor([utterance.labels])
    ids = torch.tensor(utterance.token_ids)
    instead = nulls.instead_of(ids)
    whole = model.log_prob(model(ids.unsqueeze(0)), labels).exp()
    weights = []
    for spot in range(len(ids)):
        other = ids.clone()
        other[spot : spot + window] = instead[spot : spot + window]
        weights.append((whole - model.log_prob(model(other.unsqueeze(0)), labels).exp()).abs())
    return torch.cat(weights)


@pytest.mark.parametrize("name", NULLS)
@pytest.mark.parametrize("length", [1, 2, 3, 4, 22, 23, 24, 25, 26, 47, 48, 49, 65])
@pytest.mark.parametrize("window", [1, 4])
def test_weights_equal_brute_force_around_chunk_edges(name: str, length: int, window: int) -> None:
    model = _model()
    utterance = _utterance(length)
    found = ScmWeights(model, window, nulls=NULLS[name](model)).weights([utterance])[0]
    expected = _one_at_a_time(model, NULLS[name](model), utterance, window)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", NULLS)
def test_weights_never_depend_on_the_batch(name: str) -> None:
    model = _model()
    mates = [_utterance(length, 3) for length in (1, 24, 25, 40)]
    together = ScmWeights(model, nulls=NULLS[name](model)).weights(mates)
    for utterance, found in zip(mates, together, strict=True):
        assert torch.equal(found, ScmWeights(model, nulls=NULLS[name](model)).weights([utterance])[0])


@pytest.mark.parametrize("name", NULLS)
def test_an_utterance_of_one_special_token_over_and_over_has_finite_weights(name: str) -> None:
    model = _model()
    weights = ScmWeights(model, nulls=NULLS[name](model)).weights([Utterance((PAD,) * 5, _utterance(5).labels)])[0]
    assert torch.isfinite(weights).all()
    if name == "pad":  # a token replaced by itself moves nothing
        assert weights.tolist() == pytest.approx([0.0] * 5, abs=1e-7)


def test_the_models_own_null_is_the_default_to_the_bit() -> None:
    model = _model()
    utterance = _utterance(30)
    named = ScmWeights(model, nulls=ConstantNull(model.null_id)).weights([utterance])[0]
    assert torch.equal(ScmWeights(model).weights([utterance])[0], named)


def test_a_neighbour_is_near_and_never_the_token_itself_nor_the_null() -> None:
    model = _model()
    ids = torch.tensor(_utterance(60).token_ids)
    words = model.embed.weight[:VOCABULARY].detach()
    for token, other in zip(ids.tolist(), NeighbourNull(model).instead_of(ids).tolist(), strict=True):
        distances = (words - words[token]).norm(dim=1).tolist()
        nearer = sum(distance < distances[other] for distance in distances) - 1  # the token itself is nearer still
        assert other not in (token, model.null_id)
        assert nearer < NEIGHBOURS


def test_neighbours_vary_with_the_place_and_are_the_same_again() -> None:
    nulls = NeighbourNull(_model())
    ids = torch.full((40,), 5)
    assert torch.equal(nulls.instead_of(ids), nulls.instead_of(ids))
    assert len(set(nulls.instead_of(ids).tolist())) > 3


def test_neighbours_are_found_anew_when_the_model_has_changed() -> None:
    model = _model()
    nulls = NeighbourNull(model)
    ids = torch.arange(VOCABULARY)
    before = nulls.instead_of(ids)
    with torch.no_grad():
        model.embed.weight.copy_(torch.randn(VOCABULARY + 1, 16, generator=torch.Generator().manual_seed(9)))
    assert torch.equal(nulls.instead_of(ids), before)
    nulls.forget()
    assert not torch.equal(nulls.instead_of(ids), before)


def test_a_vocabulary_of_one_has_no_neighbour() -> None:
    with pytest.raises(ValueError, match="neighbours"):
        NeighbourNull(ActionModel(1, ActionModelSize(1, 16, 2, 32)))
