"""The `tuner` command in a process of its own, and a model folder it can name. Holds no tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
DEADLINE_SEC = 30.0


def write_model(folder: Path) -> Path:
    """Write what names a model, and no model: only a learner would load it."""
    for name, content in (("config.json", "{}"), ("model.safetensors", "weights"), ("tokenizer.json", "{}")):
        (folder / name).write_text(content)
    return folder


def serve_options(model: Path, state: Path, listen: str = "127.0.0.1:0") -> list[str]:
    """Return the command line of a tuner of that model."""
    return ["serve", "--state", str(state), "--model", str(model), "--quantization", "none", "--listen", listen]


def environment() -> dict[str, str]:
    """Return an environment in which a process finds the packages of this folder."""
    return {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'protos'}", "COLUMNS": "120"}


def tuner(*args: str) -> subprocess.CompletedProcess[str]:
    """Run `tuner` to its end."""
    command = [sys.executable, "-m", "tuner.cli", *args]
    return subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=DEADLINE_SEC)
