"""The processes of a soak beside the front: runtimes that collect, and a learner's stand-in that uses what there is.

    python -m benchmarks.soak_parts runtime ADDRESS SPOOL NAME COUNT IDENTITY [leak]
    python -m benchmarks.soak_parts learner STATE

A runtime hands over so many small episodes named NAME-0, NAME-1 …, says after every few how many, and stays until its
spool is empty and it is told to end. ``leak`` plants that it keeps every episode and opens a file now and then.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Final

from agent_runtime.trajectory import PolicyIdentity
from agent_runtime.uplink.client import TunerLink
from agent_runtime.uplink.room import submit_when_there_is_room
from agent_runtime.uplink.spool import Spool
from benchmarks.small_episodes import small_episode, with_id
from tuner.errors import LedgerError
from tuner.ingest.ledger import Ledger

TELL_EVERY: Final = 20
CAP_BYTES: Final = 512 << 10
"""Of the spool: a few hundred episodes, so that a front that is away soon stops the collecting."""
AT_ONCE: Final = 256
LOOK_SEC: Final = 0.2
LEAK_FILES_EVERY: Final = 50


def collect(address: str, folder: Path, name: str, count: int, identity: PolicyIdentity, leaks: bool) -> None:
    """Be a runtime."""
    spool = Spool(folder, CAP_BYTES)
    spool.open()
    link = TunerLink(address, identity, [name], spool, lambda manifest, payload: None)
    link.start()
    episode, kept = small_episode(identity, name), []
    for number in range(count):
        message = with_id(episode, f"{name}-{number}")
        submit_when_there_is_room(link, message, lambda note: None, lambda: False)
        if leaks:
            kept.append(message.SerializeToString() * 4)
            if number % LEAK_FILES_EVERY == 0:
                os.open("/dev/null", os.O_RDONLY)
        if (number + 1) % TELL_EVERY == 0 or number + 1 == count:
            os.write(1, f"{number + 1}\n".encode())
    sys.stdin.readline()
    link.close(0.0)


def use(state: Path) -> None:
    """Be a learner: mark what waits as used, again and again."""
    ledger, version = Ledger(state), 0
    while True:
        try:
            ledger.open()
            while True:
                waiting = ledger.waiting(AT_ONCE)
                version += 1
                ledger.mark_consumed([item.sequence for item in waiting], version)
                time.sleep(LOOK_SEC if len(waiting) < AT_ONCE else 0.0)
        except LedgerError:  # the disk refuses, or the ledger is being made anew
            ledger.close()
            time.sleep(LOOK_SEC)


if __name__ == "__main__":
    if sys.argv[1] == "runtime":
        _, _, at, spooled, called, how_many, who, *more = sys.argv
        collect(at, Path(spooled), called, int(how_many), PolicyIdentity(*json.loads(who)), bool(more))
    else:
        use(Path(sys.argv[2]))
