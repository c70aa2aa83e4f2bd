"""Adds up what the optimizer steps of an update saw, under the names of the metrics. Computes nothing of its own."""

from collections.abc import Mapping, Sequence

from tuner.learner.entropy_watch import Kind
from tuner.learner.policy_update import StepFigures


def mean_figures(steps: Sequence[StepFigures]) -> dict[str, float]:
    """Return the mean of each figure over an update's optimizer steps, nothing for no step."""
    if not steps:
        return {}
    names = ("policy_loss", "causal_entropy", "entropy", "importance", "clipped", "gradient_norm")
    return {name: sum(getattr(step, name) for step in steps) / len(steps) for name in names}


def entropies_by_action(steps: Sequence[StepFigures]) -> dict[str, tuple[float, int]]:
    """Return nats in all and tokens, by kind of action."""
    found: dict[str, tuple[float, int]] = {}
    for step in steps:
        for action, (nats, tokens) in step.entropy_by_action.items():
            so_far, count = found.get(action, (0.0, 0))
            found[action] = so_far + nats, count + tokens
    return found


def entropy_figures(steps: Sequence[StepFigures], ringing: Mapping[str, Kind]) -> dict[str, float]:
    """Return nats a token for each kind of action, and 1 for each alarm that rings."""
    by_action = entropies_by_action(steps).items()
    figures = {f"entropy_{action}": nats / tokens for action, (nats, tokens) in by_action}
    return figures | {f"alarm_{kind.replace('-', '')}_{action}": 1.0 for action, kind in ringing.items()}
