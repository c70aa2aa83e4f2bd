"""Are recorded sessions replayed exactly, and does every edit of one show? Counts broken promises; times nothing.

Runs on virtual phones in this process are recorded, and every decision is made again twice. Most are of a policy that
draws its answer from a hash of all it is given (picture, prompt, temperature, seed), so one bit of any of these that
comes back changed is another answer; a few are of the small VLM. Copies of the sessions are then edited, one edit each,
and opened: an edit is found when opening refuses it, or says that the recording was cut short. Bugs are planted in
replay, chain and reader, and each must show.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import random
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final
from unittest import mock

from agent_runtime.actions import Action, Finish, Key, LongPress, OpenApp, PressKey, Swipe, Tap, TypeText, grammar_named
from agent_runtime.agenda import Agenda
from agent_runtime.errors import SessionError
from agent_runtime.observe import PNG_COMPRESS_LEVEL
from agent_runtime.policy.base import Policy
from agent_runtime.runner import Hooks, RunConfig, Runner
from agent_runtime.sessions import chain, reader
from agent_runtime.sessions.pictures import decoded
from agent_runtime.sessions.reader import open_session
from agent_runtime.sessions.recording import Redaction, Session
from agent_runtime.sessions.replay import replay_exactly
from agent_runtime.sessions.start import RunOf, start_recording
from agent_runtime.tasks import sample_task, suite_named
from agent_runtime.trajectory import NO_ADAPTER_DIGEST, Decision, PolicyIdentity
from benchmarks.measures import Measure, report
from benchmarks.session_edits import EDITS
from device_scripts.in_process import in_process_device

VLM_EVERY: Final = 40
"""One session in so many is of the small VLM, which takes about a second a decision on a CPU."""
PLANTED_SESSIONS: Final = 4
PLANTED_EDITS: Final = 30
"""Edits of each kind under a planted bug; a kind that hits the bug's field does so every time."""
JSON: Final = grammar_named("json")
IDENTITY: Final = PolicyIdentity("0" * 64, "0" * 64, "none", "json")
APPS: Final = ("Settings", "Clock", "Notes", "Browser")


class HashedPolicy:
    """Answers by a hash of everything it is given."""

    identity = IDENTITY
    image_size_px: tuple[int, int] | None = None

    def prompt_text(self, goal: str, history: Sequence[Action]) -> str:
        return f"Goal: {goal}\n" + "\n".join(map(repr, history))

    def decide(self, image_png: bytes, prompt: str, *, temperature: float, seed: int) -> Decision:
        told = hashlib.sha256(b"\0".join((image_png, prompt.encode(), repr((temperature, seed)).encode())))
        rng = random.Random(told.digest())
        utterance = JSON.render(self._action(rng), told.hexdigest()[:16])
        if rng.random() < 0.05:
            utterance = utterance[: rng.randrange(len(utterance))]
        tokens = tuple(utterance.encode()) or (0,)
        return Decision(utterance, tokens, tuple(-rng.expovariate(3.0) for _ in tokens), 0, NO_ADAPTER_DIGEST)

    def _action(self, rng: random.Random) -> Action:
        x, y = rng.random(), rng.random()
        others: list[Action] = [
            *(LongPress(x, y), Swipe(x, y, rng.random(), rng.random()), TypeText(f"word {rng.randrange(100)} ☃")),
            *(OpenApp(rng.choice(APPS)), PressKey(rng.choice(list(Key))), Finish(rng.random() < 0.5)),
        ]
        return Tap(x, y) if rng.random() < 0.6 else rng.choice(others)


# --- recording and replaying


def record(folder: Path, number: int, policy: Policy, episodes: int = 2) -> None:
    """Record a run on a virtual phone; the same number and policy give the same run but for ids and times."""
    rng = random.Random(number)
    temperature = rng.choice((0.0, 0.7, 1.0))
    device = in_process_device(number)
    suite = suite_named("basics")
    run = RunOf("benchmark", number, temperature)
    recorder = start_recording(folder, device, policy.identity, run, Redaction())
    hooks = Hooks(recorder.episode_ended, recorder.episode_started, recorder.step_taken)
    config = RunConfig("benchmark", number, temperature=temperature)
    grammar = grammar_named(policy.identity.action_grammar, policy.image_size_px)
    agenda = Agenda([], episodes, None)
    Runner(device, policy, grammar, lambda rng: sample_task(suite, "train", rng), agenda, config, hooks).run()
    recorder.close()


