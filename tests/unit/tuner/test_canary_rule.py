"""The canary's rule: its arithmetic by hand, its guards, and its error rates in a seeded simulation."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from tuner.canary import rule as rule_module
from tuner.canary.rule import Arm, Decision, Moments, Outcomes, Rule, judge, log_entropy, log_latency

RULE = Rule()
TASKS = {"easy": 0.8, "fair": 0.5, "hard": 0.25, "rare": 0.6}
"""A stable version's success by task, for the simulation."""
STABLE_EPISODES = 80


def test_the_log_likelihood_ratio_is_that_of_the_formula() -> None:
    stable, canary = Arm({"t": Outcomes(40, 20)}), Arm({"t": Outcomes(10, 0)})
    pooled = 20.5 / 51
    share = (20 + pooled) / 51
    score = (40 * 0 - 10 * 20) / 50  # -4
    information = 10 * 40 * share * (1 - share) / 50
    theta = math.log(0.35 / 0.65) - math.log(0.5 / 0.5)  # half succeed, a margin of 0.15
    expected = theta * score - theta**2 * information / 2
    assert judge(stable, canary, RULE).ratios["success"] == pytest.approx(expected)
    assert expected == pytest.approx(2.108, abs=1e-3)


def test_a_task_that_only_one_of_the_two_had_says_nothing() -> None:
    alone = judge(Arm({"a": Outcomes(40, 40)}), Arm({"b": Outcomes(20, 0)}), RULE)
    assert (alone.decision, alone.ratios["success"]) == ("wait", 0.0)


def test_harder_tasks_for_the_canary_are_not_held_against_it() -> None:
    stable = Arm({"easy": Outcomes(90, 81), "hard": Outcomes(10, 1)})
    canary = Arm({"easy": Outcomes(2, 2), "hard": Outcomes(18, 2)})  # 20 % of all against 82 %, task for task the same
    assert judge(stable, canary, RULE).decision != "withdraw"


def test_two_perfect_versions_are_found_alike_before_the_last_episode() -> None:
    assert judge(Arm({"t": Outcomes(400, 400)}), Arm({"t": Outcomes(80, 80)}), RULE).decision == "promote"
    # 80 * 400 / 480 * 0.02 * 0.98 = 1.31 of information; theta = logit(0.83) - logit(0.98) = -2.31; llr = -3.5 < -2.98


def test_answers_outside_the_grammar_withdraw_whatever_succeeds() -> None:
    stable, canary = Arm({"t": Outcomes(40, 0)}), Arm({"t": Outcomes(6, 0, malformed=6)})
    assert judge(stable, canary, RULE).decision == "withdraw"


def test_a_version_with_which_no_episode_ends_is_withdrawn_after_five() -> None:
    done = judge(
        Arm({"t": Outcomes(40, 20)}), Arm({"other": Outcomes(void=5)}), RULE
    )  # a runtime stops after so many in a row
    assert (done.decision, "void" in done.reason) == ("withdraw", True)


def test_a_void_episode_is_no_failure() -> None:
    stable = Arm({"t": Outcomes(40, 20, void=20)})
    without, with_voids = Arm({"t": Outcomes(20, 10)}), Arm({"t": Outcomes(20, 10, void=10)})
    first, second = judge(stable, without, RULE), judge(stable, with_voids, RULE)
    assert first.ratios["success"] == second.ratios["success"]


def test_the_ratio_of_means_is_that_of_the_formula() -> None:
    stable = Arm(latency={"phone": Moments(10, 10 * 1.0, 10 * 1.0 + 6.0)})  # mean 1, squares about it 6
    canary = Arm(latency={"phone": Moments(5, 5 * 1.5, 5 * 2.25 + 0.5)})  # mean 1.5, squares about it 0.5
    variance = 6.5 / 13  # 9 + 4 degrees of freedom
    weight = 10 * 5 / (15 * variance)
    theta = math.log(1.5)
    expected = theta * weight * 0.5 - theta**2 * weight / 2
    assert judge(stable, canary, RULE).ratios["slow"] == pytest.approx(expected)
    few = Arm(latency={"phone": Moments(4, 4 * 1.5, 4 * 2.25)})
    assert judge(stable, few, RULE).ratios["slow"] == 0.0


