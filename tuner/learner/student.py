"""Everything with weights in one place: policy adapter, action model, heads, their optimizers. Steers nothing."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from agent_runtime.actions import grammar_named
from agent_runtime.adapters.explorer import exploring_part
from agent_runtime.policy.checkpoint import LoadedModel, load_model
from agent_runtime.policy.identity import AgentDefaults, agent_defaults
from agent_runtime.policy.lean_norm import join_norms
from agent_runtime.policy.lora import DEPLOYED, EXPLORER, adapter_tensors, attach_explorer, attach_lora
from agent_runtime.policy.lora_product import join_lora_products
from agent_runtime.policy.prompt import PromptBuilder
from agent_runtime.policy.shown import ShownInputs
from tuner.config import LearnerConfig
from tuner.coso.action_entropy import ParsedAlternatives
from tuner.coso.action_model import ActionModel
from tuner.coso.counterfactual import ScmWeights
from tuner.coso.nulls import ConstantNull, NeighbourNull, Nulls
from tuner.coso.parser_weights import ParserWeights
from tuner.coso.rehearsal import Rehearsal
from tuner.coso.spans import THOUGHT_SPANS, thought_mask
from tuner.errors import LearnerError
from tuner.learner.answer_text import AnswerText
from tuner.learner.causal import ActionModelTrainer, CausalWeights, numbers_in, whole_coordinates
from tuner.learner.checkpoint import optimizer_state, optimizer_tensors
from tuner.learner.critics import Critics
from tuner.learner.demonstrations import Renderer
from tuner.learner.experience import Candidate
from tuner.learner.explorer import PREFIX as EXPLORERS
from tuner.learner.explorer import Explorer
from tuner.learner.policy_loss import PolicyLoss
from tuner.learner.policy_update import Crew, PolicyUpdater, StepFigures
from tuner.learner.split_base import Blocks
from tuner.learner.value_heads import ValueHeads

THOUGHT_MASKS_KEPT = 4096


class Student:
    """The policy with its LoRA tensors and updater, the action model with its trainer, causal weights and heads.

    ``policy`` trains the deployed adapter. Beside an ``explorer`` it has no entropy bonus; ``weights`` are that one's.
    """

    def __init__(self, config: LearnerConfig, loaded: LoadedModel, defaults: AgentDefaults) -> None:
        self._text = AnswerText(loaded)
        self.vocabulary_size = len(loaded.encoder.tokenizer)
        self.longest_answer = defaults.max_new_tokens
        grammar = grammar_named(config.action_grammar, defaults.image_size_px)
        prompts = PromptBuilder(loaded.encoder, grammar, defaults.prompt_style)
        self.renderer = Renderer(grammar, prompts, self._text.encode, defaults.image_size_px)
        self._peft = attach_lora(loaded.model, config.lora_r, config.lora_alpha, config.target_modules, config.seed)
        if config.explorer:
            attach_explorer(self._peft)
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
        sources = self._scm_weights(config, null_id), ParserWeights(grammar, self._text.decode)
        alternatives = ParsedAlternatives(grammar, self._text.decode) if over_actions else None
        self.weights = CausalWeights(*sources, config.bonus_weights, alternatives, blame=config.blame)
        if config.thought_scaling != 1 and grammar.name not in THOUGHT_SPANS:
            raise LearnerError(
                f"Got thought_scaling {config.thought_scaling:g} with the grammar {grammar.name}, whose thoughts are "
                "not told from its actions: leave it at 1."
            )
        thoughts = lru_cache(THOUGHT_MASKS_KEPT)(lambda ids: thought_mask(ids, self._text.decode, grammar.name))
        shown, loss = ShownInputs(self._peft, prompts), PolicyLoss(config, thoughts)
        rates = config.learning_rate, config.max_grad_norm, config.micro_batch_size
        self.explorer: Explorer | None = None
        if config.explorer:
            optimist = PolicyUpdater(self._peft, shown, self.weights, loss, *rates, EXPLORER)
            self.explorer = Explorer(self._peft, optimist, config.explorer_reset_every)
            no_bonus = CausalWeights(*sources, "none", blame=config.blame)
            self.policy = PolicyUpdater(self._peft, shown, no_bonus, loss, *rates, DEPLOYED)
        else:
            self.policy = PolicyUpdater(self._peft, shown, self.weights, loss, *rates)
        self.heads = ValueHeads(config, self._peft, loaded.model, prompts, self.policy)

    @property
    def critics(self) -> Critics | None:
        """The critics, under the advantage "critic" alone."""
        return self.heads.critics

    @property
    def policies(self) -> dict[str, PolicyUpdater]:
        """Every adapter's updater by what its figures are called; the last one's adapter acts what is learned from."""
        beside = {} if self.explorer is None else {"explorer": self.explorer.policy}
        return {"policy": self.policy, **beside}

    def step(self, batch: Sequence[Candidate]) -> tuple[StepFigures, ...]:
        """Take one optimizer step of every adapter on ``batch``; return figures in the order of ``policies``.

        Raises:
            NotFiniteError: of any; nothing has moved. ``check`` is for after it.
        """
        if self.explorer is None:
            return (self.policy.step(batch),)
        return self.explorer.step_with(self.policy, batch)

    def check(self) -> None:
        """Raise NotFiniteError when a LoRA tensor or a moment of an optimizer must not be kept."""
        for policy in self.policies.values():
            policy.check()

    def work_with(self, crew: Crew) -> None:
        """Have ``crew`` add up the gradients from now on."""
        for policy in self.policies.values():
            policy.crew = crew

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
        for policy in self.policies.values():
            for parameter in policy.parameters:
                parameter.requires_grad_(True)  # also of the adapter that PEFT froze: it is no part of the base model
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
            **({} if self.explorer is None else self.explorer.tensors()),
            **self.heads.tensors(),
        }

    @contextmanager
    def acting_as(self, adapter: Mapping[str, Tensor] | None) -> Iterator[None]:
        """Have ``policy`` answer as it did with these LoRA tensors while the block runs; None is the base model."""
        now = {name: tensor.detach().clone() for name, tensor in adapter_tensors(self._peft).items()}
        self._load_deployed(
            {name: torch.zeros_like(tensor) for name, tensor in now.items()} if adapter is None else adapter
        )
        try:
            yield
        finally:
            self._load_deployed(now)

    def load_adapter(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over a version's LoRA tensors, under its names, and nothing else."""
        self._load_deployed(tensors)
        if self.explorer is not None:
            self.explorer.take_over(exploring_part(tensors))

    @torch.no_grad()
    def _load_deployed(self, tensors: Mapping[str, Tensor]) -> None:
        for name, live in adapter_tensors(self._peft).items():
            live.copy_(tensors[name])

    def led(self, policy: PolicyUpdater) -> dict[str, Tensor]:
        """Return the live tensors that the gradients of a batch depend on, of one of ``policies``."""
        explores = self.explorer is not None and policy is self.explorer.policy
        wanted = (EXPLORERS if explores else "lora/", "scm/")
        return {name: tensor for name, tensor in self.tensors().items() if name.startswith(wanted)}

    @torch.no_grad()
    def follow(self, tensors: Mapping[str, Tensor]) -> PolicyUpdater:
        """Take over what another process's ``led`` returned; weights are forgotten only with a new action model.

        Returns the one of ``policies`` that it was asked about.
        """
        policy = self.policy
        if self.explorer is not None and any(name.startswith(EXPLORERS) for name in tensors):
            policy = self.explorer.policy
            self.explorer.take_over({name.removeprefix(EXPLORERS): tensor for name, tensor in tensors.items()})
        else:
            self._load_deployed({name.removeprefix("lora/"): tensor for name, tensor in tensors.items()})
        own = self._action_model.state_dict()
        if not all(torch.equal(own[name], tensors[f"scm/{name}"]) for name in own):
            self._action_model.load_state_dict({name: tensors[f"scm/{name}"] for name in own})
            self.weights.forget()
        return policy

    def return_to(self, adapter: Mapping[str, Tensor]) -> None:
        """Take over older LoRA tensors; the moments of their optimizer, which belong to the newer ones, are dropped."""
        self.load_adapter(adapter)
        for policy in self.policies.values():
            policy.optimizer.state.clear()
        self.weights.forget()

    @torch.no_grad()
    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over what ``tensors`` returned, value for value."""
        self._load_deployed({name.removeprefix("lora/"): tensor for name, tensor in tensors.items()})
        scm = {name.removeprefix("scm/"): tensor for name, tensor in tensors.items() if name.startswith("scm/")}
        self._action_model.load_state_dict(scm)
        for prefix, optimizer in (("lora_adam", self.policy.optimizer), ("scm_adam", self.causal_model.optimizer)):
            state = {index: dict(values) for index, values in optimizer_state(prefix, tensors).items()}
            optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
        if self.explorer is not None:
            self.explorer.load(tensors)
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


def _action_model(tokenizer: Any, seed: int) -> ActionModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = ActionModel(len(tokenizer))
    model.place_numbers(numbers_in(tokenizer.get_vocab()))
    return model