def record_all(home: Path, count: int, seed: int, vlm: Policy | None) -> list[Path]:
    """Record so many sessions and return their folders; every ``VLM_EVERY``-th is of ``vlm``, where there is one."""
    folders = [home / f"session-{number:04d}" for number in range(count)]
    for number, folder in enumerate(folders):
        is_vlm = vlm is not None and number % VLM_EVERY == 0
        policy = vlm if vlm is not None and is_vlm else HashedPolicy()
        record(folder, seed * 10_000 + number, policy, episodes=1 if is_vlm else 2)
    return folders


@dataclass
class Replayed:
    """What replaying came to; ``broken`` counts sessions that were not identical, steps for steps, log-probs too."""

    sessions: int = 0
    decisions: int = 0
    identical: int = 0
    broken: int = 0
    notes: list[str] = field(default_factory=list)


def replay_all(folders: Sequence[Path], policy_of: Callable[[Session], Policy], times: int = 2) -> Replayed:
    """Replay every session so often; each time all decisions must be the recorded ones to the last bit."""
    found = Replayed()
    for folder in folders:
        session = open_session(folder)
        policy = policy_of(session)
        grammar = grammar_named(policy.identity.action_grammar, policy.image_size_px)
        found.sessions += 1
        steps = sum(1 for _ in session.steps())
        exact = session.is_closed and steps > 0
        for _ in range(times):
            told = replay_exactly(session, policy, grammar)
            found.decisions += told.compared
            found.identical += told.identical
            exact = exact and told.identical == told.compared == steps and told.largest_log_prob_gap == 0
        if not exact:
            found.broken += 1
            found.notes.append(f"{folder.name} is not replayed exactly")
    return found


# --- editing


@dataclass
class Tally:
    """What edits came to, by their kind."""

    made: Counter[str] = field(default_factory=Counter)
    unseen: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


def is_found(folder: Path) -> bool:
    """True when opening refuses the folder, or says that it was cut short; any other error is a fault of the reader."""
    try:
        session = reader.open_session(folder)
    except SessionError:
        return True
    return not session.is_closed


def edit_all(folders: Sequence[Path], edits: int, seed: int, kinds: Sequence[str] = tuple(EDITS)) -> Tally:
    """Edit copies of sessions, the kinds in turn, and open each; an edit that changes no byte is drawn again."""
    rng, found = random.Random(seed), Tally()
    with tempfile.TemporaryDirectory() as home:
        copy = Path(home) / "edited"
        while found.made.total() < edits:
            kind = kinds[found.made.total() % len(kinds)]
            folder, other = rng.sample(list(folders), 2)
            shutil.copytree(folder, copy)
            EDITS[kind](copy, other, rng)
            if contents(copy) != contents(folder):
                found.made[kind] += 1
                if not is_found(copy):
                    found.unseen[kind] += 1
                    found.notes.append(f"unseen: {kind} in a copy of {folder.name}")
            shutil.rmtree(copy)
    return found


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file's bytes by its path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# --- planted bugs


class ForgetsTheSeed(HashedPolicy):
    """Stands for a replay that gives the seed of the step before."""

    def decide(self, image_png: bytes, prompt: str, *, temperature: float, seed: int) -> Decision:
        return super().decide(image_png, prompt, temperature=temperature, seed=seed - 1)


class ForgetsTheTemperature(HashedPolicy):
    """Stands for a replay at the temperature 0.5."""

    def decide(self, image_png: bytes, prompt: str, *, temperature: float, seed: int) -> Decision:
        return super().decide(image_png, prompt, temperature=0.5, seed=seed)


class SeesAnotherPixel(HashedPolicy):
    """Stands for a replay whose picture is off in one pixel."""

    def decide(self, image_png: bytes, prompt: str, *, temperature: float, seed: int) -> Decision:
        picture = decoded(image_png)
        picture.putpixel((0, 0), (1, 2, 3))
        target = io.BytesIO()
        picture.save(target, "PNG", compress_level=PNG_COMPRESS_LEVEL)
        return super().decide(target.getvalue(), prompt, temperature=temperature, seed=seed)


class ForgetsTheHistory(HashedPolicy):
    """Stands for a replay that gives the goal without what was done."""

    def decide(self, image_png: bytes, prompt: str, *, temperature: float, seed: int) -> Decision:
        return super().decide(image_png, prompt.partition("\n")[0], temperature=temperature, seed=seed)


REPLAY_BUGS: Final = (ForgetsTheSeed, ForgetsTheTemperature, SeesAnotherPixel, ForgetsTheHistory)


@contextmanager
def chain_skips_the_reward() -> Iterator[None]:
    """Leave the reward out of what is hashed, in writing and in reading."""
    link = chain._link

    def skipping(previous: str, body: bytes) -> str:
        return link(previous, re.sub(rb'"reward":[^,}]*', b"", body))

    with mock.patch.object(chain, "_link", skipping):
        yield


