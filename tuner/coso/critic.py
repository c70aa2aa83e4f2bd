"""Success classifiers: a small head on frozen features that says how likely a success is. Makes no features.

Source: DigiRL, arXiv 2406.11896, section 4: both value functions are trained with cross-entropy on the outcome r,

    L(V) = −mean(r · log V + (1 − r) · log(1 − V))

so that V is the probability of success from there on. Its heads stand on a network that learns with them; these
stand on features that never change.
"""

import hashlib

import torch
from torch import Tensor, nn

HIDDEN_SIZE = 64
HELD_OUT_SHARE = 0.125


class SuccessClassifier(nn.Module):
    """Logit of a success from features [N, F]: layer norm, one hidden layer. It starts out saying 1/2 to everything."""

    def __init__(self, feature_size: int) -> None:
        super().__init__()
        last = nn.Linear(HIDDEN_SIZE, 1)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.layers = nn.Sequential(nn.LayerNorm(feature_size), nn.Linear(feature_size, HIDDEN_SIZE), nn.GELU(), last)

    def forward(self, features: Tensor) -> Tensor:
        """Return logits [N] for features [N, F]."""
        assert features.ndim == 2
        logits: Tensor = self.layers(features)
        return logits.squeeze(1)


def success_loss(logits: Tensor, outcomes: Tensor) -> Tensor:
    """Return the mean cross-entropy in nats, a scalar; both [N], N ≥ 1, outcomes in [0, 1]."""
    assert logits.ndim == 1
    assert len(logits) >= 1
    assert outcomes.shape == logits.shape
    return nn.functional.binary_cross_entropy_with_logits(logits, outcomes)


def success_accuracy(logits: Tensor, outcomes: Tensor) -> float:
    """Return the share of outcomes on whose side of 1/2 the prediction is; both [N], N ≥ 1."""
    assert logits.ndim == 1
    assert len(logits) >= 1
    assert outcomes.shape == logits.shape
    return float(((logits > 0) == (outcomes > 0.5)).double().mean())


def is_held_out(trajectory_id: str, share: float = HELD_OUT_SHARE) -> bool:
    """Tell whether a critic must never be trained on this episode: a share of all, by the hash of its name."""
    head = hashlib.sha256(trajectory_id.encode("utf-8", "surrogatepass")).digest()[:8]
    return int.from_bytes(head, "big") < share * 2**64


def has_two_classes(outcomes: Tensor) -> bool:
    """Tell whether there is anything to tell apart: outcomes [N] on both sides of 1/2."""
    above = outcomes > 0.5
    return bool(above.any()) and not bool(torch.all(above))
