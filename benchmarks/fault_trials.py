"""Episodes under one fault each: which fault, which task, and what came of it, counted. Opens no phone."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from agent_runtime.actions import Tap, grammar_named
from agent_runtime.devices import Device
from agent_runtime.devices.recovery import RecoveringDevice
from agent_runtime.episode import EpisodeConfig, run_episode
from agent_runtime.tasks import Task, probes, suite_named
from agent_runtime.tasks.apps import NOTES_URI
from agent_runtime.trajectory import Purpose, Trajectory, Verdict
from benchmarks.fault_oracle import Oracle, phone_of, schedule_of
from benchmarks.fault_stages import Stage
from device_scripts.virtual_phone.faults import AWAY_KINDS, EVENT_OF, FRAME, STREAM_KINDS, Fault

FOREVER = 1_000_000
NAMES = {"tap_swallowed": "tap_without_effect"}
"""Names the runtime gives that are not the injected kind's own: it cannot know that a tap was swallowed."""
TURNS_AWAY = (1, 10, 40, 100)
"""How many connections are refused: up to about a minute and a half."""
CAN_STAY = ("ime_lost", "disk_full")
GIVES_UP = ("app_killed", "clock_jump")
"""Faults that an agent may well succeed under: in every second trial it does not, and must be excused."""
WRITES = ("text_dropped", "keyboard_absent", "wrong_display_focus", "ime_lost")
Recovery = Callable[..., RecoveringDevice]


@dataclass
class Counts:
    """What came of the episodes of one kind."""

    kind: str
    trials: int = 0
    struck: int = 0
    named: int = 0
    recovered: int = 0
    void: int = 0
    void_wanted: int = 0
    wrongly_void: int = 0
    blamed: int = 0
    """Episodes scored as the agent's failure."""
    taps_repeated: int = 0
    bad_frames: int = 0
    """Decisions on a picture that was not the phone's, in episodes that are trained on: a void one is not."""
    disturbed: int = 0
    """Episodes under which the device beside it was touched, or lost its stream."""
    seconds: float = 0.0
    simulated_sec: float = 0.0
    notes: list[str] = field(default_factory=list)

    @property
    def unnamed(self) -> int:
        """Episodes whose fault nobody named."""
        return self.trials - self.named

    @property
    def is_kept(self) -> bool:
        """Whether every promise holds in every episode."""
        spoilt = self.blamed + self.taps_repeated + self.bad_frames + self.disturbed + self.wrongly_void
        return self.named == self.struck == self.trials and spoilt == 0 and self.void == self.void_wanted


def run_kind(
    stage: Stage, kind: str, trials: int, recovery: Recovery = RecoveringDevice, *, first_trial: int = 0
) -> Counts:
    """Run episodes of one kind on a stage and count."""
    counts = Counts(kind)
    started_at, simulated_at = time.monotonic(), stage.device.clock.monotonic()
    device = recovery(stage.device, stage.patience)
    for trial in range(first_trial, first_trial + trials):
        _run_trial(stage, device, kind, trial, counts)
    counts.seconds = time.monotonic() - started_at
    counts.simulated_sec = stage.device.clock.monotonic() - simulated_at
    return counts


def fault_for(kind: str, trial: int, *, is_simulated: bool) -> Fault:
    """Return the fault of a trial; every fifth of those that may stay does, where waiting for it takes no time."""
    stays = trial % 5 == 4
    if EVENT_OF[kind] == FRAME:
        first = 2 if kind == "stale_frame" else 1  # a single stale frame differs from the next one and never settles
        return Fault(kind, lasts=FOREVER if stays else first + trial % 3)
    if kind in STREAM_KINDS:
        return Fault(kind, nth=1 + trial % 2)
    if kind in AWAY_KINDS:
        lasts = FOREVER if stays else TURNS_AWAY[trial % len(TURNS_AWAY)]
        if not is_simulated:
            lasts = 8 if kind == "unauthorized" else 1  # an adb server takes a second to ask for the key again
        return Fault(kind, nth=1 + trial % 2, lasts=lasts)
    if kind in CAN_STAY:
        nth = 1 + trial // 5 % 3 if kind == "ime_lost" else 1
        return Fault(kind, nth=nth, lasts=FOREVER if stays else 1 + trial % 3)
    if kind in ("rotation", "wrong_display_focus"):
        return Fault(kind, lasts=1 + trial % 2)
    return Fault(kind, lasts=2 if kind == "keyboard_absent" else 1)


def _run_trial(stage: Stage, device: RecoveringDevice, kind: str, trial: int, counts: Counts) -> None:
    scene = stage.scene

    def reset() -> None:
        schedule_of(scene).clear()
        phone = phone_of(scene)
        phone.put_right()
        phone.taps.clear()
        phone.taken.clear()

    scene.call(reset)
    fault = fault_for(kind, trial, is_simulated=stage.is_simulated)
    gives_up = kind in GIVES_UP and trial % 2 == 1
    policy = Oracle(scene, _task(kind, trial), fault, gives_up=gives_up, arms=kind != "disk_full")
    config = EpisodeConfig(
        "device-faults",
        Purpose.EVALUATE,
        seed=trial,
        temperature=0.0,
        before_start=_filling(stage, device, fault) if kind == "disk_full" else lambda: None,
    )
    stage.bystander.begin()
    done = run_episode(device, policy, grammar_named("json"), policy.task, config)
    counts.disturbed += not stage.bystander.is_undisturbed()
    wanted = gives_up or fault.lasts == FOREVER
    counts.void_wanted += wanted
    counts.wrongly_void += done.verdict is Verdict.VOID and not wanted
    counts.bad_frames += policy.bad_frames if done.verdict is not Verdict.VOID else 0
    scene.call(lambda: _count(counts, device, stage, done))


def _filling(stage: Stage, device: Device, fault: Fault) -> Callable[[], None]:
    """Return what fills the disk and then puts a row into a table, as tasks do to set up."""

    def fill() -> None:
        stage.scene.call(lambda: schedule_of(stage.scene).add(fault))
        probes.insert(device, NOTES_URI, {"text": "milk"})

    return fill


def _task(kind: str, trial: int) -> Task:
    templates = {template.name: template for template in suite_named("basics")}
    if kind in WRITES:
        return Task(templates["notes/write"], {"word": "thé" if kind == "ime_lost" else "milk"})
    return templates["settings/toggle"].task({"state": ("on", "off")[trial % 2], "switch": "Location"})


def _count(counts: Counts, device: RecoveringDevice, stage: Stage, done: Trajectory) -> None:
    phone, schedule = phone_of(stage.scene), schedule_of(stage.scene)
    names = {fault.name for fault in device.noted}
    wanted = NAMES.get(counts.kind, counts.kind)
    is_named = wanted in names and (done.verdict is not Verdict.VOID or wanted in done.void_reason)
    counts.trials += 1
    counts.struck += counts.kind in schedule.struck
    counts.named += is_named
    counts.recovered += done.verdict is Verdict.SUCCESS
    counts.void += done.verdict is Verdict.VOID
    counts.blamed += done.verdict is Verdict.FAILURE
    decided = sum(isinstance(step.action, Tap) for step in done.steps)
    counts.taps_repeated += max(0, len(phone.taps) - decided - len(phone.taken))
    if not is_named or done.verdict is Verdict.FAILURE:
        about = f"{done.verdict.name} {done.void_reason[:160]} noted {sorted(names)}"
        counts.notes.append(f"{counts.kind} ({stage.name}): {about}")
