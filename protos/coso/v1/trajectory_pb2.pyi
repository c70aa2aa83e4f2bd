import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Verdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VERDICT_UNSPECIFIED: _ClassVar[Verdict]
    VERDICT_SUCCESS: _ClassVar[Verdict]
    VERDICT_FAILURE: _ClassVar[Verdict]
    VERDICT_VOID: _ClassVar[Verdict]

class Purpose(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PURPOSE_UNSPECIFIED: _ClassVar[Purpose]
    PURPOSE_EXPLORE: _ClassVar[Purpose]
    PURPOSE_EVALUATE: _ClassVar[Purpose]
    PURPOSE_DEMONSTRATE: _ClassVar[Purpose]
VERDICT_UNSPECIFIED: Verdict
VERDICT_SUCCESS: Verdict
VERDICT_FAILURE: Verdict
VERDICT_VOID: Verdict
PURPOSE_UNSPECIFIED: Purpose
PURPOSE_EXPLORE: Purpose
PURPOSE_EVALUATE: Purpose
PURPOSE_DEMONSTRATE: Purpose

class Trajectory(_message.Message):
    __slots__ = ("trajectory_id", "runtime_id", "task_name", "goal", "task_params", "purpose", "seed", "step_limit", "verdict", "void_reason", "reward", "steps", "started_at", "device_serial", "temperature", "action_grammar", "base_model_digest", "tokenizer_digest", "quantization")
    class TaskParamsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    TRAJECTORY_ID_FIELD_NUMBER: _ClassVar[int]
    RUNTIME_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_NAME_FIELD_NUMBER: _ClassVar[int]
    GOAL_FIELD_NUMBER: _ClassVar[int]
    TASK_PARAMS_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    STEP_LIMIT_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    VOID_REASON_FIELD_NUMBER: _ClassVar[int]
    REWARD_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    DEVICE_SERIAL_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    ACTION_GRAMMAR_FIELD_NUMBER: _ClassVar[int]
    BASE_MODEL_DIGEST_FIELD_NUMBER: _ClassVar[int]
    TOKENIZER_DIGEST_FIELD_NUMBER: _ClassVar[int]
    QUANTIZATION_FIELD_NUMBER: _ClassVar[int]
    trajectory_id: str
    runtime_id: str
    task_name: str
    goal: str
    task_params: _containers.ScalarMap[str, str]
    purpose: Purpose
    seed: int
    step_limit: int
    verdict: Verdict
    void_reason: str
    reward: float
    steps: _containers.RepeatedCompositeFieldContainer[Step]
    started_at: _timestamp_pb2.Timestamp
    device_serial: str
    temperature: float
    action_grammar: str
    base_model_digest: str
    tokenizer_digest: str
    quantization: str
    def __init__(self, trajectory_id: _Optional[str] = ..., runtime_id: _Optional[str] = ..., task_name: _Optional[str] = ..., goal: _Optional[str] = ..., task_params: _Optional[_Mapping[str, str]] = ..., purpose: _Optional[_Union[Purpose, str]] = ..., seed: _Optional[int] = ..., step_limit: _Optional[int] = ..., verdict: _Optional[_Union[Verdict, str]] = ..., void_reason: _Optional[str] = ..., reward: _Optional[float] = ..., steps: _Optional[_Iterable[_Union[Step, _Mapping]]] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., device_serial: _Optional[str] = ..., temperature: _Optional[float] = ..., action_grammar: _Optional[str] = ..., base_model_digest: _Optional[str] = ..., tokenizer_digest: _Optional[str] = ..., quantization: _Optional[str] = ...) -> None: ...

class Step(_message.Message):
    __slots__ = ("index", "prompt", "screenshot", "token_ids", "log_probs", "utterance", "action", "adapter_version", "adapter_digest", "timings", "gate", "faults")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    SCREENSHOT_FIELD_NUMBER: _ClassVar[int]
    TOKEN_IDS_FIELD_NUMBER: _ClassVar[int]
    LOG_PROBS_FIELD_NUMBER: _ClassVar[int]
    UTTERANCE_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    ADAPTER_VERSION_FIELD_NUMBER: _ClassVar[int]
    ADAPTER_DIGEST_FIELD_NUMBER: _ClassVar[int]
    TIMINGS_FIELD_NUMBER: _ClassVar[int]
    GATE_FIELD_NUMBER: _ClassVar[int]
    FAULTS_FIELD_NUMBER: _ClassVar[int]
    index: int
    prompt: str
    screenshot: Screenshot
    token_ids: _containers.RepeatedScalarFieldContainer[int]
    log_probs: _containers.RepeatedScalarFieldContainer[float]
    utterance: str
    action: Action
    adapter_version: int
    adapter_digest: str
    timings: Timings
    gate: GateRuling
    faults: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, index: _Optional[int] = ..., prompt: _Optional[str] = ..., screenshot: _Optional[_Union[Screenshot, _Mapping]] = ..., token_ids: _Optional[_Iterable[int]] = ..., log_probs: _Optional[_Iterable[float]] = ..., utterance: _Optional[str] = ..., action: _Optional[_Union[Action, _Mapping]] = ..., adapter_version: _Optional[int] = ..., adapter_digest: _Optional[str] = ..., timings: _Optional[_Union[Timings, _Mapping]] = ..., gate: _Optional[_Union[GateRuling, _Mapping]] = ..., faults: _Optional[_Iterable[str]] = ...) -> None: ...

