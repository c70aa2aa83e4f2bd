"""Adapters on their way in: whole versions are handed on once, anything else is asked for again."""

from __future__ import annotations

import asyncio
import hashlib
import random
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import grpc
import pytest
from coso.v1 import policy_pb2, tuner_pb2, tuner_pb2_grpc

from agent_runtime.uplink.client import TunerLink
from tests.wire_world import DEADLINE_SEC, ServedTuner, message, until
from tuner.adapters.store import PAYLOAD_NAME
from tuner.ingest.outgoing import CHUNK_BYTES
from tuner.ingest.service import TunerService

Connect = Callable[..., TunerLink]
Serve = Callable[..., ServedTuner]
Part = tuner_pb2.FollowAdaptersResponse
SMALL = b"12345678"


class Taken:
    """What was handed on, and the version the runtime then holds."""

    def __init__(self) -> None:
        self.versions: list[tuple[int, bytes]] = []
        self.replace_any: list[bool] = []

    def on_adapter(self, manifest: policy_pb2.AdapterManifest, payload: bytes) -> None:
        self.versions.append((manifest.version, payload))
        self.replace_any.append(manifest.replaces_any)

    def have_version(self) -> int:
        return self.versions[-1][0] if self.versions else 0


@pytest.fixture
def taken() -> Taken:
    return Taken()


@pytest.fixture
def follow(connect: Connect, taken: Taken) -> Callable[[str], TunerLink]:
    return lambda address: connect(address, on_adapter=taken.on_adapter, have_version=taken.have_version)


Follow = Callable[[str], TunerLink]


def test_versions_come_whole_and_in_order_as_they_are_published(serve: Serve, follow: Follow, taken: Taken) -> None:
    tuner = serve()
    link = follow(tuner.address)
    payloads = [random.Random(version).randbytes(2 * CHUNK_BYTES + 1) for version in (1, 2)]  # three chunks
    for version, payload in enumerate(payloads, start=1):
        tuner.publish(version, payload)
        assert until(lambda version=version: taken.have_version() == version)
    assert taken.versions == [(1, payloads[0]), (2, payloads[1])]
    assert taken.replace_any == [False, False]
    assert link.counters.versions_received == 2
    assert link.counters.payload_bytes_received == 2 * (2 * CHUNK_BYTES + 1)


def test_of_a_version_that_rotted_nobody_gets_more_than_the_beginning(
    serve: Serve, follow: Follow, taken: Taken, tmp_path: Path
) -> None:
    tuner = serve()
    tuner.publish(1, SMALL)
    tuner.publish(2, bytes(2 * CHUNK_BYTES + 1))
    (rotted,) = tmp_path.rglob(f"00000002/{PAYLOAD_NAME}")
    rotted.write_bytes(bytes(2 * CHUNK_BYTES) + b"1")
    link = follow(tuner.address)
    assert until(lambda: taken.versions == [(1, SMALL)])
    assert link.counters.versions_received == 1
    assert not rotted.exists()


def test_a_payload_of_exactly_one_chunk_is_whole(serve: Serve, follow: Follow, taken: Taken) -> None:
    tuner = serve()
    tuner.publish(1, bytes(CHUNK_BYTES))
    follow(tuner.address)
    assert until(lambda: taken.versions == [(1, bytes(CHUNK_BYTES))])


def test_whoever_comes_late_gets_the_newest_alone_and_may_put_it_anywhere(
    serve: Serve, follow: Follow, taken: Taken
) -> None:
    tuner = serve()
    for version in (1, 2, 3):
        tuner.publish(version, SMALL)
    follow(tuner.address)
    assert until(lambda: bool(taken.versions))
    assert (taken.versions, taken.replace_any) == ([(3, SMALL)], [True])


def test_after_a_restart_of_the_tuner_only_what_is_new_comes(serve: Serve, follow: Follow, taken: Taken) -> None:
    first = serve()
    follow(first.address)
    first.publish(1, b"one")
    assert until(lambda: taken.have_version() == 1)
    first.stop()
    second = serve(listen=first.address)
    second.publish(2, b"two")
    assert until(lambda: taken.have_version() == 2)
    assert (taken.versions, taken.replace_any) == ([(1, b"one"), (2, b"two")], [False, False])


