"""The heads that the settings ask for, on one model's frozen features, and their tensors. Trains nothing by itself."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from agent_runtime.policy.prompt import PromptBuilder
from tuner.config import LearnerConfig
from tuner.learner.critics import Critics
from tuner.learner.feature_cache import FeatureCache
from tuner.learner.features import StepFeatures, feature_size
from tuner.learner.heads import Head
from tuner.learner.policy_update import PolicyUpdater
from tuner.learner.readability import Readability
from tuner.learner.reward_model import RewardModel
from tuner.learner.token_critic import TokenCritic

FEATURES = "features"
READABILITY = "readability"


class ValueHeads:
    """Each is None where the settings have no use for it; ``readability`` has no weights of its own.

    Tensors of heads that a checkpoint holds and these settings do not use are kept for settings that do.
    """

    def __init__(
        self, config: LearnerConfig, peft: Any, base: Any, prompts: PromptBuilder, policy: PolicyUpdater
    ) -> None:
        own = config.state / "learner"
        identity = f"{config.base_model_digest} {config.quantization} {config.action_grammar}"
        settings = (config.critic_learning_rate, config.max_grad_norm, config.seed)
        size = feature_size(base)
        self.critics: Critics | None = None
        self.token_critic: TokenCritic | None = None
        self.reward_model: RewardModel | None = None
        self.readability: Readability | None = None
        if config.advantage == "critic" or config.reward_model_weight:
            features = StepFeatures(peft, prompts, FeatureCache(own / FEATURES, size), identity)
            self.critics = Critics(features, size, *settings) if config.advantage == "critic" else None
            self.reward_model = RewardModel(features, size, *settings) if config.reward_model_weight else None
        if config.advantage == "bad":
            self.token_critic = TokenCritic(policy, size // 2, *settings)
        if config.readability_weight:
            self.readability = Readability(policy, FeatureCache(own / READABILITY, 1), identity)
        self._kept: dict[str, Tensor] = {}

    def tensors(self) -> dict[str, Tensor]:
        """Return every tensor of the heads in use, and those that are only kept, under stable names."""
        found = dict(self._kept)
        for head in self._heads():
            found |= head.tensors()
        return found

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over what ``tensors`` returned, value for value; heads that are not among them stay as they are."""
        heads = self._heads()
        for head in heads:
            head.load(tensors)
        self._kept = {
            name: tensor
            for name, tensor in tensors.items()
            if name.startswith("critic") and not any(head.owns(name) for head in heads)
        }

    def _heads(self) -> list[Head]:
        asked = (self.critics, self.token_critic, self.reward_model)
        return [head for part in asked if part is not None for head in part.heads]
