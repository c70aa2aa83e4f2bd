"""`dumpsys activity` in the shape of Android 14. Reads the phone and changes nothing."""

from __future__ import annotations

from device_scripts.virtual_phone.phone_api import PhoneLike
from device_scripts.virtual_phone.shell.dump_window import activity_token, task_ids
from device_scripts.virtual_phone.shell.intents import short_component


def dump_activity(phone: PhoneLike, args: list[str]) -> str:
    """Return `dumpsys activity [activities|a|top|recents|r]`; without an argument activities and recents."""
    part = next((word for word in args if not word.startswith("-")), "all")
    if part == "top":
        return _top(phone)
    if part in ("recents", "r"):
        return _recents(phone)
    if part in ("activities", "a"):
        return _activities(phone)
    if part == "all":
        return _activities(phone) + "\n" + _recents(phone)
    return f"Bad activity command, or no activities match: {part}"


def _tasks_from_top(phone: PhoneLike) -> list[tuple[str, list[str]]]:
    """Return (package, components with the top one first), the task on top first."""
    tasks: dict[str, list[str]] = {}
    for component in phone.back_stack():
        tasks.setdefault(component.partition("/")[0], []).append(component)
    return list(tasks.items())


def _activities(phone: PhoneLike) -> str:
    """One `topResumedActivity=` per display (Android 12 and later), and the tasks from the top down."""
    ids = task_ids(phone)
    foreground = phone.foreground()
    resumed = activity_token(foreground, ids.get(foreground.partition("/")[0], 1))
    lines = ["ACTIVITY MANAGER ACTIVITIES (dumpsys activity activities)"]
    lines.append("Display #0 (activities from top to bottom):")
    for package, components in _tasks_from_top(phone):
        task_id = ids[package]
        is_top = package == foreground.partition("/")[0]
        visible = "true" if is_top else "false"
        kind = "home" if components[-1].partition("/")[0].startswith("com.android.launcher") else "standard"
        about = f"type={kind} A=10100:{package} U=0 visible={visible} sz={len(components)}"
        lines.append(f"  * Task{{{task_id:07x} #{task_id} {about}}}")
        if is_top:
            lines.append(f"    topResumedActivity={resumed}")
        for position, component in enumerate(components):
            is_resumed = is_top and position == 0
            lines.append(f"    * Hist  #{len(components) - 1 - position}: {activity_token(component, task_id)}")
            lines.append(f"      packageName={package} processName={package}")
            lines.append(f"      state={'RESUMED' if is_resumed else 'STOPPED'} nowVisible={str(is_resumed).lower()}")
    lines += ["", f"  ResumedActivity: {resumed}", ""]
    return "\n".join(lines)


def _top(phone: PhoneLike) -> str:
    """One `ACTIVITY … pid=` per task, the one on top last, as clients that take the last one expect."""
    lines: list[str] = []
    ids = task_ids(phone)
    for package, components in reversed(_tasks_from_top(phone)):
        pid = 1000 + sum(package.encode()) % 9000
        resumed = "true" if components[0] == phone.foreground() else "false"
        lines += [
            f"TASK {package} id={ids[package]} userId=0",
            f"  ACTIVITY {short_component(components[0])} {ids[package]:07x} pid={pid}",
            f"    Local Activity {ids[package]:07x} State:",
            f"      mResumed={resumed} mStopped={'false' if resumed == 'true' else 'true'} mFinished=false",
            "",
        ]
    return "\n".join(lines)


def _recents(phone: PhoneLike) -> str:
    ids = task_ids(phone)
    lines = ["ACTIVITY MANAGER RECENT TASKS (dumpsys activity recents)", "  Recent tasks:"]
    for index, (package, components) in enumerate(_tasks_from_top(phone)):
        about = f"#{ids[package]} A=10100:{package} U=0 sz={len(components)}"
        lines.append(f"  * Recent #{index}: Task{{{ids[package]:07x} {about}}}")
    return "\n".join([*lines, ""])
