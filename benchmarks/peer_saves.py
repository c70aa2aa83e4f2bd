"""What peers' saves leave after a kill and a power cut, beside our ledger and learner's folders. Promises nothing.

`python -m benchmarks.peer_saves` records by strace what PEFT's ``save_pretrained``, transformers' ``Trainer`` and a
loop that keeps its episodes by ``torch.save`` write, as `power_cuts` records our stores, and after each call looks at
what would be gone on from: after a kill (all that was written is there, one state for each call) and after a power cut
(states drawn as `crash_states` draws them). Counted are the states in which a save that was returned from is gone:
what would be loaded is older, or none of those saved.

A peer's file counts as saved only with the very bytes it had when the peer was done with it; nothing is loaded.
"""

from __future__ import annotations

import argparse
import logging
import random
import re
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.crash_states import Disk
from benchmarks.disk_trace import (
    Link,
    Operation,
    Recording,
    Rename,
    Said,
    Sync,
    Truncate,
    Unlink,
    Write,
    strace_missing,
)
from benchmarks.durable_work import LEARNER, LEDGER
from benchmarks.measures import Measure, report
from benchmarks.peer_work import EPISODES, EPISODES_FILE, PEFT, TRAINER
from benchmarks.power_cuts import scratch, tallies

State = Mapping[str, bytes | None]
READ_OF_PEFT: Final = ("adapter_config.json", "adapter_model.safetensors")
READ_OF_TRAINER: Final = ("model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json")
"""What each reads when it goes on; a Trainer goes on without an optimizer's file, and says nothing."""
_CHECKPOINT = re.compile(r"trainer/checkpoint-(\d+)")


@dataclass(frozen=True)
class Found:
    """Of a peer's states: how many there were, and in how many a save that was returned from was gone."""

    states: int
    gone: int


def loaded_by_peft(state: State) -> tuple[bytes | None, ...]:
    """Return what would be loaded."""
    return tuple(state.get(f"adapter/{name}") for name in READ_OF_PEFT)


def loaded_by_trainer(state: State) -> tuple[bytes | None, ...]:
    """Return what training would go on from: the checkpoint of the highest number."""
    numbers = [int(found[1]) for path in state if (found := _CHECKPOINT.fullmatch(path))]
    newest = f"trainer/checkpoint-{max(numbers, default=0)}"
    return tuple(state.get(f"{newest}/{name}") for name in READ_OF_TRAINER)


def loaded_by_torch(state: State) -> tuple[bytes | None, ...]:
    """Return what would be loaded."""
    return (state.get(EPISODES_FILE),)


LOADED: Final[Mapping[str, Callable[[State], tuple[bytes | None, ...]]]] = {
    PEFT: loaded_by_peft,
    TRAINER: loaded_by_trainer,
    EPISODES: loaded_by_torch,
}


def surely(disk: Disk, operation: Operation) -> None:
    """Let an operation have happened that no power cut takes back: what is there after a kill."""
    disk.apply(operation)
    match operation:
        case Write(inode) | Truncate(inode):
            disk.apply(Sync(inode))
        case Link(folder) | Unlink(folder):
            disk.apply(Sync(folder))
        case Rename():
            disk.apply(Sync(operation.folder))
        case _:
            pass


def recorded(peer: str, root: Path) -> Recording:
    """Have a peer save in a new folder, and return the record."""
    root.mkdir(parents=True)
    recording = Recording(root)
    recording.run([sys.executable, "-m", "benchmarks.peer_work", peer, str(root)])
    return recording


def saves(peer: str, recording: Recording) -> list[tuple[bytes | None, ...]]:
    """Return what would be loaded when each save was over, the first one at 1; at 0 there is nothing."""
    disk, rng, found = Disk.at_first(recording), random.Random(0), []
    found.append(LOADED[peer](disk.drawn(rng)))
    for operation in recording.operations:
        surely(disk, operation)
        if isinstance(operation, Said) and operation.line.startswith("saved"):
            found.append(LOADED[peer](disk.drawn(rng)))
    return found


def looked_at(peer: str, recording: Recording, states: int, seed: int) -> tuple[Found, Found]:
    """Return what is found after kills and after power cuts; of these so many states over all calls."""
    known, rng = saves(peer, recording), random.Random(f"{seed}/{peer}")
    after_kill, after_cut = Disk.at_first(recording), Disk.at_first(recording)
    killed = cut = drawn = 0
    for number, operation in enumerate(recording.operations):
        surely(after_kill, operation)
        after_cut.apply(operation)
        killed += _is_gone(LOADED[peer](after_kill.drawn(rng)), known, _saves_of(after_kill))
        begin, end = (states * (number + more) // len(recording.operations) for more in (0, 1))
        for _ in range(begin, end):
            cut += _is_gone(LOADED[peer](after_cut.drawn(rng)), known, _saves_of(after_cut))
            drawn += 1
    return Found(len(recording.operations), killed), Found(drawn, cut)


def _saves_of(disk: Disk) -> int:
    return sum(line.startswith("saved") for line in disk.said)


def _is_gone(loaded: tuple[bytes | None, ...], known: Sequence[tuple[bytes | None, ...]], said: int) -> bool:
    return said > 0 and loaded not in known[said:]


def main() -> int:
    """Look, tell, and return the exit code: 1 where our own folders lose something."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--states", type=int, default=2000, help="of each, after a power cut")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    options = parser.parse_args()
    missing = strace_missing()
    if options.states < 1 or missing:
        parser.error(missing or "give at least 1 state")
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory(dir=scratch()) as home:
        for place, peer in enumerate(LOADED):
            recording = recorded(peer, Path(home) / f"peer{place}")
            kills, cuts = looked_at(peer, recording, options.states, options.seed)
            print(
                f"  {peer:22} gone after {kills.gone} of {kills.states} kills, {cuts.gone} of {cuts.states} power cuts"
            )
        ours = tallies(2 * options.states, options.seed, Path(home) / "ours", [LEDGER, LEARNER])
    lost = {name: tally.wrong + tally.closed for name, tally in ours.items()}
    for name, tally in ours.items():
        print(f"  {name:22} gone after {lost[name]} of {tally.states} power cuts; seed {options.seed}")
    gone = Measure(
        "states in which our own lose something",
        sum(lost.values()),
        0.0,
        "lower",
        sum(tally.states for tally in ours.values()),
        "tried",
    )
    return report("What is left of saved adapters and checkpoints", [gone], options.json)


if __name__ == "__main__":
    sys.exit(main())
