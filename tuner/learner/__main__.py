"""`python -m tuner.learner --config JSON`: objects built, loop run. The front starts it; see `tuner.supervisor`."""

import argparse
import logging
import os
import signal
import sys
from contextlib import closing
from typing import TextIO

import torch
import torch.distributed as dist

from agent_runtime.errors import AgentRuntimeError
from agent_runtime.policy.generate import chosen_device
from tuner.adapters.export import SETTINGS_NAME
from tuner.config import LearnerConfig
from tuner.errors import LearnerError, TunerServiceError
from tuner.files import remove_partial, write_atomically
from tuner.folder_lock import folder_awaited
from tuner.ingest.ledger import Ledger
from tuner.learner.loop import Learner
from tuner.learner.mailbox import Mailbox
from tuner.learner.processes import Leader, help_out, joined, own_device
from tuner.learner.split_base import Blocks
from tuner.learner.student import Student, load_student
from tuner.learner.value_heads import FEATURES, READABILITY
from tuner.logs import set_up_logs

_LOG = logging.getLogger("tuner.learner")


def main() -> int:
    """Run the learner until its input says stop; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tuner.learner", description=__doc__)
    parser.add_argument("--config", required=True, help="LearnerConfig as JSON.")
    config = LearnerConfig.model_validate_json(parser.parse_args().config)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is for the front, which then says stop
    set_up_logs(config.log_format)
    torch.set_num_threads(config.num_threads)
    with joined() as rank:
        return _lead(config) if rank == 0 else _help(config)


def _help(config: LearnerConfig) -> int:
    """Be one of torchrun's other processes."""
    _events_stream().close()
    try:
        help_out(*_student(config))
    except (TunerServiceError, AgentRuntimeError, OSError) as error:
        _LOG.error("a process that helps ends: %s", error)
        return 1
    return 0


def _lead(config: LearnerConfig) -> int:
    mailbox = Mailbox(sys.stdin, _events_stream())
    mailbox.start()
    mailbox.state("starting")
    folder = config.state / "learner"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with folder_awaited(folder, mailbox.stopped_within) as is_alone:
            if is_alone:
                _learn(config, mailbox)
        if dist.is_initialized():
            Leader.dismiss()
    except (TunerServiceError, AgentRuntimeError, OSError) as error:
        mailbox.state("failed", str(error))
        return 1
    mailbox.state("stopped")
    return 0


def _learn(config: LearnerConfig, mailbox: Mailbox) -> None:
    """Learn as the state folder's only learner: one whose front was killed may still be at its last update."""
    own = config.state / "learner"
    for folder in (own, own / FEATURES, own / READABILITY, *(config.state / "adapters").glob("*/")):
        remove_partial(folder)
    with closing(Ledger(config.state)) as ledger:
        ledger.open()
        write_atomically(config.state / SETTINGS_NAME, config.model_dump_json(indent=2).encode())
        student, blocks = _student(config)
        if dist.is_initialized():
            student.work_with(Leader(student, blocks))
        Learner(config, student, ledger, mailbox).run()


def _student(config: LearnerConfig) -> tuple[Student, Blocks | None]:
    """Return this process's student, and the blocks of its base model where that is split.

    Raises:
        LearnerError: it is to be split, and there is no other process or no way to.
    """
    if config.shard_base and not dist.is_initialized():
        raise LearnerError("Got shard_base in a single process, expected two or more: use --learner-processes.")
    device = own_device(chosen_device())
    student = load_student(config, device, split_later=config.shard_base)
    return student, student.split_over_processes(device) if config.shard_base else None


def _events_stream() -> TextIO:
    """Keep the standard output for events: whatever a library prints goes to the log instead."""
    events = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return events


if __name__ == "__main__":
    sys.exit(main())
