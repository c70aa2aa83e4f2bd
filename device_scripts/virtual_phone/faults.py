"""What goes wrong with a virtual phone and when, as plain data; counts events and carries out no fault itself.

A schedule is JSON: ``{"seed": 0, "faults": [{"kind": "empty_frame", "nth": 3, "lasts": 2}, …]}``. Each kind counts
the events of one sort (`EVENT_OF`); it strikes at the ``nth`` of them, or with ``probability`` at every one, and
lasts for so many of them. The same seed and the same events give the same faults.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from device_scripts.virtual_phone.errors import LaunchError

FRAME, SHELL, INPUT, TAP, TEXT = "frame", "shell", "input", "tap", "text"
KEYS, KEYBOARD, WRITE = "keys", "keyboard", "write"
EVENT_OF: Final = {
    "empty_frame": FRAME,
    "truncated_frame": FRAME,
    "black_frame": FRAME,
    "stale_frame": FRAME,
    "white_frame": FRAME,
    "wrong_size_frame": FRAME,
    "hung_shell": SHELL,
    "slow_shell": SHELL,
    "closed_stream": SHELL,
    "offline": SHELL,
    "tap_swallowed": TAP,
    "text_dropped": TEXT,
    "keyboard_absent": TAP,
    "app_killed": INPUT,
    "anr_dialog": INPUT,
    "crash_dialog": INPUT,
    "permission_dialog": INPUT,
    "system_popup": INPUT,
    "incoming_call": INPUT,
    "low_battery": INPUT,
    "reboot": SHELL,
    "unauthorized": SHELL,
    "rotation": INPUT,
    "clock_jump": INPUT,
    "wrong_display_focus": KEYS,
    "ime_lost": KEYBOARD,
    "disk_full": WRITE,
}
"""Every kind, and the sort of event it counts: a screenshot, a shell command, an `input`, a tap, a typed text, a key or
text, a command that lists, chooses or types with a keyboard app, a command that writes to the disk."""
AWAY_KINDS: Final = frozenset(("offline", "reboot", "unauthorized"))
STREAM_KINDS: Final = frozenset(("hung_shell", "slow_shell", "closed_stream"))
SLOW_ANSWER_SEC: Final = 0.3
SHUT_OUT_SEC: Final = 0.4
REFUSED_IN_REBOOT: Final = 20
_HOURS: Final = (5, -3, 14, -24)
_FIELDS: Final = frozenset(("kind", "nth", "probability", "lasts"))


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. ``nth`` counts from 1 (0: never by count); ``lasts`` is in events of its own sort.

    For `offline` and `reboot` ``lasts`` counts refused connections (for a reboot up to `REFUSED_IN_REBOOT`); a reboot
    also takes so many looks at `sys.boot_completed`. For `unauthorized` it counts `SHUT_OUT_SEC`. A dialog stays until
    a button of it is tapped.
    """

    kind: str
    nth: int = 1
    probability: float = 0.0
    lasts: int = 1

    def __post_init__(self) -> None:
        if self.kind not in EVENT_OF:
            raise LaunchError(f"Got the fault {self.kind!r}; choose one of {', '.join(EVENT_OF)}.")
        if self.nth < 0 or self.lasts < 1 or not 0.0 <= self.probability <= 1.0:
            raise LaunchError(f"Got {self}; give nth from 0, lasts from 1 and a probability from 0 to 1.")


@dataclass(slots=True)
class _Armed:
    """A fault with its count of events; ``ends_before`` is the count at which it is over."""

    fault: Fault
    seen: int = 0
    ends_before: int = 0


