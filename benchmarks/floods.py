"""Floods a real tuner in one way after another while an honest agent sends, and compares with how it fares alone.

`python -m benchmarks.floods` takes `--seconds 30` for each kind of `flood_attacks` and as long without any. The honest
agent offers a fixed number of episodes a second, far above what a device makes, connects anew now and then, and must
have at least half as many stored as alone; the front's peak memory must stay below a bound; it must still be there. The
attacker is one process with a valid certificate, run nicer than the others: looked at is what the floods do to the
front, not to the CPU. The planted bug, which must break something: no limit on sizes, streams, calls and rates.
"""

from __future__ import annotations

import argparse
import logging
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc
from coso.v1 import tuner_pb2, tuner_pb2_grpc

from agent_runtime.uplink.channel import open_channel
from agent_runtime.uplink.registration import registration
from agent_runtime.uplink.tls import load_client_tls
from benchmarks.flood_attacks import KINDS
from benchmarks.guarded_tuner import Guarded, guarded_tuner
from benchmarks.measures import Measure, report
from benchmarks.small_episodes import small_episode
from tests.tuner_process import ROOT, environment
from tuner.certificates.authority import Role

OFFERED_PER_SECOND: Final = 10.0
DEADLINE_SEC: Final = 5.0
LEAST_SHARE: Final = 0.5
MOST_MEMORY_BYTES: Final = 1 << 30
RECONNECTS_AFTER: Final = 20
PAYLOAD_BYTES: Final = 2 << 20
NO_LIMITS: Final = """
server._OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)]
server.MAX_CALLS = gate.MAX_CALLS_OF_ONE = gate.READERS_OF_ONE = 1 << 20
gate.PeerRate.take = lambda self, peer, cost=1.0: None
"""
PLANTED_KINDS: Final = ("messages just below the limit", "registrations just below the limit")


@dataclass(frozen=True)
class Flood:
    """How the front and its honest client fared in one flood."""

    kind: str
    share: float
    """Of what was stored alone."""
    peak_bytes: int
    is_there: bool

    @property
    def is_borne(self) -> bool:
        """Whether the promise was kept."""
        return self.is_there and self.share >= LEAST_SHARE and self.peak_bytes <= MOST_MEMORY_BYTES


class Honest:
    """An agent that offers episodes at a fixed pace, each in a call of its own, over one connection."""

    def __init__(self, tuner: Guarded) -> None:
        self._identity = tuner.identity()
        self._address = tuner.address
        self._tls = load_client_tls(tuner.folder / "honest")
        self._count = 0
        self._connect()

    def _connect(self) -> None:
        self._channel = open_channel(self._address, self._tls)
        self._stub = tuner_pb2_grpc.TunerServiceStub(self._channel)

    def stored(self, seconds: float) -> int:
        """Offer for so long; return how many were stored within their deadline."""
        began_at = time.monotonic()
        stored = 0
        for number in range(int(seconds * OFFERED_PER_SECOND)):
            pause_sec = began_at + number / OFFERED_PER_SECOND - time.monotonic()
            if pause_sec > 0:
                time.sleep(pause_sec)
            if time.monotonic() > began_at + seconds:
                break
            stored += self._is_stored()
        return stored

    def _is_stored(self) -> bool:
        self._count += 1
        if not self._count % RECONNECTS_AFTER:
            self.close()
            self._connect()
        request = tuner_pb2.SubmitTrajectoriesRequest(
            trajectory=small_episode(self._identity, "honest/phone", f"honest-{self._count}")
        )
        try:
            answers = list(self._stub.SubmitTrajectories(iter([request]), timeout=DEADLINE_SEC))
        except grpc.RpcError:
            return False
        return [answer.outcome for answer in answers] == [tuner_pb2.SUBMIT_OUTCOME_STORED]

    def close(self) -> None:
        """Hang up."""
        self._channel.close()


def flood(kind: str, seconds: float, home: Path, plant: str = "") -> Flood:
    """Start a tuner, let the honest agent send alone, then beside the flood."""
    with guarded_tuner(home, plant, notes_handlers=False, payload=bytes(PAYLOAD_BYTES)) as tuner:
        tuner.issue("honest")
        folder = tuner.issue("flood", Role.AGENT)
        (folder / "registration").write_bytes(registration("flood", tuner.identity()).SerializeToString())
        (folder / "episode").write_bytes(small_episode(tuner.identity(), "flood", "e").SerializeToString())
        honest = Honest(tuner)
        honest.stored(1.0)  # connected
        alone = honest.stored(seconds)
        command = [
            sys.executable,
            "-m",
            "benchmarks.flood_attacks",
            kind,
            tuner.address,
            str(folder),
            f"{seconds + 60}",
        ]
        attacker = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**environment(), "GRPC_VERBOSITY": "NONE"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            preexec_fn=lambda: os.nice(19),
        )
        try:
            assert attacker.stdout is not None
            attacker.stdout.readline()
            honest.stored(2.0)  # the flood has begun
            beside = honest.stored(seconds)
        finally:
            attacker.kill()
            attacker.communicate()
            honest.close()
        is_there = tuner.process.poll() is None
        return Flood(kind, beside / max(1, alone), tuner.peak_bytes() if is_there else 0, is_there)


def unseen(seconds: float, home: Path) -> list[str]:
    """Take all limits away and return the floods that are borne all the same."""
    floods = [flood(kind, seconds, home / f"planted{place}", NO_LIMITS) for place, kind in enumerate(PLANTED_KINDS)]
    return [each.kind for each in floods if each.is_borne]


def main() -> int:
    """Flood, tell, and return the exit code: 1 where a flood was not borne or a planted bug goes unseen."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=30.0, help="for each kind, with and without the flood")
    parser.add_argument("--kind", choices=sorted(KINDS), action="append", help="only this one; again for others")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as home:
        floods = []
        for number, kind in enumerate(options.kind or KINDS):
            floods.append(flood(kind, options.seconds, Path(home) / f"flood{number}"))
            print(
                f"  {kind:36} {floods[-1].share:6.0%} stored, peak {floods[-1].peak_bytes / 2**20:5.0f} MiB", flush=True
            )
        blind = [] if options.kind else unseen(min(options.seconds, 10.0), Path(home))
    print(f"borne without any limit: {', '.join(blind) or 'none'}")
    measures = [
        Measure(f"{each.kind}: stored, of what is alone", each.share, LEAST_SHARE, "higher", 100 * each.share, "%")
        for each in floods
    ]
    peak = max(each.peak_bytes for each in floods)
    measures += [
        Measure("the front's peak memory, of its bound", peak / MOST_MEMORY_BYTES, 1.0, "lower", peak / 2**20, "MiB"),
        Measure("fronts that ended", sum(not each.is_there for each in floods), 0.0, "lower", len(floods), "floods"),
    ]
    if not options.kind:
        measures.append(
            Measure(
                "floods that show that limits are gone",
                1 - len(blind) / len(PLANTED_KINDS),
                1.0,
                "higher",
                len(PLANTED_KINDS),
                "",
            )
        )
    return report("One client cannot exhaust the service", measures, options.json)


if __name__ == "__main__":
    sys.exit(main())
