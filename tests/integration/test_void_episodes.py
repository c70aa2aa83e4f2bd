"""A sample of `benchmarks.void_episodes`: outages of device, adb server and judge, and the planted bugs."""

from __future__ import annotations

from benchmarks.void_episodes import DEVICE_KINDS, KINDS, SERVER_GONE, SearchingJudge, outage_is_zero, tally


def test_an_episode_under_an_outage_is_void_and_says_why() -> None:
    found = tally(len(KINDS), seed=1, kinds=KINDS)
    assert (found.void, found.blamed, found.rewarded, found.misnamed) == (len(KINDS), 0, 0, 0), found.notes


def test_an_outage_begins_anywhere_in_an_episode() -> None:
    kinds = (*DEVICE_KINDS, SERVER_GONE)
    found = tally(5 * len(kinds), seed=2, kinds=kinds)
    assert (found.void, found.misnamed) == (found.outages, 0), found.notes
    assert set(found.by_kind) == set(kinds)


def test_an_outage_scored_zero_shows() -> None:
    assert tally(3, seed=1, kinds=("offline", "hung_shell", "judge: 401"), run=outage_is_zero).blamed == 3


def test_a_judge_that_searches_for_success_shows() -> None:
    found = tally(2, seed=1, kinds=("judge: unsuccessful", "judge: not success"), judge_of=SearchingJudge)
    assert found.rewarded == 2
