"""BAD's critic: a value for every token, and the credit that follows from it (POAD, arXiv 2405.15821). Moves no policy.

V(s_h, y_<j) is a head on the base model's last hidden state at the place that token j is predicted from, never the
adapter's: what it stands on does not change while it learns. It is trained, with cross-entropy since all returns lie in
[0, 1], towards

    V(s_h, y_<j) + A_{h,j}          A of ``coso.credit.bad_advantages``

which is ``bad_targets``, one step ahead, where λ of GAE is 0, and the discounted outcome where it is 1. Advantages are
made with the values from before this training: of episodes that the critic has not seen.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from tuner.coso.credit import bad_advantages
from tuner.coso.critic import success_accuracy
from tuner.learner.critics import Episode
from tuner.learner.finite import require_finite
from tuner.learner.heads import Head, seeded_heads
from tuner.learner.policy_update import PolicyUpdater
from tuner.learner.samples import StepSample, can_be_shown

BATCH_TOKENS = 256
Key = tuple[int, int]


class TokenCritic:
    """The head ``token`` over the hidden states that ``policy``'s base model gives."""

    def __init__(
        self, policy: PolicyUpdater, hidden_size: int, learning_rate: float, max_grad_norm: float, seed: int
    ) -> None:
        self._policy = policy
        (self._head,) = seeded_heads(("token",), hidden_size, learning_rate, max_grad_norm, seed)

    @property
    def heads(self) -> list[Head]:
        """The head, for the checkpoint."""
        return [self._head]

    def update(
        self, episodes: Sequence[Episode], discount: float, gae_lambda: float, epochs: int, seed: str
    ) -> tuple[dict[Key, tuple[float, ...]], dict[str, float]]:
        """Return A of every token of each step, by key, and figures; then pass ``epochs`` times over the episodes.

        An episode of which a picture does not decode is left out altogether. ``token_value_accuracy`` is the share of
        tokens whose value from before is on the outcome's side of 1/2, ``token_value_majority`` what always saying the
        commoner outcome would get, ``token_value_loss`` the mean cross-entropy over the passes, in nats.

        Raises:
            NotFiniteError: a hidden state, a loss, a gradient or a weight is not finite.
        """
        told = [steps for steps in episodes if steps and all(can_be_shown(step) for step in steps)]
        if not told:
            return {}, {"critic_trained": 0.0}
        states = self._states([step for steps in told for step in steps])
        credit: dict[Key, tuple[float, ...]] = {}
        targets: list[Tensor] = []
        before: list[Tensor] = []
        for steps in told:
            rows = [states[step.key] for step in steps]
            with torch.no_grad():
                values = [self._head.network(row) for row in rows]
            advantages = token_advantages(steps[-1].reward, [v.sigmoid() for v in values], discount, gae_lambda)
            credit |= {step.key: tuple(row.tolist()) for step, row in zip(steps, advantages, strict=True)}
            before += values
            targets += [(v.sigmoid() + a).clamp(0.0, 1.0) for v, a in zip(values, advantages, strict=True)]
        figures = _accuracies(told, before)
        features = torch.cat([states[step.key] for steps in told for step in steps])
        figures["token_value_loss"] = self._head.fit(features, torch.cat(targets), epochs, BATCH_TOKENS, seed)
        return credit, figures | {"critic_trained": 1.0}

    def _states(self, samples: Sequence[StepSample]) -> Mapping[Key, Tensor]:
        """Return the base model's hidden states [T, D], float32 on the CPU, that each step's tokens come from."""
        found: dict[Key, Tensor] = {}
        with self._policy.as_base():
            for part, scored in self._policy.scored(samples):
                lengths = [len(sample.utterance.token_ids) for sample in part]
                rows = torch.split(scored.states.hidden.float().cpu(), lengths)
                found |= {sample.key: row for sample, row in zip(part, rows, strict=True)}
        for row in found.values():
            require_finite("a hidden state of the base model", row)
        return found


def token_advantages(reward: float, values: Sequence[Tensor], discount: float, gae_lambda: float) -> list[Tensor]:
    """Return A [T] of the tokens of each step of one episode, from their values [T] before each is written.

    The outcome comes with the last step, and V behind it is 0, for nothing follows.
    """
    padded = pad_sequence(list(values), batch_first=True)
    mask = pad_sequence([torch.ones_like(row) for row in values], batch_first=True)
    rewards = padded.new_tensor([*[0.0] * (len(values) - 1), reward])
    found = bad_advantages(rewards, padded, padded.new_zeros(()), mask, discount, gae_lambda)
    return [row[: len(own)] for row, own in zip(found, values, strict=True)]


def _accuracies(episodes: Sequence[Episode], logits: Sequence[Tensor]) -> dict[str, float]:
    steps = [step for steps in episodes for step in steps]
    outcomes = torch.cat([torch.full((len(row),), step.reward) for step, row in zip(steps, logits, strict=True)])
    share = float((outcomes > 0.5).double().mean())
    return {
        "token_value_accuracy": success_accuracy(torch.cat(list(logits)), outcomes),
        "token_value_majority": max(share, 1 - share),
    }
