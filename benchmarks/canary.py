"""Counts bad versions promoted and good ones held: trials of many versions over a real ledger and store, no model.

    python -m benchmarks.canary              # 200 versions, 60 of them broken
    python -m benchmarks.canary --mutants    # the same counts with planted bugs, which must show

Eight runtimes of unequal speed play four tasks under the version they are given; what an episode comes to is drawn
from the version's profile. A withdrawn version is left as the learner leaves one: its trusted predecessor's bytes come
back as a new version. Waits and threads are left out, so a run takes minutes.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import tempfile
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from coso.v1 import policy_pb2, trajectory_pb2
from rich.console import Console
from rich.progress import track

from tuner.adapters.store import AdapterStore
from tuner.canary.rule import Rule
from tuner.ingest.ledger import Ledger
from tuner.ingest.rollout import Rollout
from tuner.ingest.version_trials import VersionTrials

RULE: Final = Rule()
SHARE: Final = 0.25
RUNTIMES: Final = tuple(f"runtime-{number}" for number in range(8))
TASKS: Final = {"easy": 0.8, "fair": 0.5, "hard": 0.25, "rare": 0.6}
BAD_SHARE: Final = 0.3
GOOD_HELD_LIMIT: Final = 0.05
MOST_EPISODES: Final = 10_000
"""A trial that is not over by then never will be."""


@dataclass(frozen=True)
class Profile:
    """How episodes under a version come out: success against ``TASKS``, and what its answers are like."""

    gain: float = 0.0
    malformed: float = 0.01
    surprise_nats: float = 0.2
    decide_ms: float = 100.0


GOOD: Final = {"as good": Profile(), "better by 0.01": Profile(gain=0.01), "surer": Profile(surprise_nats=0.14)}
BAD: Final = {
    "random": Profile(gain=-1.0, malformed=0.4, surprise_nats=3.0, decide_ms=150.0),
    "ten times the change": Profile(gain=-0.6, malformed=0.3, surprise_nats=1.0),
    "always complete": Profile(gain=-1.0, surprise_nats=0.02, decide_ms=60.0),
    "breaks the format": Profile(gain=-0.2, malformed=0.5),
}


class Farm:
    """Runtimes, a tuner's ledger and store, and a stand-in for the learner."""

    def __init__(self, state: Path, seed: int, rule: Rule) -> None:
        self.rng = random.Random(seed)
        self.ledger = Ledger(state)
        self.ledger.open()
        self.store = AdapterStore(state / "adapters")
        self.trials = VersionTrials(self.ledger, self.store, rule)
        self.trials.open()
        self.rollout = Rollout(self.store, self.trials, SHARE)
        self.held = dict.fromkeys(RUNTIMES, 0)
        self.profiles = {0: Profile()}
        self.digests = {0: ""}
        self.episodes = 0
        self.last_version = 0
        self._following = ExitStack()
        for runtime_id in RUNTIMES:
            self._following.enter_context(self.rollout.following(runtime_id))

    def publish(self, profile: Profile, returns_to: int = 0) -> int:
        """Put a version into the store; its bytes are new ones unless it returns to an older version."""
        version = max(self.store.versions(), default=0) + 1
        payload = self.store.get(returns_to)[1] if returns_to else self.rng.randbytes(64)
        manifest = policy_pb2.AdapterManifest(
            version=version,
            parent_version=version - 1,
            rolled_back_to=returns_to,
            optimizer_steps=version - 1,
        )
        self.digests[version] = self.store.publish(manifest, payload).payload_sha256
        self.profiles[version] = profile
        self.trials.look()
        return version

    def play(self) -> None:
        """Have a runtime end an episode, a fast one more often than a slow one."""
        runtime_id = self.rng.choices(RUNTIMES, range(1, len(RUNTIMES) + 1))[0]
        newer = self.rollout.newer_for(runtime_id, self.held[runtime_id])
        if newer is not None:
            self.held[runtime_id] = newer.version
        episode = self.episode(runtime_id)
        self.ledger.store(episode)
        self.trials.note(episode)

    def outcome_of(self, version: int) -> tuple[str, int]:
        """Play until the version is decided; return the decision and the episodes that were played under it."""
        under_it = 0
        for _ in range(MOST_EPISODES):
            standing = self.trials.standing
            if standing.trusted == version:
                return "promote", under_it
            if standing.withdrawn == version:
                return "withdraw", under_it
            self.play()
            under_it += self.last_version == version
        return "undecided", under_it

    def episode(self, runtime_id: str) -> trajectory_pb2.Trajectory:
        """Return an episode as it comes out under the version this runtime has."""
        rng, version = self.rng, self.held[runtime_id]
        profile = self.profiles[version]
        self.episodes += 1
        self.last_version = version
        task, rate = rng.choice(list(TASKS.items()))
        is_malformed = rng.random() < profile.malformed
        succeeded = not is_malformed and rng.random() < rate + profile.gain
        success, failure = trajectory_pb2.VERDICT_SUCCESS, trajectory_pb2.VERDICT_FAILURE
        malformed = trajectory_pb2.Action(malformed=trajectory_pb2.Malformed(reason="no action"))
        speed = 1.0 + RUNTIMES.index(runtime_id) / len(RUNTIMES)
        step = trajectory_pb2.Step(
            log_probs=[-profile.surprise_nats * rng.lognormvariate(0, 0.4)],
            action=malformed if is_malformed else trajectory_pb2.Action(tap=trajectory_pb2.Tap()),
            adapter_version=version,
            adapter_digest=self.digests[version],
            timings=trajectory_pb2.Timings(decide_ms=profile.decide_ms * speed * rng.lognormvariate(0, 0.2)),
        )
        return trajectory_pb2.Trajectory(
            trajectory_id=f"episode-{self.episodes}",
            runtime_id=runtime_id,
            task_name=task,
            purpose=trajectory_pb2.PURPOSE_EXPLORE,
            verdict=success if succeeded else failure,
            temperature=1.0,
            steps=[step],
        )


