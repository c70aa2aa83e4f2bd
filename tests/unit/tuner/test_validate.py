"""The bounds of a trajectory: each has a sentence of its own, and what lies on a bound is taken."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable

import pytest
from coso.v1 import trajectory_pb2 as pb

from agent_runtime.actions import Finish, Key, LongPress, Malformed, OpenApp, PressKey, Swipe, Tap, TypeText, Wait
from agent_runtime.trajectory import Purpose, Verdict
from agent_runtime.uplink.codec import action_to_message
from tests.wire_world import IDENTITY, message, png
from tuner.ingest.validate import (
    MAX_ID_LENGTH,
    MAX_PNG_BYTES,
    MAX_SIDE_PX,
    MAX_STEPS,
    MAX_TEXT_BYTES,
    MAX_TOKENS,
    broken_bound,
)

Change = Callable[[pb.Trajectory], object]
KEYS = "BACK (1), HOME (2), ENTER (3) or RECENTS (4)"


def verdict_on(change: Change, steps: int = 1) -> str | None:
    """Return what is said of a good trajectory after the change."""
    trajectory = message(steps=steps)
    change(trajectory)
    return broken_bound(trajectory, IDENTITY)


def put(name: str, value: object) -> Change:
    return lambda trajectory: setattr(trajectory, name, value)


def put_in_step(name: str, value: object) -> Change:
    return lambda trajectory: setattr(trajectory.steps[0], name, value)


def tokens(ids: int, log_probs: list[float]) -> Change:
    def change(trajectory: pb.Trajectory) -> None:
        trajectory.steps[0].token_ids[:] = range(ids)
        trajectory.steps[0].log_probs[:] = log_probs

    return change


def act(action: pb.Action) -> Change:
    return lambda trajectory: trajectory.steps[0].action.CopyFrom(action)


def show(content: bytes, announced_px: tuple[int, int] = (4, 8)) -> Change:
    def change(trajectory: pb.Trajectory) -> None:
        shot = trajectory.steps[0].screenshot
        shot.png, (shot.width_px, shot.height_px) = content, announced_px

    return change


def sized(width_px: int, height_px: int) -> bytes:
    """Return a PNG whose header claims a size; bytes 16 to 24 are width and height."""
    content = png()
    return content[:16] + struct.pack(">II", width_px, height_px) + content[24:]


@pytest.mark.parametrize("verdict", list(Verdict))
@pytest.mark.parametrize("purpose", [Purpose.EXPLORE, Purpose.EVALUATE])
def test_a_good_trajectory_may_be_stored(verdict: Verdict, purpose: Purpose) -> None:
    assert broken_bound(message(verdict=verdict, purpose=purpose, steps=3), IDENTITY) is None


def demonstration() -> pb.Trajectory:
    """An episode nobody's model acted: no tokens, and digests of nothing."""
    shown = message(purpose=Purpose.DEMONSTRATE, steps=2)
    shown.base_model_digest = shown.tokenizer_digest = "0" * 64
    for step in shown.steps:
        del step.token_ids[:]
        del step.log_probs[:]
    return shown


def test_a_demonstration_has_no_model_and_no_tokens() -> None:
    assert broken_bound(demonstration(), IDENTITY) is None
    with_tokens, too_long = demonstration(), demonstration()
    with_tokens.steps[1].token_ids.append(1)
    too_long.base_model_digest = "0" * 300
    assert "In step 1: got 1 tokens in a demonstration" in (broken_bound(with_tokens, IDENTITY) or "")
    assert "base model digest of 300" in (broken_bound(too_long, IDENTITY) or "")
    as_a_run = demonstration()
    as_a_run.purpose = pb.PURPOSE_EXPLORE
    assert "base model digest" in (broken_bound(as_a_run, IDENTITY) or "")