@contextmanager
def chain_forgets_the_line_before() -> Iterator[None]:
    """Hash each line by itself."""
    link = chain._link
    with mock.patch.object(chain, "_link", lambda previous, body: link("", body)):
        yield


@contextmanager
def pictures_are_ignored() -> Iterator[None]:
    """Open a session without a look at its pictures."""
    with mock.patch.object(reader, "_verify_screens", return_value=None):
        yield


@contextmanager
def a_missing_end_is_believed() -> Iterator[None]:
    """Take every recording for one that was closed."""
    opened = reader.open_session
    with mock.patch.object(reader, "open_session", lambda folder: replace(opened(folder), is_closed=True)):
        yield


READER_BUGS: Final[Mapping[Callable[[], AbstractContextManager[None]], tuple[str, ...]]] = {
    chain_skips_the_reward: ("change the reward",),
    chain_forgets_the_line_before: ("drop a last step", "take the header of another"),
    pictures_are_ignored: ("exchange a screenshot", "swap screenshots", "remove a screenshot"),
    a_missing_end_is_believed: ("drop the last lines", "remove the lines"),
}
"""Each bug and the kinds of edit that must go unseen under it."""


def bugs_that_hide(home: Path, folders: Sequence[Path], seed: int, edits: int = PLANTED_EDITS) -> list[str]:
    """Plant every bug in turn, with so many edits of each kind it hides; return those that the counts do not show."""
    hidden = []
    for bug in REPLAY_BUGS:
        found = replay_all(folders, lambda session, bug=bug: bug(), times=1)  # type: ignore[misc]
        print(f"  {bug.__name__}: {found.broken} of {found.sessions} sessions differ")
        hidden += [bug.__name__] * (found.broken == 0)
    for plant, kinds in READER_BUGS.items():
        with plant():
            planted = record_all(home / plant.__name__, PLANTED_SESSIONS, seed, None)
            found_edits = edit_all(planted, edits * len(kinds), seed, kinds)
        told = ", ".join(f"{found_edits.unseen[kind]} of {found_edits.made[kind]} {kind}" for kind in kinds)
        print(f"  {plant.__name__}: unseen {told}")
        hidden += [f"{plant.__name__} ({kind})" for kind in kinds if not found_edits.unseen[kind]]
    return hidden


def small_vlm() -> Policy:
    """Load the small VLM."""
    from agent_runtime.policy.generate import load_policy
    from agent_runtime.policy.identity import resolve_checkpoint

    return load_policy(resolve_checkpoint("small-vlm"), "nf4", None)


def main() -> int:
    """Record, replay, edit, plant; return the exit code: 1 where a promise is broken or a bug goes unseen."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--edits", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    options = parser.parse_args()
    if options.sessions < 2 or options.edits < 1:
        parser.error("give sessions from 2 and edits from 1")
    vlm = small_vlm()
    with tempfile.TemporaryDirectory() as home:
        folders = record_all(Path(home), options.sessions, options.seed, vlm)
        by_vlm = {folder for number, folder in enumerate(folders) if number % VLM_EVERY == 0}
        hashed = [folder for folder in folders if folder not in by_vlm]
        replayed = replay_all(folders, lambda session: vlm if session.folder in by_vlm else HashedPolicy())
        print(f"seed {options.seed}; {len(by_vlm)} sessions by the small VLM, {len(hashed)} by the hash")
        edited = edit_all(folders, options.edits, options.seed)
        for kind, count in edited.made.items():
            print(f"  {count:5d}  {kind}: {edited.unseen[kind]} unseen")
        print("\n".join([*replayed.notes[:20], *edited.notes[:20]]))
        hidden = bugs_that_hide(Path(home), hashed[:PLANTED_SESSIONS], options.seed)
    made, planted = edited.made.total(), len(REPLAY_BUGS) + len(READER_BUGS)
    share = replayed.identical / replayed.decisions
    measures = [
        Measure("decisions replayed identically, twice each", share, 1.0, "higher", replayed.decisions, "decisions"),
        Measure("sessions not replayed exactly", replayed.broken, 0.0, "lower", replayed.sessions, "sessions"),
        Measure("edits unseen", edited.unseen.total(), 0.0, "lower", made, "edits"),
        Measure("planted bugs that stay hidden", len(hidden), 0.0, "lower", planted, "bugs"),
    ]
    return report("Recorded sessions", measures, options.json)


if __name__ == "__main__":
    sys.exit(main())
