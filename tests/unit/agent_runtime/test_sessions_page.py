"""The page that shows a session, its tokens and its weights; and the program's answers to bad input."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from agent_runtime.actions import Finish, LongPress, Malformed, Swipe, Tap, grammar_named
from agent_runtime.actions.ruling import CHANGED, Ruling
from agent_runtime.errors import UsageError
from agent_runtime.policy.scripted import ScriptedPolicy
from agent_runtime.sessions.explained import read_weights
from agent_runtime.sessions.page import Look, write_page
from agent_runtime.sessions.reader import open_session
from agent_runtime.sessions.recording import Redaction
from agent_runtime.sessions.replay import replay_against
from agent_runtime.sessions.tokens import TokenTexts
from agent_runtime.trajectory import Decision, Verdict
from tests import session_world as world

RunProgram = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> RunProgram:
    return lambda *args: world.run_program(monkeypatch, capsys, *args)


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    world.record(tmp_path / "s", world.some_trajectories())
    return tmp_path / "s"


def weights_file(folder: Path, **changed: object) -> Path:
    ids = world.some_trajectories()[0].steps[0].decision.token_ids
    record = {"trajectory_id": f"{0:032x}", "step_index": 0, "version": 4, "tokens": ["?"] * len(ids),
              "weights": [0.0] * (len(ids) - 1) + [0.5]} | changed  # fmt: skip
    path = folder / "weights.jsonl"
    path.write_text(json.dumps(record) + "\n")
    return path


# --- the page


def test_the_page_shows_every_step_and_needs_nothing_else(recorded: Path, run: RunProgram) -> None:
    code, out, err = run("inspect", recorded)
    assert (code, err) == (0, "")
    assert re.match(r"Wrote .*inspect\.html: 3 episodes, \d+\.\d MB\.\n", out)
    page = (recorded / "inspect.html").read_text("utf-8")
    assert page.count('<li class="step">') == 6
    assert page.count("<image id=") == 6
    assert not re.search(r'(src|href)="(?!data:image/png;base64,|#)', page)
    assert "://" not in page
    for verdict in ("success", "failure", "void"):
        assert f'<span class="verdict {verdict}">{verdict}</span>' in page
    assert "DeviceError: The cable is out: plug it in." in page


def body_of(page: str) -> ET.Element:
    """The body read as XML, which notices a tag that is not closed and a quote that is not escaped."""
    body = page[page.index("<body>") : page.index("</html>")]
    return ET.fromstring(re.sub(r"<(meta|br)[^>]*>", "", body).replace(" class=special ", ' class="special" '))


def test_taps_and_swipes_are_drawn_where_they_were(recorded: Path, run: RunProgram) -> None:
    run("inspect", recorded)
    body = body_of((recorded / "inspect.html").read_text("utf-8"))
    tap, swipe, done = [svg for svg in body.iter("svg") if svg.get("role") == "img"][:3]
    width, height = world.PICTURE_PX
    circle = tap.findall("circle")[-1]
    assert (float(circle.attrib["cx"]), float(circle.attrib["cy"])) == pytest.approx((0.2505 * width, 0.5005 * height))
    line = swipe.findall("line")[-1]
    ends = [float(line.attrib[name]) for name in ("x1", "y1", "x2", "y2")]
    assert ends == pytest.approx([0.5005 * width, 0.8005 * height, 0.5005 * width, 0.2005 * height])
    assert done.findall("circle") == done.findall("line") == []


def test_each_token_is_shaded_by_its_surprise_and_tells_its_log_prob(recorded: Path, run: RunProgram) -> None:
    run("inspect", recorded)
    first = world.some_trajectories()[0].steps[0].decision
    body = body_of((recorded / "inspect.html").read_text("utf-8"))
    utterance = next(p for p in body.iter("p") if p.get("class") == "utterance")
    tokens = list(utterance.iter("span"))
    assert "".join(token.text or "" for token in tokens) == first.utterance
    shares = [float(token.attrib["style"].removeprefix("--s:")) for token in tokens]
    assert shares[0] == pytest.approx(1 - 2.718281828 ** first.log_probs[0], abs=6e-4)
    assert tokens[0].attrib["title"].startswith(f"log-prob {first.log_probs[0]:.4f}, p ")


def test_with_weights_a_token_is_shaded_by_its_share_of_the_largest(
    recorded: Path, run: RunProgram, tmp_path: Path
) -> None:
    code, _, err = run("inspect", recorded, "--weights", weights_file(tmp_path), "--output", tmp_path / "a/b.html")
    assert (code, err) == (0, "")
    body = body_of((tmp_path / "a/b.html").read_text("utf-8"))
    utterances = [p for p in body.iter("p") if p.get("class") == "utterance"]
    styles = [token.attrib["style"] for token in utterances[0].iter("span")][-2:]
    assert [style.partition(";--surprise")[0] for style in styles] == ["--s:0.0;--scm:0.0", "--s:1.0;--scm:1.0"]
    assert "causal weight 0.5000 (action model)" in list(utterances[0].iter("span"))[-1].attrib["title"]
    assert utterances[1].attrib["title"] == "shaded by surprise"  # the tuner scored one step only


def explained_file(folder: Path, **changed: object) -> Path:
    ids = world.some_trajectories()[0].steps[0].decision.token_ids
    none = [0.0] * (len(ids) - 1)
    sources = {"scm": [*none, 0.5], "parser": [0.25, *none], "uniform": [1.0] * len(ids)}
    others = [[["<b>", 0.125], ["x", 0.5]], *[[] for _ in none]]
    record = {"trajectory_id": f"{0:032x}", "step_index": 0, "version": 0, "tokens": ["?"] * len(ids),
              "sources": sources, "alternatives": others, "value": 0.25, "advantage": -0.125,
              "judged_by": "critic"} | changed  # fmt: skip
    path = folder / "explained.jsonl"
    path.write_text(json.dumps(record) + "\n")
    return path


@pytest.mark.parametrize("source", ["scm", "parser", "uniform"])
def test_a_reader_chooses_the_source_and_sees_alternatives_value_and_advantage(
    recorded: Path, run: RunProgram, tmp_path: Path, source: str
) -> None:
    code, _, err = run("inspect", recorded, "--weights", explained_file(tmp_path), "--source", source)
    assert (code, err) == (0, "")
    page = (recorded / "inspect.html").read_text("utf-8")
    body = body_of(page)
    inputs = [box for box in body.iter("input") if box.get("name") == "by"]
    assert [box.attrib["id"] for box in inputs] == ["by-scm", "by-parser", "by-uniform", "by-surprise"]
    assert [box.attrib["id"] for box in inputs if box.get("checked")] == [f"by-{source}"]
    for box in inputs:
        assert f"body:has(#{box.attrib['id']}:checked)" in page
    utterance = next(p for p in body.iter("p") if p.get("class") == "utterance")
    first, *_, last = list(utterance.iter("span"))
    by_source = {"scm": ("0.0", "1.0"), "parser": ("1.0", "0.0"), "uniform": ("1.0", "1.0")}
    for token, place in ((first, 0), (last, 1)):
        style = dict(part.split(":") for part in token.attrib["style"].split(";"))
        assert style["--s"] == by_source[source][place]
        assert {name: style[f"--{name}"] for name in by_source} == {name: by_source[name][place] for name in by_source}
    assert first.attrib["title"].endswith("; else “<b>” 0.125, “x” 0.5")
    assert page.count('<p class="faint judged">value 0.250 · advantage -0.125 (by critic)</p>') == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"alternatives": [["x", 0.5]]},
        {"alternatives": [[["x", "y"]]]},
        {"sources": {"scm": "no"}},
        {"value": "high"},
        {"judged_by": 3},
    ],
)
def test_a_line_that_explains_nothing_is_named(
    recorded: Path, run: RunProgram, tmp_path: Path, changed: dict[str, object]
) -> None:
    code, _, err = run("inspect", recorded, "--weights", explained_file(tmp_path, **changed))
    assert (code, len(err.strip().splitlines())) == (2, 1)
    assert "line 1 of" in err


def test_another_policy_stands_beside_the_recorded_one(recorded: Path, tmp_path: Path) -> None:
    session = open_session(recorded)
    policy = ScriptedPolicy([grammar_named("json").render(Tap(0.2505, 0.5005)), "<i>?!"])
    report = replay_against(session, policy, grammar_named("json"))
    write_page(session, TokenTexts(), tmp_path / "p.html", Look(other_name="the <other>", answers=report.answers))
    page = (tmp_path / "p.html").read_text("utf-8")
    body = body_of(page)
    told = ["".join(p.itertext()) for p in body.iter("p") if p.get("class") == "other"]
    assert len(told) == report.states == 5  # one recorded answer is malformed
    assert told[0].startswith("tap 0.251, 0.500") or told[0].startswith("tap 0.250, 0.500")
    assert "the same by AitW" in told[0]
    assert told[1].startswith("malformed")
    assert told[1].endswith("another action")
    marks = [mark for mark in body.iter("rect") if mark.get("class") == "of-other"]
    assert len(marks) == 3
    assert "what the &lt;other&gt; would do" in page
    assert "<i>" not in page


def test_the_devices_faults_stand_at_their_step(tmp_path: Path) -> None:
    step = replace(world.step(0, Tap(0.5, 0.5)), faults=("slow_shell", "<offline>"))
    world.record(tmp_path / "s", [world.trajectory([step, world.step(1, Finish(True))])])
    session = open_session(tmp_path / "s")
    assert [step.faults for _, step in session.steps()] == [("slow_shell", "<offline>"), ()]
    write_page(session, TokenTexts(), tmp_path / "p.html")
    page = (tmp_path / "p.html").read_text("utf-8")
    assert (
        page.count("<b>Device faults</b><span>slow_shell, &lt;offline&gt;</span>") == page.count("Device faults") == 1
    )


def test_what_a_model_said_is_text_and_never_markup(tmp_path: Path) -> None:
    evil = "</span><script>alert(1)</script>\"' onload=x {{ 7 * 7 }} &amp;"
    step = world.step(0, Malformed(evil), utterance=evil, prompt=evil)
    world.record(tmp_path / "s", [world.trajectory([step], goal=evil, void_reason=evil)])
    session = open_session(tmp_path / "s")
    write_page(session, TokenTexts(), tmp_path / "p.html")
    page = (tmp_path / "p.html").read_text("utf-8")
    assert "<script" not in page
    assert "49" not in page.split("<body>")[1].split("<h2>")[1].split("</h2>")[0]
    assert evil in "".join(body_of(page).itertext())


def test_a_redacted_session_shows_its_tokens_without_texts(tmp_path: Path, run: RunProgram) -> None:
    world.record(tmp_path / "s", world.some_trajectories(), Redaction(text=True))
    code, _, _ = run("inspect", tmp_path / "s", "--weights", weights_file(tmp_path))
    page = (tmp_path / "s" / "inspect.html").read_text("utf-8")
    assert code == 0
    assert "were redacted before anything was written" in page
    assert '<p class="cells"' in page
    assert "Notes" not in page


def test_a_recording_that_was_cut_is_shown_and_told(recorded: Path, run: RunProgram) -> None:
    lines = (recorded / "steps.jsonl").read_bytes().splitlines(keepends=True)
    (recorded / "steps.jsonl").write_bytes(b"".join(lines[:7]) + b'{"event"')
    code, out, _ = run("inspect", recorded)
    assert code == 0
    assert "The recording ends at line 7 and 8 bytes of an unfinished line without its last line" in out
    page = (recorded / "inspect.html").read_text("utf-8")
    assert '<span class="verdict cut">cut</span>' in page
    assert "The recording was cut short" in page


def test_a_session_without_an_episode_is_a_page_too(tmp_path: Path, run: RunProgram) -> None:
    world.record(tmp_path / "s", [])
    assert run("inspect", tmp_path / "s")[0] == 0
    assert "No episode was recorded." in (tmp_path / "s" / "inspect.html").read_text()


def test_an_episode_without_a_step_says_so(tmp_path: Path, run: RunProgram) -> None:
    world.record(tmp_path / "s", [world.trajectory([])])
    assert run("inspect", tmp_path / "s")[0] == 0
    assert "No step was taken." in (tmp_path / "s" / "inspect.html").read_text()


def test_the_gates_ruling_stands_under_its_step(tmp_path: Path, run: RunProgram) -> None:
    tap = Tap(0.2505, 0.5005)
    rulings = (
        Ruling(True),
        Ruling(False, "verb", "'Buy <b>now</b>' says buy"),
        Ruling(False, CHANGED, "no window has the focus"),
        Ruling(True, "window", "a person allowed it although com.evil has the focus"),
    )
    steps = [replace(world.step(index, tap), gate=ruling) for index, ruling in enumerate(rulings)]
    world.record(tmp_path / "s", [world.trajectory(steps, verdict=Verdict.FAILURE)])
    assert run("inspect", tmp_path / "s")[0] == 0
    page = (tmp_path / "s" / "inspect.html").read_text("utf-8")
    assert "<dt>gate</dt><dd>held back 2 of 4 actions (1 verb, 1 changed)</dd>" in page
    shown = [item for item in body_of(page).iter("li") if item.get("class") == "step"]
    said = [item.find("p/b/..") for item in shown]
    assert [None if note is None else (note.get("class"), "".join(note.itertext())) for note in said] == [
        None,
        ("gate denied", "Held back by rule “verb”'Buy <b>now</b>' says buy"),
        ("gate changed", "Not sent: the screen changedno window has the focus"),
        ("gate asked", "Let through in spite of rule “window”a person allowed it although com.evil has the focus"),
    ]
    dashed = [item.findall(".//circle")[-1].get("stroke-dasharray") != "none" for item in shown]
    assert dashed == [False, True, True, False]


@pytest.mark.parametrize(("gate", "fact"), [(None, None), (Ruling(True), "held nothing back")])
def test_a_gate_that_held_nothing_back_is_told_from_none(
    tmp_path: Path, run: RunProgram, gate: Ruling | None, fact: str | None
) -> None:
    step = replace(world.step(0, Finish(True)), gate=gate)
    world.record(tmp_path / "s", [world.trajectory([step])])
    run("inspect", tmp_path / "s")
    page = (tmp_path / "s" / "inspect.html").read_text("utf-8")
    found = re.search(r"<dt>gate</dt><dd>(.*?)</dd>", page)
    assert (found and found[1]) == fact


# --- tokens


def byte_level_tokenizer() -> Tokenizer:
    """One token a byte, "ab" as a token of its own, and an end of turn."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: place for place, letter in enumerate([*letters, "ab"])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[("a", "b")]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|im_end|>"])
    return tokenizer


