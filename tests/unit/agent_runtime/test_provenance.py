"""Signatures of sessions and adapters, what is quarantined, and who refuses it."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from agent_runtime.actions import Tap
from agent_runtime.adapters.signatures import write_key
from agent_runtime.errors import SessionError, UsageError
from agent_runtime.sessions.importing import NOBODY
from agent_runtime.sessions.provenance import require_trusted, standing_of
from agent_runtime.sessions.reader import open_session
from agent_runtime.sessions.recording import LINES_NAME, Origin
from agent_runtime.sessions.signing import SESSION, SIGNATURE_NAME, adapter_digest, sign, signature_of
from agent_runtime.sessions.start import RunOf, accept_own, start_recording
from agent_runtime.sessions.trust import FOLDER_VARIABLE, KEYS_NAME, SESSIONS_NAME, Trust, config_folder, my_trust
from agent_runtime.sessions.writer import Recorder
from tests import session_world as world
from tests.fakes import FakeDevice
from tuner.adapters.keys import KEY_NAME, make_signing_key
from tuner.ingest.identity import Identity
from tuner.ingest.ledger import Ledger
from tuner.recorded import take_sessions
from tuner.session_folders import trusted_sessions

KEY = bytes(range(32))
RUN = RunOf("host", 0, 1.0)


@pytest.fixture(autouse=True)
def lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trust:
    """Empty lists of this test alone."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "trust"))
    return Trust(tmp_path / "trust")


def _foreign(folder: Path, origin: Origin | None = None) -> Path:
    """A session that was not recorded here, as far as the lists know."""
    recorder = Recorder(folder, replace(world.info(), imported=origin, identity=NOBODY if origin else world.IDENTITY))
    recorder.open()
    done = world.trajectory([world.step(0, Tap(0.25, 0.5))])
    recorder.episode_started(world.start_of(done))
    recorder.step_taken(done.steps[0])
    recorder.episode_ended(done)
    recorder.close()
    return folder


# --- what is trusted


def test_a_session_that_came_from_elsewhere_is_quarantined_until_it_is_accepted(tmp_path: Path, lists: Trust) -> None:
    session = open_session(_foreign(tmp_path / "s"))
    assert not standing_of(session).is_trusted
    with pytest.raises(SessionError, match=r"quarantined \(neither signed nor recorded here\)"):
        require_trusted(session)
    lists.accept(session.digest, "seen")
    require_trusted(session)


def test_what_is_recorded_here_is_trusted_once_it_is_closed(tmp_path: Path) -> None:
    recorder = start_recording(
        tmp_path / "s", FakeDevice(), world.IDENTITY, RUN, world.NOTHING, on_closed=accept_own(tmp_path / "s")
    )
    assert not standing_of(open_session(tmp_path / "s")).is_trusted
    recorder.close()
    assert standing_of(open_session(tmp_path / "s")) == standing_of(open_session(tmp_path / "s"), my_trust())
    require_trusted(open_session(tmp_path / "s"))


def test_an_accepted_session_that_is_cut_afterwards_is_quarantined_again(tmp_path: Path, lists: Trust) -> None:
    folder = _foreign(tmp_path / "s")
    lists.accept(open_session(folder).digest, "seen")
    lines = (folder / LINES_NAME).read_bytes().splitlines(keepends=True)
    (folder / LINES_NAME).write_bytes(b"".join(lines[:-1]))
    assert not standing_of(open_session(folder)).is_trusted


def test_an_imported_session_is_quarantined_unless_a_trusted_key_vouches(tmp_path: Path, lists: Trust) -> None:
    folder = _foreign(tmp_path / "s", Origin("folder", "elsewhere"))
    assert "imported from folder" in standing_of(open_session(folder)).reason
    made = sign(folder, SESSION, open_session(folder).digest, KEY)
    unknown = standing_of(open_session(folder))
    assert (unknown.is_trusted, unknown.reason) == (False, f"signed by key {made.key_id}, which you do not trust")
    lists.trust_key(made.public_key, "a colleague")
    assert standing_of(open_session(folder)).is_trusted


