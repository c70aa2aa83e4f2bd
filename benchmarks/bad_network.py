"""Sends episodes over a network that fails all the time, and again 30 days later. Measures no speed.

`python -m benchmarks.bad_network --uploads 20000` has 16 runtimes, each with spool and link, send to one front through
a proxy (`fault_proxy.py`) until at least a tenth as many faults have struck. Then the clock goes on by 30 days, old
records are emptied, and everything is sent once more: the recorded bytes of some connections, and every episode by a
call. Each episode must have been stored exactly once, and every call must have ended by its deadline and a second.
Planted are a tuner that forgets ids after a week and a runtime that forgets an episode once it is sent; both must show.

Deadlines and delays are shorter here than in the product, so that thousands of faults fit into minutes.
"""

from __future__ import annotations

import argparse
import logging
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from unittest import mock

import grpc
from coso.v1 import trajectory_pb2, tuner_pb2, tuner_pb2_grpc
from coso.v1.tuner_pb2_grpc import TunerServiceStub

from agent_runtime.trajectory import PolicyIdentity
from agent_runtime.uplink import channel, link_state, registration, sending
from agent_runtime.uplink.channel import open_channel
from agent_runtime.uplink.client import TunerLink
from agent_runtime.uplink.spool import Spool
from benchmarks.fault_proxy import FaultProxy
from benchmarks.measures import Measure, report
from benchmarks.power_cuts import scratch
from benchmarks.served_ledger import ServedLedger
from benchmarks.small_episodes import small_episode, with_id
from tuner.adapters.store import AdapterStore
from tuner.ingest import server
from tuner.ingest.ledger import Ledger, StoreOutcome
from tuner.ingest.retention import DAY_SEC, Limits, Retention

RUNTIMES: Final = 16
CALL_SEC: Final = 2.0
LONGEST_RETRY_SEC: Final = 0.5
HURRIED_MS: Final = {
    "grpc.keepalive_time_ms": 1_500,
    "grpc.keepalive_timeout_ms": 1_000,
    "grpc.max_reconnect_backoff_ms": 500,
    "grpc.http2.min_ping_interval_without_data_ms": 200,
}
GRACE_SEC: Final = 1.0
LATER_DAYS: Final = 30
KEPT_DAYS: Final = 7
BYTES_TO_FAULT: Final = 10_000
KEPT_CONNECTIONS: Final = 200
WAITING: Final = 64
"""So many episodes a runtime has in its spool at most."""
QUIET_SEC: Final = 0.2
PLANTED_UPLOADS: Final = 300
IDENTITY: Final = PolicyIdentity("b" * 64, "7" * 64, "none", "json")


class CountingLedger(Ledger):
    """Counts how often each id was stored anew."""

    def __init__(self, folder: Path, now_sec: Callable[[], float]) -> None:
        super().__init__(folder, now_sec)
        self.times_stored: Counter[str] = Counter()

    def store(self, message: trajectory_pb2.Trajectory) -> StoreOutcome:
        """Store, and count."""
        outcome = super().store(message)
        self.times_stored[message.trajectory_id] += outcome is StoreOutcome.STORED
        return outcome


class ForgetfulLedger(CountingLedger):
    """Planted: knows an id for a week."""

    def store(self, message: trajectory_pb2.Trajectory) -> StoreOutcome:
        """Forget, then store."""
        with self.sql() as sql:
            before = self._now_sec() - KEPT_DAYS * DAY_SEC
            sql.execute(
                "DELETE FROM trajectories WHERE id = ? AND stored_at_unix_sec < ?", (message.trajectory_id, before)
            )
        return super().store(message)


class HastySpool(Spool):
    """Planted: an episode is gone once it is sent."""

    def waiting(self) -> Iterator[tuple[Path, trajectory_pb2.Trajectory]]:
        """Yield, and forget."""
        for path, message in super().waiting():
            self.remove(path)
            yield path, message


class Clock:
    """Wall time that can be put forward."""

    def __init__(self) -> None:
        self.ahead_sec = 0.0

    def now_sec(self) -> float:
        """Return seconds since 1970."""
        return time.time() + self.ahead_sec


