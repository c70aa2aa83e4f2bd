"""The supervisor: what the learner says is kept, it is started again when it dies, and a stop always ends it."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tuner import supervisor as supervisor_module
from tuner.supervisor import Supervisor

DEADLINE_SEC = 20.0
UNTIL_STOP = "import sys\nfor line in sys.stdin:\n    if 'stop' in line: break\n"
"""A learner that does nothing until it is told to stop ("trajectory_stored" has no "stop" in it)."""


def saying(*lines: str) -> str:
    """Return a learner that says these lines and then waits for the stop."""
    return f"print({chr(10).join(lines)!r}, flush=True)\n{UNTIL_STOP}"


def event(**facts: object) -> str:
    return json.dumps(facts)


async def until(condition: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + DEADLINE_SEC
    while not condition():
        assert time.monotonic() < ends_at
        await asyncio.sleep(0.005)


def supervise(learner: str, log_path: Path, story: Callable[[Supervisor], Awaitable[None]]) -> Supervisor:
    """Run the story beside the supervisor of a learner, then stop it; all within the deadline."""

    async def run() -> Supervisor:
        supervisor = Supervisor([sys.executable, "-c", learner], log_path)
        running = asyncio.create_task(supervisor.run())
        try:
            await story(supervisor)
        finally:
            await supervisor.stop()
        await asyncio.wait_for(running, DEADLINE_SEC)
        return supervisor

    return asyncio.run(run())


@pytest.fixture
def log_path(tmp_path: Path) -> Path:
    return tmp_path / "learner.log"


def test_what_the_learner_says_is_kept(log_path: Path) -> None:
    learner = saying(
        event(event="state", state="training", message="update 3"),
        event(event="metrics", metrics={"loss": 0.5, "version": 3}),
        event(event="published", version=3),
        event(event="consumed", count=8),
    )

    async def story(supervisor: Supervisor) -> None:
        await until(lambda: supervisor.view.publications == 1)
        assert (supervisor.view.state, supervisor.view.message) == ("training", "update 3")
        assert supervisor.view.metrics == {"loss": 0.5, "version": 3.0}

    view = supervise(learner, log_path, story).view
    assert (view.state, view.message) == ("stopped", "")


@pytest.mark.parametrize(
    "line",
    ["nonsense", "[1]", "{}", '{"event": 3}', '{"event": "state"}', '{"event": "metrics", "metrics": {"loss": null}}'],
)
def test_a_line_that_is_no_event_does_no_harm(log_path: Path, line: str) -> None:
    async def story(supervisor: Supervisor) -> None:
        await until(lambda: supervisor.view.state == "waiting")
        assert supervisor.view.metrics == {}

    supervise(saying(line, event(event="state", state="waiting")), log_path, story)


def test_the_learner_hears_of_trajectories_and_of_the_stop(tmp_path: Path, log_path: Path) -> None:
    heard = tmp_path / "heard"
    learner = f"import sys\nout = open({str(heard)!r}, 'w')\n"
    learner += 'print(\'{"event": "published"}\', flush=True)\n'  # says that it is there
    learner += "for line in sys.stdin:\n    out.write(line); out.flush()\n    if 'stop' in line: break\n"

    async def story(supervisor: Supervisor) -> None:
        supervisor.view.trajectory_stored()  # before there is a learner: it looks into the ledger by itself
        await until(lambda: supervisor.view.publications == 1)
        supervisor.view.trajectory_stored()
        supervisor.view.trajectory_stored()

    supervise(learner, log_path, story)
    said = [json.loads(line)["event"] for line in heard.read_text().splitlines()]
    assert said == ["trajectory_stored", "trajectory_stored", "stop"]


def test_a_learner_that_dies_is_named_and_started_again(
    tmp_path: Path, log_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor_module, "FIRST_RESTART_DELAY_SEC", 0.05)
    learner = f"""
import os, sys
mark = {str(tmp_path / "died once")!r}
if not os.path.exists(mark):
    open(mark, "w").close()
    sys.exit("no memory left")
{saying(event(event="state", state="waiting"))}"""

    async def story(supervisor: Supervisor) -> None:
        await until(lambda: supervisor.view.state == "failed")
        assert supervisor.view.message == "the learner ended with 1; see learner.log"
        await until(lambda: supervisor.view.state == "waiting")
        assert supervisor.view.message == ""

    supervise(learner, log_path, story)
    assert log_path.read_text() == "no memory left\n"


def test_the_delay_before_a_start_doubles_up_to_the_longest(log_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor_module, "FIRST_RESTART_DELAY_SEC", 0.01)
    monkeypatch.setattr(supervisor_module, "LONGEST_RESTART_DELAY_SEC", 0.04)
    delays: list[float] = []

    class Watched(Supervisor):
        async def _wait_for_stop(self, at_most_sec: float) -> None:
            delays.append(at_most_sec)
            await super()._wait_for_stop(at_most_sec)

    async def run() -> None:
        supervisor = Watched([sys.executable, "-c", ""], log_path)
        running = asyncio.create_task(supervisor.run())
        await until(lambda: len(delays) == 4)
        await supervisor.stop()
        await asyncio.wait_for(running, DEADLINE_SEC)

    asyncio.run(run())
    assert delays == [0.01, 0.02, 0.04, 0.04]


def test_a_stop_between_two_starts_starts_none(log_path: Path) -> None:
    async def story(supervisor: Supervisor) -> None:
        await until(lambda: supervisor.view.state == "failed")  # the next start is a second away

    assert supervise("", log_path, story).view.state == "stopped"


def test_a_stop_before_the_first_start_starts_none(log_path: Path) -> None:
    async def run() -> None:
        supervisor = Supervisor([sys.executable, "-c", UNTIL_STOP], log_path)
        await supervisor.stop()
        await asyncio.wait_for(supervisor.run(), DEADLINE_SEC)

    asyncio.run(run())
    assert not log_path.exists()


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_stop_while_the_learner_is_being_started_ends_it(log_path: Path, turns: int) -> None:
    async def story(supervisor: Supervisor) -> None:
        for _ in range(turns):  # of the loop: the start is in progress and there is no process to tell yet
            await asyncio.sleep(0)

    assert supervise(UNTIL_STOP, log_path, story).view.state == "stopped"


def test_a_learner_that_does_not_stop_is_killed(log_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor_module, "STOP_DEADLINE_SEC", 0.1)
    learner = 'print(\'{"event": "published"}\', flush=True)\nimport time\nwhile True: time.sleep(1)\n'

    async def story(supervisor: Supervisor) -> None:
        await until(lambda: supervisor.view.publications == 1)

    assert supervise(learner, log_path, story).view.state == "stopped"
