"""Everything with weights in one place: the policy's adapter, the action model, their optimizers. Steers nothing."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from agent_runtime.actions import grammar_named
from agent_runtime.policy.checkpoint import LoadedModel, load_model
from agent_runtime.policy.identity import agent_defaults
from agent_runtime.policy.lora import adapter_tensors, attach_lora
from agent_runtime.policy.prompt import PromptBuilder
from tuner.config import LearnerConfig
from tuner.coso.action_model import ActionModel
from tuner.coso.counterfactual import ScmWeights
from tuner.coso.parser_weights import ParserWeights
from tuner.coso.rehearsal import Rehearsal
from tuner.learner.causal import ActionModelTrainer, CausalWeights, numbers_in, whole_coordinates
from tuner.learner.checkpoint import optimizer_state, optimizer_tensors
from tuner.learner.policy_update import PolicyUpdater


class Student:
    """The policy with its LoRA tensors and updater, the action model with its trainer, and the causal weights."""

    def __init__(self, config: LearnerConfig, loaded: LoadedModel, prompt_style: str) -> None:
        self._text = _Text(loaded)
        grammar = grammar_named(config.action_grammar)
        prompts = PromptBuilder(loaded.encoder, grammar, prompt_style)
        self._peft = attach_lora(loaded.model, config.lora_r, config.lora_alpha, config.target_modules, config.seed)
        self._action_model = _action_model(loaded.encoder.tokenizer, config.seed)
        self.rehearsal = Rehearsal(grammar, self._text.encode, self._text.decode, config.seed)
        self.rehearsal.per_milles = whole_coordinates(loaded.encoder.tokenizer.get_vocab())
        self.causal_model = ActionModelTrainer(self._action_model, self.rehearsal, config.max_grad_norm)
        self.weights = CausalWeights(
            ScmWeights(self._action_model, window=config.scm_window),
            ParserWeights(grammar, self._text.decode),
            config.weight_source,
        )
        self.policy = PolicyUpdater(
            self._peft,
            prompts,
            self.weights,
            config.learning_rate,
            config.max_grad_norm,
            config.entropy_alpha,
            config.importance_ceiling,
            config.micro_batch_size,
        )

    def decode(self, token_ids: Sequence[int]) -> str:
        """Return the text of tokens as the runtime reads it."""
        return self._text.decode(token_ids)

    def tensors(self) -> dict[str, Tensor]:
        """Return every live tensor that learning changes, under stable names."""
        return {
            **{f"lora/{name}": tensor for name, tensor in adapter_tensors(self._peft).items()},
            **{f"scm/{name}": tensor for name, tensor in self._action_model.state_dict().items()},
            **optimizer_tensors("lora_adam", self.policy.optimizer.state_dict()),
            **optimizer_tensors("scm_adam", self.causal_model.optimizer.state_dict()),
        }

    @torch.no_grad()
    def load_adapter(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over the LoRA tensors alone, under PEFT's names."""
        for name, live in adapter_tensors(self._peft).items():
            live.copy_(tensors[name])

    @torch.no_grad()
    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over what ``tensors`` returned, value for value."""
        self.load_adapter({name.removeprefix("lora/"): tensor for name, tensor in tensors.items()})
        scm = {name.removeprefix("scm/"): tensor for name, tensor in tensors.items() if name.startswith("scm/")}
        self._action_model.load_state_dict(scm)
        for prefix, optimizer in (("lora_adam", self.policy.optimizer), ("scm_adam", self.causal_model.optimizer)):
            state = {index: dict(values) for index, values in optimizer_state(prefix, tensors).items()}
            optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
        self.weights.forget()


def load_student(config: LearnerConfig, device: str = "cpu") -> Student:
    """Load the base checkpoint and put fresh learnable tensors on it.

    Raises:
        PolicyError, UsageError: the checkpoint cannot be used.
    """
    loaded = load_model(Path(config.model), config.quantization, device)
    return Student(config, loaded, agent_defaults(Path(config.model)).prompt_style)


class _Text:
    """A tokenizer as the grammar needs it: whole answers, ended by the end-of-turn token."""

    def __init__(self, loaded: LoadedModel) -> None:
        self._tokenizer: Any = loaded.encoder.tokenizer
        self._stops = loaded.stop_token_ids

    def encode(self, text: str) -> list[int]:
        """Return the ids of an answer, the end-of-turn token last."""
        return [*self._tokenizer.encode(text, add_special_tokens=False), self._tokenizer.eos_token_id]

    def decode(self, token_ids: Sequence[int]) -> str:
        """Return the text up to the first token that ends a turn."""
        ends = [place for place, token_id in enumerate(token_ids) if token_id in self._stops]
        kept = token_ids[: ends[0]] if ends else token_ids
        return str(self._tokenizer.decode(list(kept), skip_special_tokens=True))


def _action_model(tokenizer: Any, seed: int) -> ActionModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = ActionModel(len(tokenizer))
    model.place_numbers(numbers_in(tokenizer.get_vocab()))
    return model
