"""The policy proper: a picture and a prompt in, an utterance with log-probs out. Learns nothing, waits for nobody."""

import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path

import torch
from coso.v1 import policy_pb2

from agent_runtime.actions import Action, grammar_named
from agent_runtime.adapters.hashed import Payload
from agent_runtime.policy.adapter import AdapterSlot
from agent_runtime.policy.batch import Request, Row, TokenBatch
from agent_runtime.policy.checkpoint import LoadedModel, load_model
from agent_runtime.policy.exploring import Exploring
from agent_runtime.policy.identity import agent_defaults, base_model_digest, tokenizer_digest
from agent_runtime.policy.pictures import PictureFeatures
from agent_runtime.policy.prompt import PromptBuilder, picture_from_png
from agent_runtime.policy.turn_lock import TurnLock
from agent_runtime.trajectory import Decision, PolicyIdentity


class VlmPolicy:
    """A loaded checkpoint that decides. ``slot`` takes adapters between two decisions.

    ``decide`` answers one request alone; ``server.DecisionServer`` takes many at once by ``request``, ``new_batch`` and
    ``decision``, under ``lock``.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        prompts: PromptBuilder,
        identity: PolicyIdentity,
        max_new_tokens: int,
        image_size_px: tuple[int, int] | None,
    ) -> None:
        self.identity = identity
        self.image_size_px = image_size_px
        self.slot = AdapterSlot(loaded.model, identity.base_model_digest)
        self.slot.tokenizer_digest = identity.tokenizer_digest
        self.pictures = PictureFeatures(loaded.model)
        self._loaded = loaded
        self._prompts = prompts
        self._encoding = threading.Lock()
        self._max_new_tokens = max_new_tokens

    @property
    def lock(self) -> TurnLock:
        """Held while decisions are in flight, and by every change of the adapter."""
        return self.slot.lock

    def prompt_text(self, goal: str, history: Sequence[Action]) -> str:
        """Return what is said besides the picture."""
        return self._prompts.prompt_text(goal, history)

    @property
    def has_explorer(self) -> bool:
        """Whether the version in place carries an explorer; for the holder of ``lock``."""
        return self.slot.has_explorer

    def exploring(self) -> Exploring:
        """See ``exploring.HasExplorer``."""
        return Exploring(self)

    def decide(
        self, image_png: bytes, prompt: str, *, temperature: float, seed: int, explores: bool = False
    ) -> Decision:
        """Answer one picture and prompt; see ``base.Policy``. ``explores``: by the explorer, where there is one."""
        request = self.request(image_png, prompt, temperature=temperature, seed=seed)
        with self.lock:
            batch = self.new_batch(explores)
            row = batch.join(request)
            while not row.is_over:
                batch.step()
            return self.decision(row)

    def request(self, image_png: bytes, prompt: str, *, temperature: float, seed: int) -> Request:
        """Encode a picture and a prompt; any thread may.

        Raises:
            PolicyError: the picture is no PNG.
        """
        picture = picture_from_png(image_png)
        with self._encoding:  # tokenizers and processors promise nothing about threads
            inputs = self._prompts.inputs(prompt, picture)
        return Request(inputs, hashlib.sha256(image_png).hexdigest(), temperature, seed)

    def new_batch(self, explores: bool = False) -> TokenBatch:
        """Return an empty batch over the model as it is now; for the holder of ``lock``.

        All its rows are answered by one adapter: by the explorer where they explore and there is one.
        """
        self.slot.act_as(explores)
        return TokenBatch(self.slot.model, self._loaded.stop_token_ids, self._max_new_tokens, self.pictures)

    def decision(self, row: Row) -> Decision:
        """Return what a row that is over came to, under the adapter in place; for the holder of ``lock``.

        Raises:
            PolicyError: it has no answer.
        """
        if row.fault is not None:
            raise row.fault
        utterance = self._prompts.encoder.tokenizer.decode(row.token_ids, skip_special_tokens=True)
        return Decision(utterance, tuple(row.token_ids), tuple(row.log_probs), self.slot.version, self.slot.digest)

    def stage_and_apply(self, manifest: policy_pb2.AdapterManifest, payload: Payload) -> None:
        """Verify a version and put it in place.

        Raises:
            AdapterError: it must not be applied; the one in use stays.
        """
        self.slot.apply(self.slot.stage(manifest, payload))


def load_policy(folder: Path, quantization: str, grammar_name: str | None, device: str = "cpu") -> VlmPolicy:
    """Load a checkpoint as a policy, driven the way it wants to be; ``grammar_name`` overrides its grammar.

    Raises:
        UsageError: an option cannot be used.
        PolicyError: the checkpoint cannot be loaded.
    """
    defaults = agent_defaults(folder)
    grammar = grammar_named(grammar_name or defaults.grammar, defaults.image_size_px)
    loaded = load_model(folder, quantization, device)
    identity = PolicyIdentity(base_model_digest(folder), tokenizer_digest(folder), quantization, grammar.name)
    prompts = PromptBuilder(loaded.encoder, grammar, defaults.prompt_style)
    return VlmPolicy(loaded, prompts, identity, defaults.max_new_tokens, defaults.image_size_px)


def chosen_device() -> str:
    """Return "cuda" where there is a GPU, else "cpu"."""
    return "cuda" if torch.cuda.is_available() else "cpu"
