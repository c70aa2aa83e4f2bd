"""The learner's view: no publication is missed between looking and waiting, and every follower wakes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tuner.ingest.learner_view import LearnerView

DEADLINE_SEC = 20.0
Story = Callable[[LearnerView], Awaitable[None]]


def tell(story: Story) -> list[dict[str, object]]:
    """Run the story on a loop; return what the learner was told."""
    told: list[dict[str, object]] = []

    async def run() -> None:
        await asyncio.wait_for(story(LearnerView(told.append)), DEADLINE_SEC)

    asyncio.run(run())
    return told


async def let_others_run() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_it_starts_with_nothing_known() -> None:
    view = LearnerView(lambda event: None)
    assert (view.state, view.message, view.metrics, view.publications) == ("starting", "", {}, 0)


def test_the_learner_is_told_of_every_trajectory() -> None:
    async def story(view: LearnerView) -> None:
        view.trajectory_stored()
        view.trajectory_stored()

    assert tell(story) == [{"event": "trajectory_stored"}] * 2


def test_a_publication_wakes_every_follower() -> None:
    async def story(view: LearnerView) -> None:
        followers = [asyncio.create_task(view.wait_for_news(after=0)) for _ in range(3)]
        await let_others_run()
        assert not any(follower.done() for follower in followers)
        view.published()
        await asyncio.gather(*followers)
        assert view.publications == 1

    tell(story)


def test_a_publication_between_looking_and_waiting_is_not_missed() -> None:
    async def story(view: LearnerView) -> None:
        seen = view.publications
        view.published()
        await view.wait_for_news(after=seen)

    tell(story)


def test_several_publications_wake_once_and_the_next_wait_waits() -> None:
    async def story(view: LearnerView) -> None:
        view.published()
        view.published()
        await view.wait_for_news(after=0)
        await let_others_run()
        follower = asyncio.create_task(view.wait_for_news(after=view.publications))
        await let_others_run()
        assert not follower.done()
        view.published()
        await follower

    tell(story)


def test_closing_wakes_followers_without_a_publication() -> None:
    async def story(view: LearnerView) -> None:
        follower = asyncio.create_task(view.wait_for_news(after=0))
        await let_others_run()
        view.wake_all()
        await follower
        assert view.publications == 0

    tell(story)


def test_a_follower_that_leaves_does_not_hold_up_the_others() -> None:
    async def story(view: LearnerView) -> None:
        leaving, staying = (asyncio.create_task(view.wait_for_news(after=0)) for _ in range(2))
        await let_others_run()
        leaving.cancel()
        await let_others_run()
        assert leaving.cancelled()
        view.published()
        await staying

    tell(story)