class GateRuling(_message.Message):
    __slots__ = ("allowed", "rule", "reason")
    ALLOWED_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    allowed: bool
    rule: str
    reason: str
    def __init__(self, allowed: _Optional[bool] = ..., rule: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class Screenshot(_message.Message):
    __slots__ = ("png", "width_px", "height_px", "device_width_px", "device_height_px")
    PNG_FIELD_NUMBER: _ClassVar[int]
    WIDTH_PX_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_PX_FIELD_NUMBER: _ClassVar[int]
    DEVICE_WIDTH_PX_FIELD_NUMBER: _ClassVar[int]
    DEVICE_HEIGHT_PX_FIELD_NUMBER: _ClassVar[int]
    png: bytes
    width_px: int
    height_px: int
    device_width_px: int
    device_height_px: int
    def __init__(self, png: _Optional[bytes] = ..., width_px: _Optional[int] = ..., height_px: _Optional[int] = ..., device_width_px: _Optional[int] = ..., device_height_px: _Optional[int] = ...) -> None: ...

class Timings(_message.Message):
    __slots__ = ("observe_ms", "decide_ms", "act_ms", "judge_ms")
    OBSERVE_MS_FIELD_NUMBER: _ClassVar[int]
    DECIDE_MS_FIELD_NUMBER: _ClassVar[int]
    ACT_MS_FIELD_NUMBER: _ClassVar[int]
    JUDGE_MS_FIELD_NUMBER: _ClassVar[int]
    observe_ms: float
    decide_ms: float
    act_ms: float
    judge_ms: float
    def __init__(self, observe_ms: _Optional[float] = ..., decide_ms: _Optional[float] = ..., act_ms: _Optional[float] = ..., judge_ms: _Optional[float] = ...) -> None: ...

class Action(_message.Message):
    __slots__ = ("tap", "swipe", "type_text", "press_key", "open_app", "wait", "finish", "malformed", "long_press")
    TAP_FIELD_NUMBER: _ClassVar[int]
    SWIPE_FIELD_NUMBER: _ClassVar[int]
    TYPE_TEXT_FIELD_NUMBER: _ClassVar[int]
    PRESS_KEY_FIELD_NUMBER: _ClassVar[int]
    OPEN_APP_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    FINISH_FIELD_NUMBER: _ClassVar[int]
    MALFORMED_FIELD_NUMBER: _ClassVar[int]
    LONG_PRESS_FIELD_NUMBER: _ClassVar[int]
    tap: Tap
    swipe: Swipe
    type_text: TypeText
    press_key: PressKey
    open_app: OpenApp
    wait: Wait
    finish: Finish
    malformed: Malformed
    long_press: LongPress
    def __init__(self, tap: _Optional[_Union[Tap, _Mapping]] = ..., swipe: _Optional[_Union[Swipe, _Mapping]] = ..., type_text: _Optional[_Union[TypeText, _Mapping]] = ..., press_key: _Optional[_Union[PressKey, _Mapping]] = ..., open_app: _Optional[_Union[OpenApp, _Mapping]] = ..., wait: _Optional[_Union[Wait, _Mapping]] = ..., finish: _Optional[_Union[Finish, _Mapping]] = ..., malformed: _Optional[_Union[Malformed, _Mapping]] = ..., long_press: _Optional[_Union[LongPress, _Mapping]] = ...) -> None: ...

class Tap(_message.Message):
    __slots__ = ("x_norm", "y_norm")
    X_NORM_FIELD_NUMBER: _ClassVar[int]
    Y_NORM_FIELD_NUMBER: _ClassVar[int]
    x_norm: float
    y_norm: float
    def __init__(self, x_norm: _Optional[float] = ..., y_norm: _Optional[float] = ...) -> None: ...

class LongPress(_message.Message):
    __slots__ = ("x_norm", "y_norm")
    X_NORM_FIELD_NUMBER: _ClassVar[int]
    Y_NORM_FIELD_NUMBER: _ClassVar[int]
    x_norm: float
    y_norm: float
    def __init__(self, x_norm: _Optional[float] = ..., y_norm: _Optional[float] = ...) -> None: ...

class Swipe(_message.Message):
    __slots__ = ("x0_norm", "y0_norm", "x1_norm", "y1_norm")
    X0_NORM_FIELD_NUMBER: _ClassVar[int]
    Y0_NORM_FIELD_NUMBER: _ClassVar[int]
    X1_NORM_FIELD_NUMBER: _ClassVar[int]
    Y1_NORM_FIELD_NUMBER: _ClassVar[int]
    x0_norm: float
    y0_norm: float
    x1_norm: float
    y1_norm: float
    def __init__(self, x0_norm: _Optional[float] = ..., y0_norm: _Optional[float] = ..., x1_norm: _Optional[float] = ..., y1_norm: _Optional[float] = ...) -> None: ...

class TypeText(_message.Message):
    __slots__ = ("text",)
    TEXT_FIELD_NUMBER: _ClassVar[int]
    text: str
    def __init__(self, text: _Optional[str] = ...) -> None: ...

class PressKey(_message.Message):
    __slots__ = ("key",)
    class Key(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KEY_UNSPECIFIED: _ClassVar[PressKey.Key]
        KEY_BACK: _ClassVar[PressKey.Key]
        KEY_HOME: _ClassVar[PressKey.Key]
        KEY_ENTER: _ClassVar[PressKey.Key]
        KEY_RECENTS: _ClassVar[PressKey.Key]
    KEY_UNSPECIFIED: PressKey.Key
    KEY_BACK: PressKey.Key
    KEY_HOME: PressKey.Key
    KEY_ENTER: PressKey.Key
    KEY_RECENTS: PressKey.Key
    KEY_FIELD_NUMBER: _ClassVar[int]
    key: PressKey.Key
    def __init__(self, key: _Optional[_Union[PressKey.Key, str]] = ...) -> None: ...

class OpenApp(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class Wait(_message.Message):
    __slots__ = ("seconds",)
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    seconds: float
    def __init__(self, seconds: _Optional[float] = ...) -> None: ...

class Finish(_message.Message):
    __slots__ = ("succeeded",)
    SUCCEEDED_FIELD_NUMBER: _ClassVar[int]
    succeeded: bool
    def __init__(self, succeeded: _Optional[bool] = ...) -> None: ...

class Malformed(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...
