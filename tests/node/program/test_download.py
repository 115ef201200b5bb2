"""A release that is one file is fetched as it is; tests/node/vpn/test_download.py fetches archives."""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.program.download import CancelledError, Pin, fetch
from node.program.errors import UserFacingError

PROGRAM = b"\x7fELF" + b"#" * 100_000


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(PROGRAM)))
            self.end_headers()
            self.wfile.write(PROGRAM[:5000] if self.path == "/cut" else PROGRAM)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_a_plain_program_gets_the_name_of_its_only_member(server: str, tmp_path: Path) -> None:
    pin = Pin("1", f"{server}/tool-linux-amd64", hashlib.sha256(PROGRAM).hexdigest(), ("tool",), "tool", plain=True)
    (path,) = fetch(pin, tmp_path)
    assert (path, path.read_bytes()) == (tmp_path / "tool", PROGRAM)
    assert path.stat().st_mode & 0o100


@pytest.mark.parametrize("allowed", [-1, 0, len(PROGRAM) - 1])
def test_what_there_is_no_room_for_is_not_fetched(server: str, tmp_path: Path, allowed: int) -> None:
    asked: list[int] = []

    def room_for(size: int) -> str:
        asked.append(size)
        return "Only 3 MB are free." if size > allowed else ""

    pin = Pin("1", f"{server}/tool", hashlib.sha256(PROGRAM).hexdigest(), ("tool",), "tool", plain=True)
    with pytest.raises(UserFacingError, match="tool 1 is not fetched: there is no room") as caught:
        fetch(pin, tmp_path, room_for=room_for)
    assert caught.value.message == "Only 3 MB are free."
    assert asked == ([0] if allowed < 0 else [0, len(PROGRAM)]), (
        "before anything is sent, or as soon as it is known"
    )
    assert list(tmp_path.iterdir()) == []
    assert fetch(pin, tmp_path, room_for=lambda _size: "") == (tmp_path / "tool",)


def test_a_download_that_breaks_off_is_told_as_such_and_leaves_nothing(server: str, tmp_path: Path) -> None:
    pin = Pin("1", f"{server}/cut", hashlib.sha256(PROGRAM).hexdigest(), ("tool",), "tool", plain=True)
    with pytest.raises(UserFacingError, match="could not be downloaded") as caught:
        fetch(pin, tmp_path)
    assert "5000 of" in caught.value.message
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_sends_little_by_little_does_not_hold_whoever_wants_to_stop(tmp_path: Path) -> None:
    stopped = threading.Event()

    class Drip(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"x")
            self.wfile.flush()
            stopped.wait(120)  # and no more, but the connection stays open

        def log_message(self, format: str, *args: object) -> None:
            pass

    heard: list[int] = []

    def progress(done: int, _all: int | None) -> bool:
        heard.append(done)
        return False

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Drip) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        try:
            with pytest.raises(CancelledError):
                fetch(
                    Pin("1", f"http://127.0.0.1:{running.server_port}/x", "0" * 64, ("x",), "tool"),
                    tmp_path,
                    progress,
                )
        finally:
            stopped.set()
            running.shutdown()
            thread.join()
    assert heard == [1]


def test_a_plain_program_with_another_checksum_is_refused_by_name(server: str, tmp_path: Path) -> None:
    with pytest.raises(UserFacingError, match="The tool 1 from"):
        fetch(Pin("1", f"{server}/tool", "0" * 64, ("tool",), "tool", plain=True), tmp_path)
    assert list(tmp_path.iterdir()) == []
