"""Two Python clients against the virtual phone: adbutils through a real adb server, adb-shell straight to the port."""

from __future__ import annotations

import io
import re
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import adbutils
import pytest
from adb_shell.adb_device import AdbDeviceTcp
from adb_shell.exceptions import AdbCommandFailureException

if TYPE_CHECKING:
    from device_scripts.virtual_phone.launch import RunningPhone
    from device_scripts.virtual_phone.private_adb import AdbServer

    PhoneFactory = Callable[..., RunningPhone]

pytestmark = pytest.mark.timeout(120)
SETTINGS = "com.android.settings"


# --- adbutils


@pytest.fixture
def running(virtual_phone: PhoneFactory) -> RunningPhone:
    return virtual_phone()


@pytest.fixture
def device(adb_server: AdbServer, running: RunningPhone) -> adbutils.AdbDevice:
    return adb_server.client.device(running.serial)


def wait_until(condition: Callable[[], bool]) -> None:
    """Ask until `condition` holds; fail after 30 s."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def center_of(device: Any, text: str) -> tuple[int, int]:
    found = re.search(rf'text="{text}"[^>]*bounds="\[(\d+),(\d+)\]\[(\d+),(\d+)\]"', device.dump_hierarchy())
    assert found, text
    left, top, right, bottom = map(int, found.groups())
    return (left + right) // 2, (top + bottom) // 2


def test_adbutils_shell_and_shell2(device: Any) -> None:
    assert device.shell("echo 'a  b'") == "a  b"
    assert device.shell(["echo", "x;y", "$z"]) == "x;y $z"
    for v2 in (False, True):
        result = device.shell2("echo out; nope", v2=v2)
        assert (result.returncode, result.output.splitlines()[0]) == (127, "out")
    assert device.shell2("nope", v2=True).stderr.startswith("/system/bin/sh: nope")


def test_adbutils_streaming_shell(device: Any) -> None:
    connection = device.shell("", stream=True)
    connection.send(b"echo warm\n")
    assert connection.read(5) == b"warm\n"
    connection.close()


def test_adbutils_identity(device: Any, running: RunningPhone) -> None:
    assert device.info["serialno"] == running.serial
    assert device.get_state() == "device"
    assert "shell_v2" in device.get_features()
    assert (device.prop.name, device.prop.model, device.prop.device) == (
        "virtual_phone",
        "Virtual_Phone",
        "virtual_phone",
    )
    assert device.getprop("ro.build.version.sdk") == "34"
    assert device.wlan_ip() == "10.0.2.16"


def test_adbutils_screen(device: Any) -> None:
    picture = device.screenshot()
    assert picture.size == (128, 224)
    assert device.framebuffer().convert("RGB").tobytes() == picture.tobytes()
    assert device.screenshot(display_id=0).size == (128, 224)
    assert tuple(device.window_size()) == (128, 224)
    assert device.rotation() == 0
    assert device.is_screen_on()
    device.keyevent("POWER")
    assert not device.is_screen_on()


def test_adbutils_window_size_turns_with_the_screen(device: Any) -> None:
    device.shell("settings put system accelerometer_rotation 0; settings put system user_rotation 1")
    assert device.rotation() == 1
    assert tuple(device.window_size()) == (224, 128)


def test_adbutils_apps(device: Any) -> None:
    assert device.app_current().package == "com.android.launcher3"
    device.app_start(SETTINGS)
    assert (device.app_current().package, device.app_current().activity) == (SETTINGS, ".Settings")
    device.app_stop(SETTINGS)
    assert device.app_current().package == "com.android.launcher3"
    device.app_start(SETTINGS, ".Settings")
    device.app_clear(SETTINGS)
    assert {SETTINGS, "org.example.notes"} <= set(device.list_packages())
    assert device.list_packages(["-3"]) == ["org.example.notes"]
    info = device.app_info(SETTINGS)
    assert (info.version_name, info.version_code) == ("1.0", 1)
    assert device.app_info("com.nope") is None
    device.open_browser("https://shop.example/cart")
    assert device.app_current().package == "com.android.browser"


def test_adbutils_input(device: Any) -> None:
    device.click(*center_of(device, "Notes"))
    assert device.app_current().package == "org.example.notes"
    device.click(*center_of(device, "New"))
    device.send_keys("milk and honey")
    assert 'text="milk and honey"' in device.dump_hierarchy()
    device.keyevent("DEL")
    assert 'text="milk and hone"' in device.dump_hierarchy()
    device.keyevent("HOME")
    device.swipe(60, 150, 60, 60, 0.2)
    device.drag(60, 150, 60, 60, 0.2)
    assert device.app_current().package == "com.android.launcher3"


def test_adbutils_settings(device: Any) -> None:
    assert device.battery().level == 100
    device.brightness_value = 200
    assert device.brightness_value == 200
    device.brightness_mode = adbutils.BrightnessMode.AUTO
    assert device.brightness_mode == adbutils.BrightnessMode.AUTO
    device.switch_airplane(True)
    device.switch_wifi(False)
    assert device.shell("settings get global airplane_mode_on; settings get global wifi_on") == "1\n0"


def test_adbutils_sync(device: Any, tmp_path: Path) -> None:
    content = bytes(range(256)) * 1000
    assert device.sync.push(io.BytesIO(content), "/sdcard/new/folder/x.bin", check=True) == len(content)
    assert b"".join(device.sync.iter_content("/sdcard/new/folder/x.bin")) == content
    assert device.sync.pull("/sdcard/new/folder/x.bin", tmp_path / "x.bin") == len(content)
    assert device.sync.stat("/sdcard/new/folder/x.bin").size == len(content)
    assert device.sync.exists("/sdcard/new/folder/x.bin")
    assert not device.sync.exists("/sdcard/none")
    assert [info.path for info in device.sync.list("/sdcard/new/folder/")] == [".", "..", "x.bin"]
    assert device.sync.pull_dir("/sdcard/new", tmp_path / "tree") == len(content)
    device.remove("/sdcard/new/folder/x.bin")
    device.rmtree("/sdcard/new")
    with pytest.raises(adbutils.AdbError, match="No such file"):
        device.sync.read_bytes("/sdcard/new/folder/x.bin")


def test_adbutils_forwarding_and_root(device: Any) -> None:
    device.reverse("tcp:7001", "tcp:7002")
    assert [(item.remote, item.local) for item in device.reverse_list()] == [("tcp:7001", "tcp:7002")]
    device.reverse_remove("tcp:7001")
    device.reverse_remove_all()
    assert "cannot run as root" in device.root()
    with pytest.raises(adbutils.AdbError):
        device.create_connection(adbutils.Network.TCP, 9999)


def test_adbutils_install_is_refused(device: Any) -> None:
    with pytest.raises(adbutils.AdbInstallError, match="INSTALL_FAILED"):
        device.install_remote("/data/local/tmp/x.apk")
    assert device.uninstall("org.example.notes").startswith("Failure")


def test_adbutils_logcat_follows(device: Any, tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    event = device.logcat(str(log))
    device.app_start(SETTINGS)
    wait_until(lambda: "START u0" in log.read_text())
    event.stop_nowait()
    device.app_start("com.android.deskclock")  # one more line, so that the reader looks up
    wait_until(event.is_done)


def test_adbutils_sees_a_phone_come_and_go(adb_server: AdbServer, virtual_phone: PhoneFactory) -> None:
    running = virtual_phone()
    assert running.serial in [found.serial for found in adb_server.client.device_list()]
    running.stop()
    wait_until(lambda: running.serial not in adb_server.text("devices"))


# --- adb-shell: speaks version 0x01000000 and checks every sum


@pytest.fixture
def direct(running: RunningPhone) -> Iterator[AdbDeviceTcp]:
    device = AdbDeviceTcp("127.0.0.1", running.port, default_transport_timeout_s=20)
    assert device.connect(rsa_keys=[])
    yield device
    device.close()


def test_adb_shell_runs_commands(direct: Any) -> None:
    assert direct.shell("echo hi; nope") == "hi\n/system/bin/sh: nope: inaccessible or not found\n"
    assert direct.exec_out("screencap -p", decode=False)[:4] == b"\x89PNG"
    assert "".join(direct.streaming_shell("echo one; echo two")) == "one\ntwo\n"


def test_adb_shell_moves_files(direct: Any, tmp_path: Path) -> None:
    source, back = tmp_path / "source.bin", tmp_path / "back.bin"
    source.write_bytes(bytes(range(256)) * 3000)
    direct.push(str(source), "/sdcard/source.bin")
    direct.pull("/sdcard/source.bin", str(back))
    assert back.read_bytes() == source.read_bytes()
    mode, size, _ = direct.stat("/sdcard/source.bin")
    assert (stat.S_ISREG(mode), size) == (True, 768_000)
    assert b"source.bin" in [entry.filename for entry in direct.list("/sdcard/")]
    with pytest.raises(AdbCommandFailureException, match="No such file"):
        direct.pull("/sdcard/none", str(tmp_path / "none"))


def test_adb_shell_and_adb_server_share_one_phone(direct: Any, device: Any) -> None:
    direct.shell("am start -n com.android.settings/.Settings")
    assert device.app_current().package == SETTINGS
    assert direct.root() is None
