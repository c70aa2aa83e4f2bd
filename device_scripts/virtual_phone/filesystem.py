"""The phone's files as plain data: folders, files, links, what may be written. Never touches the host's disk."""

from __future__ import annotations

import copy
import errno
import posixpath
import stat
from dataclasses import dataclass
from typing import Final

from device_scripts.virtual_phone.errors import DeviceFileError

DEFAULT_QUOTA_BYTES: Final = 512 * 1024 * 1024
_MAX_LINKS: Final = 8
_MAX_NAME_BYTES: Final = 255
_WRITABLE: Final = ("/data/local/tmp", "/storage/emulated/0", "/cache")
_READ_ONLY: Final = ("/system", "/vendor", "/product", "/proc", "/sys")
_FOLDERS: Final = (
    "/", "/acct", "/apex", "/cache", "/data", "/data/app", "/data/data", "/data/local", "/data/local/tmp", "/dev",
    "/mnt", "/proc", "/product", "/storage", "/storage/emulated", "/storage/emulated/0", "/sys", "/system",
    "/system/app", "/system/bin", "/system/etc", "/vendor",
    *(f"/storage/emulated/0/{name}" for name in ("Alarms", "Android", "DCIM", "Documents", "Download", "Pictures")),
)  # fmt: skip
BOOT_TIME_PATH: Final = "/proc/stat"
_LINKS: Final = {"/sdcard": "/storage/emulated/0", "/bin": "/system/bin", "/etc": "/system/etc"}


@dataclass(frozen=True, slots=True)
class FileNode:
    """One file, folder or link; `mode` holds the type bits of stat(2), `data` a file's content or a link's target."""

    mode: int
    mtime_sec: int
    data: bytes = b""

    @property
    def is_dir(self) -> bool:
        """Whether it is a folder."""
        return stat.S_ISDIR(self.mode)

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link."""
        return stat.S_ISLNK(self.mode)

    @property
    def size_bytes(self) -> int:
        """What stat shows: a file's length, a link's target's length, 4096 for a folder."""
        return 4096 if self.is_dir else len(self.data)