def test_a_tokenizer_gives_each_token_its_share_of_the_text(tmp_path: Path) -> None:
    tokenizer = byte_level_tokenizer()
    ids = (*tokenizer.encode("ab☃c").ids, tokenizer.token_to_id("<|im_end|>"))
    decision = Decision("ab☃c", ids, (-0.5,) * len(ids), 0, "0" * 64)
    done = world.trajectory([replace(world.step(0, Finish(True)), decision=decision)])
    world.record(tmp_path / "s", [done])
    (step,) = open_session(tmp_path / "s").episodes[0].steps
    tokens = TokenTexts(tokenizer).tokens(done.trajectory_id, step)
    assert [token.text for token in tokens] == ["ab", "", "", "☃", "c", "<|im_end|>"]
    assert [token.is_special for token in tokens] == [False] * 5 + [True]
    assert tokens[0].surprise == pytest.approx(1 - 2.718281828**-0.5)


def test_weights_of_another_length_are_left_out(recorded: Path, tmp_path: Path) -> None:
    known = read_weights(weights_file(tmp_path, tokens=["a"], weights=[1.0]))
    (step, *_) = open_session(recorded).episodes[0].steps
    assert all(not token.weights for token in TokenTexts(None, known).tokens(f"{0:032x}", step))


@pytest.mark.parametrize("content", ["{}", "no", "[1]", '{"version":true}', "\xff"])
def test_weights_that_are_none_are_named_by_their_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "w").write_bytes(b"\n" + content.encode("latin-1"))
    with pytest.raises(UsageError, match=r"line 2 of .* holds no causal weights"):
        read_weights(tmp_path / "w")


