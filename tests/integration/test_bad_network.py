"""A few episodes over a network that fails, and planted bugs. The full run is `benchmarks.bad_network`."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
from coso.v1 import tuner_pb2, tuner_pb2_grpc

from agent_runtime.uplink import channel
from benchmarks import bad_network
from benchmarks.bad_network import IDENTITY, CountingLedger, ForgetfulLedger, HastySpool, run
from benchmarks.served_ledger import ServedLedger
from tuner.ingest import server
from tuner.ingest.ledger import Ledger

SEED = 2


def test_every_episode_is_stored_once(tmp_path: Path) -> None:
    found = run(200, SEED, tmp_path)
    assert (found.lost, found.doubled, found.left) == (0, 0, 0), found
    assert sum(found.faults.values()) >= 10, found
    assert found.sent_again > 200


def test_ids_that_are_known_for_a_week_show(tmp_path: Path) -> None:
    assert run(50, SEED, tmp_path, ForgetfulLedger).doubled > 0


def test_a_runtime_that_forgets_what_it_sent_shows(tmp_path: Path) -> None:
    assert bad_network.BYTES_TO_FAULT < 200 * 600, "faults strike within what is sent"
    assert run(200, SEED, tmp_path, CountingLedger, HastySpool).lost > 0


def test_one_who_follows_and_hears_nothing_may_ask_whether_the_tuner_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurried = {"grpc.keepalive_time_ms": 400, "grpc.http2.min_ping_interval_without_data_ms": 100}
    for module in (channel, server):
        monkeypatch.setattr(module, "_OPTIONS", [(name, hurried.get(name, value)) for name, value in module._OPTIONS])
    served = ServedLedger(tmp_path / "state", IDENTITY, Ledger(tmp_path / "state"))
    request = tuner_pb2.FollowAdaptersRequest(runtime_id="runtime")
    with channel.open_channel(f"127.0.0.1:{served.port}", None) as link:
        call = tuner_pb2_grpc.TunerServiceStub(link).FollowAdapters(request, timeout=5)  # a dozen questions
        with pytest.raises(grpc.RpcError) as ended:
            next(call)
    served.stop()
    assert ended.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED, ended.value  # not UNAVAILABLE: too many pings
