"""The `sync:` service, v1 and v2: requests in, records out. Keeps no files of its own and moves no data by itself.

Source: AOSP packages/modules/adb, file_sync_protocol.h and SYNC.TXT. `receive` takes the stream's bytes in any slicing;
`pull` returns the next piece of the answer, so a large file is never copied whole into the output.
"""

from __future__ import annotations

import errno
import posixpath
import stat
import struct
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from device_scripts.virtual_phone.errors import DeviceFileError, WireError
from device_scripts.virtual_phone.filesystem import DeviceFiles, FileNode

MAX_DATA_BYTES: Final = 64 * 1024
_MAX_PATH_BYTES: Final = 1024

_REQUEST: Final = struct.Struct("<4sI")
_STAT_V1: Final = struct.Struct("<4s3I")
_DENT_V1: Final = struct.Struct("<4s4I")
_STAT_V2: Final = struct.Struct("<4sIQQIIIIQqqq")
_DENT_V2: Final = struct.Struct("<4sIQQIIIIQqqqI")
_SEND_V2: Final = struct.Struct("<4sII")
_RECV_V2: Final = struct.Struct("<4sI")
_DEVICE_ID: Final = 0xFE2A
_SHELL_UID: Final = 2000

_FLAG_DRY_RUN: Final = 0x80000000
_FLAG_NONE: Final = 0
_DIRECTORY_ENTRIES: Final = (".", "..")


