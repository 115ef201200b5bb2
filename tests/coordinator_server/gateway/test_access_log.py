"""What the gateway's access log says of real requests, and what it never says."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import msgspec

from coordinator_server.front import FRONT
from tests.support.front import Front, running_front, until

PLAIN = re.compile(rb"[\x20-\x7e]+")  # printable ASCII


def read(path: Path) -> list[dict[str, Any]]:
    lines = path.read_bytes().splitlines()
    assert all(PLAIN.fullmatch(line) for line in lines)
    return [msgspec.json.decode(line) for line in lines]


async def say(front: Front, raw: bytes) -> bytes:
    """Send raw bytes, and return all that is answered."""
    reader, writer = await asyncio.open_connection(front.site.server.host, front.site.server.port)
    writer.write(raw)
    async with asyncio.timeout(60):
        answer = await reader.read()
    writer.close()
    return answer


async def test_each_request_is_a_line_that_says_how_it_went(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    async with running_front(tmp_path, access_log=str(path)) as front:
        worker = await front.join("alpha")
        key = await front.key()
        head = {**key, "X-Forwarded-For": "203.0.113.9, 198.51.100.7", "X-Request-ID": "mine"}
        async with front.session.post(
            front.url + "/service/mirror/a%20b?x=1", headers=head, data=b"hello"
        ) as answer:
            size = len(await answer.read())
        async with front.session.get(front.url + "/service/ner", headers=key) as answer:
            assert answer.status == 503
        async with front.session.get(front.url + "/health") as answer:
            health_id = answer.headers["X-Request-ID"]
    lines = {line["path"]: line for line in read(path)}
    key_id = key["X-API-Key"].split("_")[1]
    good = lines["/service/mirror/a%20b"]
    assert good.pop("time").endswith("Z")
    assert good.pop("duration_ms") > 0
    assert good == {
        "request_id": "mine", "client": "198.51.100.7", "caller": key_id, "method": "POST", "service": "echo",
        "path": "/service/mirror/a%20b", "status": 200, "bytes_in": 5, "bytes_out": size,
        "worker": worker.worker_id, "route": "direct", "attempts": 1,
    }  # fmt: skip
    bad = lines["/service/ner"]
    assert (bad["status"], bad["service"], bad["caller"], "worker" in bad) == (503, "ner-extraction", key_id, False)
    assert (lines["/health"]["request_id"], lines["/health"]["status"]) == (health_id, 200)


async def test_nothing_that_a_client_sends_forges_a_line_or_leaks_into_one(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    secrets = ("sesame", "A" * 43, "Bearer", "spy", "cookie")
    async with running_front(tmp_path, access_log=str(path)) as front:
        key = (await front.key())["X-API-Key"]
        targets = [
            '/service/x","status":200,"path":"/forged',
            "/service/x%0a%0d{%22time%22:1}",
            "/service/\\u000a\\",
            "/service/<script>?token=sesame",
            "/dashboard?token=sesame",
            "//service/../" + "z" * 5000 + "?sesame",
            "/service/x?a=sesame#",
        ]
        fields = (
            f"Host: x\r\nConnection: close\r\nX-API-Key: {key}\r\nCookie: cookie=1\r\nX-Request-ID: a b\r\n"
            "User-Agent: spy\r\nX-Forwarded-For: \xa0\x9b31m, spy\r\n\r\n"
        )
        for target in targets:
            await say(front, f"GET {target} HTTP/1.1\r\n{fields}".encode("latin-1"))
        wrong = f"Host: x\r\nConnection: close\r\nAuthorization: Bearer rma_000000000000_{'A' * 43}\r\n\r\n"
        await say(front, f"POST /service/echo HTTP/1.1\r\n{wrong}".encode())
        await say(front, b"GET /service/echo HTTP/1.1\r\nX-API-Key: not a key: sesame\r\nHost: x\r\n\r\n\x00\r\n")
    lines = [line for line in read(path) if not line["path"].startswith("/api/")]
    # A "#" is no part of a target, and what is no request is in no log.
    assert [line["path"] for line in lines] == [
        *(target.partition("?")[0][:1024] for target in targets[:-1]), "/service/echo", "/service/echo",
    ]  # fmt: skip
    assert [line.get("caller") for line in lines if line["status"] == 401] == ["000000000000", None]
    text = path.read_text()
    assert not [secret for secret in (*secrets, key, key.split("_", 2)[2]) if secret in text]


async def test_a_client_that_leaves_and_an_answer_that_breaks_are_told_as_such(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    async with running_front(tmp_path, access_log=str(path), access_log_sample=1.0) as front:
        await front.join("alpha")
        key = await front.key()
        reader, writer = await asyncio.open_connection(front.site.server.host, front.site.server.port)
        head = f"X-API-Key: {key['X-API-Key']}\r\n"
        writer.write(f"POST /service/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n{head}\r\nhalf".encode())
        gateway = front.site.app[FRONT].gateway
        await until(lambda: gateway.in_flight == 1)
        writer.close()
        await until(lambda: gateway.in_flight == 0)
        assert await reader.read() == b""
    line = read(path)[-1]
    assert (line["path"], line["status"], line["bytes_in"]) == ("/service/echo", 499, 4)


async def test_a_full_disk_hurts_no_request_and_shows_in_the_metrics(tmp_path: Path) -> None:
    async with running_front(tmp_path, access_log="/dev/full") as front:
        await front.join("alpha")
        key = await front.key()
        access_log = front.site.app[FRONT].gateway.access_log
        assert access_log is not None
        for _ in range(5):
            async with front.session.post(front.url + "/service/echo", headers=key) as answer:
                assert answer.status == 200
        await until(lambda: access_log.lost >= 5)
        async with front.session.get(front.url + "/metrics", headers=front.admin) as answer:
            told = await answer.text()
        assert re.search(r"^rma_access_log_lost_lines_total [1-9]", told, re.MULTILINE)
        assert "rma_access_log_lines_total 0" in told
