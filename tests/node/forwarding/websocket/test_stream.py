"""Two streams back to back: what one side says the other hears, no faster than it wants, and the end once."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest

from node.forwarding.http1.kernel import FRAMED, unread
from node.forwarding.websocket import stream as streams
from node.forwarding.websocket.frames import BINARY, PING, TEXT, frame_header
from node.forwarding.websocket.stream import WebSocketStream
from tests.support.certificates import self_signed
from tests.support.waiting import eventually


class Inside(asyncio.Protocol):
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport = cast("asyncio.Transport", None)
        self.data = bytearray()
        self.ends: list[Exception | None] = []
        self.write_paused = False
        self.pause_at: int | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        assert not self.ends, "data after the end"
        assert self.transport.is_reading(), "data while nobody reads"
        self.data += data
        if self.pause_at is not None and len(self.data) >= self.pause_at:
            self.transport.pause_reading()

    def connection_lost(self, error: Exception | None) -> None:
        self.ends.append(error)

    def pause_writing(self) -> None:
        assert not self.write_paused
        self.write_paused = True

    def resume_writing(self) -> None:
        assert self.write_paused
        self.write_paused = False


class Pair:
    """A client's and a server's end of one WebSocket."""

    def __init__(self) -> None:
        self.client, self.server = Inside(), Inside()
        self.ended: list[WebSocketStream] = []
        self.client_stream: WebSocketStream
        self.server_stream: WebSocketStream

    async def open(self) -> None:
        one, other = socket.socketpair()
        self.client_stream = await self._end(one, client=True)
        self.server_stream = await self._end(other, client=False)
        self.client_stream.attach(self.client)
        self.server_stream.attach(self.server)

    async def _end(self, end: socket.socket, *, client: bool) -> WebSocketStream:
        end.setblocking(False)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(asyncio.Protocol, sock=end)
        stream = WebSocketStream(transport, client=client, ended=self.ended.append)
        stream.begin()
        return stream

    def below(self, stream: WebSocketStream) -> asyncio.Transport:
        return stream._below

    async def over(self) -> None:
        await eventually(lambda: len(self.ended) == 2, "both ends are over")


@contextlib.asynccontextmanager
async def pair() -> AsyncIterator[Pair]:
    made = Pair()
    await made.open()
    try:
        yield made
    finally:
        made.client_stream.abort()
        made.server_stream.abort()
        await made.over()


async def test_both_say_much_and_hear_it_whole() -> None:
    rng = random.Random(1)
    up, down = rng.randbytes(3_000_001), rng.randbytes(2_000_003)
    async with pair() as ends:
        at = 0
        while at < len(up):
            size = rng.choice((1, 100, 16_384, 16_385, 65_536, 300_000))
            ends.client_stream.write(up[at : at + size])
            at += size
        ends.server_stream.writelines([down[:5], memoryview(down)[5:]])
        await eventually(lambda: len(ends.server.data) == len(up), "all is up")
        await eventually(lambda: len(ends.client.data) == len(down), "all is down")
        assert ends.server.data == up
        assert ends.client.data == down


async def test_a_reader_that_pauses_holds_the_writer_up_and_gets_all_later() -> None:
    async with pair() as ends:
        ends.server.pause_at = 1
        data = random.Random(2).randbytes(8_000_000)
        at = 0
        while not ends.client.write_paused:  # the kernel's buffers fill, then ours
            assert at < len(data), "nothing holds the writer up"
            ends.client_stream.write(data[at : at + 50_000])
            at += 50_000
            await asyncio.sleep(0)
        assert ends.client_stream.get_write_buffer_size() > 0
        held = len(ends.server.data)
        for _ in range(20):
            await asyncio.sleep(0.005)
        assert len(ends.server.data) == held, "it read on"
        ends.server.pause_at = None
        ends.server_stream.resume_reading()
        await eventually(lambda: len(ends.server.data) == at, "the rest has come")
        assert ends.server.data == data[:at]
        assert not ends.client.write_paused


@pytest.mark.parametrize("by_client", [True, False])
async def test_close_lets_everything_arrive_and_is_a_good_end(by_client: bool) -> None:
    async with pair() as ends:
        first, other = (ends.client_stream, ends.server) if by_client else (ends.server_stream, ends.client)
        first.write(bytes(1_000_000))
        first.close()
        first.write(b"too late")
        assert first.is_closing()
        await ends.over()
        assert len(other.data) == 1_000_000
        assert ends.client.ends == ends.server.ends == [None]


async def test_an_end_is_not_heard_before_what_was_said_in_front_of_it() -> None:
    async with pair() as ends:
        ends.server.pause_at = 1
        ends.client_stream.write(b"something")
        ends.client_stream.close()
        await eventually(lambda: ends.server.data == b"something", "it has come")
        for _ in range(20):
            await asyncio.sleep(0.005)
        assert ends.server.ends == []
        ends.server_stream.resume_reading()
        await ends.over()
        assert ends.server.ends == [None]


async def test_both_may_close_at_once() -> None:
    async with pair() as ends:
        ends.client_stream.close()
        ends.server_stream.close()
        ends.client_stream.close()
        await ends.over()
        assert ends.client.ends == ends.server.ends == [None]


async def test_abort_is_a_reset_for_the_other_side() -> None:
    async with pair() as ends:
        ends.client_stream.abort()
        await ends.over()
        assert ends.client.ends == [None]
        assert isinstance(ends.server.ends[0], ConnectionError)
        assert len(ends.server.ends) == 1


async def test_an_end_without_a_word_is_a_reset_and_so_is_another_code() -> None:
    async with pair() as ends:
        ends.below(ends.client_stream).close()
        await ends.over()
        assert isinstance(ends.server.ends[0], ConnectionError)
    async with pair() as ends:
        ends.below(ends.server_stream).write(frame_header(8, 2) + (1011).to_bytes(2, "big"))
        await ends.over()
        assert isinstance(ends.client.ends[0], ConnectionError)


@pytest.mark.parametrize("nonsense", [b"\xff" * 10, frame_header(TEXT, 2) + b"hi"])
async def test_what_is_no_stream_breaks_it(nonsense: bytes) -> None:
    async with pair() as ends:
        ends.below(ends.server_stream).write(frame_header(BINARY, 2) + b"ok")
        await eventually(lambda: ends.client.data == b"ok", "what is good has come")
        ends.below(ends.server_stream).write(nonsense)
        await ends.over()
        assert ends.client.data == b"ok"
        assert isinstance(ends.client.ends[0], ConnectionError)


async def test_who_says_something_before_anybody_asks_is_cut() -> None:
    async with pair() as ends:
        ends.server_stream._inner = None
        ends.client_stream.write(b"unasked")
        await ends.over()
        assert isinstance(ends.client.ends[0], ConnectionError)


async def test_a_ping_is_answered_but_not_for_who_does_not_read() -> None:
    async with pair() as ends:
        ends.below(ends.server_stream).write(frame_header(PING, 4) + b"ping")
        await eventually(lambda: ends.server_stream._heard, "the pong has come")
        ends.server_stream._heard = False
        ends.below(ends.server_stream).write(frame_header(PING, 4) + b"ping")
        await eventually(lambda: ends.server_stream._heard, "and another")
        ends.client_stream.pause_writing()
        before = ends.client_stream.get_write_buffer_size()
        ends.client_stream.data_received((frame_header(PING, 100) + bytes(100)) * 1000)
        assert ends.client_stream.get_write_buffer_size() == before
        ends.client_stream.resume_writing()


async def test_who_answers_no_ping_is_cut_and_who_answers_is_not() -> None:
    async with pair() as ends:
        for _ in range(6):  # alive, though nobody says anything
            ends.server_stream.beat()
            ends.server_stream.beat()
            await eventually(lambda: ends.server_stream._heard, "it is there")
        assert not ends.server.ends
        ends.below(ends.client_stream).pause_reading()
        for _ in range(4):
            ends.server_stream.beat()
        await eventually(lambda: ends.server.ends, "it is cut")


async def test_who_does_not_confirm_the_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "GOODBYE", 0.05)
    async with pair() as ends:
        ends.below(ends.client_stream).pause_reading()
        ends.server_stream.close()
        await eventually(lambda: ends.server.ends, "it is cut")
        assert ends.server.ends == [None]


async def test_who_takes_the_last_of_it_slowly_is_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "GOODBYE", 0.02)
    monkeypatch.setattr(streams, "STALLED", 1_000_000)
    async with pair() as ends:
        ends.server.pause_at = 1
        ends.client_stream.write(bytes(6_000_000))
        ends.client_stream.close()
        for _ in range(20):
            await asyncio.sleep(0.01)
        assert not ends.client.ends
        ends.server.pause_at = None
        ends.server_stream.resume_reading()
        await ends.over()
        assert len(ends.server.data) == 6_000_000
        assert ends.server.ends == [None]


async def test_nor_is_who_takes_it_slowly_below_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "GOODBYE", 0.02)
    monkeypatch.setattr(streams, "STALLED", 1_000_000)
    certificate, key = self_signed(tmp_path)
    ours, theirs = ssl.create_default_context(cafile=certificate), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(certificate, key)
    loop = asyncio.get_running_loop()
    come: asyncio.Future[asyncio.Transport] = loop.create_future()

    class Arriving(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            come.set_result(cast("asyncio.Transport", transport))

    listener = await loop.create_server(Arriving, "localhost", 0, ssl=theirs, family=socket.AF_INET)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        transport, _ = await loop.create_connection(asyncio.Protocol, "localhost", port, ssl=ours)
        end = transport.get_extra_info("socket")
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)  # so that much stays on our side
        inside, outside, size = Inside(), Inside(), 0
        sender = WebSocketStream(transport, client=True)
        receiver = WebSocketStream(await come, client=False)
        sender.attach(inside)
        receiver.attach(outside)
        sender.begin()
        receiver.begin()
        outside.pause_at = 1
        while not inside.write_paused or size < 4_000_000:
            sender.write(bytes(65_536))
            size += 65_536
        sender.close()
        while not outside.ends:
            await asyncio.sleep(0.05)  # longer than a goodbye takes
            receiver.resume_reading()
        assert len(outside.data) == size
        assert outside.ends == [None]


async def test_it_says_what_it_is() -> None:
    async with pair() as ends:
        assert ends.client_stream.get_extra_info("peername") == ("relay", 0)
        assert ends.client_stream.get_extra_info(FRAMED)
        assert not ends.client_stream.can_write_eof()
        ends.server_stream.write(b"not HTTP, and not to be read as that")
        assert unread(ends.client_stream) == b""
