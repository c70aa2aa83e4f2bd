"""How far two policies are apart at the same places. Pure functions; draws no token and knows no batch."""

from collections.abc import Callable

import torch
from torch import Tensor

CHUNK_TOKENS = 64


def token_kl(logits: Tensor, reference_logits: Tensor) -> Tensor:
    """Return KL(π ‖ π_ref) = Σ_v π(v) · log(π(v) / π_ref(v)) at every place [N], exact over the vocabulary, in nats.

    Both [N, V]; float32 at least. Rounding below 0 is 0.
    """
    assert logits.ndim == 2
    assert reference_logits.shape == logits.shape
    dtype = torch.promote_types(logits.dtype, torch.float32)
    log_probs = torch.log_softmax(logits, -1, dtype=dtype)
    reference = torch.log_softmax(reference_logits, -1, dtype=dtype)
    return (log_probs.exp() * (log_probs - reference)).sum(-1).clamp(min=0.0)


@torch.no_grad()
def kl_of_states(hidden: Tensor, reference: Tensor, temperatures: Tensor, head: Callable[[Tensor], Tensor]) -> Tensor:
    """Return ``token_kl`` [N] of hidden states [N, D] that one head reads; logits of a few places live at a time."""
    assert hidden.shape == reference.shape
    assert temperatures.shape == hidden.shape[:1]
    chunks = zip(*(torch.split(tensor, CHUNK_TOKENS) for tensor in (hidden, reference, temperatures)), strict=True)
    return torch.cat([token_kl(head(now) / t[:, None], head(then) / t[:, None]) for now, then, t in chunks])
