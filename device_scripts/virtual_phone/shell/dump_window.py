"""`dumpsys window` and `dumpsys display` in the shape of Android 14. Reads the phone and changes nothing.

As on Android 11 and later, the focus lines stand in the displays' part, not in `dumpsys window windows`.
"""

from __future__ import annotations

from typing import Final

from device_scripts.virtual_phone.adb_wire.sync import hash_path
from device_scripts.virtual_phone.phone_api import PhoneLike
from device_scripts.virtual_phone.shell.intents import long_component, short_component

DISPLAY_ID: Final = 4619827259835644672
_SYSTEM_WINDOWS: Final = ("NavigationBar0", "StatusBar")
_KEYBOARD: Final = "InputMethod"
_SHADE: Final = "NotificationShade"
_KINDS: Final = {
    "NavigationBar0": "NAVIGATION_BAR",
    "StatusBar": "STATUS_BAR",
    _KEYBOARD: "INPUT_METHOD",
    _SHADE: "2040",
}
_ROLES: Final = {_KEYBOARD: "key", _SHADE: "banner"}
"""Of the elements that show where a window takes touches."""


def dump_window(phone: PhoneLike, args: list[str]) -> str:
    """Return `dumpsys window [windows|w|displays|d|policy]`; without an argument everything."""
    part = next((word for word in args if not word.startswith("-")), "all")
    if part in ("windows", "w", "visible"):
        return _windows(phone)
    if part in ("displays", "d"):
        return _displays(phone)
    if part in ("policy", "p"):
        return _policy(phone)
    return "\n".join((_policy(phone), _displays(phone), _windows(phone)))


def dump_display(phone: PhoneLike) -> str:
    """Return `dumpsys display` with the viewport line clients read the rotation from."""
    width_px, height_px = phone.size
    rotation = phone.state.rotation
    viewport = (
        f"DisplayViewport{{type=INTERNAL, valid=true, isActive=true, displayId=0, uniqueId='local:{DISPLAY_ID}', "
        f"physicalPort=0, orientation={rotation}, logicalFrame=Rect(0, 0 - {width_px}, {height_px}), "
        f"physicalFrame=Rect(0, 0 - {width_px}, {height_px}), deviceWidth={width_px}, deviceHeight={height_px}}}"
    )
    state = "ON" if phone.state.screen_on else "OFF"
    return "\n".join(
        (
            "DISPLAY MANAGER (dumpsys display)",
            "  mSafeMode=false",
            f"  mViewports=[{viewport}]",
            "Display States: size=1",
            "  Display Id=0",
            f"  Display State={state}",
            "Logical Displays: size=1",
            "  Display 0:",
            f'    mBaseDisplayInfo=DisplayInfo{{"Built-in Screen", displayId 0, real {width_px} x {height_px}, '
            f"rotation {rotation}, density {phone.density_dpi}, state {state}}}",
        )
    )


def window_token(title: str) -> str:
    """Return `Window{hash u0 title}` with a hash that depends on the title only."""
    return f"Window{{{hash_path('window ' + title) & 0xFFFFFFF:x} u0 {title}}}"


def activity_token(component: str, task_id: int) -> str:
    """Return `ActivityRecord{hash u0 pkg/.Name tN}`."""
    short = short_component(component)
    return f"ActivityRecord{{{hash_path('activity ' + short) & 0xFFFFFFF:x} u0 {short} t{task_id}}}"


def task_ids(phone: PhoneLike) -> dict[str, int]:
    """Return a task number per package on the back stack, the bottom one first."""
    packages = dict.fromkeys(component.partition("/")[0] for component in reversed(phone.back_stack()))
    return {package: number for number, package in enumerate(packages, start=1)}


def _focus(phone: PhoneLike) -> tuple[str, str]:
    component = phone.foreground()
    task_id = task_ids(phone).get(component.partition("/")[0], 1)
    return window_token(long_component(component)), activity_token(component, task_id)


def _displays(phone: PhoneLike) -> str:
    width_px, height_px = phone.size
    window, activity = _focus(phone)
    size = f"{width_px}x{height_px}"
    target = window if phone.ime_shown() else "null"
    return "\n".join(
        (
            "WINDOW MANAGER DISPLAY CONTENTS (dumpsys window displays)",
            "  Display: mDisplayId=0 (organized)",
            f"    init={size} {phone.density_dpi}dpi mMinSizeOfResizeableTaskDp=220 cur={size} app={size}",
            "    deferred=false mLayoutNeeded=false mTouchExcludeRegion=SkRegion()",
            f"  mCurrentFocus={window}",
            f"  mFocusedApp={activity}",
            "  mDisplayRotation:",
            f"    mRotation=ROTATION_{phone.state.rotation * 90} mDeferredRotationPauseCount=0",
            f"  mImeLayeringTarget={target}",
            f"  mInputMethodTarget={target}",
            "",
        )
    )


