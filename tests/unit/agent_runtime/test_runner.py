"""The order of a run, what it counts, and when it ends early."""

import random

from agent_runtime.actions import grammar_named
from agent_runtime.agenda import Agenda
from agent_runtime.policy.scripted import ScriptedPolicy
from agent_runtime.runner import Hooks, RunConfig, Runner
from agent_runtime.tally import DeviceResult
from agent_runtime.trajectory import Purpose, Trajectory
from tests.fakes import FakeDevice, FakeTemplate

DONE = '{"action":"finish","status":"success"}'
PRESS = '{"action":"press","key":"home"}'


def run(
    config: RunConfig,
    episodes: int | None = None,
    minutes: float | None = None,
    script: tuple[str, ...] = (PRESS, DONE),
    device: FakeDevice | None = None,
    stop_after: int | None = None,
    held: int = 1,
) -> tuple[DeviceResult, list[Trajectory]]:
    seen: list[Trajectory] = []
    template = FakeTemplate()
    runner = Runner(
        device or FakeDevice(),
        ScriptedPolicy(script),
        grammar_named("json"),
        lambda rng: rng.choice(template.instances("train")),
        Agenda(template.instances("unseen-instances")[:held], episodes, minutes),
        config,
        Hooks(on_episode=seen.append, should_stop=lambda: stop_after is not None and len(seen) >= stop_after),
    )
    return runner.run(), seen


def test_evaluation_comes_before_and_after_with_same_goals_and_seeds_and_is_greedy() -> None:
    result, seen = run(RunConfig("r", seed=4, temperature=0.7), episodes=3)
    assert [one.purpose for one in seen] == [Purpose.EVALUATE, *[Purpose.EXPLORE] * 3, Purpose.EVALUATE]
    before, after = seen[0], seen[-1]
    assert (before.goal, before.seed, before.temperature) == (after.goal, after.seed, 0.0)
    assert {one.temperature for one in seen[1:-1]} == {0.7}
    assert (result.before.successes, result.explore.successes, result.after.successes) == (1, 3, 1)
    assert result.explore.by_task == {"fake/act": (3, 3)}


def test_the_seed_decides_the_goals_and_seeds_explored() -> None:
    def explored(seed: int) -> list[tuple[str, int]]:
        return [(one.goal, one.seed) for one in run(RunConfig("r", seed=seed), episodes=4, held=0)[1]]

    assert explored(1) == explored(1)
    assert explored(1) != explored(2)


def test_no_minutes_are_no_exploring() -> None:
    assert [one.purpose for one in run(RunConfig("r"), minutes=0.0)[1]] == [Purpose.EVALUATE] * 2


def test_a_stop_ends_the_run_without_the_last_evaluation() -> None:
    result, seen = run(RunConfig("r"), episodes=10, stop_after=3)
    assert len(seen) == 3
    assert result.stopped == "asked to stop"


def test_voids_count_as_neither_and_too_many_in_a_row_end_the_run() -> None:
    device = FakeDevice(fails_at_action=0)
    result, seen = run(RunConfig("r", max_voids_in_a_row=3), 50, None, (PRESS,), device, held=0)
    assert len(seen) == 3
    assert (result.explore.voids, result.explore.rate) == (3, None)
    assert "3 episodes in a row were void" in result.stopped


def test_rate_is_successes_over_judged_episodes() -> None:
    result, _ = run(RunConfig("r"), episodes=4, script=(DONE, PRESS, DONE), held=0)
    # DONE alone fails; from then on the device has acted: PRESS DONE, DONE and PRESS DONE all win
    assert (result.explore.successes, result.explore.failures, result.explore.rate) == (3, 1, 0.75)


def test_random_is_only_what_the_runner_seeds() -> None:
    state = random.getstate()
    run(RunConfig("r"), episodes=2)
    assert random.getstate() == state
