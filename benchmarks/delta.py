"""How long a new adapter takes from the learner's tensors into the runtime's, beside PEFT save + load. Measures only.

Ours is the whole way: tensors to bytes, the store's publish (fsynced), the learner's word to the front (`tuner serve`
in a process of its own), FollowAdapters over loopback, every check, and the copy between two decisions. This process
plays the learner and the runtime: what it writes into a pipe reaches the front as its learner's output.
PEFT's is what its documentation tells a user to do: save_pretrained, load_adapter under a new name, set_adapter, and
delete_adapter of the old one; nothing is fsynced, hashed or sent. The floor sends the same number of bytes over a
loopback socket, hashes them once and copies them into place.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import statistics
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Final

import torch
from coso.v1 import policy_pb2
from torch import Tensor
from transformers import Qwen3Config, Qwen3ForCausalLM

from agent_runtime.adapter_inbox import AdapterInbox
from agent_runtime.adapters.payload import float32_file
from agent_runtime.policy.adapter import AdapterSlot
from agent_runtime.policy.lora import adapter_tensors, attach_lora
from agent_runtime.uplink.client import TunerLink
from agent_runtime.uplink.spool import Spool
from benchmarks.front import identity_of, running_front, write_checkpoint
from benchmarks.measures import Measure, in_turn, json_option, report
from tuner.adapters.store import AdapterStore

PEFT_BAR: Final = 0.1
FLOOR_BAR: Final = 3.0
PAUSE_MS_BAR: Final = 5.0
ROUNDS: Final = 15
LAYERS: Final = 28
HIDDEN_SIZE, INTERMEDIATE_SIZE, HEAD_SIZE = 256, 768, 64
"""With the rank below: 392 tensors, as many as for Qwen3-VL-2B, and 8.7 MB."""
LORA_R, LORA_ALPHA = 16, 32.0
TARGET_MODULES: Final = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
DEADLINE_SEC: Final = 60.0


def base_model() -> Any:
    """Return a random language model."""
    config = Qwen3Config(
        vocab_size=1024,
        hidden_size=HIDDEN_SIZE,
        intermediate_size=INTERMEDIATE_SIZE,
        num_hidden_layers=LAYERS,
        num_attention_heads=HIDDEN_SIZE // HEAD_SIZE,
        num_key_value_heads=HIDDEN_SIZE // HEAD_SIZE // 2,
        head_dim=HEAD_SIZE,
        tie_word_embeddings=True,
    )
    torch.manual_seed(0)
    return Qwen3ForCausalLM(config)


def random_adapter(model: Any, seed: int) -> dict[str, Tensor]:
    """Return random tensors of the adapter's shapes."""
    generator = torch.Generator().manual_seed(seed)
    shapes = {name: tensor.shape for name, tensor in adapter_tensors(model).items()}
    return {name: torch.randn(shape, generator=generator) * 0.02 for name, shape in shapes.items()}


class Delivery:
    """Our way: publishes as the learner does and applies as the runtime's loop does."""

    def __init__(self, store: AdapterStore, words_to_front: int, slot: AdapterSlot, base_model_digest: str) -> None:
        self.slot = slot
        self.adapters: Sequence[Mapping[str, Tensor]] = []
        """Published one after another, over and over."""
        self.inbox = AdapterInbox(slot)
        self.publications_ms: list[float] = []
        self.pauses_ms: list[float] = []
        self._store = store
        self._words_to_front = words_to_front
        self._base_model_digest = base_model_digest

    def adapter(self, version: int) -> Mapping[str, Tensor]:
        """Return what a version holds."""
        return self.adapters[version % len(self.adapters)]

    def deliver(self) -> None:
        """Bring the next version into the slot's model.

        Raises:
            TimeoutError: it did not arrive.
        """
        started_sec = time.perf_counter()
        version = self.slot.version + 1
        manifest = policy_pb2.AdapterManifest(
            version=version,
            parent_version=version - 1,
            base_model_digest=self._base_model_digest,
            lora=policy_pb2.LoraConfig(r=LORA_R, lora_alpha=LORA_ALPHA, target_modules=TARGET_MODULES),
        )
        payload = float32_file({name: tensor.numpy() for name, tensor in self.adapter(version).items()})
        self._store.publish(manifest, payload)
        self.publications_ms.append(1e3 * (time.perf_counter() - started_sec))
        os.write(self._words_to_front, json.dumps({"event": "published", "version": version}).encode() + b"\n")
        if not self.inbox.wait_for_version(DEADLINE_SEC):
            raise TimeoutError(f"version {version} did not arrive within {DEADLINE_SEC:g} s")
        started_sec = time.perf_counter()
        self.inbox.apply_waiting()  # the slot's lock, which every decision needs, is held for about as long
        self.pauses_ms.append(1e3 * (time.perf_counter() - started_sec))
        assert self.slot.version == version, "the version was refused"


