"""The access log: one line of JSON for each request that has ended, written behind the requests' back.

Where a request ends, a value goes into a bounded buffer, and that is all; a thread of its own makes lines of what
has come together and appends them in one go. When the disk is full or slow, lines are lost and counted, and no
request notices. A line never holds a body, a query (it may hold personal data), a field of a head or an API key.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import msgspec

from node.forwarding.http1.exchange import Exchange
from node.program.log_file import LogFile
from node.program.settings import SettingError

log = logging.getLogger(__name__)

OFF, PROGRAMS_LOG = "off", "-"
CLIENT_LEFT = 499  # nginx's number for it; no client ever sees it
REFUSALS = frozenset({401, 403, 429})
PAUSE = 0.25  # seconds in which lines come together
MOST_WAITING = 20_000  # lines
SURE = 50  # failures and refusals in one pause that are written whatever the sample
LONGEST_PATH = 1024  # characters
SLICE = 64  # lines that are encoded without letting requests go first
BREATH = 0.0005  # seconds: this thread would keep the interpreter for longer than a request takes
LARGEST_WRITE = 256 * 1024  # bytes
STOP_WAIT = 5.0  # seconds
TOLD_AGAIN = 60.0  # seconds between two warnings of lost lines


class Line(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What is told of a request; what is empty is left out. Every text in it is printable ASCII.

    `time` is its end. `caller` is the id of the API key that was shown (with status 401 nobody has proved to have
    it), "anonymous", "local" or the id of a worker or coordinator; `path` is cut after 1024 characters; with
    `broken` the answer was cut off. Status 499: the client left. Bytes are those of bodies.
    """

    time: datetime
    client: str
    method: str
    path: str
    status: int
    bytes_in: int
    bytes_out: int
    duration_ms: float
    request_id: str = ""
    caller: str = ""
    service: str = ""
    worker: str | None = None
    route: str | None = None
    attempts: int = 0
    broken: str = ""


class Sink(Protocol):
    """Where lines go."""

    def append(self, lines: bytes) -> None:
        """Take whole lines; raise OSError."""

    def close(self) -> None: ...


class AccessLog:
    """Decides what is written, keeps it until it is, and counts `written` and `lost` lines."""

    def __init__(self, sink: Sink, sample: float = 1.0, draw: Callable[[], float] = random.random) -> None:
        self._sink = sink
        self._sample = sample
        self._draw = draw
        self._waiting: deque[Line] = deque()
        self._sure = SURE
        self._work, self._closing = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._encoder = msgspec.json.Encoder()
        self._overflowed = 0
        self._unwritten = 0
        self._told = 0
        self._tell_at = 0.0
        self._failing = False
        self.written = 0

    @property
    def lost(self) -> int:
        return self._overflowed + self._unwritten

    @property
    def waiting(self) -> int:
        """How many lines are still to be written."""
        return len(self._waiting)

    def wants(self, exchange: Exchange) -> bool:
        """Say whether a request is to be written: one of the sample, or one that went wrong or was refused.

        Of the latter only so many in a second are sure to be written: whoever is refused could fill the disk.
        """
        if self._draw() < self._sample:
            return True
        status = exchange.status
        if (status < 500 and status not in REFUSALS and not exchange.broken) or self._sure <= 0:
            return False
        self._sure -= 1
        return True

    def add(self, line: Line) -> None:
        waiting = self._waiting
        if len(waiting) >= MOST_WAITING:
            self._overflowed += 1
            return
        waiting.append(line)
        if len(waiting) == 1:
            self._wake()

    def close(self) -> None:
        """Write what is left, in a few seconds at most, and close; may be called any number of times."""
        self._closing.set()
        self._work.set()
        if self._thread is not None:
            self._thread.join(STOP_WAIT)
        else:
            self._sink.close()

    def _wake(self) -> None:
        if self._thread is None:  # not before: a process that forks takes no threads along
            self._thread = threading.Thread(target=self._run, name="access-log", daemon=True)
            self._thread.start()
        self._work.set()

    # In the thread

    def _run(self) -> None:
        while not self._closing.is_set():
            self._work.wait()
            self._closing.wait(PAUSE)
            self._work.clear()
            self._sure = SURE
            self._write_all()
            self._tell_of_lost()
        self._write_all()  # what came between the last look and the end
        self._sink.close()

    def _write_all(self) -> None:
        parts: list[bytes] = []
        size = count = 0
        while self._waiting:
            lines = [self._waiting.popleft() for _ in range(min(SLICE, len(self._waiting)))]
            parts.append(self._encoder.encode_lines(lines))
            size, count = size + len(parts[-1]), count + len(lines)
            if size >= LARGEST_WRITE:
                self._write(parts, count)
                parts, size, count = [], 0, 0
            if not self._closing.is_set():
                time.sleep(BREATH)
        if parts:
            self._write(parts, count)

    def _write(self, parts: list[bytes], count: int) -> None:
        try:
            self._sink.append(b"".join(parts))
        except OSError as error:
            self._unwritten += count
            if not self._failing:
                self._failing = True
                log.warning("the access log cannot be written: %s. Requests are served all the same.", error)
        else:
            self.written += count
            if self._failing:
                self._failing = False
                log.warning("the access log is written again; %d lines are missing", self.lost)

    def _tell_of_lost(self) -> None:
        if self._overflowed > self._told and time.monotonic() >= self._tell_at:
            self._tell_at = time.monotonic() + TOLD_AGAIN
            log.warning("%d lines of the access log were lost: they came too fast", self._overflowed - self._told)
            self._told = self._overflowed


class ProgramsLog:
    """Writes lines into the program's own log."""

    def append(self, lines: bytes) -> None:
        for line in lines.decode().removesuffix("\n").split("\n"):  # splitlines knows ends that JSON lets through
            log.info("%s", line)

    def close(self) -> None:
        """Leave it: it is not ours."""


def open_access_log(where: str, sample: float) -> AccessLog | None:
    """Return the log that the settings ask for; raise SettingError where its file cannot be opened."""
    if where == OFF:
        return None
    if where == PROGRAMS_LOG:
        return AccessLog(ProgramsLog(), sample)
    sink = LogFile(Path(where).expanduser())
    try:
        sink.open()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error  # the file's name is in the line already
        allowed = f"off, - or a file that can be written (the system says: {reason})"
        raise SettingError("access_log", where, allowed, "--access-log") from None
    return AccessLog(sink, sample)


def line_of(exchange: Exchange, carried: Any, client: str, caller: str = "", service: str = "") -> Line:
    """Say how a request went; `carried` is what carried it (`routing.Dispatch`), if anything did."""
    head, status, worker, route, attempts = exchange.head, exchange.status, None, None, 0
    seconds = exchange.ended_at - exchange.began_at
    if carried is not None:
        worker, route, attempts = carried.worker, carried.route, carried.attempts
        caller, service = carried.caller, carried.manifest.name
        seconds = time.monotonic() - carried.started  # the loop's clock may be a coarse one
    request_id = exchange.request_id
    if not request_id and exchange.response is not None:  # the application gave it
        request_id = exchange.response.get("x-request-id")
    left = (exchange.gone and status != 101) or not status
    return Line(
        datetime.now(UTC),
        client,
        head.method,
        head.target.partition("?")[0][:LONGEST_PATH],
        CLIENT_LEFT if left else status,
        exchange.bytes_in,
        exchange.bytes_out,
        round(seconds * 1000.0, 3),
        request_id,
        caller,
        service,
        worker,
        route,
        attempts,
        exchange.broken,
    )
