"""Hidden states of answers from one packed row: no padding, and what several steps begin with once. Loads nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from agent_runtime.policy.last_layer import last_layer_only_at
from agent_runtime.policy.packed_attention import packed_rows
from agent_runtime.policy.packing import Packing, packing_of
from agent_runtime.policy.pictures import Features, in_place_of_pixels
from agent_runtime.policy.placeholders import answers_show_no_pictures
from agent_runtime.policy.shown import Shown


def packed_states(base: Any, rows: Sequence[Shown], answers: Sequence[Tensor]) -> Tensor:
    """Return hidden states [N, D] that the N tokens of the answers are predicted from, row by row.

    Every row has its features. Rows that begin alike, picture and all, share that beginning's computation.
    """
    device = next(base.parameters()).device
    whole = [torch.cat((row.inputs["input_ids"][0], answer)) for row, answer in zip(rows, answers, strict=True)]
    prompt_lengths = [row.inputs["input_ids"].shape[1] for row in rows]
    image_id = base.config.image_token_id
    packing = packing_of(_symbols(rows, whole, prompt_lengths, image_id))
    is_answer = [torch.arange(len(ids)) >= length for ids, length in zip(whole, prompt_lengths, strict=True)]
    read = torch.cat([p[n - 1 : -1] for p, n in zip(packing.places, prompt_lengths, strict=True)]).to(device)
    ids = packing.packed(whole).unsqueeze(0).to(device)
    answered = packing.packed(is_answer).unsqueeze(0).to(device)
    positions = [_positions(row, len(answer)).T for row, answer in zip(rows, answers, strict=True)]
    place = packing.packed(positions).T.to(device)  # [3, N], or [1, N] where a token has one position
    at = torch.zeros(ids.shape, dtype=torch.bool, device=device)
    at[0, read] = True
    pictures = in_place_of_pixels(_pictures(packing, rows, whole, prompt_lengths, image_id))
    with (
        packed_rows(base, packing) as options,
        answers_show_no_pictures(base, ids, answered) as shown_ids,
        last_layer_only_at(base, at),
    ):
        where = place.unsqueeze(1) if len(place) > 1 else place
        output = base.model(input_ids=shown_ids, position_ids=where, **pictures, **options)
    hidden: Tensor = output.last_hidden_state[0, read]
    return hidden


def _symbols(
    rows: Sequence[Shown], whole: Sequence[Tensor], prompt_lengths: Sequence[int], image_id: int
) -> list[list[int]]:
    """Return the rows with another number for the placeholders of each picture: no two pictures are the same."""
    numbers = {
        id(features): -1 - place
        for place, features in enumerate({id(row.features): row.features for row in rows}.values())
    }
    found = []
    for row, ids, length in zip(rows, whole, prompt_lengths, strict=True):
        symbols = ids.tolist()
        symbols[:length] = [numbers[id(row.features)] if token == image_id else token for token in symbols[:length]]
        found.append(symbols)
    return found


def _pictures(
    packing: Packing, rows: Sequence[Shown], whole: Sequence[Tensor], prompt_lengths: Sequence[int], image_id: int
) -> list[Features]:
    """Return the features of each picture in the packed row; a piece holds all of a picture's places or none."""
    found = []
    for piece in packing.pieces:
        features = rows[piece.row].features
        assert features is not None
        if image_id in whole[piece.row][piece.start : min(piece.stop, prompt_lengths[piece.row])]:
            found.append(features)
    return found


def _positions(row: Shown, answer_length: int) -> Tensor:
    """Return the positions of prompt and answer, [3 or 1, L]: an answer goes on one by one behind the largest."""
    assert row.positions is not None
    following = row.positions.max() + 1 + torch.arange(answer_length)
    return torch.cat((row.positions, following.expand(len(row.positions), -1)), 1)
