"""A judge that puts the same question to a model several times and counts. Knows neither HTTP nor episodes."""

from collections.abc import Callable, Sequence

from agent_runtime.devices import Frame
from agent_runtime.errors import JudgeError
from agent_runtime.judges.base import Judge
from agent_runtime.judges.cache import VoteCache, cache_key
from agent_runtime.judges.prompt import PROMPT_VERSION, Messages, messages
from agent_runtime.judges.verdicts import Vote, is_decided, majority_of, outcome, vote_from_text
from agent_runtime.observe import screenshot_of

LONGEST_SIDE_PX = 1280
_SHOWN_CHARS = 60
Ask = Callable[[Messages], str]


class VotingJudge(Judge):
    """Wants more than half of ``votes`` for one verdict; stops asking once the rest cannot change it.

    ``ask`` returns the model's answer, or raises ``JudgeError`` where none came.
    """

    def __init__(self, model: str, ask: Ask, votes: int = 3, cache: VoteCache | None = None) -> None:
        self._model = model
        self._ask = ask
        self._count = votes
        self._minimum = majority_of(votes)
        self._cache = cache

    def verdict(self, goal: str, screens: Sequence[Frame]) -> Vote:
        """Return the panel's verdict; see ``Judge``."""
        screens_png = [screen_png(frame) for frame in screens]
        key = cache_key(self._model, PROMPT_VERSION, goal, screens_png)
        votes = self._cache.votes(key)[: self._count] if self._cache is not None else []
        question = messages(goal, screens_png)
        while not is_decided(votes, self._count, self._minimum):
            votes.append(self._vote(question))
            if self._cache is not None:
                self._cache.put(key, votes)
        return outcome(votes, self._minimum)

    def _vote(self, question: Messages) -> Vote:
        answer = self._ask(question)
        vote = vote_from_text(answer)
        if vote is None:
            raise JudgeError(
                f"Got {answer[:_SHOWN_CHARS]!a} from the judge {self._model}, expected one of "
                f"{', '.join(vote.value for vote in Vote)} in the form asked for: choose a judge that follows it."
            )
        return vote


def screen_png(frame: Frame) -> bytes:
    """Return the screen as a judge gets it: a PNG with the screen's proportions, at most so many pixels a side."""
    longest = max(frame.width_px, frame.height_px)
    if longest <= LONGEST_SIDE_PX:
        return screenshot_of(frame, None).png
    width, height = (max(1, round(side * LONGEST_SIDE_PX / longest)) for side in (frame.width_px, frame.height_px))
    return screenshot_of(frame, (width, height)).png
