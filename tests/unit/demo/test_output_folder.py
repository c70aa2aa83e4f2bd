"""What the demo empties: a folder of its own, never somebody else's; and how it says so."""

import subprocess
import sys
from pathlib import Path

import pytest

from device_scripts.demo.__main__ import MARK, OutputError, make_empty

ROOT = Path(__file__).parents[3]


def test_an_earlier_demos_folder_is_emptied(tmp_path: Path) -> None:
    make_empty(tmp_path / "deep" / "demo")
    (tmp_path / "deep" / "demo" / "report.html").write_text("old")
    make_empty(tmp_path / "deep" / "demo")
    assert [path.name for path in (tmp_path / "deep" / "demo").iterdir()] == [MARK]


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    make_empty(tmp_path)
    assert (tmp_path / MARK).exists()


def test_what_no_demo_wrote_is_kept(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("three years")
    with pytest.raises(OutputError, match="holds what no demo wrote"):
        make_empty(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be made"):
        make_empty(tmp_path / "file")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--minutes", "x"], "Invalid value for '--minutes'"),
        (["--minutes", "0"], "greater than or equal to 0.5"),
        ([], "holds what no demo wrote"),
    ],
)
def test_bad_options_are_one_sentence(options: list[str], said: str, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("three years")
    command = [sys.executable, "-m", "device_scripts.demo", "--output", str(tmp_path), *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
