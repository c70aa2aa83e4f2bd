"""The shell's own language: quoting, lists, pipes, redirections, expansions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_scripts.virtual_phone.errors import ShellSyntaxError
from device_scripts.virtual_phone.shell.lexer import IncompleteLineError
from device_scripts.virtual_phone.shell.parser import parse

if TYPE_CHECKING:
    from tests.unit.virtual_phone.conftest import Ran

    Sh = Callable[..., Ran]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("echo a  b", "a b\n"),
        ("echo 'a  b'", "a  b\n"),
        ("echo \"a  'b'\"", "a  'b'\n"),
        ("echo a\\ \\ b", "a  b\n"),
        ("echo 'it'\"'\"'s'", "it's\n"),
        ("echo ''", "\n"),
        ("echo a\x0b\x0c\x1c\u00a0b", "a\x0b\x0c\x1c\u00a0b\n"),  # white space to Python, letters to a shell
        ("echo -n x", "x"),
        ("echo a;echo b", "a\nb\n"),
        ("echo a & echo b", "a\nb\n"),
        ("echo a\necho b", "a\nb\n"),
        ("true && echo yes || echo no", "yes\n"),
        ("false && echo yes || echo no", "no\n"),
        ("false || false; echo $?", "1\n"),
        ("! false; echo $?", "0\n"),
        ("X=5; echo $X ${X}1 '$X' \"$X\"", "5 51 $X 5\n"),
        ("X='a  b'; echo $X; echo \"$X\"", "a b\na  b\n"),
        ("echo $(echo a; echo b)", "a b\n"),
        ('echo "`echo q`"', "q\n"),
        ("echo $NOTHING x", "x\n"),
        ("echo a # comment", "a\n"),
        ("echo a#b", "a#b\n"),
        ("echo 5$", "5$\n"),
        ("echo one | cat | grep n", "one\n"),
        ("sh -c 'echo in $?'; echo out", "in 0\nout\n"),
        ("eval 'echo a' b", "a b\n"),
        ("echo a \\\n b", "a b\n"),
        ("exit 3; echo never", ""),
        ("exec echo x; echo never", "x\n"),
        ("echo é", "é\n"),
    ],
)
def test_line_prints(sh: Sh, line: str, expected: str) -> None:
    assert sh(line).text == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("echo a > f; cat f", "a\n"),
        ("echo a > f; echo b >> f; cat < f", "a\nb\n"),
        ("nope 2> f; cat f", "/system/bin/sh: nope: inaccessible or not found\n"),
        ("nope > f 2>&1; cat f", "/system/bin/sh: nope: inaccessible or not found\n"),
        ("nope &> f; wc -l f", "1 f\n"),
        ("nope 2>/dev/null; echo $?", "127\n"),
        ("nope > /dev/null 2>&1 || echo no", "no\n"),
        ("echo x >/dev/null", ""),
        ("echo x 1>&2 2>/dev/null", ""),
        ("echo a > a.txt; echo b > b.txt; echo *.txt '*.txt'", "a.txt b.txt *.txt\n"),
        ("echo *.none", "*.none\n"),
    ],
)
def test_redirections_and_patterns(sh: Sh, line: str, expected: str) -> None:
    sh("cd /sdcard/Download")
    assert sh(line).text == expected


def test_output_to_a_read_only_place_is_refused_before_the_command_runs(sh: Sh) -> None:
    ran = sh("echo x > /system/x")
    assert (ran.err, ran.status) == (b"/system/bin/sh: can't create /system/x: Read-only file system\n", 1)


def test_missing_input_file_is_refused(sh: Sh) -> None:
    assert sh("cat < /sdcard/none").err == b"/system/bin/sh: can't open /sdcard/none: No such file or directory\n"


@pytest.mark.parametrize("line", ["echo (", "| x", "a && ", ";; x && && y", "echo >", "a || | b"])
def test_bad_syntax_says_so_with_status_1(sh: Sh, line: str) -> None:
    ran = sh(line)
    assert ran.status == 1
    assert ran.err.startswith(b"/system/bin/sh: syntax error")


@pytest.mark.parametrize("line", ["echo 'a", 'echo "a', "echo $(a", "echo `a"])
def test_open_quote_is_told_apart_from_bad_syntax(line: str) -> None:
    with pytest.raises(IncompleteLineError):
        parse(line)


def test_unknown_command_is_127(sh: Sh) -> None:
    ran = sh("frobnicate --now")
    assert (ran.err, ran.status) == (b"/system/bin/sh: frobnicate: inaccessible or not found\n", 127)


def test_substitutions_nested_too_deeply_end(sh: Sh) -> None:
    assert sh("X='eval $(eval $X)'; sh -c 'sh -c \"echo deep\"'").text == "deep\n"
    line = "echo x"
    for _ in range(12):
        line = f"echo $({line})"
    assert b"nested too deeply" in sh(line).err


def test_bytes_that_are_no_utf8_pass_through(sh: Sh) -> None:
    raw = bytes(range(256))
    assert sh("cat", stdin=raw).out == raw


@given(st.text(alphabet="ab $'\"\\;&|<>()`#*?!{}=\n\t12", max_size=40))
@settings(max_examples=300, deadline=None)
def test_any_line_parses_or_is_a_syntax_error(line: str) -> None:
    try:
        parse(line)
    except ShellSyntaxError:
        return


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), max_size=30))
@settings(max_examples=200, deadline=None)
def test_single_quoted_text_comes_back_as_it_was(text: str) -> None:
    quoted = "'" + text.replace("'", "'\\''") + "'"
    ((pipeline),) = parse(f"echo {quoted}")
    (_, word) = pipeline.commands[0].words
    assert "".join(part.text for part in word) == text


@pytest.mark.parametrize("character", ["$(reboot)", "`reboot`", ";reboot", "|reboot", "&reboot", "\nreboot", ">x"])
def test_quoted_metacharacters_run_nothing(sh: Sh, character: str) -> None:
    assert sh(f"echo '{character}'").text == f"{character}\n"
