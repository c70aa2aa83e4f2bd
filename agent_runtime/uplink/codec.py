"""Puts a trajectory on the wire and takes it off again, without loss. Sends nothing."""

from fractions import Fraction

from coso.v1 import trajectory_pb2 as pb

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
from agent_runtime.trajectory import (
    Decision,
    PolicyIdentity,
    Purpose,
    Screenshot,
    Step,
    Timings,
    Trajectory,
    Verdict,
)

_NANOSECONDS = 1_000_000_000
_VERDICTS = {
    Verdict.SUCCESS: pb.VERDICT_SUCCESS,
    Verdict.FAILURE: pb.VERDICT_FAILURE,
    Verdict.VOID: pb.VERDICT_VOID,
}
_PURPOSES = {
    Purpose.EXPLORE: pb.PURPOSE_EXPLORE,
    Purpose.EVALUATE: pb.PURPOSE_EVALUATE,
    Purpose.DEMONSTRATE: pb.PURPOSE_DEMONSTRATE,
}
_KEYS = {
    Key.BACK: pb.PressKey.KEY_BACK,
    Key.HOME: pb.PressKey.KEY_HOME,
    Key.ENTER: pb.PressKey.KEY_ENTER,
    Key.RECENTS: pb.PressKey.KEY_RECENTS,
}
MAX_VOID_REASON_LENGTH = 4096
"""What a tuner takes (tuner/ingest/validate.py); an error that says more is cut there."""
MAX_FAULTS, MAX_FAULT_LENGTH = 256, 256
"""Likewise, of one step."""
_VERDICT_OF = {number: verdict for verdict, number in _VERDICTS.items()}
_PURPOSE_OF = {number: purpose for purpose, number in _PURPOSES.items()}
_KEY_OF = {number: key for key, number in _KEYS.items()}


def trajectory_to_message(trajectory: Trajectory) -> pb.Trajectory:
    """Return the message that says what the record says."""
    message = pb.Trajectory(
        trajectory_id=trajectory.trajectory_id,
        runtime_id=trajectory.runtime_id,
        task_name=trajectory.task_name,
        goal=trajectory.goal,
        task_params=trajectory.task_params,
        purpose=_PURPOSES[trajectory.purpose],
        seed=trajectory.seed,
        step_limit=trajectory.step_limit,
        verdict=_VERDICTS[trajectory.verdict],
        void_reason=trajectory.void_reason[:MAX_VOID_REASON_LENGTH],
        reward=trajectory.reward,
        steps=[_step_to_message(step) for step in trajectory.steps],
        device_serial=trajectory.device_serial,
        temperature=trajectory.temperature,
        action_grammar=trajectory.identity.action_grammar,
        base_model_digest=trajectory.identity.base_model_digest,
        tokenizer_digest=trajectory.identity.tokenizer_digest,
        quantization=trajectory.identity.quantization,
    )
    message.started_at.FromNanoseconds(round(Fraction(trajectory.started_at_unix_sec) * _NANOSECONDS))
    return message


def trajectory_from_message(message: pb.Trajectory) -> Trajectory:
    """Return the record that says what the message says.

    Raises:
        ValueError: the message leaves a verdict, purpose, key or action open.
    """
    if message.verdict not in _VERDICT_OF or message.purpose not in _PURPOSE_OF:
        raise ValueError(f"Got verdict {message.verdict} and purpose {message.purpose}, expected known ones.")
    return Trajectory(
        trajectory_id=message.trajectory_id,
        runtime_id=message.runtime_id,
        task_name=message.task_name,
        goal=message.goal,
        task_params=dict(message.task_params),
        purpose=_PURPOSE_OF[message.purpose],
        seed=message.seed,
        step_limit=message.step_limit,
        verdict=_VERDICT_OF[message.verdict],
        void_reason=message.void_reason,
        reward=message.reward,
        steps=tuple(_step_from_message(step) for step in message.steps),
        started_at_unix_sec=message.started_at.ToNanoseconds() / _NANOSECONDS,
        device_serial=message.device_serial,
        temperature=message.temperature,
        identity=PolicyIdentity(
            message.base_model_digest, message.tokenizer_digest, message.quantization, message.action_grammar
        ),
    )