class Floor:
    """The least there is to do: a socket, one hash, one copy. A thread sends, the caller receives."""

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self._live = [tensor.clone() for tensor in tensors]
        self._payload = b"".join(tensor.numpy().tobytes() for tensor in tensors)
        self._received = bytearray(len(self._payload))
        parts = torch.split(torch.frombuffer(self._received, dtype=torch.float32), [part.numel() for part in tensors])
        self._views = [part.view_as(tensor) for part, tensor in zip(parts, tensors, strict=True)]
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self._socket = socket.create_connection(listening.getsockname())
            self._sending, _ = listening.accept()
        threading.Thread(target=self._send, name="floor", daemon=True).start()

    def move(self) -> None:
        """Ask for the bytes, receive, hash and copy them."""
        self._socket.sendall(b"?")
        rest = memoryview(self._received)
        while rest:
            rest = rest[self._socket.recv_into(rest) :]
        hashlib.sha256(self._received).digest()
        torch._foreach_copy_(self._live, self._views)

    def close(self) -> None:
        """End the connection and with it the thread."""
        self._socket.close()

    def _send(self) -> None:
        with self._sending:
            while self._sending.recv(1):
                self._sending.sendall(self._payload)


class PeftReload:
    """PEFT's way, from the model that learned to another one that answers."""

    def __init__(self, learning_model: Any, answering_model: Any, folder: Path) -> None:
        self._learning_model = learning_model
        self._answering_model = answering_model
        self._folder = folder
        self._count = 0

    def reload(self) -> None:
        """Save one model's adapter and have the other use it."""
        self._count += 1
        old, new = self._answering_model.active_adapter, f"version-{self._count}"
        self._learning_model.save_pretrained(self._folder)
        self._answering_model.load_adapter(self._folder, new)
        self._answering_model.set_adapter(new)
        self._answering_model.delete_adapter(old)


@contextmanager
def running_delivery(folder: Path) -> Iterator[Delivery]:
    """Start a front and a runtime's end of the link to it."""
    checkpoint = write_checkpoint(folder / "checkpoint")
    identity = identity_of(checkpoint)
    spool = Spool(folder / "spool")
    spool.open()
    pipe = folder / "learner"
    os.mkfifo(pipe)
    words_to_front = os.open(pipe, os.O_RDWR)  # both ways, so that opening does not wait for a reader
    slot = AdapterSlot(base_model(), identity.base_model_digest)
    store = AdapterStore(folder / "state" / "adapters")
    delivery = Delivery(store, words_to_front, slot, identity.base_model_digest)
    with ExitStack() as stack:
        front = stack.enter_context(running_front(folder / "state", checkpoint, ["cat", str(pipe)]))
        stack.callback(os.close, words_to_front)  # ends the stand-in, which cannot be told to stop
        link = TunerLink(front.address, identity, ["benchmark"], spool, delivery.inbox.receive, delivery.inbox.version)
        link.start()
        stack.callback(link.close, 0.0)
        stack.callback(delivery.inbox.close)
        link.wait_registered(DEADLINE_SEC)
        yield delivery


def measure(folder: Path) -> tuple[list[Measure], float]:
    """Return the figures and how long publishing alone takes; the last version must be in place, bit for bit."""
    answering_model = attach_lora(base_model(), LORA_R, LORA_ALPHA, TARGET_MODULES, seed=0)
    with running_delivery(folder) as delivery:
        delivery.adapters = [random_adapter(answering_model, seed) for seed in range(2)]
        delivery.deliver()  # the first version attaches the LoRA layers
        peft = PeftReload(delivery.slot.model, answering_model, folder / "peft")
        with closing(Floor(list(delivery.adapters[0].values()))) as floor:
            works = {"ours": delivery.deliver, "floor": floor.move, "peft": peft.reload}
            in_turn(1, works)  # all warm
            delivery.pauses_ms.clear()
            rounds = in_turn(ROUNDS, works)
        live, expected = adapter_tensors(delivery.slot.model), delivery.adapter(delivery.slot.version)
        assert all(torch.equal(live[name], tensor) for name, tensor in expected.items()), "another adapter is in place"
    ours_ms, pause_ms = rounds.median_ms("ours"), statistics.median(delivery.pauses_ms)
    whole = "publish → verified → applied"
    peft_name = f"{whole} / PEFT save + load ({rounds.median_ms('peft'):.3g} ms)"
    floor_name = f"{whole} / socket + hash + copy ({rounds.median_ms('floor'):.3g} ms)"
    measures = [
        Measure(peft_name, rounds.median_ratio("ours", "peft"), PEFT_BAR, "lower", ours_ms, "ms"),
        Measure(floor_name, rounds.median_ratio("ours", "floor"), FLOOR_BAR, "lower", ours_ms, "ms"),
        Measure("pause of generation", pause_ms / PAUSE_MS_BAR, 1.0, "lower", pause_ms, "ms"),
    ]
    return measures, statistics.median(delivery.publications_ms)


def main() -> int:
    """Measure, tell, and return the exit code."""
    json_path = json_option("delta", __doc__)
    warnings.filterwarnings("ignore", message="You have passed exclude_modules", category=UserWarning)
    warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated", category=FutureWarning)
    with tempfile.TemporaryDirectory() as folder:
        measures, publication_ms = measure(Path(folder))
    title = f"Adapter of {LAYERS} layers, rank {LORA_R}; bytes made and published durably in {publication_ms:.3g} ms"
    return report(title, measures, json_path)


if __name__ == "__main__":
    sys.exit(main())