def test_a_void_episode_may_have_no_steps() -> None:
    assert broken_bound(message(verdict=Verdict.VOID, steps=0), IDENTITY) is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (put("trajectory_id", ""), f"Got an id of 0 characters, expected 1 to {MAX_ID_LENGTH}."),
        (put("trajectory_id", "i" * 129), f"Got an id of 129 characters, expected 1 to {MAX_ID_LENGTH}."),
        (put("verdict", 0), "Got the verdict 0, expected SUCCESS (1), FAILURE (2) or VOID (3)."),
        (put("verdict", 9), "Got the verdict 9, expected SUCCESS (1), FAILURE (2) or VOID (3)."),
        (put("purpose", 0), "Got the purpose 0, expected EXPLORE (1), EVALUATE (2) or DEMONSTRATE (3)."),
        (put("purpose", 9), "Got the purpose 9, expected EXPLORE (1), EVALUATE (2) or DEMONSTRATE (3)."),
        (put("reward", math.nan), "Got the reward nan, expected a number from 0 to 1."),
        (put("reward", math.inf), "Got the reward inf, expected a number from 0 to 1."),
        (put("reward", -0.5), "Got the reward -0.5, expected a number from 0 to 1."),
        (put("reward", 1.5), "Got the reward 1.5, expected a number from 0 to 1."),
        (put("verdict", 3), "Got the reward 1.0 of a void episode, expected none."),
        (put("temperature", math.nan), "Got the temperature nan, expected 0 or more."),
        (put("temperature", math.inf), "Got the temperature inf, expected 0 or more."),
        (put("temperature", -1.0), "Got the temperature -1.0, expected 0 or more."),
        (lambda t: t.ClearField("steps"), "Got no steps, expected at least one unless the verdict is VOID."),
        (put("step_limit", 0), "Got 1 steps, expected at most 0."),
    ],
)
def test_a_broken_bound_of_the_episode_has_its_sentence(change: Change, says: str) -> None:
    assert verdict_on(change) == says


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (put("base_model_digest", "0" * 64), "Got the base model digest '000000000000…', expected 'bbbbbbbbbbbb…'"),
        (put("tokenizer_digest", "0" * 64), "Got the tokenizer digest '000000000000…', expected '777777777777…'"),
        (put("quantization", "nf4"), "Got the quantization 'nf4', expected 'none'"),
        (put("action_grammar", ""), "Got the action grammar '', expected 'json'"),
    ],
)
def test_an_episode_of_another_policy_is_refused(change: Change, says: str) -> None:
    assert verdict_on(change) == f"{says}: start the runtime with the tuner's."


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (put_in_step("index", 1), "got the index 1, expected 0: steps come in order."),
        (tokens(0, []), f"got 0 tokens, expected 1 to {MAX_TOKENS}."),
        (tokens(4097, [-1.0] * 4097), f"got 4097 tokens, expected 1 to {MAX_TOKENS}."),
        (tokens(2, [-1.0]), "got 2 tokens and 1 log-probs, expected as many of one as of the other."),
        (tokens(1, [math.nan]), "got a log-prob that is no number from -110 to 0."),
        (tokens(1, [-math.inf]), "got a log-prob that is no number from -110 to 0."),
        (tokens(1, [0.5]), "got a log-prob that is no number from -110 to 0."),
        (put_in_step("prompt", "ä" * 32_769), f"got a prompt or utterance over {MAX_TEXT_BYTES} bytes."),  # ä is 2
        (put_in_step("utterance", "u" * 65_537), f"got a prompt or utterance over {MAX_TEXT_BYTES} bytes."),
        (put_in_step("adapter_digest", ""), "got an adapter digest of 0 characters, expected 64."),
        (lambda t: t.steps[0].ClearField("action"), "got no action, expected one, Malformed included."),
        (act(pb.Action(press_key=pb.PressKey())), f"got the key 0, expected {KEYS}."),
        (act(pb.Action(press_key=pb.PressKey(key=9))), f"got the key 9, expected {KEYS}."),
        (act(action_to_message(LongPress(0.5, 1.5))), "got y_norm 1.5, expected a number from 0 to 1."),
        (act(action_to_message(Tap(math.nan, 0.5))), "got x_norm nan, expected a number from 0 to 1."),
        (act(action_to_message(Tap(0.5, 1.5))), "got y_norm 1.5, expected a number from 0 to 1."),
        (act(action_to_message(Swipe(0, 0, -0.25, 0))), "got x1_norm -0.25, expected a number from 0 to 1."),
        (act(action_to_message(Wait(math.inf))), "got a wait of inf seconds, expected a number from 0 on."),
        (act(action_to_message(Wait(-1.0))), "got a wait of -1.0 seconds, expected a number from 0 on."),
    ],
)
def test_a_broken_bound_of_a_step_has_its_sentence(change: Change, says: str) -> None:
    assert verdict_on(change) == f"In step 0: {says}"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (show(b""), f"got a screenshot of 0 bytes, expected a PNG of at most {MAX_PNG_BYTES}."),
        (show(png()[:24]), f"got a screenshot of 24 bytes, expected a PNG of at most {MAX_PNG_BYTES}."),
        (
            show(png() + bytes(MAX_PNG_BYTES)),
            f"got a screenshot of {len(png()) + MAX_PNG_BYTES} bytes, expected a PNG of at most {MAX_PNG_BYTES}.",
        ),
        (show(b"\xff\xd8\xff\xe0" + png()[4:]), "got a screenshot that is no whole PNG."),
        (show(png()[:-1]), "got a screenshot that is no whole PNG."),
        (show(png(), (8, 4)), "got a PNG of 4x8, expected 8x4 as announced."),
        (show(sized(0, 8), (0, 8)), f"got a PNG of 0x8, expected sides of 1 to {MAX_SIDE_PX}."),
        (show(sized(4, 8193), (4, 8193)), f"got a PNG of 4x8193, expected sides of 1 to {MAX_SIDE_PX}."),
    ],
)
def test_a_broken_screenshot_has_its_sentence(change: Change, says: str) -> None:
    assert verdict_on(change) == f"In step 0: {says}"


