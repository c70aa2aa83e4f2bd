"""What an update of the policy costs against a plain loop of transformers and peft on the same batch. Measures only.

The plain loop is what the libraries' examples do: decode and prepare each picture, pad a batch on the right, run the
whole model with its logits everywhere, take the loss under a mask, step AdamW. Ours is the learner's own
``PolicyUpdater``. Both get the same samples, LoRA tensors and loss, −mean(log π(y|s)) − α · mean(Σ H), and must
find the same gradients.

A round is an update as the learner's settings have it: 8 optimizer steps of 16 samples out of 32 steps that are all
new to it, so each picture is drawn 4 times and what is kept of pictures starts empty. No two steps show the same
screen. "Full" prompts are what checkpoints get that say nothing else: they begin with the grammar's instruction, the
same in every step. The base is held in float32: where the CPU has AVX512-BF16, bitsandbytes rounds the scales of NF4
weights, and the plain loop's gradients are then others. Memory of the loss is the most that lives at once between the
last hidden states and their gradient, by the allocations torch's profiler saw.
"""

from __future__ import annotations

import io
import itertools
import random
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor
from torch.autograd.profiler import profile
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModelForImageTextToText

from agent_runtime.actions import grammar_named
from agent_runtime.policy.checkpoint import LoadedModel, load_model
from agent_runtime.policy.identity import agent_defaults, resolve_checkpoint
from agent_runtime.policy.lean_norm import join_norms
from agent_runtime.policy.lora import adapter_tensors, attach_lora
from agent_runtime.policy.lora_product import join_lora_products
from agent_runtime.policy.prompt import PromptBuilder, picture_from_png
from agent_runtime.policy.score import AnswerStates
from agent_runtime.policy.shown import ShownInputs
from benchmarks.measures import Measure, in_turn, json_option, report
from device_scripts.small_vlm.demonstrations import demonstrations
from tests.tiny_vlm import tiny_checkpoint
from tuner.config import LearnerConfig
from tuner.coso.labels import Utterance, action_labels
from tuner.learner.experience import Candidate
from tuner.learner.policy_loss import PolicyLoss
from tuner.learner.policy_update import PolicyUpdater, per_token
from tuner.learner.samples import StepSample

SETTINGS: Final = LearnerConfig(
    state=Path(), model=Path(), base_model_digest="", objective="bc", entropy="uniform", max_grad_norm=1e9
)
POOL: Final = 32
THREADS: Final = SETTINGS.num_threads
"""As the learner's settings have it; besides, threads that wait for each other say little on a shared machine."""
ROUNDS: Final = 3
SPEED_BAR: Final = 2.5
MEMORY_BAR: Final = 1 / 5
GRADIENT_BAR: Final = 1e-5
B_SCALE: Final = 0.02
"""LoRA's B starts at zero, where A has no gradient: both sides start from the same small random B."""


class OnesAsWeights:
    """Plain entropy; stands in for ``CausalWeights``, which the plain loop has nothing like."""

    def rows(self, utterances: Sequence[Utterance], entropies: Tensor, probabilities: object) -> Tensor:
        """Return ones [B, T]."""
        return torch.ones_like(entropies)

    def alternatives(self, utterances: Sequence[Utterance], entropies: Tensor, probabilities: object) -> None:
        """Return none: tokens count, not actions."""


