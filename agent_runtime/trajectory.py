"""One episode as plain records. Knows no gRPC, no device and no model; `uplink.codec` puts it on the wire."""

import hashlib
from dataclasses import dataclass, field
from enum import Enum

from agent_runtime.actions.ruling import Ruling
from agent_runtime.actions.vocabulary import Action

_SEEDS_PER_EPISODE = 1_000
NO_ADAPTER_DIGEST = hashlib.sha256(b"").hexdigest()
"""Stands in a step's record while the base model runs without an adapter (version 0)."""


class Verdict(Enum):
    """How an episode ended. VOID is a fault of ours, the device, the network or a judge."""

    SUCCESS = "success"
    FAILURE = "failure"
    VOID = "void"


class Purpose(Enum):
    """What an episode was run for: EXPLORE is learned from, EVALUATE is only reported.

    DEMONSTRATE: no policy acted, somebody showed how it is done; imitated and nothing else.
    """

    EXPLORE = "explore"
    EVALUATE = "evaluate"
    DEMONSTRATE = "demonstrate"


@dataclass(frozen=True, slots=True)
class Screenshot:
    """Exactly the picture the policy saw, and the size of the screen it was made from."""

    png: bytes
    width_px: int
    height_px: int
    device_width_px: int
    device_height_px: int


@dataclass(frozen=True, slots=True)
class Timings:
    """Where a step's time went, in milliseconds."""

    observe_ms: float = 0.0
    decide_ms: float = 0.0
    act_ms: float = 0.0
    judge_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Decision:
    """What the policy answered to one observation.

    ``token_ids`` and ``log_probs`` have the same length T; log-probs are natural logarithms under the
    sampling distribution softmax(logits / temperature).
    """

    utterance: str
    token_ids: tuple[int, ...]
    log_probs: tuple[float, ...]
    adapter_version: int
    adapter_digest: str


@dataclass(frozen=True, slots=True)
class Step:
    """One look, one decision, one action."""

    index: int
    prompt: str
    screenshot: Screenshot
    decision: Decision
    action: Action
    timings: Timings
    gate: Ruling | None = None
    """What the gate said of the action; None where none was asked (no gate, or nothing to do on the device)."""
    faults: tuple[str, ...] = ()
    """Names of the device's faults noticed since the step before, recovered from or not."""


@dataclass(frozen=True, slots=True)
class EpisodeStart:
    """What is known of an episode before its first step; the same as its ``Trajectory`` says in the end."""

    trajectory_id: str
    task_name: str
    task_params: dict[str, str]
    goal: str
    purpose: Purpose
    seed: int
    step_limit: int
    temperature: float
    started_at_unix_sec: float


@dataclass(frozen=True, slots=True)
class PolicyIdentity:
    """What must agree between a runtime and its tuner; digests are hex sha256."""

    base_model_digest: str
    tokenizer_digest: str
    quantization: str
    action_grammar: str


@dataclass(frozen=True, slots=True)
class Trajectory:
    """A whole episode. ``reward`` means nothing when the verdict is VOID."""

    trajectory_id: str
    runtime_id: str
    task_name: str
    goal: str
    task_params: dict[str, str]
    purpose: Purpose
    seed: int
    step_limit: int
    verdict: Verdict
    void_reason: str
    reward: float
    steps: tuple[Step, ...]
    started_at_unix_sec: float
    device_serial: str
    temperature: float
    identity: PolicyIdentity = field(repr=False)


def step_seed(episode_seed: int, step_index: int) -> int:
    """Return the seed a step's decision is drawn with."""
    return episode_seed * _SEEDS_PER_EPISODE + step_index
