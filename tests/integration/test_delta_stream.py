"""A real tuner front on loopback and a runtime's slot: who holds the parent gets a delta, everyone else the whole."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from coso.v1 import policy_pb2, tuner_pb2, tuner_pb2_grpc
from numpy.typing import NDArray
from safetensors.numpy import save

from agent_runtime.adapter_inbox import AdapterInbox
from agent_runtime.adapters import ENCODINGS
from agent_runtime.adapters.deltas import decode_delta
from agent_runtime.adapters.extrapolation import decode_extrapolated
from agent_runtime.adapters.signatures import ManifestSigner, ManifestVerifier
from agent_runtime.errors import AdapterError
from agent_runtime.uplink.client import TunerLink
from agent_runtime.uplink.spool import Spool
from tests.wire_world import DEADLINE_SEC, RUNTIME_IDENTITY, TOKENIZER, ServedTuner, served_tuner, until
from tuner.adapters.delta_files import DELTA_NAME, EXTRAPOLATED_NAME
from tuner.ingest.service import TunerService

Tensors = dict[str, NDArray[np.float32]]
WHOLE, DELTA, EXTRAPOLATED = ENCODINGS
SIGNER = ManifestSigner(b"k" * 32)


def versions(count: int, by: float = 1e-5) -> list[Tensors]:
    """Versions of an adapter of 480 KB, each a small step from the one before."""
    generator = np.random.default_rng(0)
    adapter = {f"{i}.lora_A.weight": generator.normal(0, 0.02, (16, 1500)).astype(np.float32) for i in range(5)}
    found = [adapter]
    while len(found) < count:
        adapter = {n: (a + generator.normal(0, by, a.shape)).astype(np.float32) for n, a in adapter.items()}
        found.append(adapter)
    return found


ADAPTERS = versions(6)
FILES = [save(adapter) for adapter in ADAPTERS]


class NumpySlot:
    """A slot with `agent_runtime.policy.adapter.AdapterSlot`'s rules of versions and digests, without a model."""

    def __init__(self, verifier: ManifestVerifier | None = None) -> None:
        self.version, self.digest, self.before_digest = 0, "", ""
        self.tensors: Tensors = {}
        self.before: Tensors = {}
        self.manifests: list[policy_pb2.AdapterManifest] = []
        self.verifier = verifier
        self.refuses = 0

    def admit(self, manifest: policy_pb2.AdapterManifest) -> None:
        """Admit every one."""

    def stage(self, manifest: policy_pb2.AdapterManifest, payload: bytes) -> tuple[int, str, bytes]:
        if self.verifier is not None:
            self.verifier.verify(manifest, time.time())
        self.manifests.append(manifest)
        assert len(payload) == manifest.payload_bytes
        assert hashlib.sha256(payload).hexdigest() == manifest.payload_sha256
        if not manifest.replaces_any and manifest.parent_version != self.version:
            raise AdapterError("Got a version of another parent.")
        if manifest.encoding == DELTA:
            payload = decode_delta(self.tensors, payload)
        if manifest.encoding == EXTRAPOLATED:
            assert manifest.grandparent_adapter_sha256 == self.before_digest
            payload = decode_extrapolated(self.before, self.tensors, payload)
        if hashlib.sha256(payload).hexdigest() != manifest.adapter_sha256:
            raise AdapterError("Got another adapter.")
        if self.refuses:
            self.refuses -= 1
            raise AdapterError("Got one that is refused once.")
        return manifest.version, manifest.adapter_sha256, payload

    def apply(self, staged: tuple[int, str, bytes]) -> None:
        self.before, self.before_digest = self.tensors, self.digest
        self.version, self.digest, payload = staged
        self.tensors = dict(next(adapter for adapter, file in zip(ADAPTERS, FILES, strict=True) if file == payload))


