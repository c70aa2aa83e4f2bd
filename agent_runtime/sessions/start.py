"""Starts a recording: gathers what holds for the whole session and opens its folder. Writes no line itself."""

import logging
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from agent_runtime.devices import Device
from agent_runtime.errors import DeviceError, UsageError
from agent_runtime.sessions.recording import Origin, Redaction, SessionInfo, region_from_text
from agent_runtime.sessions.trust import my_trust
from agent_runtime.sessions.writer import OnClosed, Recorder, refuse_used_folder
from agent_runtime.trajectory import PolicyIdentity

_LOG = logging.getLogger(__name__)
_PACKAGES = ("coso-phone", "torch", "transformers", "tokenizers", "bitsandbytes", "peft", "pillow", "numpy")


@dataclass(frozen=True, slots=True)
class RunOf:
    """What a session says of the run it records."""

    runtime_id: str
    seed: int
    temperature: float


def chosen_redaction(folder: Path | None, text: bool, regions: Sequence[str]) -> Redaction:
    """Return what is to be redacted; looks at the options before anything is loaded.

    Raises:
        UsageError: a region is none, or there is something to redact and nothing to record.
        SessionError: there is something in the folder.
    """
    redaction = Redaction(text, tuple(region_from_text(region) for region in regions))
    if folder is not None:
        refuse_used_folder(folder)
    elif redaction:
        raise UsageError(
            "Got something to redact and no recording, expected --record DIR: name a folder or redact nothing."
        )
    return redaction


def start_recording(
    folder: Path,
    device: Device,
    identity: PolicyIdentity,
    run: RunOf,
    redaction: Redaction,
    imported: Origin | None = None,
    on_closed: OnClosed = lambda digest: None,
) -> Recorder:
    """Ask the device for its size and fingerprint, and return a recorder that is open; ``on_closed`` as there.

    ``imported`` says where it comes from where no policy decides.

    Raises:
        DeviceError: the device does not answer.
        SessionError: the folder cannot be recorded to.
    """
    info = SessionInfo(
        runtime_id=run.runtime_id,
        started_at_unix_sec=time.time(),
        device_serial=device.serial,
        screen_size_px=device.screen_size_px(),
        device_fingerprint=_fingerprint(device),
        identity=identity,
        seed=run.seed,
        temperature=run.temperature,
        software=_software(),
        redaction=redaction,
        imported=imported,
    )
    recorder = Recorder(folder, info, on_closed)
    recorder.open()
    return recorder


def accept_own(folder: Path) -> OnClosed:
    """Return what trusts a session that is recorded here, into that folder, once it is closed.

    A list that cannot be written is told, and the recording stays as it is.
    """

    def accept(digest: str) -> None:
        try:
            my_trust().accept(digest, f"recorded here: {folder}")
        except UsageError as error:
            _LOG.warning("%s stays quarantined until it is accepted: %s", folder, error)

    return accept


def _fingerprint(device: Device) -> str | None:
    """Return what build the device runs, None where it does not say."""
    try:
        told = device.shell(["getprop", "ro.build.fingerprint"])
    except DeviceError:
        return None
    return told.stdout.strip() or None if told.exit_code == 0 else None


def _software() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
