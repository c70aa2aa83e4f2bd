"""Runs `tuner serve` for the harness of kills: to be killed at a point, with a planted bug where asked for.

    python -m benchmarks.mortal_front FUSE MUTANT '["python", …]' serve --state …

Everything is the real one but the learner's command line, and how long the supervisor waits to start it again.
"""

from __future__ import annotations

import sys
from typing import Final

from benchmarks import front
from benchmarks.kill_mutants import FRONT_MUTANTS
from benchmarks.kill_points import KillPoints
from tuner import supervisor
from tuner.ingest.ledger import Ledger

LEARNER_DELAY_SEC: Final = 0.1
"""In place of a second, doubled up to a minute: a learner here is killed far more often than any should die."""


def main() -> None:
    """Install the fuse and the bug, then be the front."""
    fuse, mutant = int(sys.argv.pop(1)), sys.argv.pop(1)
    supervisor.FIRST_RESTART_DELAY_SEC = supervisor.LONGEST_RESTART_DELAY_SEC = LEARNER_DELAY_SEC
    if mutant in FRONT_MUTANTS:
        FRONT_MUTANTS[mutant]()
    points = KillPoints(fuse or None)
    points.around(Ledger, "store")
    points.install()
    front.main()


if __name__ == "__main__":
    main()
