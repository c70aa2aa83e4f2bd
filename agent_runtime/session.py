"""Builds what a run needs from its options, runs it and puts everything away again. Parses no options."""

import logging
import random
import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from agent_runtime.actions import grammar_named
from agent_runtime.adapter_inbox import AdapterInbox
from agent_runtime.adapters import ENCODINGS
from agent_runtime.devices.adb import open_device
from agent_runtime.devices.recovery import RecoveringDevice
from agent_runtime.errors import TunerError, TunerRefusedError, UsageError
from agent_runtime.gate.files import GateChoice, gated, rules_named
from agent_runtime.judged_goals import JudgedGoals, judged_tasks
from agent_runtime.policy.base import Policy
from agent_runtime.policy.scripted import ScriptedPolicy
from agent_runtime.records import Records
from agent_runtime.report import Reporter, summary, write_summary
from agent_runtime.runner import Hooks, RunConfig, Runner, RunResult
from agent_runtime.sessions.start import RunOf, chosen_redaction, start_recording
from agent_runtime.sessions.writer import Recorder
from agent_runtime.tasks import Split, Task, TaskTemplate, sample_task, suite_named, tasks_from_file, unseen_tasks
from agent_runtime.tasks.resting import RestingState
from agent_runtime.tasks.suites import require_fit
from agent_runtime.trajectory import Trajectory
from agent_runtime.uplink.client import TunerLink
from agent_runtime.uplink.codec import trajectory_to_message
from agent_runtime.uplink.spool import Spool
from agent_runtime.uplink.tls import ClientTls, client_tls

if TYPE_CHECKING:
    from agent_runtime.adapters.signatures import ManifestVerifier

