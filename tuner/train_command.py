"""`tuner train`: the offline stage from the command line. Needs torch only once it runs."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError

from agent_runtime.errors import AgentRuntimeError
from tuner.command_options import (
    DEFAULT,
    DEFAULT_MODEL,
    BaseWeights,
    BatchSize,
    LearningRate,
    LineFormat,
    LoraAlpha,
    LoraR,
    Model,
    SpokenGrammar,
    broken_setting,
    fail,
    named_checkpoint,
)
from tuner.config import LearnerConfig
from tuner.errors import TunerServiceError
from tuner.logs import set_up_logs

if TYPE_CHECKING:
    from tuner.ingest.identity import Identity
    from tuner.ingest.ledger import Ledger

_INTERRUPTED = 130

Tell = Callable[[str, int, int, Mapping[str, float]], None]


def train(
    state: Annotated[Path, typer.Option(help="The tuner's state folder; no tuner may serve it meanwhile.")],
    sessions: Annotated[
        list[Path] | None, typer.Option(help="Recorded or imported session, or a folder of such; may be given again.")
    ] = None,
    model: Model = DEFAULT_MODEL,
    quantization: BaseWeights = DEFAULT.quantization,
    grammar: SpokenGrammar = DEFAULT.action_grammar,
    imitation_steps: Annotated[int, typer.Option(min=0, help="Optimizer steps on the steps of successes.")] = 200,
    filtered_steps: Annotated[int, typer.Option(min=0, help="Optimizer steps on what the critics keep.")] = 200,
    critic_epochs: Annotated[int, typer.Option(min=1, help="Passes of the critics over the episodes.")] = 20,
    instruction_share: Annotated[
        float, typer.Option(help="Top share of the episodes the filter keeps.")
    ] = DEFAULT.instruction_share,
    learning_rate: LearningRate = DEFAULT.learning_rate,
    lora_r: LoraR = DEFAULT.lora_r,
    lora_alpha: LoraAlpha = DEFAULT.lora_alpha,
    batch_size: BatchSize = DEFAULT.batch_size,
    log_format: LineFormat = DEFAULT.log_format,
    num_threads: Annotated[int, typer.Option(help="CPU threads.")] = DEFAULT.num_threads,
    seed: Annotated[int, typer.Option(help="Seed of the adapter's start and of the draws.")] = DEFAULT.seed,
) -> None:
    """Learn offline from recorded sessions and the ledger, publish a version; `tuner serve` goes on from it."""
    set_up_logs(log_format)
    try:
        folder, identity, _ = named_checkpoint(model, quantization, grammar)
        config = LearnerConfig(
            state=state,
            model=folder,
            base_model_digest=identity.base_model_digest,
            quantization=quantization,
            action_grammar=identity.action_grammar,
            instruction_share=instruction_share,
            learning_rate=learning_rate,
            lora_r=lora_r,
            lora_alpha=lora_alpha,
            batch_size=batch_size,
            num_threads=num_threads,
            seed=seed,
        )
        _run(config, identity, sessions or [], (imitation_steps, filtered_steps, critic_epochs))
    except ValidationError as error:
        fail(f"Got settings that cannot be: {broken_setting(error)}; see tuner train --help.")
    except (TunerServiceError, AgentRuntimeError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"Got {error} from the disk, expected it to take a checkpoint: free some space and run the same again.")
    except KeyboardInterrupt:
        typer.echo("stopped; the same command goes on from the last checkpoint", err=True)
        raise typer.Exit(_INTERRUPTED) from None


def _run(config: LearnerConfig, identity: Identity, sessions: list[Path], plan: tuple[int, int, int]) -> None:
    """Take the sessions in first: what is wrong with them is told before torch is loaded."""
    from tuner.folder_lock import folder_locked
    from tuner.ingest.ledger import Ledger
    from tuner.recorded import take_sessions
    from tuner.serve import prepare_state_folder

    prepare_state_folder(config.state)
    ledger = Ledger(config.state)
    with folder_locked(config.state, "one that no tuner serves: stop that one, or choose another with --state."):
        ledger.open()
        try:
            for path in sessions:
                taken = take_sessions(path, identity, ledger)
                for sentence in taken.left_out:
                    typer.echo(sentence, err=True)
                left_out = len(taken.left_out)
                typer.echo(f"{path}: {taken.stored} episodes stored, {taken.known} known already, {left_out} left out")
            _learn(config, ledger, plan)
        finally:
            ledger.close()


def _learn(config: LearnerConfig, ledger: Ledger, plan: tuple[int, int, int]) -> None:
    import torch

    from agent_runtime.policy.generate import chosen_device
    from tuner.learner.demonstrations import demonstrated
    from tuner.learner.mailbox import Mailbox
    from tuner.learner.offline import OfflineStage, Plan, offline_config
    from tuner.learner.student import load_student

    torch.set_num_threads(config.num_threads)
    student = load_student(offline_config(config), chosen_device())
    stored = ledger.demonstrations()
    shown = demonstrated(stored, student.renderer)
    if stored:
        typer.echo(f"{len(shown.steps)} demonstrated steps to imitate, {shown.left_out} left out")
    with _telling() as tell:
        mailbox = Mailbox(io.StringIO(), io.StringIO())  # nobody listens
        progress = OfflineStage(config, student, ledger, mailbox, Plan(*plan), tell, shown.steps).run()
    typer.echo(f"version {progress.version} after {progress.optimizer_steps} optimizer steps")


@contextmanager
def _telling() -> Iterator[Tell]:
    """Yield what shows progress: a bar for each part on a terminal, otherwise a plain line for each commit."""
    from rich.console import Console
    from rich.progress import Progress, TaskID

    console = Console()
    if not console.is_terminal:
        yield lambda part, done, steps, figures: typer.echo(f"{part} {done}/{steps}{_figures(figures)}")
        return
    with Progress(console=console) as bar:
        tasks: dict[str, TaskID] = {}

        def show(part: str, done: int, steps: int, figures: Mapping[str, float]) -> None:
            if part not in tasks:
                tasks[part] = bar.add_task(part, total=steps)
            bar.update(tasks[part], completed=done, description=f"{part}{_figures(figures)}")

        yield show


def _figures(figures: Mapping[str, float]) -> str:
    return "".join(f"  {name} {value:.4g}" for name, value in figures.items())
