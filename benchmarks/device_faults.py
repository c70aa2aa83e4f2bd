"""Faults of a phone, injected one kind after another under an oracle's episodes. Measures no time and trains nothing.

`python -m benchmarks.device_faults --kinds all --trials N` runs N episodes a kind on a virtual phone behind a real
adb server; `--mutants` plants three bugs in the recovery, each of which the counts must show. Exit code 1 where a
promise is broken (or a planted bug goes unseen). Every fifth trial of a spoilt frame never ends, and every second
one of a killed app has an agent that gives up: these must be void.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from agent_runtime.actions import Action, Tap, grammar_named
from agent_runtime.devices import Frame
from agent_runtime.devices.adb import open_device
from agent_runtime.devices.link import Patience
from agent_runtime.devices.recovery import RecoveringDevice
from agent_runtime.episode import EpisodeConfig, run_episode
from agent_runtime.errors import DeviceError
from agent_runtime.tasks import suite_named
from agent_runtime.trajectory import Purpose, Trajectory, Verdict
from benchmarks.fault_oracle import Oracle, phone_of, schedule_of
from device_scripts.virtual_phone.faults import EVENT_OF, FRAME, SHELL, Fault, FaultSchedule
from device_scripts.virtual_phone.launch import RunningPhone, running_phone
from device_scripts.virtual_phone.private_adb import AdbServer, private_adb_server

FOREVER = 1_000_000
PATIENCE = Patience(look_again_sec=0.5, return_sec=30.0, slow_sec=0.25)
COMMAND_TIMEOUT_SEC = 1.0
NAMES = {"tap_swallowed": "tap_without_effect"}
"""Names the runtime gives that are not the injected kind's own: it cannot know that a tap was swallowed."""


@dataclass
class Counts:
    """What came of the episodes of one kind."""

    kind: str
    trials: int = 0
    struck: int = 0
    detected: int = 0
    named: int = 0
    unnoticed: int = 0
    """Episodes that succeeded although nobody noticed: a killed app is looked for only where one did not succeed."""
    recovered: int = 0
    void: int = 0
    void_wanted: int = 0
    blamed: int = 0
    """Episodes scored as the agent's failure."""
    taps_repeated: int = 0
    bad_frames: int = 0
    """Decisions on a picture that was not the phone's, in episodes that are trained on: a void one is not."""
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)

    @property
    def is_kept(self) -> bool:
        """Whether every promise holds: all named, none blamed, no repeated tap, no bad frame, void where wanted."""
        spoilt = self.blamed + self.taps_repeated + self.bad_frames
        named = self.named + (self.unnoticed if self.kind == "app_killed" else 0)
        return named == self.struck == self.trials and spoilt == 0 and self.void == self.void_wanted

    def row(self) -> str:
        """Return a line of the table."""
        cells = (
            *(self.kind, self.trials, self.struck, self.detected, self.named, self.recovered),
            *(f"{self.void} ({self.void_wanted})", self.blamed, self.taps_repeated, self.bad_frames),
            f"{self.seconds / max(1, self.trials):.2f}",
        )
        return "| " + " | ".join(str(cell) for cell in cells) + " |"


# --- planted bugs


class StaleFrameReused(RecoveringDevice):
    """Believes a frame that did not change."""

    def _after_no_effect(self, frame: Frame, action: Action, deadline_sec: float) -> Frame:
        return frame


class TapRetried(RecoveringDevice):
    """Sends an input again when the way to the device broke under it."""

    def perform(self, action: Action) -> None:
        try:
            self._inner.perform(action)
        except DeviceError:
            self._inner.perform(action)


class OutageIsFailure(RecoveringDevice):
    """Excuses nobody."""

    def excuses(self) -> tuple[str, ...]:
        return ()


MUTANTS: tuple[tuple[type[RecoveringDevice], str, str], ...] = (
    (StaleFrameReused, "stale_frame", "bad_frames"),
    (TapRetried, "hung_shell", "taps_repeated"),
    (OutageIsFailure, "app_killed", "blamed"),
)


# --- trials


@contextmanager
def faulty_phone(server: AdbServer, seed: int) -> Iterator[RunningPhone]:
    """Serve a phone that can have faults, and none so far."""
    with running_phone(seed=seed, adb_server_port=server.port, faults=FaultSchedule(seed)) as running:
        server.wait_for(running.serial)
        yield running


def run_kind(
    server: AdbServer,
    running: RunningPhone,
    kind: str,
    trials: int,
    kind_of: type[RecoveringDevice] = RecoveringDevice,
    *,
    first_trial: int = 0,
) -> Counts:
    """Run episodes of one kind on one phone and count."""
    counts = Counts(kind)
    started_at = time.monotonic()
    opened = open_device(running.serial, server_port=server.port)
    opened.command_timeout_sec = COMMAND_TIMEOUT_SEC
    with opened:
        device = kind_of(opened, PATIENCE)
        for trial in range(first_trial, first_trial + trials):
            _run_trial(device, running, kind, trial, counts)
    counts.seconds = time.monotonic() - started_at
    return counts


