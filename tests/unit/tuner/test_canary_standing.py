"""What follows from decisions, and whom a version on trial goes to."""

from __future__ import annotations

from tuner.canary.standing import Kind, Standing, VersionDecision, standing_after


def decided(*pairs: tuple[Kind, int]) -> Standing:
    return standing_after(VersionDecision(kind, version, f"d{version}", "") for kind, version in pairs)


def test_a_promoted_version_is_trusted_and_the_next_one_is_on_trial() -> None:
    assert decided(("trust", 1), ("trial", 2), ("promote", 2), ("trial", 5)) == Standing(2, "d2", 5, "d5")


def test_a_withdrawn_version_stays_named_until_a_trusted_one_takes_its_place() -> None:
    withdrawn = decided(("trust", 1), ("trial", 2), ("withdraw", 2))
    assert withdrawn == Standing(1, "d1", withdrawn=2)
    assert withdrawn.newest_known == 2
    assert withdrawn.after(VersionDecision("trust", 4, "d1", "")) == Standing(4, "d1")


def test_a_trial_goes_to_about_its_share_and_to_other_runtimes_each_time() -> None:
    runtimes = [f"runtime-{number}" for number in range(400)]

    def chosen(version: int) -> set[str]:
        standing = Standing(1, "d1", version, "d")
        return {name for name in runtimes if standing.version_for(name, 0.25, runtimes) == version}

    first, second = chosen(2), chosen(3)
    assert 70 <= len(first) <= 130
    assert 70 <= len(second) <= 130
    assert len(first & second) < 60  # a quarter of a quarter is 25


def test_a_small_farm_has_a_trial_too() -> None:
    standing = Standing(1, "d1", 2, "d2")
    runtimes = ["a", "b", "c"]
    assert [standing.version_for(name, 0.0, runtimes) for name in runtimes].count(2) == 1
    assert standing.version_for("alone", 0.0, ["alone"]) == 2


def test_without_a_trial_everyone_has_the_trusted_version() -> None:
    assert Standing(3, "d3").version_for("a", 1.0, ["a"]) == 3
    assert Standing(3, "d3", withdrawn=4).version_for("a", 1.0, ["a"]) == 3