class Runtime:
    """A runtime's end of the link; `take` is a decision loop that waits for one version."""

    def __init__(self, address: str, folder: Path, slot: NumpySlot, encodings: Sequence[Any] = ENCODINGS) -> None:
        self.slot = slot
        self.inbox = AdapterInbox(slot)
        spool = Spool(folder)
        spool.open()
        inbox = self.inbox
        self.link = TunerLink(
            address,
            RUNTIME_IDENTITY,
            [folder.name],
            spool,
            inbox.receive,
            inbox.version,
            inbox.digest,
            encodings,
            before_digest=inbox.before_digest,
        )

    def take(self) -> int:
        """Wait for a version, put it in place, and return its number."""
        assert self.inbox.wait_for_version(DEADLINE_SEC)
        self.inbox.apply_waiting()
        return self.slot.version

    def follow(self, tuner: ServedTuner, files: Sequence[bytes], first: int = 1) -> None:
        """Put version after version in place, numbered from ``first``, as soon as each is published."""
        for version, file in enumerate(files, start=first):
            tuner.publish(version, file)
            assert self.take() == version
            assert save(self.slot.tensors) == file

    def encodings(self) -> list[Any]:
        """Return how what came was written, in order."""
        return [manifest.encoding for manifest in self.slot.manifests]

    @property
    def bytes_received(self) -> int:
        return self.link.counters.payload_bytes_received

    def close(self) -> None:
        self.inbox.close()
        self.link.close(0.0)


DAMAGES = ("gone", "truncated", "a bit")


