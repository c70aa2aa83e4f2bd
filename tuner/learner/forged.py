"""Recomputes the log-probs of new episodes under the version each names, and says whose cannot be its. Moves no weight.

    Δ_i = log π_version(y_i) − the log-prob that came with token i, at the temperature acted with

An episode is forged when the mean of |Δ_i| over its tokens is above the limit, or one token's is above ten times the
limit. What lies below is rounding and quantization, of which acting and learning may have different kinds. A step
whose version is no longer in the store, or is for another base, is not looked at; version 0 is the base model itself.
"""

import logging
from collections.abc import Mapping, Sequence

import torch
from safetensors.torch import load
from torch import Tensor

from agent_runtime.adapters.explorer import exploring_part
from tuner.adapters.store import AdapterStore
from tuner.errors import StoreError
from tuner.learner.samples import StepSample, can_be_shown
from tuner.learner.student import Student

FORGED = "forged_log_probs"
"""Why nothing was used of such an episode."""
ONE_TOKEN = 10.0
"""How many times the limit of the mean a single token may be off."""
_LOG = logging.getLogger(__name__)


class LogProbCheck:
    """``limit`` is in nats a token; 0 looks at nothing."""

    def __init__(self, student: Student, store: AdapterStore, limit: float) -> None:
        self._student = student
        self._store = store
        self._limit = limit

    def forged(self, episodes: Sequence[Sequence[StepSample]]) -> dict[int, str]:
        """Return, by sequence in the ledger, why episodes are forged; nothing of those that are not."""
        if not self._limit:
            return {}
        gaps = self._gaps([step for steps in episodes for step in steps if can_be_shown(step)])
        found = {sequence: why for sequence, sizes in gaps.items() if (why := _why(sizes, self._limit)) is not None}
        for steps in episodes:
            if steps and (why := found.get(steps[0].key[0])) is not None:
                _LOG.warning("episode %s is forged and teaches nothing: %s", steps[0].trajectory_id, why)
        return found

    def _gaps(self, samples: Sequence[StepSample]) -> dict[int, list[float]]:
        """Return |Δ_i| of every token that can be recomputed, by sequence in the ledger."""
        gaps: dict[int, list[float]] = {}
        for version in sorted({sample.version for sample in samples}):
            try:
                adapter = self._adapter(version)
            except StoreError as error:
                _LOG.info("log-probs under version %d are taken as they came: %s", version, error)
                continue
            with self._student.acting_as(adapter):
                for part, scored in self._student.policy.scored([s for s in samples if s.version == version]):
                    lengths = [len(sample.behaviour_log_probs) for sample in part]
                    log_probs = torch.split(scored.log_probs.cpu().double(), lengths)
                    for sample, now in zip(part, log_probs, strict=True):
                        sizes = (now - now.new_tensor(sample.behaviour_log_probs)).abs().tolist()
                        gaps.setdefault(sample.key[0], []).extend(sizes)
        return gaps

    def _adapter(self, version: int) -> Mapping[str, Tensor] | None:
        """Return the tensors of a version that explored, as all episodes here did; None for the base model.

        Raises:
            StoreError: it is not to be had.
        """
        return exploring_part(load(self._store.get(version)[1])) if version else None


def _why(sizes: Sequence[float], limit: float) -> str | None:
    mean, largest = sum(sizes) / len(sizes), max(sizes)
    if mean <= limit and largest <= ONE_TOKEN * limit:
        return None
    return (
        f"got log-probs {mean:.3g} nats a token and {largest:.3g} at most from those of the version that it names, "
        f"expected at most {limit:g} and {ONE_TOKEN * limit:g}"
    )
