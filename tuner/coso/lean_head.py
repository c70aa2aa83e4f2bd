"""Log-probs and entropies from hidden states, without ever holding the logits of a whole batch. Knows no batch.

The logits of ``CHUNK_TOKENS`` tokens at a time are made, used, and made again for the gradient: memory grows with
the vocabulary, no longer with tokens × vocabulary.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from tuner.coso.objectives import token_log_probs_and_entropies

CHUNK_TOKENS = 64


def lean_log_probs_and_entropies(
    hidden: Tensor,
    token_ids: Tensor,
    temperatures: Tensor,
    head: Callable[[Tensor], Tensor],
    chunk_tokens: int = CHUNK_TOKENS,
) -> tuple[Tensor, Tensor]:
    """Return ``token_log_probs_and_entropies`` of logits = head(hidden) / temperature, both [N].

    ``hidden`` [N, D], ``token_ids`` and ``temperatures`` [N]; ``head`` maps [n, D] to logits [n, V].
    """
    assert hidden.ndim == 2
    assert token_ids.shape == temperatures.shape == hidden.shape[:1]

    def of_chunk(states: Tensor, ids: Tensor, temperature: Tensor) -> tuple[Tensor, Tensor]:
        logits = head(states) / temperature.unsqueeze(1)
        log_probs, entropies = token_log_probs_and_entropies(logits.unsqueeze(0), ids.unsqueeze(0))
        return log_probs.squeeze(0), entropies.squeeze(0)

    chunks = zip(*(torch.split(tensor, chunk_tokens) for tensor in (hidden, token_ids, temperatures)), strict=True)
    found = [checkpoint(of_chunk, *chunk, use_reentrant=False, preserve_rng_state=False) for chunk in chunks]
    return torch.cat([log_probs for log_probs, _ in found]), torch.cat([entropies for _, entropies in found])
