"""A checkpoint's name is its bytes, and its wishes are read or refused in one sentence."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from agent_runtime.errors import AgentRuntimeError, PolicyError, UsageError
from agent_runtime.policy.generate import load_policy
from agent_runtime.policy.identity import (
    AgentDefaults,
    agent_defaults,
    base_model_digest,
    resolve_checkpoint,
    tokenizer_digest,
)

WISHES: dict[str, Any] = {
    "grammar": "auto-ui",
    "prompt_style": "brief",
    "max_new_tokens": 48,
    "image_size_px": [128, 224],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with what is hashed; its files need not load."""
    (tmp_path / "config.json").write_bytes(b"{}")
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "tokenizer.json").write_bytes(b"tokenizer")
    (tmp_path / "tokenizer_config.json").write_bytes(b"settings")
    return tmp_path


def change_byte(path: Path, place: int = -1) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_digest_is_over_names_and_bytes(folder: Path) -> None:
    model = f"config.json {sha256(b'{}')}\nmodel.safetensors {sha256(b'weights')}\n"
    assert base_model_digest(folder) == sha256(model.encode())
    tokenizer = f"tokenizer.json {sha256(b'tokenizer')}\ntokenizer_config.json {sha256(b'settings')}\n"
    assert tokenizer_digest(folder) == sha256(tokenizer.encode())


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_byte_of_weights_or_configuration_makes_another_model(folder: Path, name: str) -> None:
    model, tokenizer = base_model_digest(folder), tokenizer_digest(folder)
    change_byte(folder / name)
    assert base_model_digest(folder) != model
    assert tokenizer_digest(folder) == tokenizer


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
def test_a_byte_of_the_tokenizer_makes_another_tokenizer(folder: Path, name: str) -> None:
    model, tokenizer = base_model_digest(folder), tokenizer_digest(folder)
    change_byte(folder / name)
    assert tokenizer_digest(folder) != tokenizer
    assert base_model_digest(folder) == model


def test_a_file_more_or_less_or_renamed_makes_another_model(folder: Path) -> None:
    digests = {base_model_digest(folder)}
    (folder / "model.safetensors").rename(folder / "other.safetensors")
    digests.add(base_model_digest(folder))
    (folder / "model.safetensors").write_bytes(b"weights")
    digests.add(base_model_digest(folder))
    (folder / "other.safetensors").unlink()
    (folder / "model.safetensors").write_bytes(b"weigh")
    (folder / "next.safetensors").write_bytes(b"ts")
    digests.add(base_model_digest(folder))
    assert len(digests) == 4


@pytest.mark.parametrize("name", ["chat_template.jinja", "vocab.json", "merges.txt"])
def test_an_optional_file_of_the_tokenizer_counts(folder: Path, name: str) -> None:
    before = tokenizer_digest(folder)
    (folder / name).write_bytes(b"")
    assert tokenizer_digest(folder) != before


def test_what_a_checkpoint_wishes_for_is_not_part_of_its_name(folder: Path) -> None:
    model, tokenizer = base_model_digest(folder), tokenizer_digest(folder)
    (folder / "agent.json").write_text(json.dumps(WISHES))
    (folder / "README.md").write_text("about")
    assert (base_model_digest(folder), tokenizer_digest(folder)) == (model, tokenizer)