def damage(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    path.unlink()
    if how != "gone":
        content[-1] ^= 1
        path.write_bytes(content[:-1] if how == "truncated" else content)


@pytest.fixture
def tuner(tmp_path: Path) -> Iterator[ServedTuner]:
    with served_tuner(tmp_path / "state") as served:
        yield served


@pytest.fixture
def runtime(tuner: ServedTuner, tmp_path: Path) -> Iterator[Callable[..., Runtime]]:
    made: list[Runtime] = []

    def start(slot: NumpySlot | None = None, **options: Any) -> Runtime:
        one = Runtime(tuner.address, tmp_path / f"runtime-{len(made)}", slot or NumpySlot(), **options)
        made.append(one)
        one.link.start()
        return one

    yield start
    for one in made:
        one.close()


Start = Callable[..., Runtime]


def test_a_runtime_that_follows_gets_deltas_and_ends_up_with_the_same_bytes(tuner: ServedTuner, runtime: Start) -> None:
    following = runtime()
    following.follow(tuner, FILES[:3])
    assert following.slot.digest == hashlib.sha256(FILES[2]).hexdigest()
    assert following.encodings() == [WHOLE, DELTA, EXTRAPOLATED]
    assert following.link.counters.deltas_received == 2
    sizes = [manifest.payload_bytes for manifest in following.slot.manifests]
    assert sizes[0] == len(FILES[0])
    assert all(size * 1.8 < len(FILES[0]) for size in sizes[1:])
    assert following.bytes_received == sum(sizes)


def test_one_that_holds_an_older_version_gets_the_whole(tuner: ServedTuner, runtime: Start) -> None:
    late = runtime()
    late.follow(tuner, FILES[:1])
    late.link.close(0.0)
    for version in (2, 3):
        tuner.publish(version, FILES[version - 1])
    again = runtime(late.slot)
    assert again.take() == 3
    assert again.bytes_received == len(FILES[2])
    assert late.slot.manifests[-1].replaces_any
    assert late.slot.manifests[-1].encoding == WHOLE


def test_one_that_comes_back_with_the_parent_gets_the_delta(tuner: ServedTuner, runtime: Start) -> None:
    first = runtime()
    first.follow(tuner, FILES[:1])
    first.link.close(0.0)
    tuner.publish(2, FILES[1])
    again = runtime(first.slot)
    assert again.take() == 2
    assert again.bytes_received < len(FILES[1]) / 1.8
    assert save(again.slot.tensors) == FILES[1]


def test_the_number_of_the_parent_with_other_bytes_gets_the_whole(tuner: ServedTuner, runtime: Start) -> None:
    slot = NumpySlot()
    slot.version, slot.digest, slot.tensors = 1, hashlib.sha256(FILES[5]).hexdigest(), ADAPTERS[5]
    tuner.publish(1, FILES[0])
    tuner.publish(2, FILES[1])
    other = runtime(slot)
    assert other.take() == 2
    assert slot.manifests[-1].encoding == WHOLE
    assert save(slot.tensors) == FILES[1]


def test_a_runtime_of_the_release_before_gets_whole_payloads_as_before(tuner: ServedTuner, runtime: Start) -> None:
    old = runtime(encodings=())
    old.follow(tuner, FILES[:2])
    assert old.bytes_received == len(FILES[0]) + len(FILES[1])
    last = old.slot.manifests[-1]
    assert (last.encoding, last.parent_version, last.replaces_any) == (WHOLE, 1, False)
    assert last.payload_sha256 == last.adapter_sha256 == hashlib.sha256(FILES[1]).hexdigest()


class OfTheReleaseBefore(TunerService):
    """A front that knows neither encodings nor digests of whole adapters."""

    async def FollowAdapters(self, request: Any, context: Any) -> Any:  # noqa: N802
        request.ClearField("encodings")
        request.ClearField("have_adapter_sha256")
        async for part in super().FollowAdapters(request, context):
            if part.WhichOneof("part") == "manifest":
                part.manifest.ClearField("adapter_sha256")
                part.manifest.ClearField("adapter_bytes")
            yield part


def test_a_tuner_of_the_release_before_serves_this_runtime(tmp_path: Path) -> None:
    received: list[policy_pb2.AdapterManifest] = []
    spool = Spool(tmp_path / "spool")
    spool.open()
    with served_tuner(tmp_path / "old", service=OfTheReleaseBefore) as old:
        old.publish(1, FILES[0])
        link = TunerLink(
            old.address,
            RUNTIME_IDENTITY,
            ["new"],
            spool,
            lambda manifest, payload: received.append(manifest),
            lambda: received[-1].version if received else 0,
            lambda: "",
            ENCODINGS,
        )
        link.start()
        assert until(lambda: len(received) == 1)
        old.publish(2, FILES[1])
        assert until(lambda: len(received) == 2)
        assert [(m.version, m.encoding, m.adapter_sha256) for m in received] == [(1, WHOLE, ""), (2, WHOLE, "")]
        link.close(0.0)


def test_a_delta_that_is_refused_comes_again_as_a_whole(tuner: ServedTuner, runtime: Start) -> None:
    following = runtime()
    following.follow(tuner, FILES[:1])
    following.slot.refuses = 1
    following.follow(tuner, FILES[1:2], first=2)
    assert following.encodings() == [WHOLE, DELTA, WHOLE]
    assert following.inbox.refused == 1


def test_after_a_whole_that_is_refused_the_next_version_still_comes(tuner: ServedTuner, runtime: Start) -> None:
    following = runtime()
    following.slot.refuses = 1
    tuner.publish(1, FILES[0])
    assert until(lambda: following.inbox.refused == 1)
    tuner.publish(2, FILES[1])
    assert following.take() == 2
    assert following.slot.manifests[-1].replaces_any


def encoding_after_damage(
    tuner: ServedTuner, runtime: Start, files: Sequence[bytes], folder: Path, name: str, how: str
) -> int:
    """Return how the last of the versions comes to a runtime that has the others, when one file of it was damaged."""
    first, newest = runtime(), len(files)
    first.follow(tuner, files[:-1])
    first.link.close(0.0)
    tuner.publish(newest, files[-1])
    damage(folder / f"{newest:08d}" / name, how)
    assert runtime(first.slot).take() == newest
    return first.slot.manifests[-1].encoding


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_delta_is_not_sent(how: str, tuner: ServedTuner, runtime: Start, tmp_path: Path) -> None:
    folder = tmp_path / "state" / "adapters"
    assert encoding_after_damage(tuner, runtime, FILES[:2], folder, DELTA_NAME, how) == WHOLE


def test_noise_and_strangers_have_no_delta(tuner: ServedTuner, tmp_path: Path) -> None:
    far = {name: array[::-1].copy() for name, array in ADAPTERS[0].items()}
    for version, payload in enumerate((FILES[0], save(far), b"no adapter at all", FILES[0]), start=1):
        tuner.publish(version, payload)
    assert list((tmp_path / "state" / "adapters").glob(f"*/{DELTA_NAME}")) == []


def test_every_manifest_that_goes_out_is_signed_for_what_it_carries(tmp_path: Path) -> None:
    class Signing(TunerService):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, lambda manifest: SIGNER.sign(manifest, time.time()))

    own, another = (ManifestVerifier(signer.public_key) for signer in (SIGNER, ManifestSigner(bytes(32))))
    with (
        served_tuner(tmp_path / "signing", service=Signing) as tuner,
        closing(Runtime(tuner.address, tmp_path / "trusting", NumpySlot(own))) as trusting,
        closing(Runtime(tuner.address, tmp_path / "doubting", NumpySlot(another))) as doubting,
    ):
        tuner.publish(1, FILES[0])
        for one in (trusting, doubting):
            one.link.start()
        assert trusting.take() == 1
        assert until(lambda: doubting.inbox.refused == 1)
        trusting.follow(tuner, FILES[1:2], first=2)
        assert trusting.encodings() == [WHOLE, DELTA]
        assert {manifest.tokenizer_digest for manifest in trusting.slot.manifests} == {TOKENIZER}
        assert doubting.slot.version == 0


