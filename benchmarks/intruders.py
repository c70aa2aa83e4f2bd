"""Has callers and tuners that do not belong try every call, and holds that nothing comes of it. Measures no speed.

`python -m benchmarks.intruders --trials 500` makes so many tries of each kind, drawn by a seed, at a real `tuner serve
--tls` and, for tuners that are none, with a runtime's own channel and link. No handler may run, nothing be stored or
registered, nothing be told to an impostor, no adapter be taken from one. Between the kinds an honest agent must be
served. Planted bugs that must show: no gate in front of the handlers, a list of the revoked that nobody reads, a
runtime that speaks plaintext, one that trusts any CA.
"""

from __future__ import annotations

import argparse
import logging
import random
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from unittest import mock

import grpc
from coso.v1 import tuner_pb2, tuner_pb2_grpc

from agent_runtime.uplink.channel import open_channel
from agent_runtime.uplink.registration import registration
from agent_runtime.uplink.tls import load_client_tls
from benchmarks.guarded_tuner import CALL_SEC, Guarded, connected, credentials, guarded_tuner
from benchmarks.impostors import IMPOSTORS, Served
from benchmarks.measures import Measure, report
from benchmarks.small_episodes import small_episode
from benchmarks.strangers import AS_ANOTHER, STRANGERS, WRONG_ROLES, make_strangers

Code = grpc.StatusCode
REFUSED: Final = frozenset({Code.UNAVAILABLE, Code.UNAUTHENTICATED, Code.PERMISSION_DENIED})
KINDS: Final = (*STRANGERS, *WRONG_ROLES, AS_ANOTHER, *IMPOSTORS)
NO_GATE: Final = """
peers.Peers.denial = lambda self, holder, method: None
peers.Peers.foreign = lambda self, holder, runtime_id: None
"""
NOBODY_REVOKED: Final = "\nrevocations.Revocations.__contains__ = lambda self, serial: False\n"
PLANTED: Final[Mapping[str, tuple[str, Sequence[str]]]] = {
    "no gate before the handlers": (NO_GATE, (*WRONG_ROLES, AS_ANOTHER, "a revoked certificate")),
    "the list of the revoked is not read": (NOBODY_REVOKED, ("a revoked certificate",)),
}


@dataclass
class Tally:
    """What came of the tries."""

    tries: int = 0
    let_in: int = 0
    handled: int = 0
    stored: int = 0
    told: int = 0
    turned_away: int = 0
    """Honest calls that were refused."""
    notes: list[str] = field(default_factory=list)

    @property
    def broken(self) -> int:
        """How many promises were broken."""
        return self.let_in + self.handled + self.stored + self.told + self.turned_away


class Calls:
    """Every call a caller can make, in the name of a runtime."""

    def __init__(self, tuner: Guarded) -> None:
        self._identity = tuner.identity()

    def code_of(self, name: str, stub: tuner_pb2_grpc.TunerServiceStub, runtime_id: str, trial: str) -> Code:
        """Make the call; return how it ended."""
        identity = self._identity
        requests: dict[str, Callable[[], object]] = {
            "RegisterRuntime": lambda: stub.RegisterRuntime(registration(runtime_id, identity), timeout=CALL_SEC),
            "SubmitTrajectories": lambda: list(
                stub.SubmitTrajectories(
                    iter([tuner_pb2.SubmitTrajectoriesRequest(trajectory=small_episode(identity, runtime_id, trial))]),
                    timeout=CALL_SEC,
                )
            ),
            "FollowAdapters": lambda: next(
                iter(stub.FollowAdapters(tuner_pb2.FollowAdaptersRequest(runtime_id=runtime_id), timeout=CALL_SEC))
            ),
            "GetStatus": lambda: stub.GetStatus(tuner_pb2.GetStatusRequest(), timeout=CALL_SEC),
            "RollbackAdapter": lambda: stub.RollbackAdapter(
                tuner_pb2.RollbackAdapterRequest(version=1, latest_version=1), timeout=CALL_SEC
            ),
        }
        try:
            requests[name]()
        except grpc.RpcError as error:
            return error.code()
        return Code.OK


CALLS: Final = ("RegisterRuntime", "SubmitTrajectories", "FollowAdapters", "GetStatus", "RollbackAdapter")


