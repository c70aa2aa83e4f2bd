"""A front's gate keeps no message longer than it is needed, and reads none of a caller it does not let in."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

import grpc
import grpc.aio
import pytest
from coso.v1 import trajectory_pb2, tuner_pb2, tuner_pb2_grpc

from tuner.certificates.authority import Holder, Role
from tuner.ingest.gate import READERS_OF_ONE, Gate
from tuner.ingest.peer_rate import PeerRate
from tuner.ingest.peers import Peers

AGENT, TIMEOUT_SEC = "farm", 20.0
NOW = datetime.now(timezone.utc)


class _Peers(Peers):
    """Takes every caller for one agent, since there is no TLS here."""

    def __init__(self) -> None:
        super().__init__(frozenset())  # type: ignore[arg-type]  # nothing is revoked

    def holder(self, auth_context: Any) -> Holder:
        return Holder(AGENT, Role.AGENT, 1, NOW - timedelta(days=1), NOW + timedelta(days=1))


class _Service(tuner_pb2_grpc.TunerServiceServicer):
    """Answers every trajectory with its id, and every follower with nothing until the end."""

    async def SubmitTrajectories(self, request_iterator: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        requests = aiter(request_iterator)
        while (request := await anext(requests, None)) is not None:
            answer = tuner_pb2.SubmitTrajectoriesResponse(trajectory_id=request.trajectory.trajectory_id)
            del request
            yield answer

    async def GetStatus(self, request: Any, context: Any) -> Any:  # noqa: N802
        return tuner_pb2.GetStatusResponse(software_version="1")

    async def FollowAdapters(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        yield tuner_pb2.FollowAdaptersResponse()
        await asyncio.Event().wait()


@asynccontextmanager
async def _front(submits_per_second: float = 1e6) -> AsyncIterator[grpc.aio.Channel]:
    gate = Gate(_Peers(), PeerRate(submits_per_second, 4))
    server = grpc.aio.server(interceptors=(gate,))
    tuner_pb2_grpc.add_TunerServiceServicer_to_server(_Service(), server)  # type: ignore[abstract]
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel
    finally:
        await server.stop(None)


def _request(number: int, runtime_id: str = AGENT) -> bytes:
    trajectory = trajectory_pb2.Trajectory(trajectory_id=f"t{number}", runtime_id=runtime_id)
    return tuner_pb2.SubmitTrajectoriesRequest(trajectory=trajectory).SerializeToString()


def _stream(channel: grpc.aio.Channel, method: str = "SubmitTrajectories") -> Any:
    """A call of raw bytes, so that no message of the client's own is counted."""
    raw: Any = channel.stream_stream
    return raw(f"/coso.v1.TunerService/{method}")(timeout=TIMEOUT_SEC)


async def _code(call: Any) -> str:
    """Read a call to its end."""
    try:
        async for _ in call:
            pass
    except grpc.aio.AioRpcError as error:
        return str(error.code().name)
    return "OK"


def _kept() -> int:
    return sum(type(each) is tuner_pb2.SubmitTrajectoriesRequest for each in gc.get_objects())


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Without the collector, so that what only a cycle keeps is there still."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("uncollected")
def test_a_stream_that_waits_keeps_no_message() -> None:
    async def played() -> int:
        async with _front() as channel:
            calls = [_stream(channel) for _ in range(READERS_OF_ONE)]
            for number, call in enumerate(calls):
                await call.write(_request(number))
                assert tuner_pb2.SubmitTrajectoriesResponse.FromString(await call.read()).trajectory_id == f"t{number}"
            for _ in range(100):
                if not _kept():
                    break
                await asyncio.sleep(0.01)
            return _kept()

    assert asyncio.run(played()) == 0


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize(("runtime_id", "code"), [(AGENT, "RESOURCE_EXHAUSTED"), ("other", "PERMISSION_DENIED")])
def test_a_refused_call_keeps_no_message(runtime_id: str, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuner.ingest.gate.PENALTY_SEC", 0.0)

    async def played() -> tuple[set[str], int]:
        codes = set()
        async with _front(submits_per_second=1e-6) as channel:
            for number in range(8):
                call = _stream(channel)
                await call.write(_request(number, runtime_id))
                await call.done_writing()
                codes.add(await _code(call))
        return codes, _kept()

    codes, kept = asyncio.run(played())
    assert code in codes
    assert kept == 0


def test_calls_of_one_message_are_served_as_before() -> None:
    async def played() -> tuple[str, int, str]:
        async with _front() as channel:
            stub = tuner_pb2_grpc.TunerServiceStub(channel)
            followers = [stub.FollowAdapters(tuner_pb2.FollowAdaptersRequest(runtime_id=AGENT)) for _ in range(5)]
            for follower in followers:  # they stay open, more of them than are read at a time
                await follower.read()
            status = await stub.GetStatus(tuner_pb2.GetStatusRequest(), timeout=TIMEOUT_SEC)
            empty = _stream(channel, "GetStatus")
            await empty.done_writing()
            return status.software_version, len(followers), await _code(empty)

    assert asyncio.run(played()) == ("1", 5, "INVALID_ARGUMENT")


def test_a_message_is_read_only_of_who_is_let_in() -> None:
    """RollbackAdapter is for operators: this agent is refused before it has sent its message."""

    async def played() -> str:
        async with _front() as channel:
            return await _code(_stream(channel, "RollbackAdapter"))  # nothing was written

    assert asyncio.run(played()) == "PERMISSION_DENIED"
