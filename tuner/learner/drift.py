"""How far acting and learning, and the new policy and the last version, are apart. Moves no weight.

Before an update the learner holds the tensors of the version it published last. On the steps looked at:

    mismatch    Δ_i = log π_learner(y_i) − log π_acting(y_i), at the temperature acted with, of every token of the
                steps that this very version acted: rounding and quantization, not learning. ``mismatch_mean`` is
                mean |Δ_i|, ``mismatch_max`` max |Δ_i|, ``mismatch_tokens`` how many, ``mismatch_version`` the version.
                Nothing is said where no step looked at was acted by it.
                Learned with an explorer beside the deployed adapter, these steps are the explorer's, and so is this.
    policy_kl   mean over the tokens of KL(π_new ‖ π_last version), exact over the vocabulary (``coso.divergence``);
                ``policy_kl_max`` the largest of a token; ``explorer_kl`` and ``explorer_kl_max`` of an explorer

The base model's head is frozen, so the last version's hidden states are all that is kept of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tuner.coso.divergence import kl_of_states
from tuner.learner.policy_update import PolicyUpdater
from tuner.learner.samples import StepSample

STEPS_LOOKED_AT = 16


class TooFarError(ArithmeticError):
    """An update whose policy is too far from the last version; ``figures`` says how far."""

    def __init__(self, name: str, figures: dict[str, float], limit: float) -> None:
        super().__init__(
            f"the {name} went {figures[f'{name}_kl']:.3g} nats a token from the last version, over {limit:g}"
        )
        self.figures = figures


@dataclass(frozen=True)
class _Before:
    samples: Sequence[StepSample]
    hidden: Tensor


class Drift:
    """Looks once before and once after the optimizer steps of one update; ``name`` is in what it says of KL."""

    def __init__(self, policy: PolicyUpdater, name: str = "policy") -> None:
        self._policy = policy
        self._name = name
        self._before: list[_Before] = []

    def before(self, samples: Sequence[StepSample], version: int) -> dict[str, float]:
        """Remember what the policy says now of ``samples``; return the mismatch of those that ``version`` acted."""
        gaps: list[float] = []
        for part, scored in self._policy.scored(samples):
            self._before.append(_Before(part, scored.states.hidden))
            log_probs = torch.split(scored.log_probs, [len(sample.utterance.token_ids) for sample in part])
            for sample, now in zip(part, log_probs, strict=True):
                if sample.version == version:
                    gaps += (now.cpu().double() - torch.tensor(sample.behaviour_log_probs).double()).abs().tolist()
        if not gaps:
            return {}
        return {
            "mismatch_mean": sum(gaps) / len(gaps),
            "mismatch_max": max(gaps),
            "mismatch_tokens": float(len(gaps)),
            "mismatch_version": float(version),
        }

    def after(self, limit: float) -> dict[str, float]:
        """Return how far the policy went since ``before``, nothing where nothing was looked at.

        Raises:
            TooFarError: further than ``limit`` nats a token, or no number.
        """
        found: list[Tensor] = []
        for before in self._before:
            passes = [scored for _, scored in self._policy.scored(before.samples)]  # the part is in order already
            hidden = torch.cat([scored.states.hidden for scored in passes])
            temperatures = torch.cat([scored.temperatures for scored in passes])
            found.append(kl_of_states(hidden, before.hidden, temperatures, passes[0].states.head))
        if not found:
            return {}
        tokens = torch.cat(found)
        figures = {f"{self._name}_kl": float(tokens.mean()), f"{self._name}_kl_max": float(tokens.max())}
        if not figures[f"{self._name}_kl"] <= limit:
            raise TooFarError(self._name, figures, limit)
        return figures