class Trials:
    """Tries of each kind at one tuner."""

    def __init__(self, tuner: Guarded, seed: int) -> None:
        self.tally = Tally()
        self._tuner = tuner
        self._seed = seed
        self._calls = Calls(tuner)
        self._strangers = make_strangers(tuner)
        self._lab, self._ops = tuner.folder / "lab", tuner.folder / "ops"

    def run(self, kind: str, trials: int) -> None:
        """Make so many tries of a kind, then see what they left behind and whether honest callers are served."""
        tuner, tally = self._tuner, self.tally
        stored, runtimes = self._standing()
        handled = len(tuner.handled())
        for number in range(trials):
            tally.tries += 1
            rng = random.Random(f"{self._seed} {kind} {number}")
            trial = f"{kind} {number}"
            if kind in IMPOSTORS:
                self._meet(IMPOSTORS[kind], rng, trial)
            else:
                self._intrude(kind, rng, trial)
        ran = tuner.handled()[handled:]
        if ran:
            tally.handled += len(ran)
            tally.notes.append(f"{kind}: {len(ran)} handlers ran, such as {ran[0]}")
        now_stored, now_runtimes = self._standing()
        if (now_stored, now_runtimes) != (stored, runtimes):
            tally.stored += 1
            tally.notes.append(f"{kind}: {now_stored - stored} episodes stored, {now_runtimes - runtimes} registered")

    def _standing(self) -> tuple[int, int]:
        """Ask as an operator, and be served as an agent."""
        with connected(self._tuner.address, credentials(self._lab)) as channel:
            code = self._calls.code_of("FollowAdapters", tuner_pb2_grpc.TunerServiceStub(channel), "lab/phone", "")
        if code is not Code.OK:
            self.tally.turned_away += 1
            self.tally.notes.append(f"an honest agent got {code}")
        status = self._tuner.status(self._ops)
        return status.trajectories_stored, len(status.runtime_ids)

    def _intrude(self, kind: str, rng: random.Random, trial: str) -> None:
        calls: Sequence[str] = CALLS
        given: grpc.ChannelCredentials | None
        names = ["lab", "lab/phone", "ops", "tuner", "lab/../ops", ""]
        if kind == AS_ANOTHER:
            given, calls = credentials(self._lab), ("RegisterRuntime", "SubmitTrajectories", "FollowAdapters")
            names = ["ops", "other/phone", "lab2", "lab-2/phone", "LAB/phone", "", "/lab", "lab\0/", " lab", "lab\\x"]
        elif kind in WRONG_ROLES:
            folder, calls = WRONG_ROLES[kind]
            given = credentials(self._tuner.folder / folder)
            names = [folder, f"{folder}/phone"]
        else:
            given = self._strangers[kind]
        call, name = rng.choice(calls), rng.choice(names)
        with connected(self._tuner.address, given) as channel:
            code = self._calls.code_of(call, tuner_pb2_grpc.TunerServiceStub(channel), name, trial)
        if code not in REFUSED:
            self.tally.let_in += 1
            self.tally.notes.append(f"{kind}: {call} as {name!r} ended with {code}")

    def _meet(self, served: Served, rng: random.Random, trial: str) -> None:
        """Call a tuner that is none, as a runtime does."""
        tls = load_client_tls(self._lab)
        with served(self._tuner) as impostor, open_channel(impostor.address, tls) as channel:
            call = rng.choice(CALLS[:3])
            code = self._calls.code_of(call, tuner_pb2_grpc.TunerServiceStub(channel), "lab/phone", trial)
        if code is Code.OK or impostor.heard:
            self.tally.told += 1
            self.tally.notes.append(f"{trial}: {call} ended with {code}, the impostor heard {impostor.heard}")


def run(trials: int, seed: int, home: Path, kinds: Sequence[str] = KINDS, plant: str = "") -> Tally:
    """Try so often in each kind at a tuner of its own."""
    with guarded_tuner(home, plant, ("--submits-per-second", "1000")) as tuner:
        made = Trials(tuner, seed)
        for kind in kinds:
            made.run(kind, trials)
    return made.tally


def unseen(
    seed: int, home: Path, trials: int = 12, planted: Mapping[str, tuple[str, Sequence[str]]] = PLANTED
) -> list[str]:
    """Plant each bug and return those that do not show in every kind they concern."""
    found = []
    for number, (name, (plant, kinds)) in enumerate(planted.items()):
        with guarded_tuner(home / f"planted{number}", plant) as tuner:
            for kind in kinds:
                made = Trials(tuner, seed)
                made.run(kind, trials)
                if not made.tally.broken:
                    found.append(f"{name}, {kind}")
    return found + unseen_at_runtimes(seed, home)


def unseen_at_runtimes(seed: int, home: Path) -> list[str]:
    """Plant the bugs of a runtime's side, at impostors; return those that do not show."""
    found = []
    with guarded_tuner(home / "runtimes") as tuner:

        def trusting(address: str, tls: object) -> grpc.Channel:
            return grpc.secure_channel(address, credentials(tuner.folder / "lab", tuner.folder / "foreign"))

        def in_plaintext(address: str, tls: object) -> grpc.Channel:
            return grpc.insecure_channel(address)

        for name, opened, kind in (
            ("a runtime that speaks plaintext", in_plaintext, "an impostor without TLS"),
            ("a runtime that trusts any CA", trusting, "an impostor of a foreign CA"),
        ):
            made = Trials(tuner, seed)
            with mock.patch(f"{__name__}.open_channel", opened):
                made.run(kind, 3)
            if not made.tally.told:
                found.append(name)
    return found


def main() -> int:
    """Try, tell, and return the exit code: 1 where somebody got in or a planted bug goes unseen."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--trials", type=int, default=500, help="of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    options = parser.parse_args()
    if options.trials < 1:
        parser.error("give trials from 1")
    logging.disable(logging.CRITICAL)
    started_sec = time.monotonic()
    with tempfile.TemporaryDirectory() as home:
        blind = unseen(options.seed, Path(home))
        tally = run(options.trials, options.seed, Path(home) / "sound")
    print(f"seed {options.seed}, {len(KINDS)} kinds, {time.monotonic() - started_sec:.0f} s")
    print("\n".join(tally.notes[:20]))
    print(f"planted bugs that go unseen: {', '.join(blind) or 'none'}")
    planted = sum(len(kinds) for _, kinds in PLANTED.values()) + 2
    measures = [
        Measure("tries that were let in", tally.let_in, 0.0, "lower", tally.tries, "tried"),
        Measure("handlers that ran", tally.handled, 0.0, "lower", tally.handled, ""),
        Measure("kinds after which something was stored", tally.stored, 0.0, "lower", len(KINDS), "kinds"),
        Measure("impostors that were told or taken from", tally.told, 0.0, "lower", tally.told, ""),
        Measure("honest calls turned away", tally.turned_away, 0.0, "lower", tally.turned_away, ""),
        Measure("planted bugs that show", 1 - len(blind) / planted, 1.0, "higher", planted, ""),
    ]
    return report("Nobody is in who does not belong", measures, options.json)


if __name__ == "__main__":
    sys.exit(main())
