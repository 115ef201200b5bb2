"""The beginning of a WebSocket: who asks for none is told so, and the connection changes hands."""

from __future__ import annotations

import asyncio

import pytest

from node.forwarding.http1.exchange import Exchange
from node.forwarding.http1.server import Http1Server
from node.forwarding.http1.sweep import Sweep
from node.forwarding.websocket.handshake import accept, accept_key, check_handshake
from node.forwarding.websocket.stream import WebSocketStream
from node.program.web import bind
from node.wire.problems import Problem
from tests.support.exchanges import head
from tests.support.waiting import eventually

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
GOOD = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {KEY}")


def test_the_example_of_the_rfc() -> None:
    assert accept_key(KEY) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_a_handshake_is_one() -> None:
    check_handshake(head(*GOOD))


@pytest.mark.parametrize(
    ("lines", "request_line", "status"),
    [
        ((), "GET /a", 426),
        (GOOD, "POST /a", 426),
        (GOOD[:2], "GET /a", 400),
        ((*GOOD[:2], "Sec-WebSocket-Version: 12", GOOD[3]), "GET /a", 400),
        ((*GOOD[:3], "Sec-WebSocket-Key: short"), "GET /a", 400),
        ((*GOOD[:3], "Sec-WebSocket-Key: \xe4\xf6\xfc"), "GET /a", 400),
    ],
)
def test_what_is_none_is_refused(lines: tuple[str, ...], request_line: str, status: int) -> None:
    with pytest.raises(Problem) as refused:
        check_handshake(head(*lines, request=request_line))
    assert refused.value.status == status


class Echo(asyncio.Protocol):
    """Says what it hears."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)  # type: ignore[attr-defined]


class Upgrading:
    """A handler that gives its connections away."""

    def __init__(self) -> None:
        self.ended: list[WebSocketStream] = []
        self.finishing: list[int] = []

    def begin(self, exchange: Exchange) -> None:
        transport, early = accept(exchange)
        stream = WebSocketStream(transport, client=False, ended=self.ended.append)
        stream.attach(Echo())
        stream.begin(early)
        with pytest.raises(ConnectionResetError):
            accept(exchange)

    def finished(self, exchange: Exchange) -> None:
        self.finishing.append(exchange.status)


async def test_the_connection_changes_hands_with_what_came_too_early() -> None:
    handler = Upgrading()
    listener = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    server = Http1Server(handler, [listener], sweep=Sweep())
    await server.start()
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        early = bytes((0x82, 0x82, 0, 0, 0, 0)) + b"hi"
        writer.write(("\r\n".join(("GET /a HTTP/1.1", "Host: a", *GOOD)) + "\r\n\r\n").encode() + early)
        async with asyncio.timeout(60):
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 101 ")
            assert accept_key(KEY).encode() in answer
            assert await reader.readexactly(4) == bytes((0x82, 2)) + b"hi"
            assert handler.finishing == [101]
            assert not server.connections, "it is the server's no longer"
            writer.write(bytes((0x82, 0x83, 0, 0, 0, 0)) + b"you")
            assert await reader.readexactly(5) == bytes((0x82, 3)) + b"you"
        writer.close()
        await writer.wait_closed()
        await eventually(lambda: handler.ended, "the stream is over")
    finally:
        await server.stop()