# --- the program


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("replay",), "DIR"),
        (("replay", "nowhere"), "name what `agent-runtime run --record` wrote"),
        (("inspect", "nowhere"), "name what `agent-runtime run --record` wrote"),
        (("replay", "SESSION", "--model", "nowhere"), "'nowhere', expected 'small-vlm' or a folder"),
        (("replay", "SESSION", "--adapter", "a", "--adapters", "b"), "expected one of them"),
        (
            ("inspect", "SESSION", "--weights", "nowhere"),
            "expected what `tuner explain` wrote, or a tuner's weights.jsonl",
        ),
        (("inspect", "SESSION", "--output", "/proc/none/p.html"), "Got no place for the page"),
        (("--device", "x", "--redact-text"), "expected --record DIR"),
        (("--device", "x", "--record", "SESSION"), "expected a new or an empty folder"),
        (("--device", "x", "--record", "new", "--redact-region", "1,1,0,0"), "expected x0,y0,x1,y1"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_2(
    recorded: Path, run: RunProgram, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...], says: str
) -> None:
    monkeypatch.chdir(recorded.parent)
    code, _, err = run(*(str(recorded) if arg == "SESSION" else arg for arg in args))
    assert code == 2
    assert says in err
    assert len(err.strip().splitlines()) == 1, err


