"""The `virtual-phone` command: reads options, serves phones until they are told to stop. Holds no protocol."""

from __future__ import annotations

import asyncio
import re
import secrets
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer

from agent_runtime.command_line import BAD_INPUT_EXIT_CODE, run_program
from device_scripts.virtual_phone.adb_wire.auth import TOKEN_BYTES
from device_scripts.virtual_phone.adb_wire.connection import Authentication
from device_scripts.virtual_phone.apps import APP_SETS
from device_scripts.virtual_phone.device import PRODUCT, build_device
from device_scripts.virtual_phone.errors import LaunchError
from device_scripts.virtual_phone.faults import read_schedule
from device_scripts.virtual_phone.faulty_phone import FaultyPhone
from device_scripts.virtual_phone.phone import Phone
from device_scripts.virtual_phone.server import (
    LOOPBACK,
    PhoneServer,
    ServerOptions,
    announce,
    free_port_pair,
    serial_for,
)
from device_scripts.virtual_phone.ui.theme import BASELINE_DPI

_SIZE: Final = re.compile(r"(\d{1,5})x(\d{1,5})")
_DENSITY_RANGE_DPI: Final = (72, 960)
_SIDE_RANGE_PX: Final = (64, 4320)
_LEAST_SIDE_DP: Final = 64
_MAX_PHONES: Final = 64
_MAX_PORT: Final = 65535

app = typer.Typer(add_completion=False)


@app.command()
def serve(
    size: Annotated[str, typer.Option(help="Screen size in pixels, WIDTHxHEIGHT.")] = "128x224",
    density: Annotated[int, typer.Option(help="Dots per inch.")] = 160,
    phones: Annotated[
        int, typer.Option(help="How many phones to serve; each further one has the next two ports and the next seed.")
    ] = 1,
    seed: Annotated[int, typer.Option(help="Decides every app's contents and order.")] = 0,
    apps: Annotated[str, typer.Option(help="Set of apps: basic or full.")] = "basic",
    port: Annotated[int, typer.Option(help="ADB port on loopback; odd, so that adb takes it; 0 chooses.")] = 5555,
    console_port: Annotated[int | None, typer.Option(help="Console port; by default the one before --port.")] = None,
    console_token_file: Annotated[
        Path | None, typer.Option(help="File whose text `auth` must give; by default ~/.emulator_console_auth_token.")
    ] = None,
    adb_server_port: Annotated[
        int | None, typer.Option(help="Ask the adb server on this port to look for the phone at once.")
    ] = None,
    require_auth: Annotated[bool, typer.Option(help="Ask for an RSA signature; a new key is accepted.")] = False,
    faults: Annotated[
        Path | None, typer.Option(help="JSON file of what goes wrong and when; see docs/faults.md.")
    ] = None,
) -> None:
    """Serve virtual Android phones over ADB on loopback until SIGTERM or Ctrl-C."""
    try:
        kind = Phone if faults is None else FaultyPhone
        size_px = parse_size(size)
        phone_of = partial(kind, size_px, _checked_density(density, size_px), apps=_checked_apps(apps))

        def server(number: int) -> PhoneServer:
            options = _options(port, console_port, console_token_file, number, require_auth=require_auth)
            device = build_device(phone_of(seed=seed + number), serial_for(options.port), PRODUCT)
            device.faults = None if faults is None else read_schedule(faults, number)
            return PhoneServer(device, options)

        asyncio.run(_serve(server, _checked_count(phones), adb_server_port))
    except LaunchError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(BAD_INPUT_EXIT_CODE) from None


def parse_size(text: str) -> tuple[int, int]:
    """Return (width, height) in pixels from `WIDTHxHEIGHT`; LaunchError when it is not that."""
    match = _SIZE.fullmatch(text)
    low, high = _SIDE_RANGE_PX
    if match is None or not all(low <= int(side) <= high for side in match.groups()):
        raise LaunchError(f"Got --size {text!r}; give WIDTHxHEIGHT, each {low} to {high} pixels, e.g. 128x224.")
    return int(match[1]), int(match[2])


def _checked_density(density_dpi: int, size_px: tuple[int, int]) -> int:
    """Return the density; LaunchError where it is out of range, or so high that the screen has no room for words."""
    low, high = _DENSITY_RANGE_DPI[0], min(_DENSITY_RANGE_DPI[1], min(size_px) * BASELINE_DPI // _LEAST_SIDE_DP)
    if not low <= density_dpi <= high:
        screen = f"on {size_px[0]}x{size_px[1]} pixels"
        raise LaunchError(f"Got --density {density_dpi}; give {low} to {high} dots per inch {screen}, e.g. 160.")
    return density_dpi


def _checked_count(phones: int) -> int:
    if not 1 <= phones <= _MAX_PHONES:
        raise LaunchError(f"Got --phones {phones}; give 1 to {_MAX_PHONES}.")
    return phones


def _checked_apps(name: str) -> str:
    if name not in APP_SETS:
        raise LaunchError(f"Got --apps {name!r}; give one of {', '.join(APP_SETS)}.")
    return name


def _options(
    port: int, console_port: int | None, token_file: Path | None, number: int, *, require_auth: bool
) -> ServerOptions:
    """Return the options of the phone of that number; each has a pair of ports."""
    chosen = free_port_pair() if port == 0 else port + 2 * number
    chosen_console = chosen - 1 if console_port is None else console_port + 2 * number
    for number in (chosen, chosen_console):
        if not 1 <= number <= _MAX_PORT:
            raise LaunchError(f"Got port {number}; give ports from 1 to {_MAX_PORT}.")
    token, token_path = _read_token(token_file)
    authentication = Authentication([], lambda: secrets.token_bytes(TOKEN_BYTES)) if require_auth else None
    return ServerOptions(chosen, chosen_console, token, token_path, authentication)


def _read_token(token_file: Path | None) -> tuple[str, str]:
    """Return the console's token and where it lies; without a file by default there is none to give."""
    path = Path.home() / ".emulator_console_auth_token" if token_file is None else token_file
    if token_file is None and not path.exists():
        return "", ""
    try:
        return path.read_text(encoding="ascii").strip(), str(path)
    except (OSError, UnicodeDecodeError):
        raise LaunchError(f"The console token file {path} cannot be read as text; name another.") from None


async def _serve(server_of: Callable[[int], PhoneServer], count: int, adb_server_port: int | None) -> None:
    """Serve that many phones on one event loop until the last one is stopped."""
    loop = asyncio.get_running_loop()
    servers: list[PhoneServer] = []
    try:
        for number in range(count):  # one after another: a port that was found free is taken before the next is sought
            server = server_of(number)
            await server.start()
            servers.append(server)
        for signal_number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(signal_number, _stop, servers)
        for server in servers:
            if adb_server_port is not None:
                await announce(adb_server_port, server.options.port)
            ports = f"adb {LOOPBACK}:{server.options.port}, console {LOOPBACK}:{server.options.console_port}"
            typer.echo(f"{server.device.serial} ready: {ports}")
        sys.stdout.flush()
        await asyncio.gather(*(_until_stopped(server) for server in servers))
    finally:
        for server in servers:
            await server.stop()


def _stop(servers: list[PhoneServer]) -> None:
    for server in servers:
        server.stopped.set()


async def _until_stopped(server: PhoneServer) -> None:
    """Wait until this phone is killed from its console, or all are stopped, and close its ports."""
    await server.stopped.wait()
    await server.stop()


def main() -> None:
    """Run the command; bad options end with one sentence and exit code 2."""
    run_program(app, "virtual-phone")


if __name__ == "__main__":
    main()
