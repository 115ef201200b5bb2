from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from node.forwarding import access_log
from node.forwarding.access_log import MOST_WAITING, SURE, AccessLog, Line, open_access_log
from node.forwarding.http1.exchange import Exchange
from node.program.errors import UserFacingError

LINE = Line(datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC), "192.0.2.1", "GET", "/a", 200, 0, 5, 1.5)


class Sink:
    """Takes lines, when it is let."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.open.set()
        self.waited_for = threading.Event()  # somebody is writing
        self.taken: list[bytes] = []
        self.closed = False

    def append(self, lines: bytes) -> None:
        self.waited_for.set()
        assert self.open.wait(60)
        self.taken.append(lines)

    def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_log, "PAUSE", 0.01)
    monkeypatch.setattr(access_log, "STOP_WAIT", 60.0)  # a slow machine is not what is tested


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def written(sink: Sink) -> Iterator[AccessLog]:
    made = AccessLog(sink)
    yield made
    sink.open.set()
    made.close()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(0.005)


def ended(status: int, broken: str = "") -> Exchange:
    return cast("Exchange", SimpleNamespace(status=status, broken=broken))


def test_a_line_has_what_is_known_and_leaves_out_the_rest(written: AccessLog, sink: Sink) -> None:
    written.add(LINE)
    until(lambda: written.written == 1)
    assert sink.taken == [
        b'{"time":"2026-01-02T03:04:05.678000Z","client":"192.0.2.1","method":"GET","path":"/a",'
        b'"status":200,"bytes_in":0,"bytes_out":5,"duration_ms":1.5}\n'
    ]


def test_all_lines_are_written_in_their_order_those_left_at_the_end_too(written: AccessLog, sink: Sink) -> None:
    for number in range(5000):
        written.add(msgspec.structs.replace(LINE, bytes_out=number))
    written.close()
    written.close()
    lines = b"".join(sink.taken).splitlines()
    assert [msgspec.json.decode(line)["bytes_out"] for line in lines] == list(range(5000))
    assert (written.written, written.lost, sink.closed) == (5000, 0, True)
    assert all(len(part) < 2 * access_log.LARGEST_WRITE for part in sink.taken)


def test_a_line_that_comes_just_before_the_end_is_written(
    written: AccessLog, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end_meanwhile() -> None:
        """Add a line and begin to close after the thread has looked for lines, and before it goes on."""
        written.add(LINE)
        written._closing.set()

    monkeypatch.setattr(written, "_tell_of_lost", end_meanwhile)
    written.add(LINE)
    until(lambda: sink.closed)
    assert written.written == 2


def test_a_log_without_a_request_has_no_thread_and_can_be_closed(sink: Sink) -> None:
    before = threading.active_count()
    AccessLog(sink).close()
    assert (threading.active_count(), sink.closed) == (before, True)


def test_a_disk_that_hangs_costs_lines_and_nothing_else(
    written: AccessLog, sink: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    sink.open.clear()
    written.add(LINE)
    assert sink.waited_for.wait(60)
    for _ in range(MOST_WAITING + 7):
        written.add(LINE)
    assert (written.written, written.lost) == (0, 7)
    sink.open.set()
    until(lambda: written.written == MOST_WAITING + 1)
    until(lambda: "7 lines of the access log were lost" in caplog.text)


def test_the_sample_is_drawn_and_trouble_is_always_told_within_limits() -> None:
    draws = iter([0.1, 0.3] * 1000)
    log = AccessLog(Sink(), sample=0.25, draw=lambda: next(draws))
    assert [log.wants(ended(200)) for _ in range(4)] == [True, False, True, False]
    assert [log.wants(ended(404)) for _ in range(2)] == [True, False]
    for trouble in (ended(502), ended(401), ended(403), ended(429), ended(200, broken="reset")):
        assert log.wants(trouble) and log.wants(trouble)
    never = AccessLog(Sink(), sample=0.0)
    assert sum(never.wants(ended(429)) for _ in range(3 * SURE)) == SURE
    assert not any(never.wants(ended(200)) for _ in range(100))
    always = AccessLog(Sink())
    assert all(always.wants(ended(200)) for _ in range(100))


def test_sure_lines_come_back_with_time() -> None:
    log = AccessLog(Sink(), sample=0.0)
    while log.wants(ended(500)):
        log.add(LINE)
    until(lambda: log.wants(ended(500)))
    log.close()


def test_a_full_disk_is_told_once_and_so_is_its_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    link = tmp_path / "a.log"
    link.symlink_to("/dev/full")
    log = open_access_log(str(link), 1.0)
    assert log is not None
    for number in range(1, 4):
        log.add(LINE)
        until(lambda wanted=number: log.lost == wanted)  # type: ignore[misc]  # mypy cannot infer a default's type
    assert len(caplog.records) == 1
    assert "No space left" in caplog.text
    link.unlink()
    log.add(LINE)
    until(lambda: log.written == 1)
    until(lambda: "written again; 3 lines are missing" in caplog.text)
    log.close()
    assert len(link.read_bytes().splitlines()) == 1


def test_off_is_no_log_and_a_dash_the_programs_own(caplog: pytest.LogCaptureFixture) -> None:
    assert open_access_log("off", 1.0) is None
    with caplog.at_level(logging.INFO):
        log = open_access_log("-", 1.0)
        assert log is not None
        log.add(LINE)
        log.add(msgspec.structs.replace(LINE, caller="a\x85\u2028\nb"))
        log.close()
    lines: list[dict[str, Any]] = [msgspec.json.decode(record.getMessage()) for record in caplog.records]
    assert [line["path"] for line in lines] == ["/a", "/a"]


@pytest.mark.parametrize("where", ["{}/no/such/folder/a.log", "{}", "{}/a\0b"])
def test_a_file_that_cannot_be_opened_is_told_before_anything_is_served(where: str, tmp_path: Path) -> None:
    with pytest.raises(UserFacingError, match="access_log") as caught:
        open_access_log(where.format(tmp_path), 1.0)
    assert str(caught.value).count(str(tmp_path)) == 1
    assert "Errno" not in str(caught.value)
