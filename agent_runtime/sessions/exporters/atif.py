"""Writes a session as ATIF documents, one an episode, for harnesses such as Harbor. Reads none.

ATIF is the Agent Trajectory Interchange Format of Harbor (RFC 0001 in its repository; Terminal-Bench's runs use it).
Documents say ``ATIF-v1.7``: the oldest version that has every field written here. The goal and the first screen are
the user's step; each decision is an agent's step whose observation is the screen that followed, so the last step, after
which no screen was recorded, has none. What ATIF has no field for stands in ``extra``.
"""

import datetime
import json
import math
import re
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from agent_runtime.actions import Malformed
from agent_runtime.errors import SessionError
from agent_runtime.sessions import schema
from agent_runtime.sessions.recording import RecordedEpisode, RecordedStep, Session, screen_path

VERSION = "ATIF-v1.7"
IMAGES_NAME = "images"
Json = dict[str, Any]
_X_Y = dict.fromkeys(("x_norm", "y_norm"), "number")
_TWO_POINTS = dict.fromkeys(("x0_norm", "y0_norm", "x1_norm", "y1_norm"), "number")
_TOOLS: dict[str, tuple[str, dict[str, str]]] = {
    "tap": ("Touch one point; coordinates are shares of the screen from its left and top edge.", _X_Y),
    "long_press": ("Touch one point until the device takes it for a long touch.", _X_Y),
    "swipe": ("Touch the first point, lift at the second.", _TWO_POINTS),
    "type_text": ("Enter text into the focused field.", {"text": "string"}),
    "press_key": ("Press back, home, enter or recents.", {"key": "string"}),
    "open_app": ("Start an app by its name.", {"name": "string"}),
    "wait": ("Give the device time.", {"seconds": "number"}),
    "finish": ("Say that the goal is reached, or cannot be.", {"succeeded": "boolean"}),
}


def write_atif(session: Session, folder: Path) -> int:
    """Write ``episode-00001.json``, … and ``images/`` into a folder that is there and empty; return how many episodes.

    Raises:
        SessionError: an episode holds text that is no Unicode.
    """
    images = folder / IMAGES_NAME
    images.mkdir()
    for digest in {step.screen_sha256 for _, step in session.steps()}:
        shutil.copyfile(screen_path(session.folder, digest), images / f"{digest}.png")
    for episode in session.episodes:
        try:
            text = json.dumps(document(session, episode), ensure_ascii=False, allow_nan=False, indent=1).encode()
        except UnicodeEncodeError as error:
            raise SessionError(
                f"Got episode {episode.number} with text that is no Unicode ({error.reason}), expected UTF-8, as ATIF "
                "is: export jsonl."
            ) from error
        (folder / f"episode-{episode.number:05d}.json").write_bytes(text + b"\n")
    return len(session.episodes)


def document(session: Session, episode: RecordedEpisode) -> Json:
    """Return an episode as an ATIF trajectory; images are paths relative to the document."""
    start, end, info = episode.start, episode.end, session.info
    steps = [_goal_step(episode)]
    for place, step in enumerate(episode.steps):
        after = episode.steps[place + 1] if place + 1 < len(episode.steps) else None
        steps.append(_agent_step(place + 2, step, after, by_a_policy=info.imported is None))
    extra = {
        "task_name": start.task_name,
        "task_params": dict(start.task_params),
        "purpose": start.purpose.value,
        "seed": start.seed,
        "step_limit": start.step_limit,
        "temperature": start.temperature,
        "verdict": None if end is None else end.verdict.value,
        "reward": None if end is None or end.verdict.value == "void" else end.reward,
        "void_reason": None if end is None else end.void_reason,
        "device": {"serial": info.device_serial, "fingerprint": info.device_fingerprint},
        "redacted": bool(info.redaction),
        "imported": None if info.imported is None else asdict(info.imported),
    }
    return {
        "schema_version": VERSION,
        "session_id": f"{info.runtime_id} {_timestamp(info.started_at_unix_sec)}",
        "trajectory_id": start.trajectory_id,
        "agent": _agent(session),
        "steps": steps,
        "final_metrics": {
            "total_completion_tokens": sum(len(step.decision.log_probs) for step in episode.steps),
            "total_steps": len(steps),
        },
        "extra": extra,
    }


def _agent(session: Session) -> Json:
    identity = session.info.identity
    return {
        "name": "agent-runtime",
        "version": session.info.software.get("coso-phone", "unknown"),
        "model_name": f"sha256:{identity.base_model_digest}" if session.info.imported is None else "none",
        "tool_definitions": [_tool(name, *told) for name, told in _TOOLS.items()],
        "extra": asdict(identity),
    }


def _tool(name: str, description: str, arguments: dict[str, str]) -> Json:
    properties = {argument: {"type": kind} for argument, kind in arguments.items()}
    parameters = {"type": "object", "properties": properties, "required": list(arguments)}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


def _goal_step(episode: RecordedEpisode) -> Json:
    said: list[Json] = [{"type": "text", "text": episode.start.goal}]
    if episode.steps:
        said.append(_image(episode.steps[0]))
    return {
        "step_id": 1,
        "timestamp": _timestamp(episode.start.started_at_unix_sec),
        "source": "user",
        "message": said,
    }


def _agent_step(step_id: int, step: RecordedStep, after: RecordedStep | None, by_a_policy: bool) -> Json:
    record = schema.step_record(step)
    kept = ("index", "prompt", "seed", "adapter_version", "adapter_digest", "timings_ms", "screen_sha256")
    extra = {name: record[name] for name in (*kept, "picture_size_px", "device_size_px")}
    written: Json = {"step_id": step_id, "source": "agent", "message": step.decision.utterance, "extra": extra}
    call_id = f"call-{step.index}"
    if isinstance(step.action, Malformed):
        extra["malformed"] = step.action.reason
    else:
        fields = schema.action_record(step.action)
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", str(fields.pop("type"))).lower()
        written["tool_calls"] = [{"tool_call_id": call_id, "function_name": name, "arguments": fields}]
    if after is not None:
        of_call = {"source_call_id": call_id} if "tool_calls" in written else {}
        written["observation"] = {"results": [{**of_call, "content": [_image(after)]}]}
    if by_a_policy:
        written["llm_call_count"] = 1
        written["metrics"] = _metrics(step)
    return written


def _metrics(step: RecordedStep) -> Json:
    """Return the token ids and log-probs; ids are missing where they were redacted."""
    log_probs = step.decision.log_probs
    metrics: Json = {"completion_tokens": len(log_probs)}
    if step.decision.token_ids:
        metrics["completion_token_ids"] = list(step.decision.token_ids)
    if all(map(math.isfinite, log_probs)):
        metrics["logprobs"] = list(log_probs)
    else:
        metrics["extra"] = {"logprobs": "left out: one is no finite number, which JSON cannot hold"}
    return metrics


def _image(step: RecordedStep) -> Json:
    source = {"media_type": "image/png", "path": f"{IMAGES_NAME}/{step.screen_sha256}.png"}
    return {"type": "image", "source": source}


def _timestamp(unix_sec: float) -> str:
    return datetime.datetime.fromtimestamp(unix_sec, datetime.timezone.utc).isoformat()
