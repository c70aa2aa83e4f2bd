"""The classes of bad and malicious adapter versions, each drawn by a seed. Takes none of them and judges nothing.

Where the fault is in manifest or payload, the tuner's own key has signed it: the check meant is reached, not only the
signature's. Those in which signature or transport is the fault are in `adapter_forgeries`.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import zstandard
from coso.v1 import policy_pb2

from benchmarks.adapter_world import (
    ALPHA,
    BASE,
    IN_USE,
    RANK,
    TARGETS,
    Sent,
    Tensors,
    World,
    as_file,
    header_of,
    with_header,
)

Make = Callable[[World, random.Random], Sent]
TRICKS: Final = (
    "../../../etc/passwd",
    "/etc/passwd",
    "..\\..\\x",
    "a\x00b",
    "%2e%2e%2f",
    "q_proj/../v_proj",
    "~/x",
    ".*",
)
DELTA: Final = policy_pb2.ADAPTER_ENCODING_DELTA_ZSTD


@dataclass(frozen=True)
class Attack:
    """One class; ``same_is_fine`` where a change may by chance mean the very adapter that was signed."""

    make: Make
    same_is_fine: bool = False
    restarts: bool = False
    """Whether it is sent to a runtime that was just started and holds nothing."""


def _manifest(change: Callable[[policy_pb2.AdapterManifest, random.Random], object]) -> Make:
    def make(world: World, rng: random.Random) -> Sent:
        sent = world.next_version(rng)
        change(sent.manifest, rng)
        return world.signed(sent)

    return make


def _set(manifest: policy_pb2.AdapterManifest, **fields: int) -> None:
    for name, value in fields.items():
        setattr(manifest, name, value)


def of_file(change: Callable[[bytes, World, random.Random], bytes]) -> Make:
    """Change the adapter's file; digests, sizes and the signature are those of what was made."""

    def make(world: World, rng: random.Random) -> Sent:
        return world.whole(change(as_file(world.child(rng)), world, rng), rng)

    return make


def _entries(change: Callable[[dict[str, dict[str, Any]], random.Random], object]) -> Make:
    def changed(payload: bytes, world: World, rng: random.Random) -> bytes:
        header, data = header_of(payload)
        change(header, rng)
        return with_header(json.dumps(header).encode(), data)

    return of_file(changed)


def _tensors(change: Callable[[Tensors, random.Random], object]) -> Make:
    def changed(payload: bytes, world: World, rng: random.Random) -> bytes:
        tensors = world.child(rng)
        change(tensors, rng)
        return as_file(tensors)

    return of_file(changed)


def of_delta(change: Callable[[bytes, random.Random], bytes]) -> Make:
    def make(world: World, rng: random.Random) -> Sent:
        sent = world.delta(rng)
        return world.signed(Sent(sent.manifest, change(sent.payload, rng)), resize=True)

    return make


def flip(content: bytes, rng: random.Random, begin: int = 0) -> bytes:
    place = rng.randrange(begin, len(content))
    return content[:place] + bytes([content[place] ^ (1 << rng.randrange(8))]) + content[place + 1 :]


def _one(header: Mapping[str, Any], rng: random.Random) -> str:
    return rng.choice(sorted(header))


def _put(tensors: Tensors, rng: random.Random, value: float) -> None:
    tensor = tensors[_one(tensors, rng)]
    tensor.reshape(-1)[rng.randrange(tensor.size)] = value


def _nan(rng: random.Random) -> float:
    bits = 0x7F800001 + rng.randrange(0x7FFFFE) | rng.choice((0, 1 << 31))
    return float(np.array([bits], np.uint32).view(np.float32)[0])


def _twice(payload: bytes, world: World, rng: random.Random) -> bytes:
    header, data = header_of(payload)
    name = _one(header, rng)
    again = json.dumps({name: header[_one(header, rng)]})[1:-1]
    once = json.dumps(header)[1:-1]
    return with_header("{{{}}}".format(", ".join(rng.sample([again, once], 2))).encode(), data)


def _twice_within(payload: bytes, world: World, rng: random.Random) -> bytes:
    header, data = header_of(payload)
    text, key = json.dumps(header), rng.choice(("dtype", "shape", "data_offsets"))
    value = json.dumps(header[_one(header, rng)][key])
    return with_header(text.replace(f'"{key}"', f'"{key}": {value}, "{key}"', 1).encode(), data)


def _shift(header: dict[str, dict[str, Any]], rng: random.Random, by: Callable[[int, int], tuple[int, int]]) -> None:
    entry = header[_one(header, rng)]
    entry["data_offsets"] = list(by(*entry["data_offsets"]))


def nested(payload: bytes, world: World, rng: random.Random) -> bytes:
    return with_header(rng.choice((b'{"a":', b"[")) * rng.randrange(1000, 100_000), b"")


