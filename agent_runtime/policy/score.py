"""Teacher-forced states and logits of utterances, for learning: inputs as in acting, in batches. Samples nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from agent_runtime.policy.last_layer import last_layer_only_at
from agent_runtime.policy.packed_states import packed_states
from agent_runtime.policy.pictures import in_place_of_pixels
from agent_runtime.policy.placeholders import answers_show_no_pictures
from agent_runtime.policy.prompt import PromptBuilder
from agent_runtime.policy.shown import Shown, ShownInputs


@dataclass(frozen=True)
class Utterance:
    """One decision to score: what the policy was shown and the tokens it wrote."""

    prompt: str
    image_png: bytes
    token_ids: tuple[int, ...]


@dataclass(frozen=True)
class AnswerStates:
    """``hidden`` [N, D] is what ``head`` predicts the N tokens from, row by row, without padding.

    They are those of ``token_ids`` [B, T] where ``mask`` [B, T] is 1.
    """

    hidden: Tensor
    token_ids: Tensor
    mask: Tensor
    head: Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Scores:
    """``logits`` [B, T, V] predict ``token_ids`` [B, T]; ``mask`` [B, T] is 1 at tokens, 0 at padding."""

    logits: Tensor
    token_ids: Tensor
    mask: Tensor


def score_utterances(model: Any, prompts: PromptBuilder, utterances: Sequence[Utterance]) -> Scores:
    """Run the model over prompts and utterances, right-padded; logits only where an utterance is.

    The head runs on the utterances' positions alone, so memory grows with their length, not the prompt's.

    Raises:
        PolicyError: a picture is no PNG.
    """
    states = answer_states(model, ShownInputs(model, prompts), utterances)
    logits = states.head(states.hidden)
    whole = logits.new_zeros((*states.mask.shape, logits.shape[-1]))
    whole[states.mask.bool()] = logits
    return Scores(whole, states.token_ids, states.mask)


def answer_states(model: Any, shown: ShownInputs, utterances: Sequence[Utterance]) -> AnswerStates:
    """Run the model over prompts and utterances; hidden states only where an utterance is.

    Where the model takes them the rows are packed, and what several begin with is computed once; else they are padded.

    Raises:
        PolicyError: a picture is no PNG.
    """
    rows = [shown.of(item.prompt, item.image_png) for item in utterances]
    answers = [torch.tensor(item.token_ids) for item in utterances]
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    packed = all(row.positions is not None for row in rows)
    hidden = (packed_states if packed else _padded)(base, rows, answers)
    device = hidden.device
    mask = pad_sequence([torch.ones(len(answer)) for answer in answers], batch_first=True).to(device)
    token_ids = pad_sequence(answers, batch_first=True).to(device)
    return AnswerStates(hidden, token_ids, mask, base.get_output_embeddings())


def _padded(base: Any, rows: Sequence[Shown], answers: Sequence[Tensor]) -> Tensor:
    """Return hidden states [N, D] as ``packed_states`` does, of any model, from rows padded on the right."""
    prompt_lengths = torch.tensor([row.inputs["input_ids"].shape[1] for row in rows])
    device = next(base.parameters()).device
    batch = {name: value.to(device) for name, value in _batched(rows, answers).items()}
    features = [row.features for row in rows if row.features is not None]
    ready = in_place_of_pixels(features) if features else {}
    ids = batch.pop("input_ids")
    read = _read_positions(prompt_lengths, answers, ids)
    is_answer = (torch.arange(ids.shape[1]).unsqueeze(0) >= prompt_lengths.unsqueeze(1)).to(device)
    with answers_show_no_pictures(base, ids, is_answer) as shown_ids, last_layer_only_at(base, read):
        hidden: Tensor = base.model(input_ids=shown_ids, **batch, **ready).last_hidden_state  # [B, S, D]
    return hidden[read]


def _read_positions(prompt_lengths: Tensor, answers: Sequence[Tensor], input_ids: Tensor) -> Tensor:
    """Return [B, S], True where a token of the answer is predicted: from the prompt's last position on."""
    first = prompt_lengths.unsqueeze(1) - 1
    places = torch.arange(input_ids.shape[1]).unsqueeze(0)
    lengths = torch.tensor([len(answer) for answer in answers]).unsqueeze(1)
    return ((places >= first) & (places < first + lengths)).to(input_ids.device)


def _batched(rows: Sequence[Shown], answers: Sequence[Tensor]) -> dict[str, Tensor]:
    """Append the answers to the prompts and pad on the right; padding is masked, so its ids do not matter.

    What has the shape of the ids is a sequence; all else describes pictures and is joined along its first axis.
    """
    encoded = [row.inputs for row in rows]
    batch: dict[str, Tensor] = {}
    for name in encoded[0]:
        if encoded[0][name].shape != encoded[0]["input_ids"].shape:
            batch[name] = torch.cat([inputs[name] for inputs in encoded])
            continue
        fill = {"input_ids": None, "attention_mask": 1}.get(name, 0)
        padded = [
            torch.cat([inputs[name][0], answer if fill is None else torch.full_like(answer, fill)])
            for inputs, answer in zip(encoded, answers, strict=True)
        ]
        batch[name] = pad_sequence(padded, batch_first=True)
    return batch
