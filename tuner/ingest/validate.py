"""The bounds of a trajectory: one sentence for the first that is broken. Stores nothing."""

import math
import struct

from coso.v1 import trajectory_pb2

from tuner.ingest.identity import Identity

MAX_STEPS = 256
MAX_TOKENS = 4096
MAX_PNG_BYTES = 8 << 20
MAX_TEXT_BYTES = 64 << 10
MAX_ID_LENGTH = 128
MAX_NAME_LENGTH = 256
MAX_GOAL_LENGTH = 4096
MAX_VOID_REASON_LENGTH = 4096
MAX_TASK_PARAMS = 64
MAX_FAULTS = 256
MAX_ACTION_BYTES = 2 * MAX_TEXT_BYTES
MAX_SIDE_PX = 8192
LEAST_LOG_PROB = -110.0
"""A token is not drawn that has less: a softmax of float32 knows no probability below e^-104 but 0."""
_PNG_START = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
_HEX_SHA256_LENGTH = 64
_VERDICTS = (trajectory_pb2.VERDICT_SUCCESS, trajectory_pb2.VERDICT_FAILURE, trajectory_pb2.VERDICT_VOID)
_PURPOSES = (
    trajectory_pb2.PURPOSE_EXPLORE,
    trajectory_pb2.PURPOSE_EVALUATE,
    trajectory_pb2.PURPOSE_DEMONSTRATE,
)
_KEYS = (
    trajectory_pb2.PressKey.KEY_BACK,
    trajectory_pb2.PressKey.KEY_HOME,
    trajectory_pb2.PressKey.KEY_ENTER,
    trajectory_pb2.PressKey.KEY_RECENTS,
)


def broken_bound(trajectory: trajectory_pb2.Trajectory, identity: Identity) -> str | None:
    """Return what is wrong with the trajectory in one sentence, or None when it may be stored."""
    if not 0 < len(trajectory.trajectory_id) <= MAX_ID_LENGTH:
        return f"Got an id of {len(trajectory.trajectory_id)} characters, expected 1 to {MAX_ID_LENGTH}."
    if trajectory.verdict not in _VERDICTS:
        return f"Got the verdict {trajectory.verdict}, expected SUCCESS (1), FAILURE (2) or VOID (3)."
    if trajectory.purpose not in _PURPOSES:
        return f"Got the purpose {trajectory.purpose}, expected EXPLORE (1), EVALUATE (2) or DEMONSTRATE (3)."
    shown = trajectory.purpose == trajectory_pb2.PURPOSE_DEMONSTRATE
    broken = None if shown else _foreign(trajectory, identity)
    broken = broken or broken_runtime_id(trajectory.runtime_id) or _broken_text(trajectory)
    if broken is not None:
        return broken
    if not math.isfinite(trajectory.reward) or not 0 <= trajectory.reward <= 1:
        return f"Got the reward {trajectory.reward}, expected a number from 0 to 1."
    if trajectory.verdict == trajectory_pb2.VERDICT_VOID and trajectory.reward:
        return f"Got the reward {trajectory.reward} of a void episode, expected none."
    if not math.isfinite(trajectory.temperature) or trajectory.temperature < 0:
        return f"Got the temperature {trajectory.temperature}, expected 0 or more."
    if trajectory.verdict != trajectory_pb2.VERDICT_VOID and not trajectory.steps:
        return "Got no steps, expected at least one unless the verdict is VOID."
    limit = min(MAX_STEPS, trajectory.step_limit)
    if len(trajectory.steps) > limit:
        return f"Got {len(trajectory.steps)} steps, expected at most {limit}."
    for index, step in enumerate(trajectory.steps):
        broken = _broken_step(step, index, shown)
        if broken is not None:
            return f"In step {index}: {broken}"
    return None


def broken_runtime_id(runtime_id: str) -> str | None:
    """Return what is wrong with a runtime's id in one sentence, or None."""
    if not runtime_id:
        return "Got an empty runtime id, expected a name."
    if len(runtime_id) > MAX_ID_LENGTH:
        return f"Got a runtime id of {len(runtime_id)} characters, expected at most {MAX_ID_LENGTH}."
    return None


