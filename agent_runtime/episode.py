"""One episode: look, decide, act, until the agent is done or out of steps. Knows no gRPC, no adb and no model."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from agent_runtime.actions import Finish, Grammar, Malformed, Ruling
from agent_runtime.devices import Device
from agent_runtime.errors import AgentRuntimeError, DeviceError, JudgeError, PolicyError, TaskError
from agent_runtime.observe import screenshot_of
from agent_runtime.policy.base import Policy
from agent_runtime.policy.exploring import acting_for
from agent_runtime.tasks import NOTHING, Outcome, Task
from agent_runtime.trajectory import EpisodeStart, Purpose, Step, Timings, Trajectory, Verdict, step_seed

SETTLE_DEADLINE_SEC = 3.0
_TEAR_DOWN_FAULTS = (DeviceError, TaskError)
OnStart = Callable[[EpisodeStart], None]
OnStep = Callable[[Step], None]


class StoppedError(AgentRuntimeError):
    """Somebody asked for a stop; the episode ended after its current step."""


@dataclass(frozen=True, slots=True)
class EpisodeConfig:
    """How to run an episode.

    ``before_start`` is called before the task sets the device up; ``before_decision`` between two decisions: adapters
    change there.
    """

    runtime_id: str
    purpose: Purpose
    seed: int
    temperature: float
    before_start: Callable[[], object] = lambda: None
    before_decision: Callable[[], None] = lambda: None
    should_stop: Callable[[], bool] = lambda: False
    on_start: OnStart = lambda start: None
    on_step: OnStep = lambda step: None
    settle_deadline_sec: float = SETTLE_DEADLINE_SEC
    step_limit: int | None = None
    """Overrides the task's own limit."""


@dataclass
class _Progress:
    """What of an episode there is so far; kept when a fault ends it."""

    steps: list[Step] = field(default_factory=list)
    announced_success: bool = False

    @property
    def was_denied(self) -> bool:
        """Whether the agent tried what the gate does not let it do."""
        return any(step.gate is not None and step.gate.blames_agent for step in self.steps)


def run_episode(device: Device, policy: Policy, grammar: Grammar, task: Task, config: EpisodeConfig) -> Trajectory:
    """Run one episode and return its record; never raises for a fault of device, task, judge or policy.

    SUCCESS: the agent announced success within the limit, the task's probe or judge agrees, and no gate had to stop
    the agent on the way. FAILURE: anything else the agent did. VOID: something that is not the agent's doing ended it,
    or struck it without its succeeding; named in ``void_reason``. The reward is what the task's outcome says, 1 and 0
    for most, once success is announced, so a graded task may give some to a failure; without the announcement, past a
    denied action and for VOID it is 0.
    """
    policy = acting_for(policy, config.purpose)
    start = _start(task, config)
    config.on_start(start)
    progress = _Progress()
    verdict, reason = Verdict.FAILURE, ""
    outcome = NOTHING
    try:
        device.begin_episode()
        config.before_start()
        task.initialize(device)
        _act(device, policy, grammar, task, config, progress)
        outcome = _judge(device, task, progress)
        excuses = device.excuses()
        if outcome.reached:
            verdict = Verdict.SUCCESS
        elif excuses:
            verdict, reason = Verdict.VOID, f"DeviceFault: {', '.join(excuses)} struck an episode that did not succeed"
    except (DeviceError, TaskError, JudgeError, PolicyError, StoppedError) as fault:
        verdict, reason = Verdict.VOID, f"{type(fault).__name__}: {fault}"
    _tear_down(device, task)
    return Trajectory(
        trajectory_id=start.trajectory_id,
        runtime_id=config.runtime_id,
        task_name=start.task_name,
        goal=start.goal,
        task_params=start.task_params,
        purpose=start.purpose,
        seed=start.seed,
        step_limit=start.step_limit,
        verdict=verdict,
        void_reason=reason,
        reward=0.0 if verdict is Verdict.VOID else outcome.reward,
        steps=tuple(progress.steps),
        started_at_unix_sec=start.started_at_unix_sec,
        device_serial=device.serial,
        temperature=start.temperature,
        identity=policy.identity,
    )


def _start(task: Task, config: EpisodeConfig) -> EpisodeStart:
    return EpisodeStart(
        trajectory_id=uuid.uuid4().hex,
        task_name=task.name,
        task_params=dict(task.params),
        goal=task.goal,
        purpose=config.purpose,
        seed=config.seed,
        step_limit=config.step_limit or task.step_limit,
        temperature=config.temperature,
        started_at_unix_sec=time.time(),
    )


def _act(
    device: Device, policy: Policy, grammar: Grammar, task: Task, config: EpisodeConfig, progress: _Progress
) -> None:
    known = 0
    for index in range(config.step_limit or task.step_limit):
        if config.should_stop():
            raise StoppedError("The runtime was asked to stop before the episode was over: start it again to go on.")
        config.before_decision()
        step = _step(device, policy, grammar, task, config, progress.steps, index)
        step = replace(step, faults=device.faults_so_far()[known:])
        progress.steps.append(step)
        if isinstance(step.action, Finish):
            config.on_step(step)
            progress.announced_success = step.action.succeeded
            return
        ruling, act_ms = _timed_act(device, step)
        faults = device.faults_so_far()
        timings = replace(step.timings, act_ms=act_ms)
        progress.steps[-1] = replace(step, timings=timings, gate=ruling, faults=faults[known:])
        known = len(faults)
        config.on_step(progress.steps[-1])


def _step(
    device: Device,
    policy: Policy,
    grammar: Grammar,
    task: Task,
    config: EpisodeConfig,
    history: list[Step],
    index: int,
) -> Step:
    looked_at = time.perf_counter()
    screenshot = screenshot_of(device.observe_settled(config.settle_deadline_sec), policy.image_size_px)
    asked_at = time.perf_counter()
    prompt = policy.prompt_text(task.goal, [step.action for step in history])
    seed = step_seed(config.seed, index)
    decision = policy.decide(screenshot.png, prompt, temperature=config.temperature, seed=seed)
    decided_at = time.perf_counter()
    timings = Timings(observe_ms=1e3 * (asked_at - looked_at), decide_ms=1e3 * (decided_at - asked_at))
    return Step(index, prompt, screenshot, decision, grammar.parse(decision.utterance), timings)


def _timed_act(device: Device, step: Step) -> tuple[Ruling | None, float]:
    """Perform the step's action; return what a gate said, nothing of a malformed one, and the milliseconds it took."""
    started_at = time.perf_counter()
    ruling = device.perform(step.action)
    took_ms = 1e3 * (time.perf_counter() - started_at)
    return None if isinstance(step.action, Malformed) else ruling, took_ms


def _judge(device: Device, task: Task, progress: _Progress) -> Outcome:
    """Probe the state, but only when the agent announced success and the gate had nothing to stop.

    State alone does not count, and a goal reached past a denied action is not what the agent is to learn.
    """
    if not progress.announced_success or progress.was_denied:
        return NOTHING
    started_at = time.perf_counter()
    outcome = task.outcome(device)
    last = progress.steps[-1]
    judge_ms = 1e3 * (time.perf_counter() - started_at)
    progress.steps[-1] = replace(last, timings=replace(last.timings, judge_ms=judge_ms))
    return outcome


def _tear_down(device: Device, task: Task) -> None:
    """Undo what the task set up; a device that is gone keeps it, and the next task's set-up will say so."""
    try:
        task.tear_down(device)
    except _TEAR_DOWN_FAULTS:
        return
