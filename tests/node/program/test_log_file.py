from __future__ import annotations

import errno
import os
import resource
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.program.log_file import LogFile

APPENDING = """
import sys
from pathlib import Path
from node.program.log_file import LogFile

path, name = Path(sys.argv[1]), sys.argv[2]
log = LogFile(path)
log.open()
for number in range(200):
    log.append(b"".join(b"%s %d %d %s\\n" % (name.encode(), number, line, b"x" * 50) for line in range(40)))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.log"


@pytest.fixture
def log(path: Path) -> Iterator[LogFile]:
    made = LogFile(path)
    made.open()
    yield made
    made.close()


def test_a_new_file_is_its_owners_alone_and_one_that_is_there_goes_on(log: LogFile, path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    log.append(b"one\n")
    log.close()
    log.append(b"two\nthree\n")
    assert path.read_bytes() == b"one\ntwo\nthree\n"


def test_a_file_that_was_moved_or_deleted_is_begun_anew(log: LogFile, path: Path) -> None:
    log.append(b"one\n")
    moved = path.rename(path.with_suffix(".1"))
    log.append(b"two\n")
    assert (moved.read_bytes(), path.read_bytes()) == (b"one\n", b"two\n")
    path.unlink()
    log.append(b"three\n")
    assert path.read_bytes() == b"three\n"


def test_a_full_disk_and_a_pipe_without_a_reader_are_errors_and_make_nobody_wait(tmp_path: Path) -> None:
    full = LogFile(Path("/dev/full"))
    full.open()
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        full.append(b"one\n")
    full.close()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match=os.strerror(errno.ENXIO)):
        LogFile(tmp_path / "pipe").open()


def test_half_a_line_is_all_that_a_full_disk_costs(log: LogFile, path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        with pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
            log.append(b"whole 1\nhalf 2\nnone 3\n")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    log.append(b"whole 4\n")
    log.append(b"whole 5\n")
    assert path.read_bytes() == b"whole 1\nha\nwhole 4\nwhole 5\n"


def test_lines_of_several_processes_stay_whole(path: Path) -> None:
    names = ("anna", "ben", "cleo")
    programs = [subprocess.Popen([sys.executable, "-c", APPENDING, str(path), name]) for name in names]
    assert [program.wait(120) for program in programs] == [0, 0, 0]
    lines = path.read_text().splitlines()
    wanted = [f"{name} {number} {line} {'x' * 50}" for name in names for number in range(200) for line in range(40)]
    assert sorted(lines) == sorted(wanted)
    for name in names:  # and each one's in its order
        assert [line for line in lines if line.startswith(name)] == [
            line for line in wanted if line.startswith(name)
        ]
