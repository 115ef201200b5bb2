"""Answers are read whole, in every form that HTTP/1.1 has; what is cut short, no HTTP or silent is an error."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from app import control_wire
from app.control_wire import BrokenAnswerError, NoStreamError, exchange, messages

Talk = Callable[[bytes, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
TOKEN = {"Authorization": "Bearer t"}


@contextlib.asynccontextmanager
async def server(talk: Talk) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Give each request's head to `talk`, and hang up after it; what was asked is gathered."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            asked.append(await reader.readuntil(b"\r\n\r\n"))
            await talk(asked[-1], reader, writer)
            await writer.drain()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", asked


def says(text: bytes) -> Talk:
    async def talk(_head: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text)

    return talk


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, b"hello"),
        (b"HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\n{}", 503, b"{}"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", 200, b"hello"),
        (b"HTTP/1.1 200 OK\r\n\r\nto the end", 200, b"to the end"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
    ],
)
async def test_an_answer_is_read_whole(answer: bytes, status: int, body: bytes) -> None:
    async with server(says(answer)) as (url, asked):
        found = await exchange("PUT", url + "/a b/ü?lines=5", TOKEN, b"what we say")
    assert (found.status, found.body) == (status, body)
    assert asked[0].startswith(b"PUT /a%20b/%C3%BC?lines=5 HTTP/1.1\r\n")
    assert b"\r\nAuthorization: Bearer t\r\n" in asked[0]
    assert b"\r\nContent-Length: 11\r\n" in asked[0]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnothing\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"x" * 200_000,
    ],
)
async def test_what_is_no_whole_answer_is_an_error(answer: bytes) -> None:
    async with server(says(answer)) as (url, _):
        with pytest.raises(OSError):
            await exchange("GET", url, TOKEN)


async def test_a_body_without_an_end_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_wire, "MAX_BODY", 1000)
    for answer in (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2000, b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n"):
        async with server(says(answer)) as (url, _):
            with pytest.raises(BrokenAnswerError):
                await exchange("GET", url, TOKEN)


async def test_nothing_can_be_smuggled_into_a_head() -> None:
    async with server(says(b"HTTP/1.1 204 Fine\r\n\r\n")) as (url, asked):
        with pytest.raises(BrokenAnswerError):
            await exchange("GET", url, {"Authorization": "Bearer t\r\nEvil: yes"})
        await exchange("GET", url + "/a\r\nEvil: yes", TOKEN)
    assert b"\nEvil" not in b"".join(asked)


def accepted(head: bytes) -> bytes:
    key = re.search(rb"Sec-WebSocket-Key: (\S+)", head)
    assert key
    digest = hashlib.sha1(key[1] + control_wire.GUID, usedforsecurity=False).digest()
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
    )


async def told(url: str) -> list[bytes]:
    return [message async for several in messages(url, TOKEN) for message in several]


async def test_a_stream_is_read_to_its_end() -> None:
    async def talk(head: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(accepted(head) + b"\x81\x03one\x81\x03two\x88\x00")

    async with server(talk) as (url, _):
        assert await told(url + "/stream") == [b"one", b"two"]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: no\r\n\r\n",
    ],
)
async def test_who_opens_no_stream_is_told_apart(answer: bytes) -> None:
    async with server(says(answer)) as (url, _):
        with pytest.raises(NoStreamError):
            await told(url)


async def test_a_node_that_falls_silent_is_asked_and_then_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_wire, "SILENCE", 0.05)
    monkeypatch.setattr(control_wire, "PATIENCE", 0.05)
    heard = bytearray()

    async def talk(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(accepted(head))
        while data := await reader.read(100):
            heard.extend(data)

    async with server(talk) as (url, _):
        with pytest.raises(TimeoutError):
            await told(url)
    assert heard[0] == 0x89  # a ping


async def test_what_is_told_too_fast_waits_in_the_node() -> None:
    """While nobody looks, the node cannot go on sending, and nothing piles up here."""
    ended = asyncio.Event()

    async def talk(head: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(accepted(head))
        for _ in range(1000):
            writer.write(b"\x81\x7e\xff\xff" + b"x" * 0xFFFF)
            await writer.drain()
        ended.set()

    async with server(talk) as (url, _), contextlib.aclosing(messages(url, TOKEN)) as stream:
        assert len((await anext(stream))[0]) == 0xFFFF
        for _ in range(2000):  # turns of the loop, in which all of it could have come
            await asyncio.sleep(0)
        assert not ended.is_set()
