"""Outages of the device, of the way to it and of the judge, and what the episode under each came to. Trains nothing.

`python -m benchmarks.void_episodes --outages 2000` draws outages by a seed, each for good and at a moment of its own,
and wants every episode void: neither the agent's failure nor a success. The device's run on a clock of their own; the
judge's are bytes on loopback. Two bugs are planted and must show: an outage scored 0, and "unsuccessful" read as
success.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from agent_runtime.actions import Finish, grammar_named
from agent_runtime.devices import Device
from agent_runtime.devices.recovery import RecoveringDevice
from agent_runtime.episode import EpisodeConfig, run_episode
from agent_runtime.judges.openai import CallLimits, OpenAiClient
from agent_runtime.judges.panel import VotingJudge
from agent_runtime.judges.prompt import Messages
from agent_runtime.judges.verdicts import Vote
from agent_runtime.policy.scripted import ScriptedPolicy
from agent_runtime.tasks import Task, suite_named
from agent_runtime.tasks.goal_list import GoalTemplate
from agent_runtime.trajectory import Purpose, Trajectory, Verdict
from agent_runtime.uplink.codec import trajectory_from_message, trajectory_to_message
from benchmarks.fault_oracle import Oracle, phone_of, schedule_of
from benchmarks.fault_stages import Stage, simulated_stage
from benchmarks.fault_trials import FOREVER
from benchmarks.measures import Measure, report
from benchmarks.scripted_judge import SILENCE, ScriptedJudge, answer, says, scripted_judge
from device_scripts.virtual_phone.faults import EVENT_OF, FRAME, Fault

DEVICE_KINDS = (
    *("empty_frame", "truncated_frame", "black_frame", "wrong_size_frame", "hung_shell", "closed_stream"),
    *("offline", "unauthorized", "reboot"),
)
SERVER_GONE = "adb server gone"
REASONS = {SERVER_GONE: ("no answer from the simulated adb server",), "reboot": ("reboot", "offline")}
"""Words of the reason, where the kind's own name is not in it; a phone that reboots is offline at first."""
LATEST_SHELL, LATEST_FRAME = 30, 8
"""The last event an outage may begin at: about as many as an episode has."""
LATEST_SEC = 1.2
"""The same for one that begins by the clock, in simulated time."""
LIMITS = CallLimits(deadline_sec=60.0, try_sec=20.0, tries=2, first_wait_sec=0.001, max_answer_bytes=4096)
SILENT_TRY_SEC = 0.1
JUDGE_REPLIES: dict[str, tuple[bytes | None, str]] = {
    "judge hangs up": (None, "a RemoteProtocolError"),
    "judge is silent": (SILENCE, "no answer in"),
    "judge: 500": (answer(500, b"down"), "status 500"),
    "judge: 429": (answer(429, b"later"), "status 429"),
    "judge: 401": (answer(401, b"who are you"), "status 401"),
    "judge: no JSON": (answer(200, b"<html>bad gateway</html>"), "no chat completion"),
    "judge: half an answer": (answer(200, b'{"choices": [', length=400), "a RemoteProtocolError"),
    "judge: too long": (answer(200, b" " * 8192), "over 4096 bytes"),
    "judge: empty": (says(""), "expected one of"),
    "judge: prose": (says("The task was a success."), "expected one of"),
    "judge: unsuccessful": (says("unsuccessful"), "expected one of"),
    "judge: not success": (says('{"verdict": "unsuccessful"}'), "expected one of"),
    "judge: both": (says('{"verdict": "success"} {"verdict": "failure"}'), "expected one of"),
    "judge: abstains": (says('{"verdict": "abstain"}'), "no majority"),
}
"""What the endpoint sends, and words of the reason that an episode under it must be void for."""
KINDS = (*DEVICE_KINDS, SERVER_GONE, *JUDGE_REPLIES)
DONE = grammar_named("json").render(Finish(True))
Run = Callable[..., Trajectory]


@dataclass
class Tally:
    """What the episodes under outages came to."""

    outages: int = 0
    void: int = 0
    blamed: int = 0
    rewarded: int = 0
    misnamed: int = 0
    """Episodes that are not void, or void for another reason than the outage."""
    by_kind: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, kind: str, done: Trajectory) -> None:
        """Count an episode, as the tuner would get it."""
        wanted = (JUDGE_REPLIES[kind][1],) if kind in JUDGE_REPLIES else REASONS.get(kind, (kind,))
        sent = trajectory_from_message(trajectory_to_message(done))
        self.outages += 1
        self.void += sent.verdict is Verdict.VOID and sent.reward == 0
        self.blamed += sent.verdict is Verdict.FAILURE
        self.rewarded += sent.verdict is Verdict.SUCCESS or sent.reward > 0
        self.by_kind[kind] = self.by_kind.get(kind, 0) + 1
        if sent.verdict is not Verdict.VOID or not any(words in sent.void_reason for words in wanted):
            self.misnamed += 1
            self.notes.append(f"{kind}: {sent.verdict.name} {sent.void_reason[:120]}")


class _Watched(Task):
    """A task that notes what had struck by the time of the verdict; what strikes later concerns no verdict."""

    def __init__(self, task: Task, has_struck: Callable[[], bool]) -> None:
        super().__init__(task.template, task.params)
        self._has_struck = has_struck
        self.struck = False

    def tear_down(self, device: Device) -> None:
        self.struck = self._has_struck()
        super().tear_down(device)


