"""Asks a policy again what a session recorded, and tells where it decides otherwise. Loads no policy, prints nothing.

``replay_exactly`` gives it the recorded screens, prompts, seeds and temperatures and expects the recorded answers.
``replay_against`` asks any policy what it would do in every recorded state, and how often that matches.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from agent_runtime.actions import Action, Grammar, Malformed
from agent_runtime.policy.base import Policy
from agent_runtime.policy.exploring import acting_for
from agent_runtime.sessions.course import refuse_inexact
from agent_runtime.sessions.matching import AITW_TEXT, RULES
from agent_runtime.sessions.pictures import fitted
from agent_runtime.sessions.reader import screen_png
from agent_runtime.sessions.recording import RecordedEpisode, RecordedStep, Session
from agent_runtime.trajectory import Decision

GREEDY = 0.0
UseAdapter = Callable[[int, str], bool]
"""Puts the adapter of that version and digest in place; False when it is not to be had."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a policy decided otherwise than recorded."""

    episode: RecordedEpisode
    step: RecordedStep
    decision: Decision
    action: Action


@dataclass
class ExactReport:
    """What an exact replay came to. ``skipped`` counts steps by the adapter version that was not to be had."""

    compared: int = 0
    identical: int = 0
    skipped: Counter[int] = field(default_factory=Counter)
    first_difference: Difference | None = None
    largest_log_prob_gap: float = 0.0
    """Among identical decisions, in nats; above 0 on another machine or another number of threads."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What another policy would do in a recorded state, and the rules by which that is the recorded action."""

    utterance: str
    action: Action
    matched: tuple[str, ...]


@dataclass
class AgainstReport:
    """How often a policy's greedy action matches the recorded one."""

    states: int = 0
    malformed_recorded: int = 0
    """States left out because what was recorded is no action."""
    malformed: int = 0
    """Answers of the policy that are no action; they match nothing."""
    matches: Counter[str] = field(default_factory=Counter)
    """By the rule's name."""
    by_kind: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Matches by ``AITW_TEXT`` and states, by the kind of the recorded action."""
    answers: dict[tuple[int, int], Answer] = field(default_factory=dict)
    """By the episode's number and the step's index; of every state that was asked."""


def only_the_base_model(version: int, digest: str) -> bool:
    """An adapter source that has none: version 0 is the base model alone."""
    return version == 0


def replay_exactly(
    session: Session, policy: Policy, grammar: Grammar, use_adapter: UseAdapter = only_the_base_model
) -> ExactReport:
    """Decide every recorded step again; one is identical when its utterance and its token ids are.

    Raises:
        SessionError: the session was redacted or imported, or a screen is not what was recorded.
        PolicyError: the policy cannot answer.
    """
    refuse_inexact(session)
    report = ExactReport()
    for episode, step in session.steps():
        recorded = step.decision
        if not use_adapter(recorded.adapter_version, recorded.adapter_digest):
            report.skipped[recorded.adapter_version] += 1
            continue
        png = screen_png(session, step)
        acting = acting_for(policy, episode.start.purpose)
        decision = acting.decide(png, step.prompt, temperature=episode.start.temperature, seed=step.seed)
        report.compared += 1
        if (decision.utterance, decision.token_ids) == (recorded.utterance, recorded.token_ids):
            report.identical += 1
            report.largest_log_prob_gap = max(report.largest_log_prob_gap, _log_prob_gap(decision, recorded))
        elif report.first_difference is None:
            report.first_difference = Difference(episode, step, decision, grammar.parse(decision.utterance))
    return report


def replay_against(session: Session, policy: Policy, grammar: Grammar) -> AgainstReport:
    """Ask the policy, greedily, what it would do in every recorded state, after the recorded actions.

    The prompt is the policy's own, about the recorded goal, and the picture has the size it wants.

    Raises:
        SessionError: a screen is not what was recorded.
        PolicyError: the policy cannot answer.
    """
    report = AgainstReport(matches=Counter({rule.name: 0 for rule in RULES}))
    for episode, step, history in _states(session):
        if isinstance(step.action, Malformed):
            report.malformed_recorded += 1
            continue
        png = fitted(screen_png(session, step), policy.image_size_px)
        prompt = policy.prompt_text(episode.start.goal, history)
        said = policy.decide(png, prompt, temperature=GREEDY, seed=step.seed).utterance
        answer = grammar.parse(said)
        matched = _count(report, step, answer)
        report.answers[episode.number, step.index] = Answer(said, answer, matched)
    return report


def _states(session: Session) -> Iterator[tuple[RecordedEpisode, RecordedStep, list[Action]]]:
    for episode in session.episodes:
        for step in episode.steps:
            yield episode, step, [earlier.action for earlier in episode.steps[: step.index]]


def _count(report: AgainstReport, step: RecordedStep, answer: Action) -> tuple[str, ...]:
    """Take an answer into account; return the names of the rules by which it matches."""
    report.states += 1
    report.malformed += isinstance(answer, Malformed)
    matched = [rule for rule in RULES if rule.match(step.action, answer, step.device_size_px)]
    report.matches.update(rule.name for rule in matched)
    kind = type(step.action).__name__
    won, states = report.by_kind.get(kind, (0, 0))
    report.by_kind[kind] = (won + (AITW_TEXT in matched), states + 1)
    return tuple(rule.name for rule in matched)


def _log_prob_gap(one: Decision, other: Decision) -> float:
    pairs = zip(one.log_probs, other.log_probs, strict=False)
    return max((abs(mine - theirs) for mine, theirs in pairs if mine != theirs), default=0.0)
