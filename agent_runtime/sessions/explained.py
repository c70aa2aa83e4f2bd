"""What a tuner thinks of recorded steps, read from the files it writes. Computes none of it.

``weights.jsonl`` in a tuner's state folder holds the action model's weights of its latest steps; `tuner explain` writes
weights of every source, alternatives, value and advantage of a whole session's.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agent_runtime.errors import UsageError
from agent_runtime.sessions.fields import Fields

SOURCES = ("scm", "parser", "uniform")
"""Where causal weights come from: the action model, the parser, or nowhere (plain entropy)."""


@dataclass(frozen=True, slots=True)
class Explained:
    """What the tuner thinks of a step; ``sources`` are causal weights of its tokens by where they come from."""

    version: int
    tokens: tuple[str, ...]
    sources: Mapping[str, tuple[float, ...]]
    alternatives: tuple[tuple[tuple[str, float], ...], ...] = ()
    """At every token's place the likeliest others with their probabilities; empty where no policy was to be had."""
    value: float | None = None
    advantage: float | None = None
    judged_by: str = ""

    def fits(self, count: int) -> bool:
        """Whether it is of a step with so many tokens: not of a redacted session, or of another run."""
        return {len(self.tokens), *map(len, self.sources.values()), len(self.alternatives) or count} == {count}


ExplainedByStep = Mapping[tuple[str, int], Explained]


def read_weights(path: Path) -> dict[tuple[str, int], Explained]:
    """Return what a tuner wrote of steps, by trajectory id and step index; the newest where there are more.

    Raises:
        UsageError: the file cannot be read, or a line of it is no such record.
    """
    found: dict[tuple[str, int], Explained] = {}
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise UsageError(
            f"Got no weights from {path} ({error}), expected what `tuner explain` wrote, or a tuner's weights.jsonl."
        ) from error
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            fields = Fields(json.loads(line))
            found[fields.text("trajectory_id"), fields.whole("step_index")] = _explained(fields)
        except (ValueError, RecursionError) as error:
            raise UsageError(
                f"Got line {number} of {path} that holds no causal weights ({error}), expected a tuner's weights.jsonl "
                "or what `tuner explain` wrote."
            ) from error
    return found


def _explained(fields: Fields) -> Explained:
    version, tokens = fields.whole("version"), fields.each("tokens", str)
    if not fields.has("sources"):
        return Explained(version, tokens, {SOURCES[0]: fields.numbers("weights")})
    sources = fields.inner("sources")
    told = {name: fields.number(name) for name in ("value", "advantage") if fields.any_of(name) is not None}
    return Explained(
        version,
        tokens,
        {name: sources.numbers(name) for name in SOURCES if sources.has(name)},
        fields.each("alternatives", _pairs),
        told.get("value"),
        told.get("advantage"),
        fields.text("judged_by"),
    )


def _pairs(value: object) -> tuple[tuple[str, float], ...]:
    """Return the (text, probability) pairs of one place; raises ValueError for anything else."""
    if not isinstance(value, list):
        raise ValueError(f"{value!r:.80} is no list of alternatives")
    return tuple(_pair(item) for item in value)


def _pair(value: object) -> tuple[str, float]:
    if not isinstance(value, list) or len(value) != 2 or not isinstance(value[0], str):
        raise ValueError(f"{value!r:.80} is no alternative")
    if isinstance(value[1], bool) or not isinstance(value[1], int | float):
        raise ValueError(f"{value!r:.80} has no probability")
    return value[0], float(value[1])
