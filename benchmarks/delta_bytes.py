"""How many bytes an adapter's delta has against the whole adapter, on real AdamW updates. Measures only.

The small VLM gets a LoRA of rank 16 and learns, at AdamW's 1e-4, to say sampled actions about sampled pictures: the
gradients are real, the task is not. A push is what changed over 1 or over 20 optimizer steps; its size depends on how
far training has come, because early on B is near zero, where float32 has many more places than a step needs, so every
figure names the adapter's age. Every delta must give the adapter back bit for bit.

A runtime that follows holds the parent and the version before it and gets the extrapolated delta, which is measured
against the bars; beside it stands what one gets that holds the parent alone. "entropy" is the least bytes that any code
of the latter can reach that sees, of each word, the parent's exponent and the difference in units of the last place.
"""

from __future__ import annotations

import io
import random
import statistics
import sys
import warnings
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save

from agent_runtime.actions import Tap, TypeText, grammar_named
from agent_runtime.adapters.deltas import decode_delta, encode_delta
from agent_runtime.adapters.extrapolation import decode_extrapolated, encode_extrapolated
from agent_runtime.policy.checkpoint import load_model
from agent_runtime.policy.identity import agent_defaults, resolve_checkpoint
from agent_runtime.policy.lora import adapter_tensors, attach_lora
from agent_runtime.policy.prompt import PromptBuilder
from agent_runtime.policy.score import Utterance, score_utterances
from benchmarks.measures import Measure, json_option, report, timed_ms

LEARNING_RATE: Final = 1e-4
LORA_R, LORA_ALPHA = 16, 32.0
TARGET_MODULES: Final = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
BATCH, UTTERANCES, PICTURES = 4, 64, 16
AGES: Final = (200, 1000)
"""Optimizer steps before the first push."""
BARS: Final = {1: 2.0, 20: 1.5}
"""By optimizer steps a push: how many times smaller than the whole adapter."""
REPEATS: Final = 5
Version = tuple[bytes, dict[str, NDArray[Any]]]
"""A file, and its tensors by name."""
WORDS: Final = ("open", "settings", "turn", "wifi", "alarm", "note", "buy", "cart", "search", "back", "home", "button")


class Training:
    """The small VLM with its LoRA tensors and optimizer."""

    def __init__(self) -> None:
        folder = resolve_checkpoint("small-vlm")
        defaults = agent_defaults(folder)
        grammar, loaded = grammar_named(defaults.grammar), load_model(folder, "none")
        self._rng = random.Random(0)
        self._prompts = PromptBuilder(loaded.encoder, grammar, defaults.prompt_style)
        pictures = [self._picture(defaults.image_size_px or (128, 224)) for _ in range(PICTURES)]
        self._items = [self._item(grammar, loaded.encoder.tokenizer, pictures) for _ in range(UTTERANCES)]
        self._model = attach_lora(loaded.model, LORA_R, LORA_ALPHA, TARGET_MODULES, seed=0)
        self._parameters = [parameter for parameter in self._model.parameters() if parameter.requires_grad]
        self._optimizer = torch.optim.AdamW(self._parameters, lr=LEARNING_RATE, weight_decay=0.0)

    def steps(self, count: int) -> None:
        """Take optimizer steps on −w·log π, as the tuner's policy update does."""
        for _ in range(count):
            batch = self._rng.sample(self._items, BATCH)
            scores = score_utterances(self._model, self._prompts, [utterance for utterance, _ in batch])
            log_probs = scores.logits.log_softmax(-1).gather(-1, scores.token_ids.unsqueeze(-1)).squeeze(-1)  # [B, T]
            weights = torch.tensor([weight for _, weight in batch])
            loss = -(weights * (log_probs * scores.mask).sum(1)).mean()
            self._optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self._parameters, 1.0)
            self._optimizer.step()

    def version(self) -> Version:
        """Return the adapter as it is published, and a copy of its tensors."""
        tensors = {name: tensor.detach().contiguous() for name, tensor in adapter_tensors(self._model).items()}
        return bytes(save(tensors)), {name: tensor.numpy().copy() for name, tensor in tensors.items()}

    def _picture(self, size_px: tuple[int, int]) -> bytes:
        noise = Image.frombytes("RGB", (14, 8), self._rng.randbytes(14 * 8 * 3))
        file = io.BytesIO()
        noise.resize(size_px, Image.Resampling.NEAREST).save(file, "PNG")
        return file.getvalue()

    def _item(self, grammar: Any, tokenizer: Any, pictures: list[bytes]) -> tuple[Utterance, float]:
        rng = self._rng
        action = rng.choice([Tap(rng.random(), rng.random()), TypeText(rng.choice(WORDS))])
        ids = tokenizer.encode(grammar.render(action, " ".join(rng.choices(WORDS, k=5))))
        prompt = "Goal: " + " ".join(rng.choices(WORDS, k=4))
        return Utterance(prompt, rng.choice(pictures), (*ids, tokenizer.eos_token_id)), rng.random()


