"""The action model: whole-action probability, masking, and learning what the grammar does."""

import itertools
import re
from collections.abc import Sequence

import pytest
import torch

from agent_runtime.actions.grammar import grammar_named
from tuner.coso.action_model import ActionModel, ActionModelSize, action_model_loss, number_codes
from tuner.coso.labels import FIELD_SIZES, Utterance, is_malformed
from tuner.coso.rehearsal import Rehearsal

SMALL = ActionModelSize(layers=2, hidden=16, heads=2, feed_forward=32)
PIECES = re.compile(r" ?[^\W\d_]+| ?\d{1,3}| ?[^\s\w]+|\s+|_")


class Words:
    """A tokenizer that makes an id of every word it meets."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self._ids: dict[str, int] = {}

    def encode(self, text: str) -> list[int]:
        for word in PIECES.findall(text):
            if word not in self._ids:
                self._ids[word] = len(self.words)
                self.words.append(word)
        return [self._ids[word] for word in PIECES.findall(text)]

    def decode(self, token_ids: Sequence[int]) -> str:
        return "".join(self.words[token] for token in token_ids)


def _model(seed: int = 0) -> ActionModel:
    torch.manual_seed(seed)
    return ActionModel(50, SMALL).eval()


def test_the_probability_is_the_product_over_fields() -> None:
    model = _model()
    logits = model(torch.tensor([[3, 1, 4]]))
    labels = (1, 2, 3, 0, 0, 0, 0, 0, 0)
    product = 1.0
    for field, label in zip(logits, labels, strict=True):
        product *= field.softmax(-1)[0, label].item()
    assert model.log_prob(logits, torch.tensor([labels])).exp().item() == pytest.approx(product, rel=1e-5)


def test_the_probabilities_of_all_classes_of_a_field_sum_to_one() -> None:
    for field, classes in zip(_model()(torch.tensor([[1, 2]])), FIELD_SIZES.values(), strict=True):
        assert field.shape == (1, classes)
        assert field.softmax(-1).sum().item() == pytest.approx(1.0)


@pytest.mark.parametrize("length", [1, 2, 3, 23, 24, 25, 63, 64, 65, 66, 128, 129])
def test_an_answer_does_not_depend_on_batch_mates_or_padding(length: int) -> None:
    model = _model()
    generator = torch.Generator().manual_seed(length)
    alone = torch.randint(0, 50, (1, length), generator=generator)
    mates = torch.randint(0, 50, (3, length + 7), generator=generator)
    mask = torch.ones(3, length + 7, dtype=torch.bool)
    mates[1, :length] = alone[0]
    mask[1, length:] = False
    for single, batched in zip(model(alone), model(mates, mask), strict=True):
        torch.testing.assert_close(batched[1:2], single, atol=1e-5, rtol=0)


def test_the_order_of_tokens_counts() -> None:
    model = _model()
    first = model(torch.tensor([[1, 2, 3]]))[0]
    second = model(torch.tensor([[2, 1, 3]]))[0]
    assert not torch.allclose(first, second, atol=1e-3)


def test_near_numbers_start_from_near_codes() -> None:
    codes = number_codes(torch.tensor([100.0, 104.0, 700.0]), 32)
    assert (codes[0] - codes[1]).norm() < (codes[0] - codes[2]).norm()


def test_rehearsal_is_seeded_and_holds_every_type_and_malformed_text() -> None:
    words = Words()
    made = [Rehearsal(grammar_named("json"), words.encode, words.decode, 7).utterances(300) for _ in range(2)]
    assert made[0] == made[1]
    assert {utterance.labels[0] for utterance in made[0]} == set(range(FIELD_SIZES["type"]))
    assert any(is_malformed(utterance.labels) for utterance in made[0])


def test_rehearsal_in_a_grammar_without_some_verbs_still_yields() -> None:
    words = Words()
    made = Rehearsal(grammar_named("auto-ui"), words.encode, words.decode, 7).utterances(50)
    assert sum(is_malformed(utterance.labels) for utterance in made) < 25


def test_a_few_steps_on_few_utterances_teach_their_actions() -> None:
    words = Words()
    kept = Rehearsal(grammar_named("json"), words.encode, words.decode, 1).utterances(8)
    model = ActionModel(len(words.words), SMALL)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    ids, mask, labels = _padded(kept)
    losses = []
    for _ in range(40):
        loss = action_model_loss(model, ids, mask, labels)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]


def _padded(utterances: Sequence[Utterance]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    width = max(len(utterance.token_ids) for utterance in utterances)
    rows = [(*u.token_ids, *itertools.repeat(0, width - len(u.token_ids))) for u in utterances]
    mask = [[spot < len(u.token_ids) for spot in range(width)] for u in utterances]
    return torch.tensor(rows), torch.tensor(mask), torch.tensor([u.labels for u in utterances])
