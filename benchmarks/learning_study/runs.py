"""One run: a base, an arm, a stream of tasks; everything measured goes into one plain record. Writes no file."""

import time
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks.learning_study.arms import RunSpec
from benchmarks.learning_study.bases import Base, load_base
from benchmarks.learning_study.goals import SplitName, Start, TaskStream
from benchmarks.learning_study.learner import Learner
from benchmarks.learning_study.phones import VARIANTS
from benchmarks.learning_study.rollout import Episode, Fleet
from tuner.coso.labels import Utterance

Record = dict[str, object]
FLEET_SIZE = 240
SAMPLED_EPISODES = 40
WEIGHED_ANSWERS = 48
LOW_WEIGHT = 0.2


def play(spec: RunSpec, bases: Path) -> Record:
    """Learn and measure; the same specification gives the same record but for its seconds."""
    torch.set_num_threads(1)
    torch.manual_seed(spec.seed)
    began_sec, cpu_sec = time.perf_counter(), time.process_time()
    base = load_base(bases, spec.base, spec.recipe)
    fleet = Fleet(FLEET_SIZE, base.vocabulary)
    learner = Learner(spec, base.policy, base.action_model, base.vocabulary)
    stream = TaskStream("train", VARIANTS, f"{spec.seed}/train")
    dice = torch.Generator().manual_seed(spec.seed)
    watched = _tests("instances", spec.scale.curve_episodes, spec.seed)
    curve: list[Record] = []
    updates: list[Record] = []
    for update in range(spec.scale.updates):
        tests = watched if update % spec.scale.curve_every == 0 else []
        episodes, played = fleet.run(base.policy, stream.draw(spec.scale.episodes_per_update), tests, dice)
        if tests:
            curve.append({"episodes": update * spec.scale.episodes_per_update, "success": _success(played)})
        updates.append(_update_record(learner, episodes))
    sampled, played = fleet.run(base.policy, _tests("train", SAMPLED_EPISODES, spec.seed), watched, dice)
    curve.append({"episodes": spec.scale.updates * spec.scale.episodes_per_update, "success": _success(played)})
    return {
        "spec": spec.as_dict(),
        "curve": curve,
        "updates": updates,
        "final": _final(fleet, base, spec, dice),
        "sampled": {"success": _success(sampled), "malformed": _malformed(sampled)},
        "weights": _weight_shares(learner, base, sampled),
        "seconds": round(time.perf_counter() - began_sec, 1),
        "cpu_seconds": round(time.process_time() - cpu_sec, 1),
    }


def _update_record(learner: Learner, episodes: Sequence[Episode]) -> Record:
    figures = learner.update(episodes)
    return {
        "success": _success(episodes),
        "by_template": _by_template(episodes),
        "malformed": _malformed(episodes),
        "decisions": sum(len(episode.decisions) for episode in episodes),
        "critical_entropy": figures.critical_entropy,
        "other_entropy": figures.other_entropy,
        "clipped": figures.clipped,
        "scm_loss": figures.scm_loss,
        "scm_accuracy": figures.scm_accuracy,
        "optimizer_steps": figures.steps,
    }


def _tests(split: SplitName, count: int, seed: int | str) -> list[Start]:
    """Return the same tasks for every arm of a seed."""
    return TaskStream(split, VARIANTS, f"{seed}/test").draw(count)


def _final(fleet: Fleet, base: Base, spec: RunSpec, dice: torch.Generator) -> Record:
    """Return what the policy reaches greedily on each split, by template too."""
    tests = {split: _tests(split, spec.scale.final_episodes, f"{spec.seed}/final") for split in spec.scale.final_splits}
    _, played = fleet.run(base.policy, [], [start for starts in tests.values() for start in starts], dice)
    found: Record = {}
    for split, starts in tests.items():
        episodes, played = played[: len(starts)], played[len(starts) :]
        found[split] = {"success": _success(episodes), "by_template": _by_template(episodes)}
    return found


def _by_template(episodes: Sequence[Episode]) -> dict[str, float]:
    won: dict[str, list[bool]] = {}
    for episode in episodes:
        won.setdefault(episode.start.task.name, []).append(episode.succeeded)
    return {name: sum(each) / len(each) for name, each in won.items()}


def _weight_shares(learner: Learner, base: Base, episodes: Sequence[Episode]) -> Record:
    """Return the share of tokens whose weight is below 0.2, by the action model and by the parser."""
    decisions = [decision for episode in episodes for decision in episode.decisions][:WEIGHED_ANSWERS]
    utterances: list[Utterance] = [decision.utterance for decision in decisions]
    scm = torch.cat(learner.scm.weights(utterances))
    parser = torch.cat(learner.parser_weights(decisions))
    return {
        "tokens": len(scm),
        "scm_low_share": float((scm < LOW_WEIGHT).double().mean()),
        "parser_low_share": float((parser < LOW_WEIGHT).double().mean()),
        "correlation": float(torch.corrcoef(torch.stack((scm, parser)))[0, 1])
        if scm.std() * parser.std() > 0
        else None,
    }


def _malformed(episodes: Sequence[Episode]) -> float:
    """Return the share of malformed answers."""
    return sum(episode.malformed for episode in episodes) / sum(len(episode.decisions) for episode in episodes)


def _success(episodes: Sequence[Episode]) -> float:
    return sum(episode.succeeded for episode in episodes) / len(episodes)
