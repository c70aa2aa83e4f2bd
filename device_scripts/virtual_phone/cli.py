"""The `virtual-phone` command: reads options, serves one phone until it is told to stop. Holds no protocol."""

from __future__ import annotations

import asyncio
import re
import secrets
import signal
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from device_scripts.virtual_phone.adb_wire.auth import TOKEN_BYTES
from device_scripts.virtual_phone.adb_wire.connection import Authentication
from device_scripts.virtual_phone.apps import APP_SETS
from device_scripts.virtual_phone.device import PRODUCT, build_device
from device_scripts.virtual_phone.errors import LaunchError
from device_scripts.virtual_phone.faults import FaultSchedule, read_schedule
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

_SIZE: Final = re.compile(r"(\d{1,5})x(\d{1,5})")
_SIDE_RANGE_PX: Final = (64, 4320)
_DENSITY_RANGE_DPI: Final = (72, 960)
_MAX_PORT: Final = 65535
_USAGE_STATUS: Final = 2

app = typer.Typer(add_completion=False)


@app.command()
def serve(
    size: Annotated[str, typer.Option(help="Screen size in pixels, WIDTHxHEIGHT.")] = "128x224",
    density: Annotated[int, typer.Option(help="Dots per inch.")] = 160,
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
    """Serve one virtual Android phone over ADB on loopback until SIGTERM or Ctrl-C."""
    try:
        schedule = None if faults is None else read_schedule(faults)
        kind = Phone if schedule is None else FaultyPhone
        phone = kind(size=parse_size(size), density_dpi=_checked_density(density), seed=seed, apps=_checked_apps(apps))
        options = _options(port, console_port, console_token_file, require_auth=require_auth)
        asyncio.run(_serve(phone, options, adb_server_port, schedule))
    except LaunchError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(_USAGE_STATUS) from None


def parse_size(text: str) -> tuple[int, int]:
    """Return (width, height) in pixels from `WIDTHxHEIGHT`; LaunchError when it is not that."""
    match = _SIZE.fullmatch(text)
    low, high = _SIDE_RANGE_PX
    if match is None or not all(low <= int(side) <= high for side in match.groups()):
        raise LaunchError(f"Got --size {text!r}; give WIDTHxHEIGHT, each {low} to {high} pixels, e.g. 128x224.")
    return int(match[1]), int(match[2])


def _checked_density(density_dpi: int) -> int:
    low, high = _DENSITY_RANGE_DPI
    if not low <= density_dpi <= high:
        raise LaunchError(f"Got --density {density_dpi}; give {low} to {high} dots per inch, e.g. 160.")
    return density_dpi


def _checked_apps(name: str) -> str:
    if name not in APP_SETS:
        raise LaunchError(f"Got --apps {name!r}; give one of {', '.join(APP_SETS)}.")
    return name


def _options(port: int, console_port: int | None, token_file: Path | None, *, require_auth: bool) -> ServerOptions:
    chosen = free_port_pair() if port == 0 else port
    chosen_console = chosen - 1 if console_port is None else console_port
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


async def _serve(
    phone: Phone, options: ServerOptions, adb_server_port: int | None, faults: FaultSchedule | None = None
) -> None:
    device = build_device(phone, serial_for(options.port), PRODUCT)
    device.faults = faults
    server = PhoneServer(device, options)
    await server.start()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.stopped.set)
    try:
        if adb_server_port is not None:
            await announce(adb_server_port, options.port)
        typer.echo(f"{device.serial} ready: adb {LOOPBACK}:{options.port}, console {LOOPBACK}:{options.console_port}")
        sys.stdout.flush()
        await server.stopped.wait()
    finally:
        await server.stop()


def main() -> None:
    """Run the command."""
    app()


if __name__ == "__main__":
    main()
