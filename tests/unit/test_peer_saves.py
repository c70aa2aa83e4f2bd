"""What is left of saves: one that writes in place loses them to kills and power cuts, one that renames does not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.disk_trace import Recording, strace_missing
from benchmarks.peer_saves import Found, loaded_by_trainer, looked_at
from benchmarks.peer_work import PEFT

pytestmark = pytest.mark.skipif(bool(strace_missing()), reason="strace cannot trace here")

SAVES = """
import os, sys
from pathlib import Path
folder = Path(sys.argv[1]) / "adapter"
folder.mkdir()
def in_place(name, content):
    (folder / name).write_bytes(content)
def aside(name, content):
    with open(folder / (name + ".new"), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.rename(folder / (name + ".new"), folder / name)
    for place in (folder, folder.parent):
        descriptor = os.open(place, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
write = {"in place": in_place, "aside": aside}[sys.argv[2]]
for number in range(1, 4):
    write("adapter_config.json", b"{}")
    write("adapter_model.safetensors", bytes([number]) * 3000)
    os.write(1, b"saved %d\\n" % number)
"""


def found(root: Path, how: str) -> tuple[Found, Found]:
    root.mkdir()
    recording = Recording(root)
    recording.run([sys.executable, "-S", "-E", "-c", SAVES, str(root), how])
    return looked_at(PEFT, recording, 300, seed=1)


def test_a_save_in_place_is_gone_after_a_kill_and_a_power_cut(tmp_path: Path) -> None:
    kills, cuts = found(tmp_path / "saves", "in place")
    assert 0 < kills.gone < kills.states
    assert 0 < cuts.gone < cuts.states == 300


def test_a_save_aside_stays(tmp_path: Path) -> None:
    kills, cuts = found(tmp_path / "saves", "aside")
    assert kills.states > 0
    assert (kills.gone, cuts.gone) == (0, 0)


def test_a_trainer_goes_on_from_the_highest_checkpoint() -> None:
    state = {f"trainer/checkpoint-{number}/optimizer.pt": str(number).encode() for number in (9, 10)}
    folders = {f"trainer/checkpoint-{number}": None for number in (9, 10)}
    assert loaded_by_trainer({**state, **folders}) == (None, b"10", None, None, None)
