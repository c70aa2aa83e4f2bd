"""The adapter store: versions are published whole, only go up, and are never handed out damaged."""

from __future__ import annotations

import hashlib
import os
import resource
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from coso.v1 import policy_pb2
from safetensors.numpy import save

from agent_runtime.adapters.deltas import encode_delta
from agent_runtime.adapters.extrapolation import encode_extrapolated
from tests.wire_world import manifest
from tuner.adapters.delta_files import DELTA_NAME, EXTRAPOLATED_NAME
from tuner.adapters.store import MANIFEST_NAME, MANIFEST_SHA256_NAME, PAYLOAD_NAME, AdapterStore
from tuner.errors import StoreError

PAYLOAD = bytes(range(256)) * 8


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "adapters"


@pytest.fixture
def store(folder: Path) -> AdapterStore:
    return AdapterStore(folder)


def publish(store: AdapterStore, *versions: int) -> None:
    for version in versions:
        store.publish(manifest(version), payload_of(version))


def payload_of(version: int) -> bytes:
    return PAYLOAD + bytes([version])


def latest_version(store: AdapterStore) -> int | None:
    latest = store.latest()
    return latest.version if latest is not None else None


def test_there_is_nothing_before_the_first_publish(store: AdapterStore, folder: Path) -> None:
    assert (store.versions(), store.latest()) == ([], None)
    with pytest.raises(StoreError, match=r"Got version 1, expected one of \[\]"):
        store.get(1)
    assert not folder.exists()


def test_no_manifest_is_there_before_its_payload_is_durable(
    store: AdapterStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[str, str]] = []
    replace, fsync = os.replace, os.fsync

    def replacing(source: Path, target: Path) -> None:
        replace(source, target)
        done.append(("named", target.name))

    def syncing(descriptor: int) -> None:
        fsync(descriptor)
        done.append(("synced", Path(os.readlink(f"/proc/self/fd/{descriptor}")).name))

    monkeypatch.setattr(os, "replace", replacing)
    monkeypatch.setattr(os, "fsync", syncing)
    publish(store, 1)
    named = done.index(("named", "00000001"))
    names_synced = done.index(("synced", ".00000001.partial"))
    assert names_synced < named < len(done) - 1 == done.index(("synced", folder.name), named)
    for name in (PAYLOAD_NAME, MANIFEST_NAME, MANIFEST_SHA256_NAME):
        assert done.index(("synced", name)) < names_synced


def test_what_a_killed_learner_left_of_a_version_is_gone_once_it_is_published(
    store: AdapterStore, folder: Path
) -> None:
    partial = folder / ".00000001.partial"
    partial.mkdir(parents=True)
    (partial / PAYLOAD_NAME).write_bytes(b"half")
    (partial / MANIFEST_NAME).write_bytes(b"half")
    assert (store.versions(), store.latest()) == ([], None)
    publish(store, 1)
    assert [path.name for path in folder.iterdir()] == ["00000001"]
    assert store.get(1)[1] == payload_of(1)


def test_a_version_comes_back_as_it_was_published(store: AdapterStore, folder: Path) -> None:
    given = manifest(1)
    given.lora.CopyFrom(policy_pb2.LoraConfig(r=4, lora_alpha=8.0, target_modules=["q_proj"]))
    before = int(time.time())
    published = store.publish(given, PAYLOAD)
    assert AdapterStore(folder).get(1) == (published, PAYLOAD)
    assert store.latest() == published
    assert (published.version, published.lora) == (1, given.lora)
    assert published.payload_bytes == 2048  # 256 · 8
    assert published.payload_sha256 == hashlib.sha256(PAYLOAD).hexdigest()
    assert published.encoding == policy_pb2.ADAPTER_ENCODING_SAFETENSORS
    assert before <= published.published_at.seconds <= time.time()
    assert given.payload_bytes == 0  # what was given is left alone


def test_versions_may_skip_but_only_go_up(store: AdapterStore) -> None:
    publish(store, 1, 2, 5, 12)
    assert (store.versions(), latest_version(store)) == ([1, 2, 5, 12], 12)
    for version in (12, 11, 3, 0):
        with pytest.raises(StoreError, match=rf"Got version {version}, expected one above 12: count on from"):
            store.publish(manifest(version, parent_version=0), b"other")
    assert store.versions() == [1, 2, 5, 12]
    assert store.get(12)[1] == payload_of(12)


def test_every_version_stays_to_be_had(store: AdapterStore) -> None:
    publish(store, 1, 2, 3)
    assert [store.get(version)[1] for version in (1, 2, 3)] == [payload_of(version) for version in (1, 2, 3)]
    with pytest.raises(StoreError, match=r"Got version 9, expected one of \[1, 2, 3\]"):
        store.get(9)


def test_a_version_exists_only_once_its_manifest_is_there(store: AdapterStore, folder: Path) -> None:
    publish(store, 1, 2)
    (folder / "00000002" / MANIFEST_NAME).unlink()  # as after a crash between payload and manifest
    assert (store.versions(), latest_version(store)) == ([1], 1)
    store.publish(manifest(2), b"again")
    assert store.get(2)[1] == b"again"


