"""A device behind a gate: reads what the rules need right before an action, and sends only what they allow.

Nothing but `perform` takes what a model said, and everything it takes goes through `rule_on`. What cannot be read is
denied: the error ends the episode as a device's fault.
"""

import logging
from collections import Counter
from collections.abc import Callable, Sequence

from agent_runtime.actions.ruling import Ruling
from agent_runtime.actions.vocabulary import Action, OpenApp, TypeText
from agent_runtime.devices.apps import package_of
from agent_runtime.devices.base import Device, Frame, ShellResult
from agent_runtime.devices.hierarchy import visible_nodes
from agent_runtime.devices.windows import Windows, windows_of
from agent_runtime.errors import DeviceError
from agent_runtime.gate.elements import Element, elements_of
from agent_runtime.gate.rules import Facts, GateRules, Spent
from agent_runtime.gate.verdict import is_still, is_touch, needs_elements, needs_windows, rule_on

_LOG = logging.getLogger(__name__)
_LOOKS = 3
_EMULATOR_PROPERTIES = ("ro.kernel.qemu", "ro.boot.qemu")
_LANGUAGE_PROPERTIES = ("persist.sys.locale", "ro.product.locale")
Confirm = Callable[[Action, Ruling], bool]
"""Asks a person whether an action may pass in spite of a rule."""


class GatedDevice(Device):
    """Wraps ``inner``. Without ``confirm`` nobody is there to ask, and what would need a person is denied."""

    def __init__(
        self, inner: Device, rules: GateRules, *, allow_physical: bool = False, confirm: Confirm | None = None
    ) -> None:
        self.serial = inner.serial
        self.clock = inner.clock
        self._inner = inner
        self._rules = rules
        self._allow_physical = allow_physical
        self._confirm = confirm
        self._spent = Spent()
        self._looked_at: tuple[str, str] | None = None
        self._way = -1

    @property
    def mended(self) -> Counter[str]:
        """See ``Device``."""
        return self._inner.mended

    def begin_episode(self) -> None:
        """See ``Device``; the budgets are whole again, and the device is still the kind it has to be."""
        self._inner.begin_episode()
        self._spent, self._looked_at, self._way = Spent(), None, -1
        self.require_emulator()

    def faults_so_far(self) -> tuple[str, ...]:
        """See ``Device``."""
        return self._inner.faults_so_far()

    def excuses(self) -> tuple[str, ...]:
        """See ``Device``."""
        return self._inner.excuses()

    def screen_size_px(self) -> tuple[int, int]:
        """See ``Device``."""
        return self._inner.screen_size_px()

    def observe(self) -> Frame:
        """See ``Device``."""
        return self._inner.observe()

    def observe_settled(self, deadline_sec: float) -> Frame:
        """See ``Device``; where windows matter, the focus is read while the picture stays the same."""
        frame = self._inner.observe_settled(deadline_sec)
        if not self._rules.read_windows:
            return frame
        for _ in range(_LOOKS):
            self._looked_at = _identity(self._windows())
            after = self._inner.observe_settled(deadline_sec)
            if after == frame:
                break
            frame = after
        return frame

    def shell(self, args: Sequence[str]) -> ShellResult:
        """See ``Device``; for tasks and judges alone, no text of a model comes here."""
        return self._inner.shell(args)

    def close(self) -> None:
        """See ``Device``."""
        self._inner.close()

    def perform(self, action: Action) -> Ruling:
        """See ``Device``; an action that is not allowed is not sent.

        Raises:
            DeviceError: what a rule needs could not be read, so nothing was sent; or the device failed.
        """
        if not is_still(action) and self._way != self.mended.total():
            self.require_emulator()
        ruling = self._ruling(action)
        if ruling.rule in self._rules.confirm and not ruling.allowed and self._confirm is not None:
            ruling = self._confirmed(action, ruling, self._confirm)
        if not ruling.allowed:
            _LOG.info("held back from %s: %s (%s)", self.serial, type(action).__name__, ruling.reason)
            return ruling
        self._spend(action)
        self._inner.perform(action)
        return ruling

    def require_emulator(self) -> None:
        """Raise DeviceError unless this is an emulator, by its own properties, or any device is allowed."""
        if not self._allow_physical and not self.is_emulator():
            raise DeviceError(
                f"Got {self.serial}, which does not say that it is an emulator (ro.kernel.qemu or ro.boot.qemu is not "
                "1), expected one: name an emulator, or give --allow-physical and read docs/gate.md first."
            )
        self._way = self.mended.total()

    def is_emulator(self) -> bool:
        """Ask the device; its serial proves nothing, as adb calls whatever answers on port 5555 emulator-5554."""
        return any(self._property(name) == "1" for name in _EMULATOR_PROPERTIES)

    def language(self) -> str:
        """Return the device's language, such as ``en-US``, or nothing where it tells none."""
        return next(filter(None, map(self._property, _LANGUAGE_PROPERTIES)), "")

    # --- inside

    def _ruling(self, action: Action) -> Ruling:
        return rule_on(action, self._rules, self._facts(action), self._spent)

    def _confirmed(self, action: Action, ruling: Ruling, confirm: Confirm) -> Ruling:
        """Let a person decide; the answer holds only for the screen it was given for."""
        if not confirm(action, ruling) or self._ruling(action) != ruling:
            return ruling
        return Ruling(True, ruling.rule, f"a person allowed it although {ruling.reason}")

    def _facts(self, action: Action) -> Facts:
        """Read what the rules need of the screen, the windows last: nothing lies between them and the input."""
        rules = self._rules
        opens: str | None = None
        language, elements = "", tuple[Element, ...]()
        if isinstance(action, OpenApp) and rules.packages is not None:
            listed = self._inner.shell(["pm", "list", "packages"]).stdout.split()
            opens = package_of(action.name, {line.removeprefix("package:") for line in listed})
        if needs_elements(action, rules):
            language = self.language()
            elements = self._elements()
        windows = self._windows() if needs_windows(action, rules) else None
        return Facts(self.screen_size_px(), windows, self._looked_at, elements, opens, language)

    def _windows(self) -> Windows:
        windows = windows_of(self._inner.shell(["dumpsys", "window"]).stdout)
        if windows is None:
            raise DeviceError(
                f"Got a `dumpsys window` of {self.serial} that does not add up, expected one focus and whole windows: "
                "the gate cannot tell what an input would reach, so none is sent."
            )
        return windows

    def _elements(self) -> tuple[Element, ...]:
        elements = elements_of(visible_nodes(self._inner.shell, self.serial))
        if elements is None:
            raise DeviceError(
                f"Got a `uiautomator dump` of {self.serial} with an element without bounds, expected them: the gate "
                "cannot tell what an input would reach, so none is sent."
            )
        return elements

    def _spend(self, action: Action) -> None:
        if is_still(action):
            return
        spent = self._spent
        typed = (*spent.typed, action.text) if isinstance(action, TypeText) else spent.typed
        self._spent = Spent(spent.steps + 1, spent.taps + is_touch(action), typed)

    def _property(self, name: str) -> str:
        return self._inner.shell(["getprop", name]).stdout.strip()


def _identity(windows: Windows) -> tuple[str, str] | None:
    return None if windows.focus is None else (windows.focus.token, windows.focus.title)
