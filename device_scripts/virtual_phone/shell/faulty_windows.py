"""`dumpsys window` with windows that only faults bring: dialogs, a second display, a secure app. Decides nothing."""

from __future__ import annotations

import re

from device_scripts.virtual_phone.shell.dump_window import window_token

_FOCUS = re.compile(r"mCurrentFocus=\S+ u0 [^}\n]*\}")
_FIRST_WINDOW = re.compile(r"^  Window #0 ", re.MULTILINE)
_NUMBERED = re.compile(r"^(  Window #)(\d+) ", re.MULTILINE)
_FIRST_DISPLAY = "  Display: mDisplayId=0 "
_SECOND_WINDOW = "com.android.desktop/com.android.desktop.Second"
_TOP_DISPLAY = "  mTopFocusedDisplayId=0"
_APP_ATTRS = "ty=BASE_APPLICATION fmt=OPAQUE}"
_SECURE_ATTRS = (
    "ty=BASE_APPLICATION fmt=OPAQUE\n      fl=LAYOUT_IN_SCREEN SECURE HARDWARE_ACCELERATED\n"
    "      pfl=FORCE_DRAW_STATUS_BAR_BACKGROUND}"
)


def with_focus_on(text: str, title: str, package: str) -> str:
    """Put a window on top that has the focus."""
    token = _token(title)
    return with_window(_FOCUS.sub(lambda _: f"mCurrentFocus={token}", text), title, package)


def with_second_display(text: str) -> str:
    """Give the focus to a window on display 1; what display 0 would have in focus is null then."""
    text = _FOCUS.sub("mCurrentFocus=null", text).replace(_TOP_DISPLAY, _TOP_DISPLAY.replace("0", "1"))
    second = f"  Display: mDisplayId=1 (organized)\n  mCurrentFocus={_token(_SECOND_WINDOW)}\n"
    text = text.replace(_FIRST_DISPLAY, second + _FIRST_DISPLAY)
    return with_window(text, _SECOND_WINDOW, "com.android.desktop", display=1)


def with_secure_app(text: str) -> str:
    """Let the apps' windows forbid screenshots."""
    return text.replace(_APP_ATTRS, _SECURE_ATTRS)


def _token(title: str) -> str:
    """A window of its own, also where it bears an app's title."""
    return window_token(f"over {title}").replace(" over ", " ", 1)


def with_window(text: str, title: str, package: str, kind: str = "APPLICATION", display: int = 0) -> str:
    """Put a window with a surface on top of the list, where the dump has one; those below count on."""
    found = _FIRST_WINDOW.search(text)
    if found is None:
        return text
    window = (
        f"  Window #0 {_token(title)}:\n    mDisplayId={display} rootTaskId=1\n"
        f"    mOwnerUid=10042 showForAllUsers=false package={package} appop=NONE\n    mAttrs={{ty={kind}}}\n"
        "    mHasSurface=true isReadyForDisplay()=true\n    isVisible=true\n"
    )
    below = _NUMBERED.sub(lambda number: f"{number[1]}{int(number[2]) + 1} ", text[found.start() :])
    return text[: found.start()] + window + below
