"""A session on disk: what was recorded is read again, to the bit, and what was changed is found and named."""

from __future__ import annotations

import json
import random
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
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
from agent_runtime.errors import SessionError
from agent_runtime.sessions import chain, schema, writer
from agent_runtime.sessions.fields import Fields
from agent_runtime.sessions.reader import open_session, screen_png
from agent_runtime.sessions.recording import RecordedStep, Region, region_from_text
from agent_runtime.sessions.writer import Recorder
from agent_runtime.trajectory import Decision, Timings, Trajectory, Verdict, step_seed
from tests import session_world as world

ROOT = Path(__file__).parents[3]


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    world.record(tmp_path / "session", world.some_trajectories())
    return tmp_path / "session"


def lines_of(folder: Path) -> list[bytes]:
    return (folder / "steps.jsonl").read_bytes().splitlines(keepends=True)


def test_what_was_recorded_is_read_again(recorded: Path) -> None:
    session = open_session(recorded)
    assert session.info == world.info()
    assert (session.is_closed, session.torn_bytes, session.lines) == (True, 0, 13)
    for episode, done in zip(session.episodes, world.some_trajectories(), strict=True):
        assert episode.start == world.start_of(done)
        assert episode.end is not None
        assert (episode.end.verdict, episode.end.reward, episode.end.void_reason) == (
            done.verdict,
            done.reward,
            done.void_reason,
        )
        assert_steps_are(session, episode.steps, done)


def assert_steps_are(session: object, steps: tuple[RecordedStep, ...], done: Trajectory) -> None:
    for read, step in zip(steps, done.steps, strict=True):
        assert read.decision == step.decision
        assert (read.index, read.prompt, read.action, read.timings) == (
            step.index,
            step.prompt,
            step.action,
            step.timings,
        )
        assert read.seed == step_seed(done.seed, step.index)
        assert (read.picture_size_px, read.device_size_px) == (world.PICTURE_PX, world.DEVICE_PX)
        assert screen_png(session, read) == step.screenshot.png  # type: ignore[arg-type]


def test_each_line_says_what_happened_in_an_order_made_for_reading(recorded: Path) -> None:
    first = lines_of(recorded)[1].decode()
    assert first.startswith(
        '{"event":"step","index":0,"action":{"type":"Tap","x_norm":0.2505,"y_norm":0.5005},"utterance":"{'
    )
    assert re.search(r',"chain":"[0-9a-f]{64}"\}\n$', first)
    events = [json.loads(line)["event"] for line in lines_of(recorded)]
    assert events == ["episode_start", *["step"] * 3, "episode_end", "episode_start", *["step"] * 2, "episode_end",
                      "episode_start", "step", "episode_end", "session_end"]  # fmt: skip


def test_an_empty_session_is_one(tmp_path: Path) -> None:
    world.record(tmp_path, [])
    session = open_session(tmp_path)
    assert (session.episodes, session.is_closed) == ((), True)


def test_a_picture_seen_twice_is_stored_once(tmp_path: Path) -> None:
    step = world.step(0, Finish(True))
    world.record(tmp_path, [world.trajectory([step], 0), world.trajectory([step], 1)])
    assert len(list((tmp_path / "screens").iterdir())) == 1


def test_a_session_that_ends_within_an_episode_is_closed_all_the_same(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "s", world.info())
    recorder.open()
    recorder.episode_started(world.start_of(world.some_trajectories()[0]))
    recorder.step_taken(world.step(0, Tap(0.1, 0.2)))
    recorder.close()
    recorder.close()
    session = open_session(tmp_path / "s")
    assert session.is_closed
    assert session.episodes[0].end is None
    assert len(session.episodes[0].steps) == 1


# --- floats, text and actions survive to the bit

finite = st.floats(allow_nan=False)
words = st.text(alphabet=st.characters(exclude_categories=()), max_size=20)  # lone surrogates too
unit = st.floats(0.0, 1.0, exclude_max=True)
actions: st.SearchStrategy[Action] = st.one_of(
    st.builds(Tap, unit, unit),
    st.builds(LongPress, unit, unit),
    st.builds(Swipe, unit, unit, unit, unit),
    st.builds(TypeText, words),
    st.builds(PressKey, st.sampled_from(Key)),
    st.builds(OpenApp, words),
    st.builds(Wait, st.floats(0.0, 60.0)),
    st.builds(Finish, st.booleans()),
    st.builds(Malformed, words),
)


