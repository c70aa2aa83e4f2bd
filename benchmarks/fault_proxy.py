"""A TCP proxy whose connections go wrong in the ways networks do, by a seed. Knows no protocol and judges nothing.

One listening port for each client. Every connection is to meet one fault after so many bytes; which, and after how
many, is drawn. ``partition`` cuts all there are and lets none in for a while. What clients sent on some connections is
kept, to be sent again later.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

SLOW, SLICED, RESET, LOST_ANSWER, HALF_OPEN, PARTITION = (
    "latency",
    "slicing",
    "reset after the request",
    "lost answer",
    "half-open",
    "partition",
)
FAULTS: Final = (SLOW, SLICED, RESET, RESET, LOST_ANSWER, LOST_ANSWER, HALF_OPEN)
"""Drawn from for each connection; what is here twice comes twice as often."""
LATENCY_SEC: Final = 0.05
SLICE_BYTES: Final = 7
SLICED_BYTES: Final = 2_000
PARTITION_SEC: Final = 0.3
KEPT_BYTES: Final = 1 << 16
_CHUNK_BYTES = 1 << 14
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, no time: close() resets


@dataclass(eq=False)
class _Connection:
    """One client's connection and the way on."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    kind: str
    strikes_after: int
    sent: bytearray = field(default_factory=bytearray)
    passed: int = 0
    has_struck: bool = False
    is_silent: bool = False
    """Nothing is passed on in either direction."""
    loses_answers: bool = False


class FaultProxy:
    """``ports`` listening ports before ``target``; call ``start``. Runs in a thread of its own."""

    def __init__(self, target: tuple[str, int], ports: int, seed: int, bytes_to_fault: int, keeps: int = 0) -> None:
        self.struck: Counter[str] = Counter()
        self.kept: list[bytes] = []
        """What was sent on the first connections, as far as it was passed on."""
        self.ports: list[int] = []
        self.target = target
        """May be changed; connections from then on go there."""
        self._count = ports
        self._rng = random.Random(seed)
        self._bytes_to_fault = bytes_to_fault
        self._keeps = keeps
        self._open: set[_Connection] = set()
        self._is_parted = False
        self.is_faulty = True
        """Whether connections go wrong at all; set it False to let what is left through."""
        self._loop = asyncio.new_event_loop()
        self._servers: list[asyncio.Server] = []
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy", daemon=True)

    def start(self) -> None:
        """Listen."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    def partition(self) -> None:
        """Cut every connection there is, and let no other in for a while."""
        self._loop.call_soon_threadsafe(self._part)

    def stop(self) -> None:
        """Close everything."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _listen(self) -> None:
        for _ in range(self._count):
            server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
            self._servers.append(server)
            self.ports.append(server.sockets[0].getsockname()[1])

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        for connection in list(self._open):
            _reset(connection)
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _part(self) -> None:
        self.struck[PARTITION] += 1
        self._is_parted = True
        for connection in list(self._open):
            _reset(connection)
        self._loop.call_later(PARTITION_SEC, self._heal)

    def _heal(self) -> None:
        self._is_parted = False

    async def _serve(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        with suppress(asyncio.CancelledError):  # by `stop`
            await self._pass_on(reader, client)

    async def _pass_on(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        if self._is_parted:
            client.transport.abort()
            return
        try:
            from_server, server = await asyncio.open_connection(*self.target)
        except OSError:
            client.transport.abort()
            return
        strikes_after = self._rng.randint(1, 2 * self._bytes_to_fault)
        connection = _Connection(client, server, self._rng.choice(FAULTS), strikes_after)
        self._open.add(connection)
        try:
            there = asyncio.create_task(self._pump(connection, reader, server, is_request=True))
            back = asyncio.create_task(self._pump(connection, from_server, client, is_request=False))
            await asyncio.wait((there, back), return_when=asyncio.FIRST_COMPLETED)
            for task in (there, back):
                task.cancel()
            await asyncio.gather(there, back, return_exceptions=True)
        finally:
            self._open.discard(connection)
            if len(self.kept) < self._keeps:
                self.kept.append(bytes(connection.sent))
            _reset(connection)

    async def _pump(
        self, connection: _Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_request: bool
    ) -> None:
        while chunk := await reader.read(_CHUNK_BYTES):
            if connection.is_silent or (connection.loses_answers and not is_request):
                continue
            if is_request and len(self.kept) < self._keeps and len(connection.sent) < KEPT_BYTES:
                connection.sent += chunk
            connection.passed += len(chunk) if is_request else 0
            due = self.is_faulty and not connection.has_struck and connection.passed >= connection.strikes_after
            pieces = [chunk]
            if due and is_request:
                connection.has_struck = True
                self.struck[connection.kind] += 1
                if connection.kind == SLOW:
                    await asyncio.sleep(LATENCY_SEC)
                elif connection.kind == SLICED:
                    cut = min(len(chunk), SLICED_BYTES)
                    pieces = [chunk[at : at + SLICE_BYTES] for at in range(0, cut, SLICE_BYTES)] + [chunk[cut:]]
                elif connection.kind == LOST_ANSWER:
                    connection.loses_answers = True
                    self._loop.call_later(LATENCY_SEC, _reset, connection)
                elif connection.kind == HALF_OPEN:
                    connection.is_silent = True
                    continue
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            if due and is_request and connection.kind == RESET:
                return
            if due and is_request and connection.kind in (SLOW, SLICED):  # those end nothing: the next one follows
                connection.has_struck, connection.passed = False, 0
                connection.kind = self._rng.choice(FAULTS)


def _reset(connection: _Connection) -> None:
    for writer in (connection.client, connection.server):
        raw = writer.get_extra_info("socket")
        if raw is not None and raw.fileno() >= 0:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        writer.transport.abort()
