"""`tuner`: options in, objects built, service run. Needs no torch; the learner is a process of its own."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from agent_runtime.errors import AgentRuntimeError
from tuner.config import LearnerConfig, Quantization, WeightSource
from tuner.errors import TunerServiceError

BAD_INPUT_EXIT_CODE = 2
STATUS_DEADLINE_SEC = 5.0

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Stores trajectories, learns, publishes adapters.")


@app.command()
def serve(
    state: Annotated[Path, typer.Option(help="Folder for the ledger, the adapters and the learner's checkpoint.")],
    listen: Annotated[str, typer.Option(help="host:port; port 0 takes a free one.")] = "127.0.0.1:50051",
    model: Annotated[str, typer.Option(help="Base checkpoint: a folder, or 'small-vlm'.")] = "small-vlm",
    quantization: Annotated[Quantization, typer.Option(help="How the base weights are held.")] = "nf4",
    grammar: Annotated[str, typer.Option(help="Action grammar the runtimes speak.")] = "json",
    weight_source: Annotated[WeightSource, typer.Option(help="Where the causal weights come from.")] = "scm",
    entropy_alpha: Annotated[float, typer.Option(help="Weight of the causal entropy (alpha).")] = 0.02,
    learning_rate: Annotated[float, typer.Option(help="AdamW's step size.")] = 1e-3,
    lora_r: Annotated[int, typer.Option(help="Rank of the adapter.")] = 16,
    lora_alpha: Annotated[float, typer.Option(help="Scale of the adapter.")] = 32.0,
    batch_size: Annotated[int, typer.Option(help="Utterances in one optimizer step.")] = 16,
    trajectories_per_update: Annotated[int, typer.Option(help="New trajectories to wait for.")] = 8,
    optimizer_steps_per_update: Annotated[int, typer.Option(help="Optimizer steps before a publish.")] = 8,
    num_threads: Annotated[int, typer.Option(help="CPU threads of the learner.")] = 1,
    seed: Annotated[int, typer.Option(help="Seed of the adapter's start and of the replay's order.")] = 0,
) -> None:
    """Serve until SIGTERM: take trajectories in, learn, hand adapters out."""
    from agent_runtime.actions import grammar_named
    from agent_runtime.policy.identity import base_model_digest, resolve_checkpoint, tokenizer_digest
    from tuner.ingest.identity import Identity
    from tuner.serve import serve as run_service
    from tuner.supervisor import learner_command

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        folder = resolve_checkpoint(model)
        identity = Identity(
            base_model_digest(folder), tokenizer_digest(folder), quantization, grammar_named(grammar).name
        )
        config = LearnerConfig(
            state=state,
            model=folder,
            base_model_digest=identity.base_model_digest,
            quantization=quantization,
            action_grammar=identity.action_grammar,
            weight_source=weight_source,
            entropy_alpha=entropy_alpha,
            learning_rate=learning_rate,
            lora_r=lora_r,
            lora_alpha=lora_alpha,
            batch_size=batch_size,
            trajectories_per_update=trajectories_per_update,
            optimizer_steps_per_update=optimizer_steps_per_update,
            num_threads=num_threads,
            seed=seed,
        )
        host = listen.rpartition(":")[0]
        asyncio.run(
            run_service(listen, state, identity, learner_command(config), lambda port: _announce(f"{host}:{port}"))
        )
    except (TunerServiceError, AgentRuntimeError) as error:
        _fail(str(error))
    except ValueError as error:  # pydantic's ValidationError
        _fail(f"Got settings that cannot be: {_first_line(error)}; see tuner serve --help.")


@app.command()
def status(
    address: Annotated[str, typer.Option(help="host:port of a running tuner.")] = "127.0.0.1:50051",
) -> None:
    """Print how a running tuner stands."""
    import grpc
    from coso.v1 import tuner_pb2, tuner_pb2_grpc

    from tuner.status_table import print_status

    with grpc.insecure_channel(address) as channel:
        try:
            answer = tuner_pb2_grpc.TunerServiceStub(channel).GetStatus(
                tuner_pb2.GetStatusRequest(), timeout=STATUS_DEADLINE_SEC
            )
        except grpc.RpcError as error:
            _fail(f"Got {error.code().name} from {address}, expected a tuner: start one with `tuner serve`.")
    print_status(address, answer)


def main() -> None:
    """Run the command line."""
    app()


def _announce(address: str) -> None:
    typer.echo(f"listening on {address}")


def _first_line(error: ValueError) -> str:
    errors = getattr(error, "errors", None)
    if errors is None:
        return str(error).splitlines()[0]
    first = errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


def _fail(sentence: str) -> NoReturn:
    typer.echo(f"tuner: {sentence}", err=True)
    raise typer.Exit(BAD_INPUT_EXIT_CODE)


if __name__ == "__main__":
    main()