def test_a_slow_runtime_is_compared_with_itself_only() -> None:
    fast, slow = Moments(), Moments()
    for _ in range(40):
        fast, slow = fast.and_value(log_latency(100)), slow.and_value(log_latency(900))
    done = judge(Arm(latency={"fast": fast}), Arm(latency={"slow": slow}), RULE)
    assert (done.decision, done.ratios["slow"]) == ("wait", 0.0)


# --- error rates


def with_episode(rng: random.Random, arm: Arm, version: Mapping[str, float]) -> Arm:
    """Return the arm with one more episode of a version that is worse at every task by so much, malformed so often."""
    task = rng.choice(list(TASKS))
    is_malformed = rng.random() < version.get("malformed", 0.01)
    succeeded = not is_malformed and rng.random() < max(0.0, TASKS[task] - version.get("worse", 0.0))
    surprise_nats = version.get("surprise", 0.2) * rng.lognormvariate(0, 0.4)
    decide_ms = version.get("decide_ms", 100.0) * rng.lognormvariate(0, 0.2)
    return Arm(
        {**arm.outcomes, task: arm.outcomes.get(task, Outcomes()).and_episode(False, succeeded, is_malformed)},
        {**arm.entropy, task: arm.entropy.get(task, Moments()).and_value(log_entropy(surprise_nats))},
        {"phone": arm.latency.get("phone", Moments()).and_value(log_latency(decide_ms))},
    )


def trial(rng: random.Random, version: Mapping[str, float]) -> tuple[Decision, int]:
    """Judge after every episode; return the decision and the canary's episodes it took."""
    stable, canary = Arm(), Arm()
    for _ in range(STABLE_EPISODES):
        stable = with_episode(rng, stable, {})
    for episodes in range(1, RULE.max_judged + 1):
        canary = with_episode(rng, canary, version)
        decision = rule_module.judge(stable, canary, RULE).decision
        if decision != "wait":
            return decision, episodes
    raise AssertionError("the last episode decides")


def withdrawn(version: Mapping[str, float], trials: int, seed: int) -> float:
    rng = random.Random(seed)
    return sum(trial(rng, version)[0] == "withdraw" for _ in range(trials)) / trials


def good_held() -> float:
    return withdrawn({}, 300, seed=1)


def broken_stopped() -> float:
    kinds = [
        {"worse": 1.0},
        {"malformed": 1.0},
        {"malformed": 0.5, "worse": 0.2},
        {"surprise": 0.01},
        {"surprise": 1.5},
        {"decide_ms": 250.0},
    ]
    return min(withdrawn(kind, 60, seed=2) for kind in kinds)


def test_few_good_versions_are_held_and_every_broken_one_is_stopped() -> None:
    assert good_held() <= 0.05
    assert broken_stopped() == 1.0


def _never_success(stable: Arm, canary: Arm, rule: Rule) -> rule_module.Judgement:
    def blind(arm: Arm) -> Arm:
        return replace(arm, outcomes={task: replace(old, succeeded=0) for task, old in arm.outcomes.items()})

    return judge(blind(stable), blind(canary), rule)


def _hasty(stable: Arm, canary: Arm, rule: Rule) -> rule_module.Judgement:
    return judge(stable, canary, replace(rule, min_judged=1, withdraw_error=0.4))


@pytest.mark.parametrize(
    ("bug", "shows"),
    [(_never_success, lambda: broken_stopped() < 1.0), (_hasty, lambda: good_held() > 0.05)],
    ids=["success ignored", "withdrawn at the first sign"],
)
def test_the_simulation_finds_planted_bugs(
    monkeypatch: pytest.MonkeyPatch, bug: Callable[..., object], shows: Callable[[], bool]
) -> None:
    monkeypatch.setattr(rule_module, "judge", bug)
    assert shows()