def _policy(phone: PhoneLike) -> str:
    state = "SCREEN_STATE_ON" if phone.state.screen_on else "SCREEN_STATE_OFF"
    return "\n".join(
        (
            "WINDOW MANAGER POLICY STATE (dumpsys window policy)",
            "    mSafeMode=false mSystemReady=true mSystemBooted=true",
            f"    screenState={state}",
            f"    mAwake={str(phone.state.screen_on).lower()}",
            "    KeyguardServiceDelegate",
            "      showing=false",
            "",
        )
    )


def _windows(phone: PhoneLike) -> str:
    """Return the window list, the top one first; the focused window is named at the end by its IME roles."""
    lines = ["WINDOW MANAGER WINDOWS (dumpsys window windows)"]
    tasks = task_ids(phone)
    titles: list[tuple[str, str]] = [(title, "") for title in _SYSTEM_WINDOWS]
    if any(node.role == "banner" for node in phone.nodes()):
        titles.insert(0, (_SHADE, ""))
    if phone.ime_shown():
        titles.append((_KEYBOARD, ""))
    titles += [(long_component(component), component) for component in phone.back_stack()]
    on_top = next(index for index, (_, component) in enumerate(titles) if component)
    for index, (title, component) in enumerate(titles):
        visible = not component or index == on_top
        lines += _window(phone, index, title, component, tasks, visible=visible)
    window, _ = _focus(phone)
    lines += [
        "",
        "  mHasPermanentDpad=false",
        "  mTopFocusedDisplayId=0",
        f"  imeLayeringTarget in display# 0 {window}",
        f"  imeInputTarget in display# 0 {window}",
        f"  imeControlTarget in display# 0 {window}",
        "  Minimum task size of display#0 220  mInTouchMode=true",
        "  mSystemBooted=true mDisplayEnabled=true",
        f"  mDisplayFrozen=false windows=0 client=false apps=0  mRotation={phone.state.rotation}  mLastOrientation=-1",
    ]
    return "\n".join(lines)


def _window(
    phone: PhoneLike, index: int, title: str, component: str, tasks: dict[str, int], *, visible: bool
) -> list[str]:
    width_px, height_px = phone.size
    touched = [node.bounds for node in phone.nodes() if node.role == _ROLES[title]] if title in _ROLES else []
    package = component.partition("/")[0] or "com.android.systemui"
    if title == _KEYBOARD:
        package = phone.ime_current().partition("/")[0]
    frame = f"[0,0][{width_px},{height_px}]"
    task_id = tasks.get(package, 1)
    kind = "BASE_APPLICATION" if component else _KINDS[title]
    shown = str(visible).lower()
    token = activity_token(component, task_id) if component else f"WindowToken{{{index:07x} type=2000}}"
    lines = [
        f"  Window #{index} {window_token(title)}:",
        f"    mDisplayId=0 rootTaskId={task_id} mSession=Session{{{index:07x}}} mClient=BinderProxy@{index:x}",
        f"    mOwnerUid=1000 showForAllUsers={str(not component).lower()} package={package} appop=NONE",
        f"    mAttrs={{(0,0)(fillxfill) sim={{adjust=resize}} ty={kind} fmt=OPAQUE}}",
        f"    Requested w={width_px} h={height_px} mLayoutSeq=1",
        f"    mBaseLayer=21000 mSubLayer=0    mToken={token}",
    ]
    if component:
        lines.append(f"    mActivityRecord={token}")
    if touched:
        lefts, tops, rights, bottoms = zip(*touched, strict=True)
        region = f"({min(lefts)},{min(tops)},{max(rights)},{max(bottoms)})"
        lines.append(f"    touchable region=SkRegion({region})")
    return [
        *lines,
        f"    mHasSurface={shown} isReadyForDisplay()={shown} mWindowRemovalAllowed=false",
        f"    Frames: parent={frame} display={frame} frame={frame} last={frame} insetsChanged=false",
        f"    isOnScreen={shown}",
        f"    isVisible={shown}",
    ]