def test_the_folder_of_lists_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(FOLDER_VARIABLE)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert config_folder() == tmp_path / "coso-phone"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", "/home/anna")
    assert config_folder() == Path("/home/anna/.config/coso-phone")


def test_lists_are_lines_that_a_person_can_edit(lists: Trust) -> None:
    lists.accept("1" * 64, "runs/a\nb")
    path = lists.folder / SESSIONS_NAME
    assert oct(path.stat().st_mode & 0o777) == "0o600"
    path.write_text(path.read_text().rstrip("\n"))  # an editor that leaves the last line open
    lists.accept("2" * 64, "runs/c")
    assert [line.split(" ", 2)[0] for line in path.read_text().splitlines()] == ["1" * 64, "2" * 64]
    assert lists.accepts("1" * 64)
    assert lists.accepts("2" * 64)
    assert not lists.accepts("3" * 64)
    path.write_text("")
    assert not lists.accepts("1" * 64)


def test_a_list_that_cannot_be_believed_is_one_sentence(lists: Trust) -> None:
    lists.accept("1" * 64, "")
    (lists.folder / SESSIONS_NAME).chmod(0o666)
    with pytest.raises(UsageError, match="mode 666"):
        lists.accepts("1" * 64)
    (lists.folder / KEYS_NAME).write_text("not a key\n")
    os.chmod(lists.folder / KEYS_NAME, 0o600)
    with pytest.raises(UsageError, match="line 1"):
        lists.knows("A" * 43 + "=")


def test_a_list_that_cannot_be_written_costs_no_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "file"))
    recorder = start_recording(
        tmp_path / "s", FakeDevice(), world.IDENTITY, RUN, world.NOTHING, on_closed=accept_own(tmp_path / "s")
    )
    recorder.close()
    assert open_session(tmp_path / "s").is_closed
    assert "stays quarantined" in caplog.text


# --- signatures


@pytest.mark.parametrize("field", ["format", "subject", "digest", "signed_at_unix_sec", "public_key", "signature"])
def test_no_field_of_a_signature_can_be_changed(tmp_path: Path, field: str) -> None:
    folder = _foreign(tmp_path / "s")
    sign(folder, SESSION, open_session(folder).digest, KEY)
    told = json.loads((folder / SIGNATURE_NAME).read_text())
    other = write_key(bytes(32)) if field == "public_key" else "1" * 64 if field == "digest" else "adapter"
    told[field] = told[field] + 1 if field == "signed_at_unix_sec" else other
    (folder / SIGNATURE_NAME).write_text(json.dumps(told))
    with pytest.raises(SessionError, match="does not vouch"):
        open_session(folder)


def test_a_signature_is_of_one_session_to_its_last_line(tmp_path: Path) -> None:
    folder, other = _foreign(tmp_path / "s"), _foreign(tmp_path / "t", Origin("folder", "x"))
    sign(folder, SESSION, open_session(folder).digest, KEY)
    (other / SIGNATURE_NAME).write_bytes((folder / SIGNATURE_NAME).read_bytes())
    with pytest.raises(SessionError, match="of another session"):
        open_session(other)
    lines = (folder / LINES_NAME).read_bytes().splitlines(keepends=True)
    (folder / LINES_NAME).write_bytes(b"".join(lines[:-1]))  # the chain alone cannot see this
    with pytest.raises(SessionError, match="before it was changed"):
        open_session(folder)


@pytest.mark.parametrize("content", [b"", b"{}", b"[" * 100_000, b"\xff", b'{"format":"agent-runtime signature"}'])
def test_a_file_that_is_no_signature_is_refused(tmp_path: Path, content: bytes) -> None:
    folder = _foreign(tmp_path / "s")
    (folder / SIGNATURE_NAME).write_bytes(content)
    with pytest.raises(SessionError, match="does not vouch"):
        open_session(folder)