class Plain:
    """The loop of the libraries' examples."""

    def __init__(self, folder: Path, prompts: PromptBuilder) -> None:
        models: Any = AutoModelForImageTextToText
        model = models.from_pretrained(folder, dtype=torch.float32)
        model.requires_grad_(False)
        model.eval()  # no dropout in either
        self.model = _with_lora(model)
        self._prompts = prompts
        self._parameters = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.forget()

    def forget(self) -> None:
        """Start with a fresh optimizer."""
        self._optimizer = torch.optim.AdamW(self._parameters, lr=SETTINGS.learning_rate, weight_decay=0.0)

    def step(self, batch: Sequence[StepSample]) -> None:
        """Take one optimizer step, in passes of ``micro_batch_size``."""
        self._optimizer.zero_grad()
        for start in range(0, len(batch), SETTINGS.micro_batch_size):
            part = batch[start : start + SETTINGS.micro_batch_size]
            inputs, seen = self.inputs(part)
            logits = self.model(**inputs).logits
            torch.autograd.backward(self.loss(logits, inputs["input_ids"], seen) / len(batch))
        torch.nn.utils.clip_grad_norm_(self._parameters, SETTINGS.max_grad_norm)
        self._optimizer.step()

    def inputs(self, part: Sequence[StepSample]) -> tuple[dict[str, Tensor], Tensor]:
        """Return model inputs padded on the right, and [B, S], True at the answers' tokens."""
        encoded = [self._prompts.inputs(item.prompt, picture_from_png(item.screenshot_png)) for item in part]
        answers = [torch.tensor(item.utterance.token_ids) for item in part]
        pairs = list(zip(encoded, answers, strict=True))
        rows = [torch.cat((inputs["input_ids"][0], answer)) for inputs, answer in pairs]
        kinds = [torch.cat((inputs["mm_token_type_ids"][0], torch.zeros_like(answer))) for inputs, answer in pairs]
        shown = [torch.zeros(inputs["input_ids"].shape[1]) for inputs in encoded]
        answered = [torch.cat((zeros, torch.ones(len(a)))) for zeros, a in zip(shown, answers, strict=True)]
        batch = {
            "input_ids": pad_sequence(rows, batch_first=True),
            "attention_mask": pad_sequence([torch.ones_like(row) for row in rows], batch_first=True),
            "mm_token_type_ids": pad_sequence(kinds, batch_first=True),
            "pixel_values": torch.cat([inputs["pixel_values"] for inputs in encoded]),
            "image_grid_thw": torch.cat([inputs["image_grid_thw"] for inputs in encoded]),
        }
        return batch, pad_sequence(answered, batch_first=True).bool()

    @staticmethod
    def loss(logits: Tensor, ids: Tensor, seen: Tensor) -> Tensor:
        """Return the loss summed over the rows; ``seen`` [B, S] is True at tokens that count."""
        log_probs = torch.log_softmax(logits[:, :-1], -1)
        written = log_probs.gather(-1, ids[:, 1:, None]).squeeze(-1)
        entropies = -(log_probs.exp() * log_probs).sum(-1)
        terms = -written - SETTINGS.entropy_alpha * entropies
        return torch.where(seen[:, 1:], terms, 0.0).sum()


class Ours:
    """The learner's updater, as ``student`` builds it."""

    def __init__(self, loaded: LoadedModel, prompts: PromptBuilder) -> None:
        self.model = _with_lora(loaded.model)
        join_lora_products(self.model)
        join_norms(self.model)
        self._prompts = prompts
        self.forget()

    def forget(self) -> None:
        """Start with nothing kept, and a fresh optimizer."""
        weights: Any = OnesAsWeights()
        loss = PolicyLoss(SETTINGS, lambda ids: [False] * len(ids))
        shown = ShownInputs(self.model, self._prompts)
        rates = (SETTINGS.learning_rate, SETTINGS.max_grad_norm, SETTINGS.micro_batch_size)
        self._updater = PolicyUpdater(self.model, shown, weights, loss, *rates)

    def step(self, batch: Sequence[StepSample]) -> None:
        """Take one optimizer step."""
        self._updater.step([Candidate(sample, 1.0, 1.0) for sample in batch])


def _with_lora(model: Any) -> Any:
    peft = attach_lora(model, SETTINGS.lora_r, SETTINGS.lora_alpha, SETTINGS.target_modules, SETTINGS.seed)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, tensor in adapter_tensors(peft).items():
            if "lora_B" in name:
                tensor.copy_(B_SCALE * torch.randn(tensor.shape, generator=generator))
    return peft


def samples(encode: Callable[[str], list[int]], end_id: int) -> list[StepSample]:
    """Return steps of demonstrations, no two of the same screen."""
    found: dict[bytes, StepSample] = {}
    grammar = grammar_named("json")
    for example in demonstrations(0):
        file = io.BytesIO()
        example.image.save(file, "PNG")
        png = file.getvalue()
        ids = (*encode(example.answer), end_id)
        found[png] = StepSample(
            key=(len(found), 0),
            trajectory_id="",
            task_name="",
            goal="",
            prompt=example.prompt,
            screenshot_png=png,
            group=("", ()),
            utterance=Utterance(ids, action_labels(grammar.parse(example.answer))),
            behaviour_log_prob=0.0,
            behaviour_log_probs=(0.0,) * len(ids),
            temperature=1.0,
            reward=1.0,
            succeeded=True,
            version=0,
            steps=1,
            horizon=1,
        )
        if len(found) == POOL:
            break
    return list(found.values())


def _batches(pool: Sequence[StepSample]) -> list[list[StepSample]]:
    """Return the batches of one update: every step as often as every other, none twice in a batch."""
    uses = SETTINGS.optimizer_steps_per_update * SETTINGS.batch_size // len(pool)
    shuffled = [random.Random(use).sample(pool, len(pool)) for use in range(uses)]
    drawn = list(itertools.chain.from_iterable(shuffled))
    return [drawn[start : start + SETTINGS.batch_size] for start in range(0, len(drawn), SETTINGS.batch_size)]