def entropy_ratio(parent: NDArray[Any], child: NDArray[Any]) -> float:
    """Return 32 bits over the mean entropy of a word's difference, given its parent's exponent.

    A difference counts as its bit length and next four bits, the rest as incompressible.
    """
    words, total_bits = parent.view(np.uint32), 0.0
    difference = np.abs(_ordered(child) - _ordered(parent)).astype(np.float64)
    mantissas, lengths = np.frexp(difference)
    rest = np.maximum(lengths - 5, 0)
    symbols = lengths * 64 + (mantissas * 32).astype(np.int64)
    exponents = (words >> np.uint32(23)) & np.uint32(255)
    for exponent in np.unique(exponents):
        chosen = exponents == exponent
        counts = np.bincount(symbols[chosen])
        counts = counts[counts > 0]
        signs = np.count_nonzero(difference[chosen])
        total_bits += float(-(counts * np.log2(counts / counts.sum())).sum() + rest[chosen].sum() + signs)
    return 32 * parent.size / total_bits


def _ordered(words: NDArray[Any]) -> NDArray[np.int64]:
    bits = words.view(np.int32).astype(np.int64)
    return np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)


def push(training: Training, steps: int, before: Version, parent: Version) -> tuple[float, float, float, int]:
    """Take steps and measure what a follower gets.

    Returns how many times smaller the extrapolated delta is, how many times the delta to the parent alone, by how much
    that could be, and the former's bytes.
    """
    training.steps(steps)
    file, child = training.version()
    plain = encode_delta(parent[0], file)
    assert plain is None or decode_delta(parent[1], plain) == file, "the delta does not give the adapter back"
    delta = encode_extrapolated(before[0], parent[0], file)
    assert decode_extrapolated(before[1], parent[1], delta) == file, "the delta does not give the adapter back"
    flat = [np.concatenate([tensors[name].ravel() for name in sorted(tensors)]) for tensors in (parent[1], child)]
    return len(file) / len(delta), len(file) / len(plain or file), entropy_ratio(*flat), len(delta)


def measure(training: Training) -> list[Measure]:
    """Measure both kinds of push at every age; before each there is one that is not counted, to have two versions."""
    found, age = [], 0
    for wanted in AGES:
        training.steps(wanted - age)
        age = wanted
        for steps, bar in BARS.items():
            versions = [training.version()]
            training.steps(steps)
            versions.append(training.version())
            pushes = []
            for _ in range(REPEATS if steps == 1 else 1):
                pushes.append(push(training, steps, *versions))
                versions = [versions[1], training.version()]
            age += steps * (1 + len(pushes))
            ratio, plain, entropy, size = (statistics.median(values) for values in zip(*pushes, strict=True))
            name = (
                f"{steps} step{'s' if steps > 1 else ''} a push after {wanted}: whole / delta "
                f"(to the parent alone {plain:.3g}, its entropy {entropy:.3g})"
            )
            found.append(Measure(name, ratio, bar, "higher", size / 1024, "KiB"))
            print(found[-1], flush=True)
    return found


def cost_ms(training: Training) -> dict[str, tuple[float, float]]:
    """Return the milliseconds of encoding and of decoding a push of 20 steps, by kind of delta."""
    before, befores = training.version()
    training.steps(20)
    parent, parents = training.version()
    training.steps(20)
    file, _ = training.version()
    plain, delta = encode_delta(parent, file), encode_extrapolated(before, parent, file)
    return {
        "extrapolated": (
            _median_ms(lambda: encode_extrapolated(before, parent, file)),
            _median_ms(lambda: decode_extrapolated(befores, parents, delta)),
        ),
        "to the parent alone": (
            _median_ms(lambda: encode_delta(parent, file)),
            _median_ms(lambda: decode_delta(parents, plain)) if plain else 0.0,
        ),
    }


def _median_ms(act: Callable[[], object]) -> float:
    return statistics.median(timed_ms(act) for _ in range(5))


def main() -> int:
    """Measure, tell, and return the exit code."""
    json_path = json_option("delta_bytes", __doc__)
    warnings.filterwarnings("ignore", message="You have passed exclude_modules", category=UserWarning)
    warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated", category=FutureWarning)
    torch.set_num_threads(1)
    training = Training()
    measures = measure(training)
    whole = len(training.version()[0]) / 1024
    cost = "; ".join(
        f"{kind}: encoded in {encode_ms:.2g} ms, decoded in {decode_ms:.2g} ms"
        for kind, (encode_ms, decode_ms) in cost_ms(training).items()
    )
    title = f"Adapter of {whole:.0f} KiB, AdamW {LEARNING_RATE:g}; {cost}"
    return report(title, measures, json_path)


if __name__ == "__main__":
    sys.exit(main())