REGISTER_TIMEOUT_SEC = 15.0
DRAIN_TIMEOUT_SEC = 30.0
SCRIPTED_PREFIX = "scripted:"
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says; see ``cli`` for the meaning of each."""

    device: str
    adb_server_host: str
    adb_server_port: int
    model: str
    quantization: str
    grammar: str | None
    policy: str | None
    tuner: str | None
    suite: str
    tasks: Path | None
    episodes: int | None
    minutes: float | None
    temperature: float
    evaluate_goals: int
    evaluate_splits: tuple[Split, ...]
    wait_for_learning_sec: float
    spool: Path
    records: Path | None
    save_screens: Path | None
    record: Path | None
    redact_text: bool
    redact_regions: tuple[str, ...]
    summary: Path | None
    seed: int
    tuner_key: str | None = None
    tls: Path | None = None
    goals: JudgedGoals | None = None
    gate: GateChoice = field(default_factory=GateChoice)


def run_session(options: Options, should_stop: Callable[[], bool]) -> RunResult:
    """Run as the options say and return what it came to.

    Raises:
        AgentRuntimeError: something cannot be used; nothing was run, unless the disk failed later.
    """
    if options.gate.gate is not None:
        rules_named(options.gate.gate)  # refused before anything is opened
    redaction = chosen_redaction(options.record, options.redact_text, options.redact_regions)
    suite = suite_named(options.suite)
    fixed = _fixed(options, suite)
    evaluated = _evaluated(options, suite, fixed)
    tls = client_tls(options.tls, options.tuner)
    records = Records(options.records, options.save_screens)
    records.open()
    reporter = Reporter()
    reporter.open()
    with ExitStack() as stack:
        opened = stack.enter_context(open_device(options.device, options.adb_server_host, options.adb_server_port))
        device = gated(RecoveringDevice(opened), options.gate)
        require_fit(options.suite, device)
        policy, inbox = _policy(options)
        link = _Uplink(options, policy, inbox, reporter, tls)
        link.open()
        stack.callback(link.close)
        recorder = None
        if options.record is not None:
            run = RunOf(link.runtime_id, options.seed, options.temperature)
            recorder = start_recording(options.record, device, policy.identity, run, redaction)
            stack.callback(recorder.close)
        hooks = replace(
            _listeners(records, link, reporter, recorder),
            before_start=RestingState(device).put_back if options.goals is None else lambda: None,
            before_decision=inbox.apply_waiting if inbox is not None else lambda: None,
            should_stop=should_stop,
            before_evaluation=lambda: link.wait_for_learning(options.wait_for_learning_sec),
        )
        config = RunConfig(
            runtime_id=link.runtime_id,
            seed=options.seed,
            episodes=options.episodes,
            minutes=options.minutes,
            temperature=options.temperature,
        )
        grammar = grammar_named(policy.identity.action_grammar, policy.image_size_px)
        result = Runner(device, policy, grammar, _source(suite, fixed), evaluated, config, hooks).run()
    reporter.table(result)
    if options.summary is not None:
        write_summary(options.summary, summary(result, link.summary()))
    return result


def _listeners(records: Records, link: "_Uplink", reporter: Reporter, recorder: Recorder | None) -> Hooks:
    """Return hooks that tell all of them what happens; the recorder last, so that its full disk costs no episode."""

    def on_episode(trajectory: Trajectory) -> None:
        records.add(trajectory)
        link.submit(trajectory)
        reporter.episode(trajectory)
        if recorder is not None:
            recorder.episode_ended(trajectory)

    if recorder is None:
        return Hooks(on_episode=on_episode)
    return Hooks(on_episode=on_episode, on_start=recorder.episode_started, on_step=recorder.step_taken)


def _fixed(options: Options, suite: list[TaskTemplate]) -> list[Task]:
    """Return the tasks of a file, of a list of goals, or none: then they are drawn from the suite."""
    if options.tasks is not None and options.goals is not None:
        raise UsageError("Got both --tasks and --goals, expected at most one of them: choose.")
    if options.goals is not None:
        return judged_tasks(options.goals)
    return tasks_from_file(options.tasks, suite) if options.tasks is not None else []


def _source(suite: list[TaskTemplate], fixed: list[Task]) -> Callable[[random.Random], Task]:
    """Return how the next task to explore is drawn: from the file's tasks, or from the suite's training split."""
    if fixed:
        return lambda rng: rng.choice(fixed)
    return lambda rng: sample_task(suite, "train", rng)


def _evaluated(options: Options, suite: list[TaskTemplate], fixed: list[Task]) -> list[Task]:
    """Return the tasks to evaluate on: the file's first ones, or as many of each chosen split of the suite.

    Raises:
        UsageError: a chosen split has none.
    """
    count = options.evaluate_goals
    if fixed or not count:
        return fixed[:count]
    for split in options.evaluate_splits:
        if not unseen_tasks(suite, [split], 1, options.seed):
            raise UsageError(
                f"Got the split {split} for the suite {options.suite}, expected one with tasks: choose another."
            )
    return unseen_tasks(suite, options.evaluate_splits, count, options.seed)


def _policy(options: Options) -> tuple[Policy, AdapterInbox | None]:
    """Return the policy, and where its adapters are handed in if it takes any."""
    verifier = _verifier(options)
    if options.policy is not None:
        return _scripted(options), None
    from agent_runtime.policy.generate import load_policy  # torch is loaded here and not before
    from agent_runtime.policy.identity import resolve_checkpoint

    policy = load_policy(resolve_checkpoint(options.model), options.quantization, options.grammar)
    policy.slot.verifier = verifier
    return policy, AdapterInbox(policy.slot)


def _verifier(options: Options) -> "ManifestVerifier | None":
    """Return who checks signatures, None where no key was named."""
    if options.tuner_key is None:
        return None
    from agent_runtime.adapters.signatures import ManifestVerifier, read_key  # needs cryptography only where asked for

    return ManifestVerifier(read_key(options.tuner_key))


def _scripted(options: Options) -> ScriptedPolicy:
    if options.policy is None or not options.policy.startswith(SCRIPTED_PREFIX):
        raise UsageError(
            f"Got the policy {options.policy!r}, expected {SCRIPTED_PREFIX}FILE: name a file of utterances."
        )
    path = Path(options.policy.removeprefix(SCRIPTED_PREFIX))
    try:
        lines = [line for line in path.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise UsageError(f"Got no script from {path} ({error}), expected one utterance a line.") from error
    return ScriptedPolicy(lines, grammar_named(options.grammar or "json").name)


class _Uplink:
    """The link to the tuner, or nothing where no tuner was named."""

    def __init__(
        self,
        options: Options,
        policy: Policy,
        inbox: AdapterInbox | None,
        reporter: Reporter,
        tls: ClientTls | None,
    ) -> None:
        name = socket.gethostname() if tls is None else tls.name
        self.runtime_id = f"{name}/{options.device}"[:128]
        self._tls = tls
        self._address = options.tuner
        self._spool = Spool(options.spool)
        self._identity = policy.identity
        self._inbox = inbox
        self._reporter = reporter
        self._link: TunerLink | None = None
        self._left_in_spool = 0

    def open(self) -> None:
        """Connect; a tuner that is away is only told of, because episodes wait in the spool.

        Raises:
            TunerRefusedError: the tuner will not have this runtime.
            UsageError: the spool cannot be used.
        """
        if self._address is None:
            return
        try:
            self._spool.open()
        except OSError as error:
            raise UsageError(f"Got no spool ({error}), expected a folder to write to: name another.") from error
        self._link = self._new_link(self._address)
        self._link.start()
        try:
            self._link.wait_registered(REGISTER_TIMEOUT_SEC)
        except TunerRefusedError:
            self._link.close(0.0)
            raise
        except TunerError as error:
            self._reporter.note(f"{error} Episodes wait in the spool.")

    def _new_link(self, address: str) -> TunerLink:
        if self._inbox is None:
            return TunerLink(
                address, self._identity, self.runtime_id, self._spool, lambda manifest, payload: None, tls=self._tls
            )
        return TunerLink(
            address,
            self._identity,
            self.runtime_id,
            self._spool,
            self._inbox.receive,
            self._inbox.version,
            self._inbox.digest,
            ENCODINGS,
            self._tls,
        )

    def submit(self, trajectory: Trajectory) -> None:
        """Hand an episode over."""
        if self._link is not None:
            self._link.submit(trajectory_to_message(trajectory))

    def wait_for_learning(self, timeout_sec: float) -> None:
        """Wait, at most so long, for one more version, put it in place and keep it for the last evaluation."""
        if self._link is None or self._inbox is None:
            return
        if timeout_sec > 0:
            self._inbox.wait_for_version(timeout_sec)
        self._inbox.apply_waiting()
        self._inbox.hold()

    def close(self) -> None:
        """Drain the spool within a deadline and end the link."""
        if self._inbox is not None:
            self._inbox.close()
        if self._link is None:
            return
        self._left_in_spool = self._link.close(DRAIN_TIMEOUT_SEC)
        if self._left_in_spool:
            self._reporter.note(f"{self._left_in_spool} episodes still wait in the spool: the next run sends them.")

    def summary(self) -> dict[str, object]:
        """Return the link's counters as plain data."""
        counters = self._link.counters if self._link is not None else None
        return {
            "runtime_id": self.runtime_id,
            "trajectories_accepted": counters.accepted if counters else 0,
            "versions_received": counters.versions_received if counters else 0,
            "deltas_received": counters.deltas_received if counters else 0,
            "payload_bytes_received": counters.payload_bytes_received if counters else 0,
            "versions_applied": self._inbox.applied if self._inbox is not None else 0,
            "left_in_spool": self._left_in_spool,
        }
