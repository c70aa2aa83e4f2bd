"""Holds `tuner estimate` against the truth with the small VLM: every policy is recorded, asked about, and was played.

    python -m benchmarks.estimate_vlm                       # two temperatures, four recordings of 120 episodes each
    python -m benchmarks.estimate_vlm --state runs/tuner    # ... and the newest version of that tuner

From each recording of one policy the success of every other is estimated, and held against how often that one
succeeded in all of its own recordings. The policy that acted is asked about too: there every ratio must be 1. Goals are
the same in all recordings, and each episode has a virtual phone in this process of its own, in the same state.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import torch
from coso.v1 import policy_pb2
from rich.console import Console
from rich.progress import Progress

from agent_runtime.actions import grammar_named
from agent_runtime.episode import EpisodeConfig, run_episode
from agent_runtime.policy.base import Policy
from agent_runtime.policy.generate import load_policy
from agent_runtime.policy.identity import base_model_digest, resolve_checkpoint, tokenizer_digest
from agent_runtime.policy.server import DecisionServer
from agent_runtime.sessions.recording import Redaction
from agent_runtime.sessions.start import RunOf, accept_own, start_recording
from agent_runtime.sessions.trust import FOLDER_VARIABLE
from agent_runtime.tasks.sampling import sample_task
from agent_runtime.tasks.suites import suite_named
from agent_runtime.trajectory import Purpose, Verdict
from benchmarks.measures import machine
from device_scripts.in_process import in_process_device
from tuner.adapters.store import AdapterStore
from tuner.estimate.acted import Acted, acted_episodes
from tuner.estimate.intervals import Interval, wilson
from tuner.estimate.scoring import Scorer, Version
from tuner.estimate.verdict import judge
from tuner.ingest.identity import Identity

PHONES: Final = 8
TEMPERATURES: Final = (1.0, 0.7)
QUANTIZATION: Final = "none"
GRAMMAR: Final = "json"
SAME_POLICY_NATS: Final = 0.05
"""Ratios of the very policy that acted may differ from 1 by rounding only."""
MOST_MISSED: Final = 0.05


@dataclass(frozen=True)
class Asked:
    """A policy: the base model or a version on it, at a temperature."""

    name: str
    temperature: float
    version: Version | None = None


@dataclass(frozen=True)
class Answer:
    """What the recording of one seed under one policy says of another; no interval where it refuses."""

    recorded: str
    asked: str
    seed: int
    effective: float
    largest_log_ratio: float
    doubly_robust: tuple[float, float, float] | None
    importance_sampling: tuple[float, float, float] | None


def record(folder: Path, policy: Policy, temperature: float, count: int, seed: int) -> None:
    """Play episodes on several phones, each recorded to a folder of its own in ``folder``."""
    grammar = grammar_named(GRAMMAR, policy.image_size_px)
    with Progress(console=Console(stderr=True), transient=True) as bar, ThreadPoolExecutor(PHONES) as pool:
        task = bar.add_task(folder.name, total=count)
        told = threading.Lock()

        def one_phone(number: int) -> None:
            device, suite, goals = in_process_device(), suite_named("basics"), random.Random(f"goals/{number}")
            run, own = RunOf(f"estimate/{number}", seed, temperature), folder / f"phone-{number}"
            recorder = start_recording(own, device, policy.identity, run, Redaction(), on_closed=accept_own(own))
            for episode in range(number, count, PHONES):
                config = EpisodeConfig(
                    run.runtime_id,
                    Purpose.EXPLORE,
                    random.Random(f"{folder.name}/{episode}").getrandbits(40),
                    temperature,
                    on_start=recorder.episode_started,
                    on_step=recorder.step_taken,
                )
                done = run_episode(device.fork(), policy, grammar, sample_task(suite, "train", goals), config)
                recorder.episode_ended(done)
                assert done.verdict is not Verdict.VOID, done.void_reason
                with told:
                    bar.advance(task)
            recorder.close()

        list(pool.map(one_phone, range(PHONES)))


def record_all(root: Path, checkpoint: Path, policies: Sequence[Asked], seeds: Sequence[int], count: int) -> None:
    """Record every policy under every seed; what is there already is kept."""
    for asked in policies:
        folders = [(seed, _folder(root, asked.name, seed)) for seed in seeds]
        missing = [(seed, folder) for seed, folder in folders if not folder.exists()]
        if not missing:
            continue
        policy = load_policy(checkpoint, QUANTIZATION, GRAMMAR)
        if asked.version is not None:
            manifest = policy_pb2.AdapterManifest()
            manifest.CopyFrom(asked.version[0])
            manifest.replaces_any = True  # stored payloads are whole tensors
            policy.stage_and_apply(manifest, asked.version[1])
        with DecisionServer(policy) as server:
            for seed, folder in missing:
                record(folder, server, asked.temperature, count, seed)


def answers(
    acted: dict[tuple[str, int], Acted], checkpoint: Path, policies: Sequence[Asked], seeds: Sequence[int]
) -> list[Answer]:
    """Return what every recording says of every policy."""
    found = []
    for asked in policies:
        scorer = Scorer(checkpoint, QUANTIZATION, GRAMMAR, asked.version)
        for other in policies:
            for seed in seeds[:1] if asked is other else seeds:
                told = acted[other.name, seed].episodes
                scored = scorer.episode_log_probs(told, asked.temperature, lambda count: None)
                episodes = [one.with_ratios(log_probs) for one, log_probs in zip(told, scored, strict=True)]
                largest = max(abs(ratio) for episode in episodes for ratio in episode.log_ratios)
                said = judge(episodes)
                intervals = [
                    None if one is None else (one.value, one.interval.low, one.interval.high)
                    for one in (said.doubly_robust, said.importance_sampling)
                ]
                found.append(Answer(other.name, asked.name, seed, said.overlap.effective, largest, *intervals))
                print(".", end="", file=sys.stderr, flush=True)
    return found


def missed(answer: Answer, truth: Interval) -> int:
    """Return how many of the two intervals and the truth's cannot both be."""
    told = [one for one in (answer.doubly_robust, answer.importance_sampling) if one is not None]
    return sum(max(low, truth.low) > min(high, truth.high) for _, low, high in told)


