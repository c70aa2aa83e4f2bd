"""`tuner` given what it cannot use: one sentence on standard error, exit code 2, no traceback and no learner."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.tuner_process import serve_options, tuner, write_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def is_one_sentence(done: subprocess.CompletedProcess[str], says: str) -> bool:
    return done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1 and says in done.stderr


def test_a_port_in_use_is_one_sentence(model: Path, state: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        listen = f"127.0.0.1:{holder.getsockname()[1]}"
        done = tuner(*serve_options(model, state, listen))
    assert is_one_sentence(done, f"tuner: Got {listen} to listen on, expected a free host:port"), done


@pytest.mark.parametrize("listen", ["127.0.0.1:65536", "127.0.0.1", "127.0.0.1:http", ":0", ""])
def test_an_address_that_is_none_is_one_sentence(model: Path, state: Path, listen: str) -> None:
    done = tuner(*serve_options(model, state, listen))
    assert is_one_sentence(done, f"tuner: Got {listen} to listen on, expected a free host:port"), done


def a_file(folder: Path) -> Sequence[str]:
    (folder / "file").write_text("")
    return "--state", str(folder / "file" / "state")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (a_file, "expected one that can be written: Not a directory; choose another."),
        (lambda folder: ("--state", "/proc/none"), "expected one that can be written: No such file or directory"),
        (lambda folder: ("--model", str(folder)), "expected 'small-vlm' or a folder with a config.json"),
        (lambda folder: ("--grammar", "xml"), "'xml'"),
        (lambda folder: ("--lora-r", "0"), "Got settings that cannot be: lora_r 0: Input should be greater than"),
        (lambda folder: ("--shard-base",), "expected --learner-processes 2 or more"),
        (
            lambda folder: ("--shard-base", "--learner-processes", "2", "--quantization", "nf4"),
            "got quantization nf4: set it to none",
        ),
    ],
    ids=["state under a file", "state nowhere", "no model", "no grammar", "no rank", "nobody to split with", "packed"],
)
def test_what_it_cannot_use_is_one_sentence(
    model: Path, tmp_path: Path, options: Callable[[Path], Sequence[str]], says: str
) -> None:
    done = tuner(*serve_options(model, tmp_path / "state"), *options(tmp_path))
    assert is_one_sentence(done, says), done


@pytest.mark.parametrize("address", ["127.0.0.1:1", ""])
def test_a_status_nobody_answers_is_one_sentence(address: str) -> None:
    done = tuner("status", "--address", address)
    assert is_one_sentence(done, f"from {address}, expected a tuner: start one with `tuner serve`."), done
