"""Unicode typing against a scripted shell: what is never sent twice, what is waited for, and what failure says."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from xml.sax.saxutils import quoteattr

import pytest

from agent_runtime.devices import ShellResult
from agent_runtime.devices.keyboards import ADBKEYBOARD, UIAUTOMATOR, UnicodeTyper
from agent_runtime.errors import DeviceError, KeyboardLostError

LATIN = "com.vendor.keys/.Board"
SOON_SEC = 0.05


class Phone:
    """A phone's shell as far as typing goes; `deaf` counts the broadcasts that nobody takes."""

    def __init__(self, imes: Sequence[str], *, deaf: int = 0, answers: bool = False, unbound: int = 0) -> None:
        self.imes = [LATIN, *imes]
        self.current = LATIN
        self.field: str | None = ""
        self.deaf = deaf
        self.answers = answers
        self.unbound = unbound
        self.file: str | None = None
        self.fails_leaving: Callable[[], str | None] | None = None
        self.refuses_ime = ""
        self.broadcasts: list[str] = []
        self.lines: list[str] = []
        self.typer = UnicodeTyper("R58", self.ask, self.once)
        self.typer.deadline_sec = SOON_SEC

    def ask(self, args: Sequence[str]) -> ShellResult:
        self.lines.append(" ".join(args))
        match list(args):
            case ["settings", "get", "secure", "default_input_method"]:
                return ShellResult(self.current + "\n", 0)
            case ["ime", "list", "-a", "-s"]:
                return ShellResult("\n".join(self.imes) + "\n", 0)
            case ["ime", "set", ime]:
                self.current = self.current if ime == self.refuses_ime else ime
                return ShellResult(f"Input method {ime} selected\n", 0)
            case ["dumpsys", "input_method"]:
                self.unbound -= 1
                bound = str(self.unbound < 0).lower()
                return ShellResult(f"  mCurId={self.current} mHaveConnection=true mBoundToMethod={bound}\n", 0)
            case ["rm", "-f", _]:
                self.file = None
            case ["uiautomator", "dump", _] if self.fails_leaving is not None:
                self.file = self.fails_leaving() or self.file
                return ShellResult("Killed\n", 0)
            case ["uiautomator", "dump", _]:
                self.file = self.xml()
                return ShellResult("UI hierchary dumped to: x\n", 0)
            case ["cat", _]:
                return ShellResult(self.file or "", 0 if self.file is not None else 1)
        return ShellResult("", 0)

    def xml(self) -> str:
        kind = "android.view.View" if self.field is None else "android.widget.EditText"
        text = quoteattr(self.field or "")
        return f'<hierarchy rotation="0"><node class="{kind}" focused="true" text={text}/></hierarchy>'

    def once(self, args: Sequence[str]) -> str:
        self.lines.append(" ".join(args))
        if args[0] == "input":
            return ""
        text = base64.b64decode(args[-1]).decode()
        self.broadcasts.append(text)
        self.deaf -= 1
        if self.deaf >= 0 or self.field is None:
            return "Broadcast completed: result=0\n"
        self.field += text
        return 'Broadcast completed: result=-1, data="success"\n' if self.answers else "Broadcast completed: result=0\n"


def test_the_keyboard_that_answers_is_asked_again_until_it_took_the_text() -> None:
    phone = Phone([UIAUTOMATOR.ime], answers=True, deaf=2)
    phone.typer.type_text("é")
    assert (phone.field, phone.broadcasts, phone.current) == ("é", ["é", "é", "é"], LATIN)


def test_the_keyboard_that_does_not_answer_is_sent_to_once_and_its_silence_is_noticed() -> None:
    phone = Phone([ADBKEYBOARD.ime], deaf=9)
    with pytest.raises(DeviceError, match="Got no effect of text") as caught:
        phone.typer.type_text("é")
    assert "show_ime_with_hard_keyboard" in str(caught.value)
    assert (phone.broadcasts, phone.current) == (["é"], LATIN)


def test_a_keyboard_that_never_takes_text_is_a_device_error() -> None:
    phone = Phone([UIAUTOMATOR.ime], answers=True, deaf=10**9)
    with pytest.raises(DeviceError, match="Got no effect of text"):
        phone.typer.type_text("é")
    assert phone.current == LATIN


def test_nothing_is_sent_before_the_field_is_bound_to_the_new_keyboard() -> None:
    phone = Phone([ADBKEYBOARD.ime], unbound=3)
    phone.typer.type_text("é")
    asked = [line for line in phone.lines if line.startswith(("dumpsys", "am"))]
    assert [line.split()[0] for line in asked] == ["dumpsys"] * 4 + ["am"]


def test_a_release_that_does_not_say_whether_it_is_bound_is_not_waited_for() -> None:
    phone = Phone([UIAUTOMATOR.ime], answers=True)
    ask = phone.ask
    phone.typer._ask = lambda args: ShellResult("words", 0) if args[0] == "dumpsys" else ask(args)
    phone.typer.type_text("é")
    assert phone.field == "é"


def test_line_ends_are_keys_between_the_parts() -> None:
    phone = Phone([UIAUTOMATOR.ime], answers=True)
    phone.typer.type_text("é\nü\t")
    sent = [line for line in phone.lines if line.startswith(("input", "am"))]
    assert [line.split()[-1] for line in sent if line.startswith("input")] == ["66", "61"]
    assert phone.broadcasts == ["é", "ü"]


