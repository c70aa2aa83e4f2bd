"""Writes a session as one HTML file with its screens inside. Reads no session and decides nothing.

Screens are kept once and shown by reference, so a home screen that was seen a hundred times costs its bytes once.
"""

import base64
import datetime
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from agent_runtime.actions import Action, LongPress, Malformed, Swipe, Tap
from agent_runtime.actions.ruling import Ruling
from agent_runtime.errors import SessionError
from agent_runtime.sessions.reader import screen_png
from agent_runtime.sessions.recording import RecordedEpisode, RecordedStep, Session
from agent_runtime.sessions.tokens import Token, TokenTexts
from agent_runtime.sessions.wording import action_words
from agent_runtime.trajectory import Timings, Verdict

_TEMPLATE = "page.html.jinja"
_PARTS = ("observe", "decide", "act", "judge")


@dataclass(frozen=True, slots=True)
class Mark:
    """What is drawn on a screen, in its pixels: a touch is a point, a swipe goes on to a second one."""

    points: tuple[tuple[float, float], ...]
    is_long: bool = False

    @property
    def is_swipe(self) -> bool:
        """True when there are two points."""
        return len(self.points) == 2


def write_page(session: Session, texts: TokenTexts, path: Path, by_weight: bool) -> None:
    """Write the page; tokens are shaded by causal weight where asked for and known, else by surprise.

    Raises:
        SessionError: a screen is not what was recorded, or the page cannot be written.
    """
    from jinja2 import Environment, StrictUndefined, select_autoescape

    environment = Environment(
        autoescape=select_autoescape(default=True), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    source = resources.files("agent_runtime.sessions").joinpath(_TEMPLATE).read_text("utf-8")
    page = environment.from_string(source).render(
        name=session.folder.resolve().name,
        session=session,
        facts=_facts(session),
        software=", ".join(f"{name} {version}" for name, version in session.info.software.items()),
        warning=_warning(session),
        by_weight=by_weight,
        screens=dict(_screens(session)),
        episodes=[_episode(episode, texts, by_weight) for episode in session.episodes],
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, "utf-8", errors="replace")
    except OSError as error:
        raise SessionError(f"Got no place for the page ({error}), expected a file to write: name another.") from error


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


def _episode(episode: RecordedEpisode, texts: TokenTexts, by_weight: bool) -> dict[str, Any]:
    end, start = episode.end, episode.start
    spent_ms = sum(sum(_times_ms(step.timings)) for step in episode.steps)
    return {
        "number": episode.number,
        "start": start,
        "verdict": "cut" if end is None else end.verdict.value,
        "reason": "" if end is None else end.void_reason,
        "spent": f"{spent_ms / 1e3:.2f} s",
        "steps": [_step(start.trajectory_id, step, texts, by_weight) for step in episode.steps],
    }


def _step(trajectory_id: str, step: RecordedStep, texts: TokenTexts, by_weight: bool) -> dict[str, Any]:
    tokens = texts.tokens(trajectory_id, step)
    shown = by_weight and any(token.weight is not None for token in tokens)
    times_ms = _times_ms(step.timings)
    return {
        "record": step,
        "mark": _mark(step.action, step.picture_size_px),
        "radius_px": max(4.0, 0.045 * step.picture_size_px[0]),
        "action": action_words(step.action),
        "is_malformed": isinstance(step.action, Malformed),
        "gate": None if step.gate is None or not step.gate.rule else _gate(step.gate),
        "has_texts": any(token.text for token in tokens),
        "shaded_by": "causal weight" if shown else "surprise",
        "tokens": list(_shaded(tokens, by_weight=shown)),
        "log_prob": sum(token.log_prob for token in tokens),
        "times": [(name, round(ms, 1)) for name, ms in zip(_PARTS, times_ms, strict=True) if ms],
        "total_ms": sum(times_ms),
    }


def _gate(ruling: Ruling) -> dict[str, str]:
    """Say what a rule of the gate did to the step's action; ``kind`` is the class it is shown in."""
    if ruling.allowed:
        return {"kind": "asked", "title": f"Let through in spite of rule “{ruling.rule}”", "reason": ruling.reason}
    if ruling.blames_agent:
        return {"kind": "denied", "title": f"Held back by rule “{ruling.rule}”", "reason": ruling.reason}
    return {"kind": "changed", "title": "Not sent: the screen changed", "reason": ruling.reason}


def _times_ms(timings: Timings) -> tuple[float, float, float, float]:
    return timings.observe_ms, timings.decide_ms, timings.act_ms, timings.judge_ms


def _shaded(tokens: Sequence[Token], by_weight: bool) -> Iterator[dict[str, Any]]:
    """Yield each token with how dark it is, from 0 to 1: its surprise, or its share of the largest weight."""
    largest = max((token.weight or 0.0 for token in tokens), default=0.0)
    for token in tokens:
        share = (token.weight or 0.0) / largest if by_weight and largest else 0.0 if by_weight else token.surprise
        hint = f"log-prob {token.log_prob:.4f}, p {math.exp(min(0.0, token.log_prob)):.4f}"
        hint += "" if token.weight is None else f", causal weight {token.weight:.4f}"
        hint += "" if token.token_id is None else f", id {token.token_id}"
        yield {"token": token, "share": round(share, 3), "hint": hint}


def _mark(action: Action, size_px: tuple[int, int]) -> Mark | None:
    width_px, height_px = size_px
    match action:
        case Tap(x, y) | LongPress(x, y):
            return Mark(((x * width_px, y * height_px),), is_long=isinstance(action, LongPress))
        case Swipe(x0, y0, x1, y1):
            return Mark(((x0 * width_px, y0 * height_px), (x1 * width_px, y1 * height_px)))
        case _:
            return None