class SyncSession:
    """One `sync:` stream over `files`; `now_sec` dates what is written without a date."""

    def __init__(self, files: DeviceFiles, now_sec: Callable[[], int]) -> None:
        self.finished = False
        self._files = files
        self._now_sec = now_sec
        self._input = bytearray()
        self._answers: deque[Iterator[bytes]] = deque()
        self._upload: _Upload | None = None
        self._awaiting: tuple[bytes, str] | None = None

    @property
    def is_idle(self) -> bool:
        """True when nothing waits to be pulled."""
        return not self._answers

    def receive(self, data: bytes) -> None:
        """Take bytes of the stream; WireError for a request that cannot be."""
        self._input += data
        while not self.finished and self._step():
            pass

    def pull(self) -> bytes | None:
        """Return the next piece of output, or None when there is none now."""
        while self._answers:
            piece = next(self._answers[0], None)
            if piece is not None:
                return piece
            self._answers.popleft()
        return None

    def _step(self) -> bool:
        """Consume one record from the input; False when more bytes are needed."""
        if self._upload is not None:
            return self._step_upload(self._upload)
        if self._awaiting is not None:
            return self._step_v2_setup(*self._awaiting)
        if len(self._input) < _REQUEST.size:
            return False
        request_id, length = _REQUEST.unpack_from(self._input)
        if request_id == b"QUIT":
            self.finished = True
            return False
        if length > _MAX_PATH_BYTES:
            raise WireError(f"Got a sync path of {length} bytes; expected at most {_MAX_PATH_BYTES}.")
        if len(self._input) < _REQUEST.size + length:
            return False
        raw_path = bytes(self._input[_REQUEST.size : _REQUEST.size + length])
        del self._input[: _REQUEST.size + length]
        self._begin(request_id, raw_path.decode("utf-8", "surrogateescape"))
        return True

    def _begin(self, request_id: bytes, path: str) -> None:
        if request_id in (b"STAT", b"LST2", b"STA2"):
            self._answer(iter((self._stat(request_id, path),)))
        elif request_id in (b"LIST", b"LIS2"):
            self._answer(self._list(request_id, path))
        elif request_id == b"RECV":
            self._answer(self._content(path))
        elif request_id == b"SEND":
            self._begin_send(path)
        elif request_id in (b"SND2", b"RCV2"):
            self._awaiting = (request_id, path)
        else:
            raise WireError(f"Got the sync request {request_id!r}; expected one of file_sync_protocol.h.")

    def _answer(self, pieces: Iterator[bytes]) -> None:
        self._answers.append(pieces)

    def _step_v2_setup(self, request_id: bytes, path: str) -> bool:
        """Read the second message of SND2 (mode, flags) or RCV2 (flags)."""
        layout = _SEND_V2 if request_id == b"SND2" else _RECV_V2
        if len(self._input) < layout.size:
            return False
        setup_id, *values = layout.unpack_from(self._input)
        del self._input[: layout.size]
        self._awaiting = None
        if setup_id != request_id:
            raise WireError(f"Got {setup_id!r} after {request_id!r}; expected its set-up message.")
        if request_id == b"SND2":
            self._upload = _Upload(path, values[0], dry_run=bool(values[1] & _FLAG_DRY_RUN))
            if values[1] & ~_FLAG_DRY_RUN != _FLAG_NONE:
                self._upload.error = "compression was not announced; send without it"
        elif values[0] != _FLAG_NONE:
            self._answer(iter((_fail("compression was not announced; receive without it"),)))
        else:
            self._answer(self._content(path))
        return True

    def _begin_send(self, path_and_mode: str) -> None:
        """SEND's path ends in `,MODE` in decimal; the last comma counts."""
        path, _, mode = path_and_mode.rpartition(",")
        if not mode.isascii() or not mode.isdigit():
            self._upload = _Upload(path_and_mode, stat.S_IFREG | 0o644, dry_run=False)
            self._upload.error = f"bad mode in '{path_and_mode}'"
            return
        self._upload = _Upload(path, int(mode), dry_run=False)

    def _step_upload(self, upload: _Upload) -> bool:
        """Read DATA records until DONE; an upload that failed is read to its end all the same."""
        if len(self._input) < _REQUEST.size:
            return False
        record_id, value = _REQUEST.unpack_from(self._input)
        if record_id == b"DONE":
            del self._input[: _REQUEST.size]
            self._upload = None
            self._answer(iter((self._finish_upload(upload, value),)))
            return True
        if record_id != b"DATA" or value > MAX_DATA_BYTES:
            raise WireError(f"Got {record_id!r} of {value} bytes inside a SEND; expected DATA (up to 64 KiB) or DONE.")
        end = _REQUEST.size + value
        if len(self._input) < end:
            return False
        self._keep(upload, memoryview(self._input)[_REQUEST.size : end])
        del self._input[:end]
        return True

    def _keep(self, upload: _Upload, data: memoryview) -> None:
        if not upload.error and len(upload.content) + len(data) > self._files.quota_bytes:
            upload.error = f"write failed: {DeviceFileError(errno.ENOSPC, upload.path).reason}"
            upload.content.clear()
        if not upload.error:
            upload.content += data
        data.release()

    def _finish_upload(self, upload: _Upload, mtime_sec: int) -> bytes:
        if upload.error:
            return _fail(upload.error)
        if upload.dry_run:
            return _REQUEST.pack(b"OKAY", 0)
        try:
            self._store(upload, mtime_sec)
        except DeviceFileError as error:
            return _fail(f"couldn't create file: {error.reason}")
        return _REQUEST.pack(b"OKAY", 0)

    def _store(self, upload: _Upload, mtime_sec: int) -> None:
        """Write the file or link, making missing parent folders first (feature fixed_push_mkdir)."""
        parent = posixpath.dirname(upload.path)
        if parent and self._files.find(parent) is None:
            self._files.make_folder(parent, now_sec=self._now_sec(), parents=True)
        if stat.S_ISLNK(upload.mode):
            self._files.link(upload.path, bytes(upload.content).rstrip(b"\0"), now_sec=mtime_sec)
        else:
            self._files.write(upload.path, bytes(upload.content), now_sec=mtime_sec, mode=upload.mode)

    def _stat(self, request_id: bytes, path: str) -> bytes:
        """STAT is lstat and answers zeros for a missing file; the v2 forms carry an errno."""
        node = self._files.find(path, follow_last=request_id == b"STA2")
        if request_id == b"STAT":
            if node is None:
                return _STAT_V1.pack(b"STAT", 0, 0, 0)
            return _STAT_V1.pack(b"STAT", node.mode, node.size_bytes & 0xFFFFFFFF, node.mtime_sec & 0xFFFFFFFF)
        if node is None:
            return _STAT_V2.pack(request_id, errno.ENOENT, *([0] * 10))
        return _STAT_V2.pack(request_id, *_stat_fields(path, node))

    def _list(self, request_id: bytes, path: str) -> Iterator[bytes]:
        """A missing folder lists as an empty one, as adbd does; the closing DONE is a full record."""
        v2 = request_id == b"LIS2"
        try:
            children = self._files.children(path)
            own = self._files.find(path)
        except DeviceFileError:
            children, own = [], None
        entries = [(name, own) for name in _DIRECTORY_ENTRIES if own is not None] + children
        for name, node in entries:
            assert node is not None, "entries were made of nodes"
            raw_name = name.encode("utf-8", "surrogateescape")
            if v2:
                yield _DENT_V2.pack(b"DNT2", *_stat_fields(f"{path}/{name}", node), len(raw_name)) + raw_name
            else:
                yield _DENT_V1.pack(b"DENT", node.mode, node.size_bytes, node.mtime_sec, len(raw_name)) + raw_name
        yield _DENT_V2.pack(b"DONE", *([0] * 12)) if v2 else _DENT_V1.pack(b"DONE", 0, 0, 0, 0)

    def _content(self, path: str) -> Iterator[bytes]:
        try:
            content = self._files.read(path)
        except DeviceFileError as error:
            yield _fail(f"open failed: {error.reason}")
            return
        view = memoryview(content)
        for start in range(0, len(content), MAX_DATA_BYTES):
            chunk = view[start : start + MAX_DATA_BYTES]
            yield b"".join((_REQUEST.pack(b"DATA", len(chunk)), chunk))
        yield _REQUEST.pack(b"DONE", 0)


class _Upload:
    """A SEND in progress."""

    def __init__(self, path: str, mode: int, *, dry_run: bool) -> None:
        self.path = path
        self.mode = mode
        self.dry_run = dry_run
        self.error = ""
        self.content = bytearray()


def _stat_fields(path: str, node: FileNode) -> tuple[int, ...]:
    """Return error, dev, ino, mode, nlink, uid, gid, size, atime, mtime, ctime of sync_stat_v2."""
    inode = hash_path(path)
    when = node.mtime_sec
    return (0, _DEVICE_ID, inode, node.mode, 1, _SHELL_UID, _SHELL_UID, node.size_bytes, when, when, when)


def hash_path(path: str) -> int:
    """Return a stable inode number for a path (FNV-1a, 32 bit)."""
    value = 0x811C9DC5
    for byte in path.encode("utf-8", "surrogateescape"):
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


def _fail(reason: str) -> bytes:
    raw = reason.encode("utf-8", "surrogateescape")
    return _REQUEST.pack(b"FAIL", len(raw)) + raw
