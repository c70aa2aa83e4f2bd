"""The shell scripts for real devices: on a virtual phone through the real adb, and with fake tools on PATH."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import adbutils
import pytest

from device_scripts.virtual_phone.phone import KEY_POWER, LATIN_IME, Phone
from device_scripts.virtual_phone.server import is_free

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "device_scripts"
NAMES = ("install_sdk", "create_avd", "boot_avd", "prepare_device", "restore_device", "check_device")
BASH = shutil.which("bash") or "/bin/bash"
TIMEOUT_SEC = 60
Run = Callable[..., "Ran"]


class Ran:
    """What a script printed and returned."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    def __repr__(self) -> str:
        return f"code {self.code}\n{self.out}\n{self.err}"


def run_script(name: str, args: tuple[str, ...], folder: Path, environment: Mapping[str, str]) -> Ran:
    command = [BASH, str(SCRIPTS / f"{name}.sh"), *args]
    done = subprocess.run(
        command, cwd=folder, env=dict(environment), capture_output=True, text=True, timeout=TIMEOUT_SEC, check=False
    )
    return Ran(done)


def tool(folder: Path, name: str, body: str) -> Path:
    """Put a program of that name into a folder for PATH."""
    path = folder / name
    path.write_text(f"#!/usr/bin/env bash\nset -eu\n{body}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder that comes first on PATH."""
    folder = tmp_path / "tools"
    folder.mkdir()
    return folder


@pytest.fixture
def run(tmp_path: Path, tools: Path) -> Run:
    """Run a script in a folder of its own, with `tools` first on PATH and a home of its own."""
    environment = {"PATH": f"{tools}:{os.environ['PATH']}", "HOME": str(tmp_path), "FAKE": str(tmp_path)}

    def go(name: str, *args: str, **more: str) -> Ran:
        return run_script(name, args, tmp_path, environment | more)

    return go


# --- all of them


def test_shellcheck_finds_nothing() -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed")
    files = sorted(map(str, SCRIPTS.glob("*.sh")))
    done = subprocess.run(["shellcheck", "-x", "-P", str(ROOT), *files], capture_output=True, text=True, check=False)
    assert done.stdout == ""


@pytest.mark.parametrize("name", NAMES)
def test_help_is_printed_and_names_every_option(run: Run, name: str) -> None:
    ran = run(name, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"{name}.sh ")
    text = (SCRIPTS / f"{name}.sh").read_text()
    options = [line.split(")")[0].strip() for line in text.splitlines() if line.startswith("    --") and ")" in line]
    assert options
    assert all(option in ran.out for option in options if option not in ("--", "--help | -h"))


@pytest.mark.parametrize("name", NAMES)
def test_every_script_is_strict_executable_and_leaves_adb_servers_alone(name: str) -> None:
    path = SCRIPTS / f"{name}.sh"
    text = path.read_text()
    assert "\nset -euo pipefail\n" in text
    assert os.access(path, os.X_OK)
    assert "kill-server" not in text + (SCRIPTS / "common.sh").read_text()


TOOLS_OPTIONS = ("--dir", "d", "--tools-zip", "z.zip")
DIGEST = "0" * 64


@pytest.mark.parametrize(
    ("name", "args", "says"),
    [
        *((name, ("--frob",), "Got --frob") for name in NAMES),
        *((name, (), "Got no --") for name in NAMES),
        ("check_device", ("--serial",), "Got --serial without a value"),
        ("check_device", ("--serial", "--locale"), "Got --serial without a value"),
        ("check_device", ("--serial", "a;b"), "Got the serial 'a;b'"),
        ("prepare_device", ("--serial", "x", "--locale", "en_US"), "expected a language and a region"),
        ("prepare_device", ("--serial", "x", "--font-scale", "3"), "from 0.5 to 2"),
        ("prepare_device", ("--serial", "x", "--ime-apk", "none.apk"), "expected a file that is one"),
        ("restore_device", ("--serial", "x", "--undo", "none.txt"), "which is not there"),
        ("boot_avd", ("--name", "a", "--port", "5555"), "an even number from 5554 to 5682"),
        ("boot_avd", ("--name", "a", "--port", "5684"), "an even number from 5554 to 5682"),
        ("boot_avd", ("--name", "a", "--deadline-sec", "0"), "whole seconds"),
        ("boot_avd", ("--name", "a", "--save", "../x"), "Got the snapshot '../x'"),
        ("boot_avd", ("--name", "a", "--load", "clean"), "boot with --save clean first"),
        ("create_avd", ("--name", "a b"), "expected letters"),
        ("create_avd", ("--name", "a", "--resolution", "1080"), "WIDTHxHEIGHT"),
        ("create_avd", ("--name", "a", "--ram-mb", "12"), "from 1024 to 32768"),
        ("create_avd", ("--name", "a", "--ram-mb", "4G"), "from 1024 to 32768"),
        ("create_avd", ("--name", "a", "--snapshots", "yes"), "expected on or off"),
        ("install_sdk", ("--dir", "d", "--tools-zip", "z.zip", "--sha256", "12ab"), "64 hexadecimal digits"),
        ("install_sdk", (*TOOLS_OPTIONS, "--sha256", DIGEST, "--image", "android-34"), "sdkmanager --list"),
        ("install_sdk", (*TOOLS_OPTIONS, "--sha256", DIGEST), "or set SDK_TOOLS_URL"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_2(
    run: Run, tools: Path, name: str, args: tuple[str, ...], says: str
) -> None:
    for program in ("adb", "emulator", "avdmanager", "java", "unzip"):
        tool(tools, program, "echo 'was run' >&2; exit 1")
    ran = run(name, *args)
    assert ran.code == 2, ran
    assert says in ran.err
    assert len(ran.err.strip().splitlines()) == 1, ran


@pytest.mark.parametrize(
    ("name", "program"), [("check_device", "adb"), ("boot_avd", "adb"), ("create_avd", "avdmanager")]
)
def test_a_missing_program_is_named(run: Run, tmp_path: Path, name: str, program: str) -> None:
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "dirname").symlink_to(str(shutil.which("dirname")))
    given = ("--serial", "x") if name == "check_device" else ("--name", "x")
    ran = run(name, *given, PATH=str(tmp_path / "bare"))
    assert ran.code == 2, ran
    assert f"Got no program {program} on PATH" in ran.err


# --- prepare, check and restore on a virtual phone, through the real adb program


@pytest.fixture
def on_phone(adb_server: Any, virtual_phone: Callable[..., Any], tools: Path, tmp_path: Path) -> Callable[..., Any]:
    """A factory of (running phone, a function that runs a script on it)."""
    (tools / "adb").symlink_to(adbutils.adb_path())

    def start(**options: Any) -> tuple[Any, Run]:
        running = virtual_phone(**options)
        environment = adb_server.environment | {"PATH": f"{tools}:{os.environ['PATH']}"}

        def go(name: str, *args: str) -> Ran:
            return run_script(name, ("--serial", running.serial, *args), tmp_path, environment)

        return running, go

    return start


def all_settings(running: Any) -> dict[str, dict[str, str]]:
    return {
        name: dict(running.call(lambda n=name: running.phone.settings_list(n)))
        for name in ("system", "secure", "global")
    }


def test_prepared_is_ok_and_restored_is_as_before(on_phone: Callable[..., Any], tmp_path: Path) -> None:
    running, go = on_phone()
    before = all_settings(running)
    first_check = go("check_device")
    assert first_check.code == 1
    assert "DIFFERS  global window_animation_scale: is 1.0, wanted 0" in first_check.out
    prepared = go("prepare_device", "--undo", "undo.txt")
    assert prepared.code == 0, prepared
    assert "changed  global window_animation_scale: 1.0 -> 0\n" in prepared.out
    assert "changed  global stay_on_while_plugged_in: null -> 7\n" in prepared.out
    checked = go("check_device")
    assert checked.code == 0, checked
    assert "DIFFERS" not in checked.out
    undo = (tmp_path / "undo.txt").read_text()
    again = go("prepare_device", "--undo", "undo.txt")
    assert again.out.startswith(f"0 changed on {running.serial}\n")
    assert (tmp_path / "undo.txt").read_text() == undo
    restored = go("restore_device", "--undo", "undo.txt")
    assert restored.code == 0, restored
    assert all_settings(running) == before
    assert not (tmp_path / "undo.txt").exists()
    assert (tmp_path / "undo.txt.restored").read_text() == undo


def test_a_second_preparation_adds_to_the_undo_file_and_the_first_value_comes_back(
    on_phone: Callable[..., Any],
) -> None:
    running, go = on_phone()
    awkward = "6 0'0 $(reboot)"
    running.call(lambda: running.phone.settings_put("system", "screen_off_timeout", awkward))
    assert go("prepare_device").code == 0
    running.call(lambda: running.phone.settings_put("system", "screen_off_timeout", "1"))
    assert go("prepare_device").code == 0
    restored = go("restore_device")
    assert restored.code == 0, restored
    assert running.call(lambda: running.phone.settings_get("system", "screen_off_timeout")) == awkward


def test_a_dark_screen_is_woken_another_locale_is_set_and_a_keyboard_that_is_there_is_kept(
    on_phone: Callable[..., Any], tmp_path: Path
) -> None:
    running, go = on_phone()
    (tmp_path / "keys.apk").write_bytes(b"PK\x03\x04")
    running.call(lambda: running.phone.key(KEY_POWER))
    assert "DIFFERS  screen on: is no, wanted yes" in go("check_device").out
    prepared = go("prepare_device", "--locale", "de-DE", "--ime-apk", "keys.apk")
    assert prepared.code == 0, prepared
    assert running.call(lambda: running.phone.screen_on)
    assert "the locale counts from the next boot on" in prepared.out
    assert "kept     keyboard com.android.adbkeyboard/.AdbIME" in prepared.out
    assert go("check_device", "--locale", "de-DE").code == 0
    assert go("restore_device").code == 0
    assert running.call(lambda: running.phone.settings_get("system", "system_locales")) is None


def test_a_phone_that_installs_nothing_says_so(on_phone: Callable[..., Any], tmp_path: Path) -> None:
    _, go = on_phone(phone=Phone(keyboards=(LATIN_IME,)))
    (tmp_path / "keys.apk").write_bytes(b"PK\x03\x04")
    ran = go("prepare_device", "--ime-apk", "keys.apk")
    assert ran.code == 1
    assert "INSTALL_FAILED_USER_RESTRICTED" in ran.err
    assert "note     no keyboard for text beyond ASCII" in go("check_device").out


@pytest.mark.parametrize(
    "line",
    [
        "setting\tglobal\tx;reboot\t1",
        "setting\tnowhere\tx\t1",
        "setting\tglobal\tx",
        "package\tcom.android.settings",
        "reboot",
        "",
    ],
)
def test_an_undo_file_with_a_foreign_line_changes_nothing(
    on_phone: Callable[..., Any], tmp_path: Path, line: str
) -> None:
    running, go = on_phone()
    before = all_settings(running)
    head = f"# undo of prepare_device.sh for {running.serial}\n"
    (tmp_path / "undo.txt").write_text(f"{head}setting\tglobal\twindow_animation_scale\t3\n{line}\n")
    ran = go("restore_device", "--undo", "undo.txt")
    assert ran.code == 2, ran
    assert all_settings(running) == before


def test_another_devices_undo_file_is_refused(on_phone: Callable[..., Any], tmp_path: Path) -> None:
    _, go = on_phone()
    (tmp_path / "undo.txt").write_text("# undo of prepare_device.sh for R58\n")
    for name in ("prepare_device", "restore_device"):
        ran = go(name, "--undo", "undo.txt")
        assert ran.code == 2, ran
        assert "expected one of" in ran.err


# --- with a fake adb: what the virtual phone cannot play

FAKE_ADB = r"""
echo "$*" >>"$FAKE/calls"
[ "$1" = -s ] && shift 2
case $1 in
  get-state) [ -e "$FAKE/daemon" ] && cat "$FAKE/daemon"; cat "$FAKE/state"; exit 0 ;;
  install) echo 'Performing Streamed Install'; touch "$FAKE/ime"; echo Success; exit 0 ;;
  uninstall) rm "$FAKE/ime"; echo Success; exit 0 ;;
  shell) eval "set -- $2" ;;
  *) exit 1 ;;
esac
setting="$FAKE/settings.${3-}.${4-}"
case "$*" in
  'settings get '*) if [ -e "$setting" ]; then cat "$setting"; else echo null; fi ;;
  'settings put '*) [ -e "$FAKE/stuck" ] || printf '%s\r\n' "$5" >"$setting" ;;
  'settings delete '*) rm -f "$setting"; echo 'Deleted 1 rows' ;;
  'ime list -a -s') echo com.vendor/.Keys; [ ! -e "$FAKE/ime" ] || echo com.android.adbkeyboard/.AdbIME ;;
  'dumpsys power') echo '  mWakefulness=Awake' ;;
  'dumpsys window policy') printf '    KeyguardServiceDelegate\n      showing=%s\n' "$(cat "$FAKE/locked")" ;;
  'getprop persist.sys.locale') echo en-US ;;
  'getprop sys.boot_completed') cat "$FAKE/booted"; echo 1 >"$FAKE/booted" ;;
  'getprop init.svc.bootanim') cat "$FAKE/animation"; echo stopped >"$FAKE/animation" ;;
  'pm path android') if [ -e "$FAKE/packages" ]; then echo package:/x.apk; fi; touch "$FAKE/packages" ;;
esac
"""


@pytest.fixture
def fake_adb(tools: Path, tmp_path: Path) -> Path:
    """A fake adb on PATH; the folder with what it answers."""
    tool(tools, "adb", FAKE_ADB)
    for name, text in {"state": "device", "locked": "false", "booted": "", "animation": "running"}.items():
        (tmp_path / name).write_text(f"{text}\n")
    return tmp_path


def test_a_keyboard_is_installed_and_removed_again(run: Run, fake_adb: Path) -> None:
    (fake_adb / "keys.apk").write_bytes(b"PK\x03\x04")
    (fake_adb / "daemon").write_text("* daemon not running; starting now at tcp:5037\n* daemon started successfully\n")
    prepared = run("prepare_device", "--serial", "R58", "--ime-apk", "keys.apk")
    assert prepared.code == 0, prepared
    assert "changed  installed com.android.adbkeyboard" in prepared.out
    assert "ime enable" in (fake_adb / "calls").read_text().replace("'", "")
    assert (fake_adb / "settings.secure.show_ime_with_hard_keyboard").read_bytes() == b"1\r\n"
    restored = run("restore_device", "--serial", "R58")
    assert restored.code == 0, restored
    assert not (fake_adb / "ime").exists()
    assert list(fake_adb.glob("settings.*")) == []


def test_a_device_that_refuses_settings_says_what_to_allow(run: Run, fake_adb: Path) -> None:
    (fake_adb / "stuck").touch()
    ran = run("prepare_device", "--serial", "R58")
    assert ran.code == 1
    assert "allow USB debugging to change secure settings" in ran.err


def test_a_locked_screen_has_to_be_opened_by_hand(run: Run, fake_adb: Path) -> None:
    (fake_adb / "locked").write_text("true\n")
    ran = run("prepare_device", "--serial", "R58")
    assert ran.code == 1
    assert "take the screen lock off" in ran.err
    assert "DIFFERS  screen locked: is yes, wanted no" in run("check_device", "--serial", "R58").out


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ("offline", "Got the state 'offline' of R58"),
        ("unauthorized", "accept this computer's key on its screen"),
        ("authorizing", "accept this computer's key on its screen"),
        ("", "Got the state 'not there' of R58"),
    ],
)
def test_a_device_that_is_not_ready_is_left_alone(run: Run, fake_adb: Path, state: str, says: str) -> None:
    (fake_adb / "state").write_text(state)
    ran = run("prepare_device", "--serial", "R58")
    assert ran.code == 1
    assert says in ran.err
    assert "settings put" not in (fake_adb / "calls").read_text()


def test_a_change_that_does_not_go_back_keeps_the_undo_file(run: Run, fake_adb: Path) -> None:
    (fake_adb / "settings.global.window_animation_scale").write_text("1.0\n")
    assert run("prepare_device", "--serial", "R58").code == 0
    (fake_adb / "stuck").touch()
    ran = run("restore_device", "--serial", "R58")
    assert ran.code == 1
    assert "FAILED   global window_animation_scale: is 0, was 1.0" in ran.out
    assert (fake_adb / "undo-R58.txt").exists()


# --- the SDK

FAKE_SDKMANAGER = r"""#!/usr/bin/env bash
set -eu
root=${1#--sdk_root=}
echo "$*" >>"$root/asked"
if [ "$2" = --licenses ]; then mkdir -p "$root/licenses"; head -n 3 >"$root/licenses/android-sdk-license"; exit 0; fi
mkdir -p "$root/platform-tools" "$root/emulator"
for tool in platform-tools/adb emulator/emulator; do touch "$root/$tool"; chmod +x "$root/$tool"; done
"""


@pytest.fixture
def sdk_zip(tmp_path: Path, tools: Path) -> tuple[str, str]:
    """A zip in the form of the command-line tools, its path and SHA-256; and a java."""
    if shutil.which("unzip") is None:
        tool(tools, "unzip", f'exec {sys.executable} -c "{UNZIP}" "$3" "$5"')
    tool(tools, "java", "")
    path = tmp_path / "tools.zip"
    with zipfile.ZipFile(path, "w") as archive:
        entry = zipfile.ZipInfo("cmdline-tools/bin/sdkmanager")
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, FAKE_SDKMANAGER)
    return str(path), hashlib.sha256(path.read_bytes()).hexdigest()


