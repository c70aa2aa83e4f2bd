"""Prints a tuner's status as a table. Asks nobody."""

from __future__ import annotations

from coso.v1 import tuner_pb2
from rich.console import Console
from rich.table import Table
from rich.text import Text


def print_status(address: str, status: tuner_pb2.GetStatusResponse) -> None:
    """Write the figures of one answer to the terminal."""
    table = Table(title=Text(f"tuner at {address}", style="table.title"), show_header=False)
    minutes = status.uptime_seconds // 60
    rows = [
        ("software", status.software_version),
        ("base model", f"{status.base_model_digest[:12]}…, {status.quantization}, {status.action_grammar} grammar"),
        ("up", f"{minutes // 60} h {minutes % 60} min"),
        ("trajectories stored", f"{status.trajectories_stored}"),
        ("  void", f"{status.trajectories_void}"),
        ("  waiting", f"{status.trajectories_waiting}"),
        ("  consumed", f"{status.trajectories_consumed}"),
        ("  damaged", f"{status.trajectories_damaged}"),
        ("adapter version", f"{status.latest_version} ({status.latest_payload_bytes:,} bytes)"),
        *_trial_rows(status),
        ("learner", f"{status.learner_state} {status.learner_message}".strip()),
        ("runtimes", ", ".join(status.runtime_ids) or "none yet"),
    ]
    alarms = [name.removeprefix("alarm_") for name in sorted(status.learner_metrics) if name.startswith("alarm_")]
    rows += [("ALARM", f"entropy {alarm.replace('_', ' of ', 1)}: see docs/watching.md") for alarm in alarms]
    rows += [(name, f"{value:.4g}") for name, value in sorted(status.learner_metrics.items())]
    for name, value in rows:
        table.add_row(Text(name), Text(value))  # as text: paths and names may look like rich's markup
    Console().print(table)


def _trial_rows(status: tuner_pb2.GetStatusResponse) -> list[tuple[str, str]]:
    """Return what there is to say of versions that not everyone has."""
    if status.trial_version:
        return [("  on trial", f"{status.trial_version}, while {status.trusted_version} goes to the others")]
    if status.withdrawn_version:
        return [("  withdrawn", f"{status.withdrawn_version}; the learner is to return to {status.trusted_version}")]
    return []
