"""Tells whether a state folder holds an offline stage that was broken off. Reads one file; needs no torch."""

import json
from pathlib import Path

from tuner.errors import ConfigError

DONE = "done"


def refuse_unfinished_training(state: Path) -> None:
    """Do nothing where the learner can go on online.

    Raises:
        ConfigError: `tuner train` was broken off there: its policy is half-way, and its episodes are not used up.
    """
    files = sorted((state / "learner").glob("[0-9]*.json"))
    try:
        standing = json.loads(files[-1].read_bytes())["body"]["state"].get("offline") if files else None
        part = DONE if standing is None else str(standing["part"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return  # damaged: the learner sets it aside and says what it goes on from
    if part != DONE:
        raise ConfigError(
            f"Got {state} with a `tuner train` that was broken off in the part {part}, expected one that ended: run "
            "the same command again, it goes on from there, or choose another --state."
        )
