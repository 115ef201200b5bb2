"""Speaks HTTP/1.1 and WebSocket with a control API on loopback: just what that needs.

An HTTP library would be a tenth of the app's memory and of its time to start.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import os
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from app.text_frames import CLOSE, PING, TextFrames, client_frame
from node.forwarding.http1.chunks import BadChunk, ChunkDecoder
from node.forwarding.http1.head import END, BadHead, HeadLimits, ResponseHead, field_line, parse_response

CHUNK = 256 * 1024  # bytes that are read at once
MAX_BODY = 64 * 1024 * 1024  # bytes
SILENCE, PATIENCE = 20.0, 10.0  # seconds without a word before the node is asked for one, and until it has answered
PACE = 0.1  # seconds between two looks at what a stream says: no window shows more, and what waits costs nothing
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
SAFE = "/%?&=+:@!$'()*,;"  # what a target may have besides letters and digits
NOT_HTTP = (EOFError, asyncio.LimitOverrunError, BadHead, BadChunk)


class BrokenAnswerError(ConnectionError):
    """What came is no whole answer."""


class NoStreamError(Exception):
    """The node opens no stream here; `status` is its answer."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, whatever its status."""

    status: int
    body: bytes


async def exchange(method: str, url: str, fields: Mapping[str, str], body: bytes = b"") -> Reply:
    """Send a request on a connection of its own; raise OSError where no answer comes."""
    wanted = {**fields, "Content-Length": str(len(body)), "Connection": "close"}
    async with _connection(url) as (reader, writer):
        writer.write(_head(method, url, wanted) + body)
        try:
            head = await _read_head(reader)
            return Reply(head.status, await _read_body(reader, head))
        except NOT_HTTP as error:
            raise BrokenAnswerError(str(error)) from error


async def messages(url: str, fields: Mapping[str, str]) -> AsyncGenerator[list[bytes]]:
    """Yield what a stream says, several messages at once where they have waited; raise NoStreamError or OSError."""
    key = base64.b64encode(os.urandom(16))
    wanted = {
        **fields, "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": key.decode("ascii"),
    }  # fmt: skip
    async with _connection(url) as (reader, writer):
        writer.write(_head("GET", url, wanted))
        try:
            head = await _read_head(reader)
        except NOT_HTTP as error:
            raise BrokenAnswerError(str(error)) from error
        if head.status != 101 or head.get("sec-websocket-accept") != _accepted(key):
            raise NoStreamError(head.status)
        frames = TextFrames()
        try:
            while not frames.closed and (data := await _next(reader, writer)):
                told = frames.feed(data)
                if frames.to_send:
                    writer.write(frames.to_send)
                    frames.to_send = b""
                if told:
                    yield told
                    await asyncio.sleep(PACE)
        finally:
            writer.write(client_frame(CLOSE))


async def _next(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """Return what comes next, b"" at the end; raise TimeoutError where a node has fallen silent."""
    try:
        async with asyncio.timeout(SILENCE):
            return await reader.read(CHUNK)
    except TimeoutError:
        writer.write(client_frame(PING))
    async with asyncio.timeout(PATIENCE):
        return await reader.read(CHUNK)


@contextlib.asynccontextmanager
async def _connection(url: str) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()  # whoever does not read what is left to say shall not keep us
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _head(method: str, url: str, fields: Mapping[str, str]) -> bytes:
    parts = urlsplit(url)
    target = quote(parts.path, SAFE) + (f"?{quote(parts.query, SAFE)}" if parts.query else "")
    try:
        lines = [field_line(name, value) for name, value in {"Host": parts.netloc, **fields}.items()]
    except ValueError as error:
        raise BrokenAnswerError(str(error)) from None
    return f"{method} {target} HTTP/1.1\r\n".encode("ascii") + b"".join(lines) + b"\r\n"


async def _read_head(reader: asyncio.StreamReader) -> ResponseHead:
    return parse_response(await reader.readuntil(END), HeadLimits())


async def _read_body(reader: asyncio.StreamReader, head: ResponseHead) -> bytes:
    if head.bodiless:
        return b""
    if head.length is not None:
        if head.length > MAX_BODY:
            raise BrokenAnswerError("the answer is too long")
        return await reader.readexactly(head.length)
    decoder = ChunkDecoder() if head.chunked else None
    body = bytearray()
    while decoder is None or not decoder.complete:
        data = await reader.read(CHUNK)
        if not data:
            break
        body += data if decoder is None else decoder.feed(data)
        if len(body) > MAX_BODY:
            raise BrokenAnswerError("the answer is too long")
    if decoder is not None and not decoder.complete:
        raise BrokenAnswerError("the answer ends in the middle")
    return bytes(body)


def _accepted(key: bytes) -> str:
    return base64.b64encode(hashlib.sha1(key + GUID, usedforsecurity=False).digest()).decode("ascii")
