"""The released code's weights: equal to a computation of their own in numpy, float64, from the network up."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tuner.coso.action_model import ActionModel, ActionModelSize
from tuner.coso.counterfactual import ScmWeights
from tuner.coso.labels import Utterance
from tuner.coso.released import RELEASED_WINDOW, released_scaling

torch.set_num_threads(1)
Array = NDArray[np.float64]
SIZE = ActionModelSize(2, 16, 2, 32)
VOCABULARY = 40
QUIET = frozenset({3, 7, 11, 39})


def _model() -> ActionModel:
    torch.manual_seed(0)
    model = ActionModel(VOCABULARY, SIZE).eval()
    with torch.no_grad():  # sharpen, so that weights are far from zero
        model.queries.mul_(4)
        for parameter in model.heads.parameters():
            parameter.mul_(10)
    return model


class Numpy:
    """The action model written again, one utterance at a time, in float64."""

    def __init__(self, model: ActionModel) -> None:
        self._p: dict[str, Array] = {name: t.detach().double().numpy() for name, t in model.state_dict().items()}
        self._fields = len(model.heads)

    def probability(self, ids: list[int], labels: tuple[int, ...]) -> float:
        embedded = self._p["embed.weight"][ids]
        before = np.vstack([np.zeros((2, SIZE.hidden)), embedded])
        hidden = embedded + self._linear("shifted", np.hstack([embedded, before[1:-1], before[:-2]]))
        hidden = hidden + self._positions(len(ids))
        for index in range(SIZE.layers):
            hidden = self._layer(f"layers.{index}", hidden)
        normed = self._norm("norm", hidden)
        answer = 1.0
        for field in range(self._fields):
            pooled = self._softmax(self._p["queries"][field] @ normed.T) @ normed
            answer *= self._softmax(self._linear(f"heads.{field}", pooled))[labels[field]]
        return answer

    def _layer(self, name: str, hidden: Array) -> Array:
        qkv = self._linear(f"{name}.qkv", self._norm(f"{name}.attention_norm", hidden))
        query, key, value = (np.split(part, SIZE.heads, 1) for part in np.split(qkv, 3, 1))
        width = SIZE.hidden // SIZE.heads
        seen = [self._softmax(q @ k.T / math.sqrt(width)) @ v for q, k, v in zip(query, key, value, strict=True)]
        hidden = hidden + self._linear(f"{name}.mixed", np.hstack(seen))
        fed = self._linear(f"{name}.feed_in", self._norm(f"{name}.feed_norm", hidden))
        return hidden + self._linear(f"{name}.feed_out", np.maximum(fed, 0))

    def _positions(self, length: int) -> Array:
        codes = np.zeros((length, SIZE.hidden))
        for place in range(length):
            for pair in range(SIZE.hidden // 2):
                angle = place * 10000.0 ** (-2 * pair / SIZE.hidden)
                codes[place, 2 * pair : 2 * pair + 2] = math.sin(angle), math.cos(angle)
        return codes

    def _linear(self, name: str, rows: Array) -> Array:
        result: Array = rows @ self._p[f"{name}.weight"].T + self._p[f"{name}.bias"]
        return result

    def _norm(self, name: str, rows: Array) -> Array:
        centred = rows - rows.mean(1, keepdims=True)
        result: Array = centred / np.sqrt((centred**2).mean(1, keepdims=True) + 1e-5)
        return result * self._p[f"{name}.weight"] + self._p[f"{name}.bias"]

    @staticmethod
    def _softmax(scores: Array) -> Array:
        raised = np.exp(scores - scores.max(-1, keepdims=True))
        result: Array = raised / raised.sum(-1, keepdims=True)
        return result


def _scaled(effects: Array, quiet: Any) -> Array:
    kept = np.where(quiet, 0.0, effects)
    result: Array = ((kept - kept.min()) / (kept.max() - kept.min() + 1e-10)) ** 0.5
    return result


def _effects(model: ActionModel, utterance: Utterance) -> Array:
    network = Numpy(model)
    ids = list(utterance.token_ids)
    whole = network.probability(ids, utterance.labels)
    effects = []
    for spot in range(len(ids)):
        gone = [model.null_id if spot <= place < spot + 4 else token for place, token in enumerate(ids)]
        effects.append(abs(whole - network.probability(gone, utterance.labels)))
    return np.where(np.isin(ids, list(QUIET)), 0.0, effects)


def _utterance(length: int, seed: int = 0) -> Utterance:
    generator = torch.Generator().manual_seed(1000 * seed + length)
    ids = torch.randint(0, VOCABULARY, (1, length), generator=generator)
    labels = [int(field.argmax()) for field in _model()(ids)]
    return Utterance(tuple(ids[0].tolist()), tuple(labels))


@pytest.mark.parametrize("length", [1, 2, 4, 5, 23, 24, 25, 49, 65])
def test_weights_equal_the_computation_in_numpy(length: int) -> None:
    model = _model()
    tried = (_utterance(length, seed) for seed in range(20))
    # where no token moves anything, min–max blows float32's last digit up to a weight of 1: nothing to compare
    utterance, effects = next((u, e) for u in tried if np.ptp(e := _effects(model, u)) > 0.01 or length == 1)
    found = ScmWeights.released(model, QUIET).weights([utterance])[0].double().numpy()
    expected = _scaled(effects, np.zeros(length, bool))
    # the square root magnifies float32's error where a weight is small: compare what is under it there
    np.testing.assert_allclose(found**2, expected**2, atol=2e-5)
    np.testing.assert_allclose(found[expected > 0.05], expected[expected > 0.05], atol=2e-4)


def test_the_scaling_by_hand() -> None:
    # the second is quiet: 0.09, 0, 0.04, 0.25 -> min 0, max 0.25: √0.36, 0, √0.16, 1
    effects, quiet = torch.tensor([0.09, 0.81, 0.04, 0.25]), torch.tensor([False, True, False, False])
    assert released_scaling(effects, quiet).tolist() == pytest.approx([0.6, 0.0, 0.4, 1.0])


def test_the_scaling_equals_numpys_to_rounding() -> None:
    effects = torch.rand(50, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    quiet = torch.rand(50, generator=torch.Generator().manual_seed(1)) < 0.3
    np.testing.assert_allclose(
        released_scaling(effects, quiet).numpy(), _scaled(effects.numpy(), quiet.numpy()), rtol=1e-14
    )


def test_the_loudest_token_always_weighs_one_however_little_it_matters() -> None:
    # the reference hands out full weights where the model is indifferent; absolute units do not
    faint = torch.tensor([1e-6, 2e-6, 3e-6])
    assert released_scaling(faint, torch.zeros(3).bool()).tolist() == pytest.approx([0, math.sqrt(0.5), 1], abs=1e-4)


def test_an_utterance_of_special_tokens_only_weighs_nothing() -> None:
    utterance = Utterance((3, 7, 11, 39, 3), _utterance(5).labels)
    assert ScmWeights.released(_model(), QUIET).weights([utterance])[0].tolist() == [0.0] * 5


def test_one_token_weighs_nothing_for_it_is_its_own_minimum() -> None:
    assert ScmWeights.released(_model(), QUIET).weights([Utterance((5,), _utterance(1).labels)])[0].tolist() == [0.0]


def test_weights_do_not_depend_on_the_batch_and_ask_for_every_position() -> None:
    model = _model()
    mates = [_utterance(length, 7) for length in (1, 3, 24, 33, 65)]
    needed = [torch.zeros(len(mate.token_ids), dtype=torch.bool) for mate in mates]
    together = ScmWeights.released(model, QUIET).weights(mates, needed)
    for utterance, found in zip(mates, together, strict=True):
        assert torch.equal(found, ScmWeights.released(model, QUIET).weights([utterance])[0])


def test_the_window_is_the_released_codes() -> None:
    assert RELEASED_WINDOW == 4


def test_wrong_shapes_are_refused_first() -> None:
    with pytest.raises(AssertionError):
        released_scaling(torch.zeros(3), torch.zeros(2).bool())
    with pytest.raises(AssertionError):
        released_scaling(torch.zeros(3), torch.zeros(3))
