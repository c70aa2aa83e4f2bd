"""What many devices on one model get done, beside one device and beside a loop in lockstep. Measures only.

Two parts. Real virtual phones, all in this process on threads and behind a real adb server, run the runtime's own
episodes: tokens a second of eight against one. Then simulated devices, which only wait: each step is a wait and a
decision, the mean wait nine times what a decision takes alone, so that inference is a tenth of a step. Utilisation is
the share of a device's time in which it does not wait for a decision beyond what that same decision takes alone. In
lockstep all devices act, the slowest is waited for, all decide in one batch, and so on. Uneven waits are exponential.
Torch runs on one thread, so that a second core is left to the devices; every decision encodes its own picture. Waits
go by the machine's own decisions: the slower it is, the fewer rounds fit into `END_BY_SEC`, one at least.
"""

from __future__ import annotations

import io
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch

from agent_runtime.actions import grammar_named
from agent_runtime.agenda import Agenda
from agent_runtime.devices.adb import open_device
from agent_runtime.devices.recovery import RecoveringDevice
from agent_runtime.episode import OnStep
from agent_runtime.fleet import Fleet
from agent_runtime.policy.base import Policy
from agent_runtime.policy.generate import VlmPolicy, load_policy
from agent_runtime.policy.identity import resolve_checkpoint
from agent_runtime.policy.pictures import PictureFeatures
from agent_runtime.policy.server import DecisionServer
from agent_runtime.runner import Hooks, RunConfig, Runner
from agent_runtime.tasks.system import AlarmTask, OpenAppTask, ToggleTask
from agent_runtime.trajectory import Step
from benchmarks.measures import Measure, json_option, report
from device_scripts.virtual_phone.launch import running_phone
from device_scripts.virtual_phone.phone import Phone
from device_scripts.virtual_phone.private_adb import AdbServer, private_adb_server

UTILISATION_BAR: Final = 0.93
TOKENS_BAR: Final = 2.0
EVEN_BAR: Final = 1.0
UNEVEN_BAR: Final = 1.8
DEVICES: Final = 8
ROUNDS: Final = 3
END_BY_SEC: Final = 285.0
PHONE_SEC: Final = 8.0
STEPS: Final = 10
LOCKSTEP_STEPS: Final = 6
WAITS_PER_DECISION: Final = 9.0
ASKED: Final = 16


@dataclass(frozen=True)
class Ask:
    """A decision to be made again and again: always the same tokens."""

    png: bytes
    prompt: str
    seed: int


# --- real phones


def tokens_a_second(policy: VlmPolicy, server: AdbServer, serials: Sequence[str]) -> float:
    """Return the tokens a second that all phones together get, once each has made its first decision."""
    grammar = grammar_named(policy.identity.action_grammar, policy.image_size_px)
    templates = (OpenAppTask(), ToggleTask(), AlarmTask())
    tasks = [task for template in templates for task in template.instances("train")]
    lock, begun, tokens = threading.Lock(), set[str](), 0
    is_over, counts = threading.Event(), threading.Event()

    def listener(serial: str) -> OnStep:
        def on_step(step: Step) -> None:
            nonlocal tokens
            with lock:
                begun.add(serial)
                if len(begun) == len(serials) and not counts.is_set():
                    counts.set()
                elif counts.is_set() and not is_over.is_set():
                    tokens += len(step.decision.token_ids)

        return on_step

    with DecisionServer(policy) as served, ExitStack() as stack:
        fleet = Fleet(should_stop=is_over.is_set)
        for index, serial in enumerate(serials):
            device = RecoveringDevice(stack.enter_context(open_device(serial, server_port=server.port)))
            hooks = Hooks(on_step=listener(serial), should_stop=fleet.should_stop)
            config = RunConfig(f"benchmark/{serial}", device_index=index)
            agenda = Agenda([], None, None)
            fleet.add(Runner(device, served, grammar, lambda rng: rng.choice(tasks), agenda, config, hooks))
        run = threading.Thread(target=fleet.run)
        run.start()
        counts.wait()
        started_at = time.perf_counter()
        while not is_over.wait(PHONE_SEC) and not tokens:
            pass  # not a single decision yet: a machine this busy is given as long again
        with lock:
            is_over.set()
            told = tokens / (time.perf_counter() - started_at)
        run.join()
    return told


