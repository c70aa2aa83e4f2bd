"""The spool: what was put in is on disk, in order, until the tuner has it; what is torn is set aside."""

from __future__ import annotations

import hashlib
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_runtime.errors import UsageError
from agent_runtime.uplink.spool import Spool, SpoolFullError
from tests.wire_world import message

ROOT = Path(__file__).parents[3]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "spool"


@pytest.fixture
def spool(folder: Path) -> Iterator[Spool]:
    opened = open_spool(folder)
    yield opened
    opened.close()


def open_spool(folder: Path, **settings: int) -> Spool:
    spool = Spool(folder, **settings)
    spool.open()
    return spool


def ids(spool: Spool) -> list[str]:
    return [trajectory.trajectory_id for _, trajectory in spool.waiting()]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def put(spool: Spool, *trajectory_ids: str) -> None:
    for trajectory_id in trajectory_ids:
        spool.put(message(trajectory_id))


def test_what_was_put_in_comes_out_whole_and_in_order(spool: Spool) -> None:
    sent = [message("b", steps=2), message("a"), message("c")]
    for trajectory in sent:
        spool.put(trajectory)
    assert [trajectory for _, trajectory in spool.waiting()] == sent
    assert len(spool) == 3


def test_looking_takes_nothing_out_and_removing_does(spool: Spool) -> None:
    put(spool, "a", "b", "c")
    waiting = [path for path, _ in spool.waiting()]
    spool.remove(waiting[1])
    spool.remove(waiting[1])  # as after a lost answer: it is gone already
    assert ids(spool) == ["a", "c"]


def test_an_empty_spool_is_empty(spool: Spool) -> None:
    assert (len(spool), spool.size_bytes(), ids(spool)) == (0, 0, [])


def test_what_waits_is_still_there_after_a_restart_and_order_goes_on(folder: Path) -> None:
    first = open_spool(folder)
    put(first, *(f"{number:02d}" for number in range(11)))
    first.close()
    second = open_spool(folder)
    put(second, "11")
    assert ids(second) == [f"{number:02d}" for number in range(12)]
    second.close()


