"""From options to the policy that all devices share, and the place for its adapters. Decides nothing."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agent_runtime.actions import grammar_named
from agent_runtime.adapter_inbox import AdapterInbox
from agent_runtime.errors import UsageError
from agent_runtime.files import make_folder
from agent_runtime.options import Options
from agent_runtime.policy.base import Policy
from agent_runtime.policy.scripted import ScriptedPolicy
from agent_runtime.policy.server import DecisionServer

if TYPE_CHECKING:
    from agent_runtime.adapters.highest_seen import HighestSeen
    from agent_runtime.adapters.signatures import ManifestVerifier

SCRIPTED_PREFIX = "scripted:"


@dataclass(frozen=True, slots=True)
class Policies:
    """One policy for each device; ``inbox`` takes adapters for all of them, None where they take none."""

    of_device: tuple[Policy, ...]
    inbox: AdapterInbox | None = None


def open_policies(options: Options, devices: int, stack: ExitStack) -> Policies:
    """Load the model once and serve it to every device until the stack is left; a script is read by each for itself.

    Raises:
        UsageError: an option cannot be used.
        PolicyError: the checkpoint cannot be loaded.
    """
    verifier = _verifier(options)
    if options.policy is not None:
        return Policies(tuple(_scripted(options) for _ in range(devices)))
    from agent_runtime.policy.generate import load_policy  # torch is loaded here and not before
    from agent_runtime.policy.identity import resolve_checkpoint

    policy = load_policy(resolve_checkpoint(options.model), options.quantization, options.grammar)
    policy.slot.verifier = verifier
    if verifier is not None and options.tuner is not None:
        policy.slot.seen = _seen(options.spool, verifier)
    server = stack.enter_context(DecisionServer(policy))
    return Policies((server,) * devices, AdapterInbox(policy.slot))


def _verifier(options: Options) -> "ManifestVerifier | None":
    """Return who checks signatures, None where no key was named."""
    if options.tuner_key is None:
        return None
    from agent_runtime.adapters.signatures import ManifestVerifier, read_key  # needs cryptography only where asked for

    return ManifestVerifier(read_key(options.tuner_key))


def _seen(spool: Path, verifier: "ManifestVerifier") -> "HighestSeen":
    """Return what remembers the versions of that key across restarts.

    Raises:
        UsageError: its file cannot be read, or the spool folder cannot be made.
    """
    from agent_runtime.adapters.highest_seen import FILE_NAME, HighestSeen

    try:
        make_folder(spool)
    except OSError as error:
        raise UsageError(f"Got no spool ({error}), expected a folder to write to: name another.") from error
    seen = HighestSeen(spool / FILE_NAME, verifier.key_id)
    seen.open()
    return seen


def _scripted(options: Options) -> ScriptedPolicy:
    if options.policy is None or not options.policy.startswith(SCRIPTED_PREFIX):
        raise UsageError(
            f"Got the policy {options.policy!r}, expected {SCRIPTED_PREFIX}FILE: name a file of utterances."
        )
    path = Path(options.policy.removeprefix(SCRIPTED_PREFIX))
    try:
        lines = [line for line in path.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise UsageError(f"Got no script from {path} ({error}), expected one utterance a line.") from error
    return ScriptedPolicy(lines, grammar_named(options.grammar or "json").name)