def measure_phones(policy: VlmPolicy) -> list[Measure]:
    """Measure one phone and all of them in turn."""
    with tempfile.TemporaryDirectory() as home, private_adb_server(Path(home)) as server, ExitStack() as stack:
        serials = []
        for seed in range(DEVICES):
            serials.append(stack.enter_context(running_phone(seed=seed, adb_server_port=server.port)).serial)
            server.wait_for(serials[-1])
        rounds = [
            (tokens_a_second(policy, server, serials[:1]), tokens_a_second(policy, server, serials))
            for _ in range(ROUNDS)
        ]
    ratio = statistics.median(all_of_them / one for one, all_of_them in rounds)
    together = statistics.median(all_of_them for _, all_of_them in rounds)
    return [Measure(f"tokens of {DEVICES} virtual phones / of one", ratio, TOKENS_BAR, "higher", together, "tokens/s")]


# --- simulated devices


def asked(policy: VlmPolicy) -> list[Ask]:
    """Return decisions over screens of a phone that somebody taps about on."""
    rng, phone = random.Random(0), Phone(size=(128, 224), seed=0)
    made = []
    for number in range(ASKED):
        phone.tap(rng.randrange(128), rng.randrange(24, 224))
        phone.advance(2_000)
        file = io.BytesIO()
        phone.frame().convert("RGB").save(file, "PNG")
        made.append(Ask(file.getvalue(), policy.prompt_text(f"Open app {number % 5}", []), number))
    return made


def alone_sec(policy: VlmPolicy, asks: Sequence[Ask]) -> list[float]:
    """Return the seconds that each decision takes with nobody beside it."""
    taken = []
    for ask in asks:
        started_at = time.perf_counter()
        policy.decide(ask.png, ask.prompt, temperature=1.0, seed=ask.seed)
        taken.append(time.perf_counter() - started_at)
    return taken