def first_stream(parts: Sequence[Part], asked: list[int], hangs_up: bool) -> type[TunerService]:
    """Return a service whose first stream is these parts, then silence or a hang-up, and is right from then on."""

    class Scripted(TunerService):
        async def FollowAdapters(self, request: Any, context: Any) -> AsyncIterator[Part]:  # noqa: N802
            asked.append(request.have_version)
            if len(asked) > 1:
                async for part in super().FollowAdapters(request, context):
                    yield part
                return
            for part in parts:
                yield part
            if hangs_up:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "the cable is out")
            await asyncio.Event().wait()

    return Scripted


def announced(payload: bytes = SMALL) -> Part:
    sha256 = hashlib.sha256(payload).hexdigest()
    return Part(manifest=policy_pb2.AdapterManifest(version=1, payload_bytes=len(payload), payload_sha256=sha256))


def chunk(offset_bytes: int, data: bytes) -> Part:
    return Part(chunk=policy_pb2.AdapterChunk(offset_bytes=offset_bytes, data=data))


@pytest.mark.parametrize(
    "parts",
    [
        [chunk(0, SMALL)],
        [announced(), chunk(4, SMALL[4:]), chunk(0, SMALL[:4])],
        [announced(), chunk(0, SMALL[:4]), chunk(6, SMALL[6:])],
        [announced(), chunk(0, SMALL[:4]), chunk(0, SMALL[:4])],
        [announced(), chunk(0, SMALL + b"9")],
        [announced(), chunk(0, b"damaged!")],
    ],
    ids=["no manifest", "swapped", "a gap", "twice", "too long", "damaged"],
)
def test_parts_that_do_not_fit_are_not_used_and_the_version_is_asked_for_again(
    serve: Serve, follow: Follow, taken: Taken, parts: list[Part]
) -> None:
    asked: list[int] = []
    tuner = serve(service=lambda *given: first_stream(parts, asked, hangs_up=False)(*given))
    tuner.publish(1, SMALL)
    link = follow(tuner.address)
    assert until(lambda: bool(taken.versions))
    assert (taken.versions, asked) == ([(1, SMALL)], [0, 0])
    assert link.counters.payload_bytes_received == len(SMALL)


@pytest.mark.parametrize("received", [0, 1, 2])
def test_a_stream_that_ends_in_the_middle_is_opened_again(
    serve: Serve, follow: Follow, taken: Taken, received: int
) -> None:
    asked: list[int] = []
    parts = [announced(), chunk(0, SMALL[:4])][:received]
    tuner = serve(service=lambda *given: first_stream(parts, asked, hangs_up=True)(*given))
    tuner.publish(1, SMALL)
    follow(tuner.address)
    assert until(lambda: bool(taken.versions))
    assert (taken.versions, asked) == ([(1, SMALL)], [0, 0])


LONG = random.Random(7).randbytes(3 * CHUNK_BYTES)


class BreaksOff(TunerService):
    """A front whose first stream breaks off after two chunks, and the next ``refused`` before anything was sent.

    ``sent`` is what every stream sent.
    """

    sent: ClassVar[list[list[int]]]
    knows_how = True
    refused = 0

    async def FollowAdapters(self, request: Any, context: Any) -> AsyncIterator[Part]:  # noqa: N802
        offsets: list[int] = []
        self.sent.append(offsets)
        if 1 < len(self.sent) <= 1 + self.refused:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the cable is still out")
        if not self.knows_how:
            request.ClearField("partial_payload_sha256")
            request.ClearField("partial_bytes")
        async for part in super().FollowAdapters(request, context):
            offsets += [part.chunk.offset_bytes] if part.WhichOneof("part") == "chunk" else []
            yield part
            if len(self.sent) == 1 and len(offsets) == 2:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "the cable is out")


@pytest.mark.parametrize("knows_how", [True, False], ids=["this release", "the release before"])
def test_a_payload_that_breaks_off_is_gone_on_with(serve: Serve, follow: Follow, taken: Taken, knows_how: bool) -> None:
    class Breaking(BreaksOff):
        sent: ClassVar[list[list[int]]] = []

    Breaking.knows_how = knows_how
    tuner = serve(service=Breaking)
    tuner.publish(1, LONG)
    follow(tuner.address)
    assert until(lambda: bool(taken.versions))
    assert taken.versions == [(1, LONG)]
    assert Breaking.sent[1] == ([2 * CHUNK_BYTES] if knows_how else [0, CHUNK_BYTES, 2 * CHUNK_BYTES])


