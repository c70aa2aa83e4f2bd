"""Stored adapter versions, found and put in place as a recorded run had them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from coso.v1 import policy_pb2

from agent_runtime.errors import UsageError
from agent_runtime.sessions.adapters import StoredAdapters, read_version
from agent_runtime.trajectory import NO_ADAPTER_DIGEST
from tuner.adapters.store import AdapterStore


class Taking:
    """Remembers which versions it was given."""

    def __init__(self) -> None:
        self.taken: list[tuple[int, bool, bytes]] = []

    def stage_and_apply(self, manifest: policy_pb2.AdapterManifest, payload: bytes) -> None:
        self.taken.append((manifest.version, manifest.replaces_any, payload))


def payload_of(version: int) -> bytes:
    return f"payload {version}".encode()


def digest_of(version: int) -> str:
    return hashlib.sha256(payload_of(version)).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    store = AdapterStore(tmp_path / "adapters")
    for version in (1, 2, 4):
        store.publish(policy_pb2.AdapterManifest(version=version, parent_version=version - 1), payload_of(version))
    return tmp_path / "adapters"


def test_versions_are_put_in_place_as_the_session_goes_on(folder: Path) -> None:
    policy = Taking()
    stored = StoredAdapters(folder, policy)
    stored.open()
    wanted = [(0, NO_ADAPTER_DIGEST), (1, digest_of(1)), (1, digest_of(1)), (4, digest_of(4))]
    assert [stored.use(*version) for version in wanted] == [True] * 4
    assert policy.taken == [(1, True, payload_of(1)), (4, True, payload_of(4))]


@pytest.mark.parametrize(
    ("version", "digest"),
    [(3, digest_of(3)), (2, digest_of(1))],
    ids=["not stored", "another payload"],
)
def test_a_version_that_is_not_the_recorded_one_is_not_used(folder: Path, version: int, digest: str) -> None:
    policy = Taking()
    assert not StoredAdapters(folder, policy).use(version, digest)
    assert policy.taken == []


def test_the_base_model_cannot_be_had_again_after_a_version(folder: Path) -> None:
    stored = StoredAdapters(folder, Taking())
    assert stored.use(2, digest_of(2))
    assert not stored.use(1, digest_of(1))
    assert not stored.use(0, NO_ADAPTER_DIGEST)


def test_a_manifest_that_names_the_whole_adapter_is_held_to_that(folder: Path) -> None:
    path = folder / "00000002" / "manifest.pb"
    manifest = policy_pb2.AdapterManifest.FromString(path.read_bytes())
    manifest.adapter_sha256 = "a" * 64
    path.write_bytes(manifest.SerializeToString())
    assert not StoredAdapters(folder, Taking()).use(2, digest_of(2))
    assert StoredAdapters(folder, Taking()).use(2, "a" * 64)


def test_a_folder_without_a_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected a tuner's adapters folder"):
        StoredAdapters(tmp_path, Taking()).open()
    with pytest.raises(UsageError, match=r"expected a version's folder with manifest\.pb"):
        read_version(tmp_path)
    (tmp_path / "manifest.pb").write_bytes(b"\xff\xff")
    with pytest.raises(UsageError, match="Got no adapter from"):
        read_version(tmp_path)
