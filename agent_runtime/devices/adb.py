"""A phone behind an adb server. The only module that knows adbutils; decides nothing about episodes."""

import logging
import socket
from collections.abc import Sequence

import adbutils

from agent_runtime.actions.vocabulary import (
    Action,
    Finish,
    LongPress,
    Malformed,
    OpenApp,
    PressKey,
    Swipe,
    Tap,
    TypeText,
    Wait,
)
from agent_runtime.devices import commands, parsers
from agent_runtime.devices.apps import package_of
from agent_runtime.devices.base import BYTES_PER_PIXEL, Device, Frame, ShellResult
from agent_runtime.devices.keyboards import UnicodeTyper
from agent_runtime.devices.stream import ShellStream, StreamBrokenError
from agent_runtime.errors import DeviceError, DeviceNotFoundError

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 5037
COMMAND_TIMEOUT_SEC = 30.0
CONNECT_TIMEOUT_SEC = 10.0
RETURN_TIMEOUT_SEC = 10.0
"""How long a device that went away is waited for when the stream has to be opened again."""
_LOG = logging.getLogger(__name__)
_WHAT_TO_DO = {
    "offline": "plug it in again, or run `adb reconnect offline`",
    "unauthorized": "accept this computer's key on its screen",
    "authorizing": "accept this computer's key on its screen",
    "connecting": "wait until it is up",
}


