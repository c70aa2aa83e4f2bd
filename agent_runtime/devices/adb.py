"""A phone behind an adb server. The only module that knows adbutils; decides nothing about episodes."""

import socket

import adbutils

from agent_runtime.devices.shell_device import ShellDevice
from agent_runtime.devices.stream import ShellStream, StreamBrokenError
from agent_runtime.errors import DeviceNotFoundError

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 5037
CONNECT_TIMEOUT_SEC = 10.0
RETURN_TIMEOUT_SEC = 10.0
"""How long a device that went away is waited for when the stream has to be opened again."""
_WHAT_TO_DO = {
    "offline": "plug it in again, or run `adb reconnect offline`",
    "unauthorized": "accept this computer's key on its screen",
    "authorizing": "accept this computer's key on its screen",
    "connecting": "wait until it is up",
}


class AdbDevice(ShellDevice):
    """The device of that serial; ``open`` must be called first (or use ``open_device``)."""

    def __init__(self, serial: str, server_host: str = DEFAULT_HOST, server_port: int = DEFAULT_PORT) -> None:
        super().__init__(serial, ShellStream(self._connect))
        self._server = (server_host, server_port)
        self._client = adbutils.AdbClient(host=server_host, port=server_port, socket_timeout=CONNECT_TIMEOUT_SEC)
        self._was_open = False
        self._absences = 0

    def open(self) -> None:
        """Connect and read the size of the screen.

        Raises:
            DeviceNotFoundError: no adb server, no such serial, or it is not ready.
            DeviceError: it answers, but not as an Android device does.
        """
        self._look_it_up()
        self.read_size()
        self._was_open = True

    @property
    def absences(self) -> int:
        """See ``Device``."""
        return self._absences

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
