"""The keyboard apps a virtual phone can be given, and the room it says it has."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from device_scripts.virtual_phone.device import VirtualDevice, build_device
from device_scripts.virtual_phone.phone import LATIN_IME, UIAUTOMATOR_IME, UNICODE_IME, Phone

Sh = Callable[..., Any]
MESSAGE = base64.b64encode("smörgås ✓".encode()).decode()
SEND = f"am broadcast -a ADB_KEYBOARD_INPUT_TEXT --es text {MESSAGE}"


@pytest.fixture
def device() -> VirtualDevice:
    return build_device(Phone(keyboards=(LATIN_IME, UNICODE_IME, UIAUTOMATOR_IME)), "emulator-5554")


def field(device: VirtualDevice) -> str:
    return next(node.text for node in device.phone.nodes() if node.role == "field")


def test_a_phone_comes_with_adbkeyboard_only_and_its_first_frame_does_not_tell(device: VirtualDevice) -> None:
    usual = Phone()
    assert usual.ime_list() == [LATIN_IME, UNICODE_IME]
    assert usual.frame_bytes() == device.phone.frame_bytes() == Phone(keyboards=(LATIN_IME,)).frame_bytes()


def test_uiautomators_keyboard_says_that_it_typed(sh: Sh, device: VirtualDevice) -> None:
    sh("am start -n org.example.notes/.EditActivity")
    empty = field(device)
    assert sh(SEND).text.endswith("Broadcast completed: result=0\n")
    assert field(device) == empty
    assert sh(f"ime set {UIAUTOMATOR_IME}").status == 0
    assert sh(SEND).text.endswith('Broadcast completed: result=-1, data="success"\n')
    assert field(device) == "smörgås ✓"


def test_without_a_field_it_says_that_it_did_not(sh: Sh) -> None:
    sh(f"ime set {UIAUTOMATOR_IME}")
    assert sh(SEND).text.endswith("Broadcast completed: result=0\n")


@pytest.mark.parametrize(("package", "typed"), [("com.github.uiautomator", True), ("com.android.adbkeyboard", False)])
def test_a_broadcast_for_one_package_reaches_no_other(sh: Sh, device: VirtualDevice, package: str, typed: bool) -> None:
    sh("am start -n org.example.notes/.EditActivity")
    sh(f"ime set {UIAUTOMATOR_IME}")
    sh(f"{SEND} -p {package}")
    assert (field(device) == "smörgås ✓") == typed


@pytest.mark.parametrize("message", ["%%%", "/w==", ""])
def test_what_cannot_be_decoded_is_not_typed(sh: Sh, device: VirtualDevice, message: str) -> None:
    sh("am start -n org.example.notes/.EditActivity")
    empty = field(device)
    sh(f"ime set {UIAUTOMATOR_IME}")
    sh(f"am broadcast -a ADB_KEYBOARD_INPUT_TEXT --es text '{message}'")
    assert field(device) == empty


def test_df_prints_what_toybox_does(sh: Sh) -> None:
    head, row = sh("df -k /data").text.splitlines()
    assert head.split() == ["Filesystem", "1K-blocks", "Used", "Available", "Use%", "Mounted", "on"]
    name, total_kib, used_kib, free_kib, share, mount = row.split()
    assert int(total_kib) == int(used_kib) + int(free_kib)
    assert (name, share, mount) == ("/dev/block/dm-5", "39%", "/data")
    assert sh("df -k /none").status == 1
