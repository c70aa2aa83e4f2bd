from coso.v1 import policy_pb2 as _policy_pb2
from coso.v1 import trajectory_pb2 as _trajectory_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SubmitOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SUBMIT_OUTCOME_UNSPECIFIED: _ClassVar[SubmitOutcome]
    SUBMIT_OUTCOME_STORED: _ClassVar[SubmitOutcome]
    SUBMIT_OUTCOME_DUPLICATE: _ClassVar[SubmitOutcome]
    SUBMIT_OUTCOME_REFUSED: _ClassVar[SubmitOutcome]
SUBMIT_OUTCOME_UNSPECIFIED: SubmitOutcome
SUBMIT_OUTCOME_STORED: SubmitOutcome
SUBMIT_OUTCOME_DUPLICATE: SubmitOutcome
SUBMIT_OUTCOME_REFUSED: SubmitOutcome

class RegisterRuntimeRequest(_message.Message):
    __slots__ = ("runtime_id", "base_model_digest", "tokenizer_digest", "quantization", "action_grammar", "software_version", "wire_version")
    RUNTIME_ID_FIELD_NUMBER: _ClassVar[int]
    BASE_MODEL_DIGEST_FIELD_NUMBER: _ClassVar[int]
    TOKENIZER_DIGEST_FIELD_NUMBER: _ClassVar[int]
    QUANTIZATION_FIELD_NUMBER: _ClassVar[int]
    ACTION_GRAMMAR_FIELD_NUMBER: _ClassVar[int]
    SOFTWARE_VERSION_FIELD_NUMBER: _ClassVar[int]
    WIRE_VERSION_FIELD_NUMBER: _ClassVar[int]
    runtime_id: str
    base_model_digest: str
    tokenizer_digest: str
    quantization: str
    action_grammar: str
    software_version: str
    wire_version: int
    def __init__(self, runtime_id: _Optional[str] = ..., base_model_digest: _Optional[str] = ..., tokenizer_digest: _Optional[str] = ..., quantization: _Optional[str] = ..., action_grammar: _Optional[str] = ..., software_version: _Optional[str] = ..., wire_version: _Optional[int] = ...) -> None: ...

class RegisterRuntimeResponse(_message.Message):
    __slots__ = ("latest_version", "wire_version", "software_version")
    LATEST_VERSION_FIELD_NUMBER: _ClassVar[int]
    WIRE_VERSION_FIELD_NUMBER: _ClassVar[int]
    SOFTWARE_VERSION_FIELD_NUMBER: _ClassVar[int]
    latest_version: int
    wire_version: int
    software_version: str
    def __init__(self, latest_version: _Optional[int] = ..., wire_version: _Optional[int] = ..., software_version: _Optional[str] = ...) -> None: ...

class SubmitTrajectoriesRequest(_message.Message):
    __slots__ = ("trajectory",)
    TRAJECTORY_FIELD_NUMBER: _ClassVar[int]
    trajectory: _trajectory_pb2.Trajectory
    def __init__(self, trajectory: _Optional[_Union[_trajectory_pb2.Trajectory, _Mapping]] = ...) -> None: ...

class SubmitTrajectoriesResponse(_message.Message):
    __slots__ = ("trajectory_id", "outcome", "reason")
    TRAJECTORY_ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    trajectory_id: str
    outcome: SubmitOutcome
    reason: str
    def __init__(self, trajectory_id: _Optional[str] = ..., outcome: _Optional[_Union[SubmitOutcome, str]] = ..., reason: _Optional[str] = ...) -> None: ...

class FollowAdaptersRequest(_message.Message):
    __slots__ = ("runtime_id", "have_version", "encodings", "have_adapter_sha256", "partial_payload_sha256", "partial_bytes", "before_adapter_sha256")
    RUNTIME_ID_FIELD_NUMBER: _ClassVar[int]
    HAVE_VERSION_FIELD_NUMBER: _ClassVar[int]
    ENCODINGS_FIELD_NUMBER: _ClassVar[int]
    HAVE_ADAPTER_SHA256_FIELD_NUMBER: _ClassVar[int]
    PARTIAL_PAYLOAD_SHA256_FIELD_NUMBER: _ClassVar[int]
    PARTIAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    BEFORE_ADAPTER_SHA256_FIELD_NUMBER: _ClassVar[int]
    runtime_id: str
    have_version: int
    encodings: _containers.RepeatedScalarFieldContainer[_policy_pb2.AdapterEncoding]
    have_adapter_sha256: str
    partial_payload_sha256: str
    partial_bytes: int
    before_adapter_sha256: str
    def __init__(self, runtime_id: _Optional[str] = ..., have_version: _Optional[int] = ..., encodings: _Optional[_Iterable[_Union[_policy_pb2.AdapterEncoding, str]]] = ..., have_adapter_sha256: _Optional[str] = ..., partial_payload_sha256: _Optional[str] = ..., partial_bytes: _Optional[int] = ..., before_adapter_sha256: _Optional[str] = ...) -> None: ...

