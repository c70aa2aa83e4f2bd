"""The runtime's end of the link against a real front: nothing is lost, doubled or taken out too early."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import grpc
import pytest
from coso.v1 import tuner_pb2

from agent_runtime.errors import TunerError, TunerRefusedError
from agent_runtime.uplink import client, link_state, sending
from agent_runtime.uplink.client import TunerLink
from agent_runtime.uplink.spool import Spool
from tests.wire_world import DEADLINE_SEC, IDENTITY, LoopThread, ServedTuner, message, until

Connect = Callable[..., TunerLink]
Serve = Callable[..., ServedTuner]
Answer = tuner_pb2.SubmitTrajectoriesResponse


def test_it_registers_and_sends_in_order(serve: Serve, connect: Connect, spool: Spool) -> None:
    tuner = serve()
    spool.put(message("left from the last run"))
    link = connect(tuner.address)
    link.wait_registered(DEADLINE_SEC)
    for number in range(3):
        link.submit(message(f"{number}"))
    assert link.close(DEADLINE_SEC) == 0
    assert tuner.stored_ids() == ["left from the last run", "0", "1", "2"]
    assert tuner.runtime_ids() == ["runtime"]
    assert tuner.heard == [{"event": "trajectory_stored"}] * 4
    assert (link.counters.accepted, link.counters.duplicate, link.counters.refused) == (4, 0, 0)


def test_a_tuner_that_is_away_gets_everything_when_it_comes(serve: Serve, connect: Connect, spool: Spool) -> None:
    away = serve()
    away.stop()
    link = connect(away.address)
    link.submit(message("a"))
    with pytest.raises(TunerError, match=r"Got no answer from 127.*within 0.05 s, expected a tuner: .*--tuner out"):
        link.wait_registered(0.05)
    assert len(spool) == 1
    tuner = serve(listen=away.address)
    link.wait_registered(DEADLINE_SEC)
    assert link.close(DEADLINE_SEC) == 0
    assert tuner.stored_ids() == ["a"]


def test_a_tuner_that_restarts_is_found_again(serve: Serve, connect: Connect, spool: Spool) -> None:
    first = serve()
    link = connect(first.address)
    link.submit(message("a"))
    assert until(lambda: len(spool) == 0)
    first.stop()
    link.submit(message("b"))
    second = serve(listen=first.address)
    assert link.close(DEADLINE_SEC) == 0
    assert second.stored_ids() == ["a", "b"]


def test_it_keeps_knocking_at_the_pace_it_says(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "FIRST_RETRY_SEC", 0.1)
    monkeypatch.setattr(link_state, "LONGEST_RETRY_SEC", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5.0)
        connect(f"127.0.0.1:{listener.getsockname()[1]}")
        ends_at = time.monotonic() + 5.0  # gRPC's own pace, 1 s · 1.6 each time, knocks four times in 5 s
        for _ in range(6):  # about 6 · 0.2 s
            listener.accept()[0].close()
        assert time.monotonic() < ends_at


def test_closing_does_not_wait_for_a_tuner_that_is_away(connect: Connect, spool: Spool) -> None:
    link = connect("127.0.0.1:1")
    link.submit(message("a"))
    assert link.close(0.05) == 1
    assert [trajectory.trajectory_id for _, trajectory in spool.waiting()] == ["a"]


def test_a_tuner_of_another_model_refuses_and_everything_stays(serve: Serve, connect: Connect, spool: Spool) -> None:
    tuner = serve(identity=replace(IDENTITY, quantization="nf4"))
    link = connect(tuner.address)
    link.submit(message("a"))
    with pytest.raises(TunerRefusedError, match=r"refuses this runtime: Got the quantization 'none', expected 'nf4': "):
        link.wait_registered(DEADLINE_SEC)
    assert link.close(DEADLINE_SEC) == 1
    assert tuner.stored_ids() == []


def test_a_server_that_is_no_tuner_refuses(loop_thread: LoopThread, connect: Connect) -> None:
    async def start() -> tuple[grpc.aio.Server, int]:
        server = grpc.aio.server()
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        return server, port

    server, port = loop_thread.call(start())
    with pytest.raises(TunerRefusedError, match="refuses this runtime: Method not found"):
        connect(f"127.0.0.1:{port}").wait_registered(DEADLINE_SEC)
    loop_thread.call(server.stop(0))


def test_closing_just_as_the_stream_opens_ends_it(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "CALL_DEADLINE_SEC", 5.0)  # how long close waits for a thread that does not end
    opening = threading.Event()

    def have_version() -> int:
        """Come back only once close has asked the threads to end."""
        opening.set()
        until(lambda: not any(thread.name == "uplink-send" for thread in threading.enumerate()))
        return 0

    link = connect(serve().address, have_version=have_version)
    assert opening.wait(DEADLINE_SEC)
    started_sec = time.monotonic()
    link.close(0.0)
    assert time.monotonic() - started_sec < 5.0
