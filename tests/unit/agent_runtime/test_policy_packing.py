"""Packed rows: every token in its place, what rows begin with alike kept once, and the values of padded rows."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.actions import grammar_named
from agent_runtime.policy.checkpoint import load_model
from agent_runtime.policy.lora import adapter_tensors, attach_lora
from agent_runtime.policy.packed_attention import takes_packed_rows
from agent_runtime.policy.packing import LEAST_SAVED_TOKENS, packing_of
from agent_runtime.policy.prompt import PromptBuilder
from agent_runtime.policy.score import AnswerStates, Utterance, answer_states
from agent_runtime.policy.shown import Shown, ShownInputs
from tests.tiny_vlm import picture_png

TOKENS = st.lists(st.integers(0, 2), min_size=1, max_size=30)
BEGINNINGS = st.sampled_from([[], [7] * 20, [7] * 20 + [8] * 20, [9] * 17])


@given(st.lists(st.tuples(BEGINNINGS, TOKENS), min_size=1, max_size=6))
def test_each_row_is_its_ancestors_and_itself(drawn: list[tuple[list[int], list[int]]]) -> None:
    rows = [beginning + rest for beginning, rest in drawn]
    packing = packing_of(rows)
    packed = packing.packed([torch.tensor(row) for row in rows])
    assert len(packed) == sum(packing.lengths)
    ends = torch.tensor(packing.lengths).cumsum(0).tolist()
    starts = dict(enumerate([0, *ends]))
    for row, places in zip(rows, packing.places, strict=True):
        assert packed[places].tolist() == row
        own = next(place for place, end in enumerate(ends) if places[-1] < end)
        seen = [*packing.pieces[own].ancestors, own]
        assert places.tolist() == [at for piece in seen for at in range(starts[piece], ends[piece])]


def test_what_rows_begin_with_alike_is_kept_once() -> None:
    beginning = [1] * LEAST_SAVED_TOKENS
    assert packing_of([[*beginning, 2], [*beginning, 3, 4], [5]]).lengths == [LEAST_SAVED_TOKENS, 1, 2, 1]
    assert packing_of([[*beginning, 2], [*beginning, 2]]).lengths == [LEAST_SAVED_TOKENS + 1]
    assert packing_of([[*beginning[1:], 2], [*beginning[1:], 3]]).lengths == [LEAST_SAVED_TOKENS] * 2  # pays not


def test_an_empty_row_is_refused() -> None:
    with pytest.raises(ValueError, match="without tokens"):
        packing_of([[1], []])


class Padding(ShownInputs):
    """As if the model took no packed rows."""

    def of(self, prompt: str, image_png: bytes) -> Shown:
        shown = super().of(prompt, image_png)
        return Shown(shown.inputs, shown.features)


def gradients(peft: Any, states: AnswerStates) -> list[torch.Tensor]:
    peft.zero_grad()
    torch.autograd.backward(states.head(states.hidden).log_softmax(-1).square().sum())
    return [parameter.grad.clone() for parameter in peft.parameters() if parameter.grad is not None]


@pytest.mark.parametrize("style", ["brief", "full"])
@pytest.mark.parametrize("kind", ["tiny", "llava"])
def test_packed_rows_have_the_states_and_gradients_of_padded_ones(
    tiny_folder: Path, llava_folder: Path, kind: str, style: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load_model({"tiny": tiny_folder, "llava": llava_folder}[kind], "none")
    peft = attach_lora(loaded.model, 4, 8.0, ("q_proj", "v_proj", "down_proj"), seed=3)
    with torch.no_grad():
        for tensor in adapter_tensors(peft).values():
            tensor.copy_(0.1 * torch.randn(tensor.shape, generator=torch.Generator().manual_seed(1)))
    prompts = PromptBuilder(loaded.encoder, grammar_named("json"), style)
    steps = [
        Utterance("Goal: read", picture_png(0), (40, 50, 60)),
        Utterance("Goal: read", picture_png(0), (40, 50, 61, 62)),
        Utterance("Goal: read", picture_png(0), (40, 50, 60)),
        Utterance("Goal: read and write", picture_png(0), (9,)),
        Utterance("Goal: read", picture_png(1), (40, 5, 6, 50)),  # placeholders among what was sampled
    ]
    lengths = []
    forward = loaded.model.model.language_model.forward

    def watched(**options: Any) -> Any:
        lengths.append(options["inputs_embeds"].shape[:2])
        return forward(**options)

    monkeypatch.setattr(loaded.model.model.language_model, "forward", watched)
    packed = answer_states(peft, ShownInputs(peft, prompts), steps)
    mine = gradients(peft, packed)
    padded = answer_states(peft, Padding(peft, prompts), steps)
    theirs = gradients(peft, padded)
    torch.testing.assert_close(packed.hidden, padded.hidden, atol=1e-5, rtol=1e-5)
    for one, other in zip(mine, theirs, strict=True):
        assert (one - other).norm() <= 1e-5 * other.norm()
    (one_row, packed_tokens), (rows, padded_tokens) = lengths
    assert (one_row, rows) == (1, len(steps))
    assert packed_tokens < rows * padded_tokens / 2


def test_a_decoder_with_a_window_takes_no_packed_rows() -> None:
    def model(**settings: Any) -> Any:
        decoder = SimpleNamespace(_supports_attention_backend=True, config=SimpleNamespace(**settings))
        return SimpleNamespace(model=SimpleNamespace(language_model=decoder))

    assert takes_packed_rows(model())
    assert takes_packed_rows(model(sliding_window=4, use_sliding_window=False))
    assert not takes_packed_rows(model(sliding_window=4))
    assert not takes_packed_rows(model(layer_types=["full_attention", "sliding_attention"]))
    assert not takes_packed_rows(SimpleNamespace(model=SimpleNamespace()))
