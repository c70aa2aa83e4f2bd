"""The house's rules: imports point down only, and what must not need torch imports without it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("agent_runtime", "tuner", "device_scripts", "coso")

# What each part may import of ours. The longest prefix that matches a module decides.
ALLOWED: dict[str, tuple[str, ...]] = {
    "agent_runtime": ("agent_runtime", "coso"),
    "agent_runtime.errors": (),
    "agent_runtime.files": (),
    "agent_runtime.command_line": (),
    "agent_runtime.command_options": ("agent_runtime.command_line", "agent_runtime.errors"),
    "agent_runtime.actions": ("agent_runtime.actions", "agent_runtime.errors"),
    "agent_runtime.trajectory": ("agent_runtime.actions",),
    "agent_runtime.devices": ("agent_runtime.devices", "agent_runtime.actions", "agent_runtime.errors"),
    "agent_runtime.gate": (
        "agent_runtime.gate",
        "agent_runtime.devices",
        "agent_runtime.actions",
        "agent_runtime.errors",
    ),
    "agent_runtime.adapters": ("agent_runtime.adapters", "agent_runtime.errors", "agent_runtime.files", "coso"),
    "agent_runtime.policy": (
        "agent_runtime.policy",
        "agent_runtime.adapters",
        "agent_runtime.actions",
        "agent_runtime.errors",
        "agent_runtime.trajectory",
        "coso",
    ),
    "agent_runtime.judges": (
        "agent_runtime.judges",
        "agent_runtime.actions",
        "agent_runtime.devices",
        "agent_runtime.errors",
        "agent_runtime.observe",
        "agent_runtime.trajectory",
    ),
    "agent_runtime.tasks": (
        "agent_runtime.tasks",
        "agent_runtime.judges.base",
        "agent_runtime.judges.verdicts",
        "agent_runtime.devices",
        "agent_runtime.actions",
        "agent_runtime.errors",
        "agent_runtime.trajectory",
    ),
    "agent_runtime.sessions": (
        "agent_runtime.sessions",
        "agent_runtime.actions",
        "agent_runtime.command_line",
        "agent_runtime.command_options",
        "agent_runtime.devices",
        "agent_runtime.errors",
        "agent_runtime.files",
        "agent_runtime.observe",
        "agent_runtime.policy.base",
        "agent_runtime.policy.exploring",
        "agent_runtime.tasks",
        "agent_runtime.trajectory",
    ),
    "agent_runtime.sessions.adapters": ("agent_runtime.errors", "agent_runtime.sessions.signing", "coso"),
    "agent_runtime.sessions.signing": (
        "agent_runtime.adapters.signatures",
        "agent_runtime.errors",
        "agent_runtime.sessions.chain",
        "agent_runtime.sessions.fields",
    ),
    "agent_runtime.sessions.commands": (
        "agent_runtime.sessions",
        "agent_runtime.policy",
        "agent_runtime.actions",
        "agent_runtime.command_line",
        "agent_runtime.command_options",
        "agent_runtime.errors",
    ),
    "agent_runtime.uplink": (
        "agent_runtime.uplink",
        "agent_runtime.actions",
        "agent_runtime.errors",
        "agent_runtime.trajectory",
        "agent_runtime",
        "coso",
    ),
    "tuner": (
        "tuner",
        "coso",
        "agent_runtime.actions",
        "agent_runtime.adapters",
        "agent_runtime.command_line",
        "agent_runtime.policy",
        "agent_runtime.errors",
        "agent_runtime.files",
        "agent_runtime.observe",
        "agent_runtime.sessions.provenance",
        "agent_runtime.sessions.reader",
        "agent_runtime.sessions.recording",
        "agent_runtime.sessions.trajectories",
        "agent_runtime.trajectory",
        "agent_runtime.uplink.channel",
        "agent_runtime.uplink.codec",
        "agent_runtime.uplink.tls",
    ),
    "tuner.canary": ("tuner.canary", "coso"),
    "tuner.estimate": (
        "tuner.estimate",
        "tuner.errors",
        "tuner.ingest.identity",
        "tuner.learner.buckets",
        "tuner.learner.policy_update",
        "tuner.session_folders",
        "agent_runtime.actions",
        "agent_runtime.policy",
        "agent_runtime.sessions.reader",
        "agent_runtime.sessions.recording",
        "agent_runtime.trajectory",
        "coso",
    ),
    "tuner.coso": ("tuner.coso", "tuner.errors", "agent_runtime.actions"),
    "tuner.ingest": (
        "tuner.ingest",
        "tuner.adapters",
        "tuner.canary",
        "tuner.config",
        "tuner.errors",
        "tuner",
        "coso",
        "agent_runtime.actions",
        "agent_runtime.errors",
        "agent_runtime.files",
        "agent_runtime.trajectory",
        "agent_runtime.uplink.channel",
        "agent_runtime.uplink.codec",
        "agent_runtime.uplink.tls",
    ),
    "tuner.page": (
        "tuner.page",
        "tuner.errors",
        "tuner.files",
        "tuner.ingest.identity",
        "tuner.ingest.learner_view",
        "tuner.ingest.ledger",
        "tuner.ingest.version_trials",
        "tuner.ingest.wholeness",
        "tuner.canary.standing",
        "tuner.learner.decisions",
        "tuner.learner.records",
        "coso",
    ),
    "device_scripts.virtual_phone": ("device_scripts.virtual_phone",),
    "device_scripts.virtual_phone.cli": ("device_scripts.virtual_phone", "agent_runtime.command_line"),
    "device_scripts.in_process": (
        "device_scripts.virtual_phone",
        "agent_runtime.devices",
        "agent_runtime.errors",
    ),
    "device_scripts.small_vlm": ("device_scripts", "agent_runtime"),
    "device_scripts.demo": ("device_scripts", "coso"),
    "device_scripts.demo.__main__": ("device_scripts", "coso", "agent_runtime.command_line"),
    "device_scripts.oracle": ("device_scripts", "agent_runtime"),
    "coso": ("coso",),
}

TORCH_FREE = (
    "coso.v1.tuner_pb2_grpc",
    "agent_runtime.actions",
    "agent_runtime.adapters.deltas",
    "agent_runtime.adapters.signatures",
    "agent_runtime.cli",
    "agent_runtime.devices.adb",
    "agent_runtime.doctor",
    "agent_runtime.episode",
    "agent_runtime.gate.files",
    "agent_runtime.devices.replay",
    "agent_runtime.fleet",
    "agent_runtime.judged_goals",
    "agent_runtime.record_command",
    "agent_runtime.send_command",
    "agent_runtime.judges.openai",
    "agent_runtime.judges.panel",
    "agent_runtime.policy.server",
    "agent_runtime.session",
    "agent_runtime.sessions.adapters",
    "agent_runtime.sessions.commands",
    "agent_runtime.sessions.course",
    "agent_runtime.sessions.demonstrating.writing",
    "agent_runtime.sessions.export",
    "agent_runtime.sessions.exporters.lerobot",
    "agent_runtime.sessions.importing",
    "agent_runtime.sessions.pytest_plugin",
    "agent_runtime.sessions.start",
    "agent_runtime.sessions.page",
    "agent_runtime.sessions.replay",
    "agent_runtime.sessions.tokens",
    "agent_runtime.sessions.writer",
    "agent_runtime.tasks",
    "agent_runtime.uplink.client",
    "tuner.adapters.store",
    "tuner.canary.rule",
    "tuner.certificates.folder",
    "tuner.cli",
    "tuner.config",
    "tuner.estimate.acted",
    "tuner.estimate.verdict",
    "tuner.ingest.gate",
    "tuner.ingest.ledger",
    "tuner.ingest.server",
    "tuner.page.server",
    "tuner.serve",
    "device_scripts.in_process",
    "device_scripts.oracle.policy",
    "device_scripts.virtual_phone.cli",
)


def _modules() -> list[tuple[str, Path]]:
    found = []
    for folder in ("agent_runtime", "tuner", "device_scripts"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found.append((".".join(parts[:-1] if parts[-1] == "__init__" else parts), path))
    return found


def _imports_of_ours(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            assert node.module is not None
            names.add(node.module)
    return {name for name in names if name.split(".")[0] in PACKAGES}


def _allowed_for(module: str) -> tuple[str, ...]:
    rules = [prefix for prefix in ALLOWED if module == prefix or module.startswith(prefix + ".")]
    return ALLOWED[max(rules, key=len)] if rules else PACKAGES


@pytest.mark.parametrize(("module", "path"), _modules(), ids=lambda value: value if isinstance(value, str) else "")
def test_imports_point_down(module: str, path: Path) -> None:
    allowed = _allowed_for(module)
    for name in _imports_of_ours(path):
        down = any(
            name == prefix or (name.startswith(prefix + ".") and prefix != "agent_runtime.uplink") for prefix in allowed
        )
        assert down, f"{module} imports {name}; it may import only {allowed}"


@pytest.mark.parametrize("module", TORCH_FREE)
def test_imports_without_torch(module: str) -> None:
    probe = f"import sys; sys.modules['torch'] = None; import {module}"
    done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_rule_catches_an_arrow_that_points_up() -> None:
    assert "tuner" not in _allowed_for("agent_runtime.policy.adapter")
    assert "agent_runtime.devices" not in _allowed_for("tuner.learner.loop")


def test_every_module_says_its_job_on_the_first_line() -> None:
    silent = [str(path) for _, path in _modules() if not ast.get_docstring(ast.parse(path.read_text()))]
    assert silent == []
