"""What there is to learn from: steps of explored episodes, and which of them an update looks at. Holds no model.

Under "awr" the steps of positive weight carry the policy term: those of successes, and of failures whose graded
reward is better than their task's is so far. Under "bc" successes alone do. A few steps of recent failures ride along
for their entropy. A step is drawn in proportion to

    w_h · fresh · 1/2^uses

with w_h of ``advantage`` (large where the task still fails often; 1 under "bc"), ``fresh`` for episodes new in this
update, and halved each time it was drawn. Its loss is multiplied by w̄ / w_h, so that what is drawn more often
counts less and the expectation is that of an even draw (prioritized replay with full correction, arXiv 1511.05952).
Nothing the policy says of the step enters the draw: favouring what it finds unlikely would teach it its own slips.
Under "ppo" only the episodes new in this update are looked at, for the clipped ratio trusts no other; steps
of any outcome carry the policy term with their signed advantage, all equally likely but for 1/2^uses, and those of
advantage 0 are the ones that ride along. Advantages are per-step A_h of ``advantage`` or, under "group", one for
the whole episode, or with ``group_step_weight`` one for each step, as ``groups`` says. Under "critic"
weights are those of ``judged``, which ``judging`` makes of the critics' values: steps of weight 1 carry the policy
term, whatever their episode's outcome, under "awr"; GAE's A_h under "ppo". Under "bad" each token has an
advantage of its own, ``credited``, and ``judged`` is their mean in a step.

No agent makes up more of a batch's weight than ``agent_share`` allows, whatever it sends.

Whatever the rule of ``freshness`` forbids is dropped, on arrival or once it has aged, before anything looks at it, and
counted once by its reason. It does not come back, restarts included.
"""

import heapq
import math
import operator
import random
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tuner.config import AdvantageKind, Objective
from tuner.coso.advantage import SuccessBaseline, awr_weights, step_advantages
from tuner.coso.labels import Utterance
from tuner.ingest.ledger import StoredTrajectory
from tuner.learner.agent_share import factors, under_quota
from tuner.learner.freshness import Freshness
from tuner.learner.groups import Groups
from tuner.learner.samples import NO_BOUND, StepSample, trainable_steps
from tuner.learner.shaping import Shape, unshaped

FRESH_FACTOR = 2.0
FAILURES_KEPT = 32
"""Failed trajectories kept for their entropy; older ones show screens the policy has moved on from."""
NOT_TRAINABLE = "not_trainable"
"""Why nothing was used of a trajectory that is void, unreadable or not finite."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A step and how it counts.

    ``weight`` is that of the policy term: w_h, or A_h under "ppo"; 0: entropy only. ``priority`` is in proportion to
    the chance of a draw; ``correction`` multiplies the whole loss of the step to make up for it.
    """

    sample: StepSample
    weight: float
    priority: float
    correction: float = 1.0
    token_weights: tuple[float, ...] = ()
    """A of every token under "bad", of the policy term in place of ``weight``; none: entropy only."""