@pytest.mark.parametrize("ime", [UIAUTOMATOR.ime, ADBKEYBOARD.ime])
def test_text_without_a_field_is_lost_and_no_error(ime: str) -> None:
    phone = Phone([ime], answers=ime == UIAUTOMATOR.ime)
    phone.field = None
    phone.typer.type_text("é")
    assert (phone.broadcasts, phone.current) == (["é"], LATIN)


@pytest.mark.parametrize("left_over", ["<?xml version='1.0'?>", "", "<html/>", "<!DOCTYPE x><hierarchy/>"])
def test_without_a_dump_nothing_is_sent_to_a_keyboard_that_does_not_answer(left_over: str) -> None:
    phone = Phone([ADBKEYBOARD.ime])
    phone.file = phone.xml()  # an older one, which a dump that fails leaves in place
    phone.fails_leaving = lambda: left_over
    with pytest.raises(DeviceError, match=r"Got no `uiautomator dump` from R58 \(Killed\)"):
        phone.typer.type_text("é")
    assert (phone.broadcasts, phone.current) == ([], LATIN)
    assert phone.lines.count("uiautomator dump /data/local/tmp/agent_runtime_dump.xml") == 2


def test_a_phone_that_does_not_switch_says_how_to_see_why() -> None:
    phone = Phone([ADBKEYBOARD.ime])
    phone.refuses_ime = ADBKEYBOARD.ime
    with pytest.raises(DeviceError, match=r"R58 does not switch .* run `adb -s R58 shell ime set"):
        phone.typer.type_text("é")
    assert phone.broadcasts == []


def test_a_keyboard_that_does_not_come_back_is_a_device_error() -> None:
    phone = Phone([UIAUTOMATOR.ime], answers=True)
    phone.refuses_ime = LATIN
    with pytest.raises(DeviceError, match=f"does not switch to the keyboard {LATIN}"):
        phone.typer.type_text("é")


def test_the_one_in_use_is_preferred_and_neither_switched_nor_waited_for() -> None:
    phone = Phone([UIAUTOMATOR.ime, ADBKEYBOARD.ime])
    phone.current = ADBKEYBOARD.ime
    phone.typer.type_text("é")
    assert phone.field == "é"
    assert not any(line.startswith(("ime", "dumpsys")) for line in phone.lines)


def test_a_keyboard_put_out_of_use_is_put_to_use_again_and_the_text_comes_once() -> None:
    phone = Phone([ADBKEYBOARD.ime], deaf=1)
    losses: list[str] = []
    phone.typer._on_lost = lambda: losses.append("lost")
    once = phone.once

    def taken_away(args: Sequence[str]) -> str:
        said = once(args)
        if len(phone.broadcasts) == 1:
            phone.current = LATIN
        return said

    phone.typer._once = taken_away
    phone.typer.type_text("é")
    assert (phone.field, phone.broadcasts, phone.current, losses) == ("é", ["é", "é"], LATIN, ["lost"])


def test_a_text_that_came_before_its_keyboard_went_is_not_sent_again() -> None:
    phone = Phone([ADBKEYBOARD.ime])
    once, field = phone.once, phone.typer._field
    looks = iter([phone.field, phone.field])  # the dump lags behind

    def taken_away(args: Sequence[str]) -> str:
        said = once(args)
        phone.current = LATIN
        return said

    phone.typer._once = taken_away
    phone.typer._field = lambda: next(looks, field())  # type: ignore[method-assign]
    phone.typer.type_text("é")
    assert (phone.field, phone.broadcasts) == ("é", ["é"])


def test_a_keyboard_that_is_gone_for_good_is_a_lost_one() -> None:
    phone = Phone([ADBKEYBOARD.ime])
    phone.refuses_ime = ADBKEYBOARD.ime
    with pytest.raises(KeyboardLostError):
        phone.typer.type_text("é")
    phone = Phone([])
    with pytest.raises(KeyboardLostError, match="install it"):
        phone.typer.type_text("é")


def test_another_keyboard_app_does_when_the_one_in_use_is_uninstalled() -> None:
    phone = Phone([UIAUTOMATOR.ime, ADBKEYBOARD.ime], deaf=1)
    phone.current = UIAUTOMATOR.ime
    once = phone.once

    def uninstalled(args: Sequence[str]) -> str:
        said = once(args)
        if UIAUTOMATOR.ime in phone.imes:
            phone.imes.remove(UIAUTOMATOR.ime)
            phone.current = LATIN
        return said

    phone.typer._once = uninstalled
    phone.typer.type_text("é")
    assert (phone.field, phone.broadcasts, phone.current) == ("é", ["é", "é"], ADBKEYBOARD.ime)


def test_a_keyboard_that_goes_out_of_use_again_and_again_is_a_lost_one() -> None:
    phone = Phone([ADBKEYBOARD.ime], deaf=10**9)
    once = phone.once

    def taken_away(args: Sequence[str]) -> str:
        said = once(args)
        phone.current = LATIN
        return said

    phone.typer._once = taken_away
    with pytest.raises(KeyboardLostError, match="went out of use 3 times"):
        phone.typer.type_text("é")
    assert phone.current == LATIN
