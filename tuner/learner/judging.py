"""What an episode's steps count once critics have judged them: DigiRL's filter, or GAE. Holds no critic.

The r of a step is 0 but for the last, which has the outcome; V behind the last step is 0, for nothing follows. A
step without tokens is no decision of the policy and does not count among the H of an episode.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from tuner.coso.credit import gae
from tuner.coso.filters import digirl_step_advantages, instruction_advantages, kept_episodes, kept_steps
from tuner.learner.critics import Episode, EpisodeValues

Key = tuple[int, int]
"""(sequence in the ledger, place in the episode), as ``StepSample`` has it."""


def digirl_weights(
    episodes: Sequence[Episode], values: Mapping[int, EpisodeValues], discount: float, share: float
) -> dict[Key, float]:
    """Return 1 for every step that DigiRL imitates and 0 for the others (arXiv 2406.11896, section 4).

    An episode is kept when A_instr = r_H − V_instr is among the top ``share`` of those given, a step of it when
    A_step > 1/H with H the task's step limit (``filters``). Episodes without values are left out altogether.
    """
    judged = [steps for steps in episodes if steps and steps[0].key[0] in values]
    told = [values[steps[0].key[0]] for steps in judged]
    outcomes = [steps[0].reward for steps in judged]
    kept = kept_episodes(instruction_advantages(outcomes, [value.instruction for value in told]), share)
    weights: dict[Key, float] = {}
    for steps, value, is_kept in zip(judged, told, kept, strict=True):
        advantages = digirl_step_advantages(_rewards(steps), _tensor([*value.steps, 0.0]), discount)
        passed = kept_steps(advantages, steps[0].horizon).tolist()
        weights |= {step.key: float(is_kept and good) for step, good in zip(steps, passed, strict=True)}
    return weights


def gae_weights(
    episodes: Sequence[Episode],
    values: Mapping[int, EpisodeValues],
    discount: float,
    gae_lambda: float,
    bonuses: Mapping[Key, float] | None = None,
) -> dict[Key, float]:
    """Return A_h of every step by GAE (``credit.gae``); episodes without values are left out altogether.

    ``bonuses`` α·H_B(s_h) make the target that of the soft backup (CoSo's lemma 4.2): with them
    r_h + γ (α H_B(s_{h+1}) + V(s_{h+1})) − V(s_h) stands where r_h + γ V(s_{h+1}) − V(s_h) does without. The entropy
    of s_h itself is not the step's doing and is left out.
    """
    weights: dict[Key, float] = {}
    for steps in episodes:
        if not steps or steps[0].key[0] not in values:
            continue
        to_come = [(bonuses or {}).get(step.key, 0.0) for step in steps[1:]]
        rewards = (_rewards(steps) + discount * _tensor([*to_come, 0.0]))[None]
        told = _tensor(values[steps[0].key[0]].steps)[None]
        advantages = gae(rewards, told, torch.zeros(1, dtype=told.dtype), torch.ones_like(told), discount, gae_lambda)
        weights |= {step.key: advantage for step, advantage in zip(steps, advantages[0].tolist(), strict=True)}
    return weights


def _rewards(steps: Episode) -> Tensor:
    return _tensor([*[0.0] * (len(steps) - 1), steps[0].reward])


def _tensor(values: Sequence[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)
