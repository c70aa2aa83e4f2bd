"""What the released code of CoSo makes of raw causal effects, by name and for comparison. Computes no effect.

Read from ``digirl/coso/executor.py`` of langfengQ/CoSo: an effect is the change in the probability of the action
when the window of 4 tokens from i on is taken away; special tokens and punctuation are set to zero; then min–max
over the utterance and the square root. Not carried over are its bugs: the label that is the action type alone, the
mean over padding, the expanded view written in place (method, section 4).
"""

import torch
from torch import Tensor

RELEASED_WINDOW = 4
RELEASED_EPSILON = 1e-10
PUNCTUATION = ("[]", "()", "{", "}", "{}", ":", '""', "'", ",", "!", "?", ";", "_", ".")
"""Every token that the tokenizer makes of one of these, written alone, is set to zero."""


def released_scaling(effects: Tensor, quiet: Tensor) -> Tensor:
    """Return √((b − min b) / (max b − min b + 1e-10)) [T], b the ``effects`` [T], 0 where ``quiet`` [T] is True.

    The minimum is taken with the zeros among it. One token that matters little beside many that matter nothing
    gets the full weight of 1: a scale of the utterance's own, not a probability.
    """
    assert effects.ndim == 1
    assert quiet.shape == effects.shape
    assert quiet.dtype == torch.bool
    kept = effects.masked_fill(quiet, 0.0)
    return ((kept - kept.min()) / (kept.max() - kept.min() + RELEASED_EPSILON)).sqrt()