def _folder(root: Path, name: str, seed: int) -> Path:
    return root / f"{name.replace(' ', '-')}-seed-{seed}"


def _percent(told: tuple[float, float, float] | None) -> str:
    return "refused" if told is None else f"{100 * told[0]:.1f} [{100 * told[1]:.1f}, {100 * told[2]:.1f}]"


def _policies(state: Path | None) -> list[Asked]:
    found = [Asked(f"temperature {temperature:g}", temperature) for temperature in TEMPERATURES]
    if state is not None:
        store = AdapterStore(state / "adapters")
        latest = store.latest()
        if latest is None:
            sys.exit(f"Got {state} without a version, expected a tuner's state folder that has published one.")
        found.append(Asked(f"version {latest.version}", 1.0, store.get(latest.version)))
    return found


def main() -> int:
    """Run, print, and return the exit code: 1 when answers and what was played cannot both be."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.estimate_vlm", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--episodes", type=int, default=120, help="of one recording")
    parser.add_argument("--recordings", type=int, default=4, help="of each policy")
    parser.add_argument("--seed", type=int, default=0, help="of the first recording; the others follow")
    parser.add_argument("--model", default="small-vlm")
    parser.add_argument("--state", type=Path, help="a tuner's state folder, whose newest version is a policy, too")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the recordings there; go on from those there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    options = parser.parse_args()
    torch.set_num_threads(1)
    policies, seeds = _policies(options.state), range(options.seed, options.seed + options.recordings)
    print(f"seeds {seeds[0]} to {seeds[-1]}, {options.episodes} episodes each, {machine()}", flush=True)
    checkpoint = resolve_checkpoint(options.model)
    identity = Identity(base_model_digest(checkpoint), tokenizer_digest(checkpoint), QUANTIZATION, GRAMMAR)
    with tempfile.TemporaryDirectory() as name:
        root = options.keep or Path(name)
        root.mkdir(exist_ok=True)
        os.environ[FOLDER_VARIABLE] = str(root / "trust")  # what is trusted here is nobody else's business
        record_all(root, checkpoint, policies, seeds, options.episodes)
        acted = {
            (policy.name, seed): acted_episodes([_folder(root, policy.name, seed)], identity)
            for policy in policies
            for seed in seeds
        }
        found = answers(acted, checkpoint, policies, seeds)
    played = {
        policy.name: [one.succeeded for seed in seeds for one in acted[policy.name, seed].episodes]
        for policy in policies
    }
    truths = {name: wilson(sum(won) / len(won), len(won), 0.95) for name, won in played.items()}
    for name, won in played.items():
        share = sum(won) / len(won)
        print(f"played, {name}: {_percent((share, truths[name].low, truths[name].high))} % of {len(won)}")
    print(
        "\n| recorded | asked | seed | counts as | doubly robust, % | importance sampling, % | |"
        "\n|---|---|---|---|---|---|---|"
    )
    for one in found:
        told = "missed" if missed(one, truths[one.asked]) else ""
        estimates = f"{_percent(one.doubly_robust)} | {_percent(one.importance_sampling)}"
        print(f"| {one.recorded} | {one.asked} | {one.seed} | {one.effective:.0f} | {estimates} | {told} |")
    others = [one for one in found if one.recorded != one.asked]
    said = sum((one.doubly_robust is not None) + (one.importance_sampling is not None) for one in others)
    misses = sum(missed(one, truths[one.asked]) for one in others)
    largest = max(one.largest_log_ratio for one in found if one.recorded == one.asked)
    print(f"\nlargest |log ratio| of a policy that acted: {largest:.2g} nats (≤ {SAME_POLICY_NATS})")
    print(f"intervals that cannot be where the truth is: {misses} of {said} (≤ {MOST_MISSED:.0%})")
    passes = largest <= SAME_POLICY_NATS and misses <= MOST_MISSED * said
    if options.json is not None:
        figures = {"pass": passes, "seeds": list(seeds), "answers": [asdict(one) for one in found]}
        figures["played"] = {name: sum(won) / len(won) for name, won in played.items()}
        options.json.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    return 0 if passes else 1


if __name__ == "__main__":
    sys.exit(main())
