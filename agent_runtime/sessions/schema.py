"""Puts a session's records into JSON fields and takes them out again, without loss. Opens no files."""

import datetime
from collections.abc import Callable
from dataclasses import asdict

from agent_runtime.actions import (
    Action,
    Finish,
    Key,
    LongPress,
    Malformed,
    OpenApp,
    PressKey,
    Ruling,
    Swipe,
    Tap,
    TypeText,
    Wait,
)
from agent_runtime.sessions.fields import Fields
from agent_runtime.sessions.recording import (
    FORMAT_NAME,
    FORMAT_VERSION,
    EpisodeEnd,
    Origin,
    RecordedStep,
    Redaction,
    Region,
    SessionInfo,
)
from agent_runtime.trajectory import Decision, EpisodeStart, PolicyIdentity, Purpose, Timings, Verdict

EPISODE_START, STEP, EPISODE_END, SESSION_END = "episode_start", "step", "episode_end", "session_end"
_TOKEN_IDS = 1 << 31
Json = dict[str, object]
_ACTIONS: dict[str, Callable[[Fields], Action]] = {
    "Tap": lambda f: Tap(f.number("x_norm"), f.number("y_norm")),
    "LongPress": lambda f: LongPress(f.number("x_norm"), f.number("y_norm")),
    "Swipe": lambda f: Swipe(f.number("x0_norm"), f.number("y0_norm"), f.number("x1_norm"), f.number("y1_norm")),
    "TypeText": lambda f: TypeText(f.text("text")),
    "PressKey": lambda f: PressKey(Key(f.text("key"))),
    "OpenApp": lambda f: OpenApp(f.text("name")),
    "Wait": lambda f: Wait(f.number("seconds")),
    "Finish": lambda f: Finish(f.truth("succeeded")),
    "Malformed": lambda f: Malformed(f.text("reason")),
}


def action_record(action: Action) -> Json:
    """Return an action as its class's name in ``type`` and its fields."""
    fields = {key: getattr(value, "value", value) for key, value in asdict(action).items()}
    return {"type": type(action).__name__, **fields}


def action_from_record(fields: Fields) -> Action:
    """Return the action of a record; raises ValueError where there is none."""
    kind = fields.text("type")
    if kind not in _ACTIONS:
        raise ValueError(f"{kind!r:.80} is no action")
    return _ACTIONS[kind](fields)


def info_record(info: SessionInfo) -> Json:
    """Return what session.json says."""
    started_at = datetime.datetime.fromtimestamp(info.started_at_unix_sec, datetime.timezone.utc)
    size = list(info.screen_size_px)
    return {
        "format": FORMAT_NAME,
        "format_version": FORMAT_VERSION,
        "started_at": started_at.isoformat(timespec="seconds"),
        "started_at_unix_sec": info.started_at_unix_sec,
        "runtime_id": info.runtime_id,
        "device": {"serial": info.device_serial, "screen_size_px": size, "fingerprint": info.device_fingerprint},
        "policy": asdict(info.identity),
        "seed": info.seed,
        "temperature": info.temperature,
        "redaction": {"text": info.redaction.text, "regions": [asdict(region) for region in info.redaction.regions]},
        "software": info.software,
        **({} if info.imported is None else {"imported": asdict(info.imported)}),
    }


def info_from_record(fields: Fields) -> SessionInfo:
    """Return what session.json says; raises ValueError where it is of another format or version."""
    name, version = fields.text("format"), fields.whole("format_version")
    if (name, version) != (FORMAT_NAME, FORMAT_VERSION):
        raise ValueError(f"its format is {name!r:.80} {version}, not {FORMAT_NAME!r} {FORMAT_VERSION}")
    device, policy, redaction = fields.inner("device"), fields.inner("policy"), fields.inner("redaction")
    imported = fields.inner("imported") if fields.has("imported") else None
    return SessionInfo(
        runtime_id=fields.text("runtime_id"),
        started_at_unix_sec=fields.number("started_at_unix_sec"),
        device_serial=device.text("serial"),
        screen_size_px=device.pair("screen_size_px"),
        device_fingerprint=device.optional_text("fingerprint"),
        identity=PolicyIdentity(
            policy.text("base_model_digest"),
            policy.text("tokenizer_digest"),
            policy.text("quantization"),
            policy.text("action_grammar"),
        ),
        seed=fields.whole("seed"),
        temperature=fields.number("temperature"),
        software=fields.texts("software"),
        redaction=Redaction(redaction.truth("text"), redaction.each("regions", _region)),
        imported=None if imported is None else Origin(imported.text("kind"), imported.text("source")),
    )


