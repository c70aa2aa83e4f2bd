"""A process of the demo that does not start says why; one that does is ended."""

import sys
from pathlib import Path

import pytest

from device_scripts.demo.processes import Background, DemoError


def _background(tmp_path: Path, program: str) -> Background:
    return Background("tuner", [sys.executable, "-c", program], tmp_path / "tuner.log", {})


def test_the_last_words_of_one_that_ended_are_told(tmp_path: Path) -> None:
    process = _background(tmp_path, "import sys; print('a warning\\nGot no such option.', file=sys.stderr)")
    with pytest.raises(DemoError, match=r"tuner did not start \(Got no such option\.\); see .*tuner\.log"):
        process.start("listening", 30.0)


def test_one_that_ended_without_a_word_says_so(tmp_path: Path) -> None:
    with pytest.raises(DemoError, match=r"\(no output\)"):
        _background(tmp_path, "pass").start("listening", 30.0)


def test_the_first_line_comes_back_and_the_process_is_ended(tmp_path: Path) -> None:
    process = _background(tmp_path, "import signal; print('listening on 1', flush=True); signal.pause()")
    assert process.start("listening", 30.0) == "listening on 1\n"
    process.stop()
    assert process._process is not None
    assert process._process.poll() is not None
