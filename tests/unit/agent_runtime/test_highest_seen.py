"""The highest version that was in place is remembered across restarts, by key."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_runtime.adapters import highest_seen
from agent_runtime.adapters.highest_seen import FILE_NAME, HighestSeen
from agent_runtime.errors import UsageError


def opened(path: Path, key_id: str = "aa") -> HighestSeen:
    seen = HighestSeen(path, key_id)
    seen.open()
    return seen


def test_it_only_rises_and_stays(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    seen = opened(path)
    assert seen.version == 0
    seen.raise_to(7)
    seen.raise_to(3)
    assert (seen.version, opened(path).version) == (7, 7)


def test_each_key_has_its_own(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    opened(path).raise_to(7)
    other = opened(path, "bb")
    assert other.version == 0
    other.raise_to(2)
    assert (opened(path).version, opened(path, "bb").version) == (7, 2)


def test_its_name_is_durable_once_it_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, synced = tmp_path / FILE_NAME, []
    monkeypatch.setattr(highest_seen, "fsync_folder", lambda folder: synced.append((folder, path.read_text())))
    opened(path).raise_to(7)
    assert synced == [(tmp_path, "aa 7\n")]


@pytest.mark.parametrize("content", [b"aa\n", b"aa seven\n", b"\xff\xfe", b"aa 7 8\n"])
def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / FILE_NAME
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"^Got no versions from .* remove it to take any version once\.$"):
        opened(path)


def test_a_disk_that_refuses_leaves_what_was_noted(tmp_path: Path) -> None:
    path = tmp_path / "gone" / FILE_NAME
    path.parent.mkdir()
    seen = opened(path)
    seen.raise_to(1)
    path.unlink()
    path.parent.rmdir()
    with pytest.raises(OSError, match="No such file"):
        seen.raise_to(2)
    assert seen.version == 1
