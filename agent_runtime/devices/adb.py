"""A phone behind an adb server: how it is reached, and waited for. Opens no socket; decides nothing about episodes."""

from agent_runtime.devices.adb_server import DEFAULT_HOST, DEFAULT_PORT, READY, AdbServer, Server
from agent_runtime.devices.clock import HOST_CLOCK, Clock, tries
from agent_runtime.devices.shell_device import ShellDevice
from agent_runtime.devices.stream import ByteStream, ShellStream, StreamBrokenError
from agent_runtime.errors import DeviceNotFoundError, UnauthorizedError

RETURN_TIMEOUT_SEC = 10.0
"""How long a device that went away is waited for before the server is asked to connect to it anew."""
UNAUTHORIZED_STATES = ("unauthorized", "authorizing")
_WHAT_TO_DO = {
    "offline": "plug it in again, or run `adb reconnect offline`",
    "unauthorized": "accept this computer's key on its screen",
    "authorizing": "accept this computer's key on its screen",
    "connecting": "wait until it is up",
}


class AdbDevice(ShellDevice):
    """The device of that serial; ``open`` must be called first (or use ``open_device``)."""

    def __init__(self, serial: str, server: Server, clock: Clock = HOST_CLOCK) -> None:
        super().__init__(serial, ShellStream(self._connect, clock, self._note_break), clock)
        self._server = server
        self._was_open = False

    def open(self) -> None:
        """Connect and read the size of the screen.

        Raises:
            DeviceNotFoundError: no adb server, no such serial, or it is not ready.
            DeviceError: it answers, but not as an Android device does.
        """
        self._look_it_up()
        self.read_size()
        self._was_open = True

    def open_service(self, service: str) -> ByteStream:
        """Return a stream of its own to a service of the device, such as `shell:logcat`; whoever asks closes it.

        Raises:
            DeviceError: the device does not open it.
        """
        return self._connect(service)

    def _note_break(self) -> None:
        self.mended["closed_stream"] += 1

    def _connect(self, service: str) -> ByteStream:
        """Open a stream to a service of the device, waiting a little for a device that was there before."""
        if self._was_open:
            self._await_return()
        try:
            return self._server.open(self.serial, service)
        except StreamBrokenError:
            self._look_it_up()
            raise

    def _await_return(self) -> None:
        """Wait until the device is ready; have the server connect to it anew, to it alone, where it stays offline.

        Not where it does not take the key: its dialog would come anew under the finger of whoever accepts it.
        """
        seen: set[str] = set()
        for _ in tries(self.clock, RETURN_TIMEOUT_SEC):
            state = self._server.states().get(self.serial, "")
            if state == READY:
                break
            seen.add("unauthorized" if state in UNAUTHORIZED_STATES else "offline")
        else:
            if state and state not in UNAUTHORIZED_STATES:
                self._server.reconnect(self.serial)
        if seen:
            self.mended["unauthorized" if "unauthorized" in seen else "offline"] += 1

    def _look_it_up(self) -> None:
        """Raise DeviceNotFoundError unless the server shows the device as ready."""
        states = self._server.states()
        state = states.get(self.serial)
        if state == READY:
            return
        if state is None:
            present = ", ".join(sorted(states)) or "no device at all"
            raise DeviceNotFoundError(
                f"Got the serial {self.serial!r}, but the adb server at {self._server.address} shows {present}: choose "
                "one of those, or connect the device and see `adb devices`."
            )
        todo = _WHAT_TO_DO.get(state, "boot it into Android and see `adb devices`")
        kind = UnauthorizedError if state in UNAUTHORIZED_STATES else DeviceNotFoundError
        raise kind(f"The device {self.serial} is {state}, expected it ready: {todo}.")


def server_states(server_host: str = DEFAULT_HOST, server_port: int = DEFAULT_PORT) -> dict[str, str]:
    """Return the state of every serial that server shows; asking starts no server.

    Raises:
        DeviceNotFoundError: no adb server answers there.
    """
    return AdbServer(server_host, server_port).states()


def open_device(serial: str, server_host: str = DEFAULT_HOST, server_port: int = DEFAULT_PORT) -> AdbDevice:
    """Return the device of that serial, connected; raises as ``AdbDevice.open`` does."""
    device = AdbDevice(serial, AdbServer(server_host, server_port))
    device.open()
    return device
