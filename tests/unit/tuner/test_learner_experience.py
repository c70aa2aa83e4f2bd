"""Experience: what may be learned from, and how steps are drawn."""

import math
from collections import Counter
from dataclasses import replace

import pytest

from agent_runtime.actions.vocabulary import Tap
from agent_runtime.trajectory import (
    NO_ADAPTER_DIGEST,
    Decision,
    PolicyIdentity,
    Purpose,
    Screenshot,
    Step,
    Timings,
    Trajectory,
    Verdict,
)
from agent_runtime.uplink.codec import trajectory_to_message
from tuner.ingest.ledger import StoredTrajectory
from tuner.learner.experience import FAILURES_KEPT, Experience, Sampler
from tuner.learner.samples import trainable_steps

IDENTITY = PolicyIdentity("base", "tokenizer", "none", "json")


def _step(index: int, log_prob: float = -0.5) -> Step:
    decision = Decision("text", (1, 2, index), (log_prob, -0.25, 0.0), 0, NO_ADAPTER_DIGEST)
    return Step(index, "Goal: go", Screenshot(b"png", 4, 4, 4, 4), decision, Tap(0.5, 0.5), Timings())


def _trajectory(verdict: Verdict = Verdict.SUCCESS, steps: int = 2, task: str = "task") -> Trajectory:
    return Trajectory(
        trajectory_id="t",
        runtime_id="r",
        task_name=task,
        goal="go",
        task_params={},
        purpose=Purpose.EXPLORE,
        seed=0,
        step_limit=8,
        verdict=verdict,
        void_reason="the screen was black" if verdict is Verdict.VOID else "",
        reward=1.0 if verdict is Verdict.SUCCESS else 0.0,
        steps=tuple(_step(index) for index in range(steps)),
        started_at_unix_sec=0.0,
        device_serial="emulator-5554",
        temperature=1.0,
        identity=IDENTITY,
    )


def _stored(sequence: int, trajectory: Trajectory | None = None) -> StoredTrajectory:
    return StoredTrajectory(sequence, trajectory_to_message(trajectory or _trajectory()))


def test_steps_carry_the_behaviour_log_prob_and_their_place() -> None:
    first, second = trainable_steps(_stored(7))
    assert first.behaviour_log_prob == pytest.approx(-0.75)  # −0.5 − 0.25 + 0
    assert (first.key, second.key) == ((7, 0), (7, 1))
    assert (first.reward, first.steps) == (1.0, 2)


@pytest.mark.parametrize("verdict", [Verdict.VOID])
def test_a_void_episode_teaches_nothing(verdict: Verdict) -> None:
    assert trainable_steps(_stored(1, _trajectory(verdict))) == []


def test_an_evaluation_teaches_nothing() -> None:
    assert trainable_steps(_stored(1, replace(_trajectory(), purpose=Purpose.EVALUATE))) == []


@pytest.mark.parametrize("poison", [math.nan, -math.inf, math.inf, 1.0])
def test_a_log_prob_that_is_none_leaves_the_whole_trajectory_out(poison: float) -> None:
    assert trainable_steps(_stored(1, replace(_trajectory(), steps=(_step(0), _step(1, poison))))) == []


@pytest.mark.parametrize("poison", [math.nan, math.inf, 1e30, -1.0])
def test_a_reward_that_is_no_share_leaves_the_trajectory_out(poison: float) -> None:
    assert trainable_steps(_stored(1, replace(_trajectory(), reward=poison))) == []


def test_a_failure_keeps_its_reward_and_stays_a_failure() -> None:
    steps = trainable_steps(_stored(1, replace(_trajectory(Verdict.FAILURE), reward=0.75)))
    assert {(step.reward, step.succeeded) for step in steps} == {(0.75, False)}


def test_the_baseline_follows_new_outcomes_and_not_recalled_ones() -> None:
    experience = Experience(capacity=10, discount=0.9)
    experience.recall([_stored(1, _trajectory(Verdict.FAILURE))])
    assert experience.baseline.value("task") == 0.0
    assert experience.baseline.counts == {}
    experience.take([_stored(2), _stored(3, _trajectory(Verdict.FAILURE))])
    assert experience.baseline.value("task") == pytest.approx(0.5)


def test_successes_of_the_task_that_fails_most_have_the_highest_priority() -> None:
    experience = Experience(capacity=10, discount=1.0)
    experience.baseline.values = {"easy": 0.8, "hard": 0.1}
    experience.recall([_stored(1, _trajectory(task="easy")), _stored(2, _trajectory(task="hard"))])
    successes, failures = experience.candidates()
    weights = {candidate.sample.task_name: candidate.weight for candidate in successes}
    assert weights == pytest.approx({"easy": 0.2, "hard": 0.9})  # 1 − 0.8, 1 − 0.1
    assert failures == []
    by_task = {candidate.sample.task_name: candidate.priority for candidate in successes}
    assert by_task["hard"] == pytest.approx(4.5 * by_task["easy"])


