"""The base policy and action model of each seed on disk: made once, shared by every arm. Learns no reward."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from agent_runtime.actions import Malformed
from benchmarks.learning_study.answers import GRAMMAR
from benchmarks.learning_study.arms import Recipe
from benchmarks.learning_study.demonstrations import Demonstration
from benchmarks.learning_study.demonstrator import BURIALS, Habits
from benchmarks.learning_study.learner import first_action_model
from benchmarks.learning_study.policy import Policy
from benchmarks.learning_study.pretraining import build_vocabulary, train
from benchmarks.learning_study.vocabulary import Vocabulary
from tuner.coso.action_model import ActionModel
from tuner.coso.labels import Utterance, action_labels

FIRST_BASE_SEED = 101


@dataclass
class Base:
    """What every arm of a seed starts from; each run takes a copy of its own by loading it."""

    policy: Policy
    action_model: ActionModel
    vocabulary: Vocabulary


def make_stem(folder: Path, recipe: Recipe) -> None:
    """Train the policy and the action model that all seeds have in common, unless they are there."""
    path = folder / f"{recipe.kind}.safetensors"
    if path.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = build_vocabulary(recipe)
    torch.manual_seed(0)
    policy = Policy(len(vocabulary))
    taught = train(policy, 0, recipe.stem_steps, recipe.stem_rate, Habits(), recipe, vocabulary)
    path.with_suffix(".json").write_text(json.dumps({"pieces": vocabulary.pieces, "loss_nats": taught.loss_nats}))
    answers = [_labelled(demonstration, vocabulary) for demonstration in taught.shown]
    _save(_tensors(policy, first_action_model(vocabulary, answers, 0, recipe)), path)


def make_base(folder: Path, number: int, recipe: Recipe) -> None:
    """Train a base on from the stem, on demonstrations of its own, unless it is there."""
    path = _path(folder, number, recipe)
    if path.exists():
        return
    base = _load(folder / f"{recipe.kind}.safetensors", _vocabulary(folder, recipe))
    habits, seed = BURIALS[recipe.buries], FIRST_BASE_SEED + number
    train(base.policy, seed, recipe.seed_steps, recipe.seed_rate, habits, recipe, base.vocabulary)
    _save(_tensors(base.policy, base.action_model), path)


def load_base(folder: Path, number: int, recipe: Recipe) -> Base:
    """Return a fresh copy of a base."""
    return _load(_path(folder, number, recipe), _vocabulary(folder, recipe))


def _load(path: Path, vocabulary: Vocabulary) -> Base:
    tensors = load_file(path)
    policy, model = Policy(len(vocabulary)), ActionModel(len(vocabulary))
    for prefix, module in (("policy/", policy), ("scm/", model)):
        module.load_state_dict({n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)})
    return Base(policy, model, vocabulary)


def _tensors(policy: Policy, model: ActionModel) -> dict[str, torch.Tensor]:
    tensors = {f"policy/{name}": tensor for name, tensor in policy.state_dict().items()}
    return tensors | {f"scm/{name}": tensor for name, tensor in model.state_dict().items()}


def _labelled(shown: Demonstration, vocabulary: Vocabulary) -> Utterance:
    token_ids = (*vocabulary.encode(shown.answer), vocabulary.end_id)
    action = GRAMMAR.parse(vocabulary.decode(token_ids))
    assert not isinstance(action, Malformed), shown.answer
    return Utterance(token_ids, action_labels(action))


def _path(folder: Path, number: int, recipe: Recipe) -> Path:
    burial = "" if recipe.buries == "all" else f"-{recipe.buries}"
    return folder / f"{recipe.kind}-base{number}{burial}.safetensors"


def _vocabulary(folder: Path, recipe: Recipe) -> Vocabulary:
    return Vocabulary(json.loads((folder / f"{recipe.kind}.json").read_text())["pieces"])


def _save(tensors: dict[str, torch.Tensor], path: Path) -> None:
    """Write the file whole or not at all."""
    unfinished = path.with_suffix(".unfinished")
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, unfinished)
    unfinished.replace(path)
