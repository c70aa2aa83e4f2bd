"""The codec: what goes on the wire comes off it unchanged, and a message that leaves something open is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from coso.v1 import trajectory_pb2 as pb
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_runtime.actions import (
    Action,
    Finish,
    Key,
    LongPress,
    Malformed,
    OpenApp,
    PressKey,
    Swipe,
    Tap,
    TypeText,
    Wait,
)
from agent_runtime.trajectory import (
    Decision,
    PolicyIdentity,
    Purpose,
    Screenshot,
    Step,
    Timings,
    Trajectory,
    Verdict,
)
from agent_runtime.uplink.codec import (
    action_from_message,
    action_to_message,
    trajectory_from_message,
    trajectory_to_message,
)
from tests.wire_world import trajectory

# The proto's `float` has 32 bits and its strings are valid UTF-8: these are the values that can be on the wire.
texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
floats = st.floats(width=32, allow_nan=False)
norms = st.floats(0, 1, width=32, exclude_max=True)
uint32 = st.integers(0, 2**32 - 1)
uint64 = st.integers(0, 2**64 - 1)

actions: st.SearchStrategy[Action] = st.one_of(
    st.builds(Tap, norms, norms),
    st.builds(LongPress, norms, norms),
    st.builds(Swipe, norms, norms, norms, norms),
    st.builds(TypeText, texts),
    st.builds(PressKey, st.sampled_from(Key)),
    st.builds(OpenApp, texts),
    st.builds(Wait, floats),
    st.builds(Finish, st.booleans()),
    st.builds(Malformed, texts),
)
steps = st.builds(
    Step,
    index=uint32,
    prompt=texts,
    screenshot=st.builds(Screenshot, st.binary(max_size=20), uint32, uint32, uint32, uint32),
    decision=st.builds(
        Decision,
        texts,
        st.lists(uint32, max_size=4).map(tuple),
        st.lists(floats, max_size=4).map(tuple),
        uint64,
        texts,
    ),
    action=actions,
    timings=st.builds(Timings, floats, floats, floats, floats),
)
trajectories = st.builds(
    Trajectory,
    trajectory_id=texts,
    runtime_id=texts,
    task_name=texts,
    goal=texts,
    task_params=st.dictionaries(texts, texts, max_size=3),
    purpose=st.sampled_from(Purpose),
    seed=uint64,
    step_limit=uint32,
    verdict=st.sampled_from(Verdict),
    void_reason=texts,
    reward=floats,
    steps=st.lists(steps, max_size=3).map(tuple),
    started_at_unix_sec=st.just(1_700_000_000.25),
    device_serial=texts,
    temperature=floats,
    identity=st.builds(PolicyIdentity, texts, texts, texts, texts),
)

ONE_OF_EACH: tuple[Action, ...] = (
    Tap(0.25, 0.75),
    LongPress(0.125, 0.5),
    Swipe(0.0, 0.125, 0.25, 0.5),
    TypeText("naïve 日本語 👩‍🚀\n\t\0"),
    PressKey(Key.ENTER),
    OpenApp("Notizen – privat"),
    Wait(1.5),
    Finish(False),
    Malformed("not one JSON object: Expecting value"),
)


@settings(max_examples=200, deadline=None)
@given(trajectories)
def test_a_trajectory_comes_back_as_it_went(sent: Trajectory) -> None:
    message = trajectory_to_message(sent)
    came = trajectory_from_message(pb.Trajectory.FromString(message.SerializeToString()))
    assert came == sent
    assert trajectory_to_message(came) == message


@given(st.floats(946_684_800, 4_102_444_800))  # the years 2000 to 2100; a nanosecond is finer than a float's 2**-22 s
@settings(max_examples=200, deadline=None)
def test_the_time_of_the_start_comes_back_to_the_last_bit(unix_sec: float) -> None:
    message = trajectory_to_message(replace(trajectory(steps=0), started_at_unix_sec=unix_sec))
    assert trajectory_from_message(message).started_at_unix_sec == unix_sec


def test_one_of_each_has_every_class_of_the_vocabulary_and_of_the_wire() -> None:
    assert {type(action) for action in ONE_OF_EACH} == set(Action.__args__)
    assert len(ONE_OF_EACH) == len(pb.Action.DESCRIPTOR.oneofs_by_name["kind"].fields)


@pytest.mark.parametrize("action", ONE_OF_EACH, ids=lambda action: type(action).__name__)
def test_every_action_comes_back_as_it_went(action: Action) -> None:
    on_the_wire = action_to_message(action).SerializeToString()
    assert action_from_message(pb.Action.FromString(on_the_wire)) == action


@pytest.mark.parametrize("key", list(Key))
def test_every_key_has_a_number_of_its_own_name(key: Key) -> None:
    number = action_to_message(PressKey(key)).press_key.key
    assert pb.PressKey.Key.Name(number) == f"KEY_{key.name}"


def test_a_void_episode_keeps_its_reason_and_the_steps_there_were() -> None:
    sent = replace(trajectory(verdict=Verdict.VOID, steps=2), void_reason="BadFrameError: the frame was 0 bytes")
    message = trajectory_to_message(sent)
    assert message.verdict == pb.VERDICT_VOID
    came_back = trajectory_from_message(message)
    assert (came_back.void_reason, len(came_back.steps)) == (sent.void_reason, 2)
    assert trajectory_to_message(came_back) == message


def test_the_time_of_the_start_is_a_timestamp() -> None:
    sent = replace(trajectory(), started_at_unix_sec=1_700_000_000.5)
    stamp = trajectory_to_message(sent).started_at
    assert (stamp.seconds, stamp.nanos) == (1_700_000_000, 500_000_000)


def test_a_number_of_64_bits_comes_back_as_the_nearest_of_32() -> None:
    came = trajectory_from_message(trajectory_to_message(replace(trajectory(), temperature=0.7)))
    # 32-bit floats have 24 bits of mantissa; 0.7 lies in [0.5, 1), so half a step is 2**-26
    assert came.temperature == pytest.approx(0.7, abs=2**-25)


def _with(**facts: int) -> pb.Trajectory:
    message = trajectory_to_message(trajectory())
    for name, value in facts.items():
        setattr(message, name, value)
    return message


@pytest.mark.parametrize("message", [_with(verdict=0), _with(verdict=9), _with(purpose=0), _with(purpose=9)])
def test_an_open_verdict_or_purpose_is_refused(message: pb.Trajectory) -> None:
    with pytest.raises(ValueError, match=r"Got verdict \d and purpose \d, expected known ones"):
        trajectory_from_message(message)


@pytest.mark.parametrize(
    "message", [pb.Action(), pb.Action(press_key=pb.PressKey()), pb.Action(press_key=pb.PressKey(key=9))]
)
def test_an_open_action_or_key_is_refused(message: pb.Action) -> None:
    with pytest.raises(ValueError, match="expected one of the vocabulary"):
        action_from_message(message)


def test_an_open_action_refuses_the_whole_trajectory() -> None:
    message = trajectory_to_message(trajectory(steps=2))
    message.steps[1].ClearField("action")
    with pytest.raises(ValueError, match="action of kind None"):
        trajectory_from_message(message)
