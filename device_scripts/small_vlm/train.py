"""Trains the small VLM from scratch on the virtual phone's screens: `python -m device_scripts.small_vlm.train`.

The order of examples, the initial weights and the schedule follow the seed. The schedule runs over
``--minutes`` of wall time or ``--steps``, whichever ends first, so that a slow machine ends in time with a
rate that has decayed. The evaluation lines are teacher-forced: the share of answers with every token right.
"""

import json
import math
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated

import torch
import typer
from torch import Tensor
from transformers import AutoTokenizer, PreTrainedTokenizerFast, Qwen3VLForConditionalGeneration
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from agent_runtime.command_line import run_program
from agent_runtime.policy.patch_product import replace_patch_convolutions
from device_scripts.small_vlm.architecture import (
    build_image_processor,
    build_model,
    save_checkpoint,
    train_tokenizer,
)
from device_scripts.small_vlm.batches import IGNORED_LABEL, Batch, Batcher, Example
from device_scripts.small_vlm.demonstrations import SCREEN_SIZE_PX, demonstrations
from device_scripts.small_vlm.reading import learn_to_read

WARMUP_SHARE = 0.03
FINAL_RATE_SHARE = 0.02
MAX_NEW_TOKENS = 96
CORPUS_EXAMPLES = 4000

app = typer.Typer(add_completion=False)


def rate_share(progress: float) -> float:
    """Warm-up and cosine decay: share of the peak learning rate at ``progress`` in [0, 1]."""
    if progress < WARMUP_SHARE:
        return progress / WARMUP_SHARE
    cosine = 0.5 * (1 + math.cos(math.pi * (progress - WARMUP_SHARE) / (1 - WARMUP_SHARE)))
    return FINAL_RATE_SHARE + (1 - FINAL_RATE_SHARE) * cosine


def loss_of(model: torch.nn.Module, batch: Batch, device: str) -> Tensor:
    """Return the mean cross-entropy over answer tokens; the forward pass runs in bfloat16."""
    inputs = {key: value.to(device) for key, value in batch.inputs.items()}
    with torch.autocast(device, dtype=torch.bfloat16):
        logits = model(**inputs).logits  # [B, T, V]
    labels = batch.labels.to(device)
    return torch.nn.functional.cross_entropy(
        logits[:, :-1].float().flatten(0, 1), labels[:, 1:].flatten(), ignore_index=IGNORED_LABEL
    )


@torch.no_grad()
def answers_exact(model: torch.nn.Module, batch: Batch, device: str) -> float:
    """Share of answers whose every token is the model's first choice, the right prefix given."""
    inputs = {key: value.to(device) for key, value in batch.inputs.items()}
    with torch.autocast(device, dtype=torch.bfloat16):
        choices = model(**inputs).logits[:, :-1].argmax(-1)  # [B, T - 1]
    labels = batch.labels[:, 1:].to(device)
    right = (choices == labels) | (labels == IGNORED_LABEL)
    return float(right.all(dim=1).float().mean())


def _batches(stream: Iterator[Example], batcher: Batcher, batch_size: int) -> Iterator[Batch]:
    while True:
        yield batcher.batch(list(islice(stream, batch_size)))


def train(
    output: Path,
    seed: int,
    minutes: float,
    reading_steps: int,
    steps: int,
    batch_size: int,
    learning_rate: float,
    initial: Path | None,
) -> None:
    """Run the recipe from scratch, or go on from the checkpoint ``initial``, and write ``output``."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    stream = demonstrations(seed)
    images = build_image_processor(SCREEN_SIZE_PX)
    corpus = list(islice(stream, CORPUS_EXAMPLES))
    tokenizer, model = _start(corpus, seed) if initial is None else _resume(initial)
    replace_patch_convolutions(model)
    model.set_attn_implementation("eager")  # at these lengths faster than the fused kernel, forward and backward
    model = model.to(device)
    if initial is None:
        learn_to_read(model.model.visual, images, corpus, stream, reading_steps, device)
    batches = _batches(stream, Batcher(tokenizer, images), batch_size)
    held = next(_batches(demonstrations(seed + 1_000_003), Batcher(tokenizer, images), 64))
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=0.01, betas=(0.9, 0.98))
    started_sec = saved_sec = time.monotonic()
    print(
        f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(tokenizer)} tokens, on {device}", flush=True
    )
    for step in range(steps):
        elapsed_sec = time.monotonic() - started_sec
        progress = max(step / steps, elapsed_sec / (60 * minutes))
        if progress >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * rate_share(progress)
        loss = loss_of(model, next(batches), device)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if step % 50 == 0:
            exact = answers_exact(model, held, device)
            print(f"step {step} {elapsed_sec / 60:.1f} min loss {loss.item():.4f} exact {exact:.3f}", flush=True)
        if time.monotonic() - saved_sec > 300:
            _save(model, tokenizer, images, output)
            saved_sec = time.monotonic()
    _save(model, tokenizer, images, output)


def _start(corpus: Sequence[Example], seed: int) -> tuple[PreTrainedTokenizerFast, Qwen3VLForConditionalGeneration]:
    tokenizer = train_tokenizer(text for example in corpus for text in (example.prompt, example.answer))
    return tokenizer, build_model(tokenizer, seed)


def _resume(folder: Path) -> tuple[PreTrainedTokenizerFast, Qwen3VLForConditionalGeneration]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    return tokenizer, Qwen3VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)


def _save(
    model: Qwen3VLForConditionalGeneration,
    tokenizer: PreTrainedTokenizerFast,
    images: Qwen2VLImageProcessorPil,
    output: Path,
) -> None:
    """Write the checkpoint and, beside it, how it wants to be driven."""
    save_checkpoint(model, tokenizer, images, output)
    defaults = {
        "grammar": "json",
        "prompt_style": "brief",
        "max_new_tokens": MAX_NEW_TOKENS,
        "image_size_px": list(SCREEN_SIZE_PX),
    }
    (output / "agent.json").write_text(json.dumps(defaults, indent=2) + "\n")


@app.command()
def main(
    output: Annotated[Path, typer.Option(help="Folder to write the checkpoint into.")] = Path(
        "agent_runtime/small_vlm"
    ),
    seed: Annotated[int, typer.Option(help="Seed of weights, screens and order.")] = 0,
    minutes: Annotated[float, typer.Option(help="Wall time for training.")] = 60.0,
    reading_steps: Annotated[int, typer.Option(help="Steps of the first stage, before the time counts.")] = 600,
    steps: Annotated[int, typer.Option(help="Optimizer steps at most.")] = 6000,
    batch_size: Annotated[int, typer.Option(help="Examples in a step.")] = 32,
    learning_rate: Annotated[float, typer.Option(help="Peak learning rate of AdamW.")] = 1e-3,
    initial: Annotated[Path | None, typer.Option(help="Checkpoint to go on from, with a new schedule.")] = None,
) -> None:
    """Train the small VLM on the virtual phone's own screens and write its checkpoint."""
    train(output, seed, minutes, reading_steps, steps, batch_size, learning_rate, initial)


if __name__ == "__main__":
    run_program(app, "python -m device_scripts.small_vlm.train")
