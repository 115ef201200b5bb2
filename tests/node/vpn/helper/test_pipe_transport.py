"""Streams over a pipe that blocks: what is written arrives, neither direction holds up the other, and all ends."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator

import pytest

from node.vpn.helper.pipe_transport import CHUNK, FULL, PipeTransport, open_streams
from tests.support.pipes import SocketPipe, pair
from tests.support.waiting import eventually

NAME = "piped"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter, asyncio.Future[str]]


@contextlib.asynccontextmanager
async def streams(limit: int = 2**16) -> AsyncIterator[tuple[Streams, SocketPipe]]:
    """Streams over one end, and the other end; no thread is left when it is over."""
    ours, theirs = pair()
    opened = open_streams(ours, lambda: "somebody", limit, NAME)
    try:
        yield opened, theirs
    finally:
        opened[1].transport.abort()
        theirs.close()
        await eventually(lambda: not any(NAME in one.name for one in threading.enumerate()), "no thread is left")
        ours.free()
        theirs.free()


async def test_lines_go_both_ways_and_it_is_known_who_speaks() -> None:
    async with streams() as ((reader, writer, first), theirs):
        assert not first.done(), "nothing was said yet"
        theirs.write(b"one\ntwo\n")
        assert await reader.readline() == b"one\n"
        assert await reader.readline() == b"two\n"
        assert first.result() == "somebody"
        writer.write(b"three\n")
        writer.write(b"")
        assert await asyncio.to_thread(theirs.read, 100) == b"three\n"


async def test_the_other_end_that_goes_is_the_end() -> None:
    async with streams() as ((reader, writer, first), theirs):
        theirs.close()
        assert await reader.read() == b""
        assert first.cancelled()
        assert writer.is_closing()
        writer.write(b"to nobody")


async def test_the_last_words_arrive_before_it_closes() -> None:
    async with streams() as ((_reader, writer, _first), theirs):
        last = b"x" * (FULL - 1)
        writer.write(last)
        writer.close()
        writer.close()
        heard = b""
        while piece := await asyncio.to_thread(theirs.read, CHUNK):
            heard += piece
        assert heard == last
        await writer.wait_closed()


async def test_whoever_does_not_read_holds_up_who_writes_and_is_given_up_in_the_end() -> None:
    async with streams() as ((_reader, writer, _first), _theirs):
        writer.write(b"x" * 50 * FULL)
        assert writer.transport.get_write_buffer_size() == 50 * FULL
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def test_whoever_writes_on_when_there_was_no_room_is_told_of_room() -> None:
    async with streams() as ((_reader, writer, _first), theirs):
        writer.write(b"x" * 50 * FULL)

        def read_all() -> int:
            count = 0
            while count < 50 * FULL:
                count += len(theirs.read(CHUNK))
            return count

        reading = asyncio.to_thread(read_all)
        assert (await asyncio.gather(reading, writer.drain()))[0] == 50 * FULL
        await eventually(lambda: writer.transport.get_write_buffer_size() == 0, "all is written")


async def test_what_nobody_reads_is_not_gathered_without_end() -> None:
    async with streams(limit=1000) as ((reader, writer, _first), theirs):
        sent = threading.Event()

        def send() -> None:
            with contextlib.suppress(OSError):
                for _ in range(400):
                    theirs.write(b"y" * CHUNK)
                sent.set()

        sending = asyncio.to_thread(send)
        waiting = asyncio.gather(sending)
        transport = writer.transport
        assert isinstance(transport, PipeTransport)
        await eventually(lambda: transport._paused, "nobody reads")
        assert not sent.is_set(), "25 MB are not held for somebody who does not read"
        assert len(reader._buffer) <= 2 * CHUNK  # type: ignore[attr-defined]  # streams hide it
        count = 0
        while count < 400 * CHUNK:
            count += len(await reader.read(10 * CHUNK))
        await waiting
        assert sent.is_set()


async def test_whom_the_system_cannot_name_is_let_go() -> None:
    ours, theirs = pair()

    def nobody() -> str:
        raise OSError("it cannot be said")

    reader, writer, first = open_streams(ours, nobody, 1000, NAME)
    theirs.write(b"hello\n")
    with pytest.raises(OSError, match="cannot be said"):
        await reader.readline()
    assert first.cancelled()
    assert writer.is_closing()
    await eventually(lambda: not any(NAME in one.name for one in threading.enumerate()), "no thread is left")
    ours.free()
    theirs.free()
