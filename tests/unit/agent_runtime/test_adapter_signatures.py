"""With a tuner key only its owner's manifests are taken: checked first, over every field, and for a time."""

from __future__ import annotations

import dataclasses
import hashlib
import stat
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from coso.v1 import policy_pb2
from google.protobuf.internal import encoder
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from agent_runtime import policy_setup
from agent_runtime.adapters import signatures
from agent_runtime.adapters.signatures import ManifestSigner, ManifestVerifier, read_key, signed_bytes, write_key
from agent_runtime.errors import AdapterError, UsageError
from agent_runtime.options import Options
from tuner import serve
from tuner.adapters.keys import KEY_NAME, PUBLIC_KEY_NAME, load_signer, make_signing_key
from tuner.cli import app
from tuner.errors import ConfigError

Manifest = policy_pb2.AdapterManifest
NOW = 1_800_000_000
DAY_SEC = 24 * 3600
SIGNER = ManifestSigner(bytes(range(32)))
VERIFIER = ManifestVerifier(SIGNER.public_key)


def manifest() -> Manifest:
    made = Manifest(
        version=7,
        parent_version=6,
        base_model_digest="b" * 64,
        encoding=policy_pb2.ADAPTER_ENCODING_DELTA_ZSTD,
        payload_bytes=1000,
        payload_sha256="c" * 64,
        lora=policy_pb2.LoraConfig(r=16, lora_alpha=32.0, target_modules=["q_proj", "v_proj"]),
        optimizer_steps=48,
        trajectories_consumed=56,
        adapter_sha256="d" * 64,
        adapter_bytes=2000,
    )
    made.published_at.FromSeconds(NOW)
    return made


def signed(signer: ManifestSigner = SIGNER, now: int = NOW) -> Manifest:
    made = manifest()
    signer.sign(made, now)
    return made


def assert_refused(made: Manifest, says: str, now: float = NOW) -> None:
    with pytest.raises(AdapterError) as refused:
        VERIFIER.verify(made, now)
    sentence = str(refused.value)
    assert says in sentence
    assert sentence.startswith("Got ")
    assert "expected" in sentence
    assert "\n" not in sentence


def test_a_signed_manifest_is_taken_and_says_who_signed_until_when() -> None:
    made = signed()
    VERIFIER.verify(made, NOW)
    assert made.signing_key_id == hashlib.sha256(SIGNER.public_key).hexdigest()[:16]
    assert made.expires_at.seconds == NOW + 30 * DAY_SEC
    assert len(made.signature) == 64


def test_a_signature_survives_the_wire() -> None:
    VERIFIER.verify(Manifest.FromString(signed().SerializeToString()), NOW)


def test_what_is_signed_is_the_domain_then_the_manifest_without_its_signature() -> None:
    made = signed()
    bare = Manifest.FromString(made.SerializeToString())
    bare.ClearField("signature")
    assert signed_bytes(made) == b"coso.v1.AdapterManifest ed25519\0" + bare.SerializeToString(deterministic=True)
    assert made.signature  # and what was given is left alone


def test_a_signature_without_the_domain_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(signatures, "PREFIX", b"")
        made = signed()
    assert_refused(made, "wrong signature")


def test_none_and_an_empty_signature_are_missing() -> None:
    assert_refused(manifest(), "without a signature")
    made = signed()
    made.signature = b""
    assert_refused(made, "without a signature")


def test_another_key_is_foreign_and_cannot_pass_for_ours() -> None:
    foreign = signed(ManifestSigner(b"x" * 32))
    assert_refused(foreign, "signature by key")
    foreign.signing_key_id = SIGNER.key_id
    assert_refused(foreign, "wrong signature")


def test_it_ends_after_thirty_days_to_the_second() -> None:
    made = signed()
    VERIFIER.verify(made, NOW + 30 * DAY_SEC - 1)
    assert_refused(made, "ended 0 s ago", NOW + 30 * DAY_SEC)
    assert_refused(made, f"ended {DAY_SEC} s ago", NOW + 31 * DAY_SEC)


