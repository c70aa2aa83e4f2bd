"""What `tuner` and `agent-runtime` say of options they cannot take: one sentence, exit code 2, no box."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from agent_runtime import cli as runtime_cli
from tuner import cli as tuner_cli


def _ended(
    main: Callable[[], None],
    name: str,
    options: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> tuple[str, str]:
    """Run to the end, which is exit code 2; return what was written to both streams."""
    monkeypatch.setattr(sys, "argv", [name, *options.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    told = capsys.readouterr()
    return told.out, told.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            "serve --state s --objective sft",
            "Got 'sft' for --objective, expected one of 'awr', 'ppo', 'bc': choose one",
        ),
        ("train --state s --quantization int9", "Got 'int9' for --quantization, expected one of 'nf4', 'int8', 'none'"),
        (
            "keys issue me --state s --output o --role king",
            "Got 'king' for --role, expected one of 'agent', 'operator'",
        ),
        ("serve --state s --lora-r many", "Invalid value for '--lora-r': "),
        ("serve", "Missing option '--state'"),
        ("serves", "No such command 'serves'"),
    ],
)
def test_the_tuner_says_what_is_wrong_in_one_sentence(
    options: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out, err = _ended(tuner_cli.main, "tuner", options, monkeypatch, capsys)
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith(f"tuner: {said}")
    assert "Value error" not in err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("serve --state s --lora-r many", "; see `tuner serve --help`.\n"),
        ("keys issue", "; see `tuner keys issue --help`.\n"),
        ("--no-such-option", "; see `tuner --help`.\n"),
    ],
)
def test_it_says_where_to_read_on(
    options: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _ended(tuner_cli.main, "tuner", options, monkeypatch, capsys)[1].endswith(said)


def test_options_without_a_command_are_those_of_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, err = _ended(runtime_cli.main, "agent-runtime", "--seed one", monkeypatch, capsys)
    assert err.startswith("Invalid value for '--seed': ")
    assert err.endswith("; see `agent-runtime run --help`.\n")


def test_without_a_command_there_is_help_and_nothing_besides(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for main, name in ((tuner_cli.main, "tuner"), (runtime_cli.main, "agent-runtime")):
        told = "".join(_ended(main, name, "", monkeypatch, capsys))
        assert "COMMAND [ARGS]..." in told
        assert "; see `" not in told
