"""What travels as an adapter: its layout, its delta to a parent, its signature. Needs no torch, sends nothing."""

from coso.v1 import policy_pb2

ENCODINGS = (policy_pb2.ADAPTER_ENCODING_SAFETENSORS, policy_pb2.ADAPTER_ENCODING_DELTA_ZSTD)
"""What a runtime of this release takes; a delta only against the version in use."""
VISION_MODULES = r".*(visual|vision|projector|connector).*"
"""Layers that never get a LoRA, as PEFT's ``exclude_modules``."""
MAX_PAYLOAD_BYTES = 4 << 30
"""No adapter is larger; what a manifest announces beyond it is never fetched."""
