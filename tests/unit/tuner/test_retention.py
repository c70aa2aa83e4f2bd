"""What goes and what never goes when a tuner's disk is bounded, and what a full disk refuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from coso.v1 import policy_pb2, trajectory_pb2, tuner_pb2, tuner_pb2_grpc

from agent_runtime.trajectory import Purpose, Verdict
from tests.wire_world import DEADLINE_SEC, message, served_tuner
from tuner.adapters.store import AdapterStore
from tuner.ingest.free_space import FreeSpace
from tuner.ingest.ledger import Ledger, StoreOutcome
from tuner.ingest.retention import DAY_SEC, NEWEST_VERSIONS, RECORDS_AT_ONCE, Limits, Retention
from tuner.ingest.service import TunerService

NOW_SEC = 2e9
REPLAY = 3


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(tmp_path)
    ledger.open()
    yield ledger
    ledger.close()


@pytest.fixture
def store(tmp_path: Path) -> AdapterStore:
    return AdapterStore(tmp_path / "adapters")


def put(ledger: Ledger, count: int, prefix: str = "t", **facts: object) -> list[int]:
    """Store so many trajectories; return their sequences."""
    for number in range(count):
        assert ledger.store(message(f"{prefix}{number}", **facts)) is StoreOutcome.STORED
    with ledger.sql() as sql:
        rows = sql.execute("SELECT sequence FROM trajectories WHERE id LIKE ? ORDER BY sequence", (f"{prefix}%",))
        return [row[0] for row in rows]


def age(ledger: Ledger, days: float) -> None:
    with ledger.sql() as sql:
        sql.execute("UPDATE trajectories SET stored_at_unix_sec = ?", (NOW_SEC - days * DAY_SEC,))


def whole(ledger: Ledger) -> set[int]:
    with ledger.sql() as sql:
        return {row[0] for row in sql.execute("SELECT sequence FROM trajectories WHERE length(message) > 0")}


def retention(ledger: Ledger, store: AdapterStore, limits: Limits) -> Retention:
    return Retention(ledger, store, limits, REPLAY, lambda: NOW_SEC)


def test_old_used_records_are_emptied_but_for_the_replay(ledger: Ledger, store: AdapterStore) -> None:
    used = put(ledger, 8)
    ledger.mark_consumed(used, 1)
    age(ledger, 10)
    assert retention(ledger, store, Limits(age_days=9)).sweep(()) == 5
    assert whole(ledger) == set(used[-REPLAY:])
    assert [stored.sequence for stored in ledger.recent(100)] == used[-REPLAY:]
    assert ledger.counts().consumed == 8


def test_what_waits_to_be_learned_from_is_never_emptied(ledger: Ledger, store: AdapterStore) -> None:
    waiting = put(ledger, 4)
    put(ledger, 2, "void", verdict=Verdict.VOID)
    put(ledger, 2, "held", purpose=Purpose.EVALUATE)
    age(ledger, 400)
    retention(ledger, store, Limits(age_days=1, size_bytes=0)).sweep(())
    assert whole(ledger) == set(waiting)


def test_an_emptied_record_is_still_a_duplicate(ledger: Ledger, store: AdapterStore) -> None:
    put(ledger, 1, "held", purpose=Purpose.EVALUATE)
    age(ledger, 2)
    assert retention(ledger, store, Limits(age_days=1)).sweep(()) == 1
    assert ledger.store(message("held0", purpose=Purpose.EVALUATE)) is StoreOutcome.DUPLICATE
    assert ledger.store(message("held0")) is StoreOutcome.CONFLICT


def test_young_records_stay(ledger: Ledger, store: AdapterStore) -> None:
    ledger.mark_consumed(put(ledger, 8), 1)
    age(ledger, 8)
    assert retention(ledger, store, Limits(age_days=9)).sweep(()) == 0


def test_beyond_a_size_the_oldest_go_and_their_pages_are_used_again(ledger: Ledger, store: AdapterStore) -> None:
    sequences = put(ledger, 200)
    ledger.mark_consumed(sequences, 1)
    before = ledger.size_bytes()
    tidy = retention(ledger, store, Limits(size_bytes=before // 2))
    assert tidy.sweep(()) == RECORDS_AT_ONCE
    while tidy.sweep(()):
        pass
    assert ledger.size_bytes() <= before
    kept = whole(ledger)
    assert set(sequences[-REPLAY:]) <= kept
    assert kept == set(sequences[-len(kept) :]), "the oldest go first"


def test_old_versions_go_but_for_the_newest_and_those_in_use(ledger: Ledger, store: AdapterStore) -> None:
    for version in range(1, NEWEST_VERSIONS + 5):
        store.publish(policy_pb2.AdapterManifest(version=version), b"tensors")
    old = Retention(ledger, store, Limits(age_days=1), REPLAY, lambda: 4e9)
    old.sweep(frozenset({2}))
    assert store.versions() == [2, *range(5, NEWEST_VERSIONS + 5)]


def test_a_disk_that_is_nearly_full_refuses_with_both_figures(tmp_path: Path) -> None:
    free = [5_000_000]
    space = FreeSpace(tmp_path, 10_000_000, lambda path: free[0])
    refusal = space.refusal()
    assert refusal is not None
    assert "0.01" in refusal
    free[0] = 10_000_000
    assert space.refusal() is None


def test_nothing_is_taken_in_while_there_is_no_room(tmp_path: Path) -> None:
    free = [0]

    def service(*parts: object) -> TunerService:
        return TunerService(*parts, free_space=FreeSpace(tmp_path, 1, lambda path: free[0]))  # type: ignore[arg-type]

    with (
        served_tuner(tmp_path / "state", service=service) as served,
        grpc.insecure_channel(served.address) as channel,
    ):
        stub = tuner_pb2_grpc.TunerServiceStub(channel)

        def submit(told: trajectory_pb2.Trajectory) -> int:
            request = tuner_pb2.SubmitTrajectoriesRequest(trajectory=told)
            return next(iter(stub.SubmitTrajectories(iter([request]), timeout=DEADLINE_SEC))).outcome

        with pytest.raises(grpc.RpcError) as refused:
            submit(message("t"))
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert served.stored_ids() == []
        free[0] = 1
        assert submit(message("t")) == tuner_pb2.SUBMIT_OUTCOME_STORED


def test_a_look_goes_on_where_the_last_one_ended_and_begins_anew_when_there_is_no_more(
    ledger: Ledger, store: AdapterStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuner.ingest.retention.RECORDS_AT_ONCE", 2)
    first = put(ledger, 1, "waits")
    used = put(ledger, 4 + REPLAY, "used")
    ledger.mark_consumed(used, 1)
    tidy = retention(ledger, store, Limits(size_bytes=0))
    assert tidy.sweep(()) == 2
    ledger.mark_consumed(first, 2)  # it may go from now on, and lies behind
    assert tidy.sweep(()) == 2
    assert whole(ledger) == {*first, *used[-REPLAY:]}
    assert tidy.sweep(()) == 0  # through; one more of the used is the replay's now
    assert tidy.sweep(()) == 1
    assert whole(ledger) == set(used[-REPLAY:])
