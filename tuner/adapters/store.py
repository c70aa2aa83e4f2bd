"""The adapter store: one folder per version, published whole or not at all. Handles bytes, not tensors.

    adapters/00000003/adapter_model.safetensors     the payload
    adapters/00000003/manifest.pb                   coso.v1.AdapterManifest: it makes the version exist
    adapters/00000003/manifest.sha256               sha256 of the manifest, in hexadecimal
    adapters/00000003/delta.zst                     sha256 of the parent's payload, sha256 of the rest, the delta;
                                                    only where it is smaller, and nothing depends on it
    adapters/00000003/extrapolated.zst              likewise, with the grandparent's after the parent's; only where it
                                                    is smaller than that

A version is written under another name, synced, and put in its place by one rename. One whose payload does not have
the manifest's sha256, or whose manifest is not what was written, is set aside under ``damaged/`` when it is read. A
manifest of an earlier release has no sha256 and is taken as it is.
"""

import hashlib
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from coso.v1 import policy_pb2
from google.protobuf.message import DecodeError

from agent_runtime.errors import AdapterError
from agent_runtime.files import fsync_folder, make_folder
from tuner.adapters.delta_files import DELTA_NAME, EXTRAPOLATED_NAME, delta_file, read_delta, write_delta
from tuner.errors import StoreError
from tuner.files import filled_folder, let_go, write_synced

PAYLOAD_NAME = "adapter_model.safetensors"
MANIFEST_NAME = "manifest.pb"
MANIFEST_SHA256_NAME = "manifest.sha256"
_NAMES = (DELTA_NAME, EXTRAPOLATED_NAME)
_LOG = logging.getLogger(__name__)
Found = TypeVar("Found")