def _length(payload: bytes, world: World, rng: random.Random) -> bytes:
    length = rng.choice((0, rng.randrange(1 << 20, 1 << 21), len(payload), rng.getrandbits(63), (1 << 64) - 1))
    return struct.pack("<Q", length) + payload[8:]


def _numbers(header: dict[str, dict[str, Any]], rng: random.Random) -> None:
    entry = header[_one(header, rng)]
    bad: list[Any] = [-1, 1 << 63, 1 << 64, 1e999, math.nan, "4", None, True, [4], 0.5, 10**400]
    entry[rng.choice(("shape", "data_offsets"))] = [rng.choice(bad) for _ in range(rng.randrange(1, 4))]


def _rename(header: dict[str, dict[str, Any]], name: str, rng: random.Random) -> None:
    header[name] = header.pop(_one(header, rng))


def _targets(manifest: policy_pb2.AdapterManifest, names: list[str]) -> None:
    manifest.lora.target_modules[:] = names


def bomb(delta: bytes, rng: random.Random) -> bytes:
    return zstandard.ZstdCompressor().compress(bytes(rng.randrange(1 << 21, 1 << 23)))


def no_size(delta: bytes, rng: random.Random) -> bytes:
    """Return the frame without its content's size."""
    content = zstandard.ZstdDecompressor().decompress(delta)
    return zstandard.ZstdCompressor(write_content_size=False).compress(content)


def more(delta: bytes, rng: random.Random) -> bytes:
    """Return the frame and something after it."""
    skippable = b"\x50\x2a\x4d\x18\x04\x00\x00\x00" + rng.randbytes(4)
    return rng.choice((delta + delta, delta + rng.randbytes(rng.randrange(1, 40)), delta + skippable))


def other_content(delta: bytes, rng: random.Random) -> bytes:
    """Return a good frame of less or of changed content."""
    content = zstandard.ZstdDecompressor().decompress(delta)
    return zstandard.ZstdCompressor().compress(
        content[: rng.randrange(len(content))] if rng.random() < 0.5 else flip(content, rng)
    )


def _old(world: World, rng: random.Random) -> Sent:
    return world.recorded(rng.randrange(1, IN_USE + 1), rng)


def _replayed_after_restart(world: World, rng: random.Random) -> Sent:
    sent = world.recorded(rng.randrange(1, IN_USE), rng)
    return world.signed(Sent(sent.manifest, sent.payload), replaces_any=True)