@dataclass(slots=True)
class FaultSchedule:
    """The faults of one phone and what of them is under way. ``struck`` lists kinds in the order they struck."""

    seed: int = 0
    struck: list[str] = field(default_factory=list)
    stream_fault: str | None = None
    """What happens to the stream that ran the last command; whoever carries it out takes it."""
    wakeup_wanted: bool = False
    drop_wanted: bool = False
    refusals_left: int = 0
    boot_looks_left: int = 0
    slow_answer_sec: float = SLOW_ANSWER_SEC
    now: Callable[[], float] = time.monotonic
    """Seconds that slow answers and refused keys go by."""
    _shut_out_until_sec: float = 0.0
    _armed: list[_Armed] = field(default_factory=list)
    _rng: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        self._rng.seed(self.seed)

    def add(self, fault: Fault) -> None:
        """Arm a fault: it counts events from now on."""
        self._armed.append(_Armed(fault))

    def clear(self) -> None:
        """Disarm everything and forget what is under way."""
        self._armed.clear()
        self.struck.clear()
        self.stream_fault, self.wakeup_wanted, self.drop_wanted = None, False, False
        self.refusals_left = self.boot_looks_left = 0
        self._shut_out_until_sec = 0.0

    def happen(self, event: str) -> list[Fault]:
        """Count an event and return the faults that hold for it."""
        return [armed.fault for armed in self._armed if EVENT_OF[armed.fault.kind] == event and self._count(armed)]

    def is_active(self, kind: str) -> bool:
        """Tell whether the last event of its sort was struck by that kind."""
        return any(armed.fault.kind == kind and 0 < armed.seen < armed.ends_before for armed in self._armed)

    def take_stream_fault(self) -> str | None:
        """Return what is to happen to the stream at hand, once."""
        taken, self.stream_fault = self.stream_fault, None
        return taken

    def take_drop(self) -> bool:
        """Tell whether every connection is to be cut now, once."""
        taken, self.drop_wanted = self.drop_wanted, False
        return taken

    def clock_jump_hours(self) -> int:
        """Return by how many hours the clock jumps this time, forward or back."""
        return self._rng.choice(_HOURS)

    def shut_out(self, times: int) -> None:
        """Take no key for so many times ``SHUT_OUT_SEC``, and cut every connection."""
        self._shut_out_until_sec = self.now() + times * SHUT_OUT_SEC
        self.drop_wanted = True

    def shut_out_sec(self) -> float:
        """Return for how long no key is taken yet; 0 where any is."""
        return max(0.0, self._shut_out_until_sec - self.now())

    def take_wakeup(self) -> bool:
        """Tell whether a slow stream has to be looked at again after `slow_answer_sec`, once."""
        taken, self.wakeup_wanted = self.wakeup_wanted, False
        return taken

    def refuses_connection(self) -> bool:
        """Tell whether the connection just made is to be refused: the phone is away."""
        self.refusals_left = max(0, self.refusals_left - 1) if (away := self.refusals_left > 0) else 0
        return away

    def _count(self, armed: _Armed) -> bool:
        armed.seen += 1
        fault = armed.fault
        by_chance = fault.probability > 0 and self._rng.random() < fault.probability
        if armed.seen >= armed.ends_before and (armed.seen == fault.nth or by_chance):
            armed.ends_before = armed.seen + (1 if fault.kind in AWAY_KINDS else fault.lasts)
            self.struck.append(fault.kind)
        return armed.seen < armed.ends_before


def schedule_of(faults: Sequence[Fault], seed: int = 0) -> FaultSchedule:
    """Return a schedule with these faults armed."""
    schedule = FaultSchedule(seed)
    for fault in faults:
        schedule.add(fault)
    return schedule


def read_schedule(path: Path, further_seed: int = 0) -> FaultSchedule:
    """Return the schedule of a JSON file, ``further_seed`` added to its seed; LaunchError when it is not one."""
    try:
        plain = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise LaunchError(f"Got no faults from {path} ({error}); give a JSON file.") from error
    entries = plain.get("faults") if isinstance(plain, dict) else None
    seed = plain.get("seed", 0) if isinstance(plain, dict) else 0
    if not isinstance(entries, list) or not isinstance(seed, int):
        raise LaunchError(f'Got {path}; give {{"seed": 0, "faults": [{{"kind": …, "nth": …, "lasts": …}}]}}.')
    return schedule_of([_fault(entry) for entry in entries], seed + further_seed)


def _fault(entry: object) -> Fault:
    if not isinstance(entry, dict) or not set(entry) <= _FIELDS or not isinstance(entry.get("kind"), str):
        raise LaunchError(f"Got the fault {json.dumps(entry)[:80]}; give an object of {', '.join(sorted(_FIELDS))}.")
    chance = entry.get("probability", 0.0)
    nth, lasts = entry.get("nth", 0 if chance else 1), entry.get("lasts", 1)
    if not isinstance(nth, int) or not isinstance(lasts, int) or not isinstance(chance, int | float):
        raise LaunchError(f"Got the fault {json.dumps(entry)[:80]}; give numbers for nth, lasts and probability.")
    return Fault(entry["kind"], nth, float(chance), lasts)
