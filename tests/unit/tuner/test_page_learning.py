"""The learner's files as the page reads them: only their ends, and nothing that is damaged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.wire_world import manifest
from tuner.adapters.store import AdapterStore
from tuner.learner.records import WeightRecord, append_metrics, append_weight_records
from tuner.page import learning


def test_where_there_are_no_files_there_is_nothing(tmp_path: Path) -> None:
    assert learning.latest_metrics(tmp_path) == []
    assert learning.weights_of(tmp_path, "t") == {}
    assert learning.latest_manifests(tmp_path) == []


def test_metrics_leave_out_what_is_no_number_and_a_torn_line(tmp_path: Path) -> None:
    append_metrics(tmp_path, {"update": 1.0, "entropy": float("nan")})
    append_metrics(tmp_path, {"update": 2.0, "entropy": 0.5})
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('["no object"]\n{"update": 3.0, "entr')
    assert learning.latest_metrics(tmp_path) == [{"update": 1.0}, {"update": 2.0, "entropy": 0.5}]


def test_of_a_long_file_only_the_end_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for update in range(100):
        append_metrics(tmp_path, {"update": float(update)})
    monkeypatch.setattr(learning, "METRICS_TAIL_BYTES", 50)
    rows = learning.latest_metrics(tmp_path)
    assert rows[-1] == {"update": 99.0}
    assert 0 < len(rows) < 5


def test_the_latest_weights_of_a_step_count_and_the_largest_is_darkest(tmp_path: Path) -> None:
    records = [
        WeightRecord("t", 0, 1, ("a", "b"), (0.1, 0.2)),
        WeightRecord("other", 0, 1, ("x",), (1.0,)),
        WeightRecord("t", 0, 2, ("<b>", "b", "c"), (0.4, -0.1, 0.2)),
    ]
    append_weight_records(tmp_path, records)
    with (tmp_path / "weights.jsonl").open("a") as file:
        uneven = {"trajectory_id": "t", "step_index": 0, "version": 3, "tokens": ["a"], "weights": []}
        file.write(json.dumps(uneven) + "\n")
    found = learning.weights_of(tmp_path, "t")
    assert list(found) == [0]
    assert found[0].version == 2
    assert [(token.text, token.shade) for token in found[0].tokens] == [("<b>", 9), ("b", 0), ("c", 4)]


def test_versions_come_newest_first_and_a_damaged_manifest_is_left_out(tmp_path: Path) -> None:
    store = AdapterStore(tmp_path / "adapters")
    for version in (1, 2, 3):
        store.publish(manifest(version), b"payload")
    (tmp_path / "adapters" / "00000002" / "manifest.pb").write_bytes(b"\xff\xff")
    (tmp_path / "adapters" / "00000004").mkdir()  # being published
    assert [found.version for found in learning.latest_manifests(tmp_path)] == [3, 1]
    assert (tmp_path / "adapters" / "00000002").exists()  # looking set nothing aside
