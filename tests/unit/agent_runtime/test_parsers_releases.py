"""What Android 9 to 16 print in different words, in texts composed here, and real dumps where they lie near."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.devices import parsers, screen_checks

FIXTURES = Path(__file__).parents[4] / "shared" / "fixtures" / "adb_outputs"


def fixture(name: str) -> str:
    path = FIXTURES / name
    if not path.is_file():
        pytest.skip(f"{path} is not here")
    return path.read_text("utf-8", "replace")


# --- the focused window

FOCUS_9 = """WINDOW MANAGER DISPLAY CONTENTS (dumpsys window displays)
  Display: mDisplayId=0
    init=1080x1920 420dpi cur=1080x1920 app=1080x1794

WINDOW MANAGER WINDOWS (dumpsys window windows)
  Window #0 Window{5d1 u0 com.mail/com.mail.Inbox}:
    mFrame=[0,0][1080,1920] last=[0,0][1080,1920]
  mCurrentFocus=Window{5d1 u0 com.mail/com.mail.Inbox}
  mFocusedApp=AppWindowToken{7aa token=Token{1c ActivityRecord{90 u0 com.mail/.Inbox t8}}}
"""
FOCUS_13 = """WINDOW MANAGER DISPLAY CONTENTS (dumpsys window displays)
  Display: mDisplayId=2 (organized)
    init=720x1280 160dpi cur=720x1280 app=720x1280
  mCurrentFocus=Window{aa1 u0 com.car/com.car.Dash}
  mFocusedApp=ActivityRecord{aa2 u0 com.car/.Dash t31}
  Display: mDisplayId=0 (organized)
    init=1080x2400 420dpi cur=1080x2400 app=1080x2208
  mCurrentFocus=Window{b1 u0 com.mail/com.mail.Inbox}
  mFocusedApp=ActivityRecord{b2 u0 com.mail/.Inbox t8}
"""
HOME_WINDOW = "Window{b1 u0 com.mail/com.mail.Inbox}"


def test_one_global_focus_line_of_android_9_counts() -> None:
    assert parsers.focused_component(FOCUS_9) == "com.mail/com.mail.Inbox"


def test_of_two_displays_that_of_display_0_counts() -> None:
    assert parsers.focused_component(FOCUS_13) == "com.mail/com.mail.Inbox"


@pytest.mark.parametrize("focus", ["null", "Window{b1 u0 NotificationShade}", "Window{b1 u0 PopupWindow:5f3}"])
def test_without_an_activity_on_display_0_another_displays_does_not_count(focus: str) -> None:
    assert parsers.focused_component(FOCUS_13.replace(HOME_WINDOW, focus)) is None


def test_a_work_profiles_window_is_read() -> None:
    assert parsers.focused_component(FOCUS_13.replace(" u0 com.mail", " u10 com.mail")) == "com.mail/com.mail.Inbox"


@pytest.mark.parametrize("name", ["dumpsys_window_windows_A11.txt", "dumpsys_window_windows_A13.txt"])
def test_a_real_window_list_takes_the_focus_of_the_displays_part(name: str) -> None:
    windows = fixture(name)
    assert parsers.focused_component(windows) is None
    assert parsers.focused_component(FOCUS_13 + windows) == "com.mail/com.mail.Inbox"
    assert parsers.resumed_component(windows) is None


# --- the resumed activity

RESUMED_9 = """ACTIVITY MANAGER ACTIVITIES (dumpsys activity activities)
Display #0 (activities from top to bottom):
  Stack #4: type=standard mode=fullscreen
    Task id #8
      Running activities (most recent first):
        Run #0: ActivityRecord{90 u0 com.mail/.Inbox t8}
    mResumedActivity: ActivityRecord{90 u0 com.mail/.Inbox t8}
  Stack #0: type=home mode=fullscreen
    mResumedActivity: ActivityRecord{11 u0 com.home/.Desk t1}
  ResumedActivity: ActivityRecord{90 u0 com.mail/.Inbox t8}
