"""How the screen is turned, which display has the focus, date and disk: what is named, sent, and let be."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from agent_runtime.devices import ShellResult
from agent_runtime.devices.faults import DeviceFault
from agent_runtime.devices.link import Link, Patience
from agent_runtime.devices.surroundings import Surroundings
from agent_runtime.errors import DeviceFaultError
from benchmarks.simulated_adb import SimulatedClock
from tests.fakes import FakeDevice

RESUMED = "Display #0 (activities from top to bottom):\n  topResumedActivity=ActivityRecord{1 u0 a.b/.Main t3}\n"


class Phone(FakeDevice):
    """Answers by the whole command line; an answer may be a function. Everything asked is kept."""

    def __init__(self, **answers: str | Callable[[], str]) -> None:
        super().__init__()
        self.answers: dict[str, str | Callable[[], str]] = {"wm size": "Physical size: 90x200\n"}
        self.answers |= {key.replace("_", " ", 1): answer for key, answer in answers.items()}
        self.noted: list[DeviceFault] = []
        self.around = Surroundings(self.serial, self.shell, self.noted.append)

    def shell(self, args: Sequence[str]) -> ShellResult:
        super().shell(args)
        answer = self.answers.get(" ".join(args), "")
        return ShellResult(answer if isinstance(answer, str) else answer(), 0)

    @property
    def lines(self) -> list[str]:
        return [" ".join(args) for args in self.commands]

    @property
    def names(self) -> list[str]:
        return [fault.name for fault in self.noted]

    def rotation(self, auto: str, user: str) -> None:
        self.answers["settings get system accelerometer_rotation"] = auto + "\n"
        self.answers["settings get system user_rotation"] = user + "\n"


PUT_PORTRAIT = ["settings put system user_rotation 0", "settings put system accelerometer_rotation 0"]


@pytest.mark.parametrize(("auto", "user"), [("1", "0"), ("0", "1"), ("0", "3"), ("null", "0")])
def test_a_screen_that_was_turned_is_turned_back_by_its_settings(auto: str, user: str) -> None:
    phone = Phone()
    phone.rotation(auto, user)
    assert phone.around.turn_back(landscape=False)
    assert (phone.lines[-2:], phone.names) == (PUT_PORTRAIT, ["rotation"])


@pytest.mark.parametrize("user", ["0", "2", "null"])
def test_a_screen_that_an_app_wants_turned_is_let_be(user: str) -> None:
    phone = Phone()
    phone.rotation("0", user)
    assert not phone.around.turn_back(landscape=False)
    assert not any(line.startswith("settings put") for line in phone.lines)
    assert phone.names == []


def test_a_tablet_that_is_wide_by_nature_is_turned_back_to_its_own_way() -> None:
    phone = Phone()
    phone.answers["wm size"] = "Physical size: 200x90\n"
    phone.rotation("1", "0")
    assert phone.around.turn_back(landscape=True)
    assert phone.lines[-2:] == PUT_PORTRAIT


def focus(*displays: int) -> Callable[[], str]:
    left = list(displays)
    return lambda: f"  mTopFocusedDisplayId={left.pop(0) if len(left) > 1 else left[0]}\n"


def test_the_focus_comes_back_by_a_touch_that_is_taken_back() -> None:
    phone = Phone(dumpsys_window=focus(0))
    assert phone.around.focus_first_display("  mTopFocusedDisplayId=2\n")
    assert [line for line in phone.lines if line.startswith(("input", "am"))] == [
        "input -d 0 motionevent DOWN 45 100",
        "input -d 0 motionevent CANCEL 45 100",
    ]
    assert [(fault.name, fault.excuses) for fault in phone.noted] == [("wrong_display_focus", True)]


def test_where_the_touch_does_not_help_what_is_on_top_is_started_as_its_icon_does() -> None:
    phone = Phone(dumpsys_window=focus(2, 0))
    phone.answers["dumpsys activity activities"] = RESUMED
    phone.answers["cmd package resolve-activity --brief a.b"] = "a.b/.Main\n"
    assert phone.around.focus_first_display("  mTopFocusedDisplayId=2\n")
    assert [line for line in phone.lines if line.startswith("am")] == [
        "am start --display 0 -a android.intent.action.MAIN -f 0x10000000 "
        "-c android.intent.category.LAUNCHER -n a.b/a.b.Main"
    ]


def test_a_focus_that_stays_elsewhere_is_void() -> None:
    phone = Phone(dumpsys_window=focus(2))
    with pytest.raises(DeviceFaultError, match=r"^wrong_display_focus: display 2"):
        phone.around.focus_first_display("  mTopFocusedDisplayId=2\n")


@pytest.mark.parametrize("dump", ["", "  mTopFocusedDisplayId=0\n", "x mTopFocusedDisplayId=2 y\n"])
def test_the_focus_on_the_first_display_costs_nothing_more(dump: str) -> None:
    phone = Phone()
    assert not phone.around.focus_first_display(dump)
    assert (phone.commands, phone.noted) == ([], [])


@pytest.mark.parametrize(("later", "names"), [(1_000_000, []), (1_000_200, []), (1_007_200, ["clock_jump"]), (0, [])])
def test_a_date_that_jumped_is_named(later: int, names: list[str]) -> None:
    phone = Phone()
    phone.answers["grep btime /proc/stat"] = "btime 1000000\n"
    phone.around.begin_episode()
    phone.answers["grep btime /proc/stat"] = f"btime {later}\n" if later else "grep: /proc/stat: Permission denied\n"
    phone.around.end_episode()
    assert phone.names == names


@pytest.mark.parametrize(("free", "names"), [("0", ["disk_full"]), ("1023", ["disk_full"]), ("1024", []), ("x", [])])
def test_a_disk_without_room_is_named(free: str, names: list[str]) -> None:
    phone = Phone()
    phone.answers["df -k /data"] = (
        f"Filesystem 1K-blocks Used Available Use% Mounted on\n/dev/x 9 9 {free} 100% /data\n"
    )
    phone.around.end_episode()
    assert phone.names == names


# --- a full disk under a command


def link_to(answers: Sequence[str]) -> tuple[Link, FakeDevice, list[DeviceFault]]:
    left, noted = list(answers), list[DeviceFault]()

    class Full(FakeDevice):
        clock = SimulatedClock()

        def shell(self, args: Sequence[str]) -> ShellResult:
            super().shell(args)
            return ShellResult(left.pop(0) if len(left) > 1 else left[0], 0)

    device = Full()
    return Link(device, Patience(), noted.append), device, noted


INSERT = ["content", "insert", "--uri", "x"]
FULL = "Error while accessing provider:x\nandroid.database.sqlite.SQLiteFullException: database or disk is full\n"


def test_an_insert_that_found_no_room_did_nothing_and_is_run_again_once_there_is() -> None:
    link, device, noted = link_to([FULL, FULL, ""])
    assert link.shell(INSERT).stdout == ""
    assert device.commands == [INSERT] * 3
    assert [(fault.name, fault.excuses) for fault in noted] == [("disk_full", True)]


def test_a_disk_that_stays_full_is_void() -> None:
    link, device, _ = link_to([FULL])
    with pytest.raises(DeviceFaultError, match=r"^disk_full, for 30 s"):
        link.shell(INSERT)
    assert 30 <= device.clock.monotonic() < 35


def test_an_app_that_shows_such_words_fills_no_disk() -> None:
    link, _, noted = link_to(["Row: 0 text=No space left on device\n"])
    link.shell(["content", "query", "--uri", "x"])
    link.shell(["cat", "/data/local/tmp/x.xml"])
    assert noted == []
