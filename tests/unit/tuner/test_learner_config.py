"""The learner's settings: what contradicts itself is refused, and the command line repeats no default."""

import inspect
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from tuner import cli
from tuner.config import LearnerConfig
from tuner.errors import ConfigError

FLAG_OF = {"action_grammar": "grammar"}
OF_THE_SERVICE = {"state", "model", "base_model_digest"}


def _config(**settings: Any) -> LearnerConfig:
    return LearnerConfig(state=Path("s"), model=Path("m"), base_model_digest="d", **settings)


def test_the_defaults_are_causal_awr_with_the_action_models_weights() -> None:
    config = _config()
    assert (config.objective, config.advantage, config.entropy, config.weight_source) == (
        "awr",
        "baseline",
        "causal",
        "scm",
    )
    assert (config.thought_scaling, config.scm_null, config.scm_window) == (1.0, "mask", 1)


@pytest.mark.parametrize(
    ("settings", "weights"),
    [
        ({}, "scm"),
        ({"weight_source": "parser"}, "parser"),
        ({"weight_source": "released"}, "released"),
        ({"weight_source": "uniform"}, "uniform"),  # the older name
        ({"entropy": "uniform"}, "uniform"),
        ({"entropy": "uniform", "weight_source": "uniform"}, "uniform"),
        ({"entropy": "none"}, "none"),
        ({"entropy": "none", "weight_source": "parser"}, "none"),
    ],
)
def test_entropy_and_weight_source_give_one_answer(settings: dict[str, Any], weights: str) -> None:
    assert _config(**settings).bonus_weights == weights


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"entropy": "none", "weight_source": "uniform"}, "contradict"),
        ({"entropy_over": "actions"}, "set entropy causal and weight_source parser"),
        ({"entropy_over": "actions", "weight_source": "parser", "entropy": "none"}, "got none weights"),
        ({"objective": "bc", "length_weight": 0.5}, "length_weight"),
        ({"advantage": "critic", "length_weight": 0.5}, "length_weight"),
        ({"advantage": "critic", "readability_weight": 0.5}, "readability_weight"),
        ({"objective": "bc", "reward_model_weight": 0.5}, "reward_model_weight"),
        ({"reward_model_weight": 1.0}, "reward_model_weight"),
        ({"advantage": "bad"}, "which only objective ppo takes"),
        ({"advantage": "bad", "objective": "ppo", "soft_values": True}, "soft_values"),
        ({"soft_values": True}, "soft_values"),
        ({"soft_values": True, "advantage": "critic"}, "soft_values"),
        ({"objective": "bc", "advantage": "group"}, "takes no advantage"),
        ({"objective": "bc", "advantage": "critic"}, "takes no advantage"),
        ({"group_step_weight": 1.0}, "got advantage baseline: set it to group"),
        ({"group_step_weight": 1.0, "advantage": "critic"}, "got advantage critic: set it to group"),
        ({"group_step_weight": 1.0, "objective": "ppo", "advantage": "bad"}, "got advantage bad"),
        ({"group_step_weight": 1.0, "objective": "bc"}, "got advantage baseline"),
        ({"group_step_weight": -1.0, "advantage": "group"}, "group_step_weight"),
        ({"group_step_weight": float("nan"), "advantage": "group"}, "group_step_weight"),
        ({"group_step_weight": float("inf"), "advantage": "group"}, "group_step_weight"),
        ({"advantage": "critic", "negative_ceiling": 0.5}, "negative_ceiling"),
        ({"explorer": True, "objective": "bc"}, "got bc: set it to awr"),
        ({"explorer": True, "objective": "ppo"}, "got ppo: set it to awr"),
        ({"explorer": True, "entropy": "none"}, "got entropy none and entropy_alpha 0.02"),
        ({"explorer": True, "entropy_alpha": 0.0}, "got entropy causal and entropy_alpha 0: set"),
        ({"explorer": True, "explorer_reset_every": 0}, "explorer_reset_every"),
        ({"instruction_share": 0.0}, "instruction_share"),
        ({"objective": "a2c"}, "objective"),
        ({"clip_range": 1.0}, "clip_range"),
        ({"clip_range": 0.0}, "clip_range"),
        ({"thought_scaling": 1.5}, "thought_scaling"),
        ({"scm_null": "zero"}, "scm_null"),
    ],
)
def test_what_cannot_be_is_refused(settings: dict[str, Any], word: str) -> None:
    with pytest.raises(ValidationError, match=word):
        _config(**settings)