UNZIP = (
    "import os, sys, zipfile; archive = zipfile.ZipFile(sys.argv[1]); "
    "[os.chmod(archive.extract(e, sys.argv[2]), e.external_attr >> 16) for e in archive.infolist()]"
)


def test_the_sdk_is_installed_once_licences_are_accepted(run: Run, sdk_zip: tuple[str, str], tmp_path: Path) -> None:
    path, digest = sdk_zip
    options = ("--dir", "sdk", "--tools-zip", path, "--sha256", digest.upper())
    stopped = run("install_sdk", *options)
    assert stopped.code == 1
    assert "run sdk/cmdline-tools/latest/bin/sdkmanager --sdk_root=sdk --licenses" in stopped.err
    assert not (tmp_path / "sdk" / "asked").exists()
    done = run("install_sdk", *options, "--accept-licences")
    assert done.code == 0, done
    assert (tmp_path / "sdk/licenses/android-sdk-license").read_text() == "y\ny\ny\n"
    asked = (tmp_path / "sdk/asked").read_text().splitlines()
    assert asked[-1] == "--sdk_root=sdk platform-tools emulator system-images;android-34;google_apis;x86_64"
    assert "export PATH='sdk/platform-tools:" in done.out
    Path(path).unlink()
    assert run("install_sdk", *options).code == 0  # what is there is left as it is