class FollowAdaptersResponse(_message.Message):
    __slots__ = ("manifest", "chunk")
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    manifest: _policy_pb2.AdapterManifest
    chunk: _policy_pb2.AdapterChunk
    def __init__(self, manifest: _Optional[_Union[_policy_pb2.AdapterManifest, _Mapping]] = ..., chunk: _Optional[_Union[_policy_pb2.AdapterChunk, _Mapping]] = ...) -> None: ...

class RollbackAdapterRequest(_message.Message):
    __slots__ = ("version", "latest_version")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    LATEST_VERSION_FIELD_NUMBER: _ClassVar[int]
    version: int
    latest_version: int
    def __init__(self, version: _Optional[int] = ..., latest_version: _Optional[int] = ...) -> None: ...

class RollbackAdapterResponse(_message.Message):
    __slots__ = ("new_version",)
    NEW_VERSION_FIELD_NUMBER: _ClassVar[int]
    new_version: int
    def __init__(self, new_version: _Optional[int] = ...) -> None: ...

class GetStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetStatusResponse(_message.Message):
    __slots__ = ("software_version", "base_model_digest", "quantization", "action_grammar", "uptime_seconds", "trajectories_stored", "trajectories_void", "trajectories_waiting", "trajectories_consumed", "latest_version", "latest_payload_bytes", "latest_payload_sha256", "learner_state", "learner_message", "runtime_ids", "learner_metrics", "trusted_version", "trial_version", "withdrawn_version", "trajectories_damaged")
    class LearnerMetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    SOFTWARE_VERSION_FIELD_NUMBER: _ClassVar[int]
    BASE_MODEL_DIGEST_FIELD_NUMBER: _ClassVar[int]
    QUANTIZATION_FIELD_NUMBER: _ClassVar[int]
    ACTION_GRAMMAR_FIELD_NUMBER: _ClassVar[int]
    UPTIME_SECONDS_FIELD_NUMBER: _ClassVar[int]
    TRAJECTORIES_STORED_FIELD_NUMBER: _ClassVar[int]
    TRAJECTORIES_VOID_FIELD_NUMBER: _ClassVar[int]
    TRAJECTORIES_WAITING_FIELD_NUMBER: _ClassVar[int]
    TRAJECTORIES_CONSUMED_FIELD_NUMBER: _ClassVar[int]
    LATEST_VERSION_FIELD_NUMBER: _ClassVar[int]
    LATEST_PAYLOAD_BYTES_FIELD_NUMBER: _ClassVar[int]
    LATEST_PAYLOAD_SHA256_FIELD_NUMBER: _ClassVar[int]
    LEARNER_STATE_FIELD_NUMBER: _ClassVar[int]
    LEARNER_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    RUNTIME_IDS_FIELD_NUMBER: _ClassVar[int]
    LEARNER_METRICS_FIELD_NUMBER: _ClassVar[int]
    TRUSTED_VERSION_FIELD_NUMBER: _ClassVar[int]
    TRIAL_VERSION_FIELD_NUMBER: _ClassVar[int]
    WITHDRAWN_VERSION_FIELD_NUMBER: _ClassVar[int]
    TRAJECTORIES_DAMAGED_FIELD_NUMBER: _ClassVar[int]
    software_version: str
    base_model_digest: str
    quantization: str
    action_grammar: str
    uptime_seconds: int
    trajectories_stored: int
    trajectories_void: int
    trajectories_waiting: int
    trajectories_consumed: int
    latest_version: int
    latest_payload_bytes: int
    latest_payload_sha256: str
    learner_state: str
    learner_message: str
    runtime_ids: _containers.RepeatedScalarFieldContainer[str]
    learner_metrics: _containers.ScalarMap[str, float]
    trusted_version: int
    trial_version: int
    withdrawn_version: int
    trajectories_damaged: int
    def __init__(self, software_version: _Optional[str] = ..., base_model_digest: _Optional[str] = ..., quantization: _Optional[str] = ..., action_grammar: _Optional[str] = ..., uptime_seconds: _Optional[int] = ..., trajectories_stored: _Optional[int] = ..., trajectories_void: _Optional[int] = ..., trajectories_waiting: _Optional[int] = ..., trajectories_consumed: _Optional[int] = ..., latest_version: _Optional[int] = ..., latest_payload_bytes: _Optional[int] = ..., latest_payload_sha256: _Optional[str] = ..., learner_state: _Optional[str] = ..., learner_message: _Optional[str] = ..., runtime_ids: _Optional[_Iterable[str]] = ..., learner_metrics: _Optional[_Mapping[str, float]] = ..., trusted_version: _Optional[int] = ..., trial_version: _Optional[int] = ..., withdrawn_version: _Optional[int] = ..., trajectories_damaged: _Optional[int] = ...) -> None: ...
