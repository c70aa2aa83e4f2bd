"""The statistics a LeRobot dataset's stats.json holds. Pure functions of arrays and PNGs; writes nothing."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}


def vector_stats(values: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Return min, max, mean, std (of the population), count and quantiles of values [N, D], each a list [D]."""
    table = np.asarray(values, dtype=np.float64)
    stats = {
        "min": table.min(axis=0).tolist(),
        "max": table.max(axis=0).tolist(),
        "mean": table.mean(axis=0).tolist(),
        "std": table.std(axis=0).tolist(),
        "count": [len(table)],
    }
    return stats | {name: np.quantile(table, share, axis=0).tolist() for name, share in QUANTILES.items()}


def pixel_counts(png: bytes) -> NDArray[np.int64]:
    """Return how often a picture has each of the 256 values in each channel, [3, 256]."""
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
    return np.stack([np.bincount(pixels[..., channel].ravel(), minlength=256) for channel in range(3)])


def channel_stats(counts: NDArray[np.int64], pictures: int) -> dict[str, Any]:
    """Return the statistics of pixels, scaled to [0, 1], each of shape [3, 1, 1]; ``counts`` [3, 256] is of them all.

    A quantile is the smallest value that at least that share of the pixels does not exceed.
    """
    values = np.arange(256) / 255.0
    shares = counts / counts.sum(axis=1, keepdims=True)
    mean = shares @ values
    std = np.sqrt(np.maximum(0.0, shares @ values**2 - mean**2))
    seen = counts > 0
    stats = {"min": values[seen.argmax(axis=1)], "max": values[255 - seen[:, ::-1].argmax(axis=1)]}
    stats |= {"mean": mean, "std": std}
    below = np.cumsum(shares, axis=1) + 1e-12
    stats |= {name: values[(below >= share).argmax(axis=1)] for name, share in QUANTILES.items()}
    return {name: value.reshape(3, 1, 1).tolist() for name, value in stats.items()} | {"count": [pictures]}