class Experience:
    """The replay: steps by trajectory, and the success baseline of each task."""

    def __init__(
        self,
        capacity: int,
        discount: float,
        negative_ceiling: float = 0.0,
        objective: Objective = "awr",
        advantage: AdvantageKind = "baseline",
        vocabulary_size: int = NO_BOUND,
        shape: Shape = unshaped,
        group_step_weight: float = 0.0,
    ) -> None:
        self.baseline = SuccessBaseline()
        self.freshness = Freshness()
        self.dropped: Counter[str] = Counter()
        """Steps dropped so far, by the reason."""
        self.unused: dict[int, str] = {}
        """Trajectories of the latest batch of which no step may be used, and why, by sequence."""
        self.judged: Mapping[tuple[int, int], float] = {}
        """Weight of steps by key, of the critics' making; asked under "critic" and "bad"."""
        self.credited: Mapping[tuple[int, int], tuple[float, ...]] = {}
        """Weight of every token of steps by key; asked under "bad" alone."""
        self._capacity = capacity
        self._discount = discount
        self._negative_ceiling = negative_ceiling
        self._objective = objective
        self._advantage = advantage
        self._vocabulary_size = vocabulary_size
        self._shape = shape
        self._group_step_weight = group_step_weight
        self._steps: dict[int, list[StepSample]] = {}  # by sequence, in order of arrival
        self._fresh: set[int] = set()

    def held(self) -> dict[int, list[int]]:
        """Return the places of the steps in the replay, by sequence; what is not there of an episode was dropped."""
        return {sequence: [step.key[1] for step in steps] for sequence, steps in self._steps.items()}

    def recall(
        self,
        replay: Iterable[StoredTrajectory],
        held: Mapping[int, Collection[int]] | None = None,
        counted: Freshness | None = None,
        refused: Collection[int] = (),
    ) -> None:
        """Take in trajectories of earlier updates, oldest first, without counting their outcomes again.

        Of those in ``held``, which was returned then, the steps that were left come back and no other, whatever the
        rule is now: what was dropped was counted. Of others, those that the rule ``counted`` of then allows, and none
        of the sequences ``refused``. Call ``train_from`` next.
        """
        held, earlier = held or {}, counted or Freshness()
        for stored in replay:
            steps = [] if stored.sequence in refused else self._shape(self.trainable(stored))
            if stored.sequence in held:
                left = [step for step in steps if step.key[1] in held[stored.sequence]]
            else:
                left = [step for step in steps if earlier.reason(step.version) is None]
            self._steps[stored.sequence] = left
        self._trim()

    def train_from(self, freshness: Freshness) -> None:
        """Hold to this rule from now on; steps it forbids leave the replay."""
        self.freshness = freshness
        for sequence, steps in self._steps.items():
            self._steps[sequence] = self._kept_by_rule(steps)

    def trainable(self, stored: StoredTrajectory) -> list[StepSample]:
        """Return the steps of a trajectory that may be learned from as far as its own content tells."""
        return trainable_steps(stored, self._vocabulary_size)

    def take(self, batch: Sequence[StoredTrajectory], refused: Mapping[int, str] | None = None) -> None:
        """Take in new trajectories and their outcomes; they are the fresh ones until the next call.

        ``refused`` is why nothing may be used of some of them, by sequence; their steps are counted as dropped.
        """
        refused = refused or {}
        self._fresh = {stored.sequence for stored in batch}
        self.unused = {}
        for stored in batch:
            told = self._shape(self.trainable(stored))
            if stored.sequence in refused:
                self.unused[stored.sequence] = refused[stored.sequence]
                self.dropped[refused[stored.sequence]] += len(told)
                self._steps[stored.sequence] = []
                continue
            steps = self._steps[stored.sequence] = self._kept_by_rule(told)
            if steps:
                self.baseline.update(steps[0].task_name, steps[0].reward)
            else:
                why = self.freshness.reason(told[0].version) if told else None
                self.unused[stored.sequence] = why or NOT_TRAINABLE
        self._trim()

    def steps_of(self, sequence: int) -> list[StepSample]:
        """Return the trainable steps of a trajectory, none when it is unknown."""
        return self._steps.get(sequence, [])

    def episodes(self) -> list[list[StepSample]]:
        """Return the episodes that an update may look at, in order of arrival: under "ppo" the fresh ones alone."""
        told = [steps for steps in self._steps.values() if steps]
        return [steps for steps in told if self._objective != "ppo" or steps[0].key[0] in self._fresh]

    def latest_episodes(self, limit: int) -> list[list[StepSample]]:
        """Return at most ``limit`` episodes of any outcome, the newest last."""
        return [steps for steps in self._steps.values() if steps][-limit:]

    def latest_steps(self, limit: int) -> list[StepSample]:
        """Return at most ``limit`` steps of any outcome, the newest last."""
        return [step for steps in self._steps.values() for step in steps][-limit:]

    def newest_steps(self, limit: int) -> list[StepSample]:
        """Return at most ``limit`` steps spread evenly over the fresh episodes, filled up with the latest others."""
        fresh = [step for sequence in sorted(self._fresh) for step in self.steps_of(sequence)]
        spread = fresh[:: max(1, -(-len(fresh) // limit))][:limit]
        older = [step for step in self.latest_steps(2 * limit) if step.key[0] not in self._fresh]
        return spread + older[len(older) - min(len(older), limit - len(spread)) :]

    def unseen_utterances(self, limit: int) -> list[Utterance]:
        """Return at most ``limit`` distinct utterances of the fresh episodes that no older episode here holds."""
        fresh = [step for sequence in sorted(self._fresh) for step in self.steps_of(sequence)]
        older = {
            step.utterance for sequence, steps in self._steps.items() if sequence not in self._fresh for step in steps
        }
        return [utterance for utterance in dict.fromkeys(s.utterance for s in fresh) if utterance not in older][:limit]

    def candidates(self) -> tuple[list[Candidate], list[Candidate]]:
        """Return the steps that carry the policy term, and those that ride along for their entropy."""
        told = self.episodes()
        if self._objective == "ppo":
            groups = self._groups()
            signed = [
                Candidate(step, weight, 1.0, token_weights=self.credited.get(step.key, ()))
                for steps in told
                for step, weight in self._with_weights(steps, groups)
            ]
            return [step for step in signed if step.weight != 0], [step for step in signed if step.weight == 0]
        if self._advantage == "critic":
            return self._kept(told)
        groups = self._groups()
        weighed = [pair for steps in told for pair in self._with_weights(steps, groups)]
        recent = {steps[0].key[0] for steps in _failures(told)}
        riding = [(step, weight) for step, weight in weighed if weight <= 0 and step.key[0] in recent]
        return self._prioritized([(step, weight) for step, weight in weighed if weight > 0]), self._prioritized(riding)

    def _kept(self, trajectories: Sequence[list[StepSample]]) -> tuple[list[Candidate], list[Candidate]]:
        """Return the steps the critics keep, and those of recent failures that they do not."""
        kept = [(step, 1.0) for steps in trajectories for step in steps if self.judged.get(step.key)]
        riding = [(step, 0.0) for steps in _failures(trajectories) for step in steps if not self.judged.get(step.key)]
        return self._prioritized(kept), self._prioritized(riding)

    def _with_weights(self, steps: Sequence[StepSample], groups: Groups) -> list[tuple[StepSample, float]]:
        weights = self._weights(steps[0], groups)
        return [(step, weights[step.key[1]]) for step in steps]

    def _prioritized(self, weighed: Sequence[tuple[StepSample, float]]) -> list[Candidate]:
        """Favour steps of large weight and take it back in their loss; those without a weight are drawn evenly."""
        fresh = [FRESH_FACTOR if step.key[0] in self._fresh else 1.0 for step, _ in weighed]
        favour = [weight if weight > 0 else 1.0 for _, weight in weighed]
        mean = sum(map(operator.mul, fresh, favour)) / (sum(fresh) or 1.0)
        return [
            Candidate(step, weight, factor * favoured, mean / favoured)
            for (step, weight), factor, favoured in zip(weighed, fresh, favour, strict=True)
        ]

    def _weights(self, step: StepSample, groups: Groups) -> tuple[float, ...]:
        """Return the weight of every step of the episode that ``step`` is of."""
        if self._objective == "bc":
            return (float(step.succeeded),) * step.steps
        if self._advantage in ("critic", "bad"):
            return tuple(self.judged.get((step.key[0], place), 0.0) for place in range(step.steps))
        if self._advantage == "group":
            advantages = groups.advantages(step)
        else:
            baseline = self.baseline.value(step.task_name)
            advantages = step_advantages(step.reward, step.steps, baseline, self._discount)
        if self._objective == "ppo":
            return advantages
        return awr_weights(advantages, step.succeeded, self._negative_ceiling)

    def _kept_by_rule(self, steps: Sequence[StepSample]) -> list[StepSample]:
        kept = []
        for step in steps:
            reason = self.freshness.reason(step.version)
            if reason is None:
                kept.append(step)
            else:
                self.dropped[reason] += 1
        return kept

    def _groups(self) -> Groups:
        """Return the replay by groups, nobody where no advantage is against one."""
        compared = self._steps.values() if self._advantage == "group" else ()
        return Groups(compared, self._discount, self._group_step_weight)

    def _trim(self) -> None:
        for sequence in list(self._steps)[: max(0, len(self._steps) - self._capacity)]:
            del self._steps[sequence]


def _failures(trajectories: Sequence[list[StepSample]]) -> list[list[StepSample]]:
    """Return the latest episodes that did not succeed."""
    return [steps for steps in trajectories if not steps[0].succeeded][-FAILURES_KEPT:]


class Sampler:
    """Draws the batches of one update; seeded, without repeats inside a batch."""

    def __init__(
        self, experience: Experience, max_uses: int, failure_share: float, seed: str, max_agent_share: float = 1.0
    ) -> None:
        self._carrying, self._riding = experience.candidates()
        self._max_uses = max_uses
        self._failure_share = failure_share
        self._max_agent_share = max_agent_share
        self._random = random.Random(seed)
        self._uses: dict[tuple[int, int], int] = {}

    def batch(self, size: int) -> list[Candidate]:
        """Return at most ``size`` steps; empty when no step is left, of those that carry, with a use to go."""
        riders = min(len(self._riding), int(size * self._failure_share))
        drawn = self._draw(self._carrying, size - riders)
        return drawn + self._draw(self._riding, riders) if drawn else []

    def _draw(self, candidates: Sequence[Candidate], count: int) -> list[Candidate]:
        """Weighted draw without replacement (Efraimidis and Spirakis 2006): the smallest −ln(u)/priority.

        Under each agent's quota, and with its share of the weight at most; nothing once one agent alone has uses to go.
        """
        keyed = []
        for place, candidate in enumerate(candidates):
            uses = self._uses.get(candidate.sample.key, 0)
            if uses < self._max_uses:
                rate = candidate.priority / 2**uses
                keyed.append((-math.log(1 - self._random.random()) / rate, place))
        if self._max_agent_share < 1:
            ordered = [candidates[place] for _, place in sorted(keyed)]
            agents = [candidate.sample.agent for candidate in ordered]
            if len(set(agents)) == 1 < len({candidate.sample.agent for candidate in candidates}):
                return []  # the others' steps are used up: one agent does not go on by itself
            drawn = [ordered[place] for place in under_quota(agents, count, self._max_agent_share)]
        else:
            drawn = [candidates[place] for _, place in heapq.nsmallest(count, keyed)]
        for candidate in drawn:
            self._uses[candidate.sample.key] = self._uses.get(candidate.sample.key, 0) + 1
        counting = factors((candidate.sample.agent for candidate in drawn), self._max_agent_share)
        return [
            candidate
            if counting[candidate.sample.agent] == 1
            else replace(candidate, correction=candidate.correction * counting[candidate.sample.agent])
            for candidate in drawn
        ]
