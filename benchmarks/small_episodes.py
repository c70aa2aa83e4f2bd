"""Episodes that a tuner takes, of one step and a few hundred bytes, for other harnesses. Measures nothing."""

from __future__ import annotations

import io

from coso.v1 import trajectory_pb2
from PIL import Image

from agent_runtime.actions import Finish, grammar_named
from agent_runtime.trajectory import (
    NO_ADAPTER_DIGEST,
    Decision,
    PolicyIdentity,
    Purpose,
    Screenshot,
    Step,
    Timings,
    Trajectory,
    Verdict,
)
from agent_runtime.uplink.codec import trajectory_to_message

SIZE_PX = (4, 8)


def small_trajectory(identity: PolicyIdentity, runtime_id: str, trajectory_id: str = "") -> Trajectory:
    """Return an episode whose agent announced success at once."""
    grammar, picture = grammar_named(identity.action_grammar), io.BytesIO()
    Image.new("RGB", SIZE_PX, (90, 90, 90)).save(picture, "PNG")
    utterance = grammar.render(Finish(True))
    decision = Decision(utterance, (5, 6), (-0.5, -0.25), 0, NO_ADAPTER_DIGEST)
    screenshot = Screenshot(picture.getvalue(), *SIZE_PX, 40, 80)
    step = Step(0, "Goal: go", screenshot, decision, grammar.parse(utterance), Timings(1, 2, 3, 4))
    return Trajectory(
        trajectory_id=trajectory_id,
        runtime_id=runtime_id,
        task_name="benchmark/small",
        goal="go",
        task_params={},
        purpose=Purpose.EXPLORE,
        seed=0,
        step_limit=1,
        verdict=Verdict.SUCCESS,
        void_reason="",
        reward=1.0,
        steps=(step,),
        started_at_unix_sec=0.0,
        device_serial="benchmark",
        temperature=1.0,
        identity=identity,
    )


def small_episode(identity: PolicyIdentity, runtime_id: str, trajectory_id: str = "") -> trajectory_pb2.Trajectory:
    """Return ``small_trajectory`` as a message."""
    return trajectory_to_message(small_trajectory(identity, runtime_id, trajectory_id))


def with_id(message: trajectory_pb2.Trajectory, trajectory_id: str) -> trajectory_pb2.Trajectory:
    """Return the same episode under another id."""
    other = trajectory_pb2.Trajectory()
    other.CopyFrom(message)
    other.trajectory_id = trajectory_id
    return other
