"""An exported version is a PEFT folder: PeftModel loads it and answers as the runtime's own slot does."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from coso.v1 import policy_pb2
from peft import LoraConfig, PeftConfig, PeftModel
from safetensors.torch import load
from typer.testing import CliRunner

from agent_runtime.adapters.explorer import as_explorer
from agent_runtime.policy.checkpoint import load_model
from agent_runtime.policy.generate import load_policy
from agent_runtime.policy.identity import base_model_digest
from agent_runtime.policy.prompt import picture_from_png
from tests.tiny_vlm import manifest_of, payload_of, picture_png, random_adapter, tiny_checkpoint, tiny_llava
from tuner.adapters.export import CARD_NAME, CONFIG_NAME, SETTINGS_NAME, TENSORS_NAME, peft_config
from tuner.adapters.store import PAYLOAD_NAME, AdapterStore
from tuner.cli import app

torch.set_num_threads(1)
ROOT = Path(__file__).parents[3]
METRICS = [
    {"version": 1.0, "policy_loss": 0.5, "batch_success_rate": 0.25},
    {"version": 2.0, "policy_loss": 0.125, "batch_success_rate": 0.75},
    {"version": 2.0, "policy_loss": 9.0, "batch_success_rate": 0.0},  # an update without a good step
]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_checkpoint(tmp_path_factory.mktemp("base"))


def published(state: Path, checkpoint: Path, *seeds: int) -> AdapterStore:
    store = AdapterStore(state / "adapters")
    for version, seed in enumerate(seeds, start=1):
        payload = payload_of(random_adapter(checkpoint, seed))
        store.publish(manifest_of(checkpoint, payload, version, version - 1), payload)
    return store


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> Path:
    """A state folder of two versions with metrics and settings."""
    folder = tmp_path_factory.mktemp("state")
    published(folder, checkpoint, 1, 2)
    (folder / "metrics.jsonl").write_text('{"torn\n' + "".join(json.dumps(line) + "\n" for line in METRICS))
    settings = {"state": "/secret/place", "learning_rate": 1e-3, "weight_source": "scm", "seed": 7}
    (folder / SETTINGS_NAME).write_text(json.dumps(settings))
    return folder


def tuner(*args: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, [str(word) for word in args])
    return done.exit_code, done.stdout, done.stderr


def logits(model: Any, inputs: dict[str, Any]) -> torch.Tensor:
    with torch.inference_mode():
        return model(**inputs).logits  # type: ignore[no-any-return]


@pytest.mark.parametrize("version", [None, 1])
def test_peft_loads_it_and_answers_as_the_runtimes_slot(
    version: int | None, state: Path, checkpoint: Path, tmp_path: Path
) -> None:
    chosen = [] if version is None else ["--version", version]
    code, out, _ = tuner("export", "--state", state, "--output", tmp_path / "out", *chosen)
    assert (code, f"version {version or 2}," in out) == (0, True)
    policy = load_policy(checkpoint, "none", None)
    manifest, payload = AdapterStore(state / "adapters").get(version or 2)
    manifest.replaces_any = True
    inputs = policy._prompts.inputs("Goal: x", picture_from_png(picture_png()))
    base = logits(policy.slot.model, inputs)
    policy.slot.apply(policy.slot.stage(manifest, payload))
    ours = logits(policy.slot.model, inputs)
    theirs = logits(PeftModel.from_pretrained(load_model(checkpoint, "none").model, tmp_path / "out").eval(), inputs)
    assert torch.equal(ours, theirs)
    assert not torch.allclose(ours, base, atol=1e-2)


def test_the_tensors_are_the_published_ones_byte_for_byte(state: Path, tmp_path: Path) -> None:
    assert tuner("export", "--state", state, "--output", tmp_path, "--version", 1)[0] == 0
    whole = (state / "adapters" / "00000001" / PAYLOAD_NAME).read_bytes()
    assert (tmp_path / TENSORS_NAME).read_bytes() == whole
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([TENSORS_NAME, CONFIG_NAME, CARD_NAME])


def test_layers_of_a_vision_tower_get_no_adapter_where_they_have_the_same_names(tmp_path: Path) -> None:
    folder = tiny_llava(tmp_path / "llava")  # its CLIP tower has a q_proj too
    published(tmp_path, folder, 3)
    assert tuner("export", "--state", tmp_path, "--output", tmp_path / "out")[0] == 0
    model = PeftModel.from_pretrained(load_model(folder, "none").model, tmp_path / "out")
    names = [name for name, _ in model.named_modules() if name.endswith("lora_A")]
    assert names
    assert not any("vision" in name for name in names)


def test_every_field_of_the_configuration_is_one_that_peft_knows(tmp_path: Path, state: Path, checkpoint: Path) -> None:
    assert tuner("export", "--state", state, "--output", tmp_path, "--base-model", "org/tiny")[0] == 0
    plain = json.loads((tmp_path / CONFIG_NAME).read_text())
    known = LoraConfig().to_dict()
    assert plain.keys() <= known.keys()
    config = PeftConfig.from_pretrained(tmp_path)
    assert (config.r, config.lora_alpha, config.base_model_name_or_path) == (4, 8, "org/tiny")
    assert config.target_modules == {"q_proj", "v_proj", "down_proj"}


def test_a_fractional_alpha_stays_one() -> None:
    lora = policy_pb2.LoraConfig(r=2, lora_alpha=2.5, target_modules=["q_proj"])
    assert peft_config(lora, None)["lora_alpha"] == 2.5


def test_the_card_tells_the_base_the_training_and_the_figures(state: Path, checkpoint: Path, tmp_path: Path) -> None:
    assert tuner("export", "--state", state, "--output", tmp_path, "--base-model", "org/tiny")[0] == 0
    card = (tmp_path / CARD_NAME).read_text()
    assert card.startswith("---\nlibrary_name: peft\n")
    assert 'base_model: "org/tiny"' in card
    assert base_model_digest(checkpoint) in card
    for line in ("| version | 2, made from 1 |", "| learning_rate | 0.001 |", "| policy_loss | 0.125 |"):
        assert line in card
    assert "| batch_success_rate | 0.75 |" in card
    assert "/secret/place" not in card


def test_a_card_without_records_says_so(checkpoint: Path, tmp_path: Path) -> None:
    published(tmp_path / "state", checkpoint, 1)
    assert tuner("export", "--state", tmp_path / "state", "--output", tmp_path / "out")[0] == 0
    card = (tmp_path / "out" / CARD_NAME).read_text()
    assert card.count("Not recorded.") == 2
    assert "base_model:" not in card
    assert json.loads((tmp_path / "out" / CONFIG_NAME).read_text())["base_model_name_or_path"] is None


def test_what_cannot_be_exported_is_one_sentence_and_exit_code_2(state: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    (tmp_path / "file").touch()
    wrong = {
        "expected one of [1, 2]": ("--state", state, "--output", tmp_path / "a", "--version", 9),
        "without a version": ("--state", tmp_path / "nowhere", "--output", tmp_path / "a"),
        "which holds something": ("--state", state, "--output", tmp_path / "full"),
        "expected one that can be written": ("--state", state, "--output", tmp_path / "file"),
    }
    for says, options in wrong.items():
        code, _, error = tuner("export", *options)
        assert code == 2
        assert error.startswith("tuner: Got ")
        assert says in error
        assert len(error.strip().splitlines()) == 1
    assert not (tmp_path / "a").exists()


def test_a_damaged_version_is_not_exported(checkpoint: Path, tmp_path: Path) -> None:
    published(tmp_path / "state", checkpoint, 1)
    path = tmp_path / "state" / "adapters" / "00000001" / PAYLOAD_NAME
    path.write_bytes(path.read_bytes()[:-1])
    code, _, error = tuner("export", "--state", tmp_path / "state", "--output", tmp_path / "out", "--version", 1)
    assert (code, "damaged" in error) == (2, True)


def test_exporting_needs_no_torch() -> None:
    probe = "import sys; sys.modules['torch'] = None; import tuner.adapters.export"
    assert subprocess.run([sys.executable, "-c", probe], cwd=ROOT, timeout=60, check=False).returncode == 0


def test_of_a_version_with_an_explorer_either_adapter_is_written(tmp_path: Path, checkpoint: Path) -> None:
    deployed, explorer = random_adapter(checkpoint, 1), random_adapter(checkpoint, 2)
    store = published(tmp_path / "state", checkpoint, 3)
    payload = payload_of({**deployed, **as_explorer(explorer)})
    store.publish(manifest_of(checkpoint, payload, 2, 1), payload)
    for flags, tensors in (((), deployed), (("--explorer",), explorer)):
        folder = tmp_path / f"out{len(flags)}"
        code, _, said = tuner("export", "--state", tmp_path / "state", "--output", folder, *flags)
        assert (code, said) == (0, "")
        written = (folder / TENSORS_NAME).read_bytes()
        found = load(written)
        assert found.keys() == tensors.keys()
        assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())
        assert hashlib.sha256(written).hexdigest() in (folder / CARD_NAME).read_text()
    asked = ("--version", 1, "--output", tmp_path / "none", "--explorer")
    code, _, said = tuner("export", "--state", tmp_path / "state", *asked)
    assert (code, "Got version 1 without an explorer, expected" in said) == (2, True)
