"""`agent-runtime record` end to end: fingers and keys on a virtual phone's input devices, read over adb."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agent_runtime.actions import Action, Finish, Key, LongPress, PressKey, Swipe, Tap, TypeText
from agent_runtime.sessions.page import write_page
from agent_runtime.sessions.reader import open_session
from agent_runtime.sessions.recording import Session
from agent_runtime.sessions.tokens import TokenTexts
from agent_runtime.sessions.without_policy import UNSAID
from agent_runtime.trajectory import Purpose, Verdict
from tests.tuner_process import environment
from tests.wire_world import until

TOUCH, KEYBOARD = "/dev/input/event1", "/dev/input/event2"
ROOT = Path(__file__).parents[2]
RAW_MAX = 32768


@dataclass
class Person:
    """Fingers on a phone that is being recorded."""

    phone: Any
    adb: Any
    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)
    noticed: int = 0

    def waits(self, noticed: int = 0) -> None:
        """Wait until so many more touches and keys were noticed, and the screen rested after the last of them."""
        wanted = self.noticed + noticed

        def is_ready() -> bool:
            said = list(self.said)
            if said.count("…") < wanted:
                return False
            return "ready" in said[len(said) - said[::-1].index("…") if "…" in said else 0 :]

        assert until(is_ready, 60.0), self.said
        self.noticed = wanted

    def touches(self, *points_px: tuple[float, float], held_ms: int = 0) -> None:
        """Put a finger down at the first point, move it over the others, lift it, and wait for the screen to rest."""
        self._shell("; ".join(self._touch(points_px, held_ms)))
        self.waits(1)

    def touches_twice_at_once(self, *points_px: tuple[float, float]) -> None:
        """Touch twice without a look at the screen in between."""
        self._shell("; ".join([*self._touch(points_px, 0), *self._touch(points_px, 0)]))

    def _touch(self, points_px: tuple[tuple[float, float], ...], held_ms: int) -> list[str]:
        down = [self._event(3, 57, len(self.said) + 1), *self._at(points_px[0])]
        lines = [*down, self._event(1, 330, 1), self._event(0, 0, 0), *[f"sleep {held_ms / 1000}"] * bool(held_ms)]
        for point in points_px[1:]:
            lines += [*self._at(point), self._event(0, 0, 0)]
        return [*lines, self._event(3, 57, -1), self._event(1, 330, 0), self._event(0, 0, 0)]

    def presses(self, *codes: int, device: str = KEYBOARD) -> None:
        """Press keys one after another; a negative code is held with shift."""
        lines = []
        for code in codes:
            keys = [42, -code] if code < 0 else [code]
            lines += [f"sendevent {device} 1 {key} 1; sendevent {device} 0 0 0" for key in keys]
            lines += [f"sendevent {device} 1 {key} 0; sendevent {device} 0 0 0" for key in reversed(keys)]
        self._shell("; ".join(lines))
        if device == KEYBOARD:
            self.waits(len(codes))

    def taps(self, label: str) -> tuple[float, float]:
        """Tap the element with that text; return where, normalized."""
        node = next(node for node in self.phone.phone.nodes() if label in (node.label, node.text))
        left, top, right, bottom = node.bounds
        x, y = (left + right) / 2, (top + bottom) / 2
        self.touches((x, y))
        return x / self.phone.phone.size[0], y / self.phone.phone.size[1]

    def ends(self, timeout_sec: float = 60.0) -> int:
        """Press volume down and return the recorder's exit code."""
        self.presses(114, device="/dev/input/event0")
        return self.process.wait(timeout_sec)

    def _at(self, point_px: tuple[float, float]) -> list[str]:
        width_px, height_px = self.phone.phone.size
        u, v = point_px[0] / width_px, point_px[1] / height_px
        u, v = {0: (u, v), 1: (1 - v, u)}[self.phone.phone.state.rotation]
        return [self._event(3, 53, int(u * RAW_MAX)), self._event(3, 54, int(v * RAW_MAX))]

    def _event(self, kind: int, code: int, value: int) -> str:
        return f"sendevent {TOUCH} {kind} {code} {value}"

    def _shell(self, line: str) -> None:
        assert self.adb.text("-s", self.phone.serial, "shell", line) == ""


