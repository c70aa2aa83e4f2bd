"""How many bytes an adapter's delta has against the whole adapter, on real AdamW updates. Measures only.

The small VLM gets a LoRA of rank 16 and learns, at AdamW's 1e-4, to say sampled actions about sampled pictures: the
gradients are real, the task is not. A push is what changed over 1 or over 20 optimizer steps; its size depends on how
far training has come, because early on B is near zero, where float32 has many more places than a step needs, so every
figure names the adapter's age. Every delta must give the adapter back bit for bit.

"entropy" is the least bytes that any code can reach that sees, of each word, the parent's exponent and the difference
in units of the last place: what separates it from the bar is noise, not the codec.
"""

from __future__ import annotations

import io
import random
import statistics
import sys
import warnings
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save

from agent_runtime.actions import Tap, TypeText, grammar_named
from agent_runtime.adapters.deltas import decode_delta, encode_delta
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
WORDS: Final = ("open", "settings", "turn", "wifi", "alarm", "note", "buy", "cart", "search", "back", "home", "button")


class Training:
    """The small VLM with its LoRA tensors and optimizer; ``file`` is the adapter as it is published."""

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

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return a copy of the tensors."""
        return {name: tensor.detach().numpy().copy() for name, tensor in adapter_tensors(self._model).items()}

    def file(self) -> bytes:
        """Return the adapter as a safetensors file."""
        tensors = {name: tensor.detach().contiguous() for name, tensor in adapter_tensors(self._model).items()}
        return bytes(save(tensors))

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


def push(training: Training, steps: int) -> tuple[float, float, int]:
    """Take steps and return how many times smaller the delta is, by how much it could be, and its bytes."""
    parent_file, parent = training.file(), training.arrays()
    training.steps(steps)
    file, child = training.file(), training.arrays()
    delta = encode_delta(parent_file, file)
    size = len(file) if delta is None else len(delta)
    assert delta is None or decode_delta(parent, delta) == file, "the delta does not give the adapter back"
    flat = [np.concatenate([tensors[name].ravel() for name in sorted(tensors)]) for tensors in (parent, child)]
    return len(file) / size, entropy_ratio(*flat), size


def measure(training: Training) -> list[Measure]:
    """Measure both kinds of push at every age."""
    found, age = [], 0
    for wanted in AGES:
        training.steps(wanted - age)
        age = wanted
        for steps, bar in BARS.items():
            pushes = [push(training, steps) for _ in range(REPEATS if steps == 1 else 1)]
            age += steps * len(pushes)
            ratio, entropy, size = (statistics.median(values) for values in zip(*pushes, strict=True))
            name = (
                f"{steps} step{'s' if steps > 1 else ''} a push after {wanted}: whole / delta (entropy {entropy:.3g})"
            )
            found.append(Measure(name, ratio, bar, "higher", size / 1024, "KiB"))
    return found


def cost_ms(training: Training) -> tuple[float, float]:
    """Return the milliseconds of encoding and of decoding a push of 20 steps."""
    parent_file, parent = training.file(), training.arrays()
    training.steps(20)
    file = training.file()
    delta = encode_delta(parent_file, file) or b""
    encode_ms = statistics.median(timed_ms(lambda: encode_delta(parent_file, file)) for _ in range(5))
    decode_ms = statistics.median(timed_ms(lambda: decode_delta(parent, delta)) for _ in range(5)) if delta else 0.0
    return encode_ms, decode_ms


def main() -> int:
    """Measure, tell, and return the exit code."""
    json_path = json_option("delta_bytes", __doc__)
    warnings.filterwarnings("ignore", message="You have passed exclude_modules", category=UserWarning)
    warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated", category=FutureWarning)
    torch.set_num_threads(1)
    training = Training()
    measures = measure(training)
    encode_ms, decode_ms = cost_ms(training)
    whole = len(training.file()) / 1024
    cost = f"encoded in {encode_ms:.2g} ms, decoded in {decode_ms:.2g} ms"
    title = f"Adapter of {whole:.0f} KiB, AdamW {LEARNING_RATE:g}; {cost}"
    return report(title, measures, json_path)


if __name__ == "__main__":
    sys.exit(main())
