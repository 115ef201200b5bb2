"""What is said of disk, open files and memory, for values on both sides of each limit."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from coordinator_server.operation.machine import (
    MIB,
    DiskRoom,
    free_memory,
    judge_disk,
    judge_files,
    judge_memory,
    needed_files,
    open_files,
    read_disk,
)

PLACE = Path("/var/lib/rma-mesh")
LEAST = 50 * MIB


@pytest.mark.parametrize(
    ("room", "word", "fatal"),
    [
        (DiskRoom(499 * MIB), "499 MB", False),
        (DiskRoom(49 * MIB), "49 MB", True),
        (DiskRoom(9000 * MIB, inodes=999), "999 more files", False),
        (DiskRoom(9000 * MIB, inodes=49), "49 more files", True),
        (DiskRoom(9000 * MIB, read_only=True), "read-only", True),
    ],
)
def test_a_disk_on_which_nothing_can_be_kept_is_fatal(room: DiskRoom, word: str, fatal: bool) -> None:
    found = judge_disk(room, PLACE, LEAST)
    assert found is not None
    assert word in found.text
    assert str(PLACE) in found.text
    assert found.hint
    assert found.fatal == fatal


@pytest.mark.parametrize("room", [DiskRoom(500 * MIB), DiskRoom(500 * MIB, inodes=1000)])
def test_enough_is_enough(room: DiskRoom) -> None:
    assert judge_disk(room, PLACE, LEAST) is None


def test_the_operator_may_have_it_start_with_less() -> None:
    found = judge_disk(DiskRoom(MIB), PLACE, 0)
    assert found is not None
    assert not found.fatal


def test_the_disk_of_this_machine_is_read(tmp_path: Path) -> None:
    room = read_disk(tmp_path)
    assert room.free_bytes > 0
    assert not room.read_only
    with pytest.raises(OSError, match="No such file"):
        read_disk(tmp_path / "nowhere")


def test_few_open_files_are_told_at_the_start_and_when_they_run_out() -> None:
    needed = needed_files(10_000, 8192)
    assert needed > 18_192
    few = judge_files(1024, needed, 0)
    assert few is not None
    assert str(needed) in few.text
    assert judge_files(needed, needed, 0) is None
    assert judge_files(1024, 0, 500) is None
    nearly = judge_files(1024, 0, 900)
    assert nearly is not None
    assert "900 of 1024" in nearly.text
    assert judge_files(None, needed, 0) is judge_files(-1, needed, 0) is None


def test_little_memory_is_told() -> None:
    assert judge_memory(100 * MIB) is None
    found = judge_memory(99 * MIB)
    assert found is not None
    assert "99 MB" in found.text


def test_this_program_and_machine_are_read() -> None:
    limit, used = open_files()
    assert free_memory() > 0
    if os.name == "posix":
        assert used > 2
        assert limit is not None
