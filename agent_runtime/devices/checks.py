"""What a device must be like before an agent uses it, one function each. Judges no screen and changes nothing.

Each check takes a ``Device`` and returns an ``Outcome``; a ``DeviceError`` inside one counts as its failure.
The only input sent is the key that means nothing.
"""

import time
from collections.abc import Callable, Iterator

from agent_runtime.devices import parsers, screen_checks
from agent_runtime.devices.base import Device
from agent_runtime.devices.hierarchy import visible_nodes
from agent_runtime.devices.keyboards import KEYBOARDS
from agent_runtime.devices.numbers import whole_number
from agent_runtime.devices.outcomes import Finding, Level, Outcome, outcome_of
from agent_runtime.errors import DeviceError

KNOWN_SDKS = range(28, 37)
"""Android 9 to 16: the releases whose outputs the parsers were written for."""
FEW_KIB, TOO_FEW_KIB = 1 << 20, 100 << 10
MAX_CLOCK_DRIFT_SEC = 300
SEC_PER_DAY = 86_400


def run_checks(device: Device) -> Iterator[Finding]:
    """Yield every check's finding, one after another; none of them is skipped when one fails."""
    for name, check in CHECKS:
        try:
            outcome = check(device)
        except DeviceError as error:
            outcome = outcome_of(error)
        yield Finding(name, outcome)


def android_version(device: Device) -> Outcome:
    """Is it a release whose outputs are known?"""
    release, sdk = _property(device, "ro.build.version.release"), _property(device, "ro.build.version.sdk")
    found = f"Android {release} (SDK {sdk})"
    if whole_number(sdk) in KNOWN_SDKS:
        return Outcome(Level.OK, found)
    return Outcome(Level.WARN, found, "expect surprises: only Android 9 to 16 (SDK 28 to 36) was written for")


def _property(device: Device, name: str) -> str:
    """Return a property's first line (values may hold several), ``?`` where it is not set."""
    return (device.shell(["getprop", name]).stdout.strip().splitlines() or ["?"])[0]


def input_allowed(device: Device) -> Outcome:
    """May the shell send input? Asked with the key that means nothing (0); some vendors forbid it by default."""
    result = device.shell(["input", "keyevent", "0"])
    if not result.exit_code and "Exception" not in result.stdout:
        return Outcome(Level.OK, "allowed")
    said = " ".join(result.stdout.split())[:100] or f"exit status {result.exit_code}"
    return Outcome(Level.FAIL, said, "switch on 'USB debugging (Security settings)' or its like in developer options")


def unicode_keyboard(device: Device) -> Outcome:
    """Is there a keyboard app that text beyond ASCII can be sent to?"""
    installed = device.shell(["ime", "list", "-a", "-s"]).stdout.split()
    usable = [keyboard.ime for keyboard in KEYBOARDS if keyboard.ime in installed]
    if usable:
        return Outcome(Level.OK, usable[0])
    todo = "install ADBKeyBoard or uiautomator2's keyboard (prepare_device.sh --ime-apk FILE), or type ASCII only"
    return Outcome(Level.WARN, "none", todo)


def keyboard_in_use(device: Device) -> Outcome:
    """Is the keyboard that is chosen there? Without one no field gets text from a person."""
    chosen = screen_checks.setting(device, "secure", "default_input_method")
    installed = device.shell(["ime", "list", "-a", "-s"]).stdout.split()
    if chosen in installed:
        return Outcome(Level.OK, chosen or "")
    found = f"{chosen} is chosen and not installed" if chosen else "none is chosen"
    return Outcome(Level.WARN, found, "run `adb shell ime reset`, or choose a keyboard in its settings")


def displays(device: Device) -> Outcome:
    """Is the display the agent sees the only one? Keys and texts go to the one in focus."""
    dump = device.shell(["dumpsys", "window"]).stdout
    count, focused = max(1, parsers.display_count(dump)), parsers.focused_display(dump) or 0
    todo = "take the others away: a cable or a cast to a screen, a simulated display in developer options"
    if focused:
        return Outcome(Level.FAIL, f"display {focused} of {count} has the focus: keys and texts go there", todo)
    return Outcome(Level.OK, "one") if count == 1 else Outcome(Level.WARN, f"{count}, the first has the focus", todo)


def focus(device: Device) -> Outcome:
    """Can it be told which app is on top? Tasks are judged by it."""
    resumed = parsers.resumed_component(device.shell(["dumpsys", "activity", "activities"]).stdout)
    focused = parsers.focused_component(device.shell(["dumpsys", "window"]).stdout)
    if resumed is None and focused is None:
        todo = "unlock it; if it is, send the outputs of `dumpsys activity activities` and `dumpsys window`"
        return Outcome(Level.FAIL, "no app on top could be read", todo)
    if focused is None:
        todo = "unlock it, close the notifications or the dialog on top"
        return Outcome(Level.WARN, f"{resumed} is resumed, but a system window has the focus", todo)
    return Outcome(Level.OK, resumed or focused)


def ui_dump(device: Device) -> Outcome:
    """Does `uiautomator dump` work? ADBKeyBoard's typing is checked by it."""
    try:
        nodes = visible_nodes(device.shell, device.serial)
    except DeviceError as error:
        return outcome_of(error, Level.WARN)
    return Outcome(Level.OK, f"{len(nodes)} elements")


def free_space(device: Device) -> Outcome:
    """Is there room for what apps and the device itself write?"""
    free_kib = parsers.free_kib(device.shell(["df", "-k", "/data"]).stdout)
    if free_kib is None:
        return Outcome(Level.WARN, "`df -k /data` does not say", "look at the storage page of its settings")
    found = f"{free_kib / (1 << 20):.1f} GiB free"
    if free_kib >= FEW_KIB:
        return Outcome(Level.OK, found)
    level = Level.WARN if free_kib >= TOO_FEW_KIB else Level.FAIL
    return Outcome(level, found, "remove apps or files, or create the emulator with a larger disk")


def clock(device: Device) -> Outcome:
    """Does it know what time it is? Certificates and tasks about dates need it."""
    said = device.shell(["date", "+%s"]).stdout.strip()
    now_sec = whole_number(said)
    if now_sec is None:
        return Outcome(Level.WARN, f"`date +%s` prints {said[:40]!r}", "look at the date in its settings")
    drift_sec = now_sec - round(time.time())
    span = f"{abs(drift_sec)} s" if abs(drift_sec) < 2 * SEC_PER_DAY else f"{abs(drift_sec) // SEC_PER_DAY} days"
    found = f"{span} {'ahead of' if drift_sec > 0 else 'behind'} this computer"
    if abs(drift_sec) <= MAX_CLOCK_DRIFT_SEC:
        return Outcome(Level.OK, found)
    return Outcome(
        Level.WARN, found, "switch automatic time on; a loaded snapshot or the virtual phone has its own time"
    )


CHECKS: tuple[tuple[str, Callable[[Device], Outcome]], ...] = (
    ("Android version", android_version),
    ("screen awake", screen_checks.awake),
    ("screen size", screen_checks.screen_size),
    ("screenshot", screen_checks.screenshot),
    ("screenshot time", screen_checks.screenshot_time),
    ("input", input_allowed),
    ("animations", screen_checks.animations),
    ("stay awake", screen_checks.stay_awake),
    ("rotation", screen_checks.rotation),
    ("displays", displays),
    ("keyboard in use", keyboard_in_use),
    ("Unicode keyboard", unicode_keyboard),
    ("app on top", focus),
    ("uiautomator dump", ui_dump),
    ("free space", free_space),
    ("clock", clock),
)
