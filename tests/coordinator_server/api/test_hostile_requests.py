"""What attackers send to a coordinator, on real sockets: it is refused in words, and the next one is served."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import re
import zlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator_server.cli import main
from node.wire.encoding import b64encode
from node.wire.headers import REQUEST_ID
from tests.support.coordinators import Answer, Room, coordinator_room
from tests.support.overlay_mesh import share_store

DEADLINE = 60.0  # seconds
LIMIT = 65536  # bytes of a message
KEY = b64encode(b"k" * 32)
NASTY = "Anna\x1b[2J\x1b]0;owned\x07\r\nSet-Cookie: a=b\x00\u202eexe.<script>alert(1)</script>"
START = re.compile(rb"HTTP/1\.1 ([0-9]{3}) ")


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with coordinator_room(tmp_path / "c", max_message_bytes=LIMIT, enrol_wrong_tries=1000) as room:
        yield room


async def send(room: Room, *parts: bytes, to_the_end: bool = True) -> bytes:
    """Send bytes on a connection of their own; return all that comes until its end, or until that of a head."""
    reader, writer = await asyncio.open_connection("127.0.0.1", room.site.server.port)
    try:
        async with asyncio.timeout(DEADLINE):
            with contextlib.suppress(ConnectionError):  # it has heard enough
                for part in parts:
                    writer.write(part)
                    await writer.drain()
            return await read_all(reader) if to_the_end else await reader.readuntil(b"\r\n\r\n")
    finally:
        writer.close()


async def read_all(reader: asyncio.StreamReader) -> bytes:
    found = b""
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            found += data
    return found


async def check_lives(room: Room) -> None:
    async with room.session.get(room.url + "/health") as answer:
        assert answer.status == 200


async def enrol(room: Room, body: bytes) -> Answer:
    async with room.session.post(room.url + "/api/enroll", data=io.BytesIO(body)) as answer:
        return Answer(answer.status, answer.headers, await answer.read())


def wish(name: bytes = b'"x"', more: bytes = b"") -> bytes:
    return b'{"invite":"WRONG","identity_public_key":"%b","name":%b%b}' % (KEY.encode(), name, more)


# --- bodies ---------------------------------------------------------------------------------------------------

BODIES = {
    "nested arrays": (wish(more=b',"z":' + b"[" * 30000 + b"]" * 30000), 400),
    "nested arrays without end": (wish(more=b',"z":' + b"[" * 60000), 400),
    "nested objects": (wish(more=b',"z":' + b'{"a":' * 10000 + b"1" + b"}" * 10000), 400),
    "nested where text should be": (wish(b"[" * 30000), 422),
    "a hundred thousand levels": (b"[" * 100_000, 413),
    "a million names": (b"{" + b",".join(b'"%x":1' % number for number in range(10**6)) + b"}", 413),
    "ten thousand names": (b'{"a":1' + b"".join(b',"%x":1' % number for number in range(6000)) + b"}", 422),
    "a name twice": (wish(more=b',"name":["second"]'), 422),
    "not a number": (wish(more=b',"capabilities":{"ram_bytes":NaN}'), 400),
    "minus infinity": (wish(more=b',"capabilities":{"ram_bytes":-Infinity}'), 400),
    "a number beyond all": (wish(more=b',"capabilities":{"ram_bytes":1e999}'), 422),
    "a number of a thousand digits": (wish(more=b',"capabilities":{"ram_bytes":%b}' % (b"9" * 1000)), 422),
    "a number below nothing": (wish(more=b',"capabilities":{"ram_bytes":-1}'), 422),
    "true for a number": (wish(more=b',"capabilities":{"ram_bytes":true}'), 422),
    "no UTF-8": (wish(b'"\xff\xfe"'), 400),
    "overlong UTF-8": (wish(b'"\xc0\xaf"'), 400),
    "half of a pair": (wish(b'"\\ud800"'), 400),
    "the other half": (wish(b'"\\udc00\\ud800"'), 400),
    "UTF-16": (wish().decode().encode("utf-16"), 400),
    "a byte order mark": (b"\xef\xbb\xbf" + wish(), 400),
    "a comment": (wish() + b"// hello", 400),
    "two documents": (wish() + wish(), 400),
    "a trailing comma": (wish()[:-1] + b",}", 400),
    "null": (b"null", 422),
    "nothing": (b"", 422),
    "NUL in a name": (wish(b'"a\\u0000b"'), 403),  # nothing is wrong but the invite
}


@pytest.mark.parametrize("name", BODIES)
async def test_a_body_that_is_none_is_refused(room: Room, name: str) -> None:
    body, status = BODIES[name]
    answer = await enrol(room, body)
    assert (answer.status, answer.json["status"]) == (status, status), answer.body
    assert answer.headers[REQUEST_ID]
    await check_lives(room)


async def test_a_body_without_length_ends_where_the_limit_is(room: Room) -> None:
    head = b"POST /api/enroll HTTP/1.1\r\nHost: c\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"1000\r\n" + b" " * 4096 + b"\r\n"
    answer = await send(room, head, *[chunk] * 1000, to_the_end=False)
    assert START.findall(answer) == [b"413"]
    await check_lives(room)


async def test_a_compressed_body_is_not_unpacked(room: Room) -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(2**20)) for _ in range(16)) + packer.flush()
    assert len(bomb) < LIMIT
    for coding, body in (("gzip", bomb), ("gzip", b"none"), ("br", b"none"), ("zstd", b"none")):
        async with room.session.post(
            room.url + "/api/enroll", data=body, headers={"Content-Encoding": coding}
        ) as answer:
            assert (answer.status, answer.content_type) == (415, "application/problem+json")
            assert answer.headers[REQUEST_ID]
    await check_lives(room)


# --- heads and addresses --------------------------------------------------------------------------------------

FIELDS = {
    "a line end in an id": b"X-Request-ID: a\nSet-Cookie: x=1",
    "a lone return": b"X-Request-ID: a\rSet-Cookie: x=1",
    "NUL": b"X-Request-ID: a\x00b",
    "a folded line": b"X-Request-ID: a\r\n Set-Cookie: x=1",
    "a space before the colon": b"X-Request-ID : a",
    "no colon": b"X-Request-ID",
    "two lengths": b"Content-Length: 0\r\nContent-Length: 5",
    "length and chunks": b"Content-Length: 5\r\nTransfer-Encoding: chunked",
    "a coding of its own": b"Transfer-Encoding: chunked, identity",
    "two hosts": b"Host: other",
}


@pytest.mark.parametrize("name", FIELDS)
async def test_a_head_that_can_be_read_in_two_ways_is_refused(room: Room, name: str) -> None:
    answer = await send(
        room, b"GET /health HTTP/1.1\r\nHost: c\r\nConnection: close\r\n" + FIELDS[name] + b"\r\n\r\n"
    )
    assert START.findall(answer) in ([b"400"], [b"501"]), answer
    assert b"Set-Cookie" not in answer
    await check_lives(room)


@pytest.mark.parametrize(
    "wished", [b"\x1b[31mred", b"a b", b"x" * 65, b"<script>", b"%0d%0aSet-Cookie:x", b"\xe2\x80\xae"]
)
async def test_an_id_that_is_none_is_replaced(room: Room, wished: bytes) -> None:
    for path in (b"/health", b"/nothing", b"/service/ner", b"/api/admin/status"):
        head = b"GET %b HTTP/1.1\r\nHost: c\r\nConnection: close\r\nX-Request-ID: %b\r\n\r\n" % (path, wished)
        answer = await send(room, head)
        assert len(START.findall(answer)) == 1
        if START.findall(answer) != [b"400"]:  # not even a head
            found = re.search(rb"(?i)\r\nX-Request-ID: ([^\r]*)\r\n", answer)
            assert found is not None
            assert re.fullmatch(rb"[A-Za-z0-9._-]{1,64}", found[1])
        assert wished not in answer


PATHS = [
    "/dashboard/../../../etc/passwd", "/dashboard/..%2f..%2f..%2fetc%2fpasswd",
    "/dashboard/%2e%2e/%2e%2e/etc/passwd",
    "/dashboard/..%5c..%5cetc%5cpasswd", "/dashboard//etc/passwd", "/dashboard/%00index.html", "/dashboard/.",
    "/dashboard/dashboard.css%00.html", "/service/../api/admin/status", "/service/..%2fapi%2fadmin%2fstatus",
    "/service/ner/../../api/admin/status", "/service/ner/%2e%2e/x", "/service/ner/..%2f..", "/service/%2e%2e/x",
    "/service/.", "//api/admin/status", "/api/admin/../admin/status", "/relay/../api/admin/status",
    "/relay/w-1/service/%2e%2e/x", "/api/admin/workers/..%2fstatus", "/API/ADMIN/STATUS", "/api/admin/status/",
    "/api/admin/status;x", "/api%2fadmin%2fstatus", "http://127.0.0.1/api/admin/status", "*", "/\x7f", "/%zz",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
async def test_no_path_leads_out_of_its_place(room: Room, path: str) -> None:
    head = f"GET {path} HTTP/1.1\r\nHost: c\r\nConnection: close\r\n\r\n"
    answer = await send(room, head.encode("latin-1"))
    assert START.findall(answer) in ([b"400"], [b"401"], [b"404"]), answer
    assert b"root:" not in answer
    assert b"uptime" not in answer


async def test_web_pages_of_others_do_nothing_in_the_operators_name(room: Room) -> None:
    """There is nothing that a browser would show by itself, and no leave to show the token."""
    token = room.coordinator.admin_token
    url, page = room.url + "/api/admin/invites", {"Origin": "https://evil.example"}
    cookie = {"Cookie": f"token={token}", "Content-Type": "text/plain", **page}
    async with room.session.post(url, data=b"{}", headers=cookie) as answer:
        assert answer.status == 401
    asks = {
        **page, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization",
    }  # fmt: skip
    for path in ("/api/admin/invites", "/api/enroll", "/service/ner"):
        async with room.session.options(room.url + path, headers=asks) as answer:
            assert not [name for name in answer.headers if name.startswith("Access-Control-Allow")]
    rebound = {"Host": "evil.example:8080", "Origin": "http://evil.example:8080"}
    async with room.session.get(room.url + "/api/admin/status", headers=rebound) as answer:
        assert answer.status == 401
    assert not await room.coordinator.invites.list()


# --- who comes from where -------------------------------------------------------------------------------------


async def test_a_forged_forwarding_line_frees_nobody_from_a_lockout(tmp_path: Path) -> None:
    """A proxy appends the address that it saw: what stands before it was written by whoever asks."""
    async with coordinator_room(tmp_path / "c") as room:
        for number in range(8):
            forged = {"X-Forwarded-For": f"192.0.2.{number}, 2001:db8:0:{number:x}::1"}
            async with room.session.post(room.url + "/api/enroll", data=wish(), headers=forged) as answer:
                assert answer.status == (403 if number < 5 else 429), number
        async with room.session.post(
            room.url + "/api/enroll", data=wish(), headers={"X-Forwarded-For": "2001:db8:0:100::1"}
        ) as answer:
            assert answer.status == 403, "the next household has tries of its own"


async def test_what_a_machine_is_called_does_nothing_to_who_reads_it(
    room: Room, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Terminal, audit log and answers show a name; they do not obey it."""
    code = await room.invite()
    body = {
        "invite": code, "name": NASTY, "capabilities": {"cpu_name": NASTY, "os": NASTY, "gpus": [{"name": NASTY}]},
        "identity_public_key": b64encode(Ed25519PrivateKey.generate().public_key().public_bytes_raw()),
    }  # fmt: skip
    answer = await enrol(room, json.dumps(body).encode())
    assert answer.status == 201
    worker_id = answer.json["worker_id"]
    assert re.fullmatch(r"w-[0-9a-f]+", worker_id), "ids are public: nothing of a name is in them"
    monkeypatch.setenv("RMA_ADMIN_TOKEN", room.coordinator.admin_token)
    for words in (["worker", "list"], ["worker", "show", worker_id], ["audit"], ["invite", "list"]):
        await asyncio.to_thread(main, [*words, "--url", room.url])
        told = capsys.readouterr()
        assert all(letter.isprintable() or letter == "\n" for letter in told.out + told.err), words
        assert not [line for line in told.out.splitlines() if line.startswith("Set-Cookie")]
    head = {"Authorization": f"Bearer {room.coordinator.admin_token}"}
    async with room.session.get(f"{room.url}/api/admin/workers/{worker_id}", headers=head) as shown:
        assert shown.content_type == "application/json"
        assert shown.headers["X-Content-Type-Options"] == "nosniff"
        assert (await shown.json())["name"] == NASTY, "kept as it was written, so that everybody sees what it is"


