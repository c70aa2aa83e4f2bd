"""What the wire serves: a phone with its files, properties and named snapshots. Speaks no protocol."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from device_scripts.virtual_phone.faults import FaultSchedule
from device_scripts.virtual_phone.filesystem import DeviceFiles, FileNode
from device_scripts.virtual_phone.input_devices import InputDevices
from device_scripts.virtual_phone.phone_api import PhoneLike

SDK_BY_RELEASE: Final = {"10": 29, "11": 30, "12": 31, "13": 33, "14": 34, "15": 35, "16": 36}
KEYCODE_HOME: Final = 3
_SETTINGS: Final = (
    ("system", "screen_brightness", "128"),
    ("system", "screen_off_timeout", "60000"),
    ("system", "user_rotation", "0"),
    ("secure", "android_id", "5ca1ab1e0ddba115"),
)
SMS_PACKAGE: Final = "com.android.messaging"
INBOX_URI: Final = "content://sms/inbox"
MODEL: Final = "Virtual_Phone"
PRODUCT: Final = "virtual_phone"


@dataclass(slots=True)
class Snapshot:
    """A named state: the phone's, the files' and when (virtual milliseconds) it was taken."""

    phone: object
    files: dict[str, FileNode]
    clock_ms: int


@dataclass(slots=True)
class VirtualDevice:
    """One device. `location` is (longitude, latitude, altitude) from `geo fix`; `messages` are (sender, text);
    `touch_down` is where a `motionevent DOWN` began; `reverse` maps phone sockets to host ones;
    `faults` go wrong, and only they need a screenshot kept."""

    phone: PhoneLike
    files: DeviceFiles
    serial: str
    name: str = PRODUCT
    properties: dict[str, str] = field(default_factory=dict)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    location: tuple[float, float, float] | None = None
    messages: list[tuple[str, str]] = field(default_factory=list)
    touch_down: tuple[int, int] | None = None
    reverse: dict[str, str] = field(default_factory=dict)
    rebooting: bool = False
    logcat_cleared_at: int = 0
    faults: FaultSchedule | None = None
    last_screenshot: bytes = b""
    inputs: InputDevices = field(default_factory=InputDevices)

    def now_sec(self) -> int:
        """Return the phone's own clock in seconds."""
        return self.phone.clock_ms // 1000

    def receive_message(self, sender: str, text: str) -> None:
        """Take a text message: into the phone's own inbox where it has an app for it, else into `messages`."""
        if SMS_PACKAGE in self.phone.packages():
            self.phone.content_insert(INBOX_URI, {"address": sender, "body": text})
        else:
            self.messages.append((sender, text))

    def finish_reboot(self) -> None:
        """Come back up: every app stopped, the home screen shown, files and settings kept."""
        self.rebooting = False
        self.touch_down = None
        self.reverse.clear()
        for package in self.phone.packages():
            self.phone.force_stop(package)
        self.phone.key(KEYCODE_HOME)

    def fork(self) -> VirtualDevice:
        """Return an independent device in the same state; faults are not taken along."""
        phone = self.phone.fork()
        return replace(
            self,
            phone=phone,
            files=phone.files,
            properties=dict(self.properties),
            snapshots=dict(self.snapshots),
            messages=list(self.messages),
            reverse=dict(self.reverse),
            faults=None,
            inputs=InputDevices(),
        )

    def save_snapshot(self, name: str) -> None:
        """Keep the present state under `name`, replacing an older one."""
        self.snapshots[name] = Snapshot(self.phone.snapshot(), self.files.snapshot(), self.phone.clock_ms)

    def load_snapshot(self, name: str) -> bool:
        """Return to a kept state; False when there is none of that name."""
        kept = self.snapshots.get(name)
        if kept is None:
            return False
        self.phone.restore(kept.phone)
        self.files.restore(kept.files)
        return True


def build_device(phone: PhoneLike, serial: str, name: str = PRODUCT) -> VirtualDevice:
    """Return a device around `phone` with fresh files and the properties a real one of its release shows."""
    device = VirtualDevice(phone=phone, files=phone.files, serial=serial, name=name)
    device.properties.update(_default_properties(phone, serial))
    for namespace, key, value in _SETTINGS:
        if phone.settings_get(namespace, key) is None:
            phone.settings_put(namespace, key, value)
    return device


def _default_properties(phone: PhoneLike, serial: str) -> dict[str, str]:
    release = phone.android_release
    sdk = str(SDK_BY_RELEASE.get(release, 34))
    fingerprint = f"virtual/{PRODUCT}/{PRODUCT}:{release}/VP1A.000000.001/1:userdebug/test-keys"
    return {
        "dev.bootcomplete": "1",
        "gsm.operator.alpha": "Virtual",
        "init.svc.adbd": "running",
        "persist.sys.locale": "en-US",
        "persist.sys.timezone": "UTC",
        "ro.boot.qemu": "1",
        "ro.boot.qemu.avd_name": PRODUCT,
        "ro.build.characteristics": "emulator",
        "ro.build.fingerprint": fingerprint,
        "ro.build.id": "VP1A.000000.001",
        "ro.build.type": "userdebug",
        "ro.build.version.codename": "REL",
        "ro.build.version.release": release,
        "ro.build.version.sdk": sdk,
        "ro.debuggable": "1",
        "ro.hardware": "ranchu",
        "ro.kernel.qemu": "1",
        "ro.product.brand": "virtual",
        "ro.product.cpu.abi": "x86_64",
        "ro.product.cpu.abilist": "x86_64",
        "ro.product.device": PRODUCT,
        "ro.product.locale": "en-US",
        "ro.product.manufacturer": "Virtual",
        "ro.product.model": MODEL,
        "ro.product.name": PRODUCT,
        "ro.secure": "1",
        "ro.serialno": serial,
        "ro.sf.lcd_density": str(phone.density_dpi),
        "sys.boot_completed": "1",
    }
