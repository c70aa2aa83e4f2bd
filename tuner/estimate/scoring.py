"""log π(y|s) of recorded decisions under a checkpoint and a version of its adapter. Samples nothing, learns nothing."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from coso.v1 import policy_pb2

from agent_runtime.actions import grammar_named
from agent_runtime.policy.adapter import AdapterSlot
from agent_runtime.policy.checkpoint import load_model
from agent_runtime.policy.identity import agent_defaults, base_model_digest
from agent_runtime.policy.prompt import PromptBuilder
from agent_runtime.policy.score import Utterance, answer_states
from agent_runtime.policy.shown import ShownInputs
from agent_runtime.sessions.recording import RecordedStep
from tuner.estimate.acted import ActedEpisode
from tuner.learner.buckets import length_buckets
from tuner.learner.policy_update import per_token

UTTERANCES_AT_ONCE = 8
_EPISODES_AT_ONCE = 16

Version = tuple[policy_pb2.AdapterManifest, bytes]


class Scorer:
    """The policy asked about: a checkpoint, and a published version on it or none."""

    def __init__(
        self, folder: Path, quantization: str, grammar: str, version: Version | None, device: str = "cpu"
    ) -> None:
        """Load it all.

        Raises:
            PolicyError: the checkpoint cannot be loaded, or the version does not fit it (``AdapterError``).
        """
        defaults = agent_defaults(folder)
        loaded = load_model(folder, quantization, device)
        slot = AdapterSlot(loaded.model, base_model_digest(folder))
        if version is not None:
            manifest, payload = version
            whole = policy_pb2.AdapterManifest()
            whole.CopyFrom(manifest)
            whole.replaces_any = True  # stored payloads are whole tensors
            slot.apply(slot.stage(whole, payload))
        prompts = PromptBuilder(loaded.encoder, grammar_named(grammar, defaults.image_size_px), defaults.prompt_style)
        self._model: Any = slot.model.eval()
        self._shown = ShownInputs(self._model, prompts)

    def episode_log_probs(
        self, episodes: Sequence[ActedEpisode], temperature: float | None, told: Callable[[int], None]
    ) -> Iterator[list[float]]:
        """Yield log π(y|s) of every step of each episode, in order.

        ``temperature`` is what the policy asked about samples at, None for what each episode was sampled at; ``told``
        hears how many steps are done.

        Raises:
            PolicyError: a picture is no PNG.
            SessionError: a picture is not what was recorded.
        """
        for start in range(0, len(episodes), _EPISODES_AT_ONCE):
            part = episodes[start : start + _EPISODES_AT_ONCE]
            steps = [(episode, step) for episode in part for step in episode.recorded.steps]
            found = self._log_probs(steps, temperature, told)
            for episode in part:
                yield [found.pop(0) for _ in episode.recorded.steps]

    @torch.no_grad()
    def _log_probs(
        self,
        steps: Sequence[tuple[ActedEpisode, RecordedStep]],
        temperature: float | None,
        told: Callable[[int], None],
    ) -> list[float]:
        utterances = [Utterance(step.prompt, episode.png(step), step.decision.token_ids) for episode, step in steps]
        found = [0.0] * len(steps)
        for places in length_buckets([len(item.token_ids) for item in utterances], UTTERANCES_AT_ONCE):
            states = answer_states(self._model, self._shown, [utterances[place] for place in places])
            asked = [temperature or steps[place][0].temperature for place in places]
            log_probs, _ = per_token(states, states.hidden.new_tensor(asked))
            for place, total in zip(places, log_probs.double().sum(1).tolist(), strict=True):
                found[place] = total
            told(len(places))
        return found