def action_to_message(action: Action) -> pb.Action:
    """Return the action as the wire has it."""
    match action:
        case Tap(x, y):
            return pb.Action(tap=pb.Tap(x_norm=x, y_norm=y))
        case LongPress(x, y):
            return pb.Action(long_press=pb.LongPress(x_norm=x, y_norm=y))
        case Swipe(x0, y0, x1, y1):
            return pb.Action(swipe=pb.Swipe(x0_norm=x0, y0_norm=y0, x1_norm=x1, y1_norm=y1))
        case TypeText(text):
            return pb.Action(type_text=pb.TypeText(text=text))
        case PressKey(key):
            return pb.Action(press_key=pb.PressKey(key=_KEYS[key]))
        case OpenApp(name):
            return pb.Action(open_app=pb.OpenApp(name=name))
        case Wait(seconds):
            return pb.Action(wait=pb.Wait(seconds=seconds))
        case Finish(succeeded):
            return pb.Action(finish=pb.Finish(succeeded=succeeded))
        case Malformed(reason):
            return pb.Action(malformed=pb.Malformed(reason=reason))


def action_from_message(message: pb.Action) -> Action:
    """Return the action a message holds.

    Raises:
        ValueError: it holds none, or an unknown key.
    """
    match message.WhichOneof("kind"):
        case "tap":
            return Tap(message.tap.x_norm, message.tap.y_norm)
        case "long_press":
            return LongPress(message.long_press.x_norm, message.long_press.y_norm)
        case "swipe":
            swipe = message.swipe
            return Swipe(swipe.x0_norm, swipe.y0_norm, swipe.x1_norm, swipe.y1_norm)
        case "type_text":
            return TypeText(message.type_text.text)
        case "press_key" if message.press_key.key in _KEY_OF:
            return PressKey(_KEY_OF[message.press_key.key])
        case "open_app":
            return OpenApp(message.open_app.name)
        case "wait":
            return Wait(message.wait.seconds)
        case "finish":
            return Finish(message.finish.succeeded)
        case "malformed":
            return Malformed(message.malformed.reason)
        case kind:
            raise ValueError(f"Got an action of kind {kind!r}, expected one of the vocabulary.")


def _gate_to_message(ruling: Ruling | None) -> pb.GateRuling | None:
    return None if ruling is None else pb.GateRuling(allowed=ruling.allowed, rule=ruling.rule, reason=ruling.reason)


def _step_to_message(step: Step) -> pb.Step:
    shot, decision, timings = step.screenshot, step.decision, step.timings
    return pb.Step(
        index=step.index,
        prompt=step.prompt,
        screenshot=pb.Screenshot(
            png=shot.png,
            width_px=shot.width_px,
            height_px=shot.height_px,
            device_width_px=shot.device_width_px,
            device_height_px=shot.device_height_px,
        ),
        token_ids=decision.token_ids,
        log_probs=decision.log_probs,
        utterance=decision.utterance,
        action=action_to_message(step.action),
        adapter_version=decision.adapter_version,
        adapter_digest=decision.adapter_digest,
        timings=pb.Timings(
            observe_ms=timings.observe_ms,
            decide_ms=timings.decide_ms,
            act_ms=timings.act_ms,
            judge_ms=timings.judge_ms,
        ),
        gate=_gate_to_message(step.gate),
        faults=[name[:MAX_FAULT_LENGTH] for name in step.faults[:MAX_FAULTS]],
    )


def _step_from_message(message: pb.Step) -> Step:
    shot, timings, gate = message.screenshot, message.timings, message.gate
    return Step(
        index=message.index,
        prompt=message.prompt,
        screenshot=Screenshot(shot.png, shot.width_px, shot.height_px, shot.device_width_px, shot.device_height_px),
        decision=Decision(
            utterance=message.utterance,
            token_ids=tuple(message.token_ids),
            log_probs=tuple(message.log_probs),
            adapter_version=message.adapter_version,
            adapter_digest=message.adapter_digest,
        ),
        action=action_from_message(message.action),
        timings=Timings(timings.observe_ms, timings.decide_ms, timings.act_ms, timings.judge_ms),
        gate=Ruling(gate.allowed, gate.rule, gate.reason) if message.HasField("gate") else None,
        faults=tuple(message.faults),
    )
