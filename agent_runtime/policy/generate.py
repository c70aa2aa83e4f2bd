"""The policy proper: a picture and a prompt in, an utterance with log-probs out. Learns nothing.

The sampling loop is our own, because the log-probs must be those of the distribution that was sampled from:
softmax(logits / temperature), over the whole vocabulary, nothing cut off.
"""

import inspect
import math
from collections.abc import Sequence
from pathlib import Path

import torch
from coso.v1 import policy_pb2
from torch import Tensor

from agent_runtime.actions import Action, grammar_named
from agent_runtime.errors import PolicyError
from agent_runtime.policy.adapter import AdapterSlot
from agent_runtime.policy.checkpoint import LoadedModel, load_model
from agent_runtime.policy.identity import agent_defaults, base_model_digest, tokenizer_digest
from agent_runtime.policy.prompt import PromptBuilder, picture_from_png
from agent_runtime.trajectory import Decision, PolicyIdentity


class VlmPolicy:
    """A loaded checkpoint that decides. ``slot`` takes adapters between two decisions."""

    def __init__(
        self,
        loaded: LoadedModel,
        prompts: PromptBuilder,
        identity: PolicyIdentity,
        max_new_tokens: int,
        image_size_px: tuple[int, int] | None,
    ) -> None:
        self.identity = identity
        self.image_size_px = image_size_px
        self.slot = AdapterSlot(loaded.model, identity.base_model_digest)
        self._loaded = loaded
        self._prompts = prompts
        self._max_new_tokens = max_new_tokens
        takes_it = "logits_to_keep" in inspect.signature(loaded.model.forward).parameters
        self._head_on_last_token = {"logits_to_keep": 1} if takes_it else {}

    def prompt_text(self, goal: str, history: Sequence[Action]) -> str:
        """Return what is said besides the picture."""
        return self._prompts.prompt_text(goal, history)

    def decide(self, image_png: bytes, prompt: str, *, temperature: float, seed: int) -> Decision:
        """Answer one picture and prompt; see ``base.Policy``."""
        inputs = self._prompts.inputs(prompt, picture_from_png(image_png))
        generator = torch.Generator().manual_seed(seed % (1 << 63))
        with self.slot.lock:
            token_ids, log_probs = self._generate(inputs, temperature, generator)
            version, digest = self.slot.version, self.slot.digest
        utterance = self._prompts.encoder.tokenizer.decode(token_ids, skip_special_tokens=True)
        return Decision(utterance, tuple(token_ids), tuple(log_probs), version, digest)

    def stage_and_apply(self, manifest: policy_pb2.AdapterManifest, payload: bytes) -> None:
        """Verify a version and put it in place.

        Raises:
            AdapterError: it must not be applied; the one in use stays.
        """
        self.slot.apply(self.slot.stage(manifest, payload))

    @torch.inference_mode()
    def _generate(
        self, inputs: dict[str, Tensor], temperature: float, generator: torch.Generator
    ) -> tuple[list[int], list[float]]:
        model = self.slot.model
        device = next(model.parameters()).device
        on_device = {name: value.to(device) for name, value in inputs.items()}
        output = model(**on_device, **self._head_on_last_token, use_cache=True)
        token_ids: list[int] = []
        log_probs: list[float] = []
        while True:
            token, log_prob = _sample(output.logits[0, -1], temperature, generator)
            token_ids.append(token)
            log_probs.append(log_prob)
            if token in self._loaded.stop_token_ids or len(token_ids) == self._max_new_tokens:
                return token_ids, log_probs
            next_id = torch.tensor([[token]], device=device)  # one row, nothing padded: no mask is needed
            output = model(input_ids=next_id, past_key_values=output.past_key_values, use_cache=True)


def load_policy(folder: Path, quantization: str, grammar_name: str | None, device: str = "cpu") -> VlmPolicy:
    """Load a checkpoint as a policy, driven the way it wants to be; ``grammar_name`` overrides its grammar.

    Raises:
        UsageError: an option cannot be used.
        PolicyError: the checkpoint cannot be loaded.
    """
    defaults = agent_defaults(folder)
    grammar = grammar_named(grammar_name or defaults.grammar, defaults.image_size_px)
    loaded = load_model(folder, quantization, device)
    identity = PolicyIdentity(base_model_digest(folder), tokenizer_digest(folder), quantization, grammar.name)
    prompts = PromptBuilder(loaded.encoder, grammar, defaults.prompt_style)
    return VlmPolicy(loaded, prompts, identity, defaults.max_new_tokens, defaults.image_size_px)


def _sample(logits: Tensor, temperature: float, generator: torch.Generator) -> tuple[int, float]:
    """Draw a token from softmax(logits / temperature) [V]; temperature 0 takes the likeliest.

    Returns the token and its log-prob under that distribution (of the untempered one when greedy).

    Raises:
        PolicyError: the logits are no numbers.
    """
    log_probs = torch.log_softmax(logits.float().cpu() / (temperature or 1.0), dim=-1)
    if math.isnan(float(log_probs[0])):  # one NaN or +inf among the logits makes all of them NaN
        raise PolicyError(
            "Got logits that are no numbers, expected finite ones: the weights or the adapter are broken."
        )
    if temperature == 0:
        token = int(log_probs.argmax())
    else:
        token = int(torch.multinomial(log_probs.exp(), 1, generator=generator))
    return token, min(0.0, float(log_probs[token]))


def chosen_device() -> str:
    """Return "cuda" where there is a GPU, else "cpu"."""
    return "cuda" if torch.cuda.is_available() else "cpu"