@settings(max_examples=150, deadline=None)
@given(action=actions, text=words, log_probs=st.lists(finite, max_size=6), seed=st.integers(0, 1 << 62))
def test_any_step_survives_its_line(action: Action, text: str, log_probs: list[float], seed: int) -> None:
    decision = Decision(text, tuple(range(len(log_probs))), tuple(log_probs), 3, "d" * 64)
    step = RecordedStep(5, 2, seed, text, decision, action, Timings(0.1, 0.2, 0.3), "a" * 64, (1, 2), (3, 4))
    line, _ = chain.sealed("before", schema.step_record(step))
    assert b"\n" not in line
    fields, _ = chain.opened("before", line)
    read = schema.step_from_record(Fields(fields), 5)
    assert read == step
    packed = [struct.pack("<d", value) for value in read.decision.log_probs]
    assert packed == [struct.pack("<d", value) for value in log_probs]  # -0.0 and the last bit too


def test_log_probs_that_are_no_numbers_survive_too() -> None:
    line, _ = chain.sealed("", {"values": [float("-inf"), float("nan")]})
    values = Fields(chain.opened("", line)[0]).numbers("values")
    assert values[0] == float("-inf")
    assert values[1] != values[1]


# --- killed in the midst


def test_a_recording_cut_at_any_byte_opens_to_its_last_whole_line(recorded: Path) -> None:
    whole = (recorded / "steps.jsonl").read_bytes()
    lines = lines_of(recorded)
    ends = [sum(map(len, lines[: count + 1])) for count in range(len(lines))]
    for size in range(ends[-3], len(whole)):
        (recorded / "steps.jsonl").write_bytes(whole[:size])
        session = open_session(recorded)
        assert session.lines == sum(end <= size for end in ends)
        assert session.torn_bytes == size - max(end for end in ends if end <= size)
        assert not session.is_closed
        assert len(session.episodes) == 3


def test_a_recording_killed_before_its_first_line_opens(recorded: Path) -> None:
    (recorded / "steps.jsonl").write_bytes(b"")
    assert open_session(recorded).lines == 0
    (recorded / "steps.jsonl").unlink()
    session = open_session(recorded)
    assert (session.lines, session.is_closed) == (0, False)


def test_a_process_that_is_killed_leaves_a_session_that_opens(tmp_path: Path) -> None:
    program = (
        "import os, sys, pathlib; from tests import session_world as w\n"
        "r = w.record(pathlib.Path(sys.argv[1]), w.some_trajectories() * 40, close=False); os.kill(os.getpid(), 9)"
    )
    child = subprocess.run([sys.executable, "-c", program, str(tmp_path / "s")], cwd=ROOT, timeout=60)
    assert child.returncode == -9
    session = open_session(tmp_path / "s")
    assert not session.is_closed
    assert 0 < session.lines < 13 * 40


# --- edited


def _flip(rng: random.Random, folder: Path) -> str:
    path = rng.choice([folder / "session.json", folder / "steps.jsonl", *sorted((folder / "screens").iterdir())])
    content = bytearray(path.read_bytes())
    place = rng.randrange(len(content))
    content[place] ^= 1 << rng.randrange(8)
    path.write_bytes(content)
    return f"flip {path.name} {place}"


def _drop_a_line(rng: random.Random, folder: Path) -> str:
    lines = lines_of(folder)
    gone = rng.randrange(len(lines))
    (folder / "steps.jsonl").write_bytes(b"".join(lines[:gone] + lines[gone + 1 :]))
    return f"drop {gone + 1}"


def _swap_lines(rng: random.Random, folder: Path) -> str:
    lines = lines_of(folder)
    one, other = rng.sample(range(len(lines)), 2)
    lines[one], lines[other] = lines[other], lines[one]
    (folder / "steps.jsonl").write_bytes(b"".join(lines))
    return f"swap {one + 1} {other + 1}"


def _repeat_a_line(rng: random.Random, folder: Path) -> str:
    lines = lines_of(folder)
    again = rng.randrange(len(lines))
    (folder / "steps.jsonl").write_bytes(b"".join([*lines[: again + 1], *lines[again:]]))
    return f"repeat {again + 1}"


