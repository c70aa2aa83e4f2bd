"""Adapter versions whose signature, or whose way down the stream, is the fault, each class drawn by a seed.

Of ``SIGNATURES`` nothing may even be parsed; ``TRANSPORT`` are good versions that do not arrive as they were sent.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from coso.v1 import policy_pb2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent_runtime.adapters.signatures import ManifestSigner, key_id, signed_bytes
from benchmarks.adapter_attacks import FAULTS, Attack, Make, bomb, flip, nested, of_delta, of_file
from benchmarks.adapter_extrapolations import EXTRAPOLATIONS, of_extrapolated
from benchmarks.adapter_world import Sent, World

_ORDER: Final = 2**252 + 27742317777372353535851937790883648493
"""Of Ed25519's group (RFC 8032, section 5.1): s + order is the second form of a signature that a check must refuse."""


def _unsigned(change: Callable[[World, Sent, random.Random], object]) -> Make:
    """Change a version, in any of the encodings, after it was signed."""

    def make(world: World, rng: random.Random) -> Sent:
        sent = world.good(rng)
        change(world, sent, rng)
        return sent

    return make


def _foreign(world: World, sent: Sent, rng: random.Random) -> None:
    ManifestSigner(rng.randbytes(32)).sign(sent.manifest, world.now_sec)


def _claimed(world: World, sent: Sent, rng: random.Random) -> None:
    sent.manifest.signing_key_id = world.signer.key_id
    sent.manifest.signature = Ed25519PrivateKey.from_private_bytes(rng.randbytes(32)).sign(signed_bytes(sent.manifest))


def _malleated(world: World, sent: Sent, rng: random.Random) -> None:
    signature = sent.manifest.signature
    scalar = int.from_bytes(signature[32:], "little") + _ORDER
    sent.manifest.signature = signature[:32] + scalar.to_bytes(32, "little")


def _expired(world: World, sent: Sent, rng: random.Random) -> None:
    world.signer.sign(sent.manifest, world.now_sec - 31 * 24 * 3600 - rng.randrange(10**8))


def _without_prefix(world: World, sent: Sent, rng: random.Random) -> None:
    bare = signed_bytes(sent.manifest).partition(b"\x00")[2]
    sent.manifest.signature = Ed25519PrivateKey.from_private_bytes(world.private_key).sign(bare)


def _far_version(world: World, sent: Sent, rng: random.Random) -> None:
    sent.manifest.version = rng.randrange(100, 1 << 63)
    _claimed(world, sent, rng)


def _resized(world: World, sent: Sent, rng: random.Random) -> None:
    signature = sent.manifest.signature
    sent.manifest.signature = rng.choice((signature[: rng.randrange(1, 64)], signature + rng.randbytes(3), bytes(64)))


def _changed(world: World, sent: Sent, rng: random.Random) -> None:
    """Change any one field, of those a tuner fills in, to another value of its type."""
    changes: list[Callable[[policy_pb2.AdapterManifest], object]] = [
        lambda m: setattr(m, "version", m.version + 1 + rng.randrange(1000)),
        lambda m: setattr(m, "parent_version", rng.randrange(10**6, 10**9)),
        lambda m: setattr(m, "replaces_any", not m.replaces_any),
        lambda m: setattr(m, "optimizer_steps", rng.getrandbits(40)),
        lambda m: setattr(m, "rolled_back_to", 1 + rng.randrange(4)),
        lambda m: setattr(m.expires_at, "seconds", m.expires_at.seconds + 1 + rng.randrange(10**6)),
        lambda m: setattr(m.published_at, "seconds", 1 + rng.randrange(10**9)),
        lambda m: setattr(m.lora, "lora_alpha", m.lora.lora_alpha * 1.5),
        lambda m: setattr(m, "adapter_bytes", m.adapter_bytes + 1),
        lambda m: m.MergeFromString(b"\xf2\x3f\x02" + rng.randbytes(2)),  # field 1022, of no release so far
    ]
    rng.choice(changes)(sent.manifest)


