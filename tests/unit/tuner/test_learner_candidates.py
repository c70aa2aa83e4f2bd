"""Which steps carry the policy term, and with what weight, under each objective and advantage."""

import math

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
from tuner.config import AdvantageKind, Objective
from tuner.coso.advantage import SUCCESS_FLOOR
from tuner.ingest.ledger import StoredTrajectory
from tuner.learner.experience import Experience, Sampler
from tuner.learner.freshness import Freshness
from tuner.learner.groups import GROUP_SIZE
from tuner.learner.samples import trainable_steps


def _step(index: int, token: int, screen: str = "") -> Step:
    decision = Decision("text", (1, token, index), (-0.5, -0.25, -0.125), index, NO_ADAPTER_DIGEST)
    return Step(index, "Goal: go", Screenshot(b"png" + screen.encode(), 4, 4, 4, 4), decision, Tap(0.5, 0.5), Timings())


def _stored(
    sequence: int,
    succeeded: bool = True,
    steps: int = 1,
    params: dict[str, str] | None = None,
    task: str = "task",
    token: int = 2,
    reward: float | None = None,
    screens: str = "",
    goal: str = "go",
) -> StoredTrajectory:
    """Return an episode; ``screens`` names what each of its steps saw by a letter, none: all the same."""
    trajectory = Trajectory(
        trajectory_id=str(sequence),
        runtime_id="r",
        task_name=task,
        goal=goal,
        task_params=params or {},
        purpose=Purpose.EXPLORE,
        seed=0,
        step_limit=8,
        verdict=Verdict.SUCCESS if succeeded else Verdict.FAILURE,
        void_reason="",
        reward=float(succeeded) if reward is None else reward,
        steps=tuple(_step(index, token, screens[index : index + 1]) for index in range(len(screens) or steps)),
        started_at_unix_sec=0.0,
        device_serial="emulator-5554",
        temperature=1.0,
        identity=PolicyIdentity("base", "tokenizer", "none", "json"),
    )
    return StoredTrajectory(sequence, trajectory_to_message(trajectory))


def _experience(objective: Objective, advantage: AdvantageKind = "baseline", discount: float = 0.5) -> Experience:
    return Experience(capacity=100, discount=discount, objective=objective, advantage=advantage)


def _weights(experience: Experience) -> tuple[list[float], list[float]]:
    carrying, riding = experience.candidates()
    return [candidate.weight for candidate in carrying], [candidate.weight for candidate in riding]


def test_a_step_knows_its_group_and_the_log_prob_of_every_token() -> None:
    step = trainable_steps(_stored(1, params={"b": "2", "a": "1"}))[0]
    assert step.group == ("task", (("a", "1"), ("b", "2")))
    assert step.behaviour_log_probs == pytest.approx((-0.5, -0.25, -0.125))
    assert step.behaviour_log_prob == pytest.approx(sum(step.behaviour_log_probs))


def test_ppo_takes_signed_advantages_of_every_outcome() -> None:
    experience = _experience("ppo")
    experience.take([_stored(1, True, steps=2), _stored(2, False, steps=2)])
    # baseline 1/2; λ = 1/2: 0.5 − 0.5 rides along, 1 − 0.5; the failure −0.5 twice
    assert _weights(experience) == ([0.5, -0.5, -0.5], [0.0])


def test_ppo_looks_at_the_new_episodes_alone() -> None:
    experience = _experience("ppo")
    experience.take([_stored(1), _stored(2, False)])
    experience.take([_stored(3), _stored(4, False)])
    assert {candidate.sample.key[0] for candidate in experience.candidates()[0]} == {3, 4}


def test_ppo_draws_every_step_alike() -> None:
    experience = _experience("ppo")
    experience.take([_stored(1), _stored(2, False)])
    assert {candidate.priority for candidate in experience.candidates()[0]} == {1.0}
    drawn = Sampler(experience, max_uses=4, failure_share=0.0, seed="s")
    assert sorted(candidate.sample.key[0] for _ in range(4) for candidate in drawn.batch(2)) == [1] * 4 + [2] * 4
    assert drawn.batch(2) == []


