"""What an update makes of the replay by learned values: trains critics, hands out weights. Moves no policy."""

from collections.abc import Sequence

from tuner.config import LearnerConfig
from tuner.learner.experience import Experience
from tuner.learner.judging import digirl_weights, gae_weights
from tuner.learner.samples import StepSample, can_be_shown
from tuner.learner.student import Student

EPISODES = 256
"""Episodes the critics are trained on in an update: an older policy's outcomes are no measure of today's."""


def update_values(config: LearnerConfig, student: Student, experience: Experience, seed: str) -> dict[str, float]:
    """Train what there is of critics and reward model, weigh the replay's steps, and return figures.

    Raises:
        NotFiniteError: a feature, a loss, a gradient or a weight is not finite.
    """
    figures: dict[str, float] = {}
    heads = student.heads
    if heads is None:
        return figures
    if heads.reward_model is not None:
        figures |= heads.reward_model.update(experience.latest_episodes(EPISODES), config.critic_epochs, seed)
    if heads.critics is not None:
        figures |= heads.critics.update(experience.latest_episodes(EPISODES), config.critic_epochs, seed)
        figures |= _judge(config, student, experience)
    if heads.token_critic is not None:
        credit, told = heads.token_critic.update(
            experience.episodes(), config.discount, config.gae_lambda, config.critic_epochs, seed
        )
        experience.credited = credit
        experience.judged = {key: sum(tokens) / len(tokens) for key, tokens in credit.items()}
        figures |= told
    return figures


def _judge(config: LearnerConfig, student: Student, experience: Experience) -> dict[str, float]:
    """Weigh the replay's steps by what the critics say."""
    assert student.critics is not None
    figures: dict[str, float] = {}
    episodes = experience.episodes()
    values = student.critics.values(episodes)
    if config.objective == "ppo":
        bonuses = _soft_bonuses(config, student, episodes)
        if bonuses:
            figures["soft_bonus"] = sum(bonuses.values()) / len(bonuses)
        experience.judged = gae_weights(episodes, values, config.discount, config.gae_lambda, bonuses)
    else:
        judged = digirl_weights(episodes, values, config.discount, config.instruction_share)
        figures["kept_steps"] = float(sum(weight > 0 for weight in judged.values()))
        experience.judged = judged
    return figures


def _soft_bonuses(
    config: LearnerConfig, student: Student, episodes: Sequence[Sequence[StepSample]]
) -> dict[tuple[int, int], float]:
    """Return α·H_B of every step that can be shown, where values are to be soft."""
    if not config.soft_values:
        return {}
    shown = [step for steps in episodes for step in steps if can_be_shown(step)]
    return {key: config.entropy_alpha * nats for key, nats in student.policy.causal_entropies(shown).items()}