FAULTS: Final[dict[str, Attack]] = {
    "another base model": Attack(
        _manifest(
            lambda m, r: setattr(
                m, "base_model_digest", r.choice((r.randbytes(32).hex(), "", BASE.upper(), BASE[:-1], *TRICKS))
            )
        )
    ),
    "another tokenizer": Attack(
        _manifest(lambda m, r: setattr(m, "tokenizer_digest", r.choice((r.randbytes(32).hex(), *TRICKS))))
    ),
    "another parent": Attack(
        _manifest(lambda m, r: _set(m, parent_version=IN_USE + 1 + r.randrange(10**6), replaces_any=False))
    ),
    "an old version": Attack(_manifest(lambda m, r: _set(m, version=r.randrange(IN_USE + 1), replaces_any=True))),
    "an old version replayed": Attack(_old),
    "an old version replayed after a restart": Attack(_replayed_after_restart, restarts=True),
    "another rank": Attack(_manifest(lambda m, r: setattr(m.lora, "r", r.choice([n for n in range(65) if n != RANK])))),
    "a rank beyond memory": Attack(_manifest(lambda m, r: setattr(m.lora, "r", r.randrange(513, 1 << 32)))),
    "another alpha": Attack(
        _manifest(
            lambda m, r: setattr(
                m.lora, "lora_alpha", r.choice((math.nan, math.inf, -1.0, 0.0, ALPHA * (2 + r.random())))
            )
        )
    ),
    "other targets": Attack(
        _manifest(
            lambda m, r: _targets(m, r.choice((["q_proj"], [], ["v_proj", "q_proj"], [*TARGETS, "norm"], ["layers"])))
        )
    ),
    "targets that are paths and patterns": Attack(
        _manifest(lambda m, r: _targets(m, [r.choice(TRICKS), *TARGETS[:1]]))
    ),
    "another encoding": Attack(_manifest(lambda m, r: setattr(m, "encoding", r.choice((0, 4, 9, 1 << 30))))),
    "another size": Attack(
        _manifest(
            lambda m, r: setattr(
                m, "payload_bytes", r.choice((0, m.payload_bytes + 1, m.payload_bytes - 1, 1 << 40, (1 << 64) - 1))
            )
        )
    ),
    "another payload's digest": Attack(
        _manifest(
            lambda m, r: setattr(m, "payload_sha256", r.choice((r.randbytes(32).hex(), "", m.payload_sha256.upper())))
        )
    ),
    "another adapter's digest": Attack(
        _manifest(lambda m, r: setattr(m, "adapter_sha256", hashlib.sha256(r.randbytes(8)).hexdigest()))
    ),
    "a header's length that bombs": Attack(of_file(_length)),
    "a header nested deep": Attack(of_file(nested)),
    "a header that is no text": Attack(
        of_file(lambda p, w, r: with_header(r.randbytes(r.randrange(1, 400)), header_of(p)[1]))
    ),
    "a changed header": Attack(
        of_file(lambda p, w, r: flip(p[: len(p) - len(header_of(p)[1])], r, 8) + header_of(p)[1]), same_is_fine=True
    ),
    "a name twice": Attack(of_file(_twice)),
    "a key twice within a tensor": Attack(of_file(_twice_within)),
    "overlapping tensors": Attack(
        _entries(lambda h, r: _shift(h, r, lambda b, e: (max(0, b - 4), e - 4) if b else (4, e + 4)))
    ),
    "all tensors at one place": Attack(
        _entries(lambda h, r: [entry.update(data_offsets=[0, 4 * math.prod(entry["shape"])]) for entry in h.values()])
    ),
    "a tensor beyond the end": Attack(_entries(lambda h, r: _shift(h, r, lambda b, e: (b + (1 << 20), e + (1 << 20))))),
    "a tensor that ends before it begins": Attack(_entries(lambda h, r: _shift(h, r, lambda b, e: (e, b)))),
    "numbers that are none": Attack(_entries(_numbers)),
    "a missing tensor": Attack(_tensors(lambda t, r: t.pop(_one(t, r)))),
    "a tensor too many": Attack(
        _tensors(lambda t, r: t.update({f"lm_head.{r.getrandbits(32)}": np.zeros((2, 2), np.float32)}))
    ),
    "a name that is a path": Attack(_entries(lambda h, r: _rename(h, r.choice(TRICKS), r))),
    "another name": Attack(
        _entries(lambda h, r: _rename(h, f"base_model.model.layers.{r.randrange(2, 99)}.q_proj.lora_A.weight", r))
    ),
    "another kind of number": Attack(
        _tensors(lambda t, r: t.update({(n := _one(t, r)): t[n].astype(r.choice((np.float16, np.float64, np.int32)))}))
    ),
    "a kind that no one knows": Attack(
        _entries(lambda h, r: h[_one(h, r)].update(dtype=r.choice(("F8_E5M2", "BOOL", "f32", "", None, 32, "BF16"))))
    ),
    "a transposed tensor": Attack(_tensors(lambda t, r: t.update({(n := _one(t, r)): np.ascontiguousarray(t[n].T)}))),
    "another shape of as many values": Attack(
        _entries(
            lambda h, r: (e := h[_one(h, r)]).update(
                shape=r.choice(([math.prod(e["shape"])], [1, *e["shape"]], e["shape"][::-1]))
            )
        )
    ),
    "data that ends early": Attack(of_file(lambda p, w, r: p[: -r.randrange(1, 400)])),
    "data that goes on": Attack(of_file(lambda p, w, r: p + r.randbytes(r.randrange(1, 400)))),
    "a value that is no number": Attack(_tensors(lambda t, r: _put(t, r, _nan(r)))),
    "an infinite value": Attack(_tensors(lambda t, r: _put(t, r, r.choice((math.inf, -math.inf))))),
    "a huge value": Attack(_tensors(lambda t, r: _put(t, r, r.choice((1, -1)) * 10 ** r.uniform(3.01, 38)))),
    "a huge norm of small values": Attack(
        _tensors(lambda t, r: t[_one(t, r)].fill(r.choice((1, -1)) * r.uniform(40, 999)))
    ),
    "a delta that is no frame": Attack(of_delta(lambda d, r: r.randbytes(r.randrange(0, 400)))),
    "a delta that bombs": Attack(of_delta(bomb)),
    "a delta that hides its size": Attack(of_delta(no_size)),
    "a delta and something after it": Attack(of_delta(more)),
    "a changed delta": Attack(of_delta(flip), same_is_fine=True),
    "a delta cut off": Attack(of_delta(lambda d, r: d[: r.randrange(len(d))])),
    "a delta of other content": Attack(of_delta(other_content)),
    "a delta to other tensors": Attack(lambda w, r: w.delta(r, parent=w.child(r))),
    "a delta for any version": Attack(lambda w, r: w.signed(w.delta(r), replaces_any=True)),
}
"""Of manifest, file, values and delta."""
