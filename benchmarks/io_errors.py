"""Has disks refuse: every call of every store's work, once and for good, and small full disks. Measures no speed.

`python -m benchmarks.io_errors` strikes each system call of the stores' work with EIO and ENOSPC by strace, once and
from then on, cuts their files at every length (`io_error_points.py`), and fills and frees small disks under a tuner and
a runtime (`full_disks.py`). Nothing may be acknowledged that is not kept. Planted are a spool and a ledger that take a
refusal for success; both must show.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from pathlib import Path
from typing import Final

from benchmarks.disk_trace import strace_missing
from benchmarks.full_disks import RESUMED_BAR_SEC, cycled, mounting_missing
from benchmarks.io_error_points import PLANTED, sample, strike_all
from benchmarks.measures import Measure, report

CAP_BYTES: Final = 64 << 10
PLANTED_FAULTS: Final = 60


def main() -> int:
    """Refuse, tell, and return the exit code: 1 where a promise was broken or a planted bug goes unseen."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--share", type=float, default=1.0, help="of the points, drawn by the seed; all of them")
    parser.add_argument("--cycles", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    options = parser.parse_args()
    if not 0 < options.share <= 1 or options.cycles < 1:
        parser.error("give a share above 0 and up to 1, and cycles from 1")
    missing = strace_missing() or mounting_missing()
    if missing:
        parser.error(missing)
    logging.disable(logging.CRITICAL)
    started_sec = time.monotonic()
    found = strike_all(options.seed, options.share)
    for name, tally in found.items():
        print(f"  {name:18} {tally.points} points")
        print("\n".join(tally.notes))
    shown = [name for name, plant in PLANTED if sample(name, PLANTED_FAULTS, options.seed, plant).false_acks]
    print(f"a store that takes a refusal for success shows in: {', '.join(shown) or 'none'}")
    disks = cycled(options.cycles, CAP_BYTES)
    print("\n".join(disks.notes))
    print(f"seed {options.seed}, {time.monotonic() - started_sec:.0f} s")
    points, false_acks, crashed, closed, stuck = (
        sum(getattr(tally, what) for tally in found.values())
        for what in ("points", "false_acks", "crashed", "closed", "stuck")
    )
    measures = [
        Measure("points after which something acknowledged is missing", false_acks, 0.0, "lower", points, "tried"),
        Measure("… an exception escaped that no store announces", crashed, 0.0, "lower", crashed, ""),
        Measure("… a store does not open", closed, 0.0, "lower", closed, ""),
        Measure("… nothing was taken any more, though it struck once", stuck, 0.0, "lower", stuck, ""),
        Measure("planted bugs that show", len(shown) / len(PLANTED), 1.0, "higher", len(shown), "bugs"),
        Measure(
            "full disks: episodes lost or doubled", disks.lost + disks.doubled, 0.0, "lower", disks.episodes, "sent"
        ),
        Measure("… cycles in which the runtime said nothing", disks.silent, 0.0, "lower", disks.cycles, "cycles"),
        Measure("… cycles in which the spool went over its cap", disks.over_cap, 0.0, "lower", disks.over_cap, ""),
        Measure(
            "… room to the next episode", disks.slowest_sec / RESUMED_BAR_SEC, 1.0, "lower", disks.slowest_sec, "s"
        ),
    ]
    return report("No false acknowledgement when disks refuse", measures, options.json)


if __name__ == "__main__":
    sys.exit(main())