def test_a_zip_with_another_sum_is_not_unpacked(run: Run, sdk_zip: tuple[str, str], tmp_path: Path) -> None:
    ran = run("install_sdk", "--dir", "sdk", "--tools-zip", sdk_zip[0], "--sha256", DIGEST)
    assert ran.code == 1
    assert "do not use this one" in ran.err
    assert not (tmp_path / "sdk").exists()


def test_the_zip_is_downloaded_only_from_where_the_user_says(
    run: Run, sdk_zip: tuple[str, str], tmp_path: Path
) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    path, digest = sdk_zip
    options = ("--dir", "sdk", "--tools-zip", "here.zip", "--sha256", digest, "--accept-licences")
    missing = run("install_sdk", *options, SDK_TOOLS_URL=f"file://{path}.none")
    assert missing.code == 1
    assert "check the address" in missing.err
    assert run("install_sdk", *options, SDK_TOOLS_URL=f"file://{path}").code == 0
    assert (tmp_path / "here.zip").read_bytes() == Path(path).read_bytes()


# --- AVDs

FAKE_AVDMANAGER = r"""
echo "$*" >>"$FAKE/asked"
read -r custom_profile
[ "$custom_profile" = no ]
mkdir -p "$HOME/.android/avd/$5.avd"
printf 'hw.lcd.width=320\nhw.keyboard = yes\nimage.sysdir.1=x\n' >"$HOME/.android/avd/$5.avd/config.ini"
touch "$HOME/.android/avd/$5.ini"
"""