class DeviceFiles:
    """A tree of FileNodes by absolute path. Nodes are frozen, so a copy of the table is a snapshot."""

    def __init__(self, now_sec: int = 0, quota_bytes: int = DEFAULT_QUOTA_BYTES) -> None:
        self.quota_bytes = quota_bytes
        self.changes = 0
        """Counts up with every change, so that what was made of the files can be told to be stale."""
        self.nodes: dict[str, FileNode] = {path: FileNode(stat.S_IFDIR | 0o755, now_sec) for path in _FOLDERS}
        for path, target in _LINKS.items():
            self.nodes[path] = FileNode(stat.S_IFLNK | 0o777, now_sec, target.encode())
        self.set_boot_time(now_sec)
        self.nodes["/dev/null"] = FileNode(stat.S_IFCHR | 0o666, now_sec)

    def set_boot_time(self, at_sec: int) -> None:
        """Let `/proc/stat` say when the phone was switched on, by the phone's own clock (proc(5), btime)."""
        self.nodes[BOOT_TIME_PATH] = FileNode(stat.S_IFREG | 0o444, at_sec, b"btime %d\n" % at_sec)

    def snapshot(self) -> dict[str, FileNode]:
        """Return a copy of the table."""
        return dict(self.nodes)

    def copy(self) -> DeviceFiles:
        """Return independent files equal to these."""
        twin = copy.copy(self)
        twin.nodes = dict(self.nodes)
        return twin

    def restore(self, nodes: dict[str, FileNode]) -> None:
        """Take back a table that `snapshot` returned."""
        self.nodes = dict(nodes)
        self.changes += 1

    def resolve(self, path: str, *, follow_last: bool = True) -> str:
        """Return the absolute path with links followed; DeviceFileError (ELOOP) when they go in circles."""
        parts = [part for part in posixpath.normpath("/" + path).split("/") if part]
        done = ""
        links = 0
        while parts:
            step = f"{done}/{parts.pop(0)}"
            node = self.nodes.get(step)
            if node is None or not node.is_link or (not parts and not follow_last):
                done = step
                continue
            links += 1
            if links > _MAX_LINKS:
                raise DeviceFileError(errno.ELOOP, path)
            target = posixpath.join(done or "/", node.data.decode("utf-8", "surrogateescape"))
            parts = [part for part in posixpath.normpath(target).split("/") if part] + parts
            done = ""
        return done or "/"

    def find(self, path: str, *, follow_last: bool = True) -> FileNode | None:
        """Return the node, or None when there is none (stat, lstat)."""
        try:
            return self.nodes.get(self.resolve(path, follow_last=follow_last))
        except DeviceFileError:
            return None

    def children(self, path: str) -> list[tuple[str, FileNode]]:
        """Return the names and nodes right inside a folder, by name; DeviceFileError when it is no folder."""
        folder = self.resolve(path)
        node = self.nodes.get(folder)
        if node is None:
            raise DeviceFileError(errno.ENOENT, path)
        if not node.is_dir:
            raise DeviceFileError(errno.ENOTDIR, path)
        prefix = folder.rstrip("/") + "/"
        inside = (name for name in self.nodes if name.startswith(prefix) and name != "/")
        names = sorted(name[len(prefix) :] for name in inside if "/" not in name[len(prefix) :])
        return [(name, self.nodes[prefix + name]) for name in names]

    def read(self, path: str) -> bytes:
        """Return a file's content; DeviceFileError when it is missing or a folder."""
        node = self.nodes.get(self.resolve(path))
        if node is None:
            raise DeviceFileError(errno.ENOENT, path)
        if node.is_dir:
            raise DeviceFileError(errno.EISDIR, path)
        return node.data

    def write(self, path: str, data: bytes, *, now_sec: int, mode: int = 0o644, append: bool = False) -> None:
        """Create or replace a file; DeviceFileError when the place or the quota does not allow it."""
        target = self.resolve(path)
        if target == "/dev/null":
            return
        old = self.nodes.get(target)
        if old is not None and old.is_dir:
            raise DeviceFileError(errno.EISDIR, path)
        self._check_place(target, path)
        content = old.data + data if append and old is not None else data
        used = sum(len(node.data) for node in self.nodes.values()) - (len(old.data) if old else 0)
        if used + len(content) > self.quota_bytes:
            raise DeviceFileError(errno.ENOSPC, path)
        self.nodes[target] = FileNode(stat.S_IFREG | (mode & 0o777), now_sec, content)
        self.changes += 1

    def link(self, path: str, target: bytes, *, now_sec: int) -> None:
        """Create a symbolic link; DeviceFileError as for `write`."""
        place = self.resolve(path, follow_last=False)
        self._check_place(place, path)
        if (old := self.nodes.get(place)) is not None and old.is_dir:
            raise DeviceFileError(errno.EISDIR, path)
        self.nodes[place] = FileNode(stat.S_IFLNK | 0o777, now_sec, target)
        self.changes += 1

    def make_folder(self, path: str, *, now_sec: int, parents: bool = False) -> None:
        """Create a folder (and its parents); DeviceFileError when it exists (unless `parents`) or may not be made."""
        target = self.resolve(path)
        old = self.nodes.get(target)
        if old is not None:
            if parents and old.is_dir:
                return
            raise DeviceFileError(errno.EEXIST, path)
        parent = posixpath.dirname(target)
        if parents and parent not in self.nodes:
            self.make_folder(parent, now_sec=now_sec, parents=True)
        self._check_place(target, path)
        self.nodes[target] = FileNode(stat.S_IFDIR | 0o755, now_sec)
        self.changes += 1

    def rename(self, path: str, new_path: str) -> None:
        """Give a file or folder another path; DeviceFileError when either may not be or the new one is taken."""
        old, new = self.resolve(path, follow_last=False), self.resolve(new_path, follow_last=False)
        if old not in self.nodes:
            raise DeviceFileError(errno.ENOENT, path)
        if new in self.nodes:
            raise DeviceFileError(errno.EEXIST, new_path)
        if new.startswith(old + "/"):
            raise DeviceFileError(errno.EINVAL, new_path)
        self._check_place(old, path)
        self._check_place(new, new_path)
        for name in [name for name in self.nodes if name == old or name.startswith(old + "/")]:
            self.nodes[new + name[len(old) :]] = self.nodes.pop(name)
        self.changes += 1

    def remove(self, path: str, *, recursive: bool = False) -> None:
        """Remove a file or link, or with `recursive` a whole folder; DeviceFileError when it may not be."""
        target = self.resolve(path, follow_last=False)
        node = self.nodes.get(target)
        if node is None:
            raise DeviceFileError(errno.ENOENT, path)
        if node.is_dir and not recursive:
            raise DeviceFileError(errno.EISDIR, path)
        self._check_place(target, path)
        inside = target.rstrip("/") + "/"
        for name in [name for name in self.nodes if name == target or name.startswith(inside)]:
            del self.nodes[name]
        self.changes += 1

    def _check_place(self, target: str, path: str) -> None:
        """Refuse what an unrooted phone refuses: read-only partitions, other apps' data, missing parents."""
        parent = self.nodes.get(posixpath.dirname(target))
        if len(posixpath.basename(target).encode("utf-8", "surrogateescape")) > _MAX_NAME_BYTES:
            raise DeviceFileError(errno.ENAMETOOLONG, path)
        if posixpath.dirname(target) == "/" or _is_inside(target, _READ_ONLY):
            raise DeviceFileError(errno.EROFS, path)
        if not _is_inside(target, _WRITABLE):
            raise DeviceFileError(errno.EACCES, path)
        if parent is None:
            raise DeviceFileError(errno.ENOENT, path)
        if not parent.is_dir:
            raise DeviceFileError(errno.ENOTDIR, path)


def _is_inside(path: str, folders: tuple[str, ...]) -> bool:
    return any(path.startswith(folder + "/") for folder in folders)
