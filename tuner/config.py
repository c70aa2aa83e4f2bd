"""How the tuner learns, as frozen data read once at the root. Needs no torch."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tuner.logs import LogFormat

Objective = Literal["awr", "ppo", "bc"]
AdvantageKind = Literal["baseline", "group", "critic", "bad"]
EntropyTerm = Literal["causal", "uniform", "none"]
Blame = Literal["whole", "causal", "malformed"]
EntropyOver = Literal["tokens", "actions"]
WeightSource = Literal["scm", "parser", "released", "uniform"]
NullToken = Literal["mask", "unk", "pad", "neighbour"]
ReportTo = Literal["none", "wandb", "trackio"]
Quantization = Literal["nf4", "int8", "none"]


class LearnerConfig(BaseModel):
    """Settings of the learner process; names as in transformers' TrainingArguments where it has one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: Path = Field(description="Folder of the ledger, the adapters and the learner's checkpoint.")
    model: Path = Field(description="Folder of the base checkpoint.")
    base_model_digest: str = Field(description="Hex sha256 of the base checkpoint; goes into every manifest.")
    quantization: Quantization = "nf4"
    action_grammar: str = "json"
    objective: Objective = Field(
        "awr", description="Policy term: weighted log-probability, clipped surrogate, or cloning of successes."
    )
    advantage: AdvantageKind = Field(
        "baseline",
        description="What an outcome is held against: its task's success rate, its group's outcomes, a critic, or a "
        "critic of tokens (bad).",
    )
    group_step_weight: float = Field(
        0.0,
        ge=0,
        le=10,
        description="ω of GiGPO: what a step's return counts against those of its group's other visits to the same "
        "screen, beside the episode's (group only). 0: GRPO.",
    )
    instruction_share: float = Field(
        0.1, gt=0, le=1, description="Top share of the episodes that DigiRL's filter keeps (critic with awr only)."
    )
    gae_lambda: float = Field(0.95, ge=0, le=1, description="λ of the generalised advantage (ppo with critic or bad).")
    soft_values: bool = Field(
        False,
        description="Value targets of the soft backup: the next step's weighed entropy counts (critic with ppo only).",
    )
    critic_learning_rate: float = Field(1e-3, gt=0, description="AdamW's step size for the critics' heads.")
    critic_epochs: int = Field(4, ge=1, description="Passes of the critics over the latest episodes for each update.")
    clip_range: float = Field(0.1, gt=0, lt=1, description="ε of the clipped surrogate (ppo only).")
    thought_scaling: float = Field(
        1.0, ge=0, le=1, description="λ on the log-probability of thought tokens; RL4VLM has 0.2 to 0.5."
    )
    blame: Blame = Field(
        "whole",
        description="What a negative advantage presses down: answers whole, tokens by causal weight, or malformed "
        "answers alone.",
    )
    entropy: EntropyTerm = Field(
        "causal", description="Tokens the entropy bonus counts: by causal weight, all alike, or no bonus."
    )
    weight_source: WeightSource = Field(
        "scm", description="Where B of the causal entropy comes from; uniform is the older name of entropy=uniform."
    )
    entropy_over: EntropyOver = Field(
        "tokens",
        description="What the bonus is the entropy of: each token, or the action that its alternatives parse to "
        "(weight_source parser only).",
    )
    entropy_alpha: float = Field(0.02, ge=0, description="α of Eq. 7, the weight of the entropy bonus.")
    explorer: bool = Field(
        False,
        description="Learn a second adapter that explores: it alone has the entropy bonus, and is set to the deployed "
        "one every so often (OPARL; awr only).",
    )
    explorer_reset_every: int = Field(
        10,
        ge=1,
        description="Published updates after which the explorer is set to the deployed adapter (explorer only).",
    )
    learning_rate: float = Field(2e-4, gt=0, description="AdamW's step size for the LoRA tensors.")
    max_grad_norm: float = Field(1.0, gt=0, description="Gradients are clipped to this norm, module by module.")
    lora_r: int = Field(16, ge=1)
    lora_alpha: float = Field(32.0, gt=0)
    target_modules: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    batch_size: int = Field(16, ge=1, description="Steps (utterances) in one optimizer step.")
    trajectories_per_update: int = Field(8, ge=1, description="New trajectories to wait for before an update.")
    optimizer_steps_per_update: int = Field(8, ge=1)
    replay_capacity: int = Field(2000, ge=1, description="Trajectories kept for replay.")
    max_version_lag: int | None = Field(
        None,
        ge=0,
        description="Steps acted by a version further than this behind the one trained are never used; None: no bound.",
    )
    max_agent_share: float = Field(
        0.5,
        gt=0,
        le=1,
        description="Largest share of an update's weight that one agent's steps have beside others'; 1: no cap.",
    )
    discount: float = Field(0.9, gt=0, le=1, description="λ per step left until the outcome.")
    negative_ceiling: float = Field(
        0.0, ge=0, le=1, description="Largest negative weight of a failed episode's steps (awr only)."
    )
    max_uses_per_update: int = Field(4, ge=1, description="Times one step may be drawn within an update.")
    failure_share: float = Field(0.125, ge=0, lt=1, description="Share of a batch drawn from failures, for entropy.")
    micro_batch_size: int = Field(8, ge=1, description="Utterances in one forward pass; gradients are added up.")
    importance_ceiling: float = Field(2.0, gt=0, description="Truncation of π(y|s) / π_behaviour(y|s) (awr only).")
    length_weight: float = Field(
        0.0, ge=0, le=1, description="λ₁ of Optima: what an episode's reward loses for the tokens it wrote."
    )
    readability_weight: float = Field(
        0.0, ge=0, le=1, description="λ₂ of Optima: what it loses for words the base model finds unlikely."
    )
    reward_model_weight: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="What a plain failure gets at most for how a learned reward model sees it (ARMAP); 0: no model.",
    )
    scm_learning_rate: float = Field(1e-3, gt=0)
    scm_pretraining_steps: int = Field(200, ge=0, description="Steps on rehearsed utterances before the first update.")
    scm_first_steps: int = Field(100, ge=1, description="Steps of the first update, which meets the policy's wording.")
    scm_window: int = Field(
        1, ge=1, description="Tokens taken away together: 1 is the paper; weight_source=released always has 4."
    )
    scm_null: NullToken = Field("mask", description="What stands in for a token taken away; mask is the model's own.")
    scm_gap_share: float = Field(
        0.0, ge=0, le=1, description="Share of the action model's training rows that lose a tenth of their tokens."
    )
    scm_epochs: int = Field(2, ge=1, description="Passes over the replayed utterances for each update.")
    report_to: ReportTo = Field("none", description="Where figures go besides TensorBoard files; needs that package.")
    run_name: str = Field("", description="Name of the run there; the state folder's by default.")
    publish_start: bool = Field(
        False, description="Publish the adapter before anything is learned, so that there is one to return to."
    )
    kl_limit: float = Field(
        1.0, gt=0, description="Mean KL to the last version, in nats a token, above which an update is undone."
    )
    mismatch_limit: float = Field(
        0.5,
        ge=0,
        description="Mean difference, in nats a token, between an episode's log-probs and those recomputed under its "
        "version, above which it is refused as forged; ten times as much for one token. 0: not recomputed.",
    )
    entropy_collapse_share: float = Field(
        0.1, gt=0, lt=1, description="Share of its usual entropy below which a kind of action rings an alarm."
    )
    entropy_blowup_factor: float = Field(
        5.0, gt=1, description="Multiple of its usual entropy above which a kind of action rings an alarm."
    )
    log_format: LogFormat = Field("text", description="Lines of the learner's log: text, or a JSON object each.")
    seed: int = 0
    num_threads: int = Field(1, ge=1, description="CPU threads torch may use.")
    shard_base: bool = Field(
        False, description="Split the frozen base model over the learner's processes (quantization none only)."
    )

    @property
    def bonus_weights(self) -> Literal["none", "uniform", "scm", "parser", "released"]:
        """What the entropy of each token is weighed by: ``entropy`` and ``weight_source`` in one word."""
        return self.weight_source if self.entropy == "causal" else self.entropy

    @property
    def presses_down(self) -> bool:
        """Whether an answer can have a negative advantage at all."""
        return self.objective == "ppo" or (self.objective == "awr" and self.negative_ceiling > 0)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> "LearnerConfig":
        if self.entropy == "none" and self.weight_source == "uniform":
            raise ValueError("entropy none and weight_source uniform contradict each other: leave one out")
        if self.entropy_over == "actions" and self.bonus_weights != "parser":
            raise ValueError(
                f"entropy_over actions asks the parser what each alternative does, got {self.bonus_weights} weights: "
                "set entropy causal and weight_source parser"
            )
        if self.shard_base and self.quantization != "none":
            raise ValueError(
                f"shard_base splits weights of full precision, got quantization {self.quantization}: set it to none, "
                "or leave shard_base out"
            )
        if self.objective == "bc" and self.advantage != "baseline":
            raise ValueError("objective bc weighs every kept step 1 and takes no advantage: leave advantage out")
        if self.group_step_weight and self.advantage != "group":
            raise ValueError(
                f"group_step_weight compares steps within a group, got advantage {self.advantage}: set it to group, or "
                "leave group_step_weight out"
            )
        if self.advantage == "bad" and self.objective != "ppo":
            raise ValueError("advantage bad gives tokens signed advantages, which only objective ppo takes: set both")
        if self.soft_values and ((self.objective, self.advantage) != ("ppo", "critic") or self.entropy == "none"):
            raise ValueError(
                "soft_values is for advantage critic under objective ppo with an entropy term: leave it out"
            )
        if self.explorer and self.objective != "awr":
            raise ValueError(
                "explorer has the deployed adapter learn from what another one acted, which objective awr alone "
                f"corrects for, got {self.objective}: set it to awr, or leave explorer out"
            )
        if self.explorer and (self.entropy == "none" or not self.entropy_alpha):
            raise ValueError(
                f"explorer differs from the deployed adapter by its entropy bonus, got entropy {self.entropy} and "
                f"entropy_alpha {self.entropy_alpha:g}: set causal or uniform and one above 0, or leave explorer out"
            )
        if self.blame != "whole" and not self.presses_down:
            raise ValueError(
                f"blame {self.blame} is about negative advantages, which objective ppo has, and awr with a "
                "negative_ceiling above 0: set one of these, or leave blame out"
            )
        for name in ("length_weight", "readability_weight", "reward_model_weight"):
            if getattr(self, name) and (self.objective == "bc" or self.advantage == "critic"):
                raise ValueError(f"{name} shapes rewards, which bc and the critics do not look at: leave it out")
        if self.advantage == "critic" and self.negative_ceiling:
            raise ValueError("advantage critic weighs steps 1 or 0, never below: leave negative_ceiling out")
        return self
