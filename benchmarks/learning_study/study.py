"""Plays many runs in processes; what is done stays done, so that a study that was stopped goes on. Judges nothing."""

import json
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from pathlib import Path

import torch

from benchmarks.learning_study.arms import Recipe, RunSpec
from benchmarks.learning_study.bases import make_base, make_stem
from benchmarks.learning_study.runs import Record, play

BASES = "bases"


def play_all(specs: Sequence[RunSpec], folder: Path, bases: Path, jobs: int) -> int:
    """Play every run that has no record yet, bases first, and return how many there were to play."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [spec for spec in specs if not (folder / spec.file_name).exists()]
    recipes = dict.fromkeys(spec.recipe for spec in missing)
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        _finish([pool.submit(_stem, bases, recipe) for recipe in recipes])
        wanted = dict.fromkeys((spec.base, spec.recipe) for spec in missing)
        _finish([pool.submit(_base, bases, number, recipe) for number, recipe in wanted])
        futures = {pool.submit(_run, spec, folder, bases): spec for spec in missing}
        for done, future in enumerate(as_completed(futures), start=1):
            print(f"{done}/{len(missing)} {futures[future].file_name}: {future.result()}", flush=True)
    return len(missing)


def records(specs: Sequence[RunSpec], folder: Path) -> dict[RunSpec, Record]:
    """Return the records there are."""
    there = [spec for spec in specs if (folder / spec.file_name).exists()]
    return {spec: json.loads((folder / spec.file_name).read_text()) for spec in there}


def write_record(record: Record, path: Path) -> None:
    """Write a record whole or not at all."""
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(record, indent=1))
    unfinished.replace(path)


def _stem(bases: Path, recipe: Recipe) -> None:
    torch.set_num_threads(1)
    make_stem(bases, recipe)


def _base(bases: Path, seed: int, recipe: Recipe) -> None:
    torch.set_num_threads(1)
    make_base(bases, seed, recipe)


def _run(spec: RunSpec, folder: Path, bases: Path) -> str:
    record = play(spec, bases)
    write_record(record, folder / spec.file_name)
    final = record["final"]
    assert isinstance(final, dict)
    reached = {split: round(found["success"], 2) for split, found in final.items()}
    return f"{reached} in {record['seconds']} s"


def _finish(futures: Sequence[Future[None]]) -> None:
    for future in futures:
        future.result()
