"""Inputs that the parsers take, for the fuzzing of `fuzz_targets` to begin with. Parses nothing itself."""

from __future__ import annotations

from typing import Final

from coso.v1 import trajectory_pb2, tuner_pb2

from agent_runtime.actions import (
    GRAMMAR_NAMES,
    Action,
    Finish,
    Key,
    LongPress,
    Malformed,
    OpenApp,
    PressKey,
    Swipe,
    Tap,
    TypeText,
    Wait,
    grammar_named,
)
from agent_runtime.uplink import codec
from benchmarks.recording import phone_pictures
from device_scripts.in_process import InProcessLines
from device_scripts.virtual_phone.device import build_device
from device_scripts.virtual_phone.phone import Phone
from device_scripts.virtual_phone.shell.commands import COMMANDS
from device_scripts.virtual_phone.shell.interpreter import Shell
from tuner.ingest.identity import Identity

IDENTITY: Final = Identity("b" * 64, "7" * 64, "none", "json")
SIZE_PX: Final = (128, 224)
_VERDICTS: Final = (trajectory_pb2.VERDICT_SUCCESS, trajectory_pb2.VERDICT_FAILURE, trajectory_pb2.VERDICT_VOID)
_ACTIONS: Final[tuple[Action, ...]] = (
    Tap(0.1, 0.2),
    LongPress(0.5, 0.5),
    Swipe(0.5, 0.8, 0.5, 0.2),
    TypeText('say "hi"\n'),
    PressKey(Key.BACK),
    OpenApp("Clock"),
    Wait(2.0),
    Finish(True),
)


def wire_seeds() -> list[bytes]:
    """Return messages that submit a trajectory, some with a broken picture."""
    made, picture = [], phone_pictures(1)[0]
    for number, action in enumerate((*_ACTIONS, Malformed("x"))):
        trajectory = trajectory_pb2.Trajectory(
            trajectory_id=f"t{number}",
            runtime_id="r",
            task_name="task",
            goal="go",
            task_params={"a": "b"},
            purpose=trajectory_pb2.PURPOSE_EXPLORE,
            step_limit=8,
            verdict=_VERDICTS[number % 3],
            reward=0.0,
            temperature=1.0,
            base_model_digest=IDENTITY.base_model_digest,
            tokenizer_digest=IDENTITY.tokenizer_digest,
            quantization="none",
            action_grammar="json",
        )
        shot = trajectory_pb2.Screenshot(png=picture, width_px=SIZE_PX[0], height_px=SIZE_PX[1])
        gate = trajectory_pb2.GateRuling(allowed=False, rule="word", reason="no") if number % 2 else None
        step = trajectory_pb2.Step(
            prompt="Goal: go",
            screenshot=shot,
            token_ids=[1, 2],
            log_probs=[-0.5, -0.25],
            utterance="hi",
            action=codec.action_to_message(action),
            adapter_digest="0" * 64,
            gate=gate,
        )
        trajectory.steps.append(step)
        made.append(trajectory)
    for changes in ({"png": b""}, {"png": picture[:20]}, {"width_px": 0}):
        broken = trajectory_pb2.Trajectory.FromString(made[0].SerializeToString())
        for name, value in changes.items():
            setattr(broken.steps[0].screenshot, name, value)
        made.append(broken)
    return [tuner_pb2.SubmitTrajectoriesRequest(trajectory=each).SerializeToString() for each in made]


def text_seeds() -> list[bytes]:
    """Return every action in every grammar that has it."""
    said = []
    for name in GRAMMAR_NAMES:
        grammar = grammar_named(name, SIZE_PX)
        for action in _ACTIONS:
            try:
                said.append(grammar.render(action, "I think so").encode())
            except ValueError:
                continue  # this grammar has no such action
    return said


def output_seeds() -> list[bytes]:
    """Return what commands print on a virtual phone, and what a real one prints besides."""
    device = InProcessLines(Shell(build_device(Phone(SIZE_PX, 160, 0, apps="full"), "seeds"), COMMANDS))
    lines = (
        "dumpsys window",
        "dumpsys window windows",
        "dumpsys activity activities",
        "dumpsys display",
        "uiautomator dump /dev/tty",
        "wm size",
        "df /data",
        "settings list system",
        "settings get system screen_brightness",
        "content query --uri content://sms",
        "am start -n com.android.settings/.Settings",
        "am start -n no.such/.Thing",
        "cmd package resolve-activity --brief com.android.settings",
        "am broadcast -a com.example.X",
        "cat /proc/stat",
        "getevent -lp",
        "settings get secure long_press_timeout",
        "screencap",
    )
    outputs = [bytes(device.run(line, 5.0, repeatable=True).body) for line in lines]
    dialog = b"  mCurrentFocus=Window{1 u0 Application Not Responding: com.android.settings}\n"
    tree = next(output for output in outputs if b"</hierarchy>" in output).partition(b"</hierarchy>")
    touch = b"[   9.5] /dev/input/event1: EV_ABS       ABS_MT_POSITION_X    000001f4            \n"
    press = b"[   9.5] EV_KEY       BTN_TOUCH            DOWN\n"
    return [output for output in outputs if output] + [dialog, tree[0] + tree[1], touch + press]