def test_a_session_that_was_edited_is_refused_with_its_line(recorded: Path, run: RunProgram) -> None:
    content = (recorded / "steps.jsonl").read_bytes()
    (recorded / "steps.jsonl").write_bytes(content.replace(b'"seed":40001', b'"seed":40009'))
    for command in ("replay", "inspect"):
        code, _, err = run(command, recorded)
        assert code == 2
        assert "Got line 3 of" in err


def test_a_redacted_session_is_refused_before_a_model_is_loaded(tmp_path: Path, run: RunProgram) -> None:
    world.record(tmp_path / "s", world.some_trajectories(), Redaction(text=True))
    code, _, err = run("replay", tmp_path / "s", "--model", "nowhere")
    assert code == 2
    assert "was redacted when it was recorded" in err


def test_a_session_without_a_step_or_all_under_adapters_says_what_is_missing(tmp_path: Path, run: RunProgram) -> None:
    world.record(tmp_path / "empty", [])
    assert "there is nothing to replay" in run("replay", tmp_path / "empty")[2]
    world.record(tmp_path / "s", [world.trajectory([world.step(0, Tap(0.1, 0.1), version=3)])])
    assert "name the tuner's folder with --adapters" in run("replay", tmp_path / "s")[2]


def test_help_names_the_commands(run: RunProgram) -> None:
    code, out, _ = run("--help")
    assert code == 0
    for command in ("run", "replay", "inspect"):
        assert re.search(rf"^\W*{command} ", out, re.MULTILINE)


def test_a_long_press_is_drawn_as_one(tmp_path: Path, run: RunProgram) -> None:
    world.record(tmp_path / "s", [world.trajectory([world.step(0, LongPress(0.5, 0.25))])])
    run("inspect", tmp_path / "s")
    page = (tmp_path / "s" / "inspect.html").read_text()
    assert "0. long press 0.500, 0.250" in page
    assert page.count("<circle") == 3


def test_swipes_have_an_arrow(recorded: Path, run: RunProgram) -> None:
    run("inspect", recorded)
    page = (recorded / "inspect.html").read_text()
    swipes = sum(isinstance(step.action, Swipe) for done in world.some_trajectories() for step in done.steps)
    assert page.count('marker-end="url(#arrow)"') == swipes