def _swapped(world: World, sent: Sent, rng: random.Random) -> None:
    sent.manifest.signature = world.next_version(rng).manifest.signature


def _bare(sent: Sent) -> tuple[policy_pb2.AdapterManifest, bytes]:
    sent.manifest.ClearField("signature")
    return sent.manifest, sent.payload


SIGNATURES: Final[dict[str, Attack]] = {
    "no signature": Attack(_unsigned(lambda w, s, r: s.manifest.ClearField("signature"))),
    "a foreign key": Attack(_unsigned(_foreign)),
    "a foreign key under our key's name": Attack(_unsigned(_claimed)),
    "our key under a foreign name": Attack(
        _unsigned(lambda w, s, r: setattr(s.manifest, "signing_key_id", key_id(r.randbytes(32))))
    ),
    "a changed signature": Attack(
        _unsigned(lambda w, s, r: setattr(s.manifest, "signature", flip(s.manifest.signature, r)))
    ),
    "a signature of another length": Attack(_unsigned(_resized)),
    "a signature in its second form": Attack(_unsigned(_malleated)),
    "a signature without the prefix": Attack(_unsigned(_without_prefix)),
    "another version's signature": Attack(_unsigned(_swapped)),
    "a version far ahead under a foreign key": Attack(_unsigned(_far_version)),
    "an expired signature": Attack(_unsigned(_expired)),
    "a field changed after signing": Attack(_unsigned(_changed)),
    "unsigned, and the header bad too": Attack(lambda w, r: Sent(*_bare(of_file(nested)(w, r)))),
    "unsigned, and the delta a bomb": Attack(lambda w, r: Sent(*_bare(of_delta(bomb)(w, r)))),
    "unsigned, and the extrapolated delta a bomb": Attack(lambda w, r: Sent(*_bare(of_extrapolated(bomb)(w, r)))),
}


def _chunks(change: Callable[[list[tuple[int, bytes]], random.Random], object]) -> Make:
    def make(world: World, rng: random.Random) -> Sent:
        sent = world.next_version(rng)
        third = -(-len(sent.payload) // 3)
        chunks = [(place, sent.payload[place : place + third]) for place in range(0, len(sent.payload), third)]
        change(chunks, rng)
        return Sent(sent.manifest, sent.payload, tuple(chunks))

    return make


def _reorder(chunks: list[tuple[int, bytes]], rng: random.Random) -> None:
    first, second = rng.sample(range(len(chunks)), 2)
    chunks[first], chunks[second] = chunks[second], chunks[first]


def _repeat(chunks: list[tuple[int, bytes]], rng: random.Random) -> None:
    chunks.insert(rng.randrange(3), chunks[rng.randrange(2)])
    _reorder(chunks, rng)


def _overlap(chunks: list[tuple[int, bytes]], rng: random.Random) -> None:
    number = rng.randrange(1, len(chunks))
    chunks[number] = chunks[number][0] - rng.randrange(1, 100), chunks[number][1]


def _swap_content(chunks: list[tuple[int, bytes]], rng: random.Random) -> None:
    number = rng.randrange(len(chunks))
    chunks[number] = chunks[number][0], flip(chunks[number][1], rng)


TRANSPORT: Final[dict[str, Attack]] = {
    "chunks out of order": Attack(_chunks(_reorder)),
    "chunks that overlap": Attack(_chunks(_overlap)),
    "a chunk twice": Attack(_chunks(_repeat), same_is_fine=True),
    "a missing chunk": Attack(_chunks(lambda c, r: c.pop(r.randrange(3)))),
    "a chunk beyond the end": Attack(_chunks(lambda c, r: c.__setitem__(2, (c[2][0], c[2][1] + r.randbytes(9))))),
    "a chunk changed on its way": Attack(_chunks(_swap_content)),
}
ATTACKS: Final = {**SIGNATURES, **FAULTS, **EXTRAPOLATIONS, **TRANSPORT}
