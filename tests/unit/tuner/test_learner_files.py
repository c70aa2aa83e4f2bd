"""The learner's files: checkpoints are whole or not used, records are bounded, the batch is chosen once."""

import json
from pathlib import Path

import pytest
import torch
from coso.v1 import trajectory_pb2

from tuner.ingest.ledger import Ledger
from tuner.learner.checkpoint import CheckpointFolder, optimizer_state, optimizer_tensors
from tuner.learner.finite import NotFiniteError, clip_gradients, require_bounded, require_finite
from tuner.learner.intake import Intake
from tuner.learner.records import WEIGHT_RECORDS_KEPT, WeightRecord, append_metrics, append_weight_records

TENSORS = {"a": torch.arange(6.0).reshape(2, 3), "step": torch.tensor(3.0), "none": torch.zeros(0, 2)}


def test_a_checkpoint_comes_back_value_for_value(tmp_path: Path) -> None:
    CheckpointFolder(tmp_path).save(3, TENSORS, {"progress": {"version": 2}})
    found = CheckpointFolder(tmp_path).latest()
    assert found is not None
    assert (found.update, found.state) == (3, {"progress": {"version": 2}})
    assert found.tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        torch.testing.assert_close(found.tensors[name], tensor, atol=0, rtol=0)


def test_an_empty_folder_has_no_checkpoint(tmp_path: Path) -> None:
    assert CheckpointFolder(tmp_path).latest() is None
    assert CheckpointFolder(tmp_path / "not there").latest() is None


