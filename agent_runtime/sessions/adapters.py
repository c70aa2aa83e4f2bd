"""Finds stored adapter versions for a replay and puts them in place. Trusts no file: the policy's slot verifies each.

A tuner's ``adapters`` folder holds one folder a version, named by eight digits, with ``manifest.pb``
(coso.v1.AdapterManifest) and ``adapter_model.safetensors`` in it.
"""

from pathlib import Path
from typing import Protocol

from coso.v1 import policy_pb2
from google.protobuf.message import DecodeError

from agent_runtime.errors import UsageError
from agent_runtime.sessions.signing import ADAPTER, SIGNATURE_NAME, adapter_digest, signature_of

MANIFEST_NAME = "manifest.pb"
PAYLOAD_NAME = "adapter_model.safetensors"


class TakesAdapters(Protocol):
    """What adapters are put into: ``policy.generate.VlmPolicy``, or a fake of it."""

    def stage_and_apply(self, manifest: policy_pb2.AdapterManifest, payload: bytes) -> None:
        """Verify a version and put it in place; raises ``AdapterError``."""


class StoredAdapters:
    """Follows a session's versions through a tuner's folder; versions only ever rise, as they do in a run."""

    def __init__(self, folder: Path, policy: TakesAdapters) -> None:
        self._folder = folder
        self._policy = policy
        self._in_place = 0

    def open(self) -> None:
        """Look whether the folder is one.

        Raises:
            UsageError: it holds no version.
        """
        if not any(self._folder.glob(f"[0-9]*/{MANIFEST_NAME}")):
            raise UsageError(
                f"Got {self._folder} without an adapter version, expected a tuner's adapters folder: name the one "
                "under the tuner's --state."
            )

    def use(self, version: int, digest: str) -> bool:
        """Put the version in place; False when it is not stored, or what is stored is another.

        Raises:
            AdapterError: it is the recorded payload, and yet the policy must not take it.
        """
        if version == self._in_place:
            return True
        folder = self._folder / f"{version:08d}"
        if not (folder / MANIFEST_NAME).is_file():
            return False
        manifest, payload = read_version(folder)
        stored = manifest.adapter_sha256 or manifest.payload_sha256  # tuners of before deltas name the payload only
        if version < self._in_place or (manifest.version, stored) != (version, digest):
            return False
        self._policy.stage_and_apply(manifest, payload)
        self._in_place = version
        return True


def read_version(folder: Path) -> tuple[policy_pb2.AdapterManifest, bytes]:
    """Return a version's manifest and payload; a payload is whole tensors, so it may replace any version here.

    Raises:
        UsageError: the folder holds no version.
        SessionError: it holds a signature that is not of this version.
    """
    try:
        manifest = policy_pb2.AdapterManifest.FromString((folder / MANIFEST_NAME).read_bytes())
        payload = (folder / PAYLOAD_NAME).read_bytes()
    except (OSError, DecodeError) as error:
        raise UsageError(
            f"Got no adapter from {folder} ({error}), expected a version's folder with {MANIFEST_NAME} and "
            f"{PAYLOAD_NAME}: name one of a tuner's adapters folder."
        ) from error
    if (folder / SIGNATURE_NAME).exists():
        signature_of(folder, ADAPTER, adapter_digest(folder))
    manifest.replaces_any = True
    return manifest, payload
