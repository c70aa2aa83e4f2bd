"""A sample of poisoned numbers and forged log-probs; the full run is `benchmarks.numeric_guards`."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from benchmarks.forged_episodes import KINDS, Forgeries, believed
from benchmarks.numeric_guards import Bench, Tally, poison
from benchmarks.numeric_mutants import checked_after_the_save, checked_after_the_step, nothing_brought_back
from benchmarks.numeric_poisons import PLACES
from benchmarks.warm_learner import warm_world
from tests.learner_world import World
from tuner.learner import causal, loop
from tuner.learner.loop import Learner
from tuner.learner.mailbox import Mailbox
from tuner.learner.student import load_student

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, World]:
    with pytest.MonkeyPatch.context() as patch:  # what makes the steps small is put back
        for module, name in ((loop, "SCM_LEAST_STEPS"), (causal, "BATCH_ROWS"), (causal, "REAL_ROWS")):
            patch.setattr(module, name, getattr(module, name))
        return warm_world(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def bench(tiny: tuple[Path, World], tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path / "bench", *tiny)
    yield bench
    bench.close()


def tally_of(bench: Bench, place: str, kinds: tuple[str, ...], seed: int = 1) -> Tally:
    tally, rng = Tally(), random.Random(seed)
    for kind in kinds:
        poison(bench, place, kind, rng, tally)
    return tally


@pytest.mark.parametrize("place", PLACES)
def test_what_is_poisoned_is_neither_saved_nor_published_and_learning_goes_on(bench: Bench, place: str) -> None:
    tally = tally_of(bench, place, ("NaN", "1e30"))
    assert (tally.poisonings, tally.broken) == (2, 0), tally.notes


def test_a_check_after_the_step_shows(bench: Bench) -> None:
    with checked_after_the_step():
        assert tally_of(bench, "gradient", ("NaN",) * 4).moved > 0


def test_a_check_after_the_save_shows(bench: Bench) -> None:
    with checked_after_the_save():
        assert tally_of(bench, "parameter", ("NaN",)).saved > 0


def test_weights_that_are_not_brought_back_show(bench: Bench) -> None:
    with nothing_brought_back():
        assert tally_of(bench, "parameter", ("NaN",)).lost > 0


def test_forged_log_probs_are_refused_by_name_and_honest_ones_are_not(
    bench: Bench, tiny: tuple[Path, World], caplog: pytest.LogCaptureFixture
) -> None:
    forgeries = Forgeries(bench, tiny[0], random.Random(1))
    forgeries.run(1)
    assert (forgeries.forged, forgeries.missed, forgeries.honest, forgeries.wronged) == (len(KINDS), 0, len(KINDS), 0)
    assert caplog.text.count("is forged and teaches nothing") == len(KINDS)
    assert bench.learner._experience.dropped["forged_log_probs"] == len(KINDS)
    again = Learner(bench.config, load_student(bench.config), bench.ledger, Mailbox(io.StringIO(), io.StringIO()))
    again.resume()
    assert len(refused := bench.ledger.unused()) == len(KINDS)
    assert not any(again._experience.steps_of(sequence) for sequence in refused)
    with believed():
        forgeries.run(1)
    assert forgeries.missed == len(KINDS)
