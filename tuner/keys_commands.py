"""`tuner keys`: the key that signs manifests, and the small CA that lets runtimes and operators in. Starts nothing."""

from __future__ import annotations

from datetime import datetime, timezone
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from tuner.command_options import fail
from tuner.errors import ConfigError, TunerServiceError

DEFAULT_LIFETIME_DAYS = 90

keys_app = typer.Typer(no_args_is_help=True, help="The key that manifests are signed with, and who may call the tuner.")

_State = Annotated[Path, typer.Option(help="The tuner's state folder.")]
_Days = Annotated[int, typer.Option(help="For how many days the certificate is good.")]
_Hosts = Annotated[
    list[str] | None, typer.Option(help="Name or address callers reach the tuner by; may be given again.")
]


class CallerRole(str, Enum):
    """In what role somebody calls the tuner."""

    agent = "agent"
    operator = "operator"


@keys_app.callback()
def _keys() -> None:
    """The key that manifests are signed with, and who may call the tuner."""


@keys_app.command()
def init(
    state: Annotated[Path, typer.Option(help="Folder of the tuner that is to sign.")],
    host: _Hosts = None,
    days: _Days = DEFAULT_LIFETIME_DAYS,
) -> None:
    """Make a signing key and a CA, which the next `tuner serve` uses; print the public key for --tuner-key."""
    from tuner.adapters.keys import KEY_NAME, PUBLIC_KEY_NAME, load_signer, make_signing_key
    from tuner.certificates.folder import has_authority, make_authority

    try:
        has_key = (state / KEY_NAME).exists()
        if has_key and has_authority(state):
            raise ConfigError(
                f"Got {state}, which has a signing key and a CA, expected neither: runtimes trust the old ones; "
                "move them away first."
            )
        if not has_authority(state):
            make_authority(state, host or (), days, _now())
        signer = load_signer(state) if has_key else make_signing_key(state)
        public_key = (state / PUBLIC_KEY_NAME).read_text().strip()
    except TunerServiceError as error:
        fail(str(error))
    except OSError as error:
        fail(f"Got no public key in {state} ({error.strerror}), expected {PUBLIC_KEY_NAME}: restore it.")
    typer.echo(public_key)
    key_id = signer.key_id if signer is not None else "unknown"
    typer.echo(f"key {key_id}; agent-runtime run --tuner-key takes the line above or a copy of the file", err=True)


@keys_app.command()
def issue(
    name: Annotated[str, typer.Argument(help="Who is to call; an agent's runtimes are NAME and NAME/….")],
    state: _State,
    output: Annotated[Path, typer.Option(help="New folder to write, for --tls of the caller.")],
    role: Annotated[CallerRole, typer.Option(help="Agents send episodes, operators roll back.")] = CallerRole.agent,
    days: _Days = DEFAULT_LIFETIME_DAYS,
) -> None:
    """Write a certificate, its key and the CA's certificate into a folder to carry to the caller's machine."""
    from tuner.certificates.authority import Role
    from tuner.certificates.folder import issue_to

    try:
        issue_to(output, state, name, Role(role.value), days, _now())
    except TunerServiceError as error:
        fail(str(error))
    typer.echo(f"{role.value} {name}, good for {days} days, in {output}: carry it there by a safe way")


@keys_app.command()
def revoke(
    name: Annotated[str, typer.Argument(help="Whose certificates, all of them.")],
    state: _State,
) -> None:
    """Have a running tuner, and every later one, refuse all certificates issued to a name so far."""
    from tuner.certificates.folder import revoke as revoke_name

    try:
        count = revoke_name(state, name)
    except TunerServiceError as error:
        fail(str(error))
    typer.echo(f"{count} certificates of {name} revoked")


@keys_app.command()
def renew(
    state: _State,
    host: _Hosts = None,
    days: _Days = DEFAULT_LIFETIME_DAYS,
) -> None:
    """Make the tuner itself another certificate, which a running one shows from now on; name all hosts again."""
    from tuner.certificates.folder import renew_server

    try:
        renew_server(state, host or (), days, _now())
    except TunerServiceError as error:
        fail(str(error))
    typer.echo(f"tuner, good for {days} days; a running `tuner serve` shows it from now on")


@keys_app.command()
def page(state: _State) -> None:
    """Make and print the word to sign in to the page with; the one before is good no more."""
    from tuner.page.sign_in import make_word

    try:
        word = make_word(state)
    except TunerServiceError as error:
        fail(str(error))
    typer.echo(word)


def _now() -> datetime:
    return datetime.now(timezone.utc)
