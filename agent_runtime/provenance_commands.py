"""`agent-runtime sign`, `verify` and `accept`: who vouches for a session or an adapter. Options in, a few lines out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent_runtime.command_options import bad_input_is_a_sentence
from agent_runtime.errors import UsageError

if TYPE_CHECKING:
    from agent_runtime.sessions.recording import Session
    from agent_runtime.sessions.signing import Signature

NOT_TRUSTED_EXIT_CODE = 1
_FOLDER = Annotated[Path, typer.Argument(help="Folder of a session, or of an adapter version.", metavar="DIR")]


def register(app: typer.Typer) -> None:
    """Add the commands to the program's."""
    app.command()(sign)
    app.command()(verify)
    app.command()(accept)


def sign(
    folder: _FOLDER,
    key: Annotated[Path, typer.Option(help="Private key: `signing_key` of `tuner keys init`, mode 600.")],
) -> None:
    """Sign a session or an adapter version: whoever trusts the key need not accept it."""
    with bad_input_is_a_sentence():
        from agent_runtime.adapters.signatures import read_private_key
        from agent_runtime.sessions.signing import sign as sign_folder

        made = sign_folder(folder, *_subject_and_digest(folder), read_private_key(key))
    typer.echo(f"Signed the {made.subject} {made.digest[:16]} with key {made.key_id}.")


def verify(folder: _FOLDER) -> None:
    """Say whether a session or an adapter is trusted here: exit code 0 when it is, 1 when not, 2 when damaged."""
    with bad_input_is_a_sentence():
        from agent_runtime.sessions.provenance import Standing, standing_by_signature, standing_of
        from agent_runtime.sessions.recording import HEADER_NAME

        if (folder / HEADER_NAME).exists():
            standing = standing_of(_session(folder))
        else:
            standing = standing_by_signature(_adapter_signature(folder)) or Standing(False, "not signed")
    typer.echo(f"{folder}: {'trusted' if standing.is_trusted else 'not trusted'}: {standing.reason}.")
    if not standing.is_trusted:
        raise typer.Exit(NOT_TRUSTED_EXIT_CODE)


def accept(
    folder: Annotated[Path | None, typer.Argument(help="Folder of a session to accept.", metavar="[DIR]")] = None,
    key: Annotated[
        str | None, typer.Option(help="Public key (base64 or a file) to trust: all that its owner signs is accepted.")
    ] = None,
) -> None:
    """Take a session out of quarantine, or trust a key; look at it first, with `inspect` and `scan`."""
    with bad_input_is_a_sentence():
        from agent_runtime.sessions.trust import my_trust

        if (folder is None) == (key is None):
            raise UsageError("Got neither a folder nor --key, or both, expected one of them: name what to trust.")
        trust = my_trust()
        if key is not None:
            from agent_runtime.adapters.signatures import key_id, read_key, write_key

            public_key = read_key(key)
            trust.trust_key(write_key(public_key), f"key {key_id(public_key)}")
            typer.echo(f"Whatever key {key_id(public_key)} signed is trusted from now on.")
        elif folder is not None:
            session = _session(folder)
            trust.accept(session.digest, f"accepted: {folder}")
            typer.echo(f"Accepted {folder} as it is now: {len(session.episodes)} episodes, {session.digest[:16]}.")


def _session(folder: Path) -> "Session":
    from agent_runtime.sessions.reader import open_session

    return open_session(folder)


def _subject_and_digest(folder: Path) -> tuple[str, str]:
    from agent_runtime.sessions.recording import HEADER_NAME
    from agent_runtime.sessions.signing import ADAPTER, SESSION, SIGNATURE_NAME, adapter_digest

    old = folder / SIGNATURE_NAME
    if old.exists():
        raise UsageError(
            f"Got {old}, expected none so far: there is one signature to a folder; remove it to sign anew."
        )
    if (folder / HEADER_NAME).exists():
        return SESSION, _session(folder).digest
    return ADAPTER, adapter_digest(folder)


def _adapter_signature(folder: Path) -> "Signature | None":
    from agent_runtime.sessions.signing import ADAPTER, adapter_digest, signature_of

    return signature_of(folder, ADAPTER, adapter_digest(folder))
