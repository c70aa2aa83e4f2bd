"""`tuner explain`: what a tuner thinks of a recorded session's steps, for `agent-runtime inspect`. Changes no state."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent_runtime.errors import AgentRuntimeError, SessionError
from tuner.command_options import (
    DEFAULT,
    DEFAULT_MODEL,
    BaseWeights,
    Model,
    NumThreads,
    SpokenGrammar,
    fail,
    named_checkpoint,
)
from tuner.config import LearnerConfig
from tuner.errors import StoreError, TunerServiceError

if TYPE_CHECKING:
    from coso.v1 import policy_pb2, trajectory_pb2

    from tuner.adapters.store import AdapterStore
    from tuner.learner.checkpoint import Checkpoint
    from tuner.learner.student import Student

_CRITIC = "critic/"


def explain(
    session: Annotated[Path, typer.Argument(help="Recorded session.", metavar="DIR")],
    state: Annotated[Path, typer.Option(help="The tuner's state folder; it is only read.")],
    output: Annotated[Path | None, typer.Option(help="File to write; DIR/explained.jsonl by default.")] = None,
    model: Model = DEFAULT_MODEL,
    quantization: BaseWeights = DEFAULT.quantization,
    grammar: SpokenGrammar = DEFAULT.action_grammar,
    num_threads: NumThreads = DEFAULT.num_threads,
) -> None:
    """Write causal weights of every source, alternatives, values and advantages of a session's steps."""
    path = output if output is not None else session / "explained.jsonl"
    try:
        folder, identity, _ = named_checkpoint(model, quantization, grammar)
        config = LearnerConfig(
            state=state,
            model=folder,
            base_model_digest=identity.base_model_digest,
            quantization=quantization,
            action_grammar=identity.action_grammar,
            num_threads=num_threads,
        )
        trajectories = _trajectories(session)
        count = _write(path, config, trajectories)
    except (TunerServiceError, AgentRuntimeError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"Got {error}, expected a file to write: name another with --output.")
    typer.echo(f"Wrote {path}: {count} steps. Look at them with `agent-runtime inspect {session} --weights {path}`.")


def _trajectories(folder: Path) -> list[trajectory_pb2.Trajectory]:
    from agent_runtime.sessions.reader import open_session
    from agent_runtime.sessions.trajectories import trajectory_of, why_no_trajectory
    from agent_runtime.uplink.codec import trajectory_to_message

    session = open_session(folder)
    if session.info.imported is not None:
        raise SessionError(f"Got {folder}, which was imported, expected a recorded run: no policy decided in it.")
    whole = [episode for episode in session.episodes if not why_no_trajectory(session, episode)]
    if not whole:
        raise SessionError(f"Got {folder} without a whole episode, expected one: redacted ones have no tokens.")
    return [trajectory_to_message(trajectory_of(session, episode)) for episode in whole]


def _write(path: Path, config: LearnerConfig, trajectories: list[trajectory_pb2.Trajectory]) -> int:
    import torch

    from agent_runtime.policy.generate import chosen_device
    from tuner.adapters.store import AdapterStore
    from tuner.coso.advantage import SuccessBaseline
    from tuner.files import write_atomically
    from tuner.learner.checkpoint import CheckpointFolder
    from tuner.learner.explaining import Judge, explain
    from tuner.learner.student import load_student

    torch.set_num_threads(config.num_threads)
    store = AdapterStore(config.state / "adapters")
    checkpoint = CheckpointFolder(config.state / "learner").latest()
    if checkpoint is None:
        typer.echo("The state folder has no checkpoint: weights of the action model are left out.", err=True)
    with TemporaryDirectory() as scratch:  # features that are computed here are no part of the tuner's state
        config = _as_learned(config, store.latest(), checkpoint).model_copy(update={"state": Path(scratch)})
        student = load_student(config, chosen_device())
        use, baseline = _Versions(student, store), SuccessBaseline()
        if checkpoint is not None:
            student.load(checkpoint.tensors)
            baseline.load(checkpoint.state["baseline"])
        judge = Judge(baseline, config.discount, config.gae_lambda)
        lines = [
            json.dumps(found.plain(), ensure_ascii=False)
            for found in explain(student, trajectories, use, judge, checkpoint is not None)
        ]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass"))
    return len(lines)


def _as_learned(
    config: LearnerConfig, manifest: policy_pb2.AdapterManifest | None, checkpoint: Checkpoint | None
) -> LearnerConfig:
    """Return the settings that the state folder was learned with, as far as its files tell them."""
    learned: dict[str, Any] = {}
    if manifest is not None:
        lora = manifest.lora
        learned |= {"lora_r": lora.r, "lora_alpha": lora.lora_alpha, "target_modules": tuple(lora.target_modules)}
    if checkpoint is not None and any(name.startswith(_CRITIC) for name in checkpoint.tensors):
        learned["advantage"] = "critic"
    return config.model_copy(update=learned)


class _Versions:
    """Puts adapter versions on the student; the base model is the adapter nothing was learned into."""

    def __init__(self, student: Student, store: AdapterStore) -> None:
        self._student = student
        self._store = store
        prefix = "lora/"
        tensors = student.tensors().items()
        self._fresh = {name.removeprefix(prefix): t.detach().clone() for name, t in tensors if name.startswith(prefix)}
        self._in_place: tuple[int, str, bool] | None = None

    def __call__(self, version: int, digest: str, explores: bool) -> bool:
        """Put the version's adapter for this in place; False where it is not stored, or what is stored is another."""
        from safetensors.torch import load

        from agent_runtime.adapters.explorer import deployed_part, exploring_part

        if self._in_place == (version, digest, explores):
            return True
        if version == 0:
            self._student.load_adapter(self._fresh)
        else:
            try:
                manifest, payload = self._store.get(version)
            except StoreError:
                return False
            if manifest.payload_sha256 != digest:
                return False
            self._student.load_adapter((exploring_part if explores else deployed_part)(load(payload)))
        self._in_place = version, digest, explores
        return True