# --- the device and the way to it


def device_outage(stage: Stage, kind: str, rng: random.Random, seed: int, run: Run) -> Trajectory | None:
    """Run an episode under an outage of that kind that stays; None where it was over before the outage began."""
    server, schedule, clock = stage.server, schedule_of(stage.scene), stage.device.clock
    assert server is not None, "it is played on a simulated stage"
    schedule.clear()
    phone_of(stage.scene).put_right()
    server.gone_at_sec = math.inf
    latest = LATEST_FRAME if EVENT_OF.get(kind) == FRAME else LATEST_SHELL
    fault, gone_in_sec = Fault("offline", nth=0), rng.uniform(0.0, LATEST_SEC)
    if kind != SERVER_GONE:
        fault = Fault(kind, nth=rng.randint(1, latest), lasts=FOREVER)

    def begin() -> None:
        schedule.add(fault)
        if kind == SERVER_GONE:
            server.gone_at_sec = clock.monotonic() + gone_in_sec

    toggle = next(template for template in suite_named("basics") if template.name == "settings/toggle")
    params = {"state": rng.choice(("on", "off")), "switch": "Location"}
    task = _Watched(Task(toggle, params), lambda: server.is_gone or kind in schedule.struck)
    policy = Oracle(stage.scene, task, fault, gives_up=False, arms=False)
    config = EpisodeConfig("void", Purpose.EVALUATE, seed=seed, temperature=0.0, before_start=begin)
    done = run(RecoveringDevice(stage.device, stage.patience), policy, grammar_named("json"), task, config)
    server.gone_at_sec = math.inf
    return done if task.struck else None


# --- the judge


def judge_outage(
    stage: Stage, served: ScriptedJudge, kind: str, seed: int, run: Run, judge_of: type[VotingJudge]
) -> Trajectory:
    """Run an episode whose agent announces success and whose judge gives no verdict."""
    served.reply = JUDGE_REPLIES[kind][0]
    limits = replace(LIMITS, try_sec=SILENT_TRY_SEC) if served.reply == SILENCE else LIMITS
    goal = "Switch Location on"
    judge = judge_of("scripted", OpenAiClient(served.url, "scripted", limits=limits).ask, votes=1)
    task = GoalTemplate("goals/void", [goal], judge, step_limit=3).task({"goal": goal})
    config = EpisodeConfig("void", Purpose.EVALUATE, seed=seed, temperature=0.0)
    return run(stage.device, ScriptedPolicy([DONE]), grammar_named("json"), task, config)


# --- planted bugs


def outage_is_zero(*args: Any) -> Trajectory:
    """Score an outage as the agent's failure."""
    done = run_episode(*args)
    return replace(done, verdict=Verdict.FAILURE) if done.verdict is Verdict.VOID else done


class SearchingJudge(VotingJudge):
    """Searches an answer for a verdict instead of reading it as a whole."""

    def _vote(self, question: Messages) -> Vote:
        text = self._ask(question)
        return next((vote for vote in Vote if vote.value in text), Vote.ABSTAIN)


# --- all of it


def tally(
    outages: int, seed: int, kinds: Sequence[str], run: Run = run_episode, judge_of: type[VotingJudge] = VotingJudge
) -> Tally:
    """Run so many episodes under outages, the kinds in turn."""
    rng, found, drawn = random.Random(seed), Tally(), 0
    with simulated_stage(seed) as stage, scripted_judge() as served:
        while found.outages < outages:
            kind, drawn = kinds[drawn % len(kinds)], drawn + 1
            if kind in JUDGE_REPLIES:
                schedule_of(stage.scene).clear()
                found.add(kind, judge_outage(stage, served, kind, drawn, run, judge_of))
            elif (done := device_outage(stage, kind, rng, drawn, run)) is not None:
                found.add(kind, done)
    return found


def main() -> int:
    """Run, print what came of it, and return the exit code: 1 where an episode was not void or a bug goes unseen."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--outages", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    options = parser.parse_args()
    if options.outages < 1:
        parser.error("give outages from 1")
    started_at = time.monotonic()
    found = tally(options.outages, options.seed, KINDS)
    print(f"seed {options.seed}, {time.monotonic() - started_at:.0f} s")
    for kind, count in found.by_kind.items():
        print(f"  {count:5d}  {kind}")
    print("\n".join(sorted(set(found.notes))[:20]))
    zero = tally(len(KINDS), options.seed, KINDS, outage_is_zero)
    searched = tally(len(JUDGE_REPLIES), options.seed, tuple(JUDGE_REPLIES), judge_of=SearchingJudge)
    caught = (zero.blamed > 0) + (searched.rewarded > 0)
    print(f"outage_is_zero: {zero.blamed} blamed; SearchingJudge: {searched.rewarded} rewarded")
    count = found.outages
    measures = [
        Measure("episodes under an outage that are void", found.void / count, 1.0, "higher", count, "outages"),
        Measure("of them scored as the agent's failure", found.blamed, 0.0, "lower", found.blamed, ""),
        Measure("of them void for another reason", found.misnamed, 0.0, "lower", found.misnamed, ""),
        Measure("of them rewarded", found.rewarded, 0.0, "lower", found.rewarded, ""),
        Measure("planted bugs caught", caught / 2, 1.0, "higher", caught, "bugs"),
    ]
    return report("Outages are void", measures, options.json)


if __name__ == "__main__":
    sys.exit(main())
