"""Runs the page on the service's event loop and stops it in order. Knows no route."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import uvicorn

from tuner.page.address import is_loopback_socket
from tuner.page.app import PageApp, Reach
from tuner.page.controls import Controls
from tuner.page.standing import Watched

MAX_CONNECTIONS = 32
DRAIN_SEC = 2
_LOG = logging.getLogger(__name__)


class PageServer:
    """The page on a socket that listens; a fault in it stays in it."""

    def __init__(
        self,
        state: Path,
        watched: Watched,
        listening: socket.socket,
        controls: Controls,
        tls: ssl.SSLContext | None,
        names: tuple[str, ...] = (),
    ) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="page")
        self._app = PageApp(
            state, watched, self._executor, controls, Reach(names, tls is not None, not is_loopback_socket(listening))
        )
        self._listening = listening
        config = uvicorn.Config(
            self._app.asgi(),
            http="h11",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_graceful_shutdown=DRAIN_SEC,
        )
        config.load()
        config.ssl = tls
        self._server = _Server(config)
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Answer from now on."""
        self._running = asyncio.create_task(self._server.serve(sockets=[self._listening]), name="page")
        self._running.add_done_callback(_note_fault)

    async def stop(self) -> None:
        """Let answers in progress end, then close the port and the ledger's connection."""
        self._server.should_exit = True
        if self._running is not None:
            await asyncio.wait({self._running})
        await asyncio.get_running_loop().run_in_executor(self._executor, self._app.reader.close)
        self._executor.shutdown()


class _Server(uvicorn.Server):
    """Leaves the signals to the service."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def _note_fault(running: asyncio.Task[None]) -> None:
    if not running.cancelled() and running.exception() is not None:
        _LOG.error("the page ended; everything else goes on", exc_info=running.exception())
