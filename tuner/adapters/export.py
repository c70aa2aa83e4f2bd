"""Writes a published version as a standard PEFT folder with a model card. Loads no model, changes no state.

adapter_config.json          what PEFT needs to build the layers
adapter_model.safetensors    the published payload, byte for byte; of a version with an explorer the adapter asked for
README.md                    the card: the base, how it was trained, the figures of its update
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coso.v1 import policy_pb2

from agent_runtime.adapters import VISION_MODULES
from agent_runtime.adapters.explorer import carries_explorer, deployed_part, exploring_part
from agent_runtime.adapters.layout import described_tensors
from tuner import __version__
from tuner.adapters.store import AdapterStore
from tuner.errors import ConfigError, StoreError, unwritable
from tuner.files import write_atomically

SETTINGS_NAME = "settings.json"
"""In the state folder: the settings of the learner that ran last."""
METRICS_NAMES = ("metrics.jsonl.1", "metrics.jsonl")
CONFIG_NAME, TENSORS_NAME, CARD_NAME = "adapter_config.json", "adapter_model.safetensors", "README.md"
_NOT_TOLD = (
    *("state", "model", "base_model_digest", "num_threads", "log_format", "shard_base"),
    *("lora_r", "lora_alpha", "target_modules"),
)
"""Settings the card leaves out: paths of this machine, and what it tells elsewhere."""


@dataclass(frozen=True)
class Exported:
    """What was written."""

    version: int
    folder: Path
    payload_bytes: int


def export_version(
    state: Path, version: int | None, output: Path, base_model: str | None, explorer: bool = False
) -> Exported:
    """Write a version, the newest by default, to a folder that is new or empty; ``base_model`` is named as its base.

    Of a version with an explorer the deployed adapter is written, or with ``explorer`` that one.

    Raises:
        StoreError: there is no such version, it is damaged, or it has no explorer that is asked for.
        ConfigError: the folder cannot be used.
    """
    manifest, payload = AdapterStore(state / "adapters").get_or_newest(version)
    payload = _one_adapter(payload, manifest.version, explorer)
    figures = _figures(state, manifest.version)
    files = {
        TENSORS_NAME: payload,
        CARD_NAME: card(manifest, figures, _settings(state), base_model, hashlib.sha256(payload).hexdigest()).encode(),
        CONFIG_NAME: (json.dumps(peft_config(manifest.lora, base_model), indent=2) + "\n").encode(),
    }
    try:
        output.mkdir(parents=True, exist_ok=True)
        if any(output.iterdir()):
            raise ConfigError(f"Got the folder {output}, which holds something, expected a new or empty one.")
        for name, content in files.items():
            write_atomically(output / name, content)
    except OSError as error:
        raise unwritable(output, error) from error
    return Exported(manifest.version, output, len(payload))


def peft_config(lora: policy_pb2.LoraConfig, base_model: str | None) -> dict[str, Any]:
    """Return the adapter_config.json of a version's LoRA."""
    return {
        "base_model_name_or_path": base_model,
        "bias": "none",
        "exclude_modules": VISION_MODULES,
        "fan_in_fan_out": False,
        "inference_mode": True,
        "init_lora_weights": True,
        "lora_alpha": int(lora.lora_alpha) if lora.lora_alpha.is_integer() else lora.lora_alpha,
        "lora_dropout": 0.0,
        "modules_to_save": None,
        "peft_type": "LORA",
        "r": lora.r,
        "target_modules": sorted(lora.target_modules),
        "task_type": None,
        "use_dora": False,
        "use_rslora": False,
    }


def card(
    manifest: policy_pb2.AdapterManifest,
    figures: Mapping[str, float],
    settings: Mapping[str, Any],
    base_model: str | None,
    adapter_sha256: str = "",
) -> str:
    """Return the model card as Markdown; ``adapter_sha256`` where it is not the version's own."""
    head = ["---", "library_name: peft", "tags: [lora, coso, gui-agent, android]"]
    head += [f"base_model: {json.dumps(base_model)}"] if base_model else []
    lora, again = manifest.lora, manifest.rolled_back_to
    facts = {
        "base model": f"`{base_model}`" if base_model else "not named; see its digest",
        "base model sha256 (configuration and weights)": f"`{manifest.base_model_digest}`",
        "adapter sha256": f"`{adapter_sha256 or manifest.payload_sha256}`",
        "version": f"{manifest.version}, "
        + (f"version {again} again" if again else f"made from {manifest.parent_version}"),
        "published": manifest.published_at.ToJsonString(),
        "LoRA": f"rank {lora.r}, alpha {lora.lora_alpha:g}, on {', '.join(lora.target_modules)}",
        "optimizer steps so far": f"{manifest.optimizer_steps}",
        "episodes learned from so far": f"{manifest.trajectories_consumed}",
        "software": f"coso-phone {__version__}",
    }
    told = {name: value for name, value in settings.items() if name not in _NOT_TOLD}
    parts = [
        "\n".join([*head, "---", "", f"# Phone agent adapter, version {manifest.version}"]),
        "A LoRA adapter for a vision-language model that uses a phone, tuned online by Counterfactual Soft RL "
        "([arXiv 2505.03792](https://arxiv.org/abs/2505.03792)): the entropy bonus counts the tokens that decide "
        "the action. It was learned from episodes whose outcome a probe of the device's state judged.",
        _table("What it is", "", facts),
        _table("How it was trained", "Settings of the tuner that ran last on this state folder.", told),
        _table("Figures of its update", "Of training episodes, which explore; no evaluation on held goals.", figures),
        "## How to load it\n\n```python\nfrom peft import PeftModel\n\n"
        'model = PeftModel.from_pretrained(base_model, "path/to/this/folder")\n```\n\n'
        "The base must be the one of the digest above; another of the same shape loads and answers nonsense.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _one_adapter(payload: bytes, version: int, explorer: bool) -> bytes:
    """Return the file of the adapter asked for; a version that has one alone is that file."""
    if not carries_explorer(described_tensors(payload)):
        if explorer:
            raise StoreError(f"Got version {version} without an explorer, expected one with: leave --explorer out.")
        return payload
    from safetensors.numpy import load, save

    return save((exploring_part if explorer else deployed_part)(load(payload)))


def _table(title: str, note: str, rows: Mapping[str, object]) -> str:
    if not rows:
        return f"## {title}\n\nNot recorded."
    lines = [f"| {name} | {_cell(value)} |" for name, value in rows.items()]
    return "\n\n".join(filter(None, [f"## {title}", note, "\n".join(["| | |", "|---|---|", *lines])]))


def _cell(value: object) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def _figures(state: Path, version: int) -> dict[str, float]:
    """Return the metrics of the update that published the version; empty where they are gone."""
    for name in METRICS_NAMES:
        path = state / name
        for line in path.read_text("utf-8", "replace").splitlines() if path.is_file() else ():
            try:
                figures = json.loads(line)
                if figures["version"] == version:  # the first of them: later updates without a good step keep it
                    return {str(key): float(value) for key, value in figures.items()}
            except (ValueError, KeyError, TypeError, AttributeError):
                continue  # a line torn by a crash
    return {}


def _settings(state: Path) -> dict[str, Any]:
    try:
        settings = json.loads((state / SETTINGS_NAME).read_bytes())
    except (OSError, ValueError):
        return {}
    return settings if isinstance(settings, dict) else {}