def test_settings_survive_the_way_to_the_learner_process() -> None:
    config = _config(objective="ppo", advantage="group", thought_scaling=0.2, weight_source="released")
    assert LearnerConfig.model_validate_json(config.model_dump_json()) == config


def test_every_flag_of_serve_has_the_default_of_the_setting() -> None:
    flags = inspect.signature(cli.serve).parameters
    shared = [name for name in LearnerConfig.model_fields if FLAG_OF.get(name, name) in flags]
    assert {"objective", "advantage", "entropy", "weight_source", "clip_range", "thought_scaling"} <= set(shared)
    for name in set(shared) - OF_THE_SERVICE:
        assert flags[FLAG_OF.get(name, name)].default == LearnerConfig.model_fields[name].default


def _served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *flags: str) -> tuple[LearnerConfig | None, str]:
    """Run ``tuner serve`` up to the point where it would start the learner; return its settings and what it said."""
    (tmp_path / "config.json").write_text("{}")
    asked: list[LearnerConfig] = []

    def command(config: LearnerConfig) -> list[str]:
        asked.append(config)
        raise ConfigError("Got far enough.")

    monkeypatch.setattr("tuner.supervisor.learner_command", command)
    monkeypatch.setattr("agent_runtime.policy.identity.resolve_checkpoint", lambda _: tmp_path)
    for name in ("base_model_digest", "tokenizer_digest"):
        monkeypatch.setattr(f"agent_runtime.policy.identity.{name}", lambda _: "d" * 64)
    result = CliRunner().invoke(cli.app, ["serve", "--state", str(tmp_path / "state"), *flags])
    return (asked[0] if asked else None), result.output


def test_flags_reach_the_learner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flags = "--objective ppo --advantage group --clip-range 0.2 --thought-scaling 0.5 --entropy uniform --scm-null pad"
    more = "--scm-window 4 --weight-source released --group-step-weight 0.75"
    config, _ = _served(tmp_path, monkeypatch, *flags.split(), *more.split())
    assert config is not None
    assert config.group_step_weight == 0.75
    assert (config.objective, config.advantage, config.clip_range, config.thought_scaling) == ("ppo", "group", 0.2, 0.5)
    assert (config.entropy, config.scm_null, config.scm_window, config.weight_source) == (
        "uniform",
        "pad",
        4,
        "released",
    )


def test_an_explorer_is_asked_for_by_a_flag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, _ = _served(tmp_path, monkeypatch, "--explorer", "--explorer-reset-every", "5")
    assert config is not None
    assert (config.explorer, config.explorer_reset_every) == (True, 5)
    config, said = _served(tmp_path, monkeypatch, "--explorer", "--entropy", "none")
    assert config is None
    assert "explorer differs from the deployed adapter by its entropy bonus, got entropy none" in said


def test_without_flags_the_learner_gets_its_own_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, _ = _served(tmp_path, monkeypatch)
    plain = LearnerConfig(state=tmp_path / "state", model=tmp_path, base_model_digest="d" * 64)
    assert config == plain


def test_a_contradiction_is_said_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, said = _served(tmp_path, monkeypatch, "--entropy", "none", "--weight-source", "uniform")
    assert config is None
    assert "entropy none and weight_source uniform contradict each other" in said


def test_a_step_weight_without_groups_is_said_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, said = _served(tmp_path, monkeypatch, "--group-step-weight", "1")
    assert config is None
    assert "group_step_weight compares steps within a group, got advantage baseline: set it to group" in said
