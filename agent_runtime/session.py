"""Runs a whole session: has built what its options ask for, runs it, puts everything away. Parses no options."""

import random
import re
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from agent_runtime.actions import grammar_named
from agent_runtime.adapter_inbox import AdapterInbox
from agent_runtime.agenda import Agenda
from agent_runtime.device_setup import chosen_serials, is_there, opened_devices
from agent_runtime.errors import UsageError
from agent_runtime.fleet import Fleet
from agent_runtime.gate.files import rules_named
from agent_runtime.judged_goals import judged_tasks
from agent_runtime.options import Options
from agent_runtime.policy_setup import open_policies
from agent_runtime.records import Records
from agent_runtime.report import Reporter, summary, write_summary
from agent_runtime.runner import Hooks, RunConfig, Runner
from agent_runtime.sessions.start import RunOf, accept_own, chosen_redaction, start_recording
from agent_runtime.sessions.writer import Recorder
from agent_runtime.tally import RunResult
from agent_runtime.tasks import Task, TaskTemplate, sample_task, suite_named, tasks_from_file, unseen_tasks
from agent_runtime.tasks.resting import RestingState
from agent_runtime.trajectory import Trajectory
from agent_runtime.uplink.tls import client_tls
from agent_runtime.uplink_setup import Uplink

_NOT_FOR_FOLDERS = re.compile(r"[^A-Za-z0-9._-]")


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
    serials = chosen_serials(options)
    reporter = Reporter(names_devices=len(serials) > 1)
    reporter.open()
    with ExitStack() as stack:
        devices = opened_devices(options, serials, stack)
        policies = open_policies(options, len(devices), stack)
        link = Uplink(options, serials, policies, reporter.note, tls)
        link.open()
        stack.callback(link.close)
        agenda = Agenda(
            evaluated,
            options.episodes,
            options.minutes,
            before_last=lambda: link.wait_for_learning(options.wait_for_learning_sec),
        )
        fleet = Fleet(reporter.note, should_stop)
        told_one_by_one = threading.Lock()

        def submit(trajectory: Trajectory) -> None:
            link.submit(trajectory, gives_up=lambda: fleet.should_stop() or agenda.is_out_of_time)

        for index, (device, policy) in enumerate(zip(devices, policies.of_device, strict=True)):
            config = RunConfig(link.runtime_ids[device.serial], options.seed, index, options.temperature)
            recorder = None
            if options.record is not None:
                folder = options.record / (_NOT_FOR_FOLDERS.sub("_", device.serial) if len(devices) > 1 else "")
                run = RunOf(config.runtime_id, options.seed, options.temperature)
                recorder = start_recording(
                    folder, device, policy.identity, run, redaction, on_closed=accept_own(folder)
                )
                stack.callback(recorder.close)
            hooks = replace(
                _listeners(records, submit, reporter, recorder, told_one_by_one),
                before_start=RestingState(device).put_back if options.goals is None else lambda: None,
                before_decision=lambda: _swap(policies.inbox, agenda),
                should_stop=fleet.should_stop,
            )
            grammar = grammar_named(policy.identity.action_grammar, policy.image_size_px)
            runner = Runner(device, policy, grammar, _source(suite, fixed), agenda, config, hooks)
            fleet.add(runner, partial(is_there, options, device.serial))
        result = fleet.run()
    reporter.table(result)
    if options.summary is not None:
        write_summary(options.summary, summary(result, link.summary()))
    return result


def _swap(inbox: AdapterInbox | None, agenda: Agenda) -> None:
    """Put an adapter that waits in place, but not amid the first evaluation: one version answers all of it."""
    if inbox is not None and agenda.is_first_evaluation_over:
        inbox.apply_waiting()


def _listeners(
    records: Records,
    submit: Callable[[Trajectory], None],
    reporter: Reporter,
    recorder: Recorder | None,
    one_by_one: threading.Lock,
) -> Hooks:
    """Return hooks that tell all of them what happens; the recorder last, so that its full disk costs no episode.

    Only the recorder belongs to one device; the others are told by one device at a time, and all of them wait where one
    finds no room in the spool.
    """

    def on_episode(trajectory: Trajectory) -> None:
        with one_by_one:
            records.add(trajectory)
            submit(trajectory)
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
