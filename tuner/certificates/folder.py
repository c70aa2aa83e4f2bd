"""The CA's folder in the tuner's state: made once, then issued and revoked from. Signs nothing itself.

ca.crt ca.key         the CA; its key, like every key here, for its owner alone
tuner.crt tuner.key   what `tuner serve --tls` shows
issued revoked        serial numbers and names
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from agent_runtime.files import fsync_folder
from agent_runtime.uplink.tls import CA_FILE, CERTIFICATE_FILE, KEY_FILE
from tuner.certificates.authority import Pair, Role, holder_of, issue, make_ca
from tuner.certificates.revocations import read_serials, write_serials
from tuner.errors import ConfigError, unwritable
from tuner.files import write_atomically
from tuner.folder_lock import folder_locked

FOLDER_NAME = "tls"
SERVER_NAME = "tuner"
_OTHERS = 0o077
_ALONE = "one that no other `tuner keys` is at work in: try again."


@dataclass(frozen=True, slots=True)
class ServerFiles:
    """What a server needs to speak TLS with those the CA let in."""

    own: Pair
    ca_certificate: bytes
    revoked: Path


def has_authority(state: Path) -> bool:
    """Return whether the state folder has a CA."""
    return (state / FOLDER_NAME).exists()


def make_authority(state: Path, hosts: Sequence[str], lifetime_days: int, now: datetime) -> None:
    """Make the CA and the tuner's certificate; all of the folder is there or none of it.

    Raises:
        ConfigError: there is a CA, a host or the lifetime cannot be, or the folder cannot be written.
    """
    ca = make_ca(now)
    own = issue(ca, SERVER_NAME, Role.TUNER, hosts, lifetime_days, now)
    making, folder = state / f".{FOLDER_NAME}.making", state / FOLDER_NAME
    if folder.exists():
        raise ConfigError(f"Got {state}, which has a CA, expected none: agents trust the old one; move {folder} away.")
    try:
        state.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(mode=0o700)
        _write_pair(making, "ca", ca)
        _write_pair(making, SERVER_NAME, own)
        write_serials(making / "issued", {holder_of(own.certificate).serial: SERVER_NAME})
        write_serials(making / "revoked", {})
        making.rename(folder)
        fsync_folder(state)
    except OSError as error:
        raise unwritable(state, error) from error


def issue_to(output: Path, state: Path, name: str, role: Role, lifetime_days: int, now: datetime) -> None:
    """Write a caller's certificate and key and the CA's certificate into a new folder.

    Raises:
        ConfigError: there is no CA, the name or lifetime cannot be, or the folder is not empty or not to be written.
    """
    ca = _ca(state)
    if name == SERVER_NAME:
        raise ConfigError(f"Got the name {name!r}, which is the tuner's own, expected another.")
    pair = issue(ca, name, role, (), lifetime_days, now)
    try:
        if output.exists() and any(output.iterdir()):
            raise ConfigError(f"Got the folder {output}, expected a new or empty one: choose another.")
        output.mkdir(mode=0o700, parents=True, exist_ok=True)
        _note_issued(state, pair, name)
        _write_private(output / KEY_FILE, pair.key)
        (output / CERTIFICATE_FILE).write_bytes(pair.certificate)
        (output / CA_FILE).write_bytes(ca.certificate)
    except OSError as error:
        raise unwritable(output, error) from error


def renew_server(state: Path, hosts: Sequence[str], lifetime_days: int, now: datetime) -> None:
    """Make the tuner another certificate, which it takes at the next handshake, running or not.

    Raises:
        ConfigError: there is no CA, a host or the lifetime cannot be, or the folder cannot be written.
    """
    pair = issue(_ca(state), SERVER_NAME, Role.TUNER, hosts, lifetime_days, now)
    folder = state / FOLDER_NAME
    try:
        _note_issued(state, pair, SERVER_NAME)
        write_atomically(folder / f"{SERVER_NAME}.key", pair.key)  # mode 600, as its temporary file is made so
        write_atomically(folder / f"{SERVER_NAME}.crt", pair.certificate)
    except OSError as error:
        raise unwritable(folder, error) from error


def revoke(state: Path, name: str) -> int:
    """Put every certificate of that name on the list; return how many were not on it yet.

    Raises:
        ConfigError: none was issued to that name, or a list cannot be read or written.
    """
    _ca(state)
    folder = state / FOLDER_NAME
    with folder_locked(folder, _ALONE):
        issued, revoked = read_serials(folder / "issued"), read_serials(folder / "revoked")
        found = {serial: name for serial, of in issued.items() if of == name and of != SERVER_NAME}
        if not found:
            known = ", ".join(sorted({*issued.values()} - {SERVER_NAME})[:8]) or "none yet"
            raise ConfigError(f"Got the name {name!r}, expected one that has a certificate: {known}.")
        try:
            write_serials(folder / "revoked", {**revoked, **found})
        except OSError as error:
            raise unwritable(folder, error) from error
        return len(found.keys() - revoked.keys())


def load_server(state: Path, now: datetime) -> ServerFiles:
    """Return what to serve TLS with.

    Raises:
        ConfigError: there is no CA, a file cannot be read, others may read a key, or the certificate is out of date.
    """
    ca_certificate = _ca(state).certificate
    own = _read_pair(state / FOLDER_NAME, SERVER_NAME)
    revoked = state / FOLDER_NAME / "revoked"
    read_serials(revoked)
    try:
        holder = holder_of(own.certificate)
    except ValueError as error:
        raise ConfigError(f"Got {revoked.parent} with a bad certificate ({error}): run `tuner keys renew`.") from error
    if not holder.covers(now):
        raise ConfigError(
            f"Got a tuner's certificate good until {holder.not_after:%Y-%m-%d}, expected one that is good today: "
            "run `tuner keys renew`."
        )
    return ServerFiles(own, ca_certificate, revoked)


def _ca(state: Path) -> Pair:
    if not has_authority(state):
        raise ConfigError(f"Got {state}, which has no CA, expected one: run `tuner keys init --state {state}` first.")
    return _read_pair(state / FOLDER_NAME, "ca")


def _note_issued(state: Path, pair: Pair, name: str) -> None:
    """Note a certificate before anyone has it: none is ever out that cannot be revoked."""
    folder = state / FOLDER_NAME
    with folder_locked(folder, _ALONE):
        serials = read_serials(folder / "issued")
        write_serials(folder / "issued", {**serials, holder_of(pair.certificate).serial: name})


def _read_pair(folder: Path, name: str) -> Pair:
    key = folder / f"{name}.key"
    try:
        mode = key.stat().st_mode
        if mode & _OTHERS:
            raise ConfigError(
                f"Got {key} with mode {mode & 0o777:o}, expected 600: chmod it, or make another if someone read it."
            )
        return Pair((folder / f"{name}.crt").read_bytes(), key.read_bytes())
    except OSError as error:
        raise ConfigError(
            f"Got no {error.filename} ({error.strerror}), expected what `tuner keys init` made."
        ) from error


def _write_pair(folder: Path, name: str, pair: Pair) -> None:
    _write_private(folder / f"{name}.key", pair.key)
    (folder / f"{name}.crt").write_bytes(pair.certificate)


def _write_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
