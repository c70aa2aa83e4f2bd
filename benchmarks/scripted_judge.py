"""A judge's endpoint on loopback that answers with the bytes it is told, well formed or not. Judges nothing."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_LOOPBACK = "127.0.0.1"
_ENDS = b"\r\n\r\n"
SILENCE = b""
"""No answer at all: the connection stays open."""


def says(content: str) -> bytes:
    """Return a whole answer with a chat completion of that text."""
    body = json.dumps({"choices": [{"message": {"role": "assistant", "content": content}}]}).encode()
    return answer(200, body)


def answer(status: int, body: bytes, length: int | None = None) -> bytes:
    """Return an answer that promises ``length`` bytes of body, as many as it has by default."""
    promised = len(body) if length is None else length
    return b"HTTP/1.1 %d Told\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (status, promised) + body


class ScriptedJudge:
    """Gives ``reply`` to every question and hangs up; None hangs up without a word."""

    def __init__(self) -> None:
        self.reply: bytes | None = None
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._is_up = threading.Event()
        self._is_over = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),), daemon=True)

    def start(self) -> None:
        """Listen on a free port."""
        self._thread.start()
        self._is_up.wait()

    def stop(self) -> None:
        """Close the port."""
        self._loop.call_soon_threadsafe(self._is_over.set)
        self._thread.join()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._answer, _LOOPBACK, 0)
        self.url = f"http://{_LOOPBACK}:{server.sockets[0].getsockname()[1]}/v1"
        self._is_up.set()
        await self._is_over.wait()
        server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(_ENDS)).lower()
            length = head.partition(b"content-length:")[2].split()
            await reader.readexactly(int(length[0]) if length else 0)
            if self.reply == SILENCE:
                await reader.read()
            writer.write(self.reply or b"")
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()


@contextmanager
def scripted_judge() -> Iterator[ScriptedJudge]:
    """Serve one until the block ends."""
    judge = ScriptedJudge()
    judge.start()
    try:
        yield judge
    finally:
        judge.stop()
