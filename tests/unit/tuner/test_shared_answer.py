"""One answer for all who ask at once: none from before it was asked for, and nobody who stores waits for many."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack
from pathlib import Path

import grpc
import pytest
from coso.v1 import tuner_pb2, tuner_pb2_grpc

from tests.wire_world import DEADLINE_SEC, message, served_tuner
from tuner.errors import LedgerError
from tuner.ingest.ledger import Ledger, LedgerCounts
from tuner.ingest.shared_answer import SharedAnswer


class Maker:
    """Makes numbers, each when it is let."""

    def __init__(self) -> None:
        self.begun = 0
        self.gates: list[asyncio.Future[None]] = []

    async def make(self) -> int:
        self.begun += 1
        number = self.begun
        self.gates.append(asyncio.get_running_loop().create_future())
        await self.gates[-1]
        return number


async def turn() -> None:
    """Let everybody go on as far as they can."""
    for _ in range(10):
        await asyncio.sleep(0)


def test_who_asks_meanwhile_gets_the_next_one_together() -> None:
    async def run() -> None:
        maker = Maker()
        shared = SharedAnswer(maker.make)
        first = asyncio.create_task(shared.get())
        await turn()
        later = [asyncio.create_task(shared.get()) for _ in range(50)]
        await turn()
        assert maker.begun == 1
        later[0].cancel()
        maker.gates[0].set_result(None)
        await turn()
        assert maker.begun == 2
        maker.gates[1].set_result(None)
        assert await first == 1
        assert await asyncio.gather(*later[1:]) == [2] * 49
        last = asyncio.create_task(shared.get())
        await turn()
        maker.gates[2].set_result(None)
        assert await last == 3

    asyncio.run(run())


def test_what_is_raised_goes_to_all_and_the_next_one_is_made_anew() -> None:
    async def run() -> None:
        maker = Maker()
        shared = SharedAnswer(maker.make)
        asked = [asyncio.create_task(shared.get()) for _ in range(3)]
        await turn()
        maker.gates[0].set_exception(LedgerError("the disk is out"))
        for task in asked:
            with pytest.raises(LedgerError):
                await task
        again = asyncio.create_task(shared.get())
        await turn()
        maker.gates[1].set_result(None)
        assert await again == 2

    asyncio.run(run())


def test_an_episode_waits_behind_one_count_or_two_while_many_ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, counts = 64, 0
    really = Ledger.counts

    def slowly(ledger: Ledger) -> LedgerCounts:
        nonlocal counts
        counts += 1
        time.sleep(0.05)
        return really(ledger)

    monkeypatch.setattr(Ledger, "counts", slowly)
    own_connection = [("grpc.use_local_subchannel_pool", 1)]
    with served_tuner(tmp_path / "state") as tuner, ExitStack() as stack:
        channels = [stack.enter_context(grpc.insecure_channel(tuner.address, own_connection)) for _ in range(8)]
        stubs = [tuner_pb2_grpc.TunerServiceStub(channel) for channel in channels]
        status = tuner_pb2.GetStatusRequest()
        calls = [stubs[place % 8].GetStatus.future(status, timeout=DEADLINE_SEC) for place in range(asked)]
        calls[0].result()
        before = counts
        (answer,) = stubs[0].SubmitTrajectories(
            iter([tuner_pb2.SubmitTrajectoriesRequest(trajectory=message("a"))]), timeout=DEADLINE_SEC
        )
        assert answer.outcome == tuner_pb2.SUBMIT_OUTCOME_STORED
        assert counts - before <= 3
        assert all(call.result().uptime_seconds >= 0 for call in calls)
        assert counts < asked / 4
