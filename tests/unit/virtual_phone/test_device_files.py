"""The phone's files: links, refusals, quota, snapshots."""

from __future__ import annotations

import errno
import stat

import pytest

from device_scripts.virtual_phone.errors import DeviceFileError
from device_scripts.virtual_phone.filesystem import DeviceFiles


@pytest.fixture
def files() -> DeviceFiles:
    return DeviceFiles(now_sec=100)


def test_sdcard_is_a_link_into_the_shared_storage(files: DeviceFiles) -> None:
    files.write("/sdcard/a.txt", b"x", now_sec=5)
    assert files.read("/storage/emulated/0/a.txt") == b"x"
    link, folder = files.find("/sdcard", follow_last=False), files.find("/sdcard")
    assert link is not None
    assert link.is_link
    assert folder is not None
    assert folder.is_dir


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/system/bin/x", errno.EROFS),
        ("/x", errno.EROFS),
        ("/data/data/x", errno.EACCES),
        ("/sdcard/no/x", errno.ENOENT),
        ("/sdcard/Download", errno.EISDIR),
        ("/sdcard/" + "n" * 256, errno.ENAMETOOLONG),
    ],
)
def test_write_is_refused_with_the_errno_a_phone_gives(files: DeviceFiles, path: str, expected: int) -> None:
    with pytest.raises(DeviceFileError) as caught:
        files.write(path, b"", now_sec=0)
    assert caught.value.errno == expected


def test_quota_counts_what_is_replaced_once(files: DeviceFiles) -> None:
    held = sum(len(node.data) for node in files.nodes.values())
    files.quota_bytes = held + 10
    files.write("/sdcard/a", b"x" * 10, now_sec=0)
    files.write("/sdcard/a", b"y" * 10, now_sec=0)
    with pytest.raises(DeviceFileError) as caught:
        files.write("/sdcard/b", b"z", now_sec=0)
    assert caught.value.errno == errno.ENOSPC


def test_links_in_a_circle_end_in_eloop(files: DeviceFiles) -> None:
    files.link("/sdcard/a", b"/sdcard/b", now_sec=0)
    files.link("/sdcard/b", b"a", now_sec=0)
    with pytest.raises(DeviceFileError) as caught:
        files.read("/sdcard/a/x")
    assert caught.value.errno == errno.ELOOP
    assert files.find("/sdcard/a") is None


def test_children_are_the_direct_ones_by_name(files: DeviceFiles) -> None:
    files.make_folder("/sdcard/d/e", now_sec=0, parents=True)
    files.write("/sdcard/d/a", b"", now_sec=0)
    assert [name for name, _ in files.children("/sdcard/d")] == ["a", "e"]
    assert "sdcard" in [name for name, _ in files.children("/")]


def test_remove_takes_a_folder_only_with_everything_in_it(files: DeviceFiles) -> None:
    files.make_folder("/sdcard/d/e", now_sec=0, parents=True)
    with pytest.raises(DeviceFileError):
        files.remove("/sdcard/d")
    files.remove("/sdcard/d", recursive=True)
    assert files.find("/sdcard/d/e") is None


def test_snapshot_is_not_changed_by_later_writes(files: DeviceFiles) -> None:
    files.write("/sdcard/a", b"1", now_sec=7, mode=0o600)
    kept = files.snapshot()
    files.write("/sdcard/a", b"2", now_sec=8)
    files.restore(kept)
    node = files.find("/sdcard/a")
    assert node is not None
    assert (node.data, node.mtime_sec, stat.S_IMODE(node.mode)) == (b"1", 7, 0o600)