class AdbDevice(Device):
    """The device of that serial; ``open`` must be called first (or use ``open_device``)."""

    def __init__(self, serial: str, server_host: str = DEFAULT_HOST, server_port: int = DEFAULT_PORT) -> None:
        self.serial = serial
        self._server = (server_host, server_port)
        self._client = adbutils.AdbClient(host=server_host, port=server_port, socket_timeout=CONNECT_TIMEOUT_SEC)
        self._stream = ShellStream(self._connect)
        self._wm_size_px = (0, 0)
        self._frame_size_px: tuple[int, int] | None = None
        self._was_open = False
        self._absences = 0
        self.command_timeout_sec = COMMAND_TIMEOUT_SEC
        self._typer = UnicodeTyper(serial, self.shell, self._input)

    def open(self) -> None:
        """Connect and read the size of the screen.

        Raises:
            DeviceNotFoundError: no adb server, no such serial, or it is not ready.
            DeviceError: it answers, but not as an Android device does.
        """
        self._look_it_up()
        size = parsers.wm_size(self.shell(["wm", "size"]).stdout)
        if size is None:
            raise DeviceError(f"Got no screen size from {self.serial}, expected `wm size` to print one: restart it.")
        self._wm_size_px = size
        self._was_open = True

    @property
    def breaks(self) -> int:
        """See ``Device``."""
        return self._stream.breaks

    @property
    def absences(self) -> int:
        """See ``Device``."""
        return self._absences

    def screen_size_px(self) -> tuple[int, int]:
        """See ``Device``: `wm size`, turned as the last frame was."""
        width_px, height_px = self._wm_size_px
        frame = self._frame_size_px
        if frame is not None and (frame[0] > frame[1]) != (width_px > height_px):
            return height_px, width_px
        return width_px, height_px

    def observe(self) -> Frame:
        """See ``Device``."""
        width_px, height_px = self._wm_size_px
        expected_bytes = width_px * height_px * BYTES_PER_PIXEL
        line = "screencap 2>/dev/null </dev/null"
        reply = self._stream.run(line, self.command_timeout_sec, repeatable=True, expected_bytes=expected_bytes)
        frame = Frame(*parsers.raw_screencap(reply.body))
        self._frame_size_px = (frame.width_px, frame.height_px)
        return frame

    def shell(self, args: Sequence[str]) -> ShellResult:
        """See ``Device``."""
        return self._run(args, repeatable=True)

    def perform(self, action: Action) -> None:
        """See ``Device``; an input event is never sent twice."""
        width_px, height_px = self.screen_size_px()
        match action:
            case Tap(x, y):
                self._input(commands.tap(int(x * width_px), int(y * height_px)))
            case LongPress(x, y):
                self._input(commands.long_press(int(x * width_px), int(y * height_px)))
            case Swipe(x0, y0, x1, y1):
                points = (int(x0 * width_px), int(y0 * height_px), int(x1 * width_px), int(y1 * height_px))
                self._input(commands.swipe(*points))
            case TypeText(text):
                self._type(text)
            case PressKey(key):
                self._input(commands.key(key))
            case OpenApp(name):
                self._open_app(name)
            case Wait(seconds):
                self._run(["sleep", f"{seconds:.3f}"], repeatable=True, more_sec=seconds)
            case Finish() | Malformed():
                pass

    def close(self) -> None:
        """See ``Device``."""
        self._stream.close()

    def _run(self, args: Sequence[str], *, repeatable: bool, more_sec: float = 0.0) -> ShellResult:
        timeout_sec = self.command_timeout_sec + more_sec
        reply = self._stream.run(commands.command_line(args), timeout_sec, repeatable=repeatable)
        return ShellResult(str(reply.body, "utf-8", "replace"), reply.exit_code)

    def _input(self, args: Sequence[str]) -> str:
        """Run a command that is never sent twice, and return what it printed."""
        result = self._run(args, repeatable=False)
        if result.exit_code:
            raise DeviceError(
                f"{self.serial} refused `{' '.join(args[:2])}` ({' '.join(result.stdout.split())[:120]}), expected it "
                "to take input: allow input over USB debugging in its developer settings."
            )
        return result.stdout

    def _type(self, text: str) -> None:
        if not text.isascii():
            self._typer.type_text(text)
            return
        for command in commands.ascii_text(text):
            self._input(command)

    def _open_app(self, name: str) -> None:
        listed = self.shell(["pm", "list", "packages"]).stdout.split()
        package = package_of(name, {line.removeprefix("package:") for line in listed})
        if package is None:
            _LOG.info("no app called %r on %s: nothing was opened", name, self.serial)
            return
        answers = (self.shell(question).stdout for question in commands.find_launcher(package))
        component = next(filter(None, (parsers.launcher_component(answer, package) for answer in answers)), None)
        if component is None:
            _LOG.info("%s of %s has no icon to start it by: nothing was opened", package, self.serial)
            return
        problem = parsers.start_problem(self._run(commands.launch(component), repeatable=False).stdout)
        if problem is not None:
            raise DeviceError(
                f"{self.serial} does not start {component} ({problem[:120]}), expected it to: see whether its icon "
                "does, and whether the app is disabled."
            )

    def _connect(self, service: str) -> socket.socket:
        """Open a stream to a service of the device, waiting a little for a device that was there before."""
        try:
            if self._was_open:
                self._absences += not self._is_ready()
                self._client.wait_for(self.serial, state="device", timeout=RETURN_TIMEOUT_SEC)
            connection = self._client.device(self.serial).open_transport(timeout=CONNECT_TIMEOUT_SEC)
            connection.send_command(service)
            connection.check_okay()
        except (adbutils.AdbError, OSError, EOFError) as error:
            self._look_it_up()
            raise StreamBrokenError(
                f"{self.serial} does not open a shell ({error}): reconnect or restart it."
            ) from error
        stream: socket.socket = connection.conn
        return stream

    def _is_ready(self) -> bool:
        try:
            return str(self._client.device(self.serial).get_state()) == "device"
        except adbutils.AdbError:
            return False

    def _look_it_up(self) -> None:
        """Raise DeviceNotFoundError unless the server shows the device as ready."""
        host, port = self._server
        states = server_states(host, port)
        state = states.get(self.serial)
        if state == "device":
            return
        if state is None:
            present = ", ".join(sorted(states)) or "no device at all"
            raise DeviceNotFoundError(
                f"Got the serial {self.serial!r}, but the adb server at {host}:{port} shows {present}: choose one of "
                "those, or connect the device and see `adb devices`."
            )
        todo = _WHAT_TO_DO.get(state, "boot it into Android and see `adb devices`")
        raise DeviceNotFoundError(f"The device {self.serial} is {state}, expected it ready: {todo}.")


def server_states(server_host: str = DEFAULT_HOST, server_port: int = DEFAULT_PORT) -> dict[str, str]:
    """Return the state of every serial that server shows; asking starts no server.

    Raises:
        DeviceNotFoundError: no adb server answers there.
    """
    try:
        socket.create_connection((server_host, server_port), CONNECT_TIMEOUT_SEC).close()
        client = adbutils.AdbClient(host=server_host, port=server_port, socket_timeout=CONNECT_TIMEOUT_SEC)
        return {info.serial: info.state for info in client.list(extended=False)}
    except (adbutils.AdbError, OSError) as error:
        raise DeviceNotFoundError(
            f"Got no answer from an adb server at {server_host}:{server_port} ({error}), expected one: "
            "run `adb start-server`."
        ) from error


def open_device(serial: str, server_host: str = DEFAULT_HOST, server_port: int = DEFAULT_PORT) -> AdbDevice:
    """Return the device of that serial, connected; raises as ``AdbDevice.open`` does."""
    device = AdbDevice(serial, server_host, server_port)
    device.open()
    return device
