"""`agent-runtime replay` and `agent-runtime inspect`: options in, a few lines out. Loads torch only to replay."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent_runtime.command_line import BAD_INPUT_EXIT_CODE
from agent_runtime.command_options import (
    DEFAULT_MODEL,
    Model,
    RecordedFolder,
    RecordedQuantization,
    bad_input_is_a_sentence,
)
from agent_runtime.errors import SessionError, UsageError

if TYPE_CHECKING:
    from agent_runtime.actions import Grammar
    from agent_runtime.policy.generate import VlmPolicy
    from agent_runtime.sessions.recording import Session
    from agent_runtime.sessions.replay import AgainstReport, ExactReport, UseAdapter

DIFFERENT_EXIT_CODE = 1


def register(app: typer.Typer) -> None:
    """Add the commands to the program's."""
    app.command()(replay)
    app.command()(inspect)


def replay(
    folder: RecordedFolder,
    model: Model = DEFAULT_MODEL,
    quantization: RecordedQuantization = None,
    adapter: Annotated[
        Path | None, typer.Option(help="Folder of one adapter version, put in place for every step.")
    ] = None,
    adapters: Annotated[
        Path | None, typer.Option(help="A tuner's adapters folder, to replay each step under its own version.")
    ] = None,
    against: Annotated[
        bool, typer.Option("--against", help="Compare what the policy would do greedily, instead of replaying exactly.")
    ] = False,
    page: Annotated[
        Path | None, typer.Option(help="With --against: HTML file to show both policies in, side by side.")
    ] = None,
) -> None:
    """Decide a recorded session again: exit code 0 when every decision is identical, 1 when one differs."""
    with bad_input_is_a_sentence():
        from agent_runtime.sessions.reader import open_session
        from agent_runtime.sessions.replay import replay_against, replay_exactly

        if adapter is not None and adapters is not None:
            raise UsageError("Got --adapter and --adapters, expected one of them: leave the other out.")
        if page is not None and not against:
            raise UsageError(
                "Got --page without --against, expected both: an exact replay has no other policy to show."
            )
        session = open_session(folder)
        _tell_of_its_end(session)
        if against:
            policy, grammar = load_for(session, model, quantization, None)
            put_in_place(policy, adapter, adapters)
            compared = replay_against(session, policy, grammar)
            _tell_against(session, compared)
            if page is not None:
                _write_both(session, compared, page, f"{model}{'' if adapter is None else f' with {adapter}'}")
            return
        _refuse_what_cannot_be_exact(session, adapter, adapters)
        policy, grammar = load_for(session, model, quantization, session.info.identity.action_grammar)
        _tell_what_is_not_as_recorded(session, policy)
        report = replay_exactly(session, policy, grammar, adapter_source(policy, adapter, adapters))
    _tell_exact(report)
    if report.identical < report.compared:
        raise typer.Exit(DIFFERENT_EXIT_CODE)
    if not report.compared:
        raise typer.Exit(BAD_INPUT_EXIT_CODE)


def inspect(
    folder: RecordedFolder,
    output: Annotated[Path | None, typer.Option(help="HTML file to write; DIR/inspect.html by default.")] = None,
    weights: Annotated[
        Path | None, typer.Option(help="What `tuner explain` wrote, or a tuner's weights.jsonl, to shade tokens by.")
    ] = None,
    source: Annotated[
        str, typer.Option(help="Whose weights shade first, with --weights: scm, parser or uniform.")
    ] = "scm",
    model: Model = DEFAULT_MODEL,
) -> None:
    """Write a session as one HTML page: screens, actions, answers and what each token was worth."""
    with bad_input_is_a_sentence():
        from agent_runtime.sessions.explained import SOURCES, read_weights
        from agent_runtime.sessions.page import SURPRISE, Look, write_page
        from agent_runtime.sessions.reader import open_session
        from agent_runtime.sessions.tokens import TokenTexts

        if source not in SOURCES:
            raise UsageError(f"Got the source {source!r}, expected one of {', '.join(SOURCES)}: choose one of these.")
        session = open_session(folder)
        _tell_of_its_end(session)
        known = read_weights(weights) if weights is not None else {}
        path = output if output is not None else folder / "inspect.html"
        texts = TokenTexts(_tokenizer(session, model), known)
        write_page(session, texts, path, Look(source if known else SURPRISE))
    typer.echo(f"Wrote {path}: {len(session.episodes)} episodes, {path.stat().st_size / 1e6:.1f} MB.")


def _write_both(session: "Session", report: "AgainstReport", path: Path, other_name: str) -> None:
    from agent_runtime.sessions.page import Look, write_page
    from agent_runtime.sessions.tokens import TokenTexts

    texts = TokenTexts(_tokenizer(session, DEFAULT_MODEL))
    write_page(session, texts, path, Look(other_name=other_name, answers=report.answers))
    typer.echo(f"Wrote {path}.")


def load_for(
    session: "Session", model: str, quantization: str | None, grammar: str | None
) -> "tuple[VlmPolicy, Grammar]":
    """Return a policy for the session and its grammar; the recorded quantization where none is named.

    Raises:
        AgentRuntimeError: it cannot be loaded.
    """
    from agent_runtime.actions import grammar_named
    from agent_runtime.policy.identity import resolve_checkpoint

    checkpoint = resolve_checkpoint(model)
    from agent_runtime.policy.generate import load_policy  # torch is loaded here and not before

    policy = load_policy(checkpoint, quantization or session.info.identity.quantization, grammar)
    return policy, grammar_named(policy.identity.action_grammar, policy.image_size_px)


