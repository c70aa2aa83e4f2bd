"""Pop-ups and notifications of the app nobody asked for: what is shown where, and what is told of them."""

from __future__ import annotations

import pytest

from agent_runtime.devices.windows import NOTIFICATION_SHADE, windows_of
from device_scripts.in_process import InProcessDevice, in_process_device
from device_scripts.virtual_phone.apps.offers import PACKAGE, PENDING, TAKEN
from device_scripts.virtual_phone.phone import Node

OFFER = {"title": "You have won", "text": "Tap here to claim it", "button": "Claim"}


@pytest.fixture
def device() -> InProcessDevice:
    return in_process_device(apps="full")


def show(device: InProcessDevice, kind: str) -> None:
    device.phone.content_insert(f"content://{PENDING}", {"kind": kind, **OFFER})


def taken(device: InProcessDevice) -> list[object]:
    return [row["kind"] for row in device.phone.content_query(f"content://{TAKEN}")]


def banner(device: InProcessDevice) -> Node | None:
    return next((node for node in device.phone.nodes() if node.role == "banner"), None)


def tap(device: InProcessDevice, node: Node) -> None:
    left, top, right, bottom = node.bounds
    device.phone.tap((left + right) // 2, (top + bottom) // 2)


def test_a_notification_lies_over_every_app_until_it_is_swiped_away(device: InProcessDevice) -> None:
    before = device.observe_settled(30)
    show(device, "notification")
    for package in ("com.android.settings", "org.example.notes"):
        device.phone.start_activity(package)
        found = banner(device)
        assert found is not None
        assert (found.label, found.text) == ("You have won", "You have won: Tap here to claim it")
    left, top, right, _ = found.bounds
    device.phone.swipe((left + right) // 2, top + 5, (left + right) // 2, 0)
    assert banner(device) is None
    assert taken(device) == []
    device.phone.key(3)
    assert device.observe_settled(30) == before


def test_a_tap_on_it_is_told(device: InProcessDevice) -> None:
    show(device, "notification")
    found = banner(device)
    assert found is not None
    tap(device, found)
    assert (banner(device), taken(device)) == (None, ["notification"])
    assert device.phone.foreground() == f"{PACKAGE}/.PopUp"


def test_it_is_a_window_of_the_systems_and_none_of_the_apps_elements(device: InProcessDevice) -> None:
    show(device, "notification")
    found = banner(device)
    assert found is not None
    device.shell(["uiautomator", "dump", "/sdcard/d.xml"])
    assert "You have won" not in device.shell(["cat", "/sdcard/d.xml"]).stdout
    windows = windows_of(device.shell(["dumpsys", "window"]).stdout)
    assert windows is not None
    shade = windows.shown[0]
    assert (shade.package, shade.areas) == ("com.android.systemui", (found.bounds,))
    assert shade.kind in NOTIFICATION_SHADE
    assert windows.focus is not None
    assert windows.focus.package == "com.android.launcher3"


@pytest.mark.parametrize(("label", "told"), [("Claim", ["pop-up"]), ("Later", [])])
def test_a_pop_up_goes_either_way_and_only_the_one_is_told(
    device: InProcessDevice, label: str, told: list[object]
) -> None:
    show(device, "pop-up")
    assert banner(device) is None
    device.shell(["am", "start", "-n", f"{PACKAGE}/.PopUp"])
    tap(device, next(node for node in device.phone.nodes() if node.label == label))
    assert device.phone.foreground().startswith("com.android.launcher3/")
    assert taken(device) == told


def test_the_back_key_leaves_a_pop_up_and_takes_nothing(device: InProcessDevice) -> None:
    show(device, "pop-up")
    device.phone.start_activity(PACKAGE)
    device.phone.key(4)
    assert taken(device) == []
    device.phone.start_activity(PACKAGE)
    assert "No offers" in [node.label for node in device.phone.nodes()]


def test_it_has_no_icon(device: InProcessDevice) -> None:
    device.phone.swipe(64, 190, 64, 40)  # opens the drawer of all apps
    labels = []
    for _ in range(8):
        labels += [node.label for node in device.phone.nodes() if node.role == "icon"]
        device.phone.swipe(64, 190, 64, 100)
    assert "Weather" in labels
    assert "Offers" not in labels
