"""Which split a task belongs to: seen in training, or unseen by instance, by template or by app. Draws nothing.

Everything is decided by sha256 of names, on every machine and for every seed alike, and a template stays where it is
when others or further apps are added. The kinds of unseen follow AndroidControl's test splits (arXiv 2406.03679):
tasks much like the trained ones, other tasks, other apps.
"""

import hashlib
from collections.abc import Sequence
from functools import cache
from typing import Literal, get_args

from agent_runtime.errors import UsageError

Split = Literal["train", "unseen-instances", "unseen-templates", "unseen-apps"]
SPLITS: tuple[Split, ...] = get_args(Split)
DEFAULT_SPLIT: Split = "unseen-instances"
BASIC_APPS = frozenset(("Browser", "Clock", "Home", "Notes", "Settings"))
"""Apps of the demo; a policy tuned there has seen them, so they are never unseen."""
_HELD_SHARE = 4
_UNSEEN_APPS_SHARE = 0.2
_UNSEEN_TEMPLATES_SHARE = 0.2


def splits_named(names: Sequence[str]) -> tuple[Split, ...]:
    """Return the splits of these names, each once and in the order of ``SPLITS``; "all" names them all.

    Raises:
        UsageError: there is no such split.
    """
    unknown = [name for name in names if name not in (*SPLITS, "all")]
    if unknown:
        raise UsageError(f"Got the split {unknown[0]!r}, expected one of {', '.join(SPLITS)} or all: choose one.")
    return tuple(split for split in SPLITS if split in names or "all" in names)


@cache
def held_values(name: str, values: tuple[str, ...]) -> frozenset[str]:
    """Return the quarter of ``values`` (at least one) that a template keeps from training, chosen by hash."""
    ranked = sorted(values, key=lambda value: hashlib.sha256(f"{name}:{value}".encode()).digest())
    return frozenset(ranked[: max(1, len(values) // _HELD_SHARE)])


def is_unseen_app(app: str) -> bool:
    """Tell whether no training task may touch the app of that label.

    The hashed prefix was chosen once, so that Messages and Contacts, which most tasks across apps touch, are not.
    """
    return app not in BASIC_APPS and _share(f"an app:{app}") < _UNSEEN_APPS_SHARE


def is_unseen_template(name: str) -> bool:
    """Tell whether none of that template's tasks may be trained on."""
    return _share(f"template:{name}") < _UNSEEN_TEMPLATES_SHARE


def _share(text: str) -> float:
    """Return a number in [0, 1) that depends on the text alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / (1 << 64)
