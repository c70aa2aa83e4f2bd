"""Builds the service's objects and runs them until a signal. Reads no command line."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tuner import __version__
from tuner.adapters.keys import load_signer
from tuner.adapters.store import AdapterStore
from tuner.errors import ConfigError
from tuner.ingest.identity import Identity
from tuner.ingest.ledger import Ledger
from tuner.ingest.server import Front
from tuner.ingest.service import Sign, TunerService
from tuner.page.address import loopback_socket, url_of
from tuner.page.standing import Watched
from tuner.supervisor import Supervisor


def prepare_state_folder(state: Path) -> None:
    """Make the state folder, or say in one sentence why it cannot be used.

    Raises:
        ConfigError: it cannot be made or written.
    """
    probe = state / ".writable"
    try:
        state.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigError(
            f"Got the state folder {state}, expected one that can be written: {error.strerror}; choose another."
        ) from error


def signing(state: Path) -> Sign | None:
    """Return what signs manifests as they go out; None where the state folder has no key."""
    signer = load_signer(state)
    return None if signer is None else lambda manifest: signer.sign(manifest, time.time())


@dataclass(frozen=True, slots=True)
class Watching:
    """Where the page is to be; ``on_ready`` is told its address for a browser."""

    listen: str
    on_ready: Callable[[str], None]


async def serve(
    listen: str,
    state: Path,
    identity: Identity,
    learner_command: Sequence[str],
    on_ready: Callable[[int], None],
    page: Watching | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; ``on_ready`` is told the port once calls are answered.

    Raises:
        ConfigError: an address, the state folder or the signing key in it cannot be used.
        LedgerError: the ledger cannot be opened.
    """
    page_socket = None if page is None else loopback_socket(page.listen)
    prepare_state_folder(state)
    sign = signing(state)
    ledger = Ledger(state)
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    with ThreadPoolExecutor(1, thread_name_prefix="ledger") as executor:
        await loop.run_in_executor(executor, ledger.open)
        supervisor = Supervisor(learner_command, state / "learner.log")
        service = TunerService(ledger, AdapterStore(state / "adapters"), identity, supervisor.view, executor, sign)
        watched = Watched(__version__, identity, supervisor.view, service.submissions)
        front = Front(service)
        port = await front.start(listen)
        for signal_number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signal_number, stopped.set)
        learning = asyncio.create_task(supervisor.run())
        on_ready(port)
        async with _page(page, page_socket, state, watched):
            await stopped.wait()
        await front.stop()
        await supervisor.stop()
        await learning
        await loop.run_in_executor(executor, ledger.close)


@asynccontextmanager
async def _page(
    page: Watching | None, listening: socket.socket | None, state: Path, watched: Watched
) -> AsyncIterator[None]:
    """Have the page answer while the block runs, where one was asked for."""
    if page is None or listening is None:
        yield
        return
    from tuner.page.server import PageServer  # a front without a page stays smaller

    server = PageServer(state, watched, listening)
    server.start()
    page.on_ready(url_of(listening))
    try:
        yield
    finally:
        await server.stop()
