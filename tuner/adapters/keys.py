"""The tuner's signing key: one file in the state folder that only its owner can read. Signs nothing itself.

`cryptography` is loaded only where there is a key: a tuner without one stays as small as it was.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from agent_runtime.errors import UsageError
from agent_runtime.files import fsync_folder
from tuner.errors import ConfigError, unwritable

if TYPE_CHECKING:
    from agent_runtime.adapters.signatures import ManifestSigner

KEY_NAME = "signing_key"
PUBLIC_KEY_NAME = "signing_key.pub"


def make_signing_key(state: Path) -> ManifestSigner:
    """Make a key where there is none, readable by its owner alone, with the public key in a file beside it.

    Raises:
        ConfigError: there is a key already, or the folder cannot be written.
    """
    from agent_runtime.adapters.signatures import KEY_BYTES, ManifestSigner, write_key

    key = os.urandom(KEY_BYTES)
    path = state / KEY_NAME
    try:
        state.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(write_key(key) + "\n")
            file.flush()
            os.fsync(file.fileno())
        signer = ManifestSigner(key)
        (state / PUBLIC_KEY_NAME).write_text(write_key(signer.public_key) + "\n")
        fsync_folder(state)
    except FileExistsError as error:
        raise ConfigError(
            f"Got {state}, which has a signing key, expected none: runtimes trust the old one; move {path} away first."
        ) from error
    except OSError as error:
        raise unwritable(state, error, "state folder") from error
    return signer


def load_signer(state: Path) -> ManifestSigner | None:
    """Return who signs with the state folder's key, None where it has none.

    Raises:
        ConfigError: the key cannot be read, is no key, or others than its owner may read it.
    """
    path = state / KEY_NAME
    if not path.exists():
        return None
    from agent_runtime.adapters.signatures import ManifestSigner, read_private_key

    try:
        return ManifestSigner(read_private_key(path))
    except UsageError as error:
        raise ConfigError(f"Got {path} that is no signing key ({error}), expected one of `tuner keys init`.") from error