def put_in_place(policy: "VlmPolicy", adapter: Path | None, adapters: Path | None) -> None:
    """Put one version in place, where one is named.

    Raises:
        AgentRuntimeError: there is no adapter there, or it does not fit.
    """
    from agent_runtime.sessions.adapters import read_version

    if adapters is not None:
        raise UsageError("Got --adapters with --against, expected one policy for all states: name an --adapter.")
    if adapter is not None:
        policy.stage_and_apply(*read_version(adapter))


def adapter_source(policy: "VlmPolicy", adapter: Path | None, adapters: Path | None) -> "UseAdapter":
    """Return what puts a step's adapter in place: one version for all, a tuner's folder of them, or none.

    Raises:
        AgentRuntimeError: there is no adapter there, or it does not fit.
    """
    from agent_runtime.sessions.adapters import StoredAdapters
    from agent_runtime.sessions.replay import only_the_base_model

    if adapter is not None:
        put_in_place(policy, adapter, None)
        return lambda version, digest: True
    if adapters is None:
        return only_the_base_model
    stored = StoredAdapters(adapters, policy)
    stored.open()
    return stored.use


def _refuse_what_cannot_be_exact(session: "Session", adapter: Path | None, adapters: Path | None) -> None:
    """Refuse before a model is loaded, which takes long."""
    from agent_runtime.sessions.course import refuse_inexact

    refuse_inexact(session)
    steps = [step for _, step in session.steps()]
    if not steps:
        raise SessionError(f"Got {session.folder} without a step, expected at least one: there is nothing to replay.")
    if adapter is None and adapters is None and all(step.had_adapter for step in steps):
        raise SessionError(
            f"Got {session.folder}, whose {len(steps)} steps all ran under adapters, expected their payloads: name the "
            "tuner's folder with --adapters."
        )


def _tell_of_its_end(session: "Session") -> None:
    if not session.is_closed:
        torn = f" and {session.torn_bytes} bytes of an unfinished line" if session.torn_bytes else ""
        typer.echo(f"The recording ends at line {session.lines}{torn} without its last line: it was cut short.")
    from agent_runtime.sessions.provenance import standing_of

    standing = standing_of(session)
    if not standing.is_trusted:
        typer.echo(f"The session is quarantined: {standing.reason}.", err=True)


def _tell_what_is_not_as_recorded(session: "Session", policy: "VlmPolicy") -> None:
    recorded, here = session.info.identity, policy.identity
    pairs = {
        "base model": (recorded.base_model_digest[:12], here.base_model_digest[:12]),
        "tokenizer": (recorded.tokenizer_digest[:12], here.tokenizer_digest[:12]),
        "quantization": (recorded.quantization, here.quantization),
    }
    for name, (was, now) in pairs.items():
        if was != now:
            typer.echo(f"The {name} is {now} and not the recorded {was}: decisions may differ for that alone.")


def _tell_exact(report: "ExactReport") -> None:
    if report.skipped:
        versions = ", ".join(f"{count} under version {version}" for version, count in sorted(report.skipped.items()))
        typer.echo(
            f"Skipped {report.skipped.total()} steps whose adapter is not to be had ({versions}): --adapters names "
            "the tuner's folder."
        )
    typer.echo(f"{report.identical} of {report.compared} decisions are identical.")
    if report.largest_log_prob_gap:
        typer.echo(f"Their log-probs differ by up to {report.largest_log_prob_gap:.3g} nats.")
    found = report.first_difference
    if found is None:
        return
    step = found.step
    typer.echo(
        f"The first that differs: episode {found.episode.number} ({found.episode.start.goal}), step {step.index}"
    )
    typer.echo(f"  recorded: {step.decision.utterance}\n            {step.action} (line {step.line})")
    typer.echo(f"  now:      {found.decision.utterance}\n            {found.action}")


def _tell_against(session: "Session", report: "AgainstReport") -> None:
    if session.info.redaction:
        typer.echo("The session was redacted: masked words and black regions are what the policy saw and is held to.")
    typer.echo(
        f"{report.states} recorded states; {report.malformed_recorded} more left out, as no action was recorded. "
        f"{report.malformed} answers are malformed."
    )
    for rule, matches in report.matches.items():
        share = f" ({100 * matches / report.states:.1f} %)" if report.states else ""
        typer.echo(f"  {matches:5d} match{share} by {rule}")
    for kind, (won, states) in sorted(report.by_kind.items()):
        typer.echo(f"  {won:5d} of {states} {kind}, typed text read")


def _tokenizer(session: "Session", model: str) -> object | None:
    """Return the tokenizer of the checkpoint where it is the recorded one, None where it is not at hand."""
    from agent_runtime.policy.identity import resolve_checkpoint, tokenizer_digest
    from agent_runtime.sessions.tokens import load_tokenizer

    try:
        checkpoint = resolve_checkpoint(model)
    except UsageError:
        return None
    is_it = tokenizer_digest(checkpoint) == session.info.identity.tokenizer_digest
    path = checkpoint / "tokenizer.json"
    return load_tokenizer(path) if is_it and path.is_file() else None
