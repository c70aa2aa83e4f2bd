"""`tuner estimate`: how often a version would succeed, told from recorded sessions. Needs torch only once it scores."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent_runtime.errors import AgentRuntimeError
from tuner.command_options import DEFAULT, DEFAULT_MODEL, BaseWeights, Model, NumThreads, fail, named_checkpoint
from tuner.errors import TunerServiceError

if TYPE_CHECKING:
    from tuner.estimate.acted import Acted
    from tuner.estimate.episodes import Episode
    from tuner.estimate.scoring import Version
    from tuner.estimate.verdict import Estimate, Verdict

REFUSED_EXIT_CODE = 1


def estimate(
    sessions: Annotated[list[Path], typer.Option(help="Recorded session, or a folder of such; may be given again.")],
    state: Annotated[
        Path | None, typer.Option(help="The tuner's state folder; without it the base model alone is asked about.")
    ] = None,
    version: Annotated[int | None, typer.Option(min=1, help="Version to ask about; the newest by default.")] = None,
    temperature: Annotated[
        float | None, typer.Option(min=0.01, max=10.0, help="What it is to sample at; the recorded one by default.")
    ] = None,
    model: Model = DEFAULT_MODEL,
    quantization: BaseWeights = DEFAULT.quantization,
    grammar: Annotated[str, typer.Option(help="Action grammar of the sessions.")] = DEFAULT.action_grammar,
    confidence: Annotated[float, typer.Option(min=0.5, max=0.999, help="Of the intervals.")] = 0.95,
    num_threads: NumThreads = DEFAULT.num_threads,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the figures to this file.")] = None,
) -> None:
    """Estimate a version's success without a phone: exit code 0 with an estimate, 1 when sessions tell too little."""
    try:
        if version is not None and state is None:
            fail(f"Got --version {version} without --state, expected both: name the tuner's state folder.")
        folder, identity, _ = named_checkpoint(model, quantization, grammar)
        from tuner.adapters.store import AdapterStore
        from tuner.estimate.acted import acted_episodes
        from tuner.estimate.verdict import judge

        acted = acted_episodes(sessions, identity)
        asked = None if state is None else AdapterStore(state / "adapters").get_or_newest(version)
        episodes = _scored(acted, folder, quantization, identity.action_grammar, asked, temperature, num_threads)
        verdict = judge(episodes, confidence=confidence, seed=seed)
    except (TunerServiceError, AgentRuntimeError) as error:
        fail(str(error))
    _tell(acted, verdict)
    if json_file is not None:
        _write(json_file, acted, verdict)
    if verdict.refusal is not None:
        typer.echo(f"tuner: {verdict.refusal}", err=True)
        raise typer.Exit(REFUSED_EXIT_CODE)


def _scored(
    acted: Acted,
    folder: Path,
    quantization: str,
    grammar: str,
    version: Version | None,
    temperature: float | None,
    num_threads: int,
) -> list[Episode]:
    import torch
    from rich.console import Console
    from rich.progress import Progress

    from agent_runtime.policy.generate import chosen_device
    from tuner.estimate.scoring import Scorer

    torch.set_num_threads(num_threads)
    scorer = Scorer(folder, quantization, grammar, version, chosen_device())
    steps = sum(len(episode.recorded.steps) for episode in acted.episodes)
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("steps scored", total=steps)
        found = scorer.episode_log_probs(acted.episodes, temperature, lambda count: bar.advance(task, count))
        return [episode.with_ratios(told) for episode, told in zip(acted.episodes, found, strict=True)]


def _tell(acted: Acted, verdict: Verdict) -> None:
    overlap = verdict.overlap
    typer.echo(
        f"{overlap.episodes} episodes of {acted.sessions} sessions, {acted.left_out} more left out; under this policy "
        f"they count as {overlap.effective:.1f}, the heaviest as {overlap.largest_share:.1%} of all"
    )
    rows: Sequence[tuple[str, Estimate | None]] = (
        ("this policy, doubly robust", verdict.doubly_robust),
        ("this policy, importance sampling", verdict.importance_sampling),
    )
    _row("as recorded", verdict.recorded, verdict.recorded_interval.low, verdict.recorded_interval.high)
    for name, told in rows:
        if told is not None:
            _row(name, told.value, told.interval.low, told.interval.high)
    if verdict.doubly_robust is not None:
        gain = verdict.doubly_robust.gain
        _row("gain over what acted", verdict.doubly_robust.value - verdict.recorded, gain.low, gain.high)


def _row(name: str, value: float, low: float, high: float) -> None:
    typer.echo(f"{name:34s} {100 * value:6.1f} %  [{100 * low:.1f}, {100 * high:.1f}]")


def _write(path: Path, acted: Acted, verdict: Verdict) -> None:
    told = {"sessions": acted.sessions, "left_out": acted.left_out, **asdict(verdict)}
    for name in ("log_mass_low", "log_mass_high"):
        mass_nats = told["overlap"][name]
        told["overlap"][name] = mass_nats if math.isfinite(mass_nats) else None  # JSON has no infinity
    try:
        path.write_text(json.dumps(told, indent=2, allow_nan=False) + "\n", "utf-8")
    except OSError as error:
        fail(f"Got {path} that cannot be written ({error.strerror}), expected a file: choose another with --json.")
