"""No agent makes up more of an update than its share, whatever it sends; an agent alone is held to nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.trajectory import Verdict
from agent_runtime.uplink.codec import trajectory_to_message
from tests.wire_world import trajectory
from tuner.ingest.ledger import StoredTrajectory
from tuner.learner.agent_share import agent_of, factors, under_quota
from tuner.learner.experience import Candidate, Experience, Sampler


def test_an_agent_is_what_stands_before_the_slash() -> None:
    assert [agent_of(name) for name in ("lab-1/emulator-5554", "lab-1", "")] == ["lab-1", "lab-1", ""]


def test_places_go_out_under_the_quota_first_and_what_is_left_to_anyone() -> None:
    assert list(under_quota("aaaabb", 4, 0.5)) == [0, 1, 4, 5]
    assert list(under_quota("aaaab", 4, 0.5)) == [0, 1, 4, 2]
    assert list(under_quota("aaaa", 3, 0.5)) == [0, 1, 2]
    assert list(under_quota("", 3, 0.5)) == []


def test_who_has_more_than_its_share_counts_for_less() -> None:
    assert factors("aaab", 0.5) == {"a": pytest.approx(1 / 3), "b": 1}  # 3/3 of the weight against 1
    assert factors("aab", 0.25) == {"a": pytest.approx(1 / 2), "b": 1}  # two can have no less than a half each
    assert factors("aaaa", 0.1) == {"a": 1}
    assert factors("abc", 0.5) == {"a": 1, "b": 1, "c": 1}
    assert factors("", 0.5) == {}


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 40), min_size=1),
    st.floats(0.05, 1.0),
)
def test_no_share_is_exceeded_and_nobody_under_it_loses(held: dict[str, int], share: float) -> None:
    counting = factors(Counter(held).elements(), share)
    weights = {agent: count * counting[agent] for agent, count in held.items()}
    total = sum(weights.values())
    allowed = max(share, 1 / len(held))
    assert all(0 < factor <= 1 for factor in counting.values())
    assert all(weight <= allowed * total * (1 + 1e-9) for weight in weights.values())
    capped = [agent for agent, factor in counting.items() if factor < 1]
    assert all(weights[agent] == pytest.approx(allowed * total) for agent in capped)


def _experience(episodes: dict[str, int]) -> Experience:
    experience = Experience(capacity=1000, discount=1.0)
    names = list(Counter(episodes).elements())
    experience.recall(
        StoredTrajectory(
            number,
            trajectory_to_message(
                replace(trajectory(f"t{number}", verdict=Verdict.SUCCESS), runtime_id=f"{name}/phone")
            ),
        )
        for number, name in enumerate(names)
    )
    return experience


def _weight_by_agent(batch: list[Candidate]) -> dict[str, float]:
    weights: Counter[str] = Counter()
    for candidate in batch:
        weights[candidate.sample.agent] += candidate.correction * candidate.weight  # type: ignore[assignment]
    return dict(weights)


def test_an_agent_that_floods_gets_no_more_than_its_share_of_every_batch() -> None:
    sampler = Sampler(_experience({"flood": 300, "a": 12, "b": 3}), 4, 0.0, "s", max_agent_share=0.5)
    batches = []
    while batch := sampler.batch(16):
        weights = _weight_by_agent(batch)
        assert len(batch) == 16
        assert weights["flood"] <= 0.5 * sum(weights.values()) * (1 + 1e-9)
        batches.append(batch)
    assert len(batches) >= 60 // 8  # 15 steps of the others, four uses each, at most eight a batch; then it ends
    unheld = Sampler(_experience({"flood": 300, "a": 12, "b": 3}), 4, 0.0, "s").batch(16)
    weights = _weight_by_agent(unheld)
    assert weights["flood"] > 0.8 * sum(weights.values())


def test_an_agent_alone_draws_as_without_a_share() -> None:
    alone = _experience({"lab": 40})
    held, free = (Sampler(alone, 4, 0.0, "s", share) for share in (0.5, 1.0))
    assert [held.batch(8) for _ in range(3)] == [free.batch(8) for _ in range(3)]