def test_an_avd_gets_the_screen_and_memory_asked_for(run: Run, tools: Path, tmp_path: Path) -> None:
    tool(tools, "avdmanager", FAKE_AVDMANAGER)
    ran = run("create_avd", "--name", "agent", "--resolution", "720x1600", "--ram-mb", "2048", "--snapshots", "off")
    assert ran.code == 0, ran
    config = (tmp_path / ".android/avd/agent.avd/config.ini").read_text().splitlines()
    keys = dict(line.split("=", 1) for line in config if line)
    assert len(keys) == len([line for line in config if line])
    wanted = {"hw.lcd.width": "720", "hw.lcd.height": "1600", "hw.ramSize": "2048", "hw.keyboard": "no"}
    wanted |= {"fastboot.forceColdBoot": "yes", "image.sysdir.1": "x", "hw.lcd.density": "420"}
    assert wanted.items() <= keys.items()
    again = run("create_avd", "--name", "agent")
    assert again.code == 2
    assert "expected a new one" in again.err
    assert len((tmp_path / "asked").read_text().splitlines()) == 1


def test_an_image_that_is_not_there_says_how_to_get_it(run: Run, tools: Path) -> None:
    tool(tools, "avdmanager", "exit 1")
    ran = run("create_avd", "--name", "agent")
    assert ran.code == 1
    assert "install_sdk.sh --image" in ran.err


