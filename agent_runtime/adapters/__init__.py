"""What travels as an adapter: its layout, its delta to a parent, its signature. Needs no torch, sends nothing."""

from coso.v1 import policy_pb2

DELTAS = (policy_pb2.ADAPTER_ENCODING_DELTA_ZSTD, policy_pb2.ADAPTER_ENCODING_EXTRAPOLATED_ZSTD)
"""Against the version in use; the second also against the one that was in use before it."""
ENCODINGS = (policy_pb2.ADAPTER_ENCODING_SAFETENSORS, *DELTAS)
"""What a runtime of this release takes."""
VISION_MODULES = r".*(visual|vision|projector|connector).*"
"""Layers that never get a LoRA, as PEFT's ``exclude_modules``."""
MAX_PAYLOAD_BYTES = 4 << 30
"""No adapter is larger; what a manifest announces beyond it is never fetched."""
