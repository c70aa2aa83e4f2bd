"""Command lines: what a model writes is only ever a word."""

import base64
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.actions import Key
from agent_runtime.devices import commands
from agent_runtime.devices.apps import package_of
from agent_runtime.devices.keyboards import KEYBOARDS, Keyboard, parts_of
from agent_runtime.errors import DeviceError

NASTY = "'; rm -rf /sdcard; echo $(id) `id` && x | y > z \\ \" # ~ * ? [a] {b} !"
ONE_LINE = st.text(st.characters(blacklist_characters="\n\r\0", blacklist_categories=["Cs"]), max_size=40)


@given(st.lists(ONE_LINE, min_size=1, max_size=4))
def test_any_arguments_are_the_words_the_shell_sees(args: list[str]) -> None:
    line = commands.command_line(args)
    assert line.endswith(" </dev/null 2>&1")
    assert shlex.split(line.removesuffix(" </dev/null 2>&1")) == args


@pytest.mark.parametrize("mark", ["\n", "\r", "\0"])
def test_an_argument_that_would_end_the_line_is_refused(mark: str) -> None:
    with pytest.raises(DeviceError, match="one line without NUL"):
        commands.command_line(["echo", f"a{mark}reboot"])


def typed(text: str) -> str:
    """Return what a device would type: `%s` is a space, key 66 a line end, 61 a tab."""
    keys = {"66": "\n", "61": "\t"}
    return "".join(
        keys[word] if verb == "keyevent" else word.replace("%s", " ") for _, verb, word in commands.ascii_text(text)
    )


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60))
def test_printable_ascii_is_typed_as_it_is(text: str) -> None:
    assert typed(text) == text


def test_metacharacters_are_typed_as_they_are() -> None:
    assert typed(NASTY) == NASTY


def test_a_literal_percent_s_is_typed_in_two_parts() -> None:
    assert commands.ascii_text("5%s off") == [["input", "text", "5%"], ["input", "text", "s%soff"]]


def test_line_ends_and_tabs_become_keys_and_other_controls_are_left_out() -> None:
    assert typed("a\nb\tc\x07d\x1b") == "a\nb\tcd"


def test_long_text_is_typed_in_parts() -> None:
    parts = commands.ascii_text("x" * 1201)  # 500 + 500 + 201
    assert [len(part[2]) for part in parts] == [500, 500, 201]


@pytest.mark.parametrize("keyboard", KEYBOARDS)
def test_unicode_goes_as_base64_to_one_package_only(keyboard: Keyboard) -> None:
    command = keyboard.broadcast("naïve ☃ $(id)")
    assert base64.b64decode(command[-1]).decode() == "naïve ☃ $(id)"
    assert command[command.index("-p") + 1] == keyboard.ime.partition("/")[0]


def test_unicode_is_cut_at_line_ends_and_tabs_and_loses_other_controls() -> None:
    assert parts_of("é\nü\tñ\x07x" + "ß" * 501) == ["é", "\n", "ü", "\t", "ñ", "x" + "ß" * 499, "ßß"]


@pytest.mark.parametrize(("key", "code"), [(Key.BACK, "4"), (Key.HOME, "3"), (Key.ENTER, "66"), (Key.RECENTS, "187")])
def test_keys(key: Key, code: str) -> None:
    assert commands.key(key) == ["input", "keyevent", code]


def test_a_long_press_is_a_swipe_that_stays() -> None:
    assert commands.long_press(5, 7) == ["input", "swipe", "5", "7", "5", "7", "800"]


INSTALLED = {"com.android.settings", "org.example.notes", "com.spotify.music"}


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("Settings", "com.android.settings"),
        (" notes ", "org.example.notes"),
        ("music", "com.spotify.music"),
        ("com.spotify.music", "com.spotify.music"),
        ("Chrome", None),
        ("; reboot", None),
        ("", None),
    ],
)
def test_an_app_name_means_an_installed_package_or_nothing(name: str, package: str | None) -> None:
    assert package_of(name, INSTALLED) == package