# --- sockets that stay ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("compress", [0, 15])
async def test_a_message_that_is_too_large_ends_the_stream(room: Room, compress: int) -> None:
    """Also one that is large only when it is unpacked."""
    for kind in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT):
        async with room.session.ws_connect(room.url + "/api/topology/stream", compress=compress) as socket:
            async with asyncio.timeout(DEADLINE):
                await socket.receive()
                large = b"\0" * 2**20 if kind == aiohttp.WSMsgType.BINARY else "x" * 2**20
                with contextlib.suppress(ConnectionError):  # it may be cut while it goes out
                    await (socket.send_bytes(large) if isinstance(large, bytes) else socket.send_str(large))
                while (await socket.receive()).type not in (
                    aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR,
                ):  # fmt: skip
                    pass
                assert socket.close_code in (1009, 1006, None)
    await check_lives(room)


async def test_who_floods_the_stream_keeps_nobody_else_from_an_answer(room: Room) -> None:
    async with room.session.ws_connect(room.url + "/api/topology/stream") as socket:
        await socket.receive()
        for _ in range(20):
            for _ in range(500):
                await socket.send_str("x" * 100)
                await socket.ping(b"y" * 100)
            await check_lives(room)


# --- two doors ------------------------------------------------------------------------------------------------


async def test_two_coordinators_of_one_store_let_nobody_in_twice_and_put_out_together(tmp_path: Path) -> None:
    quick: dict[str, Any] = {"vpn": "off", "worker_heartbeat": 1.0, "enrol_wrong_tries": 5}
    async with coordinator_room(tmp_path / "a", **quick) as first:
        share_store(tmp_path / "a", tmp_path / "b")
        async with coordinator_room(tmp_path / "b", first.clock, **quick) as second:
            code = await first.invite(uses=9)
            machines = [room.machine() for room in (first, second) for _ in range(20)]
            answers = await asyncio.gather(*(machine.enrol(code) for machine in machines))
            assert sorted(answer.status for answer in answers) == [201] * 9 + [403] * 31
            inside = [machine for machine in machines if machine.worker_id]
            assert len({machine.worker_id for machine in inside}) == 9
            out = inside[0]
            here, there = (first, second) if out.url == first.url else (second, first)
            elsewhere = replace(out, url=there.url, audience=there.coordinator.coordinator_id)
            assert (await elsewhere.register()).status == 200, "who is in at one is in at the other"
            await here.coordinator.workers.revoke(out.worker_id)
            assert (await out.register()).status == 403
            async with asyncio.timeout(DEADLINE):
                while (answer := await elsewhere.heartbeat()).status == 200:
                    pass  # the other one hears of it by the store
            assert (answer.status, answer.problem) == (403, "forbidden")
            for room in (first, second):  # each counts guesses for itself
                guesses = [await enrol(room, wish()) for _ in range(6)]
                assert [answer.status for answer in guesses] == [403] * 5 + [429]