def peak_bytes(work: Callable[[], object]) -> int:
    """Return the most that was allocated at once while ``work`` ran, beyond what there was before."""
    with profile(profile_memory=True) as profiled:
        work()
    results: Any = profiled.kineto_results
    events = sorted((event.start_ns(), event.nbytes()) for event in results.events() if event.name() == "[memory]")
    return max(itertools.accumulate((int(size) for _, size in events), initial=0))


def _loss_bytes(plain: Plain, ours: Ours, part: Sequence[StepSample]) -> tuple[int, int]:
    """Return the peaks of the two losses of one forward pass, from hidden states to their gradient."""
    inputs, seen = plain.inputs(part)
    base = plain.model.get_base_model()
    with torch.no_grad():
        hidden = base.model(**inputs).last_hidden_state
    everywhere = hidden.clone().requires_grad_()
    head = base.get_output_embeddings()
    theirs = peak_bytes(
        lambda: torch.autograd.backward(plain.loss(head(everywhere), inputs["input_ids"], seen) / len(part))
    )
    lengths = [len(sample.utterance.token_ids) for sample in part]
    answered = [hidden[row][seen[row].roll(-1)] for row in range(len(part))]
    ids = [torch.tensor(sample.utterance.token_ids) for sample in part]
    mask = pad_sequence([torch.ones(length) for length in lengths], batch_first=True)
    picked = torch.cat(answered).requires_grad_()
    states = AnswerStates(picked, pad_sequence(ids, batch_first=True), mask, head)

    def lean() -> None:
        log_probs, entropies = per_token(states, torch.ones(len(part)))
        terms = -log_probs - SETTINGS.entropy_alpha * entropies
        torch.autograd.backward((terms * mask).sum() / len(part))

    return theirs, peak_bytes(lean)


def _gradient_error(plain: Plain, ours: Ours) -> float:
    """Return the largest difference of a LoRA tensor's gradient, as a share of that gradient's norm."""
    pairs = zip(_gradients(plain.model), _gradients(ours.model), strict=True)
    return max(float((mine - theirs).norm() / theirs.norm()) for theirs, mine in pairs)


def _gradients(model: Any) -> list[Tensor]:
    return [parameter.grad for parameter in model.parameters() if parameter.grad is not None]


def measure(name: str, folder: Path, style: str | None = None) -> list[Measure]:
    """Measure one checkpoint, in float32; prompts are of its own style, or of ``style``."""
    loaded = load_model(folder, "none")
    defaults = agent_defaults(folder)
    prompts = PromptBuilder(loaded.encoder, grammar_named(defaults.grammar), style or defaults.prompt_style)
    tokenizer = loaded.encoder.tokenizer
    pool = samples(lambda text: list(tokenizer.encode(text, add_special_tokens=False)), tokenizer.eos_token_id)
    plain, ours, batches = Plain(folder, prompts), Ours(loaded, prompts), _batches(pool)
    plain.step(batches[0])
    ours.step(batches[0])
    error = _gradient_error(plain, ours)

    def update(loop: Plain | Ours) -> None:
        loop.forget()
        for batch in batches:
            loop.step(batch)

    rounds = in_turn(ROUNDS, {"plain": lambda: update(plain), "ours": lambda: update(ours)})
    rate = sum(map(len, batches)) / rounds.median_ms("ours") * 1e3
    theirs, mine = _loss_bytes(plain, ours, batches[0][: SETTINGS.micro_batch_size])
    return [
        Measure(f"{name}: gradients, largest difference", error, GRADIENT_BAR, "lower", error, "of their norm"),
        Measure(f"{name}: an update", rounds.median_ratio("plain", "ours"), SPEED_BAR, "higher", rate, "samples/s"),
        Measure(f"{name}: memory of the loss", mine / theirs, MEMORY_BAR, "lower", mine / 1e6, "MB"),
    ]


def main() -> int:
    """Measure, tell, and return the exit code."""
    json_path = json_option("update", __doc__)
    torch.set_num_threads(THREADS)
    with tempfile.TemporaryDirectory() as folder:
        measures = measure("small VLM", resolve_checkpoint("small-vlm"))
        measures += measure("tiny VLM", tiny_checkpoint(Path(folder)))
        measures += measure("tiny VLM, full prompts", Path(folder), "full")
    return report(f"Update of the policy, torch {torch.__version__}, {THREADS} thread", measures, json_path)


if __name__ == "__main__":
    sys.exit(main())