def test_what_the_wire_carries_is_the_delta_and_little_more(tuner: ServedTuner) -> None:
    tuner.publish(1, FILES[0])
    tuner.publish(2, FILES[1])
    request = tuner_pb2.FollowAdaptersRequest(
        have_version=1, encodings=ENCODINGS, have_adapter_sha256=hashlib.sha256(FILES[0]).hexdigest()
    )
    with grpc.insecure_channel(tuner.address) as channel:
        call = tuner_pb2_grpc.TunerServiceStub(channel).FollowAdapters(request, timeout=DEADLINE_SEC)
        parts = [next(call)]
        while sum(len(part.chunk.data) for part in parts) < parts[0].manifest.payload_bytes:
            parts.append(next(call))
        call.cancel()
    wire_bytes = sum(part.ByteSize() for part in parts)
    assert parts[0].manifest.adapter_bytes == len(FILES[1])
    assert wire_bytes < parts[0].manifest.payload_bytes + 1000
    assert wire_bytes * 1.8 < len(FILES[1])


# --- the delta that needs the version before the parent too


def striding(count: int) -> list[Tensors]:
    """As ``versions``, whose steps are alike, as an optimizer's with momentum are."""
    generator = np.random.default_rng(3)
    adapter, step = ADAPTERS[0], {n: generator.normal(0, 1e-5, a.shape) for n, a in ADAPTERS[0].items()}
    found = [adapter]
    while len(found) < count:
        step = {n: 0.9 * a + generator.normal(0, 1e-6, a.shape) for n, a in step.items()}
        adapter = {n: (a + step[n]).astype(np.float32) for n, a in adapter.items()}
        found.append(adapter)
    return found


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Four versions' files."""
    adapters = striding(4)
    files = [save(adapter) for adapter in adapters]
    monkeypatch.setattr(f"{__name__}.ADAPTERS", adapters)
    monkeypatch.setattr(f"{__name__}.FILES", files)
    return files