def test_another_lifetime_may_be_chosen() -> None:
    made = signed(ManifestSigner(bytes(range(32)), lifetime_sec=60))
    VERIFIER.verify(made, NOW + 59)
    assert_refused(made, "ended 1 s ago", NOW + 61)


CHANGES: dict[str, Callable[[Manifest], object]] = {
    "version": lambda m: setattr(m, "version", 8),
    "parent": lambda m: setattr(m, "parent_version", 0),
    "replaces any": lambda m: setattr(m, "replaces_any", True),
    "base": lambda m: setattr(m, "base_model_digest", "a" * 64),
    "tokenizer": lambda m: setattr(m, "tokenizer_digest", "a" * 64),
    "grandparent": lambda m: setattr(m, "grandparent_adapter_sha256", "a" * 64),
    "encoding": lambda m: setattr(m, "encoding", policy_pb2.ADAPTER_ENCODING_SAFETENSORS),
    "size": lambda m: setattr(m, "payload_bytes", 999),
    "payload": lambda m: setattr(m, "payload_sha256", "0" * 64),
    "adapter": lambda m: setattr(m, "adapter_sha256", "0" * 64),
    "adapter's size": lambda m: setattr(m, "adapter_bytes", 0),
    "rank": lambda m: setattr(m.lora, "r", 8),
    "alpha": lambda m: setattr(m.lora, "lora_alpha", 64.0),
    "a target more": lambda m: m.lora.target_modules.append("k_proj"),
    "no targets": lambda m: m.lora.ClearField("target_modules"),
    "no lora": lambda m: m.ClearField("lora"),
    "published": lambda m: m.published_at.FromSeconds(NOW + 1),
    "steps": lambda m: setattr(m, "optimizer_steps", 1),
    "rolled back": lambda m: setattr(m, "rolled_back_to", 3),
    "consumed": lambda m: setattr(m, "trajectories_consumed", 1),
    "expiry": lambda m: m.expires_at.FromSeconds(NOW + 300 * DAY_SEC),
    "no expiry": lambda m: m.ClearField("expires_at"),
    "a field unknown": lambda m: m.MergeFromString(_unknown_field()),
}


def _unknown_field() -> bytes:
    return encoder.TagBytes(900, 0) + b"\x01"


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_any_field_is_found(name: str) -> None:
    made = signed()
    CHANGES[name](made)
    assert_refused(made, "wrong signature")