def _edit_a_value(rng: random.Random, folder: Path) -> str:
    """Change a number or a letter so that the line stays JSON."""
    lines = lines_of(folder)
    number = rng.randrange(len(lines))
    places = [match.start() for match in re.finditer(rb"(?<=[0-9])[0-9]|(?<=[a-z])[a-z](?=[a-z])", lines[number])]
    place = rng.choice(places)
    old = lines[number][place : place + 1]
    new = rng.choice([letter for letter in (b"1", b"2") if letter != old] if old.isdigit() else [old.upper()])
    lines[number] = lines[number][:place] + new + lines[number][place + 1 :]
    (folder / "steps.jsonl").write_bytes(b"".join(lines))
    return f"edit {number + 1} at {place}"


def _drop_a_screen(rng: random.Random, folder: Path) -> str:
    path = rng.choice(sorted((folder / "screens").iterdir()))
    path.unlink()
    return f"unlink {path.name}"


EDITS = (_flip, _flip, _drop_a_line, _swap_lines, _repeat_a_line, _edit_a_value, _drop_a_screen)


def is_found(folder: Path) -> bool:
    """An edit is an error that names a line or a file; one that hits the last line leaves a session without it."""
    refusal = refusal_of(folder)
    if refusal is not None:
        return bool(re.search(r"line \d+ of |session\.json", refusal))
    session = open_session(folder)
    return not session.is_closed and session.lines == 12


def refusal_of(folder: Path) -> str | None:
    """Return the sentence with which a session is refused, None when it opens."""
    try:
        open_session(folder)
    except SessionError as error:
        return str(error)
    return None


def test_two_hundred_random_edits_are_all_found(recorded: Path, tmp_path: Path) -> None:
    rng = random.Random(3)
    for round_number in range(200):
        edited = tmp_path / "edited"
        shutil.copytree(recorded, edited)
        edit: Callable[[random.Random, Path], str] = EDITS[round_number % len(EDITS)]
        what = edit(rng, edited)
        assert is_found(edited), what
        shutil.rmtree(edited)


def test_the_line_that_was_edited_is_named(recorded: Path) -> None:
    lines = lines_of(recorded)
    lines[3] = lines[3].replace(b'"Finish"', b'"Finisk"')
    (recorded / "steps.jsonl").write_bytes(b"".join(lines))
    with pytest.raises(SessionError, match=r"^Got line 4 of .*steps\.jsonl not as it was recorded"):
        open_session(recorded)


def test_the_place_where_a_line_is_missing_is_named(recorded: Path) -> None:
    lines = lines_of(recorded)
    (recorded / "steps.jsonl").write_bytes(b"".join(lines[:6] + lines[7:]))
    with pytest.raises(SessionError, match=r"line 7 .*a line just before it was removed"):
        open_session(recorded)


def test_a_screen_that_was_changed_is_named_with_its_line(recorded: Path) -> None:
    named = json.loads(lines_of(recorded)[2])["screen_sha256"]
    (recorded / "screens" / f"{named}.png").write_bytes(world.png(99))
    with pytest.raises(SessionError, match=f"line 3 .*{named}.png, is not what was recorded"):
        open_session(recorded)


def rewritten(folder: Path, change: Callable[[list[dict[str, object]]], object]) -> None:
    """Change the lines and chain them anew, as one does who knows the format."""
    header, link = chain.opened_header((folder / "session.json").read_bytes())
    records = [json.loads(line) for line in lines_of(folder)]
    for fields in records:
        del fields["chain"]
    change(records)
    out = []
    for fields in records:
        line, link = chain.sealed(link, fields)
        out.append(line + b"\n")
    (folder / "steps.jsonl").write_bytes(b"".join(out))
    assert header


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda lines: lines[1].update(index=4), "line 2 .*it holds step 4, not 0"),
        (lambda lines: lines[1].update(screen_sha256="../../../etc/passwd"), "line 2 .*is no sha256"),
        (lambda lines: lines[1].update(action={"type": "Reboot"}), "line 2 .*'Reboot' is no action"),
        (lambda lines: lines[1].update(token_ids=[True]), "line 2 .*token_ids holds True"),
        (lambda lines: lines[1].update(token_ids=[-1]), "line 2 .*a token id is not from 0"),
        (lambda lines: lines[1].update(log_probs=["0"]), "line 2 .*log_probs holds '0'"),
        (lambda lines: lines[1].update(log_probs=[10**400]), "line 2 .*beyond any float"),
        (lambda lines: lines[1].pop("prompt"), "line 2 .*prompt is missing"),
        (lambda lines: lines[0].update(purpose="fun"), "line 1 .*'fun'"),
        (lambda lines: lines[4].update(verdict=None), "line 5 .*verdict is None"),
        (lambda lines: lines.insert(0, lines[4]), "line 1 .*'episode_end' cannot stand there"),
        (lambda lines: lines.insert(1, lines[0]), "line 2 .*'episode_start' cannot stand there"),
        (lambda lines: lines.append({"event": "step"}), "line 14 .*after the session's end"),
    ],
)
def test_a_line_that_is_chained_but_makes_no_sense_is_named(
    recorded: Path, change: Callable[[list[dict[str, object]]], object], says: str
) -> None:
    rewritten(recorded, change)
    with pytest.raises(SessionError, match=says):
        open_session(recorded)


