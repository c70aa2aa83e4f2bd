"""`python -m device_scripts.oracle --suite general`: proves a suite on a virtual phone in this process."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from agent_runtime.command_line import BAD_INPUT_EXIT_CODE, run_program
from agent_runtime.errors import AgentRuntimeError
from agent_runtime.tasks import Task, TaskTemplate, suite_named
from agent_runtime.tasks.splits import SPLITS
from device_scripts.in_process import in_process_device
from device_scripts.oracle.proof import Proof, prove

NOT_PROVED_EXIT_CODE = 1

app = typer.Typer(add_completion=False)


def chosen_tasks(suite: list[TaskTemplate], instances: int, seed: int) -> list[Task]:
    """Return so many tasks of each template, drawn by the seed, or all where there are fewer."""
    rng = random.Random(seed)
    every = [[task for split in SPLITS for task in template.instances(split)] for template in suite]
    return [task for tasks in every for task in rng.sample(tasks, min(instances, len(tasks)))]


def proofs(tasks: list[Task], seed: int) -> Iterator[Proof]:
    """Prove the tasks one after another, all on one phone with the full set of apps."""
    device = in_process_device(seed, apps="full")
    for task in tasks:
        yield prove(device, task)


@app.command()
def main(
    suite: Annotated[str, typer.Option(help="Suite to prove.")] = "general",
    instances: Annotated[int, typer.Option(min=1, help="Tasks of each template.")] = 3,
    seed: Annotated[int, typer.Option(min=0, help="Decides the phone's contents and the tasks.")] = 0,
) -> None:
    """Solve every template of a suite by its plan, through the screen, and show that nothing less solves it."""
    try:
        tasks = chosen_tasks(suite_named(suite), instances, seed)
        console = Console(highlight=False)
        done = list(track(proofs(tasks, seed), suite, len(tasks), console=console))
    except AgentRuntimeError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(BAD_INPUT_EXIT_CODE) from None
    console.print(_table(done))
    wrong = [proof for proof in done if proof.problem]
    for proof in wrong:
        console.print(f"{proof.task.name}, {proof.task.goal!r}: {proof.problem}", markup=False, soft_wrap=True)
    if wrong:
        raise typer.Exit(NOT_PROVED_EXIT_CODE)


def _table(done: list[Proof]) -> Table:
    """Return one row for each app, or apps used together, and one for all."""
    rows: dict[str, list[Proof]] = defaultdict(list)
    for proof in done:
        rows[", ".join(proof.task.template.apps)].append(proof)
    table = Table("apps", "templates", "tasks", "solved", "proved", "most steps")
    for apps, proved in sorted(rows.items()):
        table.add_row(apps, *_counts(proved))
    table.add_section()
    table.add_row("all", *_counts(done))
    return table


def _counts(proved: list[Proof]) -> list[str]:
    return [
        str(len({proof.task.name for proof in proved})),
        str(len(proved)),
        str(sum(proof.is_solved for proof in proved)),
        str(sum(not proof.problem for proof in proved)),
        str(max(proof.steps for proof in proved)),
    ]


if __name__ == "__main__":
    run_program(app, "python -m device_scripts.oracle")
