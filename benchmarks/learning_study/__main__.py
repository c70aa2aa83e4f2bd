"""`python -m benchmarks.learning_study STAGE`: plays what is missing of a stage's pilots and of it, tables and curves.

The ablations share their reference arms with the stage ppo-long, so their records lie in its folder.
"""

import argparse
import json
from pathlib import Path

import torch

from benchmarks.learning_study.alphas import chosen_alphas, chosen_blaming, chosen_steps, deep_alphas
from benchmarks.learning_study.arms import Arm, RunSpec, Weights
from benchmarks.learning_study.pictures import draw_curves, write_heat_map
from benchmarks.learning_study.plans import RARE, STAGES, Stage, specs_of
from benchmarks.learning_study.runs import Record
from benchmarks.learning_study.study import BASES, play_all, records
from benchmarks.learning_study.tables import Results, markdown

ROOT = Path("runs/learning-study")


def main(arguments: list[str] | None = None) -> int:
    """Play, add up, draw."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learning_study", description=__doc__)
    parser.add_argument("stage", choices=[*STAGES, "weights"])
    parser.add_argument("--folder", type=Path, default=ROOT, help="where records, bases and figures lie")
    parser.add_argument("--jobs", type=int, default=2, help="processes, one torch thread each")
    parser.add_argument("--only", default="", help="play and show only runs whose name begins so")
    parser.add_argument("--seeds", type=int, help="so many seeds of the stage, from its first")
    options = parser.parse_args(arguments)
    if options.stage == "weights":
        torch.set_num_threads(1)
        page = options.folder / "weights.html"
        write_heat_map(options.folder / BASES, specs_of("pilot")[0], page)
        print(page)
        return 0
    chosen = _chosen(options.stage, options.folder, options.jobs)
    specs = [spec for spec in chosen if spec.file_name.startswith(options.only)]
    folder = options.folder / ("ppo-long" if options.stage == "ablations" else options.stage)
    wanted = sorted({spec.seed for spec in specs})[: options.seeds]
    specs = [spec for spec in specs if spec.seed in wanted]
    play_all(specs, folder, options.folder / BASES, options.jobs)
    reference = next((spec.name for spec in specs if spec.arm.weights == "scm"), "")
    results = Results(records(specs, folder), reference if options.stage == "ablations" else "")
    _show(results, options.folder / options.stage)
    return 0


def _chosen(stage: Stage, folder: Path, jobs: int) -> list[RunSpec]:
    """Return the runs of a stage, with what its pilots chose; what these lack is played first."""

    def piloted(pilot: Stage, specs: list[RunSpec]) -> dict[RunSpec, Record]:
        play_all(specs, folder / pilot, folder / BASES, jobs)
        return records(specs, folder / pilot)

    match stage:
        case "headline":
            return specs_of(stage, _told(chosen_alphas(piloted("pilot", specs_of("pilot")))))
        case "deep":
            return specs_of(stage, _told(deep_alphas(piloted("deep-pilot", specs_of("deep-pilot")))))
        case "pilot" | "deep-pilot" | "ppo-steps" | "full" | "smoke":
            return specs_of(stage)
        case _:
            steps = chosen_steps(piloted("ppo-steps", specs_of("ppo-steps")))
            print(f"step size and clip by the pilot: {steps}", flush=True)
            if stage in ("ppo-pilot", "long-pilot", "falls-pilot", "rare-pilot"):
                return specs_of(stage, steps=steps)
            if stage == "rare":
                pilot = specs_of("rare-pilot", steps=steps)
                return specs_of(stage, None, steps, _named(chosen_blaming(piloted("rare-pilot", pilot), pilot, RARE)))
            pilot = specs_of("ppo-pilot", steps=steps)
            alphas = _told(chosen_alphas(piloted("ppo-pilot", pilot), pilot))
            if stage != "blame":
                return specs_of(stage, alphas, steps)
            pilot = specs_of("blame-pilot", alphas, steps)
            return specs_of(stage, alphas, steps, _named(chosen_blaming(piloted("blame-pilot", pilot), pilot)))


def _told(alphas: dict[Weights, float]) -> dict[Weights, float]:
    print(f"alpha by the pilot: {alphas}", flush=True)
    return alphas


def _named(arms: list[Arm]) -> list[Arm]:
    print(f"arms by the pilot: {', '.join(arm.name for arm in arms)}", flush=True)
    return arms


def _show(results: Results, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    table = markdown(results)
    (folder / "tables.md").write_text(table + "\n")
    (folder / "summary.json").write_text(json.dumps(results.as_dict(), indent=1))
    draw_curves(results, folder / "curves.png")
    print(table)


if __name__ == "__main__":
    raise SystemExit(main())