def test_ppo_without_a_difference_has_nothing_to_draw() -> None:
    experience = _experience("ppo", "group")
    experience.take([_stored(1), _stored(2)])
    assert _weights(experience) == ([], [0.0, 0.0])
    assert Sampler(experience, 4, 0.5, "s").batch(2) == []


def test_a_group_is_the_same_task_with_the_same_parameters() -> None:
    experience = _experience("ppo", "group")
    one, two = {"name": "one"}, {"name": "two"}
    outcomes = [(True, one), (False, one), (True, two), (True, two), (False, None)]
    experience.take([_stored(n, won, steps=n % 2 + 1, params=params) for n, (won, params) in enumerate(outcomes)])
    carrying = {candidate.sample.key: candidate.weight for candidate in experience.candidates()[0]}
    # "one": mean 1/2, deviation 1/2; "two" is all alike and the last one alone: nothing to compare
    assert carrying == {(0, 0): 1.0, (1, 0): -1.0, (1, 1): -1.0}


def test_a_group_reaches_back_into_the_replay_as_far_as_its_size() -> None:
    experience = _experience("ppo", "group")
    experience.recall([_stored(n, False) for n in range(100, 200)])
    experience.take([_stored(300, True)])
    # one success among 16: mean 1/16, variance 1/16 · 15/16: (15/16) / (√15/16) = √15
    assert _weights(experience)[0] == pytest.approx([math.sqrt(GROUP_SIZE - 1)])


def _by_step(experience: Experience) -> dict[tuple[int, int], float]:
    carrying, riding = experience.candidates()
    return {candidate.sample.key: candidate.weight for candidate in carrying + riding}


def _with_step_groups(objective: Objective = "ppo", step_weight: float = 0.5) -> Experience:
    return Experience(100, 0.5, objective=objective, advantage="group", group_step_weight=step_weight)


def test_steps_of_a_group_that_saw_the_same_screen_are_compared_too() -> None:
    experience = _with_step_groups()
    experience.take([_stored(1, True, screens="ab"), _stored(2, False, screens="aac")])
    # the arithmetic is that of test_coso_credit.test_gigpo_by_hand
    micro = math.sqrt(2) / 2
    expected = {(1, 0): 1 + micro, (1, 1): 1.0, (2, 0): -1 - micro / 2, (2, 1): -1 - micro / 2, (2, 2): -1.0}
    assert _by_step(experience) == pytest.approx(expected)


def test_the_same_screen_under_another_goal_or_other_parameters_is_another_state() -> None:
    experience = _with_step_groups()
    elsewhere = _stored(3, False, screens="a", params={"name": "one"})
    experience.take([_stored(1, True, screens="a"), _stored(2, False, screens="a", goal="stay"), elsewhere])
    assert _by_step(experience) == {(1, 0): 1.0, (2, 0): -1.0, (3, 0): 0.0}


def test_steps_that_were_dropped_for_their_age_are_compared_with_no_more() -> None:
    experience = _with_step_groups()
    experience.train_from(Freshness(max_lag=1, version=2))  # step h of an episode here was acted by version h
    experience.take([_stored(1, True, screens="aba"), _stored(2, False, screens="cba")])
    # of each the first step is gone; A_E = ±1.  At b: 0.5 and 0, at a: 1 and 0; ± 1 each, times 0.5
    assert _by_step(experience) == pytest.approx({(1, 1): 1.5, (1, 2): 1.5, (2, 1): -1.5, (2, 2): -1.5})


def test_awr_holds_what_step_groups_say_in_its_own_bounds() -> None:
    experience = _with_step_groups("awr", step_weight=3.0)
    experience.take([_stored(1, True, screens="a"), _stored(2, True, screens="ab"), _stored(3, False, screens="c")])
    # A_E = 1/√2 for the successes.  From a: 1 and 0.5: ± 3.  At most 1, at least the floor; the failure's is 0
    expected = {(1, 0): 1.0, (2, 0): SUCCESS_FLOOR, (2, 1): 1 / math.sqrt(2), (3, 0): 0.0}
    assert _by_step(experience) == pytest.approx(expected)


