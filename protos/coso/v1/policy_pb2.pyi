import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AdapterEncoding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ADAPTER_ENCODING_UNSPECIFIED: _ClassVar[AdapterEncoding]
    ADAPTER_ENCODING_SAFETENSORS: _ClassVar[AdapterEncoding]
    ADAPTER_ENCODING_DELTA_ZSTD: _ClassVar[AdapterEncoding]
    ADAPTER_ENCODING_EXTRAPOLATED_ZSTD: _ClassVar[AdapterEncoding]
ADAPTER_ENCODING_UNSPECIFIED: AdapterEncoding
ADAPTER_ENCODING_SAFETENSORS: AdapterEncoding
ADAPTER_ENCODING_DELTA_ZSTD: AdapterEncoding
ADAPTER_ENCODING_EXTRAPOLATED_ZSTD: AdapterEncoding

class AdapterManifest(_message.Message):
    __slots__ = ("version", "parent_version", "replaces_any", "base_model_digest", "encoding", "payload_bytes", "payload_sha256", "lora", "published_at", "optimizer_steps", "trajectories_consumed", "adapter_sha256", "adapter_bytes", "signing_key_id", "expires_at", "signature", "rolled_back_to", "tokenizer_digest", "grandparent_adapter_sha256")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PARENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    REPLACES_ANY_FIELD_NUMBER: _ClassVar[int]
    BASE_MODEL_DIGEST_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_BYTES_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_SHA256_FIELD_NUMBER: _ClassVar[int]
    LORA_FIELD_NUMBER: _ClassVar[int]
    PUBLISHED_AT_FIELD_NUMBER: _ClassVar[int]
    OPTIMIZER_STEPS_FIELD_NUMBER: _ClassVar[int]
    TRAJECTORIES_CONSUMED_FIELD_NUMBER: _ClassVar[int]
    ADAPTER_SHA256_FIELD_NUMBER: _ClassVar[int]
    ADAPTER_BYTES_FIELD_NUMBER: _ClassVar[int]
    SIGNING_KEY_ID_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    ROLLED_BACK_TO_FIELD_NUMBER: _ClassVar[int]
    TOKENIZER_DIGEST_FIELD_NUMBER: _ClassVar[int]
    GRANDPARENT_ADAPTER_SHA256_FIELD_NUMBER: _ClassVar[int]
    version: int
    parent_version: int
    replaces_any: bool
    base_model_digest: str
    encoding: AdapterEncoding
    payload_bytes: int
    payload_sha256: str
    lora: LoraConfig
    published_at: _timestamp_pb2.Timestamp
    optimizer_steps: int
    trajectories_consumed: int
    adapter_sha256: str
    adapter_bytes: int
    signing_key_id: str
    expires_at: _timestamp_pb2.Timestamp
    signature: bytes
    rolled_back_to: int
    tokenizer_digest: str
    grandparent_adapter_sha256: str
    def __init__(self, version: _Optional[int] = ..., parent_version: _Optional[int] = ..., replaces_any: _Optional[bool] = ..., base_model_digest: _Optional[str] = ..., encoding: _Optional[_Union[AdapterEncoding, str]] = ..., payload_bytes: _Optional[int] = ..., payload_sha256: _Optional[str] = ..., lora: _Optional[_Union[LoraConfig, _Mapping]] = ..., published_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., optimizer_steps: _Optional[int] = ..., trajectories_consumed: _Optional[int] = ..., adapter_sha256: _Optional[str] = ..., adapter_bytes: _Optional[int] = ..., signing_key_id: _Optional[str] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., signature: _Optional[bytes] = ..., rolled_back_to: _Optional[int] = ..., tokenizer_digest: _Optional[str] = ..., grandparent_adapter_sha256: _Optional[str] = ...) -> None: ...

class LoraConfig(_message.Message):
    __slots__ = ("r", "lora_alpha", "target_modules")
    R_FIELD_NUMBER: _ClassVar[int]
    LORA_ALPHA_FIELD_NUMBER: _ClassVar[int]
    TARGET_MODULES_FIELD_NUMBER: _ClassVar[int]
    r: int
    lora_alpha: float
    target_modules: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, r: _Optional[int] = ..., lora_alpha: _Optional[float] = ..., target_modules: _Optional[_Iterable[str]] = ...) -> None: ...

class AdapterChunk(_message.Message):
    __slots__ = ("offset_bytes", "data")
    OFFSET_BYTES_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    offset_bytes: int
    data: bytes
    def __init__(self, offset_bytes: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...