class Calls:
    """Times every call that sends or registers, however it ends."""

    def __init__(self) -> None:
        self.longest_sec = 0.0
        self.count = 0
        self._lock = threading.Lock()

    def stub(self, opened: grpc.Channel) -> Any:
        """Return a stub whose calls are timed."""
        inner, calls = TunerServiceStub(opened), self

        class Stub:
            FollowAdapters = inner.FollowAdapters

            def RegisterRuntime(self, *args: Any, **options: Any) -> Any:  # noqa: N802
                started_sec = time.monotonic()
                try:
                    return inner.RegisterRuntime(*args, **options)
                finally:
                    calls.note(time.monotonic() - started_sec)

            def SubmitTrajectories(self, *args: Any, **options: Any) -> Iterator[Any]:  # noqa: N802
                started_sec = time.monotonic()
                try:
                    yield from inner.SubmitTrajectories(*args, **options)
                finally:
                    calls.note(time.monotonic() - started_sec)

        return Stub()

    def note(self, took_sec: float) -> None:
        """Count a call."""
        with self._lock:
            self.count += 1
            self.longest_sec = max(self.longest_sec, took_sec)


@dataclass
class Outcome:
    """What came of the uploads."""

    uploads: int = 0
    lost: int = 0
    doubled: int = 0
    sent_again: int = 0
    left: int = 0
    """Episodes still in a spool when the patience was over."""
    calls: int = 0
    longest_call_sec: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)


def run(
    uploads: int,
    seed: int,
    home: Path,
    ledger_of: type[CountingLedger] = CountingLedger,
    spool_of: type[Spool] = Spool,
    patience_sec: float = 1100.0,
) -> Outcome:
    """Send so many episodes through the proxy, then all of them again, and return what came of it."""
    clock, calls, state = Clock(), Calls(), home / "state"
    state.mkdir(parents=True)
    ledger = ledger_of(state, clock.now_sec)
    episode = small_episode(IDENTITY, "runtime")
    ids = [f"episode-{number}" for number in range(uploads)]
    with ExitStack() as stack:
        for module, name, value in (
            (sending, "UPLOAD_DEADLINE_SEC", CALL_SEC),
            (registration, "CALL_DEADLINE_SEC", CALL_SEC),
            (link_state, "LONGEST_RETRY_SEC", LONGEST_RETRY_SEC),
            (channel, "_OPTIONS", _hurried(channel._OPTIONS)),
            (server, "_OPTIONS", _hurried(server._OPTIONS)),
        ):
            stack.enter_context(mock.patch.object(module, name, value))
        stack.enter_context(mock.patch.object(tuner_pb2_grpc, "TunerServiceStub", calls.stub))
        served = ServedLedger(state, IDENTITY, ledger)
        stack.callback(served.stop)
        proxy = FaultProxy(("127.0.0.1", served.port), RUNTIMES, seed, BYTES_TO_FAULT, KEPT_CONNECTIONS)
        proxy.start()
        spools = [spool_of(home / f"spool-{number}") for number in range(RUNTIMES)]
        links = []
        for number, (spool, port) in enumerate(zip(spools, proxy.ports, strict=True)):
            spool.open()
            links.append(TunerLink(f"127.0.0.1:{port}", IDENTITY, [f"runtime-{number}"], spool, lambda *version: None))
            links[-1].start()
        _feed(ids, links, spools, episode, proxy, patience_sec)
        left = sum(len(spool) for spool in spools)
        for link in links:
            link.close(0.0)
        proxy.stop()
        lost = sum(1 for name in ids if not ledger.times_stored[name])
        outcome = Outcome(len(ids), lost, 0, 0, left, calls.count, calls.longest_sec, proxy.struck)
        clock.ahead_sec = LATER_DAYS * DAY_SEC
        served.on_ledger(lambda: _empty_old(ledger, state, clock))
        for content in proxy.kept:
            _send_bytes(served.port, content)
        outcome.sent_again = len(proxy.kept) + _send_all(served.port, episode, ids)
        outcome.doubled = sum(1 for times in ledger.times_stored.values() if times > 1)
        return outcome


