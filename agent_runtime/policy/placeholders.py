"""Lets answers hold picture placeholders, which a policy can sample like any token: to it they are mere words."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor


@contextmanager
def answers_show_no_pictures(base: Any, ids: Tensor, is_answer: Tensor) -> Iterator[Tensor]:
    """Yield the ids [B, S] to give the model, ``is_answer`` [B, S] being True at what the policy wrote.

    The model would look for a picture behind each placeholder, so it sees another id there, and the placeholder's
    embedding.
    """
    placeholders = [getattr(base.config, name, None) for name in ("image_token_id", "video_token_id")]
    known = torch.tensor([t for t in placeholders if t is not None], dtype=ids.dtype, device=ids.device)
    sampled = torch.isin(ids, known) & is_answer
    if not bool(sampled.any()):
        yield ids
        return
    embedding = base.get_input_embeddings()
    hook = embedding.register_forward_hook(lambda module, args, output: module.forward(ids))
    try:
        yield ids.masked_fill(sampled, next(token for token in range(3) if token not in placeholders))
    finally:
        hook.remove()
