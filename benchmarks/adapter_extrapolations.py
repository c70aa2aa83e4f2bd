"""The classes of bad adapter versions whose delta needs the version before the parent too, each drawn by a seed.

As in `adapter_attacks` the tuner's own key has signed them.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

import zstandard
from coso.v1 import policy_pb2

from agent_runtime.adapters.layout import float32_layout
from benchmarks.adapter_attacks import DELTA, TRICKS, Attack, Make, bomb, flip, more, no_size, other_content
from benchmarks.adapter_world import RANK, Sent, World

EXTRAPOLATED: Final = policy_pb2.ADAPTER_ENCODING_EXTRAPOLATED_ZSTD


def of_extrapolated(change: Callable[[bytes, random.Random], bytes]) -> Make:
    """Change an extrapolated delta; digests, size and the signature are those of what was made."""

    def make(world: World, rng: random.Random) -> Sent:
        sent = world.extrapolated(rng)
        return world.signed(Sent(sent.manifest, change(sent.payload, rng)), resize=True)

    return make


def _grandparent(world: World, rng: random.Random) -> Sent:
    sent, of_use = world.extrapolated(rng), world.slot.digest
    sent.manifest.grandparent_adapter_sha256 = rng.choice(
        ("", of_use, rng.randbytes(32).hex(), world.slot.before_digest.upper(), *TRICKS)
    )
    return world.signed(sent)


def _other_told(delta: bytes, rng: random.Random) -> bytes:
    """Change a byte of what is told of the first tensor: coefficient, size, or offset."""
    content = zstandard.ZstdDecompressor().decompress(delta)
    begin = float32_layout(content).data_offset_bytes
    changed = bytearray(content)
    place = begin + rng.randrange(2 * RANK)
    changed[place] = rng.choice([value for value in (0, 127, 128, 255) if value != changed[place]])
    return zstandard.ZstdCompressor().compress(bytes(changed))


def _claims(world: World, rng: random.Random, claimed: policy_pb2.AdapterEncoding) -> Sent:
    """Return a delta of one kind that is said to be one of the other."""
    sent = world.delta(rng) if claimed == EXTRAPOLATED else world.extrapolated(rng)
    sent.manifest.encoding = claimed
    sent.manifest.grandparent_adapter_sha256 = world.slot.before_digest
    return world.signed(sent)


EXTRAPOLATIONS: Final[dict[str, Attack]] = {
    "an extrapolated delta that is no frame": Attack(of_extrapolated(lambda d, r: r.randbytes(r.randrange(0, 400)))),
    "an extrapolated delta that bombs": Attack(of_extrapolated(bomb)),
    "an extrapolated delta that hides its size": Attack(of_extrapolated(no_size)),
    "an extrapolated delta and something after it": Attack(of_extrapolated(more)),
    "a changed extrapolated delta": Attack(of_extrapolated(flip), same_is_fine=True),
    "an extrapolated delta cut off": Attack(of_extrapolated(lambda d, r: d[: r.randrange(len(d))])),
    "an extrapolated delta of other content": Attack(of_extrapolated(other_content)),
    "another coefficient or size": Attack(of_extrapolated(_other_told), same_is_fine=True),
    "another grandparent": Attack(_grandparent),
    "an extrapolated delta to another grandparent's tensors": Attack(lambda w, r: w.extrapolated(r, before=w.child(r))),
    "an extrapolated delta to another parent's tensors": Attack(lambda w, r: w.extrapolated(r, parent=w.child(r))),
    "an extrapolated delta for any version": Attack(lambda w, r: w.signed(w.extrapolated(r), replaces_any=True)),
    "an extrapolated delta after a restart": Attack(lambda w, r: w.extrapolated(r), restarts=True),
    "a delta said to be extrapolated": Attack(lambda w, r: _claims(w, r, EXTRAPOLATED)),
    "an extrapolated delta said to be plain": Attack(lambda w, r: _claims(w, r, DELTA)),
}
"""Of frame, content, what is told of the tensors, and the two versions it needs."""
