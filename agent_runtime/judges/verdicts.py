"""A closed grammar of verdicts, and how votes are counted: pure functions of text and votes. Asks nobody."""

import re
from collections.abc import Sequence
from enum import Enum


class Vote(Enum):
    """One answer of a judge."""

    SUCCESS = "success"
    FAILURE = "failure"
    ABSTAIN = "abstain"


_SPACE = r"[ \t\r\n]*"
_ANSWER = re.compile(
    rf'{_SPACE}\{{{_SPACE}"verdict"{_SPACE}:{_SPACE}"({"|".join(vote.value for vote in Vote)})"{_SPACE}\}}{_SPACE}'
)
"""One JSON object of exactly one field. White space is JSON's, and only where JSON gives it no meaning."""


def vote_from_text(text: str) -> Vote | None:
    """Return the vote that ``text`` is, as a whole; None where it is anything else.

    Nothing is searched for: "unsuccessful", a verdict within prose, in a code fence or beside another is no vote.
    """
    found = _ANSWER.fullmatch(text)
    return Vote(found[1]) if found else None


def majority_of(count: int) -> int:
    """Return the smallest number of votes that is more than half of ``count``."""
    return count // 2 + 1


def outcome(votes: Sequence[Vote], minimum: int) -> Vote:
    """Return what has more than half of the votes that do not abstain and at least ``minimum``, else ABSTAIN."""
    for_success = sum(vote is Vote.SUCCESS for vote in votes)
    for_failure = sum(vote is Vote.FAILURE for vote in votes)
    if for_success > for_failure and for_success >= minimum:
        return Vote.SUCCESS
    if for_failure > for_success and for_failure >= minimum:
        return Vote.FAILURE
    return Vote.ABSTAIN


def is_decided(votes: Sequence[Vote], count: int, minimum: int) -> bool:
    """Say whether the outcome is the same however the votes that are missing to ``count`` turn out.

    The three extremes are enough: any mixture has a lead and a number of votes between theirs.
    """
    missing = max(0, count - len(votes))
    return len({outcome([*votes, *[rest] * missing], minimum) for rest in Vote}) == 1
