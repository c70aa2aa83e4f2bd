"""`tuner serve`: options in, the service run until a signal. Needs no torch; the learner is a process of its own."""

from __future__ import annotations

import asyncio
import importlib.util
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from agent_runtime.errors import AgentRuntimeError
from tuner.command_options import (
    DEFAULT,
    DEFAULT_ADDRESS,
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
    keep_grpc_quiet,
    named_checkpoint,
)
from tuner.config import (
    AdvantageKind,
    Blame,
    EntropyOver,
    EntropyTerm,
    LearnerConfig,
    NullToken,
    Objective,
    ReportTo,
    WeightSource,
)
from tuner.config_file import ConfigFile
from tuner.errors import TunerServiceError
from tuner.logs import set_up_logs


def serve(
    state: Annotated[Path, typer.Option(help="Folder for the ledger, the adapters and the learner's checkpoint.")],
    config_file: ConfigFile = None,
    listen: Annotated[str, typer.Option(help="host:port; port 0 takes a free one.")] = DEFAULT_ADDRESS,
    tls: Annotated[
        bool, typer.Option("--tls", help="Let in only those with a certificate of `tuner keys issue`.")
    ] = False,
    submits_per_second: Annotated[
        float, typer.Option(min=0.01, help="Trajectories a caller may send, over TLS; four seconds' worth at once.")
    ] = 16.0,
    page: Annotated[
        str | None, typer.Option(help="host:port of a page to watch by; elsewhere than on loopback only with --tls.")
    ] = None,
    canary_share: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Share of the runtimes that try a new version before the others have it; by default all do at once.",
        ),
    ] = None,
    keep_days: Annotated[
        float | None, typer.Option(min=0.0, help="Empty records and remove versions that are older; none by default.")
    ] = None,
    keep_gb: Annotated[
        float | None,
        typer.Option(min=0.0, help="Empty the oldest records while the ledger is larger; none by default."),
    ] = None,
    least_free_gb: Annotated[
        float, typer.Option(min=0.0, help="Take nothing in while less of the disk is free.")
    ] = 1.0,
    model: Model = DEFAULT_MODEL,
    quantization: BaseWeights = DEFAULT.quantization,
    grammar: SpokenGrammar = DEFAULT.action_grammar,
    objective: Annotated[
        Objective, typer.Option(help="Policy term: advantage-weighted, PPO's clipped one, or cloning of successes.")
    ] = DEFAULT.objective,
    advantage: Annotated[
        AdvantageKind,
        typer.Option(
            help="An outcome against its task's success rate, its group's (GRPO), critics' values, or tokens' (BAD)."
        ),
    ] = DEFAULT.advantage,
    group_step_weight: Annotated[
        float,
        typer.Option(
            help="Weight (omega) of a step's return among its group's visits to one screen (GiGPO); group only."
        ),
    ] = DEFAULT.group_step_weight,
    instruction_share: Annotated[
        float, typer.Option(help="Top share of the episodes kept (DigiRL); critic with awr only.")
    ] = DEFAULT.instruction_share,
    clip_range: Annotated[float, typer.Option(help="Clip range (epsilon); ppo only.")] = DEFAULT.clip_range,
    thought_scaling: Annotated[
        float, typer.Option(help="Weight (lambda) of the log-probability of thought tokens.")
    ] = DEFAULT.thought_scaling,
    soft_values: Annotated[
        bool,
        typer.Option(
            "--soft-values", help="Let the next step's weighed entropy count in its value; ppo with critic only."
        ),
    ] = DEFAULT.soft_values,
    length_weight: Annotated[
        float,
        typer.Option(
            help="Reward an episode loses (Optima's lambda 1) for writing all the tokens it could; not for bc."
        ),
    ] = DEFAULT.length_weight,
    readability_weight: Annotated[
        float,
        typer.Option(help="Reward an episode loses (Optima's lambda 2) for words the base model would not write."),
    ] = DEFAULT.readability_weight,
    reward_model_weight: Annotated[
        float,
        typer.Option(help="Reward a plain failure gets at most by a model learned from pairs of outcomes (ARMAP)."),
    ] = DEFAULT.reward_model_weight,
    blame: Annotated[
        Blame,
        typer.Option(help="What a failure presses down: answers whole, tokens by weight, or malformed answers."),
    ] = DEFAULT.blame,
    entropy: Annotated[
        EntropyTerm, typer.Option(help="Tokens the entropy bonus counts: by causal weight, all alike, or no bonus.")
    ] = DEFAULT.entropy,
    weight_source: Annotated[
        WeightSource, typer.Option(help="Where the causal weights come from; uniform is entropy=uniform.")
    ] = DEFAULT.weight_source,
    entropy_over: Annotated[
        EntropyOver, typer.Option(help="Entropy of each token, or of the action it decides (weight-source parser).")
    ] = DEFAULT.entropy_over,
    entropy_alpha: Annotated[float, typer.Option(help="Weight of the entropy bonus (alpha).")] = DEFAULT.entropy_alpha,
    explorer: Annotated[
        bool,
        typer.Option(
            "--explorer", help="Learn a second adapter that explores; the deployed one gets no bonus (OPARL); awr only."
        ),
    ] = DEFAULT.explorer,
    explorer_reset_every: Annotated[
        int, typer.Option(help="Published updates after which the explorer is set to the deployed adapter.")
    ] = DEFAULT.explorer_reset_every,
    scm_window: Annotated[
        int, typer.Option(help="Tokens taken away together for a causal weight; released always has 4.")
    ] = DEFAULT.scm_window,
    scm_null: Annotated[NullToken, typer.Option(help="What stands in for a token taken away.")] = DEFAULT.scm_null,
    scm_gap_share: Annotated[
        float, typer.Option(help="Share of the action model's training rows with tokens taken away; 0: none.")
    ] = DEFAULT.scm_gap_share,
    learning_rate: LearningRate = DEFAULT.learning_rate,
    lora_r: LoraR = DEFAULT.lora_r,
    lora_alpha: LoraAlpha = DEFAULT.lora_alpha,
    batch_size: BatchSize = DEFAULT.batch_size,
    trajectories_per_update: Annotated[
        int, typer.Option(help="New trajectories to wait for.")
    ] = DEFAULT.trajectories_per_update,
    optimizer_steps_per_update: Annotated[
        int, typer.Option(help="Optimizer steps before a publish.")
    ] = DEFAULT.optimizer_steps_per_update,
    max_version_lag: Annotated[
        int | None,
        typer.Option(min=0, help="Learn from no step acted more than so many versions ago; no bound by default."),
    ] = DEFAULT.max_version_lag,
    max_agent_share: Annotated[
        float, typer.Option(help="Largest share of an update's weight that one agent has while others have some.")
    ] = DEFAULT.max_agent_share,
    mismatch_limit: Annotated[
        float,
        typer.Option(min=0, help="Nats a token by which log-probs may be off those recomputed; 0 recomputes none."),
    ] = DEFAULT.mismatch_limit,
    report_to: Annotated[
        ReportTo, typer.Option(help="Where figures go besides TensorBoard files in the state folder.")
    ] = DEFAULT.report_to,
    run_name: Annotated[str, typer.Option(help="Name of the run there; the state folder's by default.")] = "",
    log_format: LineFormat = DEFAULT.log_format,
    num_threads: Annotated[int, typer.Option(help="CPU threads of the learner.")] = DEFAULT.num_threads,
    learner_processes: Annotated[
        int, typer.Option(min=1, help="Processes that share each gradient, under torchrun: one for each GPU.")
    ] = 1,
    shard_base: Annotated[
        bool, typer.Option("--shard-base", help="Split the base model over these processes, by FSDP2 (unquantized).")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of the adapter's start and of the replay's order.")] = DEFAULT.seed,
) -> None:
    """Serve until SIGTERM: take trajectories in, learn, hand adapters out."""
    keep_grpc_quiet()
    from tuner.ingest.retention import Limits
    from tuner.serve import Keeping, Watching
    from tuner.serve import serve as run_service
    from tuner.supervisor import in_processes, learner_command

    set_up_logs(log_format)
    try:
        folder, identity, spoken = named_checkpoint(model, quantization, grammar)
        _refuse_what_is_missing(shard_base, learner_processes, report_to)
        config = LearnerConfig(
            state=state,
            model=folder,
            base_model_digest=identity.base_model_digest,
            quantization=quantization,
            action_grammar=identity.action_grammar,
            objective=objective,
            advantage=advantage,
            group_step_weight=group_step_weight,
            instruction_share=instruction_share,
            clip_range=clip_range,
            thought_scaling=thought_scaling,
            soft_values=soft_values,
            length_weight=length_weight,
            readability_weight=readability_weight,
            reward_model_weight=reward_model_weight,
            blame=blame,
            entropy=entropy,
            weight_source=weight_source,
            entropy_over=entropy_over,
            entropy_alpha=entropy_alpha,
            explorer=explorer,
            explorer_reset_every=explorer_reset_every,
            scm_window=scm_window,
            scm_null=scm_null,
            scm_gap_share=scm_gap_share,
            learning_rate=learning_rate,
            lora_r=lora_r,
            lora_alpha=lora_alpha,
            batch_size=batch_size,
            trajectories_per_update=trajectories_per_update,
            optimizer_steps_per_update=optimizer_steps_per_update,
            max_version_lag=max_version_lag,
            max_agent_share=max_agent_share,
            mismatch_limit=mismatch_limit,
            report_to=report_to,
            run_name=run_name,
            log_format=log_format,
            publish_start=canary_share is not None,
            num_threads=num_threads,
            shard_base=shard_base,
            seed=seed,
        )
        limits = Limits(keep_days, None if keep_gb is None else _bytes(keep_gb))
        asyncio.run(
            run_service(
                listen,
                state,
                identity,
                in_processes(learner_command(config), learner_processes),
                partial(_announce, listen.rpartition(":")[0]),
                None if page is None else Watching(page, lambda url: typer.echo(f"page on {url}")),
                submits_per_second if tls else None,
                canary_share,
                Keeping(limits, config.replay_capacity, _bytes(least_free_gb)),
                spoken,
            )
        )
    except (TunerServiceError, AgentRuntimeError) as error:
        fail(str(error))
    except ValidationError as error:
        fail(f"Got settings that cannot be: {broken_setting(error)}; see tuner serve --help.")


def _refuse_what_is_missing(shard_base: bool, learner_processes: int, report_to: ReportTo) -> None:
    """End where what an option needs is not there: other processes, or a package."""
    if shard_base and learner_processes == 1:
        fail("Got --shard-base with one process, expected --learner-processes 2 or more to split the base over.")
    if report_to != "none" and importlib.util.find_spec(report_to) is None:
        fail(f"Got --report-to {report_to}, expected its package: pip install 'coso-phone[{report_to}]'.")


def _announce(host: str, port: int) -> None:
    typer.echo(f"listening on {host}:{port}")


def _bytes(gigabytes: float) -> int:
    return round(1e9 * gigabytes)