def test_an_adapters_signature_is_of_every_file(tmp_path: Path) -> None:
    (tmp_path / "adapter_model.safetensors").write_bytes(b"weights")
    (tmp_path / "manifest.pb").write_bytes(b"manifest")
    made = sign(tmp_path, "adapter", adapter_digest(tmp_path), KEY)
    assert signature_of(tmp_path, "adapter", adapter_digest(tmp_path)) == made
    for name in ("adapter_model.safetensors", "manifest.pb"):
        kept = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(b"other")
        with pytest.raises(SessionError, match="does not vouch"):
            signature_of(tmp_path, "adapter", adapter_digest(tmp_path))
        (tmp_path / name).write_bytes(kept)


# --- the commands


def test_sign_accept_and_verify(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*args: object) -> tuple[int, str]:
        code, out, err = world.run_program(monkeypatch, capsys, *args)
        assert "Traceback" not in err
        return code, out + err

    folder = _foreign(tmp_path / "s")
    make_signing_key(tmp_path / "state")
    key = tmp_path / "state" / KEY_NAME
    assert run("verify", folder) == (1, f"{folder}: not trusted: neither signed nor recorded here.\n")
    code, told = run("inspect", folder)
    assert code == 0
    assert "The session is quarantined: neither signed nor recorded here." in told
    assert run("sign", folder, "--key", key)[0] == 0
    assert run("sign", folder, "--key", key)[0] == 2
    assert "which you do not trust" in run("verify", folder)[1]
    assert run("accept", "--key", f"{key}.pub")[0] == 0
    assert run("verify", folder)[0] == 0
    other = _foreign(tmp_path / "t", Origin("folder", "x"))
    assert run("accept", other)[0] == 0
    assert run("verify", other) == (0, f"{other}: trusted: recorded here or accepted.\n")
    for wrong in (["accept"], ["accept", other, "--key", "x"], ["verify", tmp_path], ["sign", other, "--key", other]):
        code, told = run(*wrong)
        assert code == 2, told
        assert "expected" in told
    (other / SIGNATURE_NAME).write_text("{}")
    assert run("verify", other)[0] == 2
    assert run("inspect", other)[0] == 2


def test_an_adapter_is_signed_and_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_signing_key(tmp_path / "state")
    key = tmp_path / "state" / KEY_NAME
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "adapter_model.safetensors").write_bytes(b"weights")
    assert world.run_program(monkeypatch, capsys, "verify", folder)[0] == 1
    assert world.run_program(monkeypatch, capsys, "sign", folder, "--key", key)[0] == 0
    assert world.run_program(monkeypatch, capsys, "verify", folder)[0] == 1
    my_trust().trust_key(signature_key := (tmp_path / "state" / "signing_key.pub").read_text().strip(), "")
    assert signature_key
    assert world.run_program(monkeypatch, capsys, "verify", folder)[0] == 0
    key.chmod(0o644)
    code, _, err = world.run_program(monkeypatch, capsys, "sign", folder, "--key", key)
    assert (code, "expected" in err) == (2, True)


def test_a_device_performs_nothing_of_a_quarantined_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = world.run_program(monkeypatch, capsys, "perform", _foreign(tmp_path / "s"), "--device", "none-1")
    assert code == 2
    assert "quarantined" in err


def test_the_tuner_learns_nothing_of_a_quarantined_session(tmp_path: Path, lists: Trust) -> None:
    folder = _foreign(tmp_path / "runs" / "s")
    ledger = Ledger(tmp_path / "state")
    (tmp_path / "state").mkdir()
    ledger.open()
    own = world.IDENTITY
    identity = Identity(own.base_model_digest, own.tokenizer_digest, own.quantization, own.action_grammar)
    with pytest.raises(SessionError, match="quarantined"):
        take_sessions(tmp_path / "runs", identity, ledger)
    with pytest.raises(SessionError, match="quarantined"):
        trusted_sessions(tmp_path / "runs")
    lists.accept(open_session(folder).digest, "seen")
    assert take_sessions(tmp_path / "runs", identity, ledger).stored == 1
