"""`agent-runtime send`: recorded episodes reach a real front as the run sent them, once, and refusals have reasons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent_runtime.actions import Finish, Tap
from agent_runtime.actions.ruling import Ruling
from agent_runtime.sessions.importers.demonstration import Demonstration, Shown
from agent_runtime.sessions.importing import import_session
from agent_runtime.sessions.reader import open_session
from agent_runtime.sessions.recording import Origin, Redaction
from agent_runtime.sessions.trajectories import trajectory_of
from agent_runtime.sessions.trust import my_trust
from agent_runtime.trajectory import Purpose, Verdict
from agent_runtime.uplink.channel import WIRE_VERSION
from agent_runtime.uplink.codec import trajectory_to_message
from agent_runtime.uplink.upload import Upload
from tests.session_world import IDENTITY, PICTURE_PX, png, record, run_program, some_trajectories, step, trajectory
from tests.wire_world import ServedTuner
from tuner.ingest.identity import Identity
from tuner.ingest.ledger import Ledger
from tuner.ingest.service import TunerService

Serve = Callable[..., ServedTuner]
Program = Callable[..., tuple[int, str, str]]
OURS = Identity(IDENTITY.base_model_digest, IDENTITY.tokenizer_digest, IDENTITY.quantization, IDENTITY.action_grammar)


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    return lambda *args: run_program(monkeypatch, capsys, *args)


def gated() -> list:  # type: ignore[type-arg]
    """Episodes of a run behind a gate, which held one action back, and with numbers that are hard to keep."""
    ruling = Ruling(False, "pay", "It says Pay.")
    first = replace(step(0, Tap(0.1 + 0.2, 1 / 3)), gate=ruling, faults=("slow_shell", "offline"))
    held_back = trajectory([first, step(1, Finish(True))], 9, Verdict.FAILURE)
    return [*some_trajectories(), held_back]


def test_a_recorded_run_is_the_trajectory_that_was_sent(tmp_path: Path) -> None:
    run = gated()
    record(tmp_path / "run", run)
    session = open_session(tmp_path / "run")
    again = [trajectory_to_message(trajectory_of(session, episode)) for episode in session.episodes]
    assert again == [trajectory_to_message(done) for done in run]
    assert not again[3].steps[0].gate.allowed
    assert list(again[3].steps[0].faults) == ["slow_shell", "offline"]


def test_what_the_run_sent_already_is_known_and_the_rest_is_stored(
    tmp_path: Path, serve: Serve, program: Program
) -> None:
    tuner, run = serve(identity=OURS), gated()
    record(tmp_path / "run", run)
    live = Upload(tuner.address)
    live.send([trajectory_to_message(run[0]), trajectory_to_message(run[3])])
    live.close()
    code, out, err = program("send", tmp_path / "run", "--tuner", tuner.address)
    assert (code, err) == (0, "")
    assert out.strip() == f"{tmp_path / 'run'}: 2 known already, 2 stored"
    assert tuner.runtime_ids() == ["host/emulator-5554"]
    assert program("send", tmp_path / "run", "--tuner", tuner.address)[1].strip().endswith("4 known already")


def test_refusals_are_told_with_their_reasons_and_the_rest_goes_on(
    tmp_path: Path, serve: Serve, program: Program
) -> None:
    tuner, run = serve(identity=OURS), some_trajectories()
    other = replace(run[0], goal="Open Clock")
    live = Upload(tuner.address)
    live.send([trajectory_to_message(other)])
    live.close()
    record(tmp_path / "run", [run[0], replace(run[1], goal="x" * 5000), run[2]])
    record(tmp_path / "masked", [trajectory([step(0, Tap(0.5, 0.5))], 20)], Redaction(text=True))
    code, out, err = program("send", tmp_path / "run", tmp_path / "masked", "--tuner", tuner.address)
    assert code == 1
    told = err.strip().splitlines()
    assert "episode 1: Got other content under an id that is stored" in told[0]
    assert "episode 2: Got a goal of 5000 characters" in told[1]
    assert "episode 1: it was redacted" in told[2]
    assert out.splitlines() == [f"{tmp_path / 'run'}: 2 refused, 1 stored", f"{tmp_path / 'masked'}: 1 not sent"]


def test_demonstrations_are_stored_as_such_and_no_update_waits_for_them(
    tmp_path: Path, serve: Serve, program: Program
) -> None:
    picture = tmp_path / "screen.png"
    picture.write_bytes(png(1))
    done = tuple(Shown(picture, PICTURE_PX, action, "so") for action in (Tap(0.5, 0.5), Finish(True)))
    import_session(Origin("folder", "here"), [Demonstration("demo", "go", done, True)], tmp_path / "demo")
    tuner = serve()  # of another model: a demonstration is of none
    code, _, said = program("send", tmp_path / "demo", "--tuner", tuner.address)
    assert code == 2
    assert "quarantined (imported from folder and not accepted)" in said
    my_trust().accept(open_session(tmp_path / "demo").digest, "of a test")
    assert program("send", tmp_path / "demo", "--tuner", tuner.address)[0] == 0
    assert program("send", tmp_path / "demo", "--tuner", tuner.address)[1].strip().endswith("1 known already")
    assert tuner.stored_ids() == []
    tuner.stop()
    ledger = Ledger(tmp_path / "state")
    ledger.open()
    (stored,) = ledger.demonstrations()
    ledger.close()
    assert stored.message == trajectory_to_message(
        trajectory_of(open_session(tmp_path / "demo"), open_session(tmp_path / "demo").episodes[0])
    )
    assert open_session(tmp_path / "demo").episodes[0].start.purpose is Purpose.DEMONSTRATE


def test_the_run_registers_with_the_wire_of_this_release_and_keeps_away_from_one_too_far_apart(
    tmp_path: Path, serve: Serve, program: Program
) -> None:
    asked: list[int] = []

    class FarApart(TunerService):
        async def RegisterRuntime(self, request: Any, context: Any) -> Any:  # noqa: N802
            asked.append(request.wire_version)
            answer = await super().RegisterRuntime(request, context)
            answer.wire_version = WIRE_VERSION + 2
            return answer

    tuner = serve(identity=OURS, service=FarApart)
    record(tmp_path / "run", some_trajectories())
    code, _, err = program("send", tmp_path / "run", "--tuner", tuner.address)
    assert asked == [WIRE_VERSION]
    assert (code, len(err.strip().splitlines())) == (2, 1)
    assert "update this side" in err
    assert tuner.stored_ids() == []


def test_another_model_and_a_tuner_that_is_not_there_are_one_sentence(
    tmp_path: Path, serve: Serve, program: Program
) -> None:
    tuner = serve()
    record(tmp_path / "run", some_trajectories())
    code, _, err = program("send", tmp_path / "run", "--tuner", tuner.address)
    assert (code, len(err.strip().splitlines())) == (2, 1)
    assert "Got the base model digest" in err
    tuner.stop()
    code, _, err = program("send", tmp_path / "run", "--tuner", tuner.address)
    assert (code, len(err.strip().splitlines())) == (2, 1)
    assert "UNAVAILABLE" in err
    code, _, err = program("send", tmp_path / "run", "--tuner", "198.51.100.1:1")
    assert code == 2
    assert "--tls" in err