"""
RESUMED_13 = """ACTIVITY MANAGER ACTIVITIES (dumpsys activity activities)
Display #2 (activities from top to bottom):
  * Task{a1 #31 type=standard A=10140:com.car U=0 visible=true visibleRequested=true mode=fullscreen sz=1}
    topResumedActivity=ActivityRecord{aa2 u0 com.car/.Dash t31}

  Resumed activities in task display areas (from top to bottom):
    Resumed: ActivityRecord{aa2 u0 com.car/.Dash t31}
Display #0 (activities from top to bottom):
  * Task{b0 #7 type=standard A=10155:com.shop U=0 visible=false visibleRequested=false mode=fullscreen sz=1}
    topResumedActivity=ActivityRecord{b9 u0 com.shop/.Cart t7}
  * Task{b1 #8 type=standard A=10150:com.mail U=0 visible=true visibleRequested=true mode=fullscreen sz=2}
    mLastPausedActivity: ActivityRecord{b3 u0 com.mail/.Inbox t8}
    topResumedActivity=ActivityRecord{b2 u0 com.google.android.permissioncontroller/com.android.permissioncontroller.\
permission.ui.GrantPermissionsActivity t8}
    * Hist  #1: ActivityRecord{b2 u0 com.google.android.permissioncontroller/.permission.ui.GrantPermissionsActivity t8}
    * Hist  #0: ActivityRecord{b3 u0 com.mail/.Inbox t8}
  * Task{b4 #1 type=home U=0 visible=true visibleRequested=true mode=fullscreen sz=1}
    topResumedActivity=ActivityRecord{b5 u0 com.home/.Desk t1}

  ResumedActivity: ActivityRecord{aa2 u0 com.car/.Dash t31}
"""
DIALOG = (
    "com.google.android.permissioncontroller/com.android.permissioncontroller.permission.ui.GrantPermissionsActivity"
)


def test_the_first_stack_of_android_9_and_10_counts() -> None:
    assert parsers.resumed_component(RESUMED_9) == "com.mail/com.mail.Inbox"


def test_the_first_visible_task_of_display_0_counts_and_a_permission_dialog_in_it_is_on_top() -> None:
    assert parsers.resumed_component(RESUMED_13) == DIALOG


def test_without_a_record_in_any_task_the_summary_counts() -> None:
    output = "Display #0 (activities from top to bottom):\n  * Task{b1 #8 visible=true}\n"
    assert parsers.resumed_component(output + "  ResumedActivity: ActivityRecord{b3 u0 a.b/.C t8}\n") == "a.b/a.b.C"


def test_hexadecimal_and_decimal_record_names_are_read() -> None:
    assert parsers.resumed_component("topResumedActivity=ActivityRecord{251361614 u0 a.b/.C t2}") == "a.b/a.b.C"


# --- starting activities

WARNING = "Warning: Activity not started, intent has been delivered to currently running top-most instance."
MISSING = "Error: Activity class {com.mail/com.mail.Nope} does not exist."


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        ("Starting: Intent { act=android.intent.action.MAIN cmp=com.mail/.Inbox }\n", None),
        (f"Starting: Intent {{ cmp=com.mail/.Inbox }}\n{WARNING}\n", None),
        ("Warning: Activity not started, its current task has been brought to the front\n", None),
        (f"Starting: Intent {{ cmp=com.mail/.Nope }}\nError type 3\n{MISSING}\n", MISSING),
        ("Starting: Intent { cmp=a/.B }\r\nError type 3\r\n", "Error type 3"),
        (
            "Starting: Intent { cmp=a/.B }\njava.lang.SecurityException: Permission Denial: not exported from uid 1\n",
            "java.lang.SecurityException: Permission Denial: not exported from uid 1",
        ),
    ],
)
def test_am_start_tells_errors_from_warnings(output: str, problem: str | None) -> None:
    assert parsers.start_problem(output) == problem


INBOX = "com.mail/com.mail.Inbox"
RESOLVED = "priority=0 preferredOrder=0 match=0x108000 specificIndex=-1 isDefault=true"


@pytest.mark.parametrize(
    ("output", "component"),
    [
        (f"{RESOLVED}\ncom.mail/.Inbox\n", INBOX),
        (f"{INBOX}\r\n", INBOX),
        ("No activity found\n", None),
        ("priority=0\nandroid/com.android.internal.app.ResolverActivity\n", None),
        ("2 activities found:\n  Activity #0:\n    com.mail/.Inbox\n  Activity #1:\n    com.mail/.Draft\n", INBOX),
        ("cmd: Can't find service: package\n", None),
    ],
)
def test_the_icon_of_an_app_is_found_among_its_own_activities(output: str, component: str | None) -> None:
    assert parsers.launcher_component(output, "com.mail") == component


@pytest.mark.parametrize(
    ("output", "result"),
    [
        ('Broadcasting: Intent { act=A flg=0x400000 }\nBroadcast completed: result=-1, data="success"\n', -1),
        ("Broadcast completed: result=0\n", 0),
        ("java.lang.SecurityException: not allowed\n", None),
        ("", None),
    ],
)
def test_a_broadcasts_answer(output: str, result: int | None) -> None:
    assert parsers.broadcast_result(output) == result


# --- screen size, properties, settings


@pytest.mark.parametrize(
    "output",
    [
        "Physical size: 1440x3120\nOverride size: 1080x2340\n",
        "Physical size: 1440x3120\r\nOverride size: 1080x2340\r\n",
        "WARNING: linker: something about a library\nPhysical size: 1440x3120\nOverride size: 1080x2340",
    ],
)
def test_input_uses_the_override_whatever_stands_around_it(output: str) -> None:
    assert parsers.wm_size(output) == (1080, 2340)


def test_one_propertys_value_may_hold_line_breaks() -> None:
    assert parsers.settings_value("Vendor build\nsecond line\n") == "Vendor build\nsecond line"


# --- uiautomator


def test_a_real_dump_of_another_vendor_is_read() -> None:
    nodes = parsers.hierarchy_nodes(fixture("uiautomator_dump_huawei_launcher_720x1280.xml"))
    assert nodes is not None
    assert nodes[0]["bounds"] == "[0,0][720,1280]"
    assert {node["package"] for node in nodes} == {"com.huawei.android.launcher"}
    assert parsers.focused_field(nodes) is None


FORM = """<?xml version='1.0' encoding='UTF-8' standalone='yes' ?><hierarchy rotation="0">
<node class="android.widget.FrameLayout" focused="true"><node class="android.widget.EditText" focused="false" text="a"/>
<node class="android.widget.MultiAutoCompleteTextView" focused="true" text="b &amp;&#10;c"/></node></hierarchy>"""


def test_the_field_that_has_the_focus_is_found_among_other_focused_elements() -> None:
    nodes = parsers.hierarchy_nodes(FORM)
    assert nodes is not None
    assert parsers.focused_field(nodes) == "b &\nc"


@pytest.mark.parametrize(
    "output",
    [
        "",
        "ERROR: could not get idle state.\n",
        "ERROR: null root node returned by UiTestAutomationBridge.\n",
        "Killed\n",
        FORM[:-20],
        "<html></html>",
        '<!DOCTYPE h [<!ENTITY a "aaaa">]><hierarchy>&a;</hierarchy>',
        "<hierarchy><node text='&#0;'/></hierarchy>",
    ],
)
def test_what_is_no_dump_is_none(output: str) -> None:
    assert parsers.hierarchy_nodes(output) is None


PIECES = st.sampled_from(
    ["Display #0\n", "  Display: mDisplayId=0\n", "* Task{ visible=true }\n", "mCurrentFocus=", "topResumedActivity=",
     "ActivityRecord{1 u0 a/.B t1}", "Window{1 u0 a/a.B}", "  Window #0 ", "fl=#2000", "mHasSurface=true",
     "Error: ", "result=-", "\n", "<hierarchy>", "<node ", "\x00"]
)  # fmt: skip


@given(st.lists(PIECES | st.text(max_size=10), max_size=30).map("".join))
def test_no_text_crashes_a_parser(output: str) -> None:
    parsers.focused_component(output)
    parsers.resumed_component(output)
    parsers.start_problem(output)
    parsers.launcher_component(output, "a.b")
    parsers.broadcast_result(output)
    nodes = parsers.hierarchy_nodes(output)
    parsers.focused_field(nodes or [])
    screen_checks.secure_windows(output)
