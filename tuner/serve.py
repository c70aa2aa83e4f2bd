"""Builds the service's objects and runs them until a signal. Reads no command line."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tuner.adapters.keys import load_signer
from tuner.adapters.store import AdapterStore
from tuner.errors import ConfigError
from tuner.ingest.identity import Identity
from tuner.ingest.ledger import Ledger
from tuner.ingest.server import Front
from tuner.ingest.service import Sign, TunerService
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


async def serve(
    listen: str, state: Path, identity: Identity, learner_command: Sequence[str], on_ready: Callable[[int], None]
) -> None:
    """Serve until SIGTERM or SIGINT; ``on_ready`` is told the port once calls are answered.

    Raises:
        ConfigError: the address, the state folder or the signing key in it cannot be used.
        LedgerError: the ledger cannot be opened.
    """
    prepare_state_folder(state)
    sign = signing(state)
    ledger = Ledger(state)
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    with ThreadPoolExecutor(1, thread_name_prefix="ledger") as executor:
        await loop.run_in_executor(executor, ledger.open)
        supervisor = Supervisor(learner_command, state / "learner.log")
        service = TunerService(ledger, AdapterStore(state / "adapters"), identity, supervisor.view, executor, sign)
        front = Front(service)
        port = await front.start(listen)
        for signal_number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signal_number, stopped.set)
        learning = asyncio.create_task(supervisor.run())
        on_ready(port)
        await stopped.wait()
        await front.stop()
        await supervisor.stop()
        await learning
        await loop.run_in_executor(executor, ledger.close)
