"""The page's figures: Wilson's interval, groups, curves."""

from __future__ import annotations

import pytest

from tuner.page.figures import (
    HEIGHT_PX,
    WIDTH_PX,
    Device,
    Rate,
    by_device,
    by_task,
    by_version,
    chart_of,
    per_hour,
    smoothed,
    wilson,
)
from tuner.page.reader import EpisodeFacts


def facts(task: str, verdict: str, purpose: str = "explore", version: int | None = 1) -> EpisodeFacts:
    return EpisodeFacts(1, 0.0, purpose, verdict, "id", task, "goal", "runtime", 1, version)


@pytest.mark.parametrize(
    ("successes", "judged", "low", "high"),
    [
        (0, 0, 0.0, 1.0),
        (0, 10, 0.0, 0.27754),  # z² / (n + z²)
        (10, 10, 0.72246, 1.0),
        (5, 10, 0.23659, 0.76341),
        (81, 263, 0.25527, 0.36619),  # Newcombe 1998, table I: .2553 to .3662
        (15, 148, 0.06241, 0.16051),  # Newcombe 1998: .0624 to .1605
    ],
)
def test_wilsons_interval(successes: int, judged: int, low: float, high: float) -> None:
    assert wilson(successes, judged) == pytest.approx((low, high), abs=1e-4)


def test_a_rate_says_share_and_interval_or_nothing() -> None:
    assert Rate(0, 0).texts == ()
    assert Rate(5, 10).texts == ("50 %", "(24–76)", "5 of 10")


def test_groups_count_purposes_apart_and_leave_void_ones_out() -> None:
    episodes = [
        facts("b", "success"),
        facts("b", "failure"),
        facts("b", "void"),
        facts("b", "success", "evaluate", 2),
        facts("a", "failure", "evaluate", None),
    ]
    a, b = by_task(episodes)
    assert (a.name, a.explore, a.evaluate) == ("a", Rate(0, 0), Rate(0, 1))
    assert (b.name, b.explore, b.evaluate) == ("b", Rate(1, 2), Rate(1, 1))
    assert [(group.name, group.explore, group.evaluate) for group in by_version(episodes)] == [
        ("2", Rate(0, 0), Rate(1, 1)),
        ("1", Rate(1, 2), Rate(0, 0)),
    ]


def of_device(runtime: str, device: str, verdict: str, version: int | None, at_sec: float) -> EpisodeFacts:
    return EpisodeFacts(1, at_sec, "explore", verdict, "id", "task", "goal", runtime, 1, version, device)


def test_devices_come_by_whom_was_heard_of_last_with_their_lag() -> None:
    episodes = [
        of_device("lab", "b", "void", None, 90.0),
        of_device("lab", "a", "success", 7, 80.0),
        of_device("lab", "b", "failure", 4, 70.0),
        of_device("desk", "a", "void", None, 60.0),
        of_device("lab", "a", "success", 3, 50.0),
    ]
    assert by_device(episodes, latest=6) == [
        Device("lab", "b", 2, 1, 2, 90.0),
        Device("lab", "a", 2, 0, 0, 80.0),  # a version this state folder does not have is no lag
        Device("desk", "a", 1, 1, None, 60.0),
    ]
    assert per_hour(episodes) == pytest.approx(3600 * 4 / 40)


def test_an_episode_that_cannot_be_read_is_nobodys_device() -> None:
    assert by_device([of_device("", "", "success", None, 90.0)], latest=6) == []


def test_one_episode_says_nothing_of_an_hour() -> None:
    assert per_hour([]) is None
    assert per_hour([of_device("lab", "a", "success", 1, 5.0)]) is None


def test_a_chart_needs_two_points_of_a_curve() -> None:
    assert chart_of([], ("entropy",)) is None
    assert chart_of([{"update": 1.0, "entropy": 2.0}], ("entropy",)) is None
    assert chart_of([{"entropy": 1.0}, {"entropy": 1.0}], ("entropy",)) is None


def test_a_curve_stays_inside_its_chart() -> None:
    rows = [{"update": float(update), "entropy": value} for update, value in ((3, -1.0), (4, 2.0), (9, 0.0))]
    chart = chart_of([*rows, {"update": 10.0}], ("entropy", "absent"))
    assert chart is not None
    assert (chart.top, chart.first_update, chart.last_update) == (2.0, 3, 9)
    (curve,) = chart.curves
    assert (curve.kind, curve.last) == ("entropy", 0.0)
    points = [tuple(map(float, point.split())) for point in curve.path[1:].split(" L")]
    assert len(points) == 3
    assert all(0 <= x <= WIDTH_PX and 0 <= y <= HEIGHT_PX for x, y in points)


def test_all_zeros_make_a_curve() -> None:
    chart = chart_of([{"update": 1.0, "entropy": 0.0}, {"update": 1.0, "entropy": 0.0}], ("entropy",))
    assert chart is not None
    assert "nan" not in chart.curves[0].path


def test_smoothing_is_a_mean_of_the_latest() -> None:
    rows = [{"update": float(update), "rate": float(update)} for update in range(10)]
    means = smoothed([*rows, {"update": 10.0}], "rate")
    assert means[0] == {"update": 0.0, "rate": 0.0}
    assert means[9] == {"update": 9.0, "rate": 5.5}  # of 2 to 9
    assert len(means) == 10