def run(versions: int, seed: int, rule: Rule = RULE) -> tuple[Counter[tuple[str, str]], dict[str, list[int]]]:
    """Try so many versions; return counts by kind and decision, and the episodes each trial of a kind took."""
    counts: Counter[tuple[str, str]] = Counter()
    took: dict[str, list[int]] = {}
    with tempfile.TemporaryDirectory() as folder:
        farm = Farm(Path(folder), seed, rule)
        farm.publish(Profile())
        bad = round(BAD_SHARE * versions)
        kinds = [list(BAD)[number % len(BAD)] for number in range(bad)]
        kinds += [list(GOOD)[number % len(GOOD)] for number in range(versions - bad)]
        farm.rng.shuffle(kinds)
        for kind in track(kinds, "trials", console=Console(stderr=True)):
            trusted = farm.trials.standing.trusted
            level = farm.profiles[trusted]
            change = (GOOD | BAD)[kind]
            profile = replace(change, gain=level.gain + change.gain)
            decision, episodes = farm.outcome_of(farm.publish(profile))
            counts[kind, decision] += 1
            took.setdefault(kind, []).append(episodes)
            if decision == "withdraw":
                farm.publish(level, returns_to=trusted)
        farm.ledger.close()
    return counts, took


MUTANTS: Final = {
    "nothing is ever withdrawn": Rule(withdraw_error=1e-300, guard_error=1e-300),
    "withdrawn at the first sign": Rule(withdraw_error=0.4, min_judged=1),
}


def verdict(counts: Counter[tuple[str, str]]) -> tuple[int, float]:
    """Return how many bad versions were not stopped and the share of good ones that were."""
    escaped = sum(count for (kind, decision), count in counts.items() if kind in BAD and decision != "withdraw")
    good = sum(count for (kind, _), count in counts.items() if kind in GOOD)
    held = sum(count for (kind, decision), count in counts.items() if kind in GOOD and decision != "promote")
    return escaped, held / max(1, good)


def main() -> int:
    """Run, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--versions", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mutants", action="store_true")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    print(f"seed {options.seed}")
    if options.mutants:
        caught = True
        for name, rule in MUTANTS.items():
            escaped, held = verdict(run(min(options.versions, 60), options.seed, rule)[0])
            caught &= escaped > 0 or held > GOOD_HELD_LIMIT
            print(f"{name}: {escaped} bad ones promoted, {held:.0%} of the good ones held")
        return 0 if caught else 1
    counts, took = run(options.versions, options.seed)
    print("| the new version | trials | promoted | withdrawn | its episodes, mean (most) |\n|---|---|---|---|---|")
    for kind, episodes in took.items():
        promoted, withdrawn = counts[kind, "promote"], counts[kind, "withdraw"]
        mean = math.fsum(episodes) / len(episodes)
        print(f"| {kind} | {len(episodes)} | {promoted} | {withdrawn} | {mean:.0f} ({max(episodes)}) |")
    escaped, held = verdict(counts)
    passes = escaped == 0 and held <= GOOD_HELD_LIMIT
    print(f"bad versions promoted: {escaped}; good ones held: {held:.1%} (at most {GOOD_HELD_LIMIT:.0%})")
    if options.json is not None:
        told = {"pass": passes, "bad_promoted": escaped, "good_held": held, "episodes": took}
        options.json.write_text(json.dumps(told, indent=2) + "\n", "utf-8")
    return 0 if passes else 1


if __name__ == "__main__":
    sys.exit(main())
