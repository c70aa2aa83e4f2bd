"""Recomputes what a trajectory claims of itself and names what does not follow. Runs no model and stores nothing.

A runtime that is broken or bent can send steps that were never taken. What can be told from the trajectory alone: an
action is what the grammar reads in the utterance; a success was announced, and nothing was held back on the way; a
reward is what the verdict allows; an adapter is one that this tuner published under that number. That the log-probs
are those of the adapter takes the model, and is the learner's to say.
"""

from __future__ import annotations

from typing import Final

from coso.v1 import trajectory_pb2

from agent_runtime.actions import Grammar
from agent_runtime.trajectory import NO_ADAPTER_DIGEST
from agent_runtime.uplink.codec import action_to_message
from tuner.adapters.store import AdapterStore
from tuner.errors import StoreError

_DIGESTS_KEPT: Final = 4096


class Recomputation:
    """What to recompute with: the grammar of the runtimes and the versions published."""

    def __init__(self, grammar: Grammar, store: AdapterStore) -> None:
        self._grammar = grammar
        self._store = store
        self._digests: dict[int, str | None] = {0: NO_ADAPTER_DIGEST}

    def forged(self, trajectory: trajectory_pb2.Trajectory) -> str | None:
        """Return in one sentence what does not follow, None where everything does."""
        return _forged_outcome(trajectory) or next(
            (f"In step {step.index}: {found}" for step in trajectory.steps if (found := self._forged_step(step))), None
        )

    def _forged_step(self, step: trajectory_pb2.Step) -> str | None:
        read = action_to_message(self._grammar.parse(step.utterance))
        kind = step.action.WhichOneof("kind")
        if kind != read.WhichOneof("kind") or (kind != "malformed" and step.action != read):
            return f"got the action {kind}, expected what the {self._grammar.name} grammar reads in the utterance."
        digest = self._digest(step.adapter_version)
        if digest is None and step.adapter_version > self._newest():
            return f"got adapter version {step.adapter_version}, expected one of those published."
        if digest is not None and step.adapter_digest != digest:
            return f"got other bytes as adapter version {step.adapter_version}, expected those published."
        return None

    def _digest(self, version: int) -> str | None:
        """Return the digest of a version, None where it is not, or no longer, in the store."""
        known = self._digests.get(version)
        if known is None:
            try:
                known = self._store.manifest(version).payload_sha256
            except StoreError:
                return None
            if len(self._digests) > _DIGESTS_KEPT:
                self._digests = {0: NO_ADAPTER_DIGEST}
            self._digests[version] = known
        return known

    def _newest(self) -> int:
        return max(self._store.versions(), default=0)


def _forged_outcome(trajectory: trajectory_pb2.Trajectory) -> str | None:
    """Hold verdict, reward and the last step against each other, as one episode of a runtime makes them."""
    is_void = trajectory.verdict == trajectory_pb2.VERDICT_VOID
    if is_void and trajectory.reward:
        return f"Got the reward {trajectory.reward:g} in a void episode, expected none."
    succeeded = trajectory.verdict == trajectory_pb2.VERDICT_SUCCESS
    announced = bool(trajectory.steps) and trajectory.steps[-1].action.finish.succeeded
    denied = any(step.HasField("gate") and not step.gate.allowed for step in trajectory.steps)
    if succeeded and not trajectory.reward:
        return "Got a success with the reward 0, expected more."
    if (succeeded or trajectory.reward) and not announced:
        return "Got a success or a reward without its announcement as the last step, expected one."
    if (succeeded or trajectory.reward) and denied:
        return "Got a success or a reward past an action that was held back, expected a failure."
    early = next(
        (step.index for step in list(trajectory.steps)[:-1] if step.action.WhichOneof("kind") == "finish"), None
    )
    return None if early is None else f"Got steps after the announcement in step {early}, expected none."
