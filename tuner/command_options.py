"""What the tuner's commands share: options, defaults, a checkpoint's identity, the end on bad input. Needs no torch."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from pydantic import ValidationError

from agent_runtime.command_line import BAD_INPUT_EXIT_CODE
from tuner.config import LearnerConfig, Quantization
from tuner.logs import LogFormat

if TYPE_CHECKING:
    from agent_runtime.actions import Grammar
    from tuner.ingest.identity import Identity

DEFAULT_ADDRESS = "127.0.0.1:50051"
DEFAULT_MODEL = "small-vlm"
DEFAULT = SimpleNamespace(**{name: field.default for name, field in LearnerConfig.model_fields.items()})
"""The learner's defaults stand in ``LearnerConfig`` and nowhere else."""

Model = Annotated[str, typer.Option(help="Base checkpoint: a folder, or 'small-vlm'.")]
BaseWeights = Annotated[Quantization, typer.Option(help="How the base weights are held.")]
SpokenGrammar = Annotated[str, typer.Option(help="Action grammar the runtimes speak.")]
LearningRate = Annotated[float, typer.Option(help="AdamW's step size.")]
LoraR = Annotated[int, typer.Option(help="Rank of the adapter.")]
LoraAlpha = Annotated[float, typer.Option(help="Scale of the adapter.")]
BatchSize = Annotated[int, typer.Option(help="Utterances in one optimizer step.")]
LineFormat = Annotated[LogFormat, typer.Option(help="Lines of the log: text, or a JSON object each.")]
NumThreads = Annotated[int, typer.Option(min=1, help="CPU threads.")]


def keep_grpc_quiet() -> None:
    """Keep gRPC's own log lines from the terminal, unless asked for; call before gRPC is imported."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")


def fail(sentence: str) -> NoReturn:
    """End with the sentence and the exit code of bad input."""
    typer.echo(f"tuner: {sentence}", err=True)
    raise typer.Exit(BAD_INPUT_EXIT_CODE)


def broken_setting(error: ValidationError) -> str:
    """Return the first thing wrong with a ``LearnerConfig``, with the value that was given where it is one field's."""
    first = error.errors()[0]
    said = first["msg"].removeprefix("Value error, ")
    return f"{'.'.join(map(str, first['loc']))} {first['input']!r}: {said}" if first["loc"] else said


def named_checkpoint(model: str, quantization: str, grammar: str) -> tuple[Path, Identity, Grammar]:
    """Return the folder that ``--model`` names, what runtimes must agree with, and the grammar they speak.

    Raises:
        AgentRuntimeError: there is no such checkpoint or grammar.
    """
    from agent_runtime.actions import grammar_named
    from agent_runtime.policy.identity import agent_defaults, base_model_digest, resolve_checkpoint, tokenizer_digest
    from tuner.ingest.identity import Identity

    folder = resolve_checkpoint(model)
    spoken = grammar_named(grammar, agent_defaults(folder).image_size_px)
    return folder, Identity(base_model_digest(folder), tokenizer_digest(folder), quantization, spoken.name), spoken