# --- booting


def free_port() -> int:
    """Return an even port of the emulator's range that is free with its neighbour, beyond those an adb server scans."""
    return next(port for port in range(5600, 5682, 2) if is_free(port) and is_free(port + 1))


@pytest.fixture
def ended(tmp_path: Path) -> Iterator[Callable[[], bool]]:
    """Tells whether the emulator started here has ended; ends it after the test."""
    yield lambda: not (tmp_path / "alive").exists()
    for path in tmp_path.glob("*.log.pid"):
        subprocess.run(["kill", path.read_text().strip()], capture_output=True, check=False)


BLOCKS = 'tail -f /dev/null & trap \'kill $!; rm -f "$FAKE/alive"; exit 0\' TERM; touch "$FAKE/alive"; wait'


def test_boot_waits_for_every_condition_in_turn(
    run: Run, tools: Path, fake_adb: Path, ended: Callable[[], bool]
) -> None:
    tool(tools, "emulator", f'echo "$*" >"$FAKE/started"; {BLOCKS}')
    ran = run("boot_avd", "--name", "agent", "--port", str(free_port()), "--", "-gpu", "host")
    assert ran.code == 0, ran
    calls = (fake_adb / "calls").read_text()
    assert calls.count("sys.boot_completed") == 4  # not yet; then once for each condition after it that failed, and ok
    assert calls.count("init.svc.bootanim") == 3
    assert calls.count("'pm' 'path'") == 2
    started = (fake_adb / "started").read_text()
    assert started.startswith("-avd agent -port ")
    assert "-no-window" in started
    assert "-no-snapshot-load" in started
    assert started.endswith("-gpu host\n")
    assert not ended()


