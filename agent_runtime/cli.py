"""`agent-runtime`: options in, one run, a table out. Needs no torch until a model is loaded.

`agent-runtime --device S` is short for `agent-runtime run --device S`.
"""

import logging
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, cast

import typer
from typer.core import TyperGroup

from agent_runtime import device_commands, provenance_commands, record_command, scan_command, send_command
from agent_runtime.actions import GRAMMAR_NAMES
from agent_runtime.errors import AgentRuntimeError, UsageError
from agent_runtime.sessions import commands as session_commands
from agent_runtime.sessions import transfer_commands

BAD_INPUT_EXIT_CODE = 2
NO_DEVICE_LEFT_EXIT_CODE = 1
NOT_READY_EXIT_CODE = 1
INTERRUPTED_EXIT_CODE = 130
_QUANTIZATIONS = ("nf4", "int8", "none")
_USAGE_ERROR = cast("type[typer.BadParameter]", typer.BadParameter.__mro__[1])
"""click's UsageError; typer brings a click of its own or not, depending on its version, and exports only this child."""
_FOLDER_OF_SPOOL = Path("runs/spool")
_FOLDER_OF_VOTES = Path("runs/judge-cache")


class RunByDefault(TyperGroup):
    """Takes options without a command as those of ``run``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put ``run`` in front of options; asking for help stays asking for help."""
        is_run = bool(args) and args[0].startswith("-") and args[0] != "--help"
        return super().parse_args(ctx, ["run", *args] if is_run else args)


app = typer.Typer(
    cls=RunByDefault,
    add_completion=False,
    no_args_is_help=True,
    help="Lets a vision-language model use a phone, and sends what happens to a tuner. "
    "Without a command, options are those of `run`: agent-runtime --device emulator-5554.",
)


@app.callback()
def _group() -> None:
    """Makes the app a group even while it has one command."""


session_commands.register(app)
transfer_commands.register(app)
device_commands.register(app)
send_command.register(app)
record_command.register(app, lambda: stop_on_signals())
provenance_commands.register(app)
scan_command.register(app)


@app.command()
def run(
    device: Annotated[
        list[str] | None, typer.Option(help="Serial, as `adb devices` shows it; may be given again.")
    ] = None,
    devices: Annotated[str | None, typer.Option(help="all: every device the adb server shows as ready.")] = None,
    adb_server_host: Annotated[str, typer.Option(help="Where the adb server runs.")] = "127.0.0.1",
    adb_server_port: Annotated[int, typer.Option(min=1, max=65535, help="The adb server's port.")] = 5037,
    model: Annotated[str, typer.Option(help="Base checkpoint: a folder, or 'small-vlm'.")] = "small-vlm",
    quantization: Annotated[str, typer.Option(help="nf4, int8 or none.")] = "nf4",
    grammar: Annotated[
        str | None, typer.Option(help=f"{', '.join(GRAMMAR_NAMES)}; the checkpoint's own by default.")
    ] = None,
    policy: Annotated[str | None, typer.Option(help="scripted:FILE instead of a model: one utterance a line.")] = None,
    tuner: Annotated[str | None, typer.Option(help="host:port of a tuner; none by default.")] = None,
    tuner_key: Annotated[
        str | None, typer.Option(help="Public key (base64 or a file): only adapters signed by its owner are taken.")
    ] = None,
    tls: Annotated[
        Path | None, typer.Option(help="Folder of `tuner keys issue`: certificate and key to call the tuner with.")
    ] = None,
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
        int | None, typer.Option(min=0, help="Episodes to explore, over all devices; 10 without --minutes.")
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
    redact_region: Annotated[
        list[str] | None, typer.Option(help="x0,y0,x1,y1 from 0 to 1 to record as black; may be given again.")
    ] = None,
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
        episodes = 10
    try:
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
    except (AgentRuntimeError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(BAD_INPUT_EXIT_CODE) from None
    if result.has_left:
        typer.echo(f"Stopped early: {result.stopped}", err=True)
        raise typer.Exit(NO_DEVICE_LEFT_EXIT_CODE)


@app.command()
def doctor(
    device: Annotated[str, typer.Option(help="Serial, as `adb devices` shows it.")],
    adb_server_host: Annotated[str, typer.Option(help="Where the adb server runs.")] = "127.0.0.1",
    adb_server_port: Annotated[int, typer.Option(min=1, max=65535, help="The adb server's port.")] = 5037,
    report: Annotated[Path | None, typer.Option(help="JSON file for findings and raw answers, to send along.")] = None,
) -> None:
    """Say whether a device is ready for an agent, and what to do where it is not; exit 1 when something fails."""
    from agent_runtime.doctor import examine, print_table, write_report

    try:
        examination = examine(device, adb_server_host, adb_server_port)
        print_table(examination.findings)
        if report is not None:
            write_report(report, examination)
    except AgentRuntimeError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(BAD_INPUT_EXIT_CODE) from None
    if examination.has_failed:
        raise typer.Exit(NOT_READY_EXIT_CODE)


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


def stop_on_signals() -> Callable[[], bool]:
    """Have SIGINT and SIGTERM ask for a stop; a second one ends the program as usual. Return who tells."""
    asked = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        asked.set()
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, ask)
        signal.signal(signal.SIGTERM, ask)
    return asked.is_set


def main() -> None:
    """Entry point; bad options end with one sentence and exit code 2."""
    try:
        code = app(standalone_mode=False)
    except _USAGE_ERROR as error:
        typer.echo(error.format_message(), err=True)
        sys.exit(BAD_INPUT_EXIT_CODE)
    except typer.Abort:
        sys.exit(INTERRUPTED_EXIT_CODE)
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
