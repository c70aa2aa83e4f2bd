"""Episodes for which there is no room: the collector waits and says so, and nothing is lost meanwhile."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from coso.v1 import trajectory_pb2

from agent_runtime.agenda import Agenda
from agent_runtime.errors import UsageError
from agent_runtime.uplink.client import TunerLink
from agent_runtime.uplink.room import submit_when_there_is_room
from agent_runtime.uplink.spool import Spool, SpoolFullError
from tests.wire_world import RUNTIME_IDENTITY, message, until

ONE_BYTES = 32 + len(message("a").SerializeToString())
NOWHERE = "127.0.0.1:9"


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    spool = Spool(tmp_path / "spool", cap_bytes=2 * ONE_BYTES)
    spool.open()
    return spool


@pytest.fixture
def link(spool: Spool) -> TunerLink:
    return TunerLink(NOWHERE, RUNTIME_IDENTITY, ["runtime"], spool, lambda manifest, payload: None)


def test_a_full_spool_stops_collecting_until_something_left_it(spool: Spool, link: TunerLink) -> None:
    notes: list[str] = []

    def collect() -> None:
        for name in "abc":
            submit_when_there_is_room(link, message(name), notes.append, lambda: False)

    collecting = threading.Thread(target=collect, daemon=True)
    collecting.start()
    assert until(lambda: len(notes) == 1)
    assert "expected at most" in notes[0]
    assert notes[0].endswith("Nothing is collected until there is.")
    assert len(spool) == 2
    spool.remove(next(spool.waiting())[0])
    collecting.join(10)
    assert not collecting.is_alive()
    assert [trajectory.trajectory_id for _, trajectory in spool.waiting()] == ["b", "c"]
    assert notes[1:] == ["There is room again: collecting goes on."]
    link.close(0.0)


def test_a_disk_that_refuses_is_asked_again(spool: Spool, link: TunerLink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent_runtime.uplink.room.LOOK_SEC", 0.01)
    refusals = iter([OSError(28, "No space left on device"), OSError(5, "Input/output error")])
    put = spool.put

    def refusing(trajectory: trajectory_pb2.Trajectory) -> None:
        if (error := next(refusals, None)) is not None:
            raise error
        put(trajectory)

    monkeypatch.setattr(spool, "put", refusing)
    notes: list[str] = []
    submit_when_there_is_room(link, message("a"), notes.append, lambda: False)
    assert len(spool) == 1
    assert [note.split(":")[0] for note in notes] == [
        "Got [Errno 28] No space left on device when writing to the spool, expected room",
        "There is room again",
    ]
    link.close(0.0)


def test_who_is_asked_to_stop_gives_up_with_the_reason(spool: Spool, link: TunerLink) -> None:
    for name in "ab":
        spool.put(message(name))
    with pytest.raises(SpoolFullError):
        submit_when_there_is_room(link, message("c"), lambda note: None, lambda: True)
    link.close(0.0)


def test_what_never_fits_is_not_waited_for(tmp_path: Path, link: TunerLink, spool: Spool) -> None:
    with pytest.raises(UsageError, match="expected at most the spool's") as caught:
        submit_when_there_is_room(link, message("x" * 3 * ONE_BYTES), lambda note: None, lambda: False)
    assert not isinstance(caught.value, SpoolFullError)
    link.close(0.0)


def test_the_agenda_tells_when_its_minutes_are_over() -> None:
    agenda = Agenda([], None, 0.0)
    assert not agenda.is_out_of_time
    assert not agenda.may_explore()
    assert agenda.is_out_of_time
