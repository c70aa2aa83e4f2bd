"""`agent-runtime run`: options in, one run, a table out. Loads torch once a model is loaded."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from agent_runtime.actions import GRAMMAR_NAMES
from agent_runtime.command_options import (
    DEFAULT_ADB_SERVER_HOST,
    DEFAULT_ADB_SERVER_PORT,
    DEFAULT_MODEL,
    AdbServerHost,
    AdbServerPort,
    Model,
    RedactRegions,
    TunerTls,
    bad_input_is_a_sentence,
)
from agent_runtime.errors import UsageError
from agent_runtime.stopping import stop_on_signals

NO_DEVICE_LEFT_EXIT_CODE = 1
DEFAULT_EPISODES = 10
_QUANTIZATIONS = ("nf4", "int8", "none")
_FOLDER_OF_SPOOL = Path("runs/spool")
_FOLDER_OF_VOTES = Path("runs/judge-cache")


def register(app: typer.Typer) -> None:
    """Add the command to the program's."""
    app.command()(run)


def run(
    device: Annotated[
        list[str] | None, typer.Option(help="Serial, as `adb devices` shows it; may be given again.")
    ] = None,
    devices: Annotated[str | None, typer.Option(help="all: every device the adb server shows as ready.")] = None,
    adb_server_host: AdbServerHost = DEFAULT_ADB_SERVER_HOST,
    adb_server_port: AdbServerPort = DEFAULT_ADB_SERVER_PORT,
    model: Model = DEFAULT_MODEL,
    quantization: Annotated[str, typer.Option(help="nf4, int8 or none.")] = "nf4",
    grammar: Annotated[
        str | None, typer.Option(help=f"{', '.join(GRAMMAR_NAMES)}; the checkpoint's own by default.")
    ] = None,
    policy: Annotated[str | None, typer.Option(help="scripted:FILE instead of a model: one utterance a line.")] = None,
    tuner: Annotated[str | None, typer.Option(help="host:port of a tuner; none by default.")] = None,
    tuner_key: Annotated[
        str | None, typer.Option(help="Public key (base64 or a file): only adapters signed by its owner are taken.")
    ] = None,
    tls: TunerTls = None,
    suite: Annotated[str, typer.Option(help="Suite the tasks are drawn from.")] = "basics",
    tasks: Annotated[Path | None, typer.Option(help='JSON list of {"name", "params"} to use instead.')] = None,
    goals: Annotated[Path | None, typer.Option(help="Text file of goals, one a line, for a judge to judge.")] = None,
    judge_url: Annotated[
        str | None, typer.Option(help="OpenAI-compatible endpoint, such as https://host/v1; its key: JUDGE_API_KEY.")
    ] = None,
    judge_model: Annotated[str | None, typer.Option(help="Model that judges the last screen.")] = None,
    judge_votes: Annotated[int, typer.Option(min=1, max=9, help="Votes; more than half must agree.")] = 3,
    judge_cache: Annotated[Path, typer.Option(help="Folder where votes are kept.")] = _FOLDER_OF_VOTES,
    goal_step_limit: Annotated[int, typer.Option(min=1, max=1000, help="Steps for a goal of the list.")] = 10,
    episodes: Annotated[
        int | None,
        typer.Option(min=0, help=f"Episodes to explore, over all devices; {DEFAULT_EPISODES} without --minutes."),
    ] = None,
    minutes: Annotated[float | None, typer.Option(min=0.0, help="Minutes to explore.")] = None,
    temperature: Annotated[float, typer.Option(min=0.0, max=10.0, help="Of sampling; 0 is greedy.")] = 1.0,
    evaluate_goals: Annotated[int, typer.Option(min=0, help="Goals of each split to evaluate before and after.")] = 0,
    evaluate_split: Annotated[
        list[str] | None,
        typer.Option(help="unseen-instances (the default), unseen-templates, unseen-apps, train, or all; repeatable."),
    ] = None,
    wait_for_learning: Annotated[
        float, typer.Option(min=0.0, help="Seconds to wait for one more adapter before the last evaluation.")
    ] = 0.0,
    spool: Annotated[Path, typer.Option(help="Folder where episodes wait for the tuner.")] = _FOLDER_OF_SPOOL,
    records: Annotated[Path | None, typer.Option(help="JSON-lines file to append episodes to.")] = None,
    save_screens: Annotated[Path | None, typer.Option(help="Folder for the pictures the model saw.")] = None,
    record: Annotated[
        Path | None, typer.Option(help="New folder to record the whole session in; one below it for each device.")
    ] = None,
    redact_text: Annotated[
        bool, typer.Option("--redact-text", help="Record typed text and parameters of tasks as ▒.")
    ] = False,
    redact_region: RedactRegions = None,
    gate: Annotated[
        str | None, typer.Option(help="emulator, strict, or a JSON file: what no model may do (docs/gate.md).")
    ] = None,
    allow_physical: Annotated[
        bool, typer.Option("--allow-physical", help="Use a real phone; the gate is then strict by default.")
    ] = False,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Ask at this terminal where the gate's file lets a person decide.")
    ] = False,
    summary: Annotated[Path | None, typer.Option(help="JSON file for the result.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Decides tasks and sampling.")] = 0,
) -> None:
    """Run episodes on one device or many until done, or until SIGINT or SIGTERM ends it after the current step."""
    from agent_runtime.gate.files import GateChoice
    from agent_runtime.gate.person import ask_at_terminal
    from agent_runtime.judged_goals import chosen_goals
    from agent_runtime.options import Options
    from agent_runtime.session import run_session
    from agent_runtime.tasks.splits import DEFAULT_SPLIT, splits_named

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if episodes is None and minutes is None:
        episodes = DEFAULT_EPISODES
    with bad_input_is_a_sentence():
        _check_choices(quantization, grammar)
        options = Options(
            devices=_named_devices(device or [], devices),
            adb_server_host=adb_server_host,
            adb_server_port=adb_server_port,
            model=model,
            quantization=quantization,
            grammar=grammar,
            policy=policy,
            tuner=tuner,
            suite=suite,
            tasks=tasks,
            episodes=episodes,
            minutes=minutes,
            temperature=temperature,
            evaluate_goals=evaluate_goals,
            evaluate_splits=splits_named(evaluate_split or [DEFAULT_SPLIT]),
            wait_for_learning_sec=wait_for_learning,
            spool=spool,
            records=records,
            save_screens=save_screens,
            record=record,
            redact_text=redact_text,
            redact_regions=tuple(redact_region or ()),
            summary=summary,
            seed=seed,
            tuner_key=tuner_key,
            tls=tls,
            gate=GateChoice(gate, allow_physical, ask_at_terminal if confirm else None),
            goals=chosen_goals(
                goals,
                judge_url,
                judge_model,
                judge_votes=judge_votes,
                step_limit=goal_step_limit,
                cache=judge_cache,
            ),
        )
        result = run_session(options, stop_on_signals())
    if result.has_left:
        typer.echo(f"Stopped early: {result.stopped}", err=True)
        raise typer.Exit(NO_DEVICE_LEFT_EXIT_CODE)


def _named_devices(serials: list[str], devices: str | None) -> tuple[str, ...]:
    """Return the serials named, none for all that are ready.

    Raises:
        UsageError: none or all and some are named, or one is named twice.
    """
    if devices not in (None, "all"):
        raise UsageError(f"Got --devices {devices}, expected all: name single ones with --device.")
    if (devices is None) == (not serials):
        got = "neither --device nor" if devices is None else "both --device and"
        raise UsageError(f"Got {got} --devices all, expected one of them: see `adb devices` and choose.")
    twice = [serial for number, serial in enumerate(serials) if serial in serials[:number]]
    if twice:
        raise UsageError(f"Got the device {twice[0]} twice, expected each once: name it once.")
    return tuple(serials)


def _check_choices(quantization: str, grammar: str | None) -> None:
    for got, allowed in ((quantization, _QUANTIZATIONS), (grammar or GRAMMAR_NAMES[0], GRAMMAR_NAMES)):
        if got not in allowed:
            raise UsageError(f"Got {got!r}, expected one of {', '.join(allowed)}: choose one of these.")