def test_every_field_of_the_manifest_is_among_the_changes_or_is_the_signature_itself() -> None:
    changed = set()
    for change in CHANGES.values():
        made = signed()
        before = {field.name: value for field, value in Manifest.FromString(made.SerializeToString()).ListFields()}
        change(made)
        after = {field.name: value for field, value in made.ListFields()}
        changed |= {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert {field.name for field in Manifest.DESCRIPTOR.fields} - changed == {"signing_key_id", "signature"}


def test_a_manifest_of_a_release_to_come_verifies_with_the_fields_it_adds() -> None:
    made = manifest()
    made.MergeFromString(_unknown_field())
    SIGNER.sign(made, NOW)
    VERIFIER.verify(Manifest.FromString(made.SerializeToString()), NOW)


@given(place=st.integers(0, 63), bit=st.integers(0, 7))
@settings(max_examples=100, deadline=None)
def test_a_signature_with_one_bit_changed_is_wrong(place: int, bit: int) -> None:
    made = signed()
    changed = bytearray(made.signature)
    changed[place] ^= 1 << bit
    made.signature = bytes(changed)
    assert_refused(made, "wrong signature")


@pytest.mark.parametrize("length", [1, 63, 65, 1000])
def test_a_signature_of_another_length_is_wrong(length: int) -> None:
    made = signed()
    made.signature = bytes(length)
    assert_refused(made, "wrong signature")


# --- keys


def test_a_key_file_is_its_owners_alone_and_signs_for_the_public_half(tmp_path: Path) -> None:
    made = make_signing_key(tmp_path / "state")
    private = tmp_path / "state" / KEY_NAME
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    public = read_key(str(tmp_path / "state" / PUBLIC_KEY_NAME))
    assert public == made.public_key == read_key(write_key(public))
    loaded = load_signer(tmp_path / "state")
    assert loaded is not None
    manifest_of_it = signed(loaded)
    ManifestVerifier(public).verify(manifest_of_it, NOW)
    assert write_key(public) not in private.read_text()


def test_two_keys_differ_and_one_is_never_overwritten(tmp_path: Path) -> None:
    assert make_signing_key(tmp_path / "a").public_key != make_signing_key(tmp_path / "b").public_key
    before = (tmp_path / "a" / KEY_NAME).read_bytes()
    with pytest.raises(ConfigError, match="has a signing key, expected none"):
        make_signing_key(tmp_path / "a")
    assert (tmp_path / "a" / KEY_NAME).read_bytes() == before


def test_a_folder_without_a_key_signs_nothing(tmp_path: Path) -> None:
    assert load_signer(tmp_path) is None


def test_a_key_that_others_may_read_or_that_is_none_is_refused(tmp_path: Path) -> None:
    make_signing_key(tmp_path)
    (tmp_path / KEY_NAME).chmod(0o640)
    with pytest.raises(ConfigError, match="mode 640, expected 600"):
        load_signer(tmp_path)
    (tmp_path / KEY_NAME).chmod(0o600)
    for content in (b"", b"c2hvcnQ=\n", b"\xff\xfe"):
        (tmp_path / KEY_NAME).write_bytes(content)
        with pytest.raises(ConfigError, match="is no signing key"):
            load_signer(tmp_path)


@pytest.mark.parametrize("text", ["", "short", "/nowhere/key.pub", "A" * 44, "x" * 5000, "/tmp", "a\0b"])
def test_a_public_key_that_is_none_is_one_sentence(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_key(text)
    assert "expected base64 of 32 bytes or a file with it" in str(refused.value)
    assert "\n" not in str(refused.value)


# --- the command lines


def test_init_prints_the_public_key_alone_and_exits_2_where_there_is_one(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["keys", "init", "--state", str(tmp_path / "state")])
    assert done.exit_code == 0
    assert read_key(done.stdout.strip()) == read_key(str(tmp_path / "state" / PUBLIC_KEY_NAME))
    assert len(done.stdout.splitlines()) == 1
    (tmp_path / "copy.pub").write_text(done.stdout)
    assert read_key(str(tmp_path / "copy.pub")) == read_key(done.stdout.strip())
    again = CliRunner().invoke(app, ["keys", "init", "--state", str(tmp_path / "state")])
    assert (again.exit_code, again.stdout) == (2, "")
    assert again.stderr.startswith("tuner: Got ")


def test_a_tuner_with_a_key_signs_and_one_without_does_not(tmp_path: Path) -> None:
    assert serve.signing(tmp_path) is None
    signer = make_signing_key(tmp_path)
    sign = serve.signing(tmp_path)
    assert sign is not None
    made = manifest()
    sign(made)
    ManifestVerifier(signer.public_key).verify(made, time.time())


@pytest.mark.parametrize("key", ["nonsense", "nowhere.pub"])
def test_a_runtime_given_what_is_no_key_says_so_in_a_sentence(key: str, tmp_path: Path) -> None:
    options = Options(**_options(tmp_path), tuner_key=key)
    with pytest.raises(UsageError, match="expected base64 of 32 bytes or a file with it"):
        policy_setup.open_policies(options, 1, ExitStack())


def _options(folder: Path) -> dict[str, Any]:
    required = {
        field.name: None
        for field in dataclasses.fields(Options)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    return {**required, "policy": "scripted:nowhere", "spool": folder}