def test_a_byte_deep_in_a_large_file_counts(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(bytes((3 << 20) + 5))  # read in chunks of 1 MiB
    before = base_model_digest(folder)
    assert before == sha256(f"config.json {sha256(b'{}')}\nmodel.safetensors {sha256(bytes((3 << 20) + 5))}\n".encode())
    for place in (0, 1 << 20, (3 << 20) + 4):
        change_byte(weights, place)
        assert base_model_digest(folder) != before
        change_byte(weights, place)
    assert base_model_digest(folder) == before


def test_a_checkpoint_loaded_twice_has_the_same_name(tiny_folder: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(tiny_folder, tmp_path / "copied"))
    one, other = load_policy(tiny_folder, "none", None).identity, load_policy(copied, "none", None).identity
    assert one == other
    assert (one.base_model_digest, one.tokenizer_digest) == (base_model_digest(copied), tokenizer_digest(copied))


def test_a_folder_without_weights_is_one_sentence(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(UsageError, match=r"without weights, expected \*\.safetensors"):
        base_model_digest(folder)


@pytest.mark.parametrize("name", ["", "no/such/folder", "qwen/qwen3-vl"])
def test_a_missing_checkpoint_is_one_sentence(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"expected 'small-vlm' or a folder with a config\.json: download"):
        resolve_checkpoint(name)


def test_a_folder_is_found_by_its_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    assert resolve_checkpoint(folder.name) == resolve_checkpoint(str(folder)) == folder.resolve()


def test_weights_that_do_not_load_are_one_sentence(tiny_folder: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(tiny_folder, tmp_path / "copied"))
    (copied / "config.json").write_text('{"model_type": "gpt9"}')
    with pytest.raises(PolicyError, match="expected an image-text-to-text model"):
        load_policy(copied, "none", None)


def test_a_checkpoint_that_lacks_a_weight_is_one_sentence(tiny_folder: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(tiny_folder, tmp_path / "copied"))
    weights = load_file(copied / "model.safetensors")
    lacking = next(name for name in weights if "q_proj" in name)
    save_file({name: weights[name] for name in weights if name != lacking}, copied / "model.safetensors")
    with pytest.raises(PolicyError, match=f"without 1 weights .*{lacking}.*: fetch it again"):
        load_policy(copied, "none", None)


@pytest.mark.parametrize("damage", ["cut", "empty", "noise"])
def test_a_damaged_weight_file_is_one_sentence(tiny_folder: Path, tmp_path: Path, damage: str) -> None:
    copied = Path(shutil.copytree(tiny_folder, tmp_path / "copied"))
    weights = copied / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes({"cut": content[:-100], "empty": b"", "noise": b"\xff" * len(content)}[damage])
    with pytest.raises(PolicyError, match="expected an image-text-to-text model"):
        load_policy(copied, "none", None)


def test_wishes_are_read(folder: Path) -> None:
    assert agent_defaults(folder) == AgentDefaults("json", "full", 256, None)
    (folder / "agent.json").write_text(json.dumps(WISHES))
    assert agent_defaults(folder) == AgentDefaults("auto-ui", "brief", 48, (128, 224))
    (folder / "agent.json").write_text(json.dumps({**WISHES, "image_size_px": None}))
    assert agent_defaults(folder).image_size_px is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no JSON",
        "[]",
        "7",
        "null",
        "[" * 100_000,
        *(json.dumps({key: value for key, value in WISHES.items() if key != left_out}) for left_out in WISHES),
        *(json.dumps({**WISHES, "max_new_tokens": limit}) for limit in (0, -1, "many", None, 1.5, 1e999, True)),
        *(
            json.dumps({**WISHES, "image_size_px": size})
            for size in ([], [128], 128, "ab", [0, 9], [9, -9], [1e999, 9])
        ),
    ],
    ids=lambda text: text[:100],
)
def test_wishes_that_cannot_be_read_are_one_sentence(folder: Path, text: str) -> None:
    (folder / "agent.json").write_text(text)
    with pytest.raises(UsageError, match=r"agent\.json that cannot be read .*, expected grammar, prompt_style"):
        agent_defaults(folder)


@pytest.mark.parametrize("wrong", [{"grammar": "xml"}, {"prompt_style": "terse"}, {"grammar": 7}])
def test_wishes_that_name_nothing_there_is_are_one_sentence(
    tiny_folder: Path, tmp_path: Path, wrong: dict[str, object]
) -> None:
    copied = Path(shutil.copytree(tiny_folder, tmp_path / "copied"))
    (copied / "agent.json").write_text(json.dumps({**WISHES, **wrong}))
    with pytest.raises(AgentRuntimeError, match="expected"):
        load_policy(copied, "none", None)
