"""Reads a whole number that a device printed. Knows no command."""

import re

_WHOLE = re.compile(r"[0-9]{1,18}")
"""Longer ones are none: nothing on a phone is that large, and Python reads no number of over 4,300 digits."""


def whole_number(text: str) -> int | None:
    """Return the number that the text is, None for everything else."""
    return int(text) if _WHOLE.fullmatch(text) else None
