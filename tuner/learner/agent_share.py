"""The rule that no single agent makes up more than a share of what an update learns from. Draws nothing itself.

With k agents among the steps drawn, each may have the share max(share, 1/k) of the batch's weight: the places are given
out under that quota first, those that are left to anyone, and where one still has more than its share, because the
others had too little to fill the rest, its steps count for less. So nothing is thrown away, and an agent alone is held
to nothing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence


def agent_of(runtime_id: str) -> str:
    """Return whose runtime it is: what stands before the slash, which over TLS is its certificate's name."""
    return runtime_id.partition("/")[0]


def under_quota(agents: Sequence[str], count: int, share: float) -> Iterator[int]:
    """Yield at most ``count`` places of ``agents``, in order of preference as they come, no agent above its quota.

    What the quotas leave empty is filled up, again in order.
    """
    quota = math.ceil(count * _allowed(share, len(set(agents))))
    taken: Counter[str] = Counter()
    left: list[int] = []
    given = 0
    for place, agent in enumerate(agents):
        if given == count:
            return
        if taken[agent] < quota:
            taken[agent] += 1
            given += 1
            yield place
        else:
            left.append(place)
    yield from left[: count - given]


def factors(agents: Iterable[str], share: float) -> Mapping[str, float]:
    """Return by what each agent's steps are to count, at most 1, so that none has more than its share of the weight."""
    held = Counter(agents)
    allowed = _allowed(share, len(held))
    by_size = held.most_common()
    for capped in range(len(by_size)):
        rest = sum(count for _, count in by_size[capped:])
        most = allowed * rest / (1 - allowed * capped) if capped else allowed * rest
        if by_size[capped][1] <= most:
            break
    return {agent: min(1.0, most / count) for agent, count in by_size} if held else {}


def _allowed(share: float, agents: int) -> float:
    return max(share, 1 / agents) if agents else 1.0
