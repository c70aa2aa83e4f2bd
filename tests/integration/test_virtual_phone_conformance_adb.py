"""The real adb program against the virtual phone: nothing here knows how the phone is built."""

from __future__ import annotations

import io
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import adbutils
import pytest
from PIL import Image

if TYPE_CHECKING:
    from device_scripts.virtual_phone.launch import RunningPhone
    from device_scripts.virtual_phone.private_adb import AdbServer

    PhoneFactory = Callable[..., RunningPhone]

pytestmark = pytest.mark.timeout(120)
TOKEN = "a-token-of-this-test"


class Adb:
    """adb -s SERIAL …"""

    def __init__(self, server: AdbServer, phone: RunningPhone) -> None:
        self.server = server
        self.phone = phone

    def run(self, *args: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return self.server.run("-s", self.phone.serial, *args, data=data)

    def out(self, *args: str) -> bytes:
        result = self.run(*args)
        assert result.returncode == 0, result
        return result.stdout


@pytest.fixture
def adb(adb_server: AdbServer, virtual_phone: PhoneFactory) -> Adb:
    return Adb(adb_server, virtual_phone(console_token=TOKEN))


@pytest.fixture
def console_token(adb_server: AdbServer) -> Iterator[None]:
    """Put the console's token where adb looks for it."""
    path = adb_server.home / ".emulator_console_auth_token"
    path.write_text(TOKEN)
    yield
    path.unlink()


def test_devices_names_the_phone_and_its_product(adb: Adb) -> None:
    line = next(line for line in adb.server.text("devices", "-l").splitlines() if adb.phone.serial in line)
    assert line.split()[1] == "device"
    assert "product:virtual_phone model:Virtual_Phone device:virtual_phone" in line
    assert adb.out("get-state") == b"device\n"


@pytest.mark.parametrize(("line", "status"), [("true", 0), ("false", 1), ("exit 42", 42), ("nope", 127)])
def test_shell_returns_the_exit_status(adb: Adb, line: str, status: int) -> None:
    assert adb.run("shell", line).returncode == status


def test_shell_keeps_output_and_errors_apart(adb: Adb) -> None:
    result = adb.run("shell", "echo out; echo err >&2")
    assert (result.stdout, result.stderr) == (b"out\n", b"err\n")


def test_shell_arguments_are_joined_by_spaces_as_adb_does(adb: Adb) -> None:
    assert adb.out("shell", "echo", "a  b", "'c  d'") == b"a b c  d\n"


def test_shell_reads_a_script_from_standard_input(adb: Adb) -> None:
    result = adb.run("shell", data=b"X=5\necho $X\nexit 9\n")
    assert (result.stdout, result.returncode) == (b"5\n", 9)


def test_exec_in_and_exec_out_carry_every_byte(adb: Adb) -> None:
    content = bytes(range(256)) * 500
    adb.run("exec-in", "cat > /sdcard/raw.bin", data=content)
    assert adb.out("exec-out", "cat /sdcard/raw.bin") == content


def test_exec_out_screencap_is_a_png_of_the_screen(adb: Adb) -> None:
    image = Image.open(io.BytesIO(adb.out("exec-out", "screencap", "-p")))
    assert (image.format, image.size) == ("PNG", (128, 224))


@pytest.mark.parametrize("size_bytes", [0, 1, 65_535, 65_536, 65_537, 5_000_001])
def test_push_and_pull_bring_a_file_back_unchanged(adb: Adb, tmp_path: Path, size_bytes: int) -> None:
    source, back = tmp_path / "source.bin", tmp_path / "back.bin"
    source.write_bytes((bytes(range(251)) * (size_bytes // 251 + 1))[:size_bytes])
    adb.out("push", str(source), "/sdcard/Download/")
    adb.out("pull", "/sdcard/Download/source.bin", str(back))
    assert back.read_bytes() == source.read_bytes()
    assert adb.out("shell", "stat -c %s /sdcard/Download/source.bin") == f"{size_bytes}\n".encode()


def test_push_and_pull_of_a_folder(adb: Adb, tmp_path: Path) -> None:
    (tmp_path / "tree" / "inner").mkdir(parents=True)
    (tmp_path / "tree" / "a.txt").write_text("a")
    (tmp_path / "tree" / "inner" / "b.txt").write_text("b")
    adb.out("push", str(tmp_path / "tree"), "/sdcard/")
    adb.out("pull", "/sdcard/tree", str(tmp_path / "back"))
    assert (tmp_path / "back" / "inner" / "b.txt").read_text() == "b"


def test_push_keeps_mode_and_date(adb: Adb, tmp_path: Path) -> None:
    source = tmp_path / "tool.sh"
    source.write_text("echo hi")
    source.chmod(0o755)
    adb.out("push", str(source), "/data/local/tmp/tool.sh")
    expected = f"{stat.S_IMODE(source.stat().st_mode):o} {int(source.stat().st_mtime)}\n"
    assert adb.out("shell", "stat -c '%a %Y' /data/local/tmp/tool.sh").decode() == expected


@pytest.mark.parametrize(
    ("target", "reason"),
    [("/system/x", b"Read-only file system"), ("/data/data/x", b"Permission denied")],
)
def test_refused_push_names_the_reason_and_the_connection_lives_on(
    adb: Adb, tmp_path: Path, target: str, reason: bytes
) -> None:
    source = tmp_path / "source.bin"
    source.write_bytes(b"x" * 300_000)
    result = adb.run("push", str(source), target)
    assert result.returncode == 1
    assert reason in result.stdout + result.stderr  # adb up to 29 or so prints it on the former
    assert adb.out("shell", "echo alive") == b"alive\n"


def test_pull_of_a_missing_file_fails(adb: Adb, tmp_path: Path) -> None:
    result = adb.run("pull", "/sdcard/none", str(tmp_path / "none"))
    assert result.returncode == 1
    assert b"No such file or directory" in result.stdout + result.stderr


def test_ls_lists_with_modes_and_sizes(adb: Adb) -> None:
    adb.out("shell", "echo 12345 > /sdcard/f")
    lines = adb.out("ls", "/sdcard").decode().splitlines()
    assert any(line.startswith("000081a4 00000006 ") and line.endswith(" f") for line in lines)


def test_install_is_refused_with_androids_word(adb: Adb, tmp_path: Path) -> None:
    package = tmp_path / "app.apk"
    package.write_bytes(b"PK" * 200_000)
    result = adb.run("install", str(package))
    assert result.returncode == 1
    assert b"Failure [INSTALL_FAILED_USER_RESTRICTED" in result.stderr + result.stdout
    assert adb.run("uninstall", "org.example.notes").returncode == 1


def test_logcat_dump(adb: Adb) -> None:
    adb.out("shell", "am", "start", "-n", "com.android.settings/.Settings")
    assert b"START u0" in adb.out("logcat", "-d")
    adb.out("logcat", "-c")
    assert b"START u0" not in adb.out("logcat", "-d")


def test_reverse_is_answered(adb: Adb) -> None:
    adb.out("reverse", "tcp:7001", "tcp:7002")
    assert b"tcp:7001 tcp:7002" in adb.out("reverse", "--list")
    adb.out("reverse", "--remove", "tcp:7001")
    assert adb.run("reverse", "--remove", "tcp:7001").returncode == 1


@pytest.mark.parametrize("command", ["root", "unroot", "remount"])
def test_root_commands_are_answered(adb: Adb, command: str) -> None:
    adb.run(command)
    assert adb.out("shell", "echo alive") == b"alive\n"


def test_forward_to_a_port_nobody_serves_is_closed(adb: Adb) -> None:
    port = int(adb.out("forward", "tcp:0", "tcp:9999"))
    assert port > 0
    adb.out("forward", "--remove", f"tcp:{port}")


@pytest.mark.usefixtures("console_token")
def test_console_commands_with_the_token_adb_finds(adb: Adb) -> None:
    assert adb.out("emu", "avd", "name") == b"virtual_phone\r\nOK\r\n"
    assert adb.out("emu", "avd", "snapshot", "save", "clean") == b"OK\r\n"
    adb.out("shell", "am start -n com.android.settings/.Settings")
    assert adb.out("emu", "avd", "snapshot", "load", "clean") == b"OK\r\n"
    assert b"Launcher" in adb.out("shell", "dumpsys window | grep mCurrentFocus")


def test_reboot_comes_back_at_the_home_screen(adb: Adb) -> None:
    adb.out("shell", "am start -n com.android.settings/.Settings; echo kept > /sdcard/kept")
    adb.out("reboot")
    adb.server.wait_for(adb.phone.serial)
    assert b"Launcher" in adb.out("shell", "dumpsys window | grep mCurrentFocus")
    assert adb.out("shell", "cat /sdcard/kept") == b"kept\n"


def test_cut_connection_is_found_again(adb: Adb) -> None:
    adb.phone.drop_connections()
    adb.server.wait_for(adb.phone.serial)
    assert adb.out("shell", "echo alive") == b"alive\n"


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\n\r\n" * 3, bytes(24), b"\xff" * 100])
def test_garbage_is_dropped_and_others_are_not_disturbed(adb: Adb, garbage: bytes) -> None:
    with socket.create_connection(("127.0.0.1", adb.phone.port), timeout=20) as stranger:
        stranger.sendall(garbage)
        assert stranger.recv(100) == b""
    assert adb.out("shell", "echo alive") == b"alive\n"


def test_two_phones_at_once_do_not_mix(adb_server: AdbServer, virtual_phone: PhoneFactory) -> None:
    first, second = Adb(adb_server, virtual_phone(seed=1)), Adb(adb_server, virtual_phone(seed=2, size=(144, 256)))
    assert first.phone.serial != second.phone.serial
    assert (first.out("shell", "wm size"), second.out("shell", "wm size")) == (
        b"Physical size: 128x224\n",
        b"Physical size: 144x256\n",
    )


# --- the command line program


def start_program(*args: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "device_scripts.virtual_phone", *args]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_program_says_ready_serves_and_ends_cleanly(adb_server: AdbServer, number: signal.Signals) -> None:
    program = start_program("--port", "0", "--adb-server-port", str(adb_server.port), "--seed", "4")
    assert program.stdout is not None
    serial = program.stdout.readline().split()[0]
    adb_server.wait_for(serial)
    assert adb_server.text("-s", serial, "shell", "getprop ro.serialno") == f"{serial}\n"
    program.send_signal(number)
    _, errors = program.communicate(timeout=30)
    assert (program.returncode, errors) == (0, "")


def test_program_asks_for_a_key_when_told_to(adb_server: AdbServer) -> None:
    program = start_program("--port", "0", "--adb-server-port", str(adb_server.port), "--require-auth")
    assert program.stdout is not None
    serial = program.stdout.readline().split()[0]
    adb_server.wait_for(serial)
    assert adb_server.text("-s", serial, "shell", "echo in") == "in\n"
    adb_server.run("-s", serial, "reconnect")  # the key is known now: this time its signature opens
    adb_server.wait_for(serial)
    assert adb_server.text("-s", serial, "shell", "echo again") == "again\n"
    program.terminate()
    program.communicate(timeout=30)


def test_console_kill_ends_the_program(adb_server: AdbServer) -> None:
    program = start_program("--port", "0", "--adb-server-port", str(adb_server.port))
    assert program.stdout is not None
    serial = program.stdout.readline().split()[0]
    adb_server.wait_for(serial)
    adb_server.run("-s", serial, "emu", "kill")
    program.communicate(timeout=30)
    assert program.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--size", "huge"], "WIDTHxHEIGHT"),
        (["--size", "1x1"], "64 to 4320"),
        (["--density", "1"], "dots per inch"),
        (["--density", "960"], "give 72 to 320 dots per inch on 128x224 pixels"),
        (["--port", "70000"], "1 to 65535"),
        (["--port", "0", "--console-token-file", "/nowhere/token"], "cannot be read"),
        (["--port", "0", "--adb-server-port", "1"], "No adb server answers"),
    ],
)
def test_bad_option_is_one_sentence_and_status_2(arguments: list[str], words: str) -> None:
    program = start_program(*arguments)
    out, errors = program.communicate(timeout=30)
    assert (program.returncode, out, errors.count("\n")) == (2, "", 1)
    assert words in errors


def test_port_in_use_is_one_sentence_and_status_2(virtual_phone: PhoneFactory) -> None:
    running = virtual_phone()
    program = start_program("--port", str(running.port))
    _, errors = program.communicate(timeout=30)
    assert program.returncode == 2
    assert errors == f"Port {running.port} on 127.0.0.1 cannot be opened (Address already in use); choose another.\n"


def test_adb_program_is_the_one_the_wheel_brings() -> None:
    assert Path(adbutils.adb_path()).exists()
