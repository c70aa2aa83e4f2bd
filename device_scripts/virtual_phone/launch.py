"""Runs a phone and its server in a background thread, for tests, benchmarks and demos. Parses no options."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from device_scripts.virtual_phone.device import PRODUCT, VirtualDevice, build_device
from device_scripts.virtual_phone.errors import LaunchError
from device_scripts.virtual_phone.faults import FaultSchedule
from device_scripts.virtual_phone.faulty_phone import FaultyPhone
from device_scripts.virtual_phone.phone import Phone
from device_scripts.virtual_phone.phone_api import PhoneLike
from device_scripts.virtual_phone.server import PhoneServer, ServerOptions, announce, free_port_pair, serial_for

_START_TIMEOUT_SEC: Final = 30.0
_Result = TypeVar("_Result")


class RunningPhone:
    """A phone served from a background thread. Touch `phone` through `call` while clients are connected."""

    def __init__(self, device: VirtualDevice, options: ServerOptions) -> None:
        self.device = device
        self.options = options
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=f"virtual-phone-{options.port}", daemon=True)
        self._started = threading.Event()
        self._failure: LaunchError | None = None
        self._server: PhoneServer | None = None

    @property
    def serial(self) -> str:
        """The serial adb shows."""
        return self.device.serial

    @property
    def port(self) -> int:
        """The ADB port on loopback."""
        return self.options.port

    @property
    def phone(self) -> PhoneLike:
        """The phone itself; only its server's thread may change it while clients are connected (see `call`)."""
        return self.device.phone

    def start(self) -> None:
        """Open the ports and serve; LaunchError when a port cannot be had."""
        self._thread.start()
        self._started.wait(_START_TIMEOUT_SEC)
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Close everything and wait for the thread."""
        if self._thread.is_alive() and self._server is not None:
            self._loop.call_soon_threadsafe(self._server.stopped.set)
            self._thread.join(_START_TIMEOUT_SEC)

    def call(self, function: Callable[[], _Result]) -> _Result:
        """Run `function` on the server's thread, between two messages, and return its result."""

        async def on_the_loop() -> _Result:
            return function()

        return asyncio.run_coroutine_threadsafe(on_the_loop(), self._loop).result(_START_TIMEOUT_SEC)

    def announce(self, adb_server_port: int) -> None:
        """Ask an adb server on loopback to look for this phone now."""
        asyncio.run_coroutine_threadsafe(announce(adb_server_port, self.port), self._loop).result(_START_TIMEOUT_SEC)

    def drop_connections(self) -> None:
        """Cut every connection, as a pulled cable does."""
        if self._server is not None:
            self.call(self._server.drop_connections)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    async def _serve(self) -> None:
        self._server = PhoneServer(self.device, self.options)
        try:
            await self._server.start()
        except LaunchError as error:
            self._failure = error
            return
        finally:
            self._started.set()
        await self._server.stopped.wait()
        await self._server.stop()


@contextmanager
def running_phone(
    size: tuple[int, int] = (128, 224),
    density_dpi: int = 160,
    seed: int = 0,
    *,
    apps: str = "basic",
    port: int | None = None,
    console_token: str = "",
    name: str = PRODUCT,
    phone: PhoneLike | None = None,
    adb_server_port: int | None = None,
    faults: FaultSchedule | None = None,
) -> Iterator[RunningPhone]:
    """Serve a phone on `port` (a free odd one by default) until the block ends.

    `size` is (width, height) in pixels, `apps` the set of apps: basic or full.
    With `adb_server_port`, that adb server is asked to look at once.
    With `faults` the phone is one that can have them, and has them as the schedule says.
    Raises LaunchError when a port cannot be had.
    """
    chosen = free_port_pair() if port is None else port
    kind = Phone if faults is None else FaultyPhone
    served = kind(size=size, density_dpi=density_dpi, seed=seed, apps=apps) if phone is None else phone
    device = build_device(served, serial_for(chosen), name)
    device.faults = faults
    running = RunningPhone(device, ServerOptions(chosen, chosen - 1, console_token))
    running.start()
    try:
        if adb_server_port is not None:
            running.announce(adb_server_port)
        yield running
    finally:
        running.stop()