class AdapterStore:
    """The versions in ``folder``; makes the folder on first publish, and remembers the two published last."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._last: dict[int, tuple[policy_pb2.AdapterManifest, bytes]] = {}
        """What was published last and before, by version."""
        self._is_made = False
        self._whole: policy_pb2.AdapterManifest | None = None
        """The newest version whose bytes were checked; looked at again only when it is asked for."""

    def publish(self, manifest: policy_pb2.AdapterManifest, payload: bytes) -> policy_pb2.AdapterManifest:
        """Make a version durable and visible; fills in size, digest and time, and returns the manifest as stored.

        Raises:
            StoreError: the version is not newer than the latest one.
            OSError: the disk refused; the version does not exist then.
        """
        newest = self.newest()
        if manifest.version <= newest:
            raise StoreError(f"Got version {manifest.version}, expected one above {newest}: count on from the latest.")
        if not self._is_made:  # once: it waits for the disk
            make_folder(self._folder)
            self._is_made = True
        complete = policy_pb2.AdapterManifest()
        complete.CopyFrom(manifest)
        complete.encoding = policy_pb2.ADAPTER_ENCODING_SAFETENSORS
        with (
            filled_folder(self._version_folder(manifest.version)) as folder,
            ThreadPoolExecutor(3, thread_name_prefix="payload") as beside,  # the disk works meanwhile
        ):
            writing = beside.submit(write_synced, folder / PAYLOAD_NAME, payload)
            complete.payload_bytes, complete.payload_sha256 = len(payload), hashlib.sha256(payload).hexdigest()
            complete.adapter_bytes, complete.adapter_sha256 = complete.payload_bytes, complete.payload_sha256
            complete.published_at.GetCurrentTime()
            telling = beside.submit(_write_manifest, folder, complete.SerializeToString())
            _lay_beside(folder, self._deltas(complete, payload, beside))
            for written in (writing, telling):
                written.result()
        for old in list(self._last)[:-1]:
            self._let_go(old)
        self._last = {**dict(list(self._last.items())[-1:]), complete.version: (complete, payload)}
        return complete

    def versions(self) -> list[int]:
        """Return every version there is, ascending."""
        return list(self._newest_first())[::-1]

    def newest(self) -> int:
        """Return the newest version there is, whole or not, 0 where there is none."""
        return next(self._newest_first(), 0)

    def latest(self) -> policy_pb2.AdapterManifest | None:
        """Return the manifest of the newest version that is whole, or None; its bytes are checked the first time."""
        newest = self.newest()
        if self._whole is not None and self._whole.version == newest:
            return self._whole
        found = self.newer_than(0)
        return found[0] if found else None

    def newer_than(self, version: int) -> tuple[policy_pb2.AdapterManifest, bytes] | None:
        """Return manifest and payload of the newest whole version above ``version``, or None."""
        return self._first_above(version, self.get)

    def told_above(self, version: int) -> policy_pb2.AdapterManifest | None:
        """Return the newest manifest above ``version`` that can be read, or None; its payload is not looked at."""
        return self._first_above(version, self.manifest)

    def pieces(self, manifest: policy_pb2.AdapterManifest, piece_bytes: int) -> Iterator[bytes]:
        """Yield a version's payload piece by piece, the last one only when all of them have the manifest's sha256.

        Raises:
            StoreError: they have not, or are gone; the version is set aside.
        """
        seen, kept_back = hashlib.sha256(), b""
        try:
            with (self._version_folder(manifest.version) / PAYLOAD_NAME).open("rb") as file:
                while piece := file.read(piece_bytes):
                    if kept_back:
                        yield kept_back
                    seen.update(piece)  # while the one before is on its way
                    kept_back = piece
        except FileNotFoundError as error:
            raise self._set_aside(manifest.version, "its payload is gone") from error
        if seen.hexdigest() != manifest.payload_sha256:
            raise self._set_aside(manifest.version, "its payload is not what was published")
        yield kept_back

    def get(self, version: int) -> tuple[policy_pb2.AdapterManifest, bytes]:
        """Return a version's manifest and payload.

        Raises:
            StoreError: there is no such version, or its bytes are damaged; then it is set aside.
        """
        manifest = self.manifest(version)
        try:
            payload = (self._version_folder(version) / PAYLOAD_NAME).read_bytes()
        except FileNotFoundError as error:
            raise self._set_aside(version, "its payload is gone") from error
        if hashlib.sha256(payload).hexdigest() != manifest.payload_sha256:
            raise self._set_aside(version, "its payload is not what was published")
        if self._whole is None or self._whole.version < version:
            self._whole = manifest
        return manifest, payload

    def get_or_newest(self, version: int | None) -> tuple[policy_pb2.AdapterManifest, bytes]:
        """Return manifest and payload of a version, of the newest whole one where none is named.

        Raises:
            StoreError: there is no such version, or none at all, or its bytes are damaged.
        """
        found = self.newer_than(0) if version is None else self.get(version)
        if found is None:
            raise StoreError(
                f"Got {self._folder.parent} without a version, expected a tuner's state folder that has published one."
            )
        return found

    def manifest(self, version: int) -> policy_pb2.AdapterManifest:
        """Return what a version's manifest says; its payload is not looked at.

        Raises:
            StoreError: there is no such version, or its manifest cannot be read; then it is set aside.
        """
        folder = self._version_folder(version)
        try:
            content = (folder / MANIFEST_NAME).read_bytes()
        except FileNotFoundError as error:
            raise StoreError(f"Got version {version}, expected one of {self.versions()}.") from error
        digest = folder / MANIFEST_SHA256_NAME
        if digest.exists() and hashlib.sha256(content).hexdigest().encode() != digest.read_bytes():
            raise self._set_aside(version, "its manifest is not what was published")
        try:
            manifest = policy_pb2.AdapterManifest.FromString(content)
        except DecodeError as error:
            raise self._set_aside(version, "its manifest cannot be read") from error
        if manifest.version != version:
            raise self._set_aside(version, f"its manifest is that of version {manifest.version}")
        return manifest

    def remove(self, version: int) -> None:
        """Remove a version for good; the manifest goes first, so that what is left after a crash is no version.

        Raises:
            OSError: the disk refused.
        """
        folder = self._version_folder(version)
        (folder / MANIFEST_NAME).unlink(missing_ok=True)
        fsync_folder(folder)
        shutil.rmtree(folder)

    def delta(self, manifest: policy_pb2.AdapterManifest, parent_sha256: str) -> bytes | None:
        """Return a version's delta against exactly this parent, None where there is none that is whole."""
        return read_delta(self._version_folder(manifest.version) / DELTA_NAME, [parent_sha256])

    def extrapolated(
        self, manifest: policy_pb2.AdapterManifest, parent_sha256: str, grandparent_sha256: str
    ) -> bytes | None:
        """Return a version's delta against exactly these two, None where there is none that is whole."""
        path = self._version_folder(manifest.version) / EXTRAPOLATED_NAME
        return read_delta(path, [parent_sha256, grandparent_sha256]) if grandparent_sha256 else None

    def _newest_first(self) -> Iterator[int]:
        """Yield the versions there are, one look at each: who wants the newest alone looks at no other."""
        names = (name for name in os.listdir(self._folder) if name.isdigit()) if self._folder.is_dir() else ()
        for name in sorted(names, key=int, reverse=True):
            if (self._folder / name / MANIFEST_NAME).exists():
                yield int(name)

    def _first_above(self, version: int, read: Callable[[int], Found]) -> Found | None:
        """Return what is read of the newest version above ``version`` of which it can be read."""
        for candidate in self._newest_first():
            if candidate <= version:
                return None
            try:
                return read(candidate)
            except StoreError:
                continue
        return None

    def _parents(self, manifest: policy_pb2.AdapterManifest) -> list[tuple[policy_pb2.AdapterManifest, bytes]]:
        """Return the parent and the parent's own, as far as they are there and whole."""
        found: list[tuple[policy_pb2.AdapterManifest, bytes]] = []
        version = manifest.parent_version
        try:
            while len(found) < 2 and (self._version_folder(version) / MANIFEST_NAME).exists():
                found.append(self._last.get(version) or self.get(version))
                version = found[-1][0].parent_version
        except (StoreError, OSError) as error:
            _LOG.info("version %d has not every delta: %s", manifest.version, error)
        return found

    def _deltas(self, manifest: policy_pb2.AdapterManifest, payload: bytes, beside: Executor) -> dict[str, bytes]:
        """Return what to lay beside a version, by file name: the deltas that pay; two are made at a time."""
        parents = self._parents(manifest)
        if not parents:
            return {}
        # numpy: not for the front, which never publishes
        from agent_runtime.adapters.deltas import LEAST_SAVING, encode_delta, looks_worthwhile
        from agent_runtime.adapters.extrapolation import encode_extrapolated

        (_, parent), *before = parents
        found, least_bytes = dict[str, bytes](), int((1 - LEAST_SAVING) * len(payload))
        try:
            if not looks_worthwhile(parent, payload):
                return found
            extrapolating = [beside.submit(encode_extrapolated, file, parent, payload) for _, file in before]
            makes: list[Callable[[], bytes | None]] = [lambda: encode_delta(parent, payload)]
            makes += [made.result for made in extrapolating]
            for count, (name, make) in enumerate(zip(_NAMES, makes, strict=False), start=1):
                delta = make()
                if delta is not None and len(delta) <= least_bytes:
                    found[name] = delta_file([told.payload_sha256 for told, _ in parents[:count]], delta)
                    least_bytes = len(delta) - 1
        except AdapterError as error:
            _LOG.info("version %d has not every delta: %s", manifest.version, error)
        return found

    def _let_go(self, version: int) -> None:
        """Leave the system's memory for newer versions: who follows from one as old is sent the newest whole."""
        try:
            let_go(self._version_folder(version) / PAYLOAD_NAME)
        except OSError as error:
            _LOG.debug("version %d stays in memory: %s", version, error)

    def _version_folder(self, version: int) -> Path:
        return self._folder / f"{version:08d}"

    def _set_aside(self, version: int, why: str) -> StoreError:
        damaged = self._folder / "damaged"
        make_folder(damaged)
        place = damaged / f"{version:08d}"
        while place.exists():  # a number published again after its first version was damaged
            place = place.with_name(f"{place.name}+")
        os.replace(self._version_folder(version), place)
        return StoreError(
            f"Got version {version} damaged ({why}): it was moved to {damaged}; older versions stay in use."
        )


def _write_manifest(folder: Path, told: bytes) -> None:
    write_synced(folder / MANIFEST_SHA256_NAME, hashlib.sha256(told).hexdigest().encode())
    write_synced(folder / MANIFEST_NAME, told)


def _lay_beside(folder: Path, deltas: Mapping[str, bytes]) -> None:
    """Write the deltas there are; the version stands without them."""
    for name, content in deltas.items():
        try:
            write_delta(folder / name, content)
        except OSError as error:
            _LOG.info("version in %s has not every delta: %s", folder, error)