def fault_for(kind: str, trial: int) -> Fault:
    """Return the fault of a trial: spoilt frames last a few or for ever, streams break under an input or a look."""
    if EVENT_OF[kind] == FRAME:
        first = 2 if kind == "stale_frame" else 1  # a single stale frame differs from the next one and never settles
        return Fault(kind, lasts=FOREVER if trial % 5 == 4 else first + trial % 3)
    if EVENT_OF[kind] == SHELL:
        return Fault(kind, nth=1 + trial % 2)
    return Fault(kind, lasts=2 if kind == "keyboard_absent" else 1)


def _run_trial(device: RecoveringDevice, running: RunningPhone, kind: str, trial: int, counts: Counts) -> None:
    def reset() -> None:
        schedule_of(running).clear()
        phone_of(running).hide()

    running.call(reset)
    fault = fault_for(kind, trial)
    gives_up = kind == "app_killed" and trial % 2 == 1
    templates = {template.name: template for template in suite_named("basics")}
    writes = kind in ("text_dropped", "keyboard_absent")
    name, params = ("notes/write", {"word": "milk"}) if writes else ("settings/toggle", _toggle(trial))
    task = templates[name].task(params)
    policy = Oracle(running, task, fault, gives_up=gives_up)
    config = EpisodeConfig("device-faults", Purpose.EVALUATE, seed=trial, temperature=0.0)
    done = run_episode(device, policy, grammar_named("json"), task, config)
    counts.void_wanted += gives_up or fault.lasts == FOREVER
    running.call(lambda: _count(counts, device, running, done))
    counts.bad_frames += policy.bad_frames if done.verdict is not Verdict.VOID else 0


def _toggle(trial: int) -> dict[str, str]:
    return {"state": ("on", "off")[trial % 2], "switch": "Location"}


def _count(counts: Counts, device: RecoveringDevice, running: RunningPhone, done: Trajectory) -> None:
    phone, schedule = phone_of(running), schedule_of(running)
    names = {fault.name for fault in device.noted}
    wanted = NAMES.get(counts.kind, counts.kind)
    is_named = wanted in names and (done.verdict is not Verdict.VOID or wanted in done.void_reason)
    counts.trials += 1
    counts.struck += counts.kind in schedule.struck
    counts.detected += bool(names)
    counts.named += is_named
    counts.unnoticed += not names and done.verdict is Verdict.SUCCESS
    counts.recovered += done.verdict is Verdict.SUCCESS
    counts.void += done.verdict is Verdict.VOID
    counts.blamed += done.verdict is Verdict.FAILURE
    decided = sum(isinstance(step.action, Tap) for step in done.steps)
    counts.taps_repeated += max(0, len(phone.taps) - decided - len(phone.taken))
    if not is_named or done.verdict is Verdict.FAILURE:
        counts.notes.append(f"{counts.kind}: {done.verdict.name} {done.void_reason[:120]} noted {sorted(names)}")


def check_mutants(server: AdbServer, trials: int) -> bool:
    """Plant each bug and tell whether its count shows it, and stays 0 without it."""
    caught = True
    for mutant, kind, shown_by in MUTANTS:
        with faulty_phone(server, seed=1) as running:
            sick = getattr(run_kind(server, running, kind, trials, mutant), shown_by)
            sound = getattr(run_kind(server, running, kind, trials), shown_by)
        caught &= sick > 0 and sound == 0
        print(f"{mutant.__name__}: {shown_by} {sick} with the bug, {sound} without", flush=True)
    return caught


def main() -> int:
    """Run, print the table, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", default="all", help="all, or names joined by commas")
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--mutants", action="store_true")
    options = parser.parse_args()
    kinds = list(EVENT_OF) if options.kinds == "all" else options.kinds.split(",")
    with tempfile.TemporaryDirectory() as home, private_adb_server(Path(home)) as server:
        if options.mutants:
            return 0 if check_mutants(server, options.trials) else 1
        print(
            "| kind | trials | struck | detected | named | recovered | void (wanted) | blamed | taps repeated |", end=""
        )
        print(" bad frames trained on | s/episode |\n|" + "---|" * 11, flush=True)
        results = []
        for kind in kinds:
            with faulty_phone(server, seed=1) as running:
                results.append(run_kind(server, running, kind, options.trials))
            print(results[-1].row(), flush=True)
    for counts in results:
        print("\n".join(sorted(set(counts.notes))), end="\n" if counts.notes else "")
    return 0 if all(counts.is_kept for counts in results) else 1


if __name__ == "__main__":
    sys.exit(main())