def side_by_side(
    policy: VlmPolicy, asks: Sequence[Ask], alone: Sequence[float], mean_wait_sec: float, *, is_even: bool
) -> tuple[float, float]:
    """Run the devices freely; return steps a second of all together, and the utilisation.

    Only steps that end within the time measured count, which begins a step after the devices do: they are out of
    step with each other by then.
    """
    steps, step_sec, excess_sec = [0] * DEVICES, [0.0] * DEVICES, [0.0] * DEVICES
    mean_step_sec = mean_wait_sec * (1 + 1 / WAITS_PER_DECISION)
    begins_at = time.perf_counter() + 1.5 * mean_step_sec
    ends_at = begins_at + STEPS * mean_step_sec

    def device(index: int, served: Policy) -> None:
        rng = random.Random(index)
        time.sleep(rng.random() * mean_wait_sec)  # devices do not start at one moment
        while time.perf_counter() < ends_at:
            started_at = time.perf_counter()
            time.sleep(_wait_sec(rng, mean_wait_sec, is_even))
            number = rng.randrange(len(asks))
            ask, asked_at = asks[number], time.perf_counter()
            served.decide(ask.png, ask.prompt, temperature=1.0, seed=ask.seed)
            now = time.perf_counter()
            if not begins_at <= now <= ends_at:
                continue
            steps[index] += 1
            step_sec[index] += now - started_at
            excess_sec[index] += max(0.0, now - asked_at - alone[number])

    with DecisionServer(policy) as served:
        threads = [threading.Thread(target=device, args=(index, served)) for index in range(DEVICES)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return sum(steps) / (ends_at - begins_at), 1 - sum(excess_sec) / sum(step_sec)


def in_lockstep(policy: VlmPolicy, asks: Sequence[Ask], mean_wait_sec: float, *, is_even: bool) -> float:
    """Have all devices act, wait for the slowest, decide in one batch; return steps a second of all together."""
    rng = random.Random(0)
    started_at = time.perf_counter()
    for _ in range(LOCKSTEP_STEPS):
        time.sleep(max(_wait_sec(rng, mean_wait_sec, is_even) for _ in range(DEVICES)))
        requests = [
            policy.request(ask.png, ask.prompt, temperature=1.0, seed=ask.seed) for ask in rng.choices(asks, k=DEVICES)
        ]
        with policy.lock:
            batch = policy.new_batch()
            rows = [batch.join(request) for request in requests]
            while not all(row.is_over for row in rows):
                batch.step()
    return LOCKSTEP_STEPS * DEVICES / (time.perf_counter() - started_at)


def _wait_sec(rng: random.Random, mean_sec: float, is_even: bool) -> float:
    return mean_sec if is_even else rng.expovariate(1 / mean_sec)


def measure_simulated(policy: VlmPolicy, end_by: float) -> tuple[list[Measure], int]:
    """Measure utilisation, and steps beside lockstep, all within each round; return them and the number of rounds.

    Another round begins where it would end by ``end_by`` (of `time.perf_counter`) if it took as long as the last.
    """
    asks = asked(policy)
    used: dict[bool, list[float]] = {True: [], False: []}
    faster: dict[bool, list[float]] = {True: [], False: []}
    shares: list[float] = []
    rates: list[float] = []
    last_sec = 0.0
    while not shares or (len(shares) < ROUNDS and time.perf_counter() + last_sec <= end_by):
        began_at = time.perf_counter()
        alone = alone_sec(policy, asks)
        mean_wait_sec = WAITS_PER_DECISION * statistics.mean(alone)
        for is_even in (True, False):
            rate, utilisation = side_by_side(policy, asks, alone, mean_wait_sec, is_even=is_even)
            used[is_even].append(utilisation)
            faster[is_even].append(rate / in_lockstep(policy, asks, mean_wait_sec, is_even=is_even))
            rates.append(rate)
        shares.append(1e3 * statistics.mean(alone))
        last_sec = time.perf_counter() - began_at
    unit = "ms a decision alone"
    found = []
    for is_even, name, bar in ((True, "even", EVEN_BAR), (False, "uneven", UNEVEN_BAR)):
        label = f"utilisation of {DEVICES} simulated devices, {name} waits"
        found.append(
            Measure(label, statistics.median(used[is_even]), UTILISATION_BAR, "higher", statistics.median(shares), unit)
        )
        label = f"steps / in lockstep, {DEVICES} simulated devices, {name} waits"
        found.append(
            Measure(label, statistics.median(faster[is_even]), bar, "higher", statistics.median(rates), "steps/s")
        )
    return found, len(shares)


def measure_unchanged_screen(policy: VlmPolicy) -> list[Measure]:
    """Count how often the vision tower runs for a screen it has seen."""
    ask = asked(policy)[0]
    policy.decide(ask.png, ask.prompt, temperature=1.0, seed=0)
    known = policy.pictures.encoded
    for seed in range(ROUNDS):
        policy.decide(ask.png, f"{ask.prompt} {seed}", temperature=1.0, seed=seed)
    again = float(policy.pictures.encoded - known)
    return [Measure("vision encodings of an unchanged screen", again, 0.0, "lower", again, "")]


def main() -> int:
    """Measure, tell, and return the exit code."""
    json_path = json_option("rollout", __doc__)
    end_by = time.perf_counter() + END_BY_SEC
    torch.set_num_threads(1)
    policy = load_policy(resolve_checkpoint("small-vlm"), "nf4", None)
    found = measure_unchanged_screen(policy) + measure_phones(policy)
    policy.pictures = PictureFeatures(policy.slot.model, cap_bytes=0)  # nothing is kept: every screen is a new one
    simulated, rounds = measure_simulated(policy, end_by)
    title = f"Rollout of the small VLM, torch {torch.__version__}, one thread, {rounds} of {ROUNDS} rounds simulated"
    return report(title, found + simulated, json_path)


if __name__ == "__main__":
    sys.exit(main())
