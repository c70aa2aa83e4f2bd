"""Stands before every handler where there is TLS: certificate, role, runtime id, rate. Answers no call itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, NoReturn

import grpc
import grpc.aio
from coso.v1 import tuner_pb2
from google.rpc import code_pb2

from tuner.certificates.authority import Holder
from tuner.ingest.open_calls import OpenCalls
from tuner.ingest.peer_rate import PeerRate
from tuner.ingest.peers import Denial, Peers
from tuner.ingest.refusal import Context, refuse
from tuner.ingest.turns import Turns

MAX_CALLS_OF_ONE = 16
"""Open calls of one certificate's name: a runtime has two."""
READERS_OF_ONE = 2
"""Calls of one certificate's name whose message is read or handled at a time, streams and others each for themselves.

A message takes a few times its size.
"""
LONGEST_SILENCE_SEC = 60.0
"""Between two messages of a caller's stream; a runtime sends what it has and ends it."""
RECHECK_SEC = 5.0
"""How often a stream that waits is looked at again."""
CALLS_PER_SECOND, CALLS_AT_ONCE = 32.0, 256
"""Calls of one certificate's name, of any kind: a runtime with many devices registers each."""
BYTES_PER_SECOND, BYTES_AT_ONCE = 16e6, 256 << 20
"""What one certificate's name may submit."""
PENALTY_SEC, MAX_PENALIZED_OF_ONE = 1.0, 128
"""Who calls too often hears so only after a while, or refusing it would take all the front's time."""
_LATER_SEC = 5.0
Continuation = Callable[[grpc.HandlerCallDetails], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Rates:
    """What each peer may have a second."""

    submits: PeerRate
    calls: PeerRate
    submitted_bytes: PeerRate


class Gate(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic in the stubs alone
    """Lets a call through to its handler only when its caller may make it."""

    def __init__(self, peers: Peers, rate: PeerRate) -> None:
        self._peers = peers
        self._rates = Rates(rate, PeerRate(CALLS_PER_SECOND, CALLS_AT_ONCE), PeerRate(BYTES_PER_SECOND, BYTES_AT_ONCE))
        self._open = OpenCalls(MAX_CALLS_OF_ONE)
        self._penalized = OpenCalls(MAX_PENALIZED_OF_ONE)
        self._turns = Turns(READERS_OF_ONE)

    async def intercept_service(self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """Return the method's handler with the checks in front; None where there is no such method.

        Every method is served as a stream, which is the same on the wire: gRPC would read the one message of another
        before it asks the handler, whoever sends it.
        """
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        guarded = _Guarded(
            self._peers, self._rates, self._open, self._penalized, self._turns, handler, handler_call_details.method
        )
        return grpc.stream_stream_rpc_method_handler(
            guarded.serve, handler.request_deserializer, handler.response_serializer
        )


class _Guarded:
    """One call's checks."""

    def __init__(
        self,
        peers: Peers,
        rates: Rates,
        open_calls: OpenCalls,
        penalized: OpenCalls,
        turns: Turns,
        handler: Any,  # a grpc.RpcMethodHandler of aio, which the stubs do not know
        method: str,
    ) -> None:
        self._peers = peers
        self._rates = rates
        self._open = open_calls
        self._penalized = penalized
        self._turns = turns
        self._handler = handler
        self._method = method

    async def serve(self, _: AsyncIterator[Any], context: Context) -> None:
        """Admit the caller, then check every request as it comes and every answer as it goes."""
        try:
            async with (
                self._entered(context) as entered,
                AsyncExitStack() as turn,
                aclosing(self._requests(entered.name, turn, context)) as requests,
                aclosing(self._answers(requests, turn, context)) as answers,
            ):
                while (answer := await self._next_answer(answers, context)) is not None:
                    await self._admit(context)  # its caller may have it still
                    await context.write(answer)
        except grpc.aio.AbortError as error:
            raise error.with_traceback(None)  # noqa: B904  # gRPC keeps it, and its frames would keep the message

    async def _answers(
        self, requests: AsyncIterator[Any], turn: AsyncExitStack, context: Context
    ) -> AsyncGenerator[Any]:
        """Yield what the handler answers, which begins once the first request was read and checked."""
        request = await anext(requests, None)
        if self._handler.request_streaming:
            answers = self._handler.stream_stream(_with(request, requests), context)
        elif request is None:
            sentence = "Got a call without a message, expected one: send the request."
            await refuse(context, code_pb2.INVALID_ARGUMENT, sentence, "NO_MESSAGE")
        elif self._handler.response_streaming:
            await turn.aclose()  # such a call may stay for days
            answers = self._handler.unary_stream(request, context)
        else:
            yield await self._handler.unary_unary(request, context)
            return
        del request
        if not hasattr(answers, "__aiter__"):  # a coroutine that writes by itself, as health's Watch
            await answers
            return
        async with aclosing(answers):
            async for answer in answers:
                yield answer

    async def _requests(self, name: str, turn: AsyncExitStack, context: Context) -> AsyncGenerator[Any]:
        """Yield every request in its turn and checked; a stream that waits for the next one keeps none."""
        while True:
            await turn.enter_async_context(self._turns.of((name, self._handler.request_streaming)))
            request = await self._next(context)
            if request is None:
                return
            await self._check(request, await self._admit(context), context)
            yield request
            del request
            await turn.aclose()  # it is stored and answered

    async def _next(self, context: Context) -> Any:
        """Return the next request, None at the end; a stream that says nothing for long is ended.

        It is read from the context, since gRPC's iterator of requests keeps the last one until the next has come.
        """
        try:
            request = await asyncio.wait_for(context.read(), LONGEST_SILENCE_SEC)
            return None if request is grpc.aio.EOF else request  # type: ignore[attr-defined]  # the stubs lack it
        except asyncio.TimeoutError:
            sentence = f"Got no message for {LONGEST_SILENCE_SEC:g} s, expected one or the stream's end: call again."
            await refuse(context, code_pb2.DEADLINE_EXCEEDED, sentence, "SILENT")

    async def _next_answer(self, answers: AsyncIterator[Any], context: Context) -> Any:
        """Return the next answer, None at the end, and look at the caller again while it takes its time."""
        coming = asyncio.ensure_future(anext(answers, None))
        try:
            while not (await asyncio.wait({coming}, timeout=RECHECK_SEC))[0]:
                await self._admit(context)  # a stream may wait for long: its caller's time may end meanwhile
            return coming.result()
        finally:
            coming.cancel()
            del coming  # or an error, its frames and this task would hold each other, and the message with them

    @asynccontextmanager
    async def _entered(self, context: Context) -> AsyncIterator[Holder]:
        """Admit the caller, and count its call while the block runs."""
        holder = await self._admit(context)
        await self._spend(holder, context, self._rates.calls.take(holder.name), "calls")
        with self._open.one_more(holder.name) as fits:
            if not fits:
                sentence = f"Got more open calls of {holder.name} than {MAX_CALLS_OF_ONE}, expected it to end some."
                await refuse(context, code_pb2.RESOURCE_EXHAUSTED, sentence, "TOO_MANY_CALLS", _LATER_SEC)
            yield holder

    async def _admit(self, context: Context) -> Holder:
        holder = self._peers.holder(context.auth_context())
        denial = self._peers.denial(holder, self._method)
        if denial is not None:
            await _deny(context, denial)
        assert holder is not None, "a caller without a certificate is always denied"
        return holder

    async def _check(self, request: Any, holder: Holder, context: Context) -> None:
        """Look at what the message says of its sender, and at how often that one sends."""
        if isinstance(request, tuner_pb2.SubmitTrajectoriesRequest):
            runtime_id = request.trajectory.runtime_id
        elif isinstance(request, tuner_pb2.RegisterRuntimeRequest | tuner_pb2.FollowAdaptersRequest):
            runtime_id = request.runtime_id
        else:
            return
        denial = self._peers.foreign(holder, runtime_id)
        if denial is not None:
            await _deny(context, denial)
        if isinstance(request, tuner_pb2.FollowAdaptersRequest):
            return
        rates = self._rates
        await self._spend(holder, context, rates.submits.take(holder.name), "submissions")
        submitted = rates.submitted_bytes.take(holder.name, request.ByteSize())
        await self._spend(holder, context, submitted, "bytes in submissions")

    async def _spend(self, holder: Holder, context: Context, wait_sec: float | None, what: str) -> None:
        """Refuse the call where a rate says to wait."""
        if wait_sec is None:
            return
        with self._penalized.one_more(holder.name) as fits:
            await asyncio.sleep(PENALTY_SEC if fits else 0.0)
        sentence = f"Got more {what} of {holder.name} than it may make, expected none for {wait_sec:.1f} s."
        await refuse(context, code_pb2.RESOURCE_EXHAUSTED, sentence, "TOO_OFTEN", retry_after_sec=wait_sec)


async def _with(request: Any, others: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """Yield a request, then the others, and keep none while waiting for the next."""
    while request is not None:
        yield request
        del request
        request = await anext(others, None)


async def _deny(context: Context, denial: Denial) -> NoReturn:
    await refuse(context, denial.code, denial.sentence, denial.reason)