def test_a_full_disk_publishes_nothing(store: AdapterStore, folder: Path) -> None:
    publish(store, 1)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))  # enough for this payload, not for its manifest
    try:
        with pytest.raises(OSError, match="File too large"):
            store.publish(manifest(2), b"small")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (store.versions(), latest_version(store)) == ([1], 1)
    assert [path.name for path in folder.iterdir()] == ["00000001"]
    store.publish(manifest(2), b"again")
    assert store.get(2)[1] == b"again"


def test_leftover_temporary_files_are_ignored(store: AdapterStore, folder: Path) -> None:
    publish(store, 1)
    (folder / "00000001" / f".{PAYLOAD_NAME}.x7k2").write_bytes(b"half")
    (folder / "00000001" / f".{MANIFEST_NAME}.q9").write_bytes(b"half")
    (folder / "00000002").mkdir()
    (folder / "00000002" / f".{MANIFEST_NAME}.q9").write_bytes(b"half")
    assert store.versions() == [1]
    assert store.get(1)[1] == payload_of(1)


@pytest.mark.parametrize("name", ["00000002.bak", "2nd", "notes"])
def test_folders_of_other_names_are_ignored(store: AdapterStore, folder: Path, name: str) -> None:
    publish(store, 1)
    shutil.copytree(folder / "00000001", folder / name)
    assert (store.versions(), latest_version(store)) == ([1], 1)


def flip(path: Path, share: float) -> None:
    content = bytearray(path.read_bytes())
    content[int(share * len(content))] ^= 1
    path.write_bytes(content)


def tear(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        (PAYLOAD_NAME, lambda path: flip(path, 0.0)),
        (PAYLOAD_NAME, lambda path: flip(path, 0.999)),
        (PAYLOAD_NAME, tear),
        (PAYLOAD_NAME, lambda path: path.write_bytes(b"")),
        (PAYLOAD_NAME, lambda path: path.unlink()),
        (MANIFEST_NAME, tear),
        (MANIFEST_NAME, lambda path: path.write_bytes(b"")),
        (MANIFEST_NAME, lambda path: path.write_bytes(b"\xff" * 9)),
    ],
    ids=["first bit", "last bit", "torn", "empty", "gone", "manifest torn", "manifest empty", "manifest no message"],
)
def test_a_damaged_version_is_set_aside_and_the_one_before_is_used(
    store: AdapterStore, folder: Path, name: str, damage: Callable[[Path], object]
) -> None:
    publish(store, 1, 2)
    damage(folder / "00000002" / name)
    with pytest.raises(StoreError, match=r"Got version 2 damaged \(.*\): it was moved to .*damaged; older versions"):
        store.get(2)
    assert (store.versions(), latest_version(store)) == ([1], 1)
    assert (folder / "damaged" / "00000002").is_dir()


@pytest.mark.parametrize("piece_bytes", [1, 1024, len(PAYLOAD), len(PAYLOAD) + 1, 1 << 20])
def test_a_payload_comes_in_pieces(store: AdapterStore, piece_bytes: int) -> None:
    publish(store, 1)
    pieces = list(store.pieces(store.manifest(1), piece_bytes))
    assert b"".join(pieces) == payload_of(1)
    assert {len(piece) for piece in pieces[:-1]} <= {piece_bytes}


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: flip(path, 0.0),
        lambda path: flip(path, 0.999),
        tear,
        lambda path: path.write_bytes(path.read_bytes() + b"more"),
        lambda path: path.write_bytes(b""),
        lambda path: path.unlink(),
    ],
    ids=["first bit", "last bit", "torn", "longer", "empty", "gone"],
)
def test_the_last_piece_of_a_damaged_payload_is_kept_back(
    store: AdapterStore, folder: Path, damage: Callable[[Path], object]
) -> None:
    publish(store, 1, 2)
    told, path, came = store.manifest(2), folder / "00000002" / PAYLOAD_NAME, list[bytes]()
    damage(path)
    there = path.stat().st_size if path.exists() else 0
    with pytest.raises(StoreError, match=r"Got version 2 damaged \(.*\): it was moved to"):
        came.extend(store.pieces(told, 64))
    assert sum(map(len, came)) <= max(0, there - 1)
    assert store.told_above(0) == store.manifest(1)


def test_manifests_that_cannot_be_read_are_passed_over(store: AdapterStore, folder: Path) -> None:
    publish(store, 1, 2, 3)
    tear(folder / "00000003" / MANIFEST_NAME)
    assert store.told_above(1) == store.manifest(2)
    assert store.told_above(2) is None


def test_the_latest_version_passes_over_every_damaged_one(store: AdapterStore, folder: Path) -> None:
    publish(store, 1, 2, 3)
    for version in (2, 3):
        tear(folder / f"{version:08d}" / PAYLOAD_NAME)
    assert latest_version(store) == 1
    assert sorted(path.name for path in (folder / "damaged").iterdir()) == ["00000002", "00000003"]