def test_a_payload_is_gone_on_with_after_tries_that_brought_nothing(serve: Serve, follow: Follow, taken: Taken) -> None:
    class Breaking(BreaksOff):
        sent: ClassVar[list[list[int]]] = []
        refused = 2

    tuner = serve(service=Breaking)
    tuner.publish(1, LONG)
    follow(tuner.address)
    assert until(lambda: bool(taken.versions))
    assert taken.versions == [(1, LONG)]
    assert Breaking.sent[1:] == [[], [], [2 * CHUNK_BYTES]]


def test_what_came_of_another_payload_is_not_gone_on_with(serve: Serve, follow: Follow, taken: Taken) -> None:
    asked: list[int] = []
    tuner = serve(
        service=lambda *given: first_stream([announced(b"old payload"), chunk(0, b"old")], asked, hangs_up=True)(*given)
    )
    tuner.publish(1, SMALL)
    follow(tuner.address)
    assert until(lambda: bool(taken.versions))
    assert taken.versions == [(1, SMALL)]


def test_a_damaged_beginning_is_not_gone_on_with_for_ever(serve: Serve, follow: Follow, taken: Taken) -> None:
    asked: list[int] = []
    tuner = serve(service=lambda *given: first_stream([announced(), chunk(0, b"dam")], asked, hangs_up=True)(*given))
    tuner.publish(1, SMALL)
    follow(tuner.address)
    assert until(lambda: bool(taken.versions))
    assert (taken.versions, asked) == ([(1, SMALL)], [0, 0, 0])


@pytest.mark.parametrize("partial_bytes", [len(SMALL), len(SMALL) + 1, (1 << 64) - 1])
def test_a_partial_payload_that_cannot_be_is_sent_from_its_beginning(serve: Serve, partial_bytes: int) -> None:
    tuner = serve()
    tuner.publish(1, SMALL)
    request = tuner_pb2.FollowAdaptersRequest(
        partial_payload_sha256=hashlib.sha256(SMALL).hexdigest(), partial_bytes=partial_bytes
    )
    with grpc.insecure_channel(tuner.address) as channel:
        call = tuner_pb2_grpc.TunerServiceStub(channel).FollowAdapters(request, timeout=DEADLINE_SEC)
        next(call)
        assert next(call).chunk == policy_pb2.AdapterChunk(offset_bytes=0, data=SMALL)
        call.cancel()


def test_a_new_manifest_in_the_middle_starts_anew(serve: Serve, follow: Follow, taken: Taken) -> None:
    parts = [announced(b"old payload"), chunk(0, b"old"), announced(), chunk(0, SMALL)]
    asked: list[int] = []
    tuner = serve(service=lambda *given: first_stream(parts, asked, hangs_up=False)(*given))
    follow(tuner.address)
    assert until(lambda: bool(taken.versions))
    assert (taken.versions, asked) == ([(1, SMALL)], [0])


def test_episodes_are_sent_while_a_version_is_being_verified(serve: Serve, connect: Connect) -> None:
    verified = threading.Event()
    tuner = serve()
    tuner.publish(1, SMALL)
    link = connect(tuner.address, on_adapter=lambda manifest, payload: verified.wait(DEADLINE_SEC) or None)
    link.submit(message("a"))
    assert until(lambda: tuner.stored_ids() == ["a"])
    verified.set()


def test_a_payload_whose_manifest_is_not_admitted_is_not_kept(serve: Serve, connect: Connect, taken: Taken) -> None:
    asked: list[int] = []

    def admits(manifest: policy_pb2.AdapterManifest) -> bool:
        asked.append(manifest.version)
        return manifest.version != 1

    tuner = serve()
    tuner.publish(1, b"one")
    link = connect(tuner.address, on_adapter=taken.on_adapter, have_version=taken.have_version, admits=admits)
    assert until(lambda: bool(asked))
    tuner.publish(2, b"two")
    assert until(lambda: taken.have_version() == 2)
    assert link.counters.payload_bytes_received == 3
    assert asked[0] == 1
    assert taken.versions == [(2, b"two")]
