"""The adapter store: one folder per version, published whole or not at all. Handles bytes, not tensors.

    adapters/00000003/adapter_model.safetensors     the payload
    adapters/00000003/manifest.pb                   coso.v1.AdapterManifest, written last: it makes the version exist

A version whose payload does not have the manifest's sha256 is set aside under ``damaged/`` when it is read.
"""

import hashlib
import os
from pathlib import Path

from coso.v1 import policy_pb2
from google.protobuf.message import DecodeError

from tuner.errors import StoreError
from tuner.files import fsync_folder, write_atomically

PAYLOAD_NAME = "adapter_model.safetensors"
MANIFEST_NAME = "manifest.pb"


class AdapterStore:
    """The versions in ``folder``; makes the folder on first publish."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def publish(self, manifest: policy_pb2.AdapterManifest, payload: bytes) -> policy_pb2.AdapterManifest:
        """Make a version durable and visible; fills in size, digest and time, and returns the manifest as stored.

        Raises:
            StoreError: the version is not newer than the latest one.
            OSError: the disk refused; the version does not exist then.
        """
        newest = max(self.versions(), default=0)
        if manifest.version <= newest:
            raise StoreError(f"Got version {manifest.version}, expected one above {newest}: count on from the latest.")
        complete = policy_pb2.AdapterManifest()
        complete.CopyFrom(manifest)
        complete.payload_bytes = len(payload)
        complete.payload_sha256 = hashlib.sha256(payload).hexdigest()
        complete.encoding = policy_pb2.ADAPTER_ENCODING_SAFETENSORS
        complete.published_at.GetCurrentTime()
        folder = self._version_folder(manifest.version)
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / PAYLOAD_NAME, payload)
        write_atomically(folder / MANIFEST_NAME, complete.SerializeToString())
        fsync_folder(self._folder)
        return complete

    def versions(self) -> list[int]:
        """Return every version there is, ascending."""
        if not self._folder.is_dir():
            return []
        return sorted(int(path.parent.name) for path in self._folder.glob(f"[0-9]*/{MANIFEST_NAME}"))

    def latest(self) -> policy_pb2.AdapterManifest | None:
        """Return the manifest of the newest version that is whole, or None."""
        for version in reversed(self.versions()):
            try:
                return self.get(version)[0]
            except StoreError:
                continue
        return None

    def get(self, version: int) -> tuple[policy_pb2.AdapterManifest, bytes]:
        """Return a version's manifest and payload.

        Raises:
            StoreError: there is no such version, or its bytes are damaged; then it is set aside.
        """
        folder = self._version_folder(version)
        try:
            manifest = policy_pb2.AdapterManifest.FromString((folder / MANIFEST_NAME).read_bytes())
            payload = (folder / PAYLOAD_NAME).read_bytes()
        except FileNotFoundError as error:
            raise StoreError(f"Got version {version}, expected one of {self.versions()}.") from error
        except DecodeError as error:
            raise self._set_aside(version, "its manifest cannot be read") from error
        if manifest.version != version or hashlib.sha256(payload).hexdigest() != manifest.payload_sha256:
            raise self._set_aside(version, "its payload is not what was published")
        return manifest, payload

    def _version_folder(self, version: int) -> Path:
        return self._folder / f"{version:08d}"

    def _set_aside(self, version: int, why: str) -> StoreError:
        damaged = self._folder / "damaged"
        damaged.mkdir(exist_ok=True)
        os.replace(self._version_folder(version), damaged / f"{version:08d}")
        return StoreError(
            f"Got version {version} damaged ({why}): it was moved to {damaged}; older versions stay in use."
        )
