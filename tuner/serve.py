"""Builds the service's objects and runs them until a signal. Reads no command line."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from agent_runtime.actions import Grammar
from agent_runtime.files import make_folder
from tuner import __version__
from tuner.adapters.keys import load_signer
from tuner.adapters.store import AdapterStore
from tuner.canary.rule import Rule
from tuner.errors import unwritable
from tuner.folder_lock import folder_locked
from tuner.ingest.forgery import Recomputation
from tuner.ingest.free_space import FreeSpace
from tuner.ingest.housekeeping import Housekeeping
from tuner.ingest.identity import Identity
from tuner.ingest.ledger import Ledger
from tuner.ingest.mending import mend
from tuner.ingest.retention import Limits, Retention
from tuner.ingest.rollout import Rollout
from tuner.ingest.server import Front
from tuner.ingest.service import Sign, TunerService
from tuner.ingest.steward import Steward
from tuner.ingest.version_trials import VersionTrials
from tuner.page.address import page_socket, url_of
from tuner.page.controls import Controls
from tuner.page.standing import Watched
from tuner.supervisor import Supervisor
from tuner.unfinished import refuse_unfinished_training

BURST_SEC = 4.0
"""For how many seconds' worth a caller may submit at once."""


def prepare_state_folder(state: Path) -> None:
    """Make the state folder, or say in one sentence why it cannot be used.

    Raises:
        ConfigError: it cannot be made or written.
    """
    probe = state / ".writable"
    try:
        make_folder(state)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise unwritable(state, error, "state folder") from error


def signing(state: Path) -> Sign | None:
    """Return what signs manifests as they go out; None where the state folder has no key."""
    signer = load_signer(state)
    return None if signer is None else lambda manifest: signer.sign(manifest, time.time())


def _front(service: TunerService, state: Path, tls_submits_per_second: float | None) -> Front:
    """Return a front for loopback, or one for those with a certificate of the state folder's CA, each so fast.

    Raises:
        ConfigError: the state folder's CA or certificate cannot be used.
    """
    if tls_submits_per_second is None:
        return Front(service)
    # these here, as they need cryptography, which a front without TLS does without
    from tuner.certificates.live import LiveServer
    from tuner.certificates.revocations import Revocations
    from tuner.ingest.gate import Gate
    from tuner.ingest.peer_rate import PeerRate
    from tuner.ingest.peers import Peers

    live = LiveServer(state)
    rate = PeerRate(tls_submits_per_second, max(1, round(BURST_SEC * tls_submits_per_second)))
    return Front(service, live.grpc_credentials(), [Gate(Peers(Revocations(live.files.revoked)), rate)])


@dataclass(frozen=True, slots=True)
class Watching:
    """Where the page is to be; ``on_ready`` is told its address for a browser."""

    listen: str
    on_ready: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Keeping:
    """What stays on the disk; ``replay`` is the number of used records that the learner needs."""

    limits: Limits = field(default_factory=Limits)
    replay: int = 0
    least_free_bytes: int = 0


KEEP_ALL = Keeping()


async def serve(
    listen: str,
    state: Path,
    identity: Identity,
    learner_command: Sequence[str],
    on_ready: Callable[[int], None],
    page: Watching | None = None,
    tls_submits_per_second: float | None = None,
    canary_share: float | None = None,
    keeping: Keeping = KEEP_ALL,
    grammar: Grammar | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; ``on_ready`` is told the port once calls are answered.

    With ``tls_submits_per_second`` only callers with a certificate of the state folder's CA are let in; with
    ``canary_share`` a new version is on trial with that share of the runtimes before the others have it; ``keeping``
    bounds what stays on the disk; with ``grammar`` trajectories whose actions it does not read in their utterances, or
    that claim otherwise what does not follow, are refused.

    Raises:
        ConfigError: `tuner train` was broken off there, an address, the state folder, a key or a certificate in it
            cannot be used, or another tuner has it.
        LedgerError: the ledger cannot be opened.
    """
    has_tls = tls_submits_per_second is not None
    listening = None if page is None else page_socket(page.listen, has_tls)
    prepare_state_folder(state)
    refuse_unfinished_training(state)
    ledger = Ledger(state)
    loop = asyncio.get_running_loop()
    lock = folder_locked(state, "one that no other tuner serves: stop that one, or choose another with --state.")
    with lock, ThreadPoolExecutor(1, thread_name_prefix="ledger") as executor:
        supervisor = Supervisor(learner_command, state / "learner.log")
        store = AdapterStore(state / "adapters")
        trials = None if canary_share is None else VersionTrials(ledger, store, Rule())
        rollout = Rollout(store) if canary_share is None else Rollout(store, trials, canary_share)
        free_space = FreeSpace(state, keeping.least_free_bytes)
        recomputation = None if grammar is None else Recomputation(grammar, store)
        service = TunerService(
            ledger, store, identity, supervisor.view, executor, signing(state), rollout, free_space, recomputation
        )
        front = _front(service, state, tls_submits_per_second)
        await loop.run_in_executor(executor, mend, state)
        await loop.run_in_executor(executor, ledger.open)
        if trials is not None:
            await loop.run_in_executor(executor, trials.open)
        port = await front.start(listen)
        stopped = _set_by_signals(loop)
        learning = asyncio.create_task(supervisor.run())
        beside = []
        if trials is not None:
            beside.append(asyncio.create_task(Steward(trials, supervisor.view, executor).run()))
        if keeping.limits.are_set:
            retention = Retention(ledger, store, keeping.limits, keeping.replay)
            beside.append(asyncio.create_task(Housekeeping(retention, rollout, executor).run()))
        on_ready(port)
        watched = Watched(__version__, identity, supervisor.view, service.submissions)
        async with _page(page, listening, state, watched, Controls(supervisor.view, trials, executor), has_tls):
            await stopped.wait()
        await front.stop()
        for task in beside:
            task.cancel()
        await supervisor.stop()
        await learning
        await loop.run_in_executor(executor, ledger.close)


def _set_by_signals(loop: asyncio.AbstractEventLoop) -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set from now on."""
    stopped = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stopped.set)
    return stopped


@asynccontextmanager
async def _page(
    page: Watching | None,
    listening: socket.socket | None,
    state: Path,
    watched: Watched,
    controls: Controls,
    has_tls: bool,
) -> AsyncIterator[None]:
    """Have the page answer while the block runs, where one was asked for."""
    if page is None or listening is None:
        yield
        return
    from tuner.page.server import PageServer  # a front without a page stays smaller

    if has_tls:
        from tuner.certificates.live import LiveServer

        live = LiveServer(state)
        server = PageServer(state, watched, listening, controls, live.ssl_context(), live.names())
    else:
        server = PageServer(state, watched, listening, controls, None)
    server.start()
    page.on_ready(url_of(listening, has_tls))
    try:
        yield
    finally:
        await server.stop()
