"""What a device's screen must be like before an agent uses it, one function each. Touches nothing on it."""

import re
import statistics
import time

import numpy as np

from agent_runtime.devices import parsers
from agent_runtime.devices.base import Device, Frame
from agent_runtime.devices.numbers import whole_number
from agent_runtime.devices.outcomes import Level, Outcome

SLOW_SCREENSHOT_SEC, USELESS_SCREENSHOT_SEC = 1.0, 5.0
LONG_TIMEOUT_MS = 30 * 60 * 1000
SHOTS = 5
FLAG_SECURE = 0x2000
ANIMATION_SCALES = ("window_animation_scale", "transition_animation_scale", "animator_duration_scale")
PREPARE = "run device_scripts/prepare_device.sh"
_WINDOW = re.compile(r"^\s*Window #\d+ Window\{\S+ u\d+ (.*)\}:?$", re.MULTILINE)
_FLAGS = re.compile(r"\bfl=([^\n=]*)")
_FLAG_NUMBER = re.compile(r"(?:#|0x)?([0-9a-f]{1,8})")
_WAKEFULNESS = re.compile(r"\bmWakefulness=(\w+)")


def awake(device: Device) -> Outcome:
    """Is the screen on?"""
    found = _WAKEFULNESS.search(device.shell(["dumpsys", "power"]).stdout)
    if found is None:
        return Outcome(Level.WARN, "`dumpsys power` does not say", "look whether the screen is on")
    is_awake = found[1] == "Awake"
    todo = "" if is_awake else "run `adb shell input keyevent 224` and unlock it"
    return Outcome(Level.OK if is_awake else Level.FAIL, found[1].lower(), todo)


def screen_size(device: Device) -> Outcome:
    """Do the screenshot and the space of taps have the same shape?"""
    output = device.shell(["wm", "size"]).stdout
    size = parsers.wm_size(output)
    if size is None:
        return Outcome(Level.FAIL, "`wm size` prints no size", "restart the device")
    frame = device.observe()
    kind = "override" if "Override size" in output else "physical"
    found = f"taps in {size[0]}x{size[1]} ({kind}), screenshot {frame.width_px}x{frame.height_px}"
    if sorted(size) == sorted((frame.width_px, frame.height_px)):
        return Outcome(Level.OK, found)
    tapped, shown = min(size) / max(size), min(frame.width_px, frame.height_px) / max(frame.width_px, frame.height_px)
    level = Level.WARN if abs(tapped / shown - 1) < 0.01 else Level.FAIL
    return Outcome(level, found, "run `adb shell wm size reset`, so that taps land where they are seen")


def screenshot(device: Device) -> Outcome:
    """Does the picture show something, and may every window be in it?"""
    frame = device.observe()
    forbidden = secure_windows(device.shell(["dumpsys", "window", "windows"]).stdout)
    if _is_black(frame):
        reason = f"leave {forbidden[0]}, which forbids screenshots" if forbidden else "wake and unlock the device"
        return Outcome(Level.FAIL, f"{frame.width_px}x{frame.height_px}, all black", reason)
    if forbidden:
        return Outcome(Level.WARN, f"{forbidden[0]} forbids screenshots", "leave that app: the agent sees black there")
    return Outcome(Level.OK, f"raw, {frame.width_px}x{frame.height_px}, not black")


def _is_black(frame: Frame) -> bool:
    colours = np.frombuffer(frame.pixels, "<u4") & 0x00FFFFFF  # without the alpha
    return not colours.any()


def secure_windows(output: str) -> list[str]:
    """Return the titles of windows with a surface that forbid screenshots, from `dumpsys window windows`.

    Their flags are names since Android 10 or so (``fl=… SECURE …``) and a hexadecimal number before.
    """
    _, *pieces = _WINDOW.split(output)  # a title and what is said about that window, in turns
    windows = zip(pieces[::2], pieces[1::2], strict=True)
    return [title for title, about in windows if "mHasSurface=true" in about and _is_secure(about)]


def _is_secure(about: str) -> bool:
    flags = _FLAGS.search(about)
    words = flags[1].split() if flags else []
    number = _FLAG_NUMBER.fullmatch(words[0]) if words else None
    return bool(int(number[1], 16) & FLAG_SECURE) if number else "SECURE" in words


def screenshot_time(device: Device) -> Outcome:
    """How long does one look take?"""
    seconds = []
    for _ in range(SHOTS):
        started = time.perf_counter()
        device.observe()
        seconds.append(time.perf_counter() - started)
    median_sec = statistics.median(seconds)
    found = f"{1000 * median_sec:.3g} ms, the median of {SHOTS}"
    if median_sec < SLOW_SCREENSHOT_SEC:
        return Outcome(Level.OK, found)
    level = Level.WARN if median_sec < USELESS_SCREENSHOT_SEC else Level.FAIL
    return Outcome(level, found, "use a cable instead of Wi-Fi, a smaller screen, or an emulator with more cores")


def animations(device: Device) -> Outcome:
    """Are animations off? They cost time at every step and make screens that never rest."""
    values = {name: setting(device, "global", name) or "1.0" for name in ANIMATION_SCALES}
    running = {name: value for name, value in values.items() if value not in ("0", "0.0")}
    if not running:
        return Outcome(Level.OK, "off")
    return Outcome(Level.WARN, ", ".join(f"{name} {value}" for name, value in running.items()), PREPARE)


def stay_awake(device: Device) -> Outcome:
    """Will the screen stay on?"""
    plugged = setting(device, "global", "stay_on_while_plugged_in") or "0"
    timeout = setting(device, "system", "screen_off_timeout") or "0"
    if plugged not in ("0", "") or (whole_number(timeout) or 0) >= LONG_TIMEOUT_MS:
        return Outcome(Level.OK, f"stay_on_while_plugged_in {plugged}, screen_off_timeout {timeout} ms")
    return Outcome(Level.WARN, f"the screen goes off after {timeout} ms", PREPARE)


def rotation(device: Device) -> Outcome:
    """Does the screen stay as it is turned? An agent learns one way of it."""
    auto = setting(device, "system", "accelerometer_rotation") or "not set"
    if auto == "0":
        turned = setting(device, "system", "user_rotation") or "0"
        return Outcome(Level.OK, "fixed" if turned == "0" else f"fixed, turned by {turned} quarters")
    return Outcome(Level.WARN, "it turns with the device" if auto == "1" else auto, PREPARE)


def setting(device: Device, namespace: str, key: str) -> str | None:
    """Return a setting's value, None where it is not set."""
    return parsers.settings_value(device.shell(["settings", "get", namespace, key]).stdout)
