"""Sending against a real front: a trajectory leaves the spool on an answer of its own, and nothing blocks the rest."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from coso.v1 import tuner_pb2

from agent_runtime.uplink import sending
from agent_runtime.uplink.client import TunerLink
from agent_runtime.uplink.room import submit_when_there_is_room
from agent_runtime.uplink.spool import Spool
from tests.wire_world import DEADLINE_SEC, ServedTuner, message, until
from tuner.ingest.service import TunerService

Connect = Callable[..., TunerLink]
Serve = Callable[..., ServedTuner]
Answer = tuner_pb2.SubmitTrajectoriesResponse


def refused_names(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "spool" / "refused").glob("*"))


def test_more_than_one_batch_is_sent(
    serve: Serve, connect: Connect, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "UPLOAD_BATCH", 2)
    tuner = serve()
    for number in range(5):  # 2 + 2 + 1
        spool.put(message(f"{number}"))
    assert connect(tuner.address).close(DEADLINE_SEC) == 0
    assert tuner.stored_ids() == ["0", "1", "2", "3", "4"]


class LosesTheFirstAnswer(TunerService):
    """Stores, and hangs up before it says so, once."""

    lost = False

    async def SubmitTrajectories(self, request_iterator: Any, context: Any) -> AsyncIterator[Answer]:  # noqa: N802
        async for answer in super().SubmitTrajectories(request_iterator, context):
            if not self.lost:
                self.lost = True
                await context.abort(grpc.StatusCode.UNAVAILABLE, "the cable is out")
            yield answer


def test_a_lost_answer_doubles_nothing(serve: Serve, connect: Connect) -> None:
    tuner = serve(service=LosesTheFirstAnswer)
    link = connect(tuner.address)
    link.submit(message("a"))
    link.submit(message("b"))
    assert link.close(DEADLINE_SEC) == 0
    assert tuner.stored_ids() == ["a", "b"]
    # "a" was stored when its answer was lost; "b" was sent once or twice, as the call's end came
    assert link.counters.duplicate >= 1
    assert link.counters.accepted + link.counters.duplicate == 2


def first_call_answers(*answers: Answer) -> type[TunerService]:
    """Return a service that gives these answers in its first call whatever it is sent, and is right from then on."""

    class Scripted(TunerService):
        calls = 0

        async def SubmitTrajectories(self, request_iterator: Any, context: Any) -> AsyncIterator[Answer]:  # noqa: N802
            self.calls += 1
            if self.calls > 1:
                async for answer in super().SubmitTrajectories(request_iterator, context):
                    yield answer
                return
            scripted = list(answers)
            async for _ in request_iterator:
                if scripted:
                    yield scripted.pop(0)

    return Scripted


@pytest.mark.parametrize(
    "answers",
    [
        (),
        (Answer(trajectory_id="b", outcome=tuner_pb2.SUBMIT_OUTCOME_STORED),),
        (Answer(trajectory_id="a", outcome=tuner_pb2.SUBMIT_OUTCOME_UNSPECIFIED),),
        (Answer(trajectory_id="a", outcome=9),),  # type: ignore[arg-type]  # a later release's
    ],
    ids=["none", "of another", "open", "unknown"],
)
def test_only_a_clear_answer_of_its_own_takes_a_trajectory_out(
    serve: Serve, connect: Connect, spool: Spool, answers: tuple[Answer, ...]
) -> None:
    tuner = serve(service=first_call_answers(*answers))
    spool.put(message("a"))
    spool.put(message("b"))
    link = connect(tuner.address)
    assert link.close(DEADLINE_SEC) == 0
    assert tuner.stored_ids() == ["a", "b"]
    assert (link.counters.accepted, link.counters.duplicate) == (2, 0)


def test_what_the_tuner_refuses_is_set_aside_and_the_rest_goes_on(
    serve: Serve, connect: Connect, spool: Spool, tmp_path: Path
) -> None:
    tuner = serve()
    broken = message("broken")
    broken.reward = float("nan")
    for trajectory in (message("a"), broken, message("b")):
        spool.put(trajectory)
    link = connect(tuner.address)
    assert link.close(DEADLINE_SEC) == 0
    assert tuner.stored_ids() == ["a", "b"]
    assert (link.counters.accepted, link.counters.refused) == (2, 1)
    assert refused_names(tmp_path) == ["000000000001.trajectory"]


def test_what_is_too_large_for_a_message_does_not_block_the_rest(
    serve: Serve, connect: Connect, spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "MAX_TRAJECTORY_BYTES", 4096)
    tuner = serve()
    large = message("large")
    large.goal = "g" * 4096
    for trajectory in (large, message("a")):
        spool.put(trajectory)
    link = connect(tuner.address)
    assert link.close(DEADLINE_SEC) == 0
    assert tuner.stored_ids() == ["a"]
    assert link.counters.refused == 1
    assert refused_names(tmp_path) == ["000000000000.trajectory"]


def test_a_torn_file_does_not_block_the_rest(serve: Serve, connect: Connect, spool: Spool, tmp_path: Path) -> None:
    tuner = serve()
    for name in ("torn", "a"):
        spool.put(message(name))
    (tmp_path / "spool" / "000000000000.trajectory").write_bytes(b"torn")
    assert connect(tuner.address).close(DEADLINE_SEC) == 0
    assert tuner.stored_ids() == ["a"]


def test_a_full_spool_that_could_not_be_read_is_sent_once_it_can(
    serve: Serve, connect: Connect, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a spool at its cap nobody hands anything over, which is what the sender otherwise waits for."""
    for name in "ab":
        spool.put(message(name))
    monkeypatch.setattr(spool, "_cap_bytes", spool.size_bytes())
    whole, looks = spool.waiting, list[int]()

    def waiting() -> Iterator[Any]:
        looks.append(len(looks))
        return whole() if len(looks) > 2 else iter(())

    monkeypatch.setattr(spool, "waiting", waiting)
    tuner = serve()
    link = connect(tuner.address)
    assert until(lambda: len(looks) == 2)  # the second one because a link begins with work
    ends_at = time.monotonic() + DEADLINE_SEC
    submit_when_there_is_room(link, message("c"), lambda note: None, lambda: time.monotonic() > ends_at)
    assert link.close(DEADLINE_SEC) == 0
    assert tuner.stored_ids() == ["a", "b", "c"]
