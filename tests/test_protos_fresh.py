"""The committed protobuf code is what the Makefile makes of the protos, and the protos say what their numbers mean."""

from __future__ import annotations

import glob
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from coso.v1 import policy_pb2, trajectory_pb2, tuner_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor

ROOT = Path(__file__).parents[1]
COMMITTED = ROOT / "protos" / "coso" / "v1"
PROTOS = sorted(path.name for path in COMMITTED.glob("*.proto"))
FILES = (policy_pb2.DESCRIPTOR, trajectory_pb2.DESCRIPTOR, tuner_pb2.DESCRIPTOR)


def makefile_commands(output: Path) -> list[list[str]]:
    """Return the commands of the Makefile's target, writing to another folder with this interpreter's tools."""
    recipe = re.search(r"^protos:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe is not None
    text = recipe[1].replace("$(BIN)/python", sys.executable).replace("$(BIN)", str(Path(sys.executable).parent))
    commands = [shlex.split(line) for line in text.splitlines()]
    return [[word for part in command for word in redirected(part, output)] for command in commands]


def redirected(word: str, output: Path) -> list[str]:
    option = re.fullmatch(r"(--\w+_out)=protos", word)
    if option is not None:
        return [f"{option[1]}={output}"]
    return sorted(glob.glob(word, root_dir=ROOT)) if "*" in word else [word]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the code made anew."""
    output = tmp_path_factory.mktemp("protos")
    for command in makefile_commands(output):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
    return output / "coso" / "v1"


def generated(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if "_pb2" in path.name}


def test_the_target_writes_every_kind_of_code(tmp_path: Path) -> None:
    words = {word.split("=")[0] for command in makefile_commands(tmp_path) for word in command}
    assert {"--python_out", "--pyi_out", "--grpc_python_out", "--mypy_grpc_out"} <= words


def test_the_committed_code_is_that_of_the_protos(fresh: Path) -> None:
    made, committed = generated(fresh), generated(COMMITTED)
    assert sorted(made) == sorted(committed)
    assert [name for name, content in made.items() if content != committed[name]] == []


def test_every_proto_has_its_code(fresh: Path) -> None:
    assert {f"{Path(name).stem}_pb2.py" for name in PROTOS} <= set(generated(fresh))
    assert [Path(file.name).name for file in FILES] == PROTOS


# --- what the numbers mean

UNITS = ("_px", "_ms", "_bytes", "_norm", "seconds")
NO_UNIT = {"reward", "temperature", "log_probs", "lora_alpha", "value"}  # value: of the metrics, named there
NO_NUMBER = (FieldDescriptor.CPPTYPE_STRING, FieldDescriptor.CPPTYPE_MESSAGE)
REAL = (FieldDescriptor.TYPE_FLOAT, FieldDescriptor.TYPE_DOUBLE)
MEASURED = re.compile(r"width|height|offset|size|length|duration|uptime|timeout|delay|payload_bytes|^[xy]\d?(_|$)")


def messages() -> Iterator[Descriptor]:
    def within(message: Descriptor) -> Iterator[Descriptor]:
        yield message
        for nested in message.nested_types:
            yield from within(nested)

    for file in FILES:
        for message in file.message_types_by_name.values():
            yield from within(message)


FIELDS = [field for message in messages() for field in message.fields]


def test_every_real_number_has_a_unit_in_its_name_or_has_none_to_have() -> None:
    bare = {field.name for field in FIELDS if field.type in REAL and not field.name.endswith(UNITS)}
    assert bare == NO_UNIT


def test_every_size_place_and_duration_has_its_unit_in_its_name() -> None:
    numbers = [field for field in FIELDS if field.cpp_type not in NO_NUMBER]
    measured = [field.name for field in numbers if MEASURED.search(field.name)]
    assert {"x_norm", "y1_norm", "width_px", "device_height_px", "offset_bytes", "uptime_seconds"} <= set(measured)
    assert [name for name in measured if not name.endswith(UNITS)] == []


def test_every_point_in_time_is_a_timestamp() -> None:
    times = [field for field in FIELDS if field.name.endswith("_at")]
    assert sorted(field.name for field in times) == ["expires_at", "published_at", "started_at"]
    assert {field.message_type.full_name for field in times} == {"google.protobuf.Timestamp"}


def test_the_proto_says_where_normalized_coordinates_run() -> None:
    text = (COMMITTED / "trajectory.proto").read_text()
    assert "x_norm and y_norm run over [0, 1) from the screen's left and top edge" in text
    assert "Durations are milliseconds" in text