def _hurried(options: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """Return a channel's or server's options with shorter times."""
    return [(name, HURRIED_MS.get(name, value)) for name, value in options]


def _feed(
    ids: Sequence[str],
    links: Sequence[TunerLink],
    spools: Sequence[Spool],
    episode: trajectory_pb2.Trajectory,
    proxy: FaultProxy,
    patience_sec: float,
) -> None:
    """Keep the spools filled until all is handed over, and wait until they are empty."""
    waiting, ends_at = iter(ids), time.monotonic() + patience_sec
    is_over, parted_at = False, time.monotonic()
    while time.monotonic() < ends_at:
        for link, spool in zip(links, spools, strict=True):
            for _ in range(WAITING - len(spool)):
                if (name := next(waiting, None)) is None:
                    is_over = True
                    break
                link.submit(with_id(episode, name))
        if time.monotonic() - parted_at > 5.0:
            proxy.partition()
            parted_at = time.monotonic()
        if is_over and not any(len(spool) for spool in spools):
            return
        time.sleep(0.02)


def _empty_old(ledger: Ledger, state: Path, clock: Clock) -> None:
    """Have a learner use everything, and retention empty what is older than a week."""
    with ledger.sql() as sql:
        sql.execute("UPDATE trajectories SET consumed_by_version = 1")
    retention = Retention(ledger, AdapterStore(state / "adapters"), Limits(age_days=KEPT_DAYS), 0, clock.now_sec)
    while retention.sweep(()):
        pass


def _send_bytes(port: int, content: bytes) -> None:
    """Send recorded bytes on a connection of their own, and hear what comes until it is quiet."""
    with socket.create_connection(("127.0.0.1", port), timeout=QUIET_SEC) as connection:
        try:
            connection.sendall(content)
            while connection.recv(1 << 16):
                pass
        except OSError:  # quiet, or reset: the front does as it likes with it
            return


def _send_all(port: int, episode: trajectory_pb2.Trajectory, ids: Sequence[str]) -> int:
    """Send every episode in one call; return how many were answered."""
    requests = (tuner_pb2.SubmitTrajectoriesRequest(trajectory=with_id(episode, name)) for name in ids)
    with open_channel(f"127.0.0.1:{port}", None) as opened:
        return sum(1 for _ in TunerServiceStub(opened).SubmitTrajectories(requests))


def unseen(seed: int, home: Path, uploads: int = PLANTED_UPLOADS) -> list[str]:
    """Plant each bug and return those that do not show."""
    forgetful = run(uploads, seed, home / "forgetful", ForgetfulLedger)
    hasty = run(uploads, seed, home / "hasty", CountingLedger, HastySpool)
    print(f"  ids known for {KEPT_DAYS} days: {forgetful.doubled} of {uploads} stored twice")
    print(f"  forgotten once sent: {hasty.lost} of {uploads} lost")
    return [name for name, shows in (("forgetful", forgetful.doubled), ("hasty", hasty.lost)) if not shows]


def main() -> int:
    """Send, tell, and return the exit code: 1 where a promise was broken or a planted bug goes unseen."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--uploads", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    options = parser.parse_args()
    if options.uploads < RUNTIMES:
        parser.error(f"give uploads from {RUNTIMES}")
    logging.disable(logging.CRITICAL)
    started_sec = time.monotonic()
    with tempfile.TemporaryDirectory(dir=scratch()) as home:
        found = run(options.uploads, options.seed, Path(home) / "sound")
        blind = unseen(options.seed, Path(home))
    faults = sum(found.faults.values())
    print(f"seed {options.seed}, {time.monotonic() - started_sec:.0f} s; {found.calls} calls, {found.left} left")
    for name, count in found.faults.most_common():
        print(f"  {count:5d}  {name}")
    ends_sec = CALL_SEC + GRACE_SEC
    measures = [
        Measure("episodes lost", found.lost, 0.0, "lower", found.uploads, "sent"),
        Measure("episodes stored twice", found.doubled, 0.0, "lower", found.doubled, ""),
        Measure("faults / a tenth of the episodes", faults / (0.1 * found.uploads), 1.0, "higher", faults, "faults"),
        Measure(
            "longest call / its deadline and a second",
            found.longest_call_sec / ends_sec,
            1.0,
            "lower",
            found.longest_call_sec,
            "s",
        ),
        Measure("planted bugs that show", 1 - len(blind) / 2, 1.0, "higher", 2 - len(blind), "bugs"),
    ]
    return report("Exactly once over a bad network", measures, options.json)


if __name__ == "__main__":
    sys.exit(main())
