"""Where cloudflared is found, and that only the pinned one is fetched."""

from __future__ import annotations

import hashlib
import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.program.download import CancelledError, Pin
from node.program.errors import UserFacingError
from node.tunnel.cloudflared.binary import Binary
from node.tunnel.cloudflared.platforms import VERSION, pin_for

pytestmark = pytest.mark.skipif(os.name != "posix", reason="programs of POSIX")
PROGRAM = b"#!/bin/sh\n" + b"#" * 300_000


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(PROGRAM)
    path.chmod(0o755)
    return path


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(PROGRAM)))
            self.end_headers()
            try:
                self.wfile.write(PROGRAM)
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}/cloudflared-linux-amd64"
        running.shutdown()
        thread.join()


def pin(url: str, sha256: str = "") -> Pin:
    digest = sha256 or hashlib.sha256(PROGRAM).hexdigest()
    return Pin(VERSION, url, digest, ("cloudflared",), "cloudflared", plain=True)


def test_the_one_that_was_named_is_used_and_no_other(tmp_path: Path) -> None:
    named = program(tmp_path / "mine")
    assert Binary(tmp_path, setting=str(named), path="", places=()).find() == named
    named.chmod(0o600)
    with pytest.raises(UserFacingError, match="There is no program"):
        Binary(tmp_path, setting=str(named), path="", places=()).find()


def test_it_is_found_on_the_path_and_where_installers_put_it(tmp_path: Path) -> None:
    usual = program(tmp_path / "usual" / "cloudflared")
    assert Binary(tmp_path, path="", places=(tmp_path / "none", usual)).find() == usual
    on_path = program(tmp_path / "bin" / "cloudflared")
    assert Binary(tmp_path, path=str(on_path.parent), places=(usual,)).find() == on_path


def test_it_is_not_fetched_where_the_rules_leave_no_room_for_it(url: str, tmp_path: Path) -> None:
    binary = Binary(tmp_path, path="", places=(), pin=lambda: pin(url), room_for=lambda _size: "The disk is full.")
    with pytest.raises(UserFacingError, match="there is no room") as caught:
        binary.fetch()
    assert caught.value.message == "The disk is full."
    assert not (tmp_path / VERSION).exists()


def test_it_is_fetched_once(url: str, tmp_path: Path) -> None:
    binary = Binary(tmp_path, path="", places=(), pin=lambda: pin(url))
    assert binary.find() is None
    found = binary.fetch()
    assert (found, found.read_bytes()) == (tmp_path / VERSION / "cloudflared", PROGRAM)

    nowhere = pin("http://127.0.0.1:1/cloudflared-linux-amd64")
    assert Binary(tmp_path, path="", places=(), pin=lambda: nowhere).find() == found
    assert Binary(tmp_path, path="", places=(), pin=lambda: nowhere, may_fetch=False).find() == found


@pytest.mark.parametrize("damage", [b"", PROGRAM[:-1], PROGRAM + b"\nrm -rf /"])
def test_one_that_was_fetched_and_damaged_is_fetched_anew(url: str, tmp_path: Path, damage: bytes) -> None:
    binary = Binary(tmp_path, path="", places=(), pin=lambda: pin(url))
    binary.fetch().write_bytes(damage)
    assert binary.find() is None
    assert binary.fetch().read_bytes() == PROGRAM
    assert binary.find() is not None


def test_another_checksum_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(UserFacingError, match="is not used"):
        Binary(tmp_path, path="", places=(), pin=lambda: pin(url, "0" * 64)).fetch()
    assert not list(tmp_path.rglob("cloudflared"))


def test_whoever_does_not_want_it_fetched_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserFacingError, match="no cloudflared on this computer") as caught:
        Binary(tmp_path, path="", places=(), may_fetch=False).find()
    assert "Install" in caught.value.hint


def test_a_fetch_is_given_up_at_the_end(url: str, tmp_path: Path) -> None:
    binary = Binary(tmp_path, path="", places=(), pin=lambda: pin(url))
    binary.stop()
    with pytest.raises(CancelledError):
        binary.fetch()


def test_a_platform_without_a_pin_is_told_before_anything_is_fetched(tmp_path: Path) -> None:
    with pytest.raises(UserFacingError, match="No cloudflared is pinned"):
        Binary(tmp_path, path="", places=(), pin=lambda: pin_for("plan9", "mips")).find()
