"""Writes a session as one HTML file with its screens inside. Reads no session and decides nothing.

Screens are kept once and shown by reference, so a home screen that was seen a hundred times costs its bytes once.
"""

import base64
import datetime
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent_runtime.actions import Action, LongPress, Malformed, Swipe, Tap
from agent_runtime.actions.ruling import Ruling
from agent_runtime.sessions.explained import SOURCES, Explained
from agent_runtime.sessions.html import write_html
from agent_runtime.sessions.reader import screen_png
from agent_runtime.sessions.recording import RecordedEpisode, RecordedStep, Session
from agent_runtime.sessions.replay import Answer
from agent_runtime.sessions.tokens import Token, TokenTexts
from agent_runtime.sessions.wording import action_words
from agent_runtime.trajectory import Timings, Verdict

_TEMPLATE = "page.html.jinja"
_PARTS = ("observe", "decide", "act", "judge")
SURPRISE = "surprise"
_NAMES = {"scm": "action model", "parser": "parser", "uniform": "uniform", SURPRISE: "surprise"}


@dataclass(frozen=True, slots=True)
class Mark:
    """What is drawn on a screen, in its pixels: a touch is a point, a swipe goes on to a second one."""

    points: tuple[tuple[float, float], ...]
    is_long: bool = False

    @property
    def is_swipe(self) -> bool:
        """True when there are two points."""
        return len(self.points) == 2


@dataclass(frozen=True, slots=True)
class Look:
    """How a session is shown: what shades its tokens first, and another policy's answers beside them.

    ``shade_by`` is a source of causal weights, or the surprise; where a step has no such weights, it is the surprise.
    """

    shade_by: str = SURPRISE
    other_name: str = ""
    answers: Mapping[tuple[int, int], Answer] = field(default_factory=dict)
    """By the episode's number and the step's index."""


def write_page(session: Session, texts: TokenTexts, path: Path, look: Look | None = None) -> None:
    """Write the page; a reader may choose among what is known to shade the tokens by.

    Raises:
        SessionError: a screen is not what was recorded, or the page cannot be written.
    """
    look = look or Look()
    episodes = [_episode(episode, texts, look) for episode in session.episodes]
    write_html(
        path,
        _TEMPLATE,
        name=session.folder.resolve().name,
        session=session,
        facts=_facts(session),
        software=", ".join(f"{name} {version}" for name, version in session.info.software.items()),
        warning=_warning(session),
        look=look,
        choices=_choices(episodes),
        names=_NAMES,
        screens=dict(_screens(session)),
        episodes=episodes,
    )


def _facts(session: Session) -> Mapping[str, str]:
    info, gate = session.info, _held_back(session)
    started_at = datetime.datetime.fromtimestamp(info.started_at_unix_sec, datetime.timezone.utc)
    ends = [episode.end.verdict for episode in session.episodes if episode.end is not None]
    counts = ", ".join(f"{ends.count(verdict)} {verdict.value}" for verdict in Verdict if verdict in ends)
    size = "×".join(map(str, info.screen_size_px))
    return {
        "started": started_at.strftime("%Y-%m-%d %H:%M:%S UTC"),
        "episodes": f"{len(session.episodes)} ({counts})" if counts else str(len(session.episodes)),
        "steps": str(sum(len(episode.steps) for episode in session.episodes)),
        "device": f"{info.device_serial}, {size}" + (f", {info.device_fingerprint}" if info.device_fingerprint else ""),
        "policy": f"none: imported from {info.imported.kind} {info.imported.source}"
        if info.imported is not None
        else f"model {info.identity.base_model_digest[:12]}, {info.identity.quantization}, "
        f"grammar {info.identity.action_grammar}",
        "run": f"seed {info.seed}, temperature {info.temperature:g}",
        **({"gate": gate} if gate else {}),
    }


def _held_back(session: Session) -> str:
    """Say how many actions the gate held back and by which rules, nothing where none was asked."""
    rulings = [step.gate for _, step in session.steps() if step.gate is not None]
    rules = Counter(ruling.rule for ruling in rulings if not ruling.allowed)
    if not rulings or not rules:
        return "held nothing back" if rulings else ""
    by_rule = ", ".join(f"{count} {rule}" for rule, count in rules.most_common())
    return f"held back {rules.total()} of {len(rulings)} actions ({by_rule})"


def _warning(session: Session) -> str:
    said = []
    if not session.is_closed:
        said.append(f"The recording was cut short: it ends at line {session.lines} without its last line.")
    if session.info.redaction.text:
        said.append("Typed text, parameters of tasks and token ids were redacted before anything was written.")
    if session.info.redaction.regions:
        said.append("Regions of the screen were blacked out before anything was written.")
    return " ".join(said)


def _screens(session: Session) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every screen once, by its digest."""
    seen: set[str] = set()
    for _, step in session.steps():
        if step.screen_sha256 not in seen:
            seen.add(step.screen_sha256)
            url = f"data:image/png;base64,{base64.b64encode(screen_png(session, step)).decode()}"
            yield step.screen_sha256, {"url": url, "size_px": step.picture_size_px}


def _choices(episodes: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what tokens may be shaded by, in order; more than the surprise only where the tuner told."""
    known = {name for episode in episodes for step in episode["steps"] for name in step["sources"]}
    return [*(name for name in SOURCES if name in known), SURPRISE]


