"""Everything with weights in one place: policy adapter, action model, heads, their optimizers. Steers nothing."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from agent_runtime.actions import grammar_named
from agent_runtime.policy.checkpoint import LoadedModel, load_model
from agent_runtime.policy.identity import AgentDefaults, agent_defaults
from agent_runtime.policy.lean_norm import join_norms
from agent_runtime.policy.lora import adapter_tensors, attach_lora
from agent_runtime.policy.lora_product import join_lora_products
from agent_runtime.policy.prompt import PromptBuilder
from agent_runtime.policy.shown import ShownInputs
from tuner.config import LearnerConfig, NullToken
from tuner.coso.action_entropy import ParsedAlternatives
from tuner.coso.action_model import ActionModel
from tuner.coso.counterfactual import ScmWeights
from tuner.coso.nulls import ConstantNull, NeighbourNull, Nulls
from tuner.coso.parser_weights import ParserWeights
from tuner.coso.rehearsal import Rehearsal
from tuner.coso.released import PUNCTUATION
from tuner.coso.spans import THOUGHT_SPANS, thought_mask
from tuner.errors import LearnerError
from tuner.learner.causal import ActionModelTrainer, CausalWeights, numbers_in, whole_coordinates
from tuner.learner.checkpoint import optimizer_state, optimizer_tensors
from tuner.learner.critics import Critics
from tuner.learner.demonstrations import Renderer
from tuner.learner.policy_loss import PolicyLoss
from tuner.learner.policy_update import PolicyUpdater
from tuner.learner.split_base import Blocks
from tuner.learner.value_heads import ValueHeads

THOUGHT_MASKS_KEPT = 4096


class Student:
    """The policy with its LoRA tensors and updater, the action model with its trainer, causal weights and heads."""

    def __init__(self, config: LearnerConfig, loaded: LoadedModel, defaults: AgentDefaults) -> None:
        self._text = _Text(loaded)
        self.vocabulary_size = len(loaded.encoder.tokenizer)
        self.longest_answer = defaults.max_new_tokens
        grammar = grammar_named(config.action_grammar, defaults.image_size_px)
        prompts = PromptBuilder(loaded.encoder, grammar, defaults.prompt_style)
        self.renderer = Renderer(grammar, prompts, self._text.encode, defaults.image_size_px)
        self._peft = attach_lora(loaded.model, config.lora_r, config.lora_alpha, config.target_modules, config.seed)
        join_lora_products(self._peft)
        join_norms(self._peft)
        self._action_model = _action_model(loaded.encoder.tokenizer, config.seed)
        self.rehearsal = Rehearsal(grammar, self._text.encode, self._text.decode, config.seed)
        self.rehearsal.per_milles = whole_coordinates(loaded.encoder.tokenizer.get_vocab())
        null_id = self._text.null_id(config.scm_null)
        self.causal_model = ActionModelTrainer(
            self._action_model, self.rehearsal, config.max_grad_norm, null_id, config.scm_gap_share
        )
        over_actions = config.entropy_over == "actions"
        self.weights = CausalWeights(
            self._scm_weights(config, null_id),
            ParserWeights(grammar, self._text.decode),
            config.bonus_weights,
            ParsedAlternatives(grammar, self._text.decode) if over_actions else None,
        )
        if config.thought_scaling != 1 and grammar.name not in THOUGHT_SPANS:
            raise LearnerError(
                f"Got thought_scaling {config.thought_scaling:g} with the grammar {grammar.name}, whose thoughts are "
                "not told from its actions: leave it at 1."
            )
        thoughts = lru_cache(THOUGHT_MASKS_KEPT)(lambda ids: thought_mask(ids, self._text.decode, grammar.name))
        self.policy = PolicyUpdater(
            self._peft,
            ShownInputs(self._peft, prompts),
            self.weights,
            PolicyLoss(config, thoughts),
            config.learning_rate,
            config.max_grad_norm,
            config.micro_batch_size,
        )
        self.heads = ValueHeads(config, self._peft, loaded.model, prompts, self.policy)

    @property
    def critics(self) -> Critics | None:
        """The critics, under the advantage "critic" alone."""
        return self.heads.critics

    def _scm_weights(self, config: LearnerConfig, null_id: int | None) -> ScmWeights:
        model = self._action_model
        nulls: Nulls = ConstantNull(model.null_id if null_id is None else null_id)
        if config.scm_null == "neighbour":
            nulls = NeighbourNull(model)
        if config.bonus_weights == "released":
            return ScmWeights.released(model, self._text.quiet_ids(), nulls)
        return ScmWeights(model, window=config.scm_window, nulls=nulls)

    def split_over_processes(self, device: str) -> Blocks:
        """Split the base model over all processes of this learner, and bring what stays whole to the device.

        Raises:
            LearnerError: this base model cannot be split.
        """
        return Blocks(self._peft, device)

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
            **self.heads.tensors(),
        }

    @contextmanager
    def acting_as(self, adapter: Mapping[str, Tensor] | None) -> Iterator[None]:
        """Have the policy answer as it did with these LoRA tensors while the block runs; None is the base model."""
        now = {name: tensor.detach().clone() for name, tensor in adapter_tensors(self._peft).items()}
        self.load_adapter(
            {name: torch.zeros_like(tensor) for name, tensor in now.items()} if adapter is None else adapter
        )
        try:
            yield
        finally:
            self.load_adapter(now)

    @torch.no_grad()
    def load_adapter(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over the LoRA tensors alone, under PEFT's names."""
        for name, live in adapter_tensors(self._peft).items():
            live.copy_(tensors[name])

    def led(self) -> dict[str, Tensor]:
        """Return the live tensors that the gradients of a batch depend on."""
        wanted = ("lora/", "scm/")
        return {name: tensor for name, tensor in self.tensors().items() if name.startswith(wanted)}

    @torch.no_grad()
    def follow(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over what another process's ``led`` returned; weights are forgotten only with a new action model."""
        self.load_adapter({name.removeprefix("lora/"): tensor for name, tensor in tensors.items()})
        own = self._action_model.state_dict()
        if not all(torch.equal(own[name], tensors[f"scm/{name}"]) for name in own):
            self._action_model.load_state_dict({name: tensors[f"scm/{name}"] for name in own})
            self.weights.forget()

    def return_to(self, adapter: Mapping[str, Tensor]) -> None:
        """Take over older LoRA tensors; the moments of their optimizer, which belong to the newer ones, are dropped."""
        self.load_adapter(adapter)
        self.policy.optimizer.state.clear()
        self.weights.forget()

    @torch.no_grad()
    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over what ``tensors`` returned, value for value."""
        self.load_adapter({name.removeprefix("lora/"): tensor for name, tensor in tensors.items()})
        scm = {name.removeprefix("scm/"): tensor for name, tensor in tensors.items() if name.startswith("scm/")}
        self._action_model.load_state_dict(scm)
        for prefix, optimizer in (("lora_adam", self.policy.optimizer), ("scm_adam", self.causal_model.optimizer)):
            state = {index: dict(values) for index, values in optimizer_state(prefix, tensors).items()}
            optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
        self.heads.load(tensors)
        self.weights.forget()


def load_student(config: LearnerConfig, device: str = "cpu", *, split_later: bool = False) -> Student:
    """Load the base checkpoint and put fresh learnable tensors on it; one to be split stays on the CPU until then.

    Raises:
        PolicyError, UsageError: the checkpoint cannot be used.
        LearnerError: its tokenizer has no token that ``scm_null`` names, or λ is set for a grammar without spans.
    """
    loaded = load_model(Path(config.model), config.quantization, device, stays_on_cpu=split_later)
    return Student(config, loaded, agent_defaults(Path(config.model)))


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

    def null_id(self, name: NullToken) -> int | None:
        """Return the tokenizer's id of "unk" or "pad"; None for the kinds of null that are no token of its own.

        Raises:
            LearnerError: the tokenizer has no such token.
        """
        if name not in ("unk", "pad"):
            return None
        token_id: int | None = getattr(self._tokenizer, f"{name}_token_id")
        if token_id is None:
            raise LearnerError(f"Got scm_null {name}, but this tokenizer has no such token: choose mask or neighbour.")
        return token_id

    def quiet_ids(self) -> frozenset[int]:
        """Return the tokens that the released code sets to zero: special ones and punctuation."""
        pieces = (self._tokenizer.encode(mark, add_special_tokens=False) for mark in PUNCTUATION)
        return frozenset(self._tokenizer.all_special_ids).union(*pieces)


def _action_model(tokenizer: Any, seed: int) -> ActionModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = ActionModel(len(tokenizer))
    model.place_numbers(numbers_in(tokenizer.get_vocab()))
    return model
