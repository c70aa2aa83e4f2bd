"""The further apps: arithmetic, music on virtual time, and files that the shell and the apps share."""

from __future__ import annotations

import pytest

from device_scripts.virtual_phone.apps.calculator import value_of, written
from device_scripts.virtual_phone.apps.music import TRACKS, now, play
from device_scripts.virtual_phone.errors import DeviceFileError, PhoneError
from device_scripts.virtual_phone.filesystem import DeviceFiles
from device_scripts.virtual_phone.phone import Phone
from device_scripts.virtual_phone.ui.pictures import fit_picture, photograph


@pytest.fixture
def phone() -> Phone:
    return Phone(seed=1, apps="full")


def tap(phone: Phone, label: str) -> None:
    left, top, right, bottom = [node for node in phone.nodes() if node.label == label][-1].bounds
    phone.tap((left + right) // 2, (top + bottom) // 2)


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("2+3x4", "14"),
        ("-2+5", "3"),
        ("8/2/2", "2"),
        ("1/3", "0.3333333333"),
        ("0.1+0.2", "0.3"),
        ("50%", "0.5"),
        ("3-10", "-7"),
        ("1/0", None),
        ("2+", None),
        ("2..3", None),
        ("", None),
    ],
)
def test_the_calculator_works_out_products_before_sums(expression: str, result: str | None) -> None:
    value = value_of(expression)
    assert (None if value is None else written(value)) == result


def test_the_next_song_starts_when_one_is_over(phone: Phone) -> None:
    first, second = (int(number) for number in phone.state.orders["music"][:2])
    play(phone.state, first, 0)
    phone.advance(1000 * TRACKS[first].seconds + 5000)
    assert now(phone.state) == (TRACKS[second], True, 5000)


def test_a_picture_that_is_taken_is_a_file_and_goes_with_a_snapshot(phone: Phone) -> None:
    before = phone.snapshot()
    phone.start_activity("com.android.camera2")
    tap(phone, "Take")
    assert [name for name, _ in phone.files.children("/sdcard/DCIM/Camera")] == ["IMG_0001.png"]
    assert len(phone.content_query("content://media/external/images/media")) == 9
    phone.restore(before)
    assert phone.files.find("/sdcard/DCIM/Camera") is None


def test_what_the_shell_writes_shows_in_files_at_once(phone: Phone) -> None:
    phone.start_activity("com.android.documentsui")
    tap(phone, "Download")
    assert "Empty folder" in [node.label for node in phone.nodes()]
    phone.files.write("/sdcard/Download/a.txt", b"hello", now_sec=0)
    assert "a.txt" in [node.label for node in phone.nodes()]


def test_an_installed_app_is_listed_on_the_home_screen_and_gone_with_its_data(phone: Phone) -> None:
    assert "org.example.dice" not in phone.packages()
    with pytest.raises(PhoneError):
        phone.start_activity("org.example.dice")
    phone.install("org.example.dice")
    assert "org.example.dice" in phone.packages()
    phone.swipe(64, 180, 64, 40)
    tap(phone, "Search apps")
    phone.text("dice")
    assert "Dice" in [node.label for node in phone.nodes() if node.role == "icon"]
    phone.start_activity("org.example.dice")
    phone.uninstall("org.example.dice")
    assert phone.foreground() == "com.android.launcher3/.Launcher"
    assert "org.example.dice/value" not in phone.state.tables
    with pytest.raises(PhoneError):
        phone.uninstall("org.example.dice")
    with pytest.raises(PhoneError):
        phone.uninstall("com.android.settings")


def test_renaming_a_folder_takes_what_is_inside_along() -> None:
    files = DeviceFiles()
    files.make_folder("/sdcard/a", now_sec=0)
    files.write("/sdcard/a/x", b"1", now_sec=0)
    files.rename("/sdcard/a", "/sdcard/b")
    assert files.read("/sdcard/b/x") == b"1"
    for old, new in (("/sdcard/a", "/sdcard/c"), ("/sdcard/b", "/sdcard/Download"), ("/sdcard/b", "/sdcard/b/c")):
        with pytest.raises(DeviceFileError):
            files.rename(old, new)


def test_a_broken_picture_is_none_and_a_whole_one_fits() -> None:
    whole = photograph("house", 1)
    fitted = fit_picture(whole, (30, 20))
    assert fitted is not None
    assert fitted.size == (30, 20)
    assert fit_picture(whole[:200], (30, 20)) is None
    assert fit_picture(b"", (30, 20)) is None