def test_what_is_drawn_more_counts_less_so_that_the_expectation_is_that_of_an_even_draw() -> None:
    experience = Experience(capacity=10, discount=1.0)
    experience.baseline.values = {"easy": 0.8, "hard": 0.1}
    experience.recall([_stored(1, _trajectory(task="easy", steps=1)), _stored(2, _trajectory(task="hard", steps=1))])
    easy, hard = experience.candidates()[0]
    # w̄ = (0.2 + 0.9) / 2 = 0.55
    assert (easy.correction, hard.correction) == pytest.approx((0.55 / 0.2, 0.55 / 0.9))
    chance = easy.priority / (easy.priority + hard.priority)
    drawn = chance * easy.correction * easy.weight + (1 - chance) * hard.correction * hard.weight
    assert drawn == pytest.approx((0.2 + 0.9) / 2)


def test_what_the_policy_finds_unlikely_is_not_favoured() -> None:
    experience = Experience(capacity=10, discount=1.0)
    experience.recall([_stored(1, _trajectory(steps=1)), _stored(2, replace(_trajectory(), steps=(_step(0, -9.0),)))])
    sure, slip = experience.candidates()[0]
    assert (sure.priority, sure.correction) == (slip.priority, slip.correction)


def test_fresh_successes_count_twice_until_the_next_batch() -> None:
    experience = Experience(capacity=10, discount=1.0)
    experience.recall([_stored(1, _trajectory(task="a"))])
    experience.take([_stored(2, _trajectory(task="b"))])
    old, new = (candidate.priority / candidate.weight for candidate in experience.candidates()[0][::2])
    assert new == pytest.approx(2 * old)


def test_the_replay_keeps_the_newest_trajectories() -> None:
    experience = Experience(capacity=2, discount=1.0)
    experience.take([_stored(sequence) for sequence in (1, 2, 3)])
    assert {candidate.sample.key[0] for candidate in experience.candidates()[0]} == {2, 3}


def test_only_the_latest_failures_ride_along() -> None:
    experience = Experience(capacity=1000, discount=1.0)
    experience.take([_stored(n, _trajectory(Verdict.FAILURE, steps=1)) for n in range(FAILURES_KEPT + 5)])
    failures = experience.candidates()[1]
    assert [candidate.sample.key[0] for candidate in failures] == list(range(5, FAILURES_KEPT + 5))
    assert {candidate.weight for candidate in failures} == {0.0}


def test_recalling_gives_the_same_candidates_as_never_having_stopped() -> None:
    undisturbed = Experience(capacity=3, discount=0.9)
    for sequence in range(5):
        undisturbed.take([_stored(sequence)])
    resumed = Experience(capacity=3, discount=0.9)
    resumed.baseline.load(undisturbed.baseline.state())
    resumed.recall([_stored(sequence) for sequence in (2, 3, 4)])
    for experience in (undisturbed, resumed):
        experience.take([_stored(5)])
    assert resumed.candidates() == undisturbed.candidates()


def _experience(successes: int, failures: int = 0) -> Experience:
    experience = Experience(capacity=1000, discount=1.0)
    experience.recall([_stored(n, _trajectory(steps=1)) for n in range(successes)])
    experience.recall([_stored(100 + n, _trajectory(Verdict.FAILURE, steps=1)) for n in range(failures)])
    return experience


def test_a_batch_never_repeats_a_step_and_keeps_a_share_of_failures() -> None:
    batch = Sampler(_experience(20, 20), max_uses=4, failure_share=0.25, seed="s").batch(8)
    keys = [candidate.sample.key for candidate in batch]
    assert len(set(keys)) == 8
    assert sum(candidate.weight == 0 for candidate in batch) == 2


def test_without_successes_there_is_nothing_to_draw() -> None:
    assert Sampler(_experience(0, 20), max_uses=4, failure_share=0.25, seed="s").batch(8) == []


def test_steps_run_out_after_their_uses() -> None:
    sampler = Sampler(_experience(3), max_uses=2, failure_share=0.0, seed="s")
    drawn = [candidate.sample.key for _ in range(9) for candidate in sampler.batch(2)]
    assert Counter(drawn) == {(0, 0): 2, (1, 0): 2, (2, 0): 2}
    assert sampler.batch(2) == []


def test_the_same_seed_draws_the_same() -> None:
    draws = [[Sampler(_experience(30, 5), 4, 0.2, seed).batch(10) for _ in range(2)] for seed in ("a", "b")]
    assert draws[0][0] == draws[0][1]
    assert draws[0][0] != draws[1][0]
