"""Files for people to read: causal weights of the latest steps, one line of metrics an update. Steers nothing."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tuner.files import write_atomically

WEIGHT_RECORDS_KEPT = 200
METRICS_BYTES_KEPT = 4 << 20
WEIGHTS_NAME = "weights.jsonl"
METRICS_NAME = "metrics.jsonl"


@dataclass(frozen=True, slots=True)
class WeightRecord:
    """The causal weight of every token of one step; ``tokens`` and ``weights`` have the same length."""

    trajectory_id: str
    step_index: int
    version: int
    tokens: tuple[str, ...]
    weights: tuple[float, ...]


def append_weight_records(folder: Path, records: Sequence[WeightRecord]) -> None:
    """Add lines to ``weights.jsonl`` and drop the oldest beyond ``WEIGHT_RECORDS_KEPT``."""
    path = folder / WEIGHTS_NAME
    old = path.read_text().split("\n")[:-1] if path.exists() else []
    new = [json.dumps(asdict(record)) for record in records]
    lines = (old + new)[-WEIGHT_RECORDS_KEPT:]
    write_atomically(path, "".join(line + "\n" for line in lines).encode())


def append_metrics(folder: Path, metrics: Mapping[str, float]) -> None:
    """Add a line to ``metrics.jsonl``; a file grown past its bound is kept once more as ``metrics.jsonl.1``."""
    path = folder / METRICS_NAME
    if path.exists() and path.stat().st_size > METRICS_BYTES_KEPT:
        os.replace(path, folder / f"{METRICS_NAME}.1")
    with path.open("a") as file:
        file.write(json.dumps(dict(metrics)) + "\n")
