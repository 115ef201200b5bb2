"""`status --watch` at a real terminal, and where there is none."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from coordinator_server.operation.watching import ENTER, LEAVE, paper_for
from coordinator_server.tables import cells
from tests.support.real_mesh import ENVIRONMENT, RealMesh, real_mesh, run

pytestmark = [pytest.mark.processes, pytest.mark.skipif(os.name != "posix", reason="needs a terminal of Unix")]
DEADLINE = 60.0
CODES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Terminal:
    """A terminal with `status --watch` on it; `seen` is all that was written to it."""

    def __init__(self, folder: Path, columns: int, lines: int, **environment: str) -> None:
        self.ours, theirs = pty.openpty()
        self.resize(columns, lines)
        self.before = termios.tcgetattr(theirs)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "coordinator_server", "status", "--watch", "--data-dir", str(folder)],
            stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            env={**ENVIRONMENT, "TERM": "xterm", **environment},
        )  # fmt: skip
        self.theirs = theirs
        self.seen = ""

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def wait_for(self, pattern: str, after: int = 0) -> str:
        """Return the frame in which this is to be seen, of those that begin after a place in `seen`."""
        until = time.monotonic() + DEADLINE
        while time.monotonic() < until:
            for frame in self.seen[after:].split("\x1b[H")[1:]:
                if frame.endswith("\x1b[J") and re.search(pattern, CODES.sub("", frame)):
                    return frame
            self.read()
        raise AssertionError(f"{pattern} was not to be seen in: {self.seen[-3000:]!r}")

    def wait_for_one_that_fits(self, columns: int, lines: int) -> None:
        until = time.monotonic() + DEADLINE
        frame: list[str] = []
        while time.monotonic() < until:
            frame = rows(self.wait_for("RMA Mesh", len(self.seen)))
            if len(frame) <= lines and all(cells(row) <= columns for row in frame):
                return
        raise AssertionError(f"the last one has other sizes: {frame}")

    def read(self) -> None:
        if select.select([self.ours], [], [], 0.5)[0]:
            with suppress(OSError):
                self.seen += os.read(self.ours, 65536).decode()

    def type(self, keys: bytes) -> None:
        os.write(self.ours, keys)

    def end(self) -> int:
        """Wait until it has ended; return the exit code."""
        until = time.monotonic() + DEADLINE
        while self.process.poll() is None and time.monotonic() < until:
            self.read()
        while select.select([self.ours], [], [], 0)[0]:
            self.read()
        return self.process.wait(1)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(60)
        os.close(self.ours)
        os.close(self.theirs)


@contextmanager
def terminal(folder: Path, columns: int = 100, lines: int = 30, **environment: str) -> Iterator[Terminal]:
    made = Terminal(folder, columns, lines, **environment)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(autouse=True)
def interrupts() -> Iterator[None]:
    """Let programs be interrupted: who was started in the background by a shell has them ignore that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[RealMesh]:
    with real_mesh(tmp_path) as mesh:
        yield mesh


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return the directory of a coordinator that runs for all who only look at it."""
    with real_mesh(tmp_path_factory.mktemp("watched")) as mesh:
        yield mesh.start_coordinator().data_dir


def rows(frame: str) -> list[str]:
    return [CODES.sub("", line).strip("\r") for line in frame.split("\n")]


def test_it_follows_resizes_outlives_the_coordinator_and_gives_the_terminal_back(mesh: RealMesh) -> None:
    coordinator = mesh.start_coordinator()
    with terminal(coordinator.data_dir, NO_COLOR="") as screen:
        first = screen.wait_for("COORDINATOR")
        assert screen.seen.startswith(ENTER)
        assert "\x1b[1m" in first
        assert all(cells(row) <= 100 for row in rows(first))
        screen.resize(40, 10)
        screen.process.send_signal(signal.SIGWINCH)
        screen.wait_for_one_that_fits(40, 10)
        screen.resize(200, 40)
        coordinator.stop()
        gone = screen.wait_for("No answer since .*is not running", len(screen.seen))
        assert "COORDINATOR" in CODES.sub("", gone), "what was there last is still to be seen"
        again = mesh.start_coordinator()
        assert again.url
        begun = len(screen.seen)
        while "No answer since" in screen.wait_for("COORDINATOR", begun):
            begun = len(screen.seen)
        screen.type(b"q")
        assert screen.end() == 0
        assert screen.seen.endswith(LEAVE)
        assert termios.tcgetattr(screen.theirs) == screen.before


@pytest.mark.parametrize("how", ["Ctrl-C", "SIGTERM"])
def test_whatever_ends_it_the_terminal_is_as_before(folder: Path, how: str) -> None:
    with terminal(folder, NO_COLOR="1") as screen:
        frame = screen.wait_for("COORDINATOR")
        assert not re.search(r"\x1b\[[0-9;]*m", frame), "NO_COLOR is set"
        if how == "SIGTERM":
            screen.process.terminate()
        else:
            screen.process.send_signal(signal.SIGINT)
        assert screen.end() == 0
        assert screen.seen.endswith(LEAVE)
        assert termios.tcgetattr(screen.theirs) == screen.before


def test_into_a_pipe_it_is_plain_text_again_and_again(folder: Path) -> None:
    words = ["status", "--watch", "--data-dir", str(folder)]
    process = subprocess.Popen(
        [sys.executable, "-m", "coordinator_server", *words], stdout=subprocess.PIPE, env=ENVIRONMENT, text=True
    )
    try:
        assert process.stdout is not None
        heads = 0
        while heads < 2:
            line = process.stdout.readline()
            assert line
            assert "\x1b" not in line
            heads += line.startswith("RMA Mesh ")
        process.stdout.close()
        assert process.wait(60) == 0, "nobody reads on"
    finally:
        process.kill()
        process.wait(60)


def test_without_a_coordinator_it_says_so_at_once(tmp_path: Path) -> None:
    done = run("coordinator_server", "status", "--watch", "--data-dir", str(tmp_path))
    assert done.returncode == 4
    assert "not running" in done.stderr


def test_a_file_has_no_size(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w") as file:
        paper = paper_for(file, whole=False)
    assert (paper.width, paper.height, paper.colour) == (None, None, False)