def _broken_text(trajectory: trajectory_pb2.Trajectory) -> str | None:
    """Look at what is kept beside the steps: a row of the ledger, a line of the page."""
    for name, text, limit in (
        ("task name", trajectory.task_name, MAX_NAME_LENGTH),
        ("device serial", trajectory.device_serial, MAX_NAME_LENGTH),
        ("goal", trajectory.goal, MAX_GOAL_LENGTH),
        ("void reason", trajectory.void_reason, MAX_VOID_REASON_LENGTH),
        ("base model digest", trajectory.base_model_digest, MAX_NAME_LENGTH),
        ("tokenizer digest", trajectory.tokenizer_digest, MAX_NAME_LENGTH),
        ("quantization", trajectory.quantization, MAX_NAME_LENGTH),
        ("action grammar", trajectory.action_grammar, MAX_NAME_LENGTH),
    ):
        if len(text) > limit:
            return f"Got a {name} of {len(text)} characters, expected at most {limit}."
    if len(trajectory.task_params) > MAX_TASK_PARAMS:
        return f"Got {len(trajectory.task_params)} task parameters, expected at most {MAX_TASK_PARAMS}."
    for name, value in trajectory.task_params.items():
        if len(name) > MAX_NAME_LENGTH or len(value) > MAX_GOAL_LENGTH:
            return (
                f"Got a task parameter of {len(name)} and {len(value)} characters, expected a name of at most "
                f"{MAX_NAME_LENGTH} and a value of at most {MAX_GOAL_LENGTH}."
            )
    return None


def _foreign(trajectory: trajectory_pb2.Trajectory, identity: Identity) -> str | None:
    own = Identity(
        trajectory.base_model_digest, trajectory.tokenizer_digest, trajectory.quantization, trajectory.action_grammar
    )
    return identity.mismatch(own)


def _broken_step(step: trajectory_pb2.Step, index: int, shown: bool) -> str | None:
    if step.index != index:
        return f"got the index {step.index}, expected {index}: steps come in order."
    tokens, log_probs = len(step.token_ids), len(step.log_probs)
    if shown and tokens:
        return f"got {tokens} tokens in a demonstration, expected none: no policy of the tuner's acted."
    if not shown and not 0 < tokens <= MAX_TOKENS:
        return f"got {tokens} tokens, expected 1 to {MAX_TOKENS}."
    if tokens != log_probs:
        return f"got {tokens} tokens and {log_probs} log-probs, expected as many of one as of the other."
    if not all(LEAST_LOG_PROB <= value <= 0 for value in step.log_probs):
        return f"got a log-prob that is no number from {LEAST_LOG_PROB:g} to 0."
    if max(len(step.prompt.encode()), len(step.utterance.encode())) > MAX_TEXT_BYTES:
        return f"got a prompt or utterance over {MAX_TEXT_BYTES} bytes."
    if len(step.adapter_digest) != _HEX_SHA256_LENGTH:
        return f"got an adapter digest of {len(step.adapter_digest)} characters, expected {_HEX_SHA256_LENGTH}."
    if len(step.faults) > MAX_FAULTS or any(len(name) > MAX_NAME_LENGTH for name in step.faults):
        return f"got {len(step.faults)} faults, expected at most {MAX_FAULTS} of {MAX_NAME_LENGTH} characters."
    return _broken_action(step.action) or _broken_screenshot(step.screenshot)


def _broken_action(action: trajectory_pb2.Action) -> str | None:
    """A coordinate of exactly 1 passes: it is what the last doubles below 1 become in the message's 32 bits."""
    kind = action.WhichOneof("kind")
    if action.ByteSize() > MAX_ACTION_BYTES:
        return f"got an action of {action.ByteSize()} bytes, expected at most {MAX_ACTION_BYTES}."
    if kind is None:
        return "got no action, expected one, Malformed included."
    if kind == "press_key" and action.press_key.key not in _KEYS:
        return f"got the key {action.press_key.key}, expected BACK (1), HOME (2), ENTER (3) or RECENTS (4)."
    if not 0 <= action.wait.seconds < math.inf:
        return f"got a wait of {action.wait.seconds} seconds, expected a number from 0 on."
    for field, value in getattr(action, kind).ListFields():
        if field.name.endswith("_norm") and not 0 <= value <= 1:
            return f"got {field.name} {value}, expected a number from 0 to 1."
    return None


def _broken_screenshot(screenshot: trajectory_pb2.Screenshot) -> str | None:
    png = screenshot.png
    if not len(_PNG_START) + 8 < len(png) <= MAX_PNG_BYTES:
        return f"got a screenshot of {len(png)} bytes, expected a PNG of at most {MAX_PNG_BYTES}."
    if not png.startswith(_PNG_START) or not png.endswith(b"IEND\xaeB`\x82"):
        return "got a screenshot that is no whole PNG."
    size = struct.unpack(">II", png[len(_PNG_START) : len(_PNG_START) + 8])
    if size != (screenshot.width_px, screenshot.height_px):
        return f"got a PNG of {size[0]}x{size[1]}, expected {screenshot.width_px}x{screenshot.height_px} as announced."
    if not 1 <= min(size) <= max(size) <= MAX_SIDE_PX:
        return f"got a PNG of {size[0]}x{size[1]}, expected sides of 1 to {MAX_SIDE_PX}."
    return None
