"""`agent-runtime doctor`: is this device ready for an agent? Prints what was found and what to do; repairs nothing."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agent_runtime.actions.vocabulary import Action
from agent_runtime.devices import Device, Frame, ShellResult
from agent_runtime.devices.adb import open_device, server_states
from agent_runtime.devices.checks import run_checks
from agent_runtime.devices.outcomes import Finding, Level, Outcome, outcome_of
from agent_runtime.errors import DeviceError, UsageError

_COLOURS = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red"}
_PLAIN_WIDTH = 160


class Listener(Device):
    """Passes every call on to ``device`` and keeps what its shell answered, for a report."""

    def __init__(self, device: Device, answers: list[dict[str, object]]) -> None:
        self.serial = device.serial
        self.device = device
        self.answers = answers

    def screen_size_px(self) -> tuple[int, int]:
        """See ``Device``."""
        return self.device.screen_size_px()

    def observe(self) -> Frame:
        """See ``Device``."""
        return self.device.observe()

    def perform(self, action: Action) -> None:
        """See ``Device``."""
        self.device.perform(action)

    def shell(self, args: Sequence[str]) -> ShellResult:
        """See ``Device``; the answer is kept."""
        result = self.device.shell(args)
        self.answers.append({"args": list(args), "exit_code": result.exit_code, "stdout": result.stdout})
        return result

    def close(self) -> None:
        """See ``Device``."""
        self.device.close()


@dataclass(slots=True)
class Examination:
    """Every finding about one serial, and what its shell answered to the commands behind them."""

    serial: str
    findings: list[Finding] = field(default_factory=list)
    answers: list[dict[str, object]] = field(default_factory=list)

    @property
    def has_failed(self) -> bool:
        """Whether anything stands in the way of a run."""
        return any(finding.outcome.level is Level.FAIL for finding in self.findings)


def examine(serial: str, server_host: str, server_port: int) -> Examination:
    """Look at the server, then the device's state, then the device; end at the first of these three that fails.

    Raises:
        UsageError: that can be no serial.
    """
    if not serial or any(mark.isspace() for mark in serial):
        raise UsageError(f"Got the serial {serial!r}, expected one as `adb devices` shows it: choose one of those.")
    examination = Examination(serial)
    findings = examination.findings
    try:
        count = len(server_states(server_host, server_port))
    except DeviceError as error:
        findings.append(Finding("adb server", outcome_of(error)))
        return examination
    findings.append(Finding("adb server", Outcome(Level.OK, f"{server_host}:{server_port}, serials it shows: {count}")))
    try:
        opened = open_device(serial, server_host, server_port)
    except DeviceError as error:
        findings.append(Finding("device", outcome_of(error)))
        return examination
    findings.append(Finding("device", Outcome(Level.OK, f"{serial} is ready")))
    with opened:
        findings.extend(run_checks(Listener(opened, examination.answers)))
    return examination


def print_table(findings: Iterable[Finding]) -> None:
    """Print what was found, one row a check; colours only on a terminal."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _PLAIN_WIDTH
    table = Table("check", "", "found", "what to do")
    for finding in findings:
        outcome = finding.outcome
        coloured = f"[{_COLOURS[outcome.level]}]{outcome.level.value}[/]"
        table.add_row(finding.check, coloured, *(_escaped(text) for text in (outcome.found, outcome.todo)))
    console.print(table)


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape("".join(mark if mark.isprintable() else "?" for mark in text))


def write_report(path: Path, examination: Examination) -> None:
    """Write findings and raw answers as JSON; the answers name apps and show what is on the screen.

    Raises:
        UsageError: the file cannot be written.
    """
    rows = [
        {"check": finding.check, "level": finding.outcome.level.value, "found": finding.outcome.found}
        | {"todo": finding.outcome.todo}
        for finding in examination.findings
    ]
    data = {"serial": examination.serial, "findings": rows, "answers": examination.answers}
    try:
        path.write_text(json.dumps(data, indent=1) + "\n", "utf-8")
    except OSError as error:
        raise UsageError(
            f"Got {path} for the report, which cannot be written ({error.strerror}): name another."
        ) from error
