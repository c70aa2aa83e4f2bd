"""What a learner sends its helpers for one optimizer step, as bytes: tensors and a batch. Sends nothing itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor

from tuner.coso.labels import Utterance
from tuner.learner.experience import Candidate
from tuner.learner.samples import StepSample

_PICTURE = "picture/"
_BATCH = "batch"


def order_bytes(tensors: Mapping[str, Tensor], batch: Sequence[Candidate]) -> bytes:
    """Return a safetensors file with the tensors, the pictures, and the rest of the batch as JSON."""
    plain = [asdict(candidate) for candidate in batch]
    pictures = {
        f"{_PICTURE}{place}": torch.frombuffer(bytearray(item["sample"].pop("screenshot_png")), dtype=torch.uint8)
        for place, item in enumerate(plain)
    }
    held = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return save(
        {**held, **pictures, _BATCH: torch.frombuffer(bytearray(json.dumps(plain).encode()), dtype=torch.uint8)}
    )


def read_order(order: bytes) -> tuple[dict[str, Tensor], list[Candidate]]:
    """Undo ``order_bytes``."""
    tensors = load(order)
    plain = json.loads(tensors.pop(_BATCH).numpy().tobytes())
    pictures = [tensors.pop(f"{_PICTURE}{place}").numpy().tobytes() for place in range(len(plain))]
    return tensors, [_candidate(item, png) for item, png in zip(plain, pictures, strict=True)]


def _candidate(plain: dict[str, Any], png: bytes) -> Candidate:
    told = plain.pop("sample")
    name, params = told["group"]
    tuples = {
        "key": tuple(told["key"]),
        "group": (name, tuple(tuple(pair) for pair in params)),
        "utterance": Utterance(tuple(told["utterance"]["token_ids"]), tuple(told["utterance"]["labels"])),
        "behaviour_log_probs": tuple(told["behaviour_log_probs"]),
    }
    plain["token_weights"] = tuple(plain["token_weights"])
    return Candidate(StepSample(**{**told, **tuples, "screenshot_png": png}), **plain)