def test_one_that_holds_the_version_before_too_gets_less_and_the_same_bytes(
    tuner: ServedTuner, runtime: Start, steps: list[bytes]
) -> None:
    following, plain = runtime(), runtime(encodings=(WHOLE, DELTA))
    for version, file in enumerate(steps, start=1):
        tuner.publish(version, file)
        for one in (following, plain):
            assert one.take() == version
            assert save(one.slot.tensors) == file
    assert following.encodings() == [WHOLE, DELTA, EXTRAPOLATED, EXTRAPOLATED]
    assert plain.encodings() == [WHOLE, DELTA, DELTA, DELTA]
    assert following.link.counters.deltas_received == 3
    last, without = following.slot.manifests[-1], plain.slot.manifests[-1]
    assert last.payload_bytes < 0.8 * without.payload_bytes
    assert last.grandparent_adapter_sha256 == hashlib.sha256(steps[1]).hexdigest()
    assert not without.grandparent_adapter_sha256


class WithoutExtrapolation(TunerService):
    """A front that knows deltas to the parent and nothing of what came since."""

    async def FollowAdapters(self, request: Any, context: Any) -> Any:  # noqa: N802
        request.ClearField("before_adapter_sha256")
        request.encodings.remove(EXTRAPOLATED)
        async for part in super().FollowAdapters(request, context):
            yield part


def test_a_tuner_that_does_not_know_it_sends_the_delta_to_the_parent(tmp_path: Path, steps: list[bytes]) -> None:
    with (
        served_tuner(tmp_path / "old", service=WithoutExtrapolation) as old,
        closing(Runtime(old.address, tmp_path / "new", NumpySlot())) as new,
    ):
        new.link.start()
        new.follow(old, steps)
        assert new.encodings() == [WHOLE, DELTA, DELTA, DELTA]


def test_one_that_comes_back_gets_it_only_while_it_holds_both(
    tuner: ServedTuner, runtime: Start, steps: list[bytes]
) -> None:
    first = runtime()
    first.follow(tuner, steps[:2])
    first.link.close(0.0)
    tuner.publish(3, steps[2])
    again = runtime(first.slot)
    assert again.take() == 3
    again.link.close(0.0)
    first.slot.before, first.slot.before_digest = {}, ""  # as after a start with what is in place
    tuner.publish(4, steps[3])
    restarted = runtime(first.slot)
    assert restarted.take() == 4
    assert first.encodings()[1:] == [DELTA, EXTRAPOLATED, DELTA]


def test_one_that_skipped_the_version_before_gets_the_delta_to_the_parent(
    tuner: ServedTuner, runtime: Start, steps: list[bytes]
) -> None:
    first = runtime()
    first.follow(tuner, steps[:1])
    first.link.close(0.0)
    for version in (2, 3):
        tuner.publish(version, steps[version - 1])
    again = runtime(first.slot)
    assert again.take() == 3
    again.follow(tuner, steps[3:], first=4)
    assert first.encodings() == [WHOLE, WHOLE, DELTA]


def test_one_that_is_refused_is_asked_for_whole_and_the_next_is_extrapolated_again(
    tuner: ServedTuner, runtime: Start, steps: list[bytes]
) -> None:
    following = runtime()
    following.follow(tuner, steps[:2])
    following.slot.refuses = 1
    following.follow(tuner, steps[2:3], first=3)
    following.link.close(0.0)
    again = runtime(following.slot)
    again.follow(tuner, steps[3:], first=4)
    assert again.encodings() == [WHOLE, DELTA, EXTRAPOLATED, WHOLE, EXTRAPOLATED]


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_one_is_not_sent_but_the_delta_to_the_parent(
    how: str, tuner: ServedTuner, runtime: Start, tmp_path: Path, steps: list[bytes]
) -> None:
    folder = tmp_path / "state" / "adapters"
    assert encoding_after_damage(tuner, runtime, steps[:3], folder, EXTRAPOLATED_NAME, how) == DELTA