@pytest.fixture
def person(adb_server: Any, virtual_phone: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    @contextmanager
    def start(*options: str, quarter_turns: int = 0) -> Iterator[Person]:
        running = virtual_phone()
        running.phone.set_rotation(quarter_turns)
        command = [sys.executable, "-m", "agent_runtime.cli", "record", "--device", running.serial]
        command += ["--adb-server-port", str(adb_server.port), "--output", str(tmp_path / "s"), "--goal", "Do it"]
        process = subprocess.Popen(
            [*command, *(options or ("--outcome", "success"))],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
            env={**environment(), "PATH": "", "PYTHONUNBUFFERED": "1"},
        )
        person = Person(running, adb_server, process)
        reader = threading.Thread(target=lambda: person.said.extend(map(str.strip, process.stdout or ())))
        reader.start()
        try:
            assert until(lambda: "ready" in person.said, 60.0), person.said
            yield person
        finally:
            process.kill()
            process.wait(10)
            reader.join(10)

    return start


def actions_of(folder: Path) -> tuple[Session, list[Action]]:
    session = open_session(folder)
    return session, [step.action for _, step in session.steps()]


def test_touches_keys_and_text_become_a_session(person: Callable[..., Any], tmp_path: Path) -> None:
    with person() as hand:
        notes = hand.taps("Notes")
        new = hand.taps("New")
        keys = [hand.taps(letter) for letter in "hi"]
        save = hand.taps("Save")
        hand.presses(-30, 48, 11)  # A, b and 0 on the list: nobody takes them, and they are told all the same
        hand.touches((60, 150), (60, 140), (60, 60))
        hand.touches((64, 120), held_ms=700)
        hand.presses(158)
        assert hand.ends() == 0, hand.said
    session, actions = actions_of(tmp_path / "s")
    expected = [
        Tap(*notes),
        Tap(*new),
        TypeText("hi"),
        Tap(*save),
        TypeText("Ab0"),
        Swipe(60 / 128, 150 / 224, 60 / 128, 60 / 224),
        LongPress(64 / 128, 120 / 224),
        PressKey(Key.BACK),
        Finish(True),
    ]
    assert [type(action) for action in actions] == [type(action) for action in expected], (actions, keys)
    for got, wanted in zip(actions, expected, strict=True):
        numbers = [[float(number) for number in re.findall(r"\d\.\d+", repr(action))] for action in (got, wanted)]
        assert numbers[0] == pytest.approx(numbers[1], abs=2e-3)
        if isinstance(wanted, TypeText | PressKey | Finish):
            assert got == wanted
    (episode,) = session.episodes
    assert session.info.imported is not None
    assert (session.info.imported.kind, session.is_closed) == ("demonstration", True)
    assert (episode.start.purpose, episode.end and episode.end.verdict) == (Purpose.DEMONSTRATE, Verdict.SUCCESS)
    screens = [step.screen_sha256 for _, step in session.steps()]
    assert len(set(screens[:4])) == 4, "each action stands on the screen before it"
    write_page(session, TokenTexts(), tmp_path / "page.html")
    assert "type “hi”" in (tmp_path / "page.html").read_text()


def test_a_turned_screen_and_two_fingers(person: Callable[..., Any], tmp_path: Path) -> None:
    with person(quarter_turns=1) as hand:
        place = hand.taps("Clock")
        down = [hand._event(3, 57, 900), *hand._at((30, 30)), hand._event(3, 47, 1), hand._event(3, 57, 901)]
        down += [*hand._at((80, 80)), hand._event(0, 0, 0), hand._event(3, 57, -1), hand._event(3, 47, 0)]
        hand._shell("; ".join([*down, hand._event(3, 57, -1), hand._event(0, 0, 0)]))
        assert hand.process.wait(60) == 1
    session, actions = actions_of(tmp_path / "s")
    assert [action.x_norm for action in actions if isinstance(action, Tap)] == pytest.approx([place[0]], abs=2e-3)
    end = session.episodes[0].end
    assert end is not None
    assert (end.verdict, "gesture of 2 fingers" in end.void_reason) == (Verdict.VOID, True)
    assert next(session.steps())[1].picture_size_px == (224, 128)


def test_ctrl_c_ends_it_and_without_a_word_on_its_end_it_is_void(person: Callable[..., Any], tmp_path: Path) -> None:
    with person("--name", "notes/look") as hand:
        hand.taps("Notes")
        hand.process.send_signal(signal.SIGINT)
        assert hand.process.wait(60) == 1, hand.said
    session, actions = actions_of(tmp_path / "s")
    assert [type(action) for action in actions] == [Tap]
    assert session.is_closed
    (episode,) = session.episodes
    assert (episode.start.task_name, episode.end and episode.end.void_reason) == ("notes/look", UNSAID)


def test_what_is_done_too_fast_to_be_seen_makes_it_void(person: Callable[..., Any], tmp_path: Path) -> None:
    with person() as hand:
        hand.touches_twice_at_once((64, 100))
        assert hand.process.wait(60) == 1, hand.said
    _, actions = actions_of(tmp_path / "s")
    assert len(actions) == 1
    assert any("before the screen was seen at rest" in line for line in hand.said)