def test_a_version_damaged_again_is_set_aside_beside_the_first(store: AdapterStore, folder: Path) -> None:
    publish(store, 1)
    for payload in (b"first", b"second"):
        store.publish(manifest(2), payload)
        tear(folder / "00000002" / PAYLOAD_NAME)
        assert latest_version(store) == 1
    kept = sorted(path.read_bytes() for path in (folder / "damaged").rglob(PAYLOAD_NAME))
    assert kept == [b"fi", b"sec"]  # half of each


def test_a_version_under_another_number_is_not_handed_out(store: AdapterStore, folder: Path) -> None:
    publish(store, 1)
    shutil.copytree(folder / "00000001", folder / "00000007")
    assert store.told_above(0) == store.manifest(1)
    assert latest_version(store) == 1
    assert (folder / "damaged" / "00000007").is_dir()


def test_a_changed_bit_that_still_makes_a_manifest_is_found(store: AdapterStore, folder: Path) -> None:
    publish(store, 1, 2)
    path = folder / "00000002" / MANIFEST_NAME
    changed = policy_pb2.AdapterManifest.FromString(path.read_bytes())
    changed.rolled_back_to = 1
    path.write_bytes(changed.SerializeToString())
    assert latest_version(AdapterStore(folder)) == 1
    assert (folder / "damaged" / "00000002").is_dir()


def test_a_manifest_of_an_earlier_release_is_taken_without_its_sha256(store: AdapterStore, folder: Path) -> None:
    publish(store, 1)
    (folder / "00000001" / MANIFEST_SHA256_NAME).unlink()
    assert latest_version(AdapterStore(folder)) == 1


def adapter_of(version: int) -> bytes:
    """An adapter that goes on as it went before."""
    generator = np.random.default_rng(0)
    start, step = generator.normal(0, 0.1, (16, 600)), generator.normal(0, 1e-4, (16, 600))
    return save({"t": (start + version * step).astype(np.float32)})


def sha256(payload: bytes) -> str:
    return hashlib.sha256(payload).hexdigest()


@pytest.mark.parametrize("reopened", [False, True])
def test_deltas_lie_beside_a_version_and_fit_exactly_what_they_are_against(
    store: AdapterStore, folder: Path, reopened: bool
) -> None:
    files = {version: adapter_of(version) for version in (1, 2, 3)}
    for version, file in files.items():
        (AdapterStore(folder) if reopened else store).publish(manifest(version, parent_version=version - 1), file)
    last = store.get(3)[0]
    first, second, third = map(sha256, files.values())
    plain, extrapolated = store.delta(last, second), store.extrapolated(last, second, first)
    assert plain == encode_delta(files[2], files[3])
    assert extrapolated == encode_extrapolated(files[1], files[2], files[3])
    assert extrapolated is not None
    assert plain is not None
    assert len(extrapolated) < len(plain)
    for pair in ((first, second), (second, second), (second, third), (second, ""), ("", ""), (second + first, "")):
        assert store.extrapolated(last, *pair) is None
    assert store.extrapolated(store.get(2)[0], first, "") is None
    assert not (folder / "00000002" / EXTRAPOLATED_NAME).exists()


def test_a_version_whose_grandparent_is_gone_or_damaged_has_the_delta_to_its_parent(
    store: AdapterStore, folder: Path
) -> None:
    for version in (1, 2):
        store.publish(manifest(version, parent_version=version - 1), adapter_of(version))
    flip(folder / "00000001" / PAYLOAD_NAME, 0.9)
    AdapterStore(folder).publish(manifest(3, parent_version=2), adapter_of(3))
    assert store.delta(store.get(3)[0], sha256(adapter_of(2))) is not None
    assert not (folder / "00000003" / EXTRAPOLATED_NAME).exists()
    AdapterStore(folder).publish(manifest(4, parent_version=3), adapter_of(4))
    assert (folder / "00000004" / EXTRAPOLATED_NAME).exists()


def test_a_version_stands_without_deltas_that_the_disk_refuses(
    store: AdapterStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    store.publish(manifest(1, parent_version=0), adapter_of(1))
    monkeypatch.setattr("tuner.adapters.store.write_delta", refuse)
    store.publish(manifest(2, parent_version=1), adapter_of(2))
    assert store.get(2)[1] == adapter_of(2)
    assert store.delta(store.get(2)[0], sha256(adapter_of(1))) is None


def test_a_delta_that_a_power_cut_tore_counts_as_none(store: AdapterStore, folder: Path) -> None:
    for version in (1, 2):
        store.publish(manifest(version, parent_version=version - 1), adapter_of(version))
    path = folder / "00000002" / DELTA_NAME
    whole = path.read_bytes()
    for length in (0, 40, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert store.delta(store.get(2)[0], sha256(adapter_of(1))) is None