@pytest.mark.parametrize("added", [b"x", b"{}", b"\0" * 100])
def test_bytes_after_the_last_line_are_named(recorded: Path, added: bytes) -> None:
    with (recorded / "steps.jsonl").open("ab") as file:
        file.write(added)
    with pytest.raises(SessionError, match=r"line 14 .*after the session's end"):
        open_session(recorded)


def test_another_format_version_is_refused(recorded: Path) -> None:
    fields, _ = chain.opened_header((recorded / "session.json").read_bytes())
    content, _ = chain.sealed_header({**fields, "format_version": 2})
    (recorded / "session.json").write_bytes(content)
    with pytest.raises(SessionError, match="its format is 'agent-runtime session' 2, not"):
        open_session(recorded)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"chain":' + b'{"a":' * 5_000])
def test_a_header_that_is_none_is_one_sentence(recorded: Path, content: bytes) -> None:
    (recorded / "session.json").write_bytes(content)
    with pytest.raises(SessionError, match=r"session\.json that is not what was recorded"):
        open_session(recorded)


def test_a_folder_without_a_session_says_what_to_name(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="name what `agent-runtime run --record` wrote"):
        open_session(tmp_path / "none")


def test_a_line_without_an_end_is_not_read_into_memory_for_ever(
    recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent_runtime.sessions.reader.MAX_LINE_BYTES", 10_000)
    with (recorded / "steps.jsonl").open("ab") as file:
        file.write(b"x" * 20_000)
    with pytest.raises(SessionError, match=r"line 14 .*longer than 10000 bytes"):
        open_session(recorded)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=60))
def test_any_bytes_for_lines_are_a_session_or_one_sentence(recorded: Path, content: bytes) -> None:
    (recorded / "steps.jsonl").write_bytes(content)
    refusal = refusal_of(recorded)
    assert open_session(recorded).lines == 0 if refusal is None else "line 1 of" in refusal


# --- what the disk refuses


def test_a_folder_in_use_is_refused(recorded: Path) -> None:
    with pytest.raises(SessionError, match="expected a new or an empty folder"):
        Recorder(recorded, world.info()).open()


def test_a_place_that_cannot_be_written_is_one_sentence() -> None:
    with pytest.raises(SessionError, match="Got no place to record to"):
        Recorder(Path("/proc/none/session"), world.info()).open()


def test_a_disk_that_fills_ends_the_run_with_the_episode_and_leaves_a_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = writer._write_durably
    left = [4]

    def until_it_is_full(path: Path, content: bytes) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(28, "No space left on device")
        written(path, content)

    monkeypatch.setattr(writer, "_write_durably", until_it_is_full)
    with pytest.raises(SessionError, match=r"Got no place to record to \(.*No space left.*free some"):
        world.record(tmp_path / "s", world.some_trajectories())
    session = open_session(tmp_path / "s")
    assert not session.is_closed
    assert [len(episode.steps) for episode in session.episodes] == [3, 0]  # session.json and three screens fit


def test_the_verdicts_of_the_world_are_all_there(recorded: Path) -> None:
    ends = [episode.end for episode in open_session(recorded).episodes]
    assert [end.verdict for end in ends if end] == [Verdict.SUCCESS, Verdict.FAILURE, Verdict.VOID]


@pytest.mark.parametrize(
    "text", ["", "0,0,1", "0,0,1,1,1", "a,b,c,d", "0.5,0,0.5,1", "0,0,1,1.1", "nan,0,1,1", "-1,0,1,1"]
)
def test_a_region_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Exception, match="expected x0,y0,x1,y1"):
        region_from_text(text)


def test_a_region_is_two_corners() -> None:
    assert region_from_text("0, 0.1,1,0.25") == Region(0.0, 0.1, 1.0, 0.25)