def _region(plain: object) -> Region:
    fields = Fields(plain)
    return Region(*(fields.number(name) for name in ("x0_norm", "y0_norm", "x1_norm", "y1_norm")))


def start_record(start: EpisodeStart) -> Json:
    """Return the line an episode starts with."""
    return {"event": EPISODE_START, **asdict(start), "purpose": start.purpose.value}


def start_from_record(fields: Fields) -> EpisodeStart:
    """Return how an episode started."""
    return EpisodeStart(
        trajectory_id=fields.text("trajectory_id"),
        task_name=fields.text("task_name"),
        task_params=fields.texts("task_params"),
        goal=fields.text("goal"),
        purpose=Purpose(fields.text("purpose")),
        seed=fields.whole("seed"),
        step_limit=fields.whole("step_limit"),
        temperature=fields.number("temperature"),
        started_at_unix_sec=fields.number("started_at_unix_sec"),
    )


def step_record(step: RecordedStep) -> Json:
    """Return a step's line: what a person looks for first, the numbers last."""
    decision, timings = step.decision, step.timings
    return {
        "event": STEP,
        "index": step.index,
        "action": action_record(step.action),
        "utterance": decision.utterance,
        "prompt": step.prompt,
        "seed": step.seed,
        "adapter_version": decision.adapter_version,
        "adapter_digest": decision.adapter_digest,
        "timings_ms": {"observe": timings.observe_ms, "decide": timings.decide_ms, "act": timings.act_ms},
        "screen_sha256": step.screen_sha256,
        "picture_size_px": list(step.picture_size_px),
        "device_size_px": list(step.device_size_px),
        "token_ids": list(decision.token_ids),
        "log_probs": list(decision.log_probs),
        **({} if step.gate is None else {"gate": asdict(step.gate)}),
        **({"faults": list(step.faults)} if step.faults else {}),
    }


def step_from_record(fields: Fields, line: int) -> RecordedStep:
    """Return the step of a line."""
    timings = fields.inner("timings_ms")
    return RecordedStep(
        line=line,
        index=fields.whole("index"),
        seed=fields.whole("seed"),
        prompt=fields.text("prompt"),
        decision=Decision(
            utterance=fields.text("utterance"),
            token_ids=_token_ids(fields),
            log_probs=fields.numbers("log_probs"),
            adapter_version=fields.whole("adapter_version"),
            adapter_digest=fields.text("adapter_digest"),
        ),
        action=action_from_record(fields.inner("action")),
        timings=Timings(timings.number("observe"), timings.number("decide"), timings.number("act")),
        screen_sha256=fields.text("screen_sha256"),
        picture_size_px=fields.pair("picture_size_px"),
        device_size_px=fields.pair("device_size_px"),
        gate=_ruling(fields.inner("gate")) if fields.has("gate") else None,
        faults=fields.each("faults", _name) if fields.has("faults") else (),
    )


def _name(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r:.80} is no fault's name")
    return value


def _ruling(fields: Fields) -> Ruling:
    return Ruling(fields.truth("allowed"), fields.text("rule"), fields.text("reason"))


def _token_ids(fields: Fields) -> tuple[int, ...]:
    ids = fields.wholes("token_ids")
    if not all(0 <= token_id < _TOKEN_IDS for token_id in ids):
        raise ValueError("a token id is not from 0 to 2³¹ - 1")
    return ids


def end_record(end: EpisodeEnd) -> Json:
    """Return the line an episode ends with."""
    return {"event": EPISODE_END, **asdict(end), "verdict": end.verdict.value}


def end_from_record(fields: Fields) -> EpisodeEnd:
    """Return how an episode ended."""
    return EpisodeEnd(
        Verdict(fields.text("verdict")), fields.number("reward"), fields.text("void_reason"), fields.number("judge_ms")
    )