def test_at_the_deadline_the_emulator_started_here_is_stopped(
    run: Run, tools: Path, fake_adb: Path, ended: Callable[[], bool]
) -> None:
    tool(tools, "emulator", BLOCKS)
    (fake_adb / "state").write_text("offline\n")
    ran = run("boot_avd", "--name", "agent", "--port", str(free_port()), "--deadline-sec", "1")
    assert ran.code == 1
    assert "waiting for adb to show it" in ran.err
    assert ended()
    assert list(fake_adb.glob("*.pid")) == []


def test_an_interrupted_boot_stops_the_emulator_it_started(
    tools: Path, fake_adb: Path, ended: Callable[[], bool]
) -> None:
    tool(tools, "emulator", BLOCKS)
    (fake_adb / "state").write_text("offline\n")
    environment = {"PATH": f"{tools}:{os.environ['PATH']}", "HOME": str(fake_adb), "FAKE": str(fake_adb)}
    command = [BASH, str(SCRIPTS / "boot_avd.sh"), "--name", "agent", "--port", str(free_port())]
    with subprocess.Popen(command, cwd=fake_adb, env=environment, stderr=subprocess.DEVNULL) as booting:
        deadline = time.monotonic() + TIMEOUT_SEC
        while ended():
            assert time.monotonic() < deadline
        booting.terminate()
        assert booting.wait(TIMEOUT_SEC) != 0
    assert ended()