def test_awr_with_groups_has_weights_in_its_own_bounds() -> None:
    experience = Experience(100, 0.5, negative_ceiling=0.25, objective="awr", advantage="group")
    experience.take([_stored(1), _stored(2, False), _stored(3, False), _stored(4, params={"another": "one"})])
    # √2 is cut at 1; alone in its group: the floor; the failures −1/√2 are held at the ceiling
    assert _weights(experience) == ([1.0, SUCCESS_FLOOR], [-0.25, -0.25])


def test_cloning_weighs_every_step_of_a_success_one() -> None:
    experience = _experience("bc")
    experience.take([_stored(1, True, steps=3), _stored(2, False, steps=2)])
    assert _weights(experience) == ([1.0] * 3, [0.0] * 2)


def test_utterances_are_unseen_until_an_older_episode_holds_them() -> None:
    experience = _experience("awr")
    experience.take([_stored(1, token=5), _stored(2, token=6), _stored(3, token=5)])
    assert [utterance.token_ids[1] for utterance in experience.unseen_utterances(9)] == [5, 6]
    assert len(experience.unseen_utterances(1)) == 1
    experience.take([_stored(4, token=6), _stored(5, token=7)])
    assert [utterance.token_ids[1] for utterance in experience.unseen_utterances(9)] == [7]


@pytest.mark.parametrize("step_weight", [0.0, 1.0])
@pytest.mark.parametrize("objective", ["ppo", "awr"])
def test_recalling_gives_the_same_candidates_as_never_having_stopped(objective: Objective, step_weight: float) -> None:
    undisturbed, resumed = (_with_step_groups(objective, step_weight) for _ in range(2))
    undisturbed.take([_stored(1, screens="ab"), _stored(2, False, screens="bcb")])
    resumed.recall([_stored(1, screens="ab"), _stored(2, False, screens="bcb")])
    resumed.baseline.load(undisturbed.baseline.state())
    for experience in (undisturbed, resumed):
        experience.take([_stored(3, screens="b"), _stored(4, False, screens="a")])
    assert resumed.candidates() == undisturbed.candidates()


def _with_seen(seen: StoredTrajectory, graded: StoredTrajectory, objective: Objective = "awr") -> Experience:
    """An experience that took one episode of the task after the other, so that the baseline knows both."""
    experience = Experience(100, 0.9, objective=objective)
    experience.take([seen])
    experience.take([graded])
    return experience


def test_a_failure_better_than_its_task_so_far_carries_in_proportion() -> None:
    experience = _with_seen(_stored(1, succeeded=False), _stored(2, succeeded=False, reward=0.6))
    carrying, riding = experience.candidates()
    assert [(step.sample.key[0], step.weight) for step in carrying] == [(2, pytest.approx(0.6 - 0.3))]
    assert [step.sample.key[0] for step in riding] == [1]


def test_a_failure_worse_than_its_task_so_far_rides_along() -> None:
    experience = _with_seen(_stored(1, reward=1.0), _stored(2, succeeded=False, reward=0.2))
    carrying, riding = experience.candidates()
    assert [step.sample.key[0] for step in carrying] == [1]
    assert [(step.sample.key[0], step.weight) for step in riding] == [(2, 0.0)]


def test_ppo_takes_the_signed_advantage_of_a_graded_failure() -> None:
    experience = Experience(100, 0.9, objective="ppo")
    experience.take([_stored(1, succeeded=False, reward=0.8), _stored(2, succeeded=False, reward=0.2)])
    carrying, _ = experience.candidates()
    assert {step.sample.key[0]: step.weight for step in carrying} == {1: pytest.approx(0.3), 2: pytest.approx(-0.3)}


def test_cloning_imitates_no_failure_whatever_its_reward() -> None:
    experience = _with_seen(_stored(1, reward=0.4), _stored(2, succeeded=False, reward=0.9), "bc")
    carrying, riding = experience.candidates()
    assert [(step.sample.key[0], step.weight) for step in carrying] == [(1, 1.0)]
    assert [step.sample.key[0] for step in riding] == [2]