def _episode(episode: RecordedEpisode, texts: TokenTexts, look: Look) -> dict[str, Any]:
    end, start = episode.end, episode.start
    spent_ms = sum(sum(_times_ms(step.timings)) for step in episode.steps)
    return {
        "number": episode.number,
        "start": start,
        "verdict": "cut" if end is None else end.verdict.value,
        "reason": "" if end is None else end.void_reason,
        "spent": f"{spent_ms / 1e3:.2f} s",
        "steps": [_step(episode, step, texts, look) for step in episode.steps],
    }


def _step(episode: RecordedEpisode, step: RecordedStep, texts: TokenTexts, look: Look) -> dict[str, Any]:
    tokens = texts.tokens(episode.start.trajectory_id, step)
    explained = texts.explained(episode.start.trajectory_id, step)
    sources = [] if explained is None else [name for name in SOURCES if name in explained.sources]
    times_ms = _times_ms(step.timings)
    return {
        "record": step,
        "mark": _mark(step.action, step.picture_size_px),
        "radius_px": max(4.0, 0.045 * step.picture_size_px[0]),
        "action": action_words(step.action),
        "is_malformed": isinstance(step.action, Malformed),
        "gate": None if step.gate is None or not step.gate.rule else _gate(step.gate),
        "other": _other(look.answers.get((episode.number, step.index)), step.picture_size_px),
        "has_texts": any(token.text for token in tokens),
        "sources": sources,
        "shaded_by": _NAMES[look.shade_by if look.shade_by in sources else SURPRISE],
        "tokens": list(_shaded(tokens, sources, look.shade_by)),
        "judged": _judged(explained),
        "log_prob": sum(token.log_prob for token in tokens),
        "times": [(name, round(ms, 1)) for name, ms in zip(_PARTS, times_ms, strict=True) if ms],
        "total_ms": sum(times_ms),
    }


def _other(answer: Answer | None, size_px: tuple[int, int]) -> dict[str, Any] | None:
    """Return what is shown of the other policy's answer, None where it was not asked."""
    if answer is None:
        return None
    return {
        "mark": _mark(answer.action, size_px),
        "action": action_words(answer.action),
        "utterance": answer.utterance,
        "matched": answer.matched,
    }


def _judged(explained: Explained | None) -> str:
    """Say the step's value and advantage, nothing where nobody judged it."""
    if explained is None or explained.value is None or explained.advantage is None:
        return ""
    return f"value {explained.value:.3f} · advantage {explained.advantage:+.3f} (by {explained.judged_by})"


def _gate(ruling: Ruling) -> dict[str, str]:
    """Say what a rule of the gate did to the step's action; ``kind`` is the class it is shown in."""
    if ruling.allowed:
        return {"kind": "asked", "title": f"Let through in spite of rule “{ruling.rule}”", "reason": ruling.reason}
    if ruling.blames_agent:
        return {"kind": "denied", "title": f"Held back by rule “{ruling.rule}”", "reason": ruling.reason}
    return {"kind": "changed", "title": "Not sent: the screen changed", "reason": ruling.reason}


def _times_ms(timings: Timings) -> tuple[float, float, float, float]:
    return timings.observe_ms, timings.decide_ms, timings.act_ms, timings.judge_ms


def _shaded(tokens: Sequence[Token], sources: Sequence[str], shade_by: str) -> Iterator[dict[str, Any]]:
    """Yield each token with how dark it is, from 0 to 1, by every choice: its surprise, or its share of the largest."""
    largest = {name: max((token.weights.get(name, 0.0) for token in tokens), default=0.0) for name in sources}
    for token in tokens:
        shares = {name: token.weights[name] / largest[name] if largest[name] else 0.0 for name in sources}
        shares[SURPRISE] = token.surprise
        hint = f"log-prob {token.log_prob:.4f}, p {math.exp(min(0.0, token.log_prob)):.4f}"
        hint += "".join(f", causal weight {token.weights[name]:.4f} ({_NAMES[name]})" for name in sources)
        hint += "" if token.token_id is None else f", id {token.token_id}"
        if token.alternatives:
            hint += "; else " + ", ".join(f"“{text}” {p:.3g}" for text, p in token.alternatives)
        share = shares[shade_by if shade_by in shares else SURPRISE]
        vars_ = "".join(f";--{name}:{round(value, 3)}" for name, value in shares.items()) if sources else ""
        yield {"token": token, "share": round(share, 3), "style": f"--s:{round(share, 3)}{vars_}", "hint": hint}


def _mark(action: Action, size_px: tuple[int, int]) -> Mark | None:
    width_px, height_px = size_px
    match action:
        case Tap(x, y) | LongPress(x, y):
            return Mark(((x * width_px, y * height_px),), is_long=isinstance(action, LongPress))
        case Swipe(x0, y0, x1, y1):
            return Mark(((x0 * width_px, y0 * height_px), (x1 * width_px, y1 * height_px)))
        case _:
            return None