PUTS_TWO_AND_IS_KILLED = """
import os, signal, sys
from pathlib import Path
from agent_runtime.uplink.spool import Spool
from tests.wire_world import message
spool = Spool(Path(sys.argv[1]))
spool.open()
spool.put(message("a"))
spool.put(message("b"))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_waits_is_still_there_after_the_process_was_killed(folder: Path) -> None:
    command = [sys.executable, "-c", PUTS_TWO_AND_IS_KILLED, str(folder)]
    done = subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": f"{ROOT}:{ROOT / 'protos'}"}, timeout=60)
    assert done.returncode == -9
    spool = open_spool(folder)
    assert ids(spool) == ["a", "b"]
    spool.close()


@pytest.mark.parametrize("kept_bytes", [0, 1, 31, 32, 33, -1])
def test_a_torn_file_is_set_aside_and_the_rest_goes_on(spool: Spool, folder: Path, kept_bytes: int) -> None:
    put(spool, "a", "b", "c")
    torn = folder / "000000000001.trajectory"
    torn.write_bytes(torn.read_bytes()[:kept_bytes])  # the first 32 bytes are the digest of the rest
    assert ids(spool) == ["a", "c"]
    assert names(folder / "damaged") == [torn.name]
    assert len(spool) == 2


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.999])
def test_a_flipped_bit_is_found(spool: Spool, folder: Path, share: float) -> None:
    put(spool, "a", "b")
    path = folder / "000000000000.trajectory"
    content = bytearray(path.read_bytes())
    content[int(share * len(content))] ^= 1
    path.write_bytes(content)
    assert ids(spool) == ["b"]
    assert names(folder / "damaged") == [path.name]


def test_a_whole_file_that_holds_no_trajectory_is_set_aside(spool: Spool, folder: Path) -> None:
    body = b"\xff\xff\xff"  # a field number with no end
    (folder / "000000000000.trajectory").write_bytes(hashlib.sha256(body).digest() + body)
    assert ids(spool) == []
    assert names(folder / "damaged") == ["000000000000.trajectory"]


def test_what_the_tuner_refused_is_kept_apart(spool: Spool, folder: Path) -> None:
    put(spool, "a", "b")
    spool.refuse(folder / "000000000000.trajectory")
    assert ids(spool) == ["b"]
    assert names(folder / "refused") == ["000000000000.trajectory"]


def test_what_is_kept_apart_is_never_written_over(folder: Path) -> None:
    for trajectory_id in ("first run", "second run"):
        spool = open_spool(folder)
        put(spool, trajectory_id)
        spool.refuse(next(spool.waiting())[0])
        spool.close()
    kept = [path.read_bytes() for path in sorted((folder / "refused").iterdir())]
    assert [b"first run" in content for content in kept] == [True, False]


def test_over_the_cap_nothing_is_written(folder: Path) -> None:
    size = len(message("a").SerializeToString())
    spool = open_spool(folder, cap_bytes=2 * size + 64)  # two of them, each with its digest of 32 bytes
    put(spool, "a", "b")
    before = names(folder)
    with pytest.raises(SpoolFullError, match=r"expected at most .*: start the tuner, or raise the cap") as caught:
        put(spool, "c")
    assert isinstance(caught.value, UsageError)
    assert names(folder) == before
    spool.remove(next(spool.waiting())[0])
    put(spool, "c")
    assert ids(spool) == ["b", "c"]
    spool.close()


def test_a_disk_that_refuses_leaves_what_waits_and_takes_more_later(spool: Spool, folder: Path) -> None:
    put(spool, "a")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))  # Python ignores the signal; the write fails
    try:
        with pytest.raises(OSError, match="File too large"):
            put(spool, "b")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    put(spool, "c")
    assert ids(spool) == ["a", "c"]


def test_what_was_being_written_when_the_power_went_is_dropped(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / ".writing-0").write_bytes(b"half")
    spool = open_spool(folder)
    assert (ids(spool), names(folder)) == ([], [".lock"])
    spool.close()


def test_files_of_other_names_are_left_alone(spool: Spool, folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")
    (folder / "copy of 1.trajectory").write_text("mine")
    put(spool, "a")
    assert ids(spool) == ["a"]
    assert {"notes.txt", "copy of 1.trajectory"} <= set(names(folder))


@pytest.mark.parametrize("folder_name", ["file", "file/spool"])
def test_a_folder_that_cannot_be_used_is_one_sentence(tmp_path: Path, folder_name: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"expected one that can be written: .*; choose another with --spool\.$"):
        open_spool(tmp_path / folder_name)


def test_two_runtimes_do_not_share_a_spool(folder: Path) -> None:
    first = open_spool(folder)
    with pytest.raises(UsageError, match=r"expected one that no other runtime uses: choose another with --spool\.$"):
        open_spool(folder)
    put(first, "a")
    first.close()
    first.close()
    second = open_spool(folder)
    assert ids(second) == ["a"]
    second.close()


def test_a_put_that_failed_leaves_nothing_behind_and_its_number_to_nobody(
    spool: Spool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sender may have read it already, and would remove another of the same name once the tuner has it."""
    with monkeypatch.context() as patched:
        patched.setattr("agent_runtime.uplink.spool.fsync_folder", refuse)
        with pytest.raises(OSError, match="Input/output error"):
            put(spool, "a")
    assert names(folder) == [".lock"]
    put(spool, "b")
    assert [path.name for path, _ in spool.waiting()] == ["000000000001.trajectory"]


def refuse(folder: Path) -> None:
    raise OSError(5, "Input/output error")


def test_a_file_the_disk_does_not_give_holds_up_no_other(
    spool: Spool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(spool, "a", "b")
    read = Path.read_bytes

    def reading(path: Path) -> bytes:
        if path.stem.endswith("0"):
            raise OSError(5, "Input/output error")
        return read(path)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", reading)
        assert ids(spool) == ["b"]
    assert ids(spool) == ["a", "b"]


def test_what_is_sent_while_the_bytes_are_counted_is_no_error(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    spool.put(message("a"))
    one_bytes = spool.size_bytes()
    gone = spool._folder / "000000000009.trajectory"
    monkeypatch.setattr(spool, "_files", lambda: [*sorted(spool._folder.glob("*.trajectory")), gone])
    assert spool.size_bytes() == one_bytes
