"""Draws a stage's learning curves, and answers with each token shaded by its causal weight. Adds nothing up."""

import html
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

from benchmarks.learning_study.arms import RunSpec
from benchmarks.learning_study.bases import load_base
from benchmarks.learning_study.goals import TaskStream
from benchmarks.learning_study.learner import Learner
from benchmarks.learning_study.phones import VARIANTS
from benchmarks.learning_study.rollout import Fleet
from benchmarks.learning_study.tables import Results

SHOWN_ANSWERS = 16
_COLOURS = {
    "none": "#777777",
    "uniform": "#c04a00",
    "scm": "#1a68d8",
    "parser": "#1c8a4a",
    "valid": "#00a6a6",
    "actions": "#c29a00",
    "released": "#8a3ab8",
}


def draw_curves(results: Results, path: Path) -> None:
    """Plot mean greedy success on unseen instances against episodes, with the standard error over seeds."""
    objectives = sorted({arm.partition("-")[0] for arm in results.by_arm} - {"bc"})
    figure = Figure(figsize=(6 * len(objectives), 4), layout="constrained")
    for axes, objective in zip(
        np.atleast_1d(figure.subplots(1, len(objectives), sharey=True)), objectives, strict=True
    ):
        for arm in results.by_arm:
            if not arm.startswith((f"{objective}-", "bc-")):
                continue
            points = [[point["success"] for point in record["curve"]] for record in results.by_arm[arm]]
            episodes = [point["episodes"] for point in results.by_arm[arm][0]["curve"]]
            mean, error = np.mean(points, 0), np.std(points, 0) / np.sqrt(len(points))
            colour = "#111111" if arm.startswith("bc-") else _COLOURS[arm.split("-")[1]]
            axes.plot(episodes, mean, label=arm, color=colour, linestyle="--" if arm.startswith("bc-") else "-")
            axes.fill_between(episodes, mean - error, mean + error, color=colour, alpha=0.15)
        axes.set(title=objective, xlabel="episodes", ylim=(0, 1), ylabel="greedy success, unseen instances")
        axes.legend(frameon=False, fontsize=7)
    figure.savefig(path, dpi=130)


def write_heat_map(bases: Path, spec: RunSpec, path: Path) -> None:
    """Write a page of sampled answers of a run's base, each twice: shaded by action model and by parser."""
    base = load_base(bases, spec.base, spec.recipe)
    learner = Learner(spec, base.policy, base.action_model, base.vocabulary)
    fleet = Fleet(SHOWN_ANSWERS, base.vocabulary)
    dice = torch.Generator().manual_seed(spec.seed)
    episodes, _ = fleet.run(base.policy, TaskStream("train", VARIANTS, "heat").draw(SHOWN_ANSWERS), [], dice)
    decisions = [
        episode.decisions[min(place % 4, len(episode.decisions) - 1)] for place, episode in enumerate(episodes)
    ]
    scm = learner.scm.weights([decision.utterance for decision in decisions])
    parser = learner.parser_weights(decisions)
    blocks = []
    for decision, learned, exact in zip(decisions, scm, parser, strict=True):
        pieces = [base.vocabulary.pieces[token] for token in decision.utterance.token_ids]
        blocks.append(f"<p>{html.escape(str(decision.action))}</p>{_line('scm', pieces, learned.tolist())}")
        blocks.append(_line("parser", pieces, exact.tolist()))
    style = "body{font:14px sans-serif}code span{padding:1px}p{margin:14px 0 2px;color:#555}"
    path.write_text(f"<!doctype html><meta charset=utf-8><title>weights</title><style>{style}</style>{''.join(blocks)}")


def _line(name: str, pieces: Sequence[str], weights: Sequence[float]) -> str:
    spans = [
        f'<span style="background:rgba(26,104,216,{weight:.2f})" title="{weight:.3f}">{html.escape(piece)}</span>'
        for piece, weight in zip(pieces, weights, strict=True)
    ]
    return f"<div>{name}: <code>{''.join(spans)}</code></div>"
