"""Kills runtime, front and learner by SIGKILL, all at once and over and over, and looks for what got lost.

`python -m benchmarks.kills --kills 1000` runs the real front in a process of its own, a real learner on a tiny model
and the runtime's spool and link, these two forked from a process that has their imports. Each lives until a point of
its own (a call that makes something durable, a statement of SQLite, a word to the front) or a random moment, and is
started again at once. In the end everything that was durable in the spool must be in the ledger once, with its
content, and in the batch of one committed update where it is marked as used; all versions must be whole. A front that
acknowledges before its commit, and a runtime that forgets before the answer, must show.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

from coso.v1 import trajectory_pb2

from agent_runtime.actions import Action, Finish, Tap
from agent_runtime.trajectory import (
    NO_ADAPTER_DIGEST,
    Decision,
    PolicyIdentity,
    Screenshot,
    Step,
    Timings,
    Verdict,
)
from agent_runtime.uplink.codec import trajectory_to_message
from benchmarks.front import identity_of
from benchmarks.kill_mutants import FRONT_MUTANTS, RUNTIME_MUTANTS
from benchmarks.kill_scene import ROLES, Scene
from benchmarks.measures import Measure, percentile, report
from benchmarks.resume import prepare
from benchmarks.warm_learner import WarmLearner, small_config
from tests.learner_world import JSON, PROMPT, REWARDED, SIDE_PX, World, picture_png

READY_BAR_SEC: Final = 2.0
"""On a machine with nothing else to do; another one may be told of another bar."""
MUTANTS: Final = (*FRONT_MUTANTS, *RUNTIME_MUTANTS)
MUTANT_KILLS: Final = 12
MUTANT_SCENES: Final = 6


class Episodes:
    """Episodes of two steps or one, with tokens and log-probs of the tiny model, by number."""

    def __init__(self, world: World, identity: PolicyIdentity) -> None:
        self._world = world
        self._identity = identity
        self._texts: dict[Action, str] = {
            action: JSON.render(action, "right") for action in (Tap(0.1205, 0.1505), Finish(True))
        }
        self._log_probs = {text: world.token_log_probs(world.loaded.model, text) for text in self._texts.values()}

    def make(self, number: int) -> trajectory_pb2.Trajectory:
        """Return the episode of this number: two of three succeed."""
        succeeds = number % 3 != 0
        actions = list(self._texts)[: 2 if succeeds else 1]
        verdict = Verdict.SUCCESS if succeeds else Verdict.FAILURE
        whole = self._world.trajectory(number, REWARDED, verdict)
        steps = tuple(self._step(index, action) for index, action in enumerate(actions))
        return trajectory_to_message(
            replace(whole, trajectory_id=f"mortal-{number:06d}", steps=steps, identity=self._identity)
        )

    def _step(self, index: int, action: Action) -> Step:
        text = self._texts[action]
        decision = Decision(text, self._world.token_ids(text), self._log_probs[text], 0, NO_ADAPTER_DIGEST)
        shot = Screenshot(picture_png(), SIDE_PX, SIDE_PX, SIDE_PX, SIDE_PX)
        return Step(index, PROMPT, shot, decision, JSON.parse(text), Timings())


def scene_in(home: Path, checkpoint: Path, world: World, seed: int, mutant: str = "") -> Scene:
    """Return a fresh scene under ``home``, which is made."""
    home.mkdir()
    identity = identity_of(checkpoint)
    return Scene(
        home, WarmLearner(small_config(home, checkpoint)), identity, Episodes(world, identity).make, seed, mutant
    )


def unseen(home: Path, checkpoint: Path, world: World, seed: int) -> list[str]:
    """Plant each bug and return those that do not show in a few scenes."""
    return [
        name
        for place, name in enumerate(MUTANTS)
        if not any(
            scene_in(home / f"{place}-{number}", checkpoint, world, seed + number, name).run(MUTANT_KILLS).any
            for number in range(MUTANT_SCENES)
        )
    ]


def main() -> int:
    """Kill, look, and return the exit code: 1 where something was lost, doubled or broken, or a bug goes unseen."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=20.0, help="the longest to take; what was done by then counts")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ready-sec", type=float, default=READY_BAR_SEC, help="bar on the time to be ready again")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    options = parser.parse_args()
    if options.kills < 1:
        parser.error("give kills from 1")
    started_sec = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        checkpoint, world = prepare(home)
        scene = scene_in(home / "sound", checkpoint, world, options.seed)
        found = scene.run(options.kills, started_sec + 0.8 * 60 * options.minutes)
        (home / "planted").mkdir()
        blind = unseen(home / "planted", checkpoint, world, options.seed)
    print(f"seed {options.seed}, {time.monotonic() - started_sec:.0f} s")
    for role in ROLES:
        ready = percentile(scene.ready_sec[role], 0.95)
        print(f"  {role:8} {scene.kills[role]:5d} kills, ready again p95 {ready:.2f} s")
    print(f"  {len(scene.kept)} episodes kept, {found.trajectories} in the ledger, {found.updates} updates, ", end="")
    print(f"{found.versions} versions")
    print("\n".join(found.lines()))
    print(f"planted and unseen: {', '.join(blind) or 'none'}")
    kills = sum(scene.kills.values())
    slowest = max(percentile(scene.ready_sec[role], 0.95) for role in ("front", "runtime"))
    used = len(found.trained_twice) + len(found.never_trained)
    measures = [
        Measure("trajectories lost", len(found.lost), 0.0, "lower", kills, "kills"),
        Measure("… doubled", len(found.doubled), 0.0, "lower", len(found.doubled), ""),
        Measure("… trained twice, or marked and never trained", used, 0.0, "lower", used, ""),
        Measure("… or files that are corrupt", len(found.corrupt), 0.0, "lower", len(found.corrupt), ""),
        Measure("front and runtime ready again, p95 / bar", slowest / options.ready_sec, 1.0, "lower", slowest, "s"),
        Measure("planted bugs that show", 1 - len(blind) / len(MUTANTS), 1.0, "higher", len(MUTANTS), ""),
    ]
    return report("Nothing accepted is lost when a process dies", measures, options.json)


if __name__ == "__main__":
    sys.exit(main())
