"""A service's log is kept and capped."""

import os
import sys
from pathlib import Path

import pytest

from node.services.service_log import MAX_LINE, ServiceLog, log_of, tail


def test_two_files_at_most_and_the_newest_lines_are_kept(tmp_path: Path) -> None:
    log = ServiceLog(tmp_path / "service.log", max_bytes=100)
    for number in range(100):
        log.write(b"line %03d\n" % number)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["service.log", "service.log.1"]
    assert all(path.stat().st_size <= 100 for path in tmp_path.iterdir())
    assert (tmp_path / "service.log").read_bytes().endswith(b"line 099\n")


def test_one_endless_line_is_cut(tmp_path: Path) -> None:
    ServiceLog(tmp_path / "service.log", max_bytes=100).write(b"x" * 5000)
    assert (tmp_path / "service.log").stat().st_size == 100


def test_a_folder_that_went_away_stops_nothing(tmp_path: Path) -> None:
    ServiceLog(tmp_path / "gone" / "service.log").write(b"line\n")
    assert list(tmp_path.iterdir()) == []


def test_the_end_of_a_log_reaches_into_the_file_before(tmp_path: Path) -> None:
    path = log_of(tmp_path, "ner")
    assert tail(path, 10) == ((), False)
    path.parent.mkdir(parents=True)
    log = ServiceLog(path, max_bytes=60)
    for number in range(10):
        log.write(f"line number {number}\n".encode())
    assert path.with_name("service.log.1").exists()
    lines, cut = tail(path, 5)
    assert lines == tuple(f"line number {number}" for number in range(5, 10))
    assert cut
    lines, _ = tail(path, 1000)
    assert lines[-1] == "line number 9"


def test_of_a_long_log_only_the_end_is_read(tmp_path: Path) -> None:
    path = tmp_path / "service.log"
    path.write_bytes(b"".join(b"%d\n" % number for number in range(1000, 2000)) + b"x" * 9000)
    lines, cut = tail(path, 50, max_bytes=9500)
    assert cut
    assert lines[-1] == "x" * MAX_LINE
    assert lines[-2] == "1999"
    assert len(lines) == 50
    lines, _ = tail(path, 5000, max_bytes=9018)
    assert lines[:-1] == ("1997", "1998", "1999"), "a line that was read in part is not shown"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")
@pytest.mark.timeout(30)
def test_a_pipe_that_a_service_puts_in_its_place_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "service.log")
    assert tail(tmp_path / "service.log", 10) == ((), False)