def test_only_the_two_newest_stay(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    for update in (1, 2, 3, 4):
        folder.save(update, TENSORS, {})
    assert folder.updates() == [3, 4]
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize("suffix", ["json", "safetensors"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_one_flipped_bit_is_found_and_the_checkpoint_before_is_used(tmp_path: Path, suffix: str, share: float) -> None:
    folder = CheckpointFolder(tmp_path)
    folder.save(1, TENSORS, {"n": 1})
    folder.save(2, TENSORS, {"n": 2})
    path = tmp_path / f"00000002.{suffix}"
    content = bytearray(path.read_bytes())
    content[int(share * len(content))] ^= 1
    path.write_bytes(content)
    found = folder.latest()
    assert found is not None
    assert found.state == {"n": 1}
    assert (tmp_path / "damaged" / path.name).exists()


@pytest.mark.parametrize("suffix", ["json", "safetensors"])
def test_a_truncated_or_missing_file_is_not_used(tmp_path: Path, suffix: str) -> None:
    folder = CheckpointFolder(tmp_path)
    folder.save(1, TENSORS, {})
    path = tmp_path / f"00000001.{suffix}"
    path.write_bytes(path.read_bytes()[:20])
    assert folder.latest() is None


def test_an_optimizers_state_survives_flattening() -> None:
    parameter = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.AdamW([parameter], lr=0.1)
    torch.autograd.backward((parameter**2).sum())
    optimizer.step()
    flat = optimizer_tensors("adam", optimizer.state_dict())
    assert sorted(flat) == ["adam/0/exp_avg", "adam/0/exp_avg_sq", "adam/0/step"]
    restored = optimizer_state("adam", {**flat, "other/0/step": torch.zeros(())})
    torch.testing.assert_close(restored[0]["exp_avg"], flat["adam/0/exp_avg"], atol=0, rtol=0)
    assert list(restored) == [0]


def _record(number: int) -> WeightRecord:
    return WeightRecord(f"t{number}", 0, 1, ("a", "b"), (0.0, 0.5))


def test_weight_records_are_lines_and_the_oldest_go(tmp_path: Path) -> None:
    append_weight_records(tmp_path, [_record(number) for number in range(WEIGHT_RECORDS_KEPT)])
    append_weight_records(tmp_path, [_record(1000)])
    lines = [json.loads(line) for line in (tmp_path / "weights.jsonl").read_text().split("\n")[:-1]]
    assert len(lines) == WEIGHT_RECORDS_KEPT
    assert lines[0]["trajectory_id"] == "t1"
    assert lines[-1] == {
        "trajectory_id": "t1000",
        "step_index": 0,
        "version": 1,
        "tokens": ["a", "b"],
        "weights": [0.0, 0.5],
    }


def test_metrics_are_one_line_an_update(tmp_path: Path) -> None:
    append_metrics(tmp_path, {"update": 1.0})
    append_metrics(tmp_path, {"update": 2.0})
    lines = (tmp_path / "metrics.jsonl").read_text().split("\n")
    assert [json.loads(line)["update"] for line in lines[:-1]] == [1.0, 2.0]


def _ledger(folder: Path, count: int) -> Ledger:
    ledger = Ledger(folder)
    ledger.open()
    _store(ledger, range(count))
    return ledger


def _store(ledger: Ledger, numbers: range) -> None:
    for number in numbers:
        ledger.store(
            trajectory_pb2.Trajectory(
                trajectory_id=f"t{number}",
                purpose=trajectory_pb2.PURPOSE_EXPLORE,
                verdict=trajectory_pb2.VERDICT_SUCCESS,
            )
        )


def _ids(intake: Intake, update: int) -> list[str]:
    return [stored.message.trajectory_id for stored in intake.next_batch(update)]


def test_a_batch_waits_for_enough_trajectories_and_takes_up_to_twice_as_many(tmp_path: Path) -> None:
    ledger = _ledger(tmp_path, 1)
    intake = Intake(ledger, tmp_path / "batch.json", wanted=2)
    assert _ids(intake, 1) == []
    _store(ledger, range(1, 9))
    assert _ids(intake, 1) == ["t0", "t1", "t2", "t3"]


def test_an_update_begun_before_a_crash_gets_the_same_batch_again(tmp_path: Path) -> None:
    ledger = _ledger(tmp_path, 3)
    first = _ids(Intake(ledger, tmp_path / "batch.json", wanted=2), 1)
    _store(ledger, range(3, 9))
    assert _ids(Intake(ledger, tmp_path / "batch.json", wanted=2), 1) == first == ["t0", "t1", "t2"]


def test_a_finished_update_does_not_bind_the_next(tmp_path: Path) -> None:
    ledger = _ledger(tmp_path, 2)
    intake = Intake(ledger, tmp_path / "batch.json", wanted=2)
    sequences = [stored.sequence for stored in intake.next_batch(1)]
    ledger.mark_consumed(sequences, 1)
    _store(ledger, range(2, 5))
    assert _ids(intake, 2) == ["t2", "t3", "t4"]


def test_an_unreadable_choice_is_chosen_anew(tmp_path: Path) -> None:
    ledger = _ledger(tmp_path, 3)
    (tmp_path / "batch.json").write_text("{")
    assert _ids(Intake(ledger, tmp_path / "batch.json", wanted=2), 1) == ["t0", "t1", "t2"]


@pytest.mark.parametrize("poison", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_not_finite_are_refused(poison: float) -> None:
    with pytest.raises(NotFiniteError, match="the loss"):
        require_finite("the loss", torch.tensor([0.0, poison]))


@pytest.mark.parametrize("poison", [float("nan"), float("inf"), 1e30, -1e30])
def test_weights_that_exploded_are_refused(poison: float) -> None:
    require_bounded("weights", [torch.zeros(0), torch.tensor([1.0])], 100.0)
    with pytest.raises(NotFiniteError, match="weights"):
        require_bounded("weights", [torch.tensor([1.0]), torch.tensor([0.0, poison])], 100.0)


@pytest.mark.parametrize("poison", [float("nan"), float("inf"), 1e30])
def test_a_gradient_without_a_finite_norm_is_refused(poison: float) -> None:
    parameter = torch.nn.Parameter(torch.zeros(2))
    parameter.grad = torch.tensor([0.0, poison])
    with pytest.raises(NotFiniteError, match="gradient norm"):
        clip_gradients("policy", [parameter], 1.0)


def test_each_network_is_clipped_by_its_own_norm() -> None:
    parameter = torch.nn.Parameter(torch.zeros(2))
    parameter.grad = torch.tensor([3.0, 4.0])
    assert clip_gradients("policy", [parameter], 1.0) == pytest.approx(5.0)
    assert parameter.grad.tolist() == pytest.approx([0.6, 0.8], rel=1e-4)