def test_a_device_whose_answers_are_no_values_is_not_written_to_the_undo_file(run: Run, fake_adb: Path) -> None:
    (fake_adb / "settings.global.window_animation_scale").write_text("first\nsecond\n")
    ran = run("prepare_device", "--serial", "R58")
    assert ran.code == 1
    assert "expected one word or number" in ran.err
    assert not (fake_adb / "undo-R58.txt").exists()


def test_an_emulator_that_ends_at_once_is_told_with_its_last_words(run: Run, tools: Path, fake_adb: Path) -> None:
    tool(tools, "emulator", "echo 'PANIC: no such AVD'; exit 1")
    ran = run("boot_avd", "--name", "agent", "--port", str(free_port()))
    assert ran.code == 1
    assert "PANIC: no such AVD" in ran.err


@pytest.mark.usefixtures("ended")
def test_a_virtual_phone_is_booted_saved_and_left_alone_by_a_second_one(run: Run, tools: Path, adb_server: Any) -> None:
    port = free_port()
    (tools / "adb").symlink_to(adbutils.adb_path())
    phone = f"{sys.executable} -m device_scripts.virtual_phone --port $(($4 + 1)) --adb-server-port {adb_server.port}"
    tool(tools, "emulator", f"cd {ROOT}; exec {phone}")
    shared = {key: value for key, value in adb_server.environment.items() if key != "PATH"}
    ran = run("boot_avd", "--name", "agent", "--port", str(port), "--save", "clean", **shared)
    assert ran.code == 0, ran
    assert f"emulator-{port} is up" in ran.out
    assert "snapshot clean saved" in ran.out
    second = run("boot_avd", "--name", "other", "--port", str(port), **shared)
    assert second.code == 2
    assert "what runs there is left alone" in second.err
    assert adb_server.text("-s", f"emulator-{port}", "get-state") == "device\n"
    adb_server.run("-s", f"emulator-{port}", "emu", "kill")
