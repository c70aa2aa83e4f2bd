"""Atomic writes: the file is the old one or the new one, and nothing is left lying about."""

from __future__ import annotations

import os
import resource
import threading
from pathlib import Path

import pytest

from agent_runtime.files import fsync_folder
from tuner.errors import ConfigError
from tuner.files import filled_folder, let_go, remove_partial, write_atomically, write_synced
from tuner.folder_lock import folder_awaited, folder_locked


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written_and_written_over(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in (b"first", b"", b"second\x00" * 1000):
        write_atomically(path, content)
        assert path.read_bytes() == content
    assert names(tmp_path) == ["file"]


def test_whoever_reads_meanwhile_sees_one_content_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    contents = {bytes([letter]) * 100_000 for letter in b"ab"}
    write_atomically(path, min(contents))
    seen: set[bytes] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.add(path.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(20):
        write_atomically(path, sorted(contents)[number % 2])
    done.set()
    reader.join()
    assert seen
    assert seen <= contents


def test_a_full_disk_leaves_the_old_content_and_no_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))  # Python ignores the signal; the write fails
    try:
        with pytest.raises(OSError, match="File too large"):
            write_atomically(path, bytes(1000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_a_name_that_is_taken_by_a_folder_is_refused_without_a_trace(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(IsADirectoryError):
        write_atomically(tmp_path / "file", b"new")
    assert names(tmp_path) == ["file"]


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "none" / "file", b"")
    with pytest.raises(FileNotFoundError):
        fsync_folder(tmp_path / "none")


def test_only_a_folder_can_be_synced_as_one(tmp_path: Path) -> None:
    fsync_folder(tmp_path)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotADirectoryError):
        fsync_folder(tmp_path / "file")


def test_the_file_is_synced_before_it_gets_its_name_and_the_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    real_fsync, real_replace = os.fsync, os.replace

    def fsync(descriptor: int) -> None:
        done.append("sync folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "sync file")
        real_fsync(descriptor)

    def replace(source: str, target: Path) -> None:
        done.append("rename")
        real_replace(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    write_atomically(tmp_path / "file", b"content")
    assert done == ["sync file", "rename", "sync folder"]


def test_what_a_killed_writer_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    pid = os.fork()
    if not pid:
        os.replace = lambda *_: os._exit(0)  # type: ignore[assignment]  # dies with the file written beside its place
        write_atomically(tmp_path / "file", b"content")
    os.waitpid(pid, 0)
    (tmp_path / ".other").touch()
    write_atomically(tmp_path / "whole", b"")
    assert len(names(tmp_path)) == 3
    remove_partial(tmp_path)
    assert names(tmp_path) == [".other", "whole"]


def test_a_folder_is_waited_for_until_it_is_free_or_a_stop_comes(tmp_path: Path) -> None:
    waits: list[float] = []

    def stopped_within(seconds: float) -> bool:
        waits.append(seconds)
        return len(waits) == 3

    with folder_locked(tmp_path, "a free one"):
        with folder_awaited(tmp_path, stopped_within) as is_ours:
            assert not is_ours
        assert len(waits) == 3
        with pytest.raises(ConfigError, match="expected a free one"), folder_locked(tmp_path, "a free one"):
            pass
    with folder_awaited(tmp_path, stopped_within) as is_ours:
        assert is_ours
        with pytest.raises(ConfigError), folder_locked(tmp_path, "a free one"):
            pass
    assert len(waits) == 3


def test_a_folder_is_put_in_its_place_whole_and_replaces_what_was_left_there(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "old").touch()
    (tmp_path / ".folder.partial").mkdir()
    (tmp_path / ".folder.partial" / "half").touch()
    with filled_folder(folder) as partial:
        write_synced(partial / "new", b"content")
        assert names(folder) == ["old"]
    assert (names(tmp_path), names(folder)) == (["folder"], ["new"])
    assert ((folder / "new").read_bytes(), (folder / "new").stat().st_mode & 0o777) == (b"content", 0o600)


@pytest.mark.parametrize("error", [OSError("full"), KeyboardInterrupt()])
def test_a_folder_that_was_not_filled_leaves_no_trace(tmp_path: Path, error: BaseException) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "old").touch()

    def fill() -> None:
        with filled_folder(tmp_path / "folder") as partial:
            write_synced(partial / "new", b"content")
            raise error

    with pytest.raises(type(error)):
        fill()
    assert (names(tmp_path), names(tmp_path / "folder")) == (["folder"], ["old"])


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    write_synced(tmp_path / "file", b"old")
    with pytest.raises(FileExistsError):
        write_synced(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"old"


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_a_file_let_go_is_as_it_was(platform: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", platform)
    if platform == "darwin":
        monkeypatch.delattr("os.posix_fadvise")
    path = tmp_path / "file"
    write_synced(path, b"content")
    let_go(path)
    assert path.read_bytes() == b"content"
    with pytest.raises(FileNotFoundError):
        let_go(tmp_path / "none")
