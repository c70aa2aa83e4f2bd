"""Divergence, mismatch, the KL that stops a publish, and the entropy alarms."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import torch

from tests.learner_parts import resumed_learner
from tests.learner_world import MIXED, World, learner_config
from tuner.coso.divergence import kl_of_states, token_kl
from tuner.learner.decisions import DECISIONS_NAME, append_decision
from tuner.learner.entropy_watch import LEAST_TOKENS, LEAST_UPDATES, EntropyWatch, alarm_kind
from tuner.learner.loop import Learner
from tuner.learner.student import load_student
from tuner.page.learning import latest_alarms

torch.set_num_threads(1)


def test_kl_by_hand() -> None:
    """0.75·ln(0.75/0.5) + 0.25·ln(0.25/0.5) = 0.1308; of a policy to itself 0."""
    logits = torch.tensor([[math.log(3.0), 0.0], [5.0, 5.0]])
    reference = torch.tensor([[1.0, 1.0], [2.0, 2.0]])
    expected = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    torch.testing.assert_close(token_kl(logits, reference), torch.tensor([expected, 0.0]))


def test_kl_of_states_is_that_of_their_logits_over_many_chunks() -> None:
    generator = torch.Generator().manual_seed(0)
    now, then = torch.randn(2, 150, 4, generator=generator)
    head = torch.nn.Linear(4, 9)
    temperatures = torch.rand(150, generator=generator) + 0.5
    found = kl_of_states(now, then, temperatures, head)
    expected = token_kl(head(now) / temperatures[:, None], head(then) / temperatures[:, None])
    torch.testing.assert_close(found, expected)
    assert found.min() > 0


def updated(state: Path, checkpoint: Path, **settings: float) -> tuple[Learner, dict[str, float], str]:
    """One update on four episodes; return the learner, the metrics of it and what it said."""
    config = learner_config(state, checkpoint, **settings)
    said = io.StringIO()
    learner, ledger = resumed_learner(config, said)
    World(checkpoint).store(ledger, 0, MIXED)
    learner.update(ledger.waiting(10))
    return learner, json.loads((state / "metrics.jsonl").read_text().splitlines()[-1]), said.getvalue()


def test_metrics_tell_mismatch_kl_and_entropy_by_action(tmp_path: Path, checkpoint: Path) -> None:
    learner, metrics, _ = updated(tmp_path / "s", checkpoint)
    assert learner.progress.version == 1
    assert 0 <= metrics["mismatch_mean"] <= metrics["mismatch_max"] < 1e-4  # the same weights, unquantized
    assert metrics["mismatch_version"] == 0
    assert metrics["mismatch_tokens"] > 0
    assert 0 < metrics["policy_kl"] <= metrics["policy_kl_max"]
    assert metrics["entropy_tap"] > 0


def test_an_update_that_goes_too_far_is_undone_and_publishes_nothing(tmp_path: Path, checkpoint: Path) -> None:
    learner, metrics, said = updated(tmp_path / "s", checkpoint, kl_limit=1e-9)
    assert learner.progress.version == 0
    assert metrics["refused_steps"] == 1
    assert metrics["policy_kl"] > 1e-9
    assert "nats a token from the last version" in said
    fresh = load_student(learner._config).tensors()
    kept = {name: tensor for name, tensor in learner._student.tensors().items() if name.startswith("lora/")}
    assert all(torch.equal(tensor, fresh[name]) for name, tensor in kept.items())


def test_the_alarm_rule_at_its_edges() -> None:
    usual = [1.0] * LEAST_UPDATES
    assert alarm_kind(0.0, usual[1:], 0.1, 5.0) is None  # too few to tell
    assert [alarm_kind(entropy, usual, 0.1, 5.0) for entropy in (0.09, 0.1, 5.0, 5.1)] == [
        "collapse",
        None,
        None,
        "blow-up",
    ]
    assert alarm_kind(0.04, [0.001] * LEAST_UPDATES, 0.1, 5.0) is None  # forty times as much, and still next to nothing


def test_an_alarm_begins_once_rings_on_and_ends_and_survives_a_restart() -> None:
    watch = EntropyWatch(0.1, 5.0)
    quiet, low = {"tap": (40.0, 40)}, {"tap": (0.4, 40)}
    assert [watch.look(quiet) for _ in range(LEAST_UPDATES)] == [[]] * LEAST_UPDATES
    assert watch.look({"tap": (0.0, LEAST_TOKENS - 1)}) == []
    (alarm,) = watch.look(low)
    assert (alarm.kind, alarm.action, alarm.entropy_nats, alarm.usual_nats) == ("collapse", "tap", 0.01, 1.0)
    again = EntropyWatch(0.1, 5.0)
    again.load(json.loads(json.dumps(watch.state())))
    assert again.ringing == {"tap": "collapse"}
    assert again.look(low) == []  # it rings already, and what is low does not become usual
    assert again.look(quiet) == []
    assert again.ringing == {}


def test_the_page_reads_alarms_newest_first_and_nothing_else(tmp_path: Path) -> None:
    assert latest_alarms(tmp_path) == []
    append_decision(tmp_path, {"decision": "rollback", "new_version": 3})
    for version in range(7):
        alarm = {"kind": "collapse", "action": "tap", "entropy_nats": 0.1, "usual_nats": 2.0, "version": version}
        append_decision(tmp_path, {"decision": "alarm", **alarm})
    append_decision(tmp_path, {"decision": "alarm", "kind": "collapse", "action": 7})
    with (tmp_path / DECISIONS_NAME).open("a") as file:
        file.write('{"decision": "ala')
    assert [row["version"] for row in latest_alarms(tmp_path)] == [6, 5, 4, 3, 2]
    append_decision(tmp_path, {"decision": "rollback", "new_version": 4})
    assert json.loads((tmp_path / DECISIONS_NAME).read_text().splitlines()[-1])["new_version"] == 4  # after a torn line
