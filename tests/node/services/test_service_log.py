"""A service's log is kept and capped."""

from pathlib import Path

from node.services.service_log import ServiceLog


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
