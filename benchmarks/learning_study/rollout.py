"""Many episodes at once on in-process phones, one batched answer for each round of decisions. Updates nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from agent_runtime.actions import Action, Finish, Malformed
from benchmarks.learning_study.answers import GRAMMAR
from benchmarks.learning_study.goals import Start
from benchmarks.learning_study.phones import StudyPhone, starts
from benchmarks.learning_study.policy import Policy, Sight, batch_of, sight_of
from benchmarks.learning_study.screens import Scene
from benchmarks.learning_study.vocabulary import Vocabulary
from tuner.coso.labels import Utterance, action_labels


@dataclass(frozen=True)
class Decision:
    """One step: what was seen, what was written, with which log-probs, and what that parsed to."""

    sight: Sight
    utterance: Utterance
    log_probs: tuple[float, ...]
    action: Action


@dataclass
class Episode:
    """One episode; successful when the agent announced it and the probe of the phone's state agrees."""

    start: Start
    decisions: list[Decision] = field(default_factory=list)
    succeeded: bool = False

    @property
    def malformed(self) -> int:
        """Answers outside the grammar."""
        return sum(isinstance(decision.action, Malformed) for decision in self.decisions)


class Fleet:
    """As many phones as there may be episodes at once."""

    def __init__(self, size: int, vocabulary: Vocabulary) -> None:
        self._phones = [StudyPhone(f"study-{place}") for place in range(size)]
        self._starts = starts()
        self._vocabulary = vocabulary

    def run(
        self, policy: Policy, sampled: Sequence[Start], greedy: Sequence[Start], generator: torch.Generator
    ) -> tuple[list[Episode], list[Episode]]:
        """Play one episode for each start, all at once, and return those sampled and those played greedily."""
        episodes = [Episode(start) for start in (*sampled, *greedy)]
        assert len(episodes) <= len(self._phones)
        playing = list(zip(self._phones, episodes, range(len(episodes)), strict=False))
        for phone, episode, _ in playing:
            episode.start.begin(phone, self._starts)
        while playing:
            sights = [self._look(phone, episode) for phone, episode, _ in playing]
            likeliest = torch.tensor([place >= len(sampled) for *_, place in playing])
            answers, scores = policy.write(batch_of(sights), likeliest, self._vocabulary.end_id, generator)
            going = []
            for (phone, episode, place), sight, answer, score in zip(playing, sights, answers, scores, strict=True):
                action = GRAMMAR.parse(self._vocabulary.decode(answer))
                utterance = Utterance(tuple(answer), action_labels(action))
                episode.decisions.append(Decision(sight, utterance, tuple(score), action))
                if isinstance(action, Finish):
                    episode.succeeded = action.succeeded and episode.start.task.is_successful(phone)
                    continue
                phone.perform(action)
                if len(episode.decisions) < episode.start.step_limit:
                    going.append((phone, episode, place))
            playing = going
        return episodes[: len(sampled)], episodes[len(sampled) :]

    def _look(self, phone: StudyPhone, episode: Episode) -> Sight:
        phone.settle()
        return sight_of(Scene.of(phone.phone), episode.start.task.goal, self._vocabulary)
