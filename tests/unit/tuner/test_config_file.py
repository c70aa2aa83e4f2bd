"""Settings from a file: they are the options' own, the command line wins, and what is wrong is said in one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from tuner.cli import app as tuner_app
from tuner.config_file import ConfigFile

app = typer.Typer()


@app.command()
def show(
    state: Annotated[Path, typer.Option()],
    config_file: ConfigFile = None,
    learning_rate: Annotated[float, typer.Option()] = 1.0,
    lora_r: Annotated[int, typer.Option(min=1)] = 16,
    tls: Annotated[bool, typer.Option("--tls")] = False,
) -> None:
    typer.echo(f"{state} {learning_rate} {lora_r} {tls}")


def run(*args: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, list(args))
    return done.exit_code, done.output.strip()


def written(folder: Path, text: str) -> str:
    path = folder / "tuner.yaml"
    path.write_text(text)
    return str(path)


def test_a_file_gives_required_options_too_and_the_command_line_wins(tmp_path: Path) -> None:
    file = written(tmp_path, "state: runs/a\nlearning_rate: 2e-4\nlora_r: 8\ntls: true\n")
    assert run("--config", file) == (0, "runs/a 0.0002 8 True")
    assert run("--lora-r", "4", "--config", file) == (0, "runs/a 0.0002 4 True")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("learning_rat: 1\n", "Got 'learning_rat'"),
        ("- 1\n", "without settings"),
        ("state: [1, 2]\n", "expected one plain value"),
        ("a: b: c\n", "expected YAML"),
        ("config: other.yaml\n", "Got 'config'"),
    ],
)
def test_a_file_that_is_wrong_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    exit_code, output = run("--config", written(tmp_path, text))
    assert exit_code == 2
    assert sentence in output


def test_a_value_of_another_kind_is_refused_as_on_the_command_line(tmp_path: Path) -> None:
    exit_code, output = run("--config", written(tmp_path, "state: a\nlora_r: many\n"))
    assert exit_code == 2
    assert "lora-r" in output or "'many'" in output


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    exit_code, output = run("--config", str(tmp_path / "none.yaml"))
    assert (exit_code, "Got no settings from" in output) == (2, True)


def test_the_tuner_takes_its_options_from_a_file(tmp_path: Path) -> None:
    file = written(tmp_path, f"state: {tmp_path / 'state'}\nmodel: {tmp_path / 'nowhere'}\nobjective: ppo\n")
    done = CliRunner().invoke(tuner_app, ["serve", "--config", file])
    assert done.exit_code == 2
    assert "nowhere" in done.output
