"""Opening a WebSocket: nothing that comes at once is lost, through a proxy too, and a refusal is told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest

from node.forwarding.websocket.frames import BINARY, frame_header
from node.forwarding.websocket.handshake import accept_key
from node.forwarding.websocket.opening import RefusedError, open_websocket
from node.forwarding.websocket.stream import WebSocketStream
from tests.support.waiting import eventually

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter, bytes], Awaitable[None]]


@contextlib.asynccontextmanager
async def listening(script: Script) -> AsyncIterator[str]:
    begun, over = 0, 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal begun, over
        begun += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await script(reader, writer, await reader.readuntil(b"\r\n\r\n"))
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        over += 1

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await eventually(lambda: over == begun, "all that was begun is over")


def field(request: bytes, name: bytes) -> str:
    for line in request.split(b"\r\n"):
        key, _, value = line.partition(b":")
        if key.lower() == name:
            return value.strip().decode()
    return ""


def agreed(request: bytes, key: str = "") -> bytes:
    told = key or accept_key(field(request, b"sec-websocket-key"))
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {told}\r\n\r\n"
    ).encode()


class Collecting(asyncio.Protocol):
    def __init__(self) -> None:
        self.data = bytearray()
        self.ends: list[Exception | None] = []

    def data_received(self, data: bytes) -> None:
        self.data += data

    def connection_lost(self, error: Exception | None) -> None:
        self.ends.append(error)


async def speak_at_once(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
    assert field(request, b"authorization") == "Bearer me"
    content = bytes(300_000)
    writer.write(agreed(request) + frame_header(BINARY, len(content)) + content)
    await writer.drain()
    writer.write(frame_header(8, 2) + (1000).to_bytes(2, "big"))
    await _reader.read()


async def check_heard(session: aiohttp.ClientSession, url: str) -> None:
    opened = await open_websocket(session, url + "/a", {"Authorization": "Bearer me"})
    inside, ended = Collecting(), asyncio.Event()

    def end(_stream: WebSocketStream) -> None:
        opened.release()
        ended.set()

    stream = WebSocketStream(opened.transport, client=True, ended=end)
    stream.attach(inside)
    stream.begin(opened.early)
    async with asyncio.timeout(60):
        await ended.wait()
    assert inside.data == bytes(300_000)
    assert inside.ends == [None]


async def test_nothing_is_lost_that_comes_at_once() -> None:
    async with listening(speak_at_once) as url, aiohttp.ClientSession() as session:
        await check_heard(session, url)


async def test_it_goes_through_a_proxy_that_wants_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
        asked.append(field(request, b"proxy-authorization"))
        await speak_at_once(reader, writer, request)

    async with listening(proxy) as url, aiohttp.ClientSession(trust_env=True) as session:
        monkeypatch.setenv("http_proxy", url.replace("://", "://anna:secret@"))
        await check_heard(session, "http://coordinator.invalid")
    assert asked == ["Basic YW5uYTpzZWNyZXQ="]


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", 403),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", 302),
        (agreed(b"", "c29tZXRoaW5nIGVsc2U="), 101),
    ],
)
async def test_who_does_not_agree_has_refused(answer: bytes, status: int) -> None:
    async def script(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _request: bytes) -> None:
        writer.write(answer)
        await writer.drain()

    async with listening(script) as url, aiohttp.ClientSession() as session:
        with pytest.raises(RefusedError) as refused:
            await open_websocket(session, url + "/a", {})
        assert refused.value.status == status


async def test_a_session_that_is_closed_ends_its_streams() -> None:
    async def stay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
        writer.write(agreed(request))
        await reader.read()

    async with listening(stay) as url:
        session = aiohttp.ClientSession()
        opened = await open_websocket(session, url + "/a", {})
        inside = Collecting()
        stream = WebSocketStream(opened.transport, client=True, ended=lambda _stream: opened.release())
        stream.attach(inside)
        stream.begin(opened.early)
        async with asyncio.timeout(60):
            await session.close()
        await eventually(lambda: inside.ends, "the stream is over")


async def test_one_that_is_not_used_is_given_back() -> None:
    async def stay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
        writer.write(agreed(request))
        assert await reader.read() == b""

    async with listening(stay) as url:
        session = aiohttp.ClientSession()
        (await open_websocket(session, url + "/a", {})).release()
        async with asyncio.timeout(60):
            await session.close()
