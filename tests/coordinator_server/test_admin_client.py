"""Finding and asking a coordinator: every way in which that can go wrong is a sentence and an exit code."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
import stat
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from coordinator_server import admin_client
from coordinator_server.admin_client import (
    ADMIN_FILE,
    PROGRAM,
    AdminClient,
    AdminFile,
    Saved,
    find_coordinator,
    is_loopback,
)
from node.program.data_dir import hold_data_dir
from node.program.errors import EXIT_FAILED, EXIT_REFUSED, EXIT_UNREACHABLE, EXIT_USAGE, UserFacingError
from node.program.web import json_response, manners
from node.wire.problems import Problem
from tests.support.certificates import self_signed

TOKEN = "a-token-of-enough-characters"


class Server:
    """Answers every request in the same way and notes what it was asked."""

    def __init__(self, status: int, body: bytes, head: dict[str, str]) -> None:
        self.asked: list[tuple[str, str, str | None, bytes]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                shown = self.headers.get("Authorization")
                outer.asked.append((self.command, self.path, shown, self.rfile.read(length)))
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **head}.items():
                    self.send_header(name, value)
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(body)

            do_GET = do_POST = do_DELETE = answer  # noqa: N815 - http.server's names

            def log_message(self, *_: Any) -> None:
                pass

        self.http = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"


@contextlib.contextmanager
def serving(
    status: int = 200, body: bytes = b"{}", tls: ssl.SSLContext | None = None, **head: str
) -> Iterator[Server]:
    server = Server(status, body, {name.replace("_", "-"): value for name, value in head.items()})
    if tls is not None:
        server.http.socket = tls.wrap_socket(server.http.socket, server_side=True)
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.http.shutdown()
        thread.join()
        server.http.server_close()


def failure(client: AdminClient) -> UserFacingError:
    with pytest.raises(UserFacingError) as caught:
        client.get("/api/admin/keys")
    return caught.value


def test_it_asks_with_the_token() -> None:
    with serving(body=b'{"keys":[]}') as server:
        client = AdminClient(server.url + "/", TOKEN)
        assert client.get("/api/admin/audit", {"limit": "5"}) == {"keys": []}
        client.post("/api/admin/keys", {"name": "x"})
        client.delete("/api/admin/keys/1")
    assert [(method, path) for method, path, _, _ in server.asked] == [
        ("GET", "/api/admin/audit?limit=5"), ("POST", "/api/admin/keys"), ("DELETE", "/api/admin/keys/1"),
    ]  # fmt: skip
    assert {shown for _, _, shown, _ in server.asked} == {f"Bearer {TOKEN}"}
    assert server.asked[1][3] == b'{"name":"x"}'
    assert TOKEN not in repr(client)


@pytest.mark.parametrize(
    ("status", "code"), [(401, EXIT_REFUSED), (404, EXIT_REFUSED), (422, EXIT_REFUSED), (503, EXIT_FAILED)]
)
def test_a_refusal_is_told_in_its_own_words(status: int, code: int) -> None:
    with serving(status, b'{"title":"Not so","detail":"Because of this."}') as server:
        error = failure(AdminClient(server.url, TOKEN))
    assert (str(error), error.exit_code) == ("Not so. Because of this.", code)


def test_a_refusal_does_not_speak_of_http_to_an_operator() -> None:
    body = b'{"type":"https://rma-mesh.org/problems/not-found","title":"Nothing","detail":"No such key."}'
    with serving(404, body) as server:
        assert str(failure(AdminClient(server.url, TOKEN))) == "No such key."


def test_who_is_not_there_is_nobody_and_no_failure() -> None:
    body = b'{"type":"https://rma-mesh.org/problems/unknown-worker","title":"Nobody","detail":"No w-1 here."}'
    with serving(404, body) as server:
        client = AdminClient(server.url, TOKEN)
        assert client.find("/api/admin/workers/w-1") is None
        assert "No w-1 here. `rma-mesh-coordinator worker list`" in str(failure(client))
    with serving(401, b"{}") as server, pytest.raises(UserFacingError):
        AdminClient(server.url, TOKEN).find("/api/admin/workers/w-1")


@pytest.mark.parametrize(
    ("health", "said"),
    [
        ({"worker_id": "w-1", "status": "online"}, "is a node, not a coordinator. `rma-mesh-node status`"),
        ({"status": "ok"}, "knows nothing of /x. It is not a coordinator, or one of another version."),
        (None, "knows nothing of /x. It is not a coordinator, or one of another version."),
    ],
)
async def test_a_node_is_told_from_a_coordinator(health: dict[str, str] | None, said: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        if health is None:
            raise Problem("unauthorized", "Only for members.")
        return json_response(health)

    app = web.Application(middlewares=[manners])
    app.router.add_get("/health", answer)
    async with TestServer(app) as server:
        url = str(server.make_url("/"))
        with pytest.raises(UserFacingError) as caught:
            await asyncio.to_thread(AdminClient(url, TOKEN).get, "/x", {"limit": "1"})
    assert (said in str(caught.value), caught.value.exit_code) == (True, EXIT_UNREACHABLE)
    assert url in str(caught.value)


@pytest.mark.parametrize(
    ("status", "body"), [(200, b"<html>"), (404, b"<html>"), (500, b"[1]"), (200, b"\xff\xfe")]
)
def test_another_server_is_not_mistaken_for_a_coordinator(status: int, body: bytes) -> None:
    with serving(status, body) as server:
        error = failure(AdminClient(server.url, TOKEN))
    assert ("not a coordinator" in str(error), error.exit_code) == (True, EXIT_UNREACHABLE)


def test_a_redirect_does_not_carry_the_token_away() -> None:
    with serving() as thief, serving(302, b"", Location=thief.url + "/stolen") as server:
        assert failure(AdminClient(server.url, TOKEN)).exit_code == EXIT_UNREACHABLE
    assert thief.asked == []


def test_nobody_there_says_how_to_start_one() -> None:
    with serving() as server:
        url = server.url
    error = failure(AdminClient(url, TOKEN))
    assert ("serve" in error.hint, error.exit_code) == (True, EXIT_UNREACHABLE)


def test_a_proxy_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(body=b'{"a":1}') as server:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        assert AdminClient(server.url, TOKEN).get("/") == {"a": 1}


@pytest.fixture
def https_url(tmp_path: Path) -> Iterator[str]:
    """Serve on this machine with a certificate that nobody knows."""
    certificate, key = self_signed(tmp_path, "mesh.example.org")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with serving(body=b'{"a":1}', tls=context) as server:
        yield server.url.replace("http:", "https:")


def test_of_this_machines_own_coordinator_the_certificate_may_be_for_its_public_name_alone(
    https_url: str, tmp_path: Path
) -> None:
    (tmp_path / ADMIN_FILE).write_bytes(msgspec.json.encode(AdminFile(https_url, TOKEN)))
    with hold_data_dir(tmp_path, PROGRAM):
        for url in (None, https_url):
            assert find_coordinator(tmp_path, url, None).get("/") == {"a": 1}
    error = failure(find_coordinator(tmp_path, https_url, TOKEN))  # behind a tunnel's end, or a stranger's port
    assert ("TLS failed" in str(error), error.exit_code) == (True, EXIT_UNREACHABLE)
    assert "serve" not in error.hint, "it runs"


def test_a_download_is_private_and_whole(tmp_path: Path) -> None:
    with serving(body=b"x" * 1000) as server:
        assert AdminClient(server.url, TOKEN).download("/api/admin/backup", tmp_path / "b.tar") == Saved(1000, ())
    assert (tmp_path / "b.tar").read_bytes() == b"x" * 1000
    assert stat.S_IMODE((tmp_path / "b.tar").stat().st_mode) == 0o600
    with serving(body=b"x", X_RMA_Backup_Notes="may-be-old,not-audited") as server:
        saved = AdminClient(server.url, TOKEN).download("/api/admin/backup", tmp_path / "b.tar")
    assert saved.notes == ("may-be-old", "not-audited")


def test_a_download_that_breaks_off_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "b.tar").write_bytes(b"old")
    with (
        serving(body=b"x" * 10, Content_Length="1000") as server,
        pytest.raises(UserFacingError, match="not written"),
    ):
        AdminClient(server.url, TOKEN).download("/api/admin/backup", tmp_path / "b.tar")
    assert [path.name for path in tmp_path.iterdir()] == ["b.tar"]
    assert (tmp_path / "b.tar").read_bytes() == b"old"


def test_a_disk_that_is_full_is_said_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with serving(body=b"x") as server, pytest.raises(UserFacingError) as caught:
        AdminClient(server.url, TOKEN).download("/api/admin/backup", tmp_path / "b.tar")
    assert str(caught.value) == f"{tmp_path / 'b.tar'} was not written. The reason: No space left on device."


def test_a_download_to_nowhere_is_said_so_before_anybody_is_asked(tmp_path: Path) -> None:
    client = AdminClient("http://127.0.0.1:1", TOKEN)  # where nobody answers
    for target in (tmp_path / "no" / "b.tar", tmp_path):
        with pytest.raises(UserFacingError, match="cannot be written") as caught:
            client.download("/api/admin/backup", target)
        assert caught.value.exit_code == EXIT_USAGE
    with pytest.raises(UserFacingError, match="does not answer"):
        client.download("/api/admin/backup", tmp_path / "b.tar")
    assert list(tmp_path.iterdir()) == [], "nothing is left"


def test_the_running_coordinator_of_a_data_directory_is_found(tmp_path: Path) -> None:
    (tmp_path / ADMIN_FILE).write_bytes(msgspec.json.encode(AdminFile("http://127.0.0.1:1", TOKEN)))
    other = "other-token-of-enough-characters"
    with hold_data_dir(tmp_path, PROGRAM):
        assert find_coordinator(tmp_path, None, None) == AdminClient("http://127.0.0.1:1", TOKEN, is_here=True)
        assert find_coordinator(tmp_path, "http://localhost:2", None) == AdminClient("http://localhost:2", TOKEN)
        found = AdminClient("http://127.0.0.1:1", other, is_here=True)
        assert find_coordinator(tmp_path, "http://localhost:2", "a token of words").token == "a token of words"
        assert find_coordinator(tmp_path, None, other) == found
    assert find_coordinator(tmp_path, "https://mesh.example", other) == AdminClient("https://mesh.example", other)


def test_the_token_is_not_sent_to_whoever_took_the_port_of_a_killed_coordinator(tmp_path: Path) -> None:
    with hold_data_dir(tmp_path, PROGRAM):
        (tmp_path / ADMIN_FILE).write_bytes(msgspec.json.encode(AdminFile("http://127.0.0.1:1", TOKEN)))
    for url in (None, "http://127.0.0.1:1"):
        with pytest.raises(UserFacingError, match="not running"):
            find_coordinator(tmp_path, url, None)


def test_who_asks_the_wrong_data_directory_is_told_of_that_of_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin_client, "SERVICE_DIR", tmp_path / "service")
    for there in (False, True):
        with pytest.raises(UserFacingError, match="not running") as caught:
            find_coordinator(tmp_path, None, None)
        assert (str(tmp_path / "service") in caught.value.message) is there
        (tmp_path / "service").mkdir(exist_ok=True)


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    cases = [
        (None, None, EXIT_UNREACHABLE),
        ("https://mesh.example", None, EXIT_USAGE),
        ("http://127.0.0.1:1", None, EXIT_USAGE),
        ("mesh.example", TOKEN, EXIT_USAGE),
        ("file:///etc/passwd", TOKEN, EXIT_USAGE),
        ("http://", TOKEN, EXIT_USAGE),
        ("http://127.0.0.1:99999", TOKEN, EXIT_USAGE),
        ("http://.example", TOKEN, EXIT_USAGE),
        (f"http://{'a' * 64}.example", TOKEN, EXIT_USAGE),
        ("http://\udcff.example", TOKEN, EXIT_USAGE),
        ("http://127.0.0.1:1/ x", TOKEN, EXIT_USAGE),
        ("http://127.0.0.1:1", TOKEN + "\r", EXIT_USAGE),
        ("http://127.0.0.1:1", TOKEN + " ", EXIT_USAGE),
        ("http://127.0.0.1:1", "€" * 20, EXIT_USAGE),
    ]
    for url, token, code in cases:
        with pytest.raises(UserFacingError) as caught:
            find_coordinator(tmp_path, url, token)
        assert caught.value.exit_code == code
    (tmp_path / ADMIN_FILE).write_bytes(msgspec.json.encode(AdminFile("http://127.0.0.1:1", "€" * 20)))
    with hold_data_dir(tmp_path, PROGRAM), pytest.raises(UserFacingError, match="cannot be sent"):
        find_coordinator(tmp_path, None, None)
    (tmp_path / ADMIN_FILE).write_text("{broken")
    with pytest.raises(UserFacingError, match="cannot be read"):
        find_coordinator(tmp_path, None, None)


def test_another_users_coordinator_says_as_whom_to_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")  # root may read everything, so the system's answer is played

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(UserFacingError, match="You may not read") as caught:
        find_coordinator(tmp_path, None, None)
    assert "sudo -u" in caught.value.hint


def test_which_urls_stay_on_this_machine() -> None:
    assert all(map(is_loopback, ("http://127.0.0.1:1", "http://localhost", "https://[::1]:2")))
    assert not any(map(is_loopback, ("http://127.0.0.1.evil.example", "http://192.0.2.1", "https://mesh.example")))
