"""Holds `tuner estimate` against the truth with the small VLM: recorded at one temperature, asked at others, played.

    python -m benchmarks.estimate_vlm             # 80 episodes recorded, and as many played at each other temperature

Sessions are recorded on virtual phones in this process, the suite is basics. The same model at another temperature is
another policy whose probabilities the estimate has to compute anew; at the recorded one every ratio must be 1. Each
episode has a phone of its own in the same state: on one that keeps what earlier episodes left, starts depend on who
acts.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import sys
import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import torch
from rich.console import Console
from rich.progress import Progress

from agent_runtime.actions import Grammar, grammar_named
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
from agent_runtime.trajectory import Purpose, Trajectory, Verdict
from benchmarks.measures import machine
from device_scripts.in_process import in_process_device
from tuner.estimate.acted import acted_episodes
from tuner.estimate.intervals import Interval, wilson
from tuner.estimate.scoring import Scorer
from tuner.estimate.verdict import Verdict as Said
from tuner.estimate.verdict import judge
from tuner.ingest.identity import Identity

PHONES: Final = 4
RECORDED_AT: Final = 1.0
ASKED_AT: Final = (1.0, 0.7)
QUANTIZATION: Final = "none"
SAME_POLICY_NATS: Final = 0.05
"""Ratios of the very policy that acted may differ from 1 by rounding only."""


def play(
    policy: Policy, grammar: Grammar, count: int, temperature: float, seed: int, record: Path | None
) -> list[bool]:
    """Play episodes on several phones, each recorded to a folder of its own where asked; return which succeeded."""
    with Progress(console=Console(stderr=True), transient=True) as bar, ThreadPoolExecutor(PHONES) as pool:
        task = bar.add_task(f"temperature {temperature:g}", total=count)
        told = threading.Lock()

        def one_phone(number: int) -> list[bool]:
            device = in_process_device(seed)
            suite, rng = suite_named("basics"), random.Random(f"{seed}/{number}")
            run = RunOf(f"estimate/{number}", seed, temperature)
            recorder = None
            if record is not None:
                folder = record / f"phone-{number}"
                recorder = start_recording(
                    folder, device, policy.identity, run, Redaction(), on_closed=accept_own(folder)
                )
            won = []
            for episode in range(number, count, PHONES):
                config = EpisodeConfig(
                    run.runtime_id,
                    Purpose.EXPLORE,
                    round(1000 * (seed + temperature)) * 1000 + episode,
                    temperature,
                    on_start=lambda start: None if recorder is None else recorder.episode_started(start),
                    on_step=lambda step: None if recorder is None else recorder.step_taken(step),
                )
                done: Trajectory = run_episode(device.fork(), policy, grammar, sample_task(suite, "train", rng), config)
                if recorder is not None:
                    recorder.episode_ended(done)
                assert done.verdict is not Verdict.VOID, done.void_reason
                won.append(done.verdict is Verdict.SUCCESS)
                with told:
                    bar.advance(task)
            if recorder is not None:
                recorder.close()
            return won

        return [outcome for part in pool.map(one_phone, range(PHONES)) for outcome in part]


def ask(folder: Path, checkpoint: Path, temperatures: Sequence[float]) -> dict[float, tuple[Said, float]]:
    """Return what is said of each temperature, and the largest |log ρ| of a step."""
    digests = base_model_digest(checkpoint), tokenizer_digest(checkpoint)
    acted = acted_episodes([folder], Identity(*digests, QUANTIZATION, "json"))
    scorer = Scorer(checkpoint, QUANTIZATION, "json", None)
    found = {}
    for temperature in temperatures:
        scored = scorer.episode_log_probs(acted.episodes, temperature, lambda count: None)
        episodes = [one.with_ratios(told) for one, told in zip(acted.episodes, scored, strict=True)]
        largest = max(abs(ratio) for episode in episodes for ratio in episode.log_ratios)
        found[temperature] = judge(episodes), largest
    return found


def _text(interval: Interval) -> str:
    return f"[{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


def main() -> int:
    """Run, print, and return the exit code: 1 when an answer and what was played cannot both be."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.estimate_vlm", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--episodes", type=int, default=80)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", default="small-vlm")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"seed {options.seed}, {options.episodes} episodes, {machine()}")
    checkpoint = resolve_checkpoint(options.model)
    policy = load_policy(checkpoint, QUANTIZATION, "json")
    grammar = grammar_named(policy.identity.action_grammar, policy.image_size_px)
    with tempfile.TemporaryDirectory() as name, DecisionServer(policy) as server:
        os.environ[FOLDER_VARIABLE] = name  # what is trusted here is nobody else's business
        recorded = play(server, grammar, options.episodes, RECORDED_AT, options.seed, Path(name))
        print(f"recorded at temperature {RECORDED_AT:g}: {sum(recorded)} of {len(recorded)} succeeded", flush=True)
        said = ask(Path(name), checkpoint, ASKED_AT)
        played = {
            temperature: recorded
            if temperature == RECORDED_AT
            else play(server, grammar, options.episodes, temperature, options.seed, None)
            for temperature in ASKED_AT
        }
    passes = said[RECORDED_AT][1] <= SAME_POLICY_NATS
    print(f"largest |log ratio| of the policy that acted: {said[RECORDED_AT][1]:.2g} nats (≤ {SAME_POLICY_NATS})")
    print("| temperature | counts as | mass | doubly robust, % | importance sampling, % | played, % |")
    print("|---|---|---|---|---|---|")
    rows = []
    for temperature, (verdict, _) in said.items():
        true = wilson(sum(played[temperature]) / len(recorded), len(recorded), 0.95)
        told = [verdict.doubly_robust, verdict.importance_sampling]
        cells = ["refused" if one is None else f"{100 * one.value:.1f} {_text(one.interval)}" for one in told]
        mass = math.exp(verdict.overlap.log_mass_low)
        share = 100 * sum(played[temperature]) / len(recorded)
        counts = f"{verdict.overlap.effective:.0f} | {mass:.2f}"
        print(f"| {temperature:g} | {counts} | {' | '.join(cells)} | {share:.1f} {_text(true)} |")
        passes &= all(
            one is None or max(one.interval.low, true.low) <= min(one.interval.high, true.high) for one in told
        )
        rows.append({"temperature": temperature, "effective": verdict.overlap.effective, "played": share / 100})
    if options.json is not None:
        options.json.write_text(
            json.dumps({"pass": passes, "seed": options.seed, "rows": rows}, indent=2) + "\n", "utf-8"
        )
    return 0 if passes else 1


if __name__ == "__main__":
    sys.exit(main())