@pytest.mark.parametrize(
    "change",
    [
        put("trajectory_id", "i" * MAX_ID_LENGTH),
        put("reward", 0.0),
        put("temperature", 0.0),
        put("step_limit", 1),
        tokens(MAX_TOKENS, [0.0] * MAX_TOKENS),
        put_in_step("prompt", ""),
        put_in_step("utterance", "ä" * (MAX_TEXT_BYTES // 2)),
        show(sized(MAX_SIDE_PX, 1), (MAX_SIDE_PX, 1)),
        act(action_to_message(Swipe(0.0, 1.0, 1.0, 0.0))),  # the last double below 1 is 1 as a 32-bit float
        act(action_to_message(PressKey(Key.BACK))),
        act(action_to_message(Wait(0.0))),
        act(action_to_message(TypeText(""))),
        act(action_to_message(OpenApp(""))),
        act(action_to_message(Finish(False))),
        act(action_to_message(Malformed(""))),
    ],
)
def test_what_lies_on_a_bound_is_taken(change: Change) -> None:
    assert verdict_on(change) is None


def test_no_episode_has_more_steps_than_its_limit_or_than_any_may_have() -> None:
    assert verdict_on(put("step_limit", 2), steps=3) == "Got 3 steps, expected at most 2."
    assert verdict_on(put("step_limit", 1000), steps=MAX_STEPS) is None
    says = f"Got {MAX_STEPS + 1} steps, expected at most {MAX_STEPS}."
    assert verdict_on(put("step_limit", 1000), steps=MAX_STEPS + 1) == says


def test_the_step_that_is_broken_is_named() -> None:
    says = verdict_on(lambda t: t.steps[2].ClearField("token_ids"), steps=4)
    assert says == f"In step 2: got 0 tokens, expected 1 to {MAX_TOKENS}."


def test_whatever_passes_can_be_read_by_the_learner() -> None:
    from tuner.ingest.ledger import StoredTrajectory
    from tuner.learner.samples import trainable_steps

    edge = message()
    edge.steps[0].action.CopyFrom(action_to_message(Tap(1.0, 1.0)))
    assert broken_bound(edge, IDENTITY) is None
    assert len(trainable_steps(StoredTrajectory(1, edge))) == 1
