"""How far the action model's probabilities can be believed. Pure functions; trains nothing.

Causal weights are differences of these probabilities, in their units: they mean what they say only as far as the
model is calibrated.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

BINS = 15


def whole_action_confidence(logits: Sequence[Tensor], labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return P_φ of the action held most likely, and whether it is the one parsed, both [N].

    The most likely action takes the likeliest class of every field: the fields are independent given the text
    (Eq. 5), so its probability is Π_f max_c P_φ(c). ``logits`` [N, classes] for each field; ``labels`` [N, F].
    """
    assert labels.ndim == 2
    assert labels.shape[1] == len(logits)
    assert all(field.ndim == 2 and len(field) == len(labels) for field in logits)
    best = [torch.softmax(field.double(), -1).max(-1) for field in logits]
    confidence = torch.stack([field.values for field in best]).prod(0)
    return confidence, (torch.stack([field.indices for field in best], 1) == labels).all(1)


def expected_calibration_error(confidences: Tensor, correct: Tensor, bins: int = BINS) -> float:
    """Return ECE = Σ_b n_b/N · |accuracy_b − mean confidence_b| over equal-width bins (Guo et al. 2017, Eq. 3).

    Bin b of ``bins`` holds the confidences in ((b − 1)/bins, b/bins], the first one 0 too; an empty bin counts
    nothing. ``confidences`` and ``correct`` [N], N ≥ 1. With few samples it is biased upwards: read it beside N.
    """
    assert confidences.ndim == 1
    assert correct.shape == confidences.shape
    assert correct.dtype == torch.bool
    assert len(confidences) >= 1
    assert bins >= 1
    places = (confidences.double() * bins).ceil().long().clamp(1, bins) - 1
    gaps = torch.zeros(bins, dtype=torch.float64, device=confidences.device)
    gaps.index_add_(0, places, correct.double() - confidences.double())  # n_b · (accuracy − mean confidence)
    return float(gaps.abs().sum() / len(confidences))
