"""Asks the person at the terminal; who is not there, or does not answer in time, has said no. Decides nothing."""

import select
import sys

from agent_runtime.actions.ruling import Ruling
from agent_runtime.actions.vocabulary import Action

ANSWER_SEC = 60.0


def ask_at_terminal(action: Action, ruling: Ruling) -> bool:
    """Return whether a person typed `yes` within ``ANSWER_SEC``."""
    if not sys.stdin.isatty():
        return False
    print(f"The gate holds back {action!r}: {ruling.reason}. Let it through? Type yes: ", end="", file=sys.stderr)
    sys.stderr.flush()
    ready, _, _ = select.select([sys.stdin], [], [], ANSWER_SEC)
    return bool(ready) and sys.stdin.readline().strip().lower() == "yes"
