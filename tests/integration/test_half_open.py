"""A connection on which nothing passes any more is given up after keepalive's own times, not gRPC's for a ping."""

from __future__ import annotations

import pytest

from agent_runtime.uplink import channel
from agent_runtime.uplink.client import TunerLink
from agent_runtime.uplink.spool import Spool
from benchmarks import fault_proxy
from benchmarks.front import identity_of, running_front, write_checkpoint
from benchmarks.small_episodes import small_episode, with_id
from tests.wire_world import until

EPISODES = 100
LONGEST_SEC = 40.0
SHORTENED = 20
"""Keepalive asks after a second and a half here, and gives up half a second later."""


def test_a_silent_connection_is_given_up_in_keepalives_time(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path_factory.mktemp("half-open")
    times = ("grpc.keepalive_time_ms", "grpc.keepalive_timeout_ms", "grpc.http2.ping_timeout_ms")
    options = [(name, value // SHORTENED if name in times else value) for name, value in channel._OPTIONS]
    monkeypatch.setattr(channel, "_OPTIONS", options)
    monkeypatch.setattr(fault_proxy, "FAULTS", (fault_proxy.HALF_OPEN,))
    checkpoint = write_checkpoint(home / "checkpoint")
    identity = identity_of(checkpoint)
    spool = Spool(home / "spool")
    spool.open()
    for number in range(EPISODES):
        spool.put(with_id(small_episode(identity, "runtime"), f"runtime-{number}"))
    with running_front(home / "state", checkpoint) as front:
        host, _, port = front.address.rpartition(":")
        proxy = fault_proxy.FaultProxy((host, int(port)), 1, seed=1, bytes_to_fault=2_000)
        proxy.start()
        link = TunerLink(f"127.0.0.1:{proxy.ports[0]}", identity, ["runtime"], spool, lambda manifest, payload: None)
        link.start()
        try:
            assert until(lambda: proxy.struck[fault_proxy.HALF_OPEN] == 1)
            proxy.is_faulty = False
            assert until(lambda: len(spool) == 0, LONGEST_SEC), "it waits for a minute"
        finally:
            link.close(0.0)
            proxy.stop()
