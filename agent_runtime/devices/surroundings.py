"""What goes wrong around the screen: how it is turned, which display has the focus, the date, the disk. Sees no pixels.

Each is noticed by one or two commands and put right mildest first; the date and the disk are only named.
"""

from collections.abc import Callable

from agent_runtime.devices import commands, faults, parsers
from agent_runtime.devices.faults import DeviceFault
from agent_runtime.devices.hierarchy import Shell
from agent_runtime.errors import DeviceFaultError

_ROTATION, _AUTO_ROTATION = "user_rotation", "accelerometer_rotation"


class Surroundings:
    """Those of one device; every fault found is told to ``note``."""

    def __init__(self, serial: str, shell: Shell, note: Callable[[DeviceFault], None]) -> None:
        self._serial = serial
        self._shell = shell
        self._note = note
        self._booted_at_sec: int | None = None

    def begin_episode(self) -> None:
        """Remember the date, and see that the first display has the focus; costs two commands."""
        self._booted_at_sec = self._boot_time_sec()
        self.focus_first_display(self._shell(["dumpsys", "window"]).stdout)

    def end_episode(self) -> None:
        """Name a date that jumped since the beginning, and a disk that is full; costs two commands."""
        now_sec = self._boot_time_sec()
        if now_sec is not None and self._booted_at_sec is not None:
            jump_sec = now_sec - self._booted_at_sec
            if abs(jump_sec) > faults.MAX_CLOCK_JUMP_SEC:
                self._note(DeviceFault("clock_jump", excuses=True, about=f"by {jump_sec} s"))
        free_kib = parsers.free_kib(self._shell(["df", "-k", "/data"]).stdout)
        if free_kib is not None and free_kib < faults.FULL_KIB:
            self._note(DeviceFault("disk_full", excuses=True, about=f"{free_kib} KiB left"))

    def turn_back(self, *, landscape: bool) -> bool:
        """Turn the screen by its settings; False where these say already that it is so: then an app wants it turned.

        Automatic rotation is switched off and stays off: it would turn the screen again.
        """
        size = parsers.wm_size(self._shell(["wm", "size"]).stdout)
        if size is None:
            return False
        quarter_turns = "0" if landscape == (size[0] > size[1]) else "1"
        is_fixed = self._setting(_AUTO_ROTATION) == "0"
        if is_fixed and (self._setting(_ROTATION) or "0") in (quarter_turns, str(int(quarter_turns) + 2)):
            return False
        self._note(DeviceFault("rotation", about="turned to portrait" if landscape else "turned to landscape"))
        self._shell(["settings", "put", "system", _ROTATION, quarter_turns])
        self._shell(["settings", "put", "system", _AUTO_ROTATION, "0"])
        return True

    def focus_first_display(self, window_dump: str) -> bool:
        """Bring the focus back to display 0 where another one has it; return whether that was so.

        Keys and texts go to the display in focus. First by a touch in the middle of display 0 that is taken back
        before it is a tap, then by starting what is on top there, as its icon does.

        Raises:
            DeviceFaultError: it stays where it is.
        """
        display = parsers.focused_display(window_dump)
        if not display:
            return False
        self._note(DeviceFault("wrong_display_focus", excuses=True, about=f"display {display} has the focus"))
        for remedy in (self._touch_and_take_back, self._start_what_is_on_top):
            remedy()
            if not parsers.focused_display(self._shell(["dumpsys", "window"]).stdout):
                return True
        raise DeviceFaultError(
            f"wrong_display_focus: display {display} of {self._serial} keeps the focus: take that display away."
        )

    def _touch_and_take_back(self) -> None:
        size = parsers.wm_size(self._shell(["wm", "size"]).stdout)
        if size is not None:
            for args in commands.touch_taken_back(size[0] // 2, size[1] // 2):
                self._shell(args)

    def _start_what_is_on_top(self) -> None:
        on_top = parsers.resumed_component(self._shell(["dumpsys", "activity", "activities"]).stdout)
        package = on_top.partition("/")[0] if on_top else ""
        answers = (self._shell(question).stdout for question in commands.find_launcher(package)) if package else ()
        icon = next(filter(None, (parsers.launcher_component(answer, package) for answer in answers)), None)
        self._shell(commands.to_front(icon))

    def _boot_time_sec(self) -> int | None:
        return parsers.boot_time_sec(self._shell(["grep", "btime", "/proc/stat"]).stdout)

    def _setting(self, key: str) -> str | None:
        return parsers.settings_value(self._shell(["settings", "get", "system", key]).stdout)
