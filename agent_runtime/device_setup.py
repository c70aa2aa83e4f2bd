"""From options to devices that are ready to be driven: chosen, opened, recovering, gated. Drives none."""

import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

from agent_runtime.actions import Action, Ruling
from agent_runtime.devices.adb import open_device, server_states
from agent_runtime.devices.recovery import RecoveringDevice
from agent_runtime.errors import DeviceError, UsageError
from agent_runtime.gate.device import Confirm, GatedDevice
from agent_runtime.gate.files import gated
from agent_runtime.options import Options
from agent_runtime.tasks.suites import require_fit

_READY = "device"


def chosen_serials(options: Options) -> list[str]:
    """Return the serials to run on: those named, or all that the adb server shows as ready.

    Raises:
        UsageError: there is none.
        DeviceNotFoundError: all are wanted and no adb server answers.
    """
    if options.devices:
        return list(options.devices)
    states = server_states(options.adb_server_host, options.adb_server_port)
    ready = sorted(serial for serial, state in states.items() if state == _READY)
    if not ready:
        told = ", ".join(f"{serial} ({state})" for serial, state in sorted(states.items())) or "no device at all"
        raise UsageError(
            f"Got --devices all, but the adb server shows {told}, expected at least one that is ready: connect it and "
            "see `adb devices`."
        )
    return ready


def opened_devices(options: Options, serials: Sequence[str], stack: ExitStack) -> list[GatedDevice]:
    """Connect to every device; all are closed when the stack is left.

    Raises:
        UsageError: the gate or the suite does not allow one.
        DeviceError: one is not there or does not answer.
    """
    devices = []
    one_at_a_time = threading.Lock()
    for serial in serials:
        opened = stack.enter_context(open_device(serial, options.adb_server_host, options.adb_server_port))
        choice = options.gate
        if choice.confirm is not None and len(serials) > 1:
            choice = replace(choice, confirm=_asking_about(serial, choice.confirm, one_at_a_time))
        device = gated(RecoveringDevice(opened), choice)
        require_fit(options.suite, device)
        devices.append(device)
    return devices


def is_there(options: Options, serial: str) -> bool:
    """Return whether the adb server shows the device as ready."""
    try:
        return server_states(options.adb_server_host, options.adb_server_port).get(serial) == _READY
    except DeviceError:
        return False


def _asking_about(serial: str, confirm: Confirm, one_at_a_time: threading.Lock) -> Confirm:
    """Return a question to the person at the terminal that names its device and waits for those of the others."""

    def ask(action: Action, ruling: Ruling) -> bool:
        with one_at_a_time:
            return confirm(action, replace(ruling, reason=f"on {serial}, {ruling.reason}"))

    return ask
