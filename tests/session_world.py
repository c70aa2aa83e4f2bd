"""Recorded sessions for tests, made without a phone and without a model. Holds no tests."""

from __future__ import annotations

import io
import random
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from agent_runtime import cli
from agent_runtime.actions import Action, Finish, Malformed, Swipe, Tap, TypeText, grammar_named
from agent_runtime.sessions.recording import Redaction, SessionInfo
from agent_runtime.sessions.trust import my_trust
from agent_runtime.sessions.writer import Recorder
from agent_runtime.trajectory import (
    NO_ADAPTER_DIGEST,
    Decision,
    EpisodeStart,
    PolicyIdentity,
    Purpose,
    Screenshot,
    Step,
    Timings,
    Trajectory,
    Verdict,
)

IDENTITY = PolicyIdentity("1" * 64, "2" * 64, "nf4", "json")
NOTHING = Redaction()
PICTURE_PX = (16, 24)
DEVICE_PX = (160, 240)


def info(redaction: Redaction = NOTHING, identity: PolicyIdentity = IDENTITY) -> SessionInfo:
    """Return the facts of a session."""
    return SessionInfo(
        runtime_id="host/emulator-5554",
        started_at_unix_sec=1_700_000_000.123456,
        device_serial="emulator-5554",
        screen_size_px=DEVICE_PX,
        device_fingerprint="maker/phone/phone:15/X/1:user/keys",
        identity=identity,
        seed=7,
        temperature=0.7,
        software={"python": "3.11"},
        redaction=redaction,
    )


def png(seed: int, size_px: tuple[int, int] = PICTURE_PX) -> bytes:
    """Return a picture of noise."""
    target = io.BytesIO()
    pixels = random.Random(seed).randbytes(size_px[0] * size_px[1] * 3)
    Image.frombytes("RGB", size_px, pixels).save(target, "PNG", compress_level=1)
    return target.getvalue()


def step(
    index: int,
    action: Action,
    *,
    seed: int = 0,
    utterance: str | None = None,
    prompt: str = "Goal: do it",
    version: int = 0,
) -> Step:
    """Return a step whose token ids are the utterance's bytes."""
    if utterance is None:
        utterance = "?!" if isinstance(action, Malformed) else grammar_named("json").render(action, "so it goes")
    ids = tuple(utterance.encode())
    rng = random.Random(seed * 100 + index)
    decision = Decision(
        utterance,
        ids,
        tuple(-rng.expovariate(3.0) for _ in ids),
        version,
        f"{version:064x}" if version else NO_ADAPTER_DIGEST,
    )
    screen = Screenshot(png(seed * 100 + index), *PICTURE_PX, *DEVICE_PX)
    return Step(index, prompt, screen, decision, action, Timings(1.5 + rng.random(), 300.25, 20.125))


def trajectory(
    steps: Sequence[Step],
    number: int = 0,
    verdict: Verdict = Verdict.SUCCESS,
    void_reason: str = "",
    goal: str = "Open Notes",
    params: dict[str, str] | None = None,
    identity: PolicyIdentity = IDENTITY,
) -> Trajectory:
    """Return an episode of these steps."""
    return Trajectory(
        trajectory_id=f"{number:032x}",
        runtime_id="host/emulator-5554",
        task_name="apps/open",
        goal=goal,
        task_params=params if params is not None else {"app": "Notes"},
        purpose=Purpose.EXPLORE,
        seed=40 + number,
        step_limit=6,
        verdict=verdict,
        void_reason=void_reason,
        reward=1.0 if verdict is Verdict.SUCCESS else 0.0,
        steps=tuple(steps),
        started_at_unix_sec=1_700_000_000.5 + number,
        device_serial="emulator-5554",
        temperature=0.7,
        identity=identity,
    )


def some_trajectories() -> list[Trajectory]:
    """Return three episodes: a success, a failure with a malformed answer, a void one."""
    tap, swipe, done = Tap(0.2505, 0.5005), Swipe(0.5005, 0.8005, 0.5005, 0.2005), Finish(True)
    judged = step(2, done, seed=1)
    judged = replace(judged, timings=replace(judged.timings, judge_ms=12.5))
    return [
        trajectory([step(0, tap, seed=1), step(1, swipe, seed=1), judged], 0),
        trajectory(
            [step(0, grammar_named("json").parse("?!"), seed=2), step(1, TypeText("naïve ☃"), seed=2)],
            1,
            Verdict.FAILURE,
        ),
        trajectory([step(0, tap, seed=3)], 2, Verdict.VOID, "DeviceError: The cable is out: plug it in."),
    ]


def start_of(done: Trajectory) -> EpisodeStart:
    """Return what was known of an episode when it started."""
    return EpisodeStart(
        done.trajectory_id,
        done.task_name,
        done.task_params,
        done.goal,
        done.purpose,
        done.seed,
        done.step_limit,
        done.temperature,
        done.started_at_unix_sec,
    )


def record(
    folder: Path, trajectories: Sequence[Trajectory], redaction: Redaction = NOTHING, *, close: bool = True
) -> Recorder:
    """Record episodes as a run does: a step whose action failed is told only with the episode's end."""
    facts = info(redaction, trajectories[0].identity if trajectories else IDENTITY)
    recorder = Recorder(folder, facts, lambda digest: my_trust().accept(digest, "of a test"))
    recorder.open()
    for done in trajectories:
        recorder.episode_started(start_of(done))
        told = done.steps[:-1] if done.verdict is Verdict.VOID else done.steps
        for taken in told:
            recorder.step_taken(replace(taken, timings=replace(taken.timings, judge_ms=0.0)))
        recorder.episode_ended(done)
    if close:
        recorder.close()
    return recorder


def run_program(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *args: object
) -> tuple[int, str, str]:
    """Run `agent-runtime` in this process; return its exit code and what it printed."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    monkeypatch.setattr(sys, "argv", ["agent-runtime", *map(str, args)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    for number, handler in handlers.items():
        signal.signal(number, handler)
    printed = capsys.readouterr()
    return int(ended.value.code or 0), printed.out, printed.err
