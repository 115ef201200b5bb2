"""Answers that are over before the request's body: the rest is thrown away, and the connection carries the next."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.forwarding.http1.chunks import BadChunk, ChunkDecoder
from node.forwarding.http1.client import ClientConnection
from node.forwarding.http1.exchange import Exchange
from node.forwarding.http1.leftover import Leftover
from node.forwarding.http1.limits import ServerLimits
from node.wire.problems import Problem
from tests.support.http1 import (
    DEADLINE,
    GET,
    OK,
    Client,
    Forwarding,
    Plane,
    answer_ok,
    read_head,
    running,
    working,
)
from tests.support.waiting import eventually

MEGABYTE = 2**20
Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter
COUNTED = b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 1048576\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKS = (
    b"80000\r\n" + bytes(MEGABYTE // 2) + b"\r\n80000;a=b\r\n" + bytes(MEGABYTE // 2) + b"\r\n0\r\nT: v\r\n\r\n"
)
FRAMINGS = pytest.mark.parametrize(
    ("head", "body"), [(COUNTED, bytes(MEGABYTE)), (CHUNKED, CHUNKS)], ids=["counted", "chunked"]
)


async def answer_early(reader: Reader, writer: Writer) -> None:
    """Answer a POST by its head alone, and every GET."""
    while not (await read_head(reader)).startswith(b"POST"):
        writer.write(OK)
    writer.write(OK)
    await reader.read()


class Refusing(Forwarding):
    """Answers every POST itself as soon as its head is there."""

    def begin(self, exchange: Exchange) -> None:
        if exchange.head.method == "POST":
            self.begun.append(exchange)
            exchange.refuse(Problem("rate-limited", "Slowly."))
        else:
            super().begin(exchange)


@contextlib.asynccontextmanager
async def answered_early(
    start: bytes, limits: ServerLimits | None = None, handler: Forwarding | None = None
) -> AsyncIterator[tuple[Plane, Client, ClientConnection]]:
    """Begin a POST whose answer comes at once; the rest of its body has yet to be sent."""
    async with (
        working(answer_early) as worker,
        running(worker, limits=limits, handler=handler) as plane,
        plane.client() as client,
    ):
        answer = await client.ask(start)
        assert (answer.status, answer.field("Connection")) == (200, None)
        [connection] = plane.server.connections
        await eventually(lambda: not connection.exchange, "the answer is over", DEADLINE)
        yield plane, client, connection


# --- bytes --------------------------------------------------------------------------------------------------------


def cut(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    places = sorted({0, len(data), *(min(at, len(data)) for at in cuts)})
    return [data[start:end] for start, end in itertools.pairwise(places)]


@given(st.lists(st.integers(0, 40)), st.booleans())
def test_what_follows_a_body_is_found_however_the_bytes_are_cut(cuts: list[int], chunked: bool) -> None:
    body = b"5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nT: v\r\n\r\n" if chunked else b"hello!"
    leftover = Leftover(6, ChunkDecoder() if chunked else None, 6, 0.0)
    following = None
    for piece in cut(body + GET, cuts):
        following = leftover.skip(piece) if following is None else following + piece
    assert following == GET


def test_a_body_in_chunks_has_a_limit() -> None:
    leftover = Leftover(0, ChunkDecoder(), 5, 0.0)
    assert leftover.skip(b"5\r\nhello\r\n") is None
    with pytest.raises(BadChunk, match="larger"):
        leftover.skip(b"1\r\n!\r\n")
    with pytest.raises(BadChunk):
        Leftover(0, ChunkDecoder(), 5, 0.0).skip(b"x\r\n")


# --- behind a worker's answer -------------------------------------------------------------------------------------


@FRAMINGS
async def test_the_connection_carries_the_next_request_behind_the_body(head: bytes, body: bytes) -> None:
    async with answered_early(head + body[:1000]) as (plane, client, connection):
        assert connection._leftover is not None
        await client.say(body[1000:-2])
        await client.say(body[-2:] + GET + GET)
        for _ in range(2):
            assert (await client.answer()).status == 200
        assert (await client.ask(GET)).status == 200
        assert [connection] == list(plane.server.connections)
        assert connection._leftover is None


@FRAMINGS
async def test_a_worker_that_did_not_get_the_whole_body_is_asked_nothing_more_on_that_connection(
    head: bytes, body: bytes
) -> None:
    async with (
        working(answer_early, answer_ok) as worker,
        running(worker) as plane,
        plane.client() as client,
    ):
        assert (await client.ask(head + body[:1000])).status == 200
        assert (await client.ask(body[1000:] + GET)).status == 200
        assert worker.connections == 2
        assert plane.handler.pools[0].count == 1


@pytest.mark.parametrize("closes", [False, True], ids=["reads later", "closes"])
async def test_large_bodies_that_nobody_reads_before_the_answer_fail_nobody(closes: bool) -> None:
    async def script(reader: Reader, writer: Writer) -> None:
        # What its system takes without being read from is less than a body.
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        while True:
            await read_head(reader)
            writer.write(OK)
            if closes:
                return  # which resets the connection, for there is more to read
            await reader.readexactly(MEGABYTE)

    async def ask(plane: Plane) -> None:
        async with plane.client() as client:
            for _ in range(12):
                client.writer.write(COUNTED)
                client.writer.write(bytes(MEGABYTE))
                await client.writer.drain()
                answer = await client.answer()
                assert (answer.status, answer.field("Connection")) == (200, None)

    async with working(script) as worker, running(worker) as plane:
        await asyncio.gather(*(ask(plane) for _ in range(5)))
        assert len(plane.handler.over) == 60
        assert not plane.handler.troubles


async def test_a_large_answer_in_front_of_a_large_body_is_taken_by_whoever_sends_first_and_reads_then() -> None:
    async def script(reader: Reader, writer: Writer) -> None:
        await read_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (8 * MEGABYTE) + bytes(8 * MEGABYTE))
        await reader.readexactly(MEGABYTE)
        await answer_ok(reader, writer)

    async with working(script, answer_ok) as worker, running(worker) as plane, plane.client() as client:
        await client.say(COUNTED + bytes(MEGABYTE))
        assert len((await client.answer()).body) == 8 * MEGABYTE
        assert (await client.ask(GET)).status == 200


# --- bounds -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("idle", [100.0, 10_000.0], ids=["stops", "takes too long"])
async def test_a_body_that_stops_or_takes_too_long_ends_the_connection(idle: float) -> None:
    limits = ServerLimits(body_idle=idle, leftover_time=1000.0)
    async with answered_early(COUNTED + b"x", limits) as (plane, client, connection):
        assert connection._leftover is not None
        assert (connection.deadline < connection._leftover.end) == (idle < 1000.0)
        connection.deadline = 0.0
        assert await client.rest() == b""
        assert connection._leftover is None
        connection.deadline = 0.0  # nor does it linger for ever
        await eventually(lambda: not plane.server.connections, "it is closed", DEADLINE)


async def test_the_time_for_all_of_it_is_not_prolonged_by_what_comes() -> None:
    async with answered_early(COUNTED + b"x") as (_, client, connection):
        assert connection._leftover is not None
        end = connection._leftover.end
        assert connection.deadline == end  # which is sooner than that for the next byte
        await client.say(b"x")
        await eventually(
            lambda: connection._leftover and connection._leftover._left == MEGABYTE - 2, "it", DEADLINE
        )
        assert connection.deadline == end
        connection.deadline = 0.0
        assert await client.rest() == b""


async def test_more_than_may_be_thrown_away_is_not_waited_for() -> None:
    limits = ServerLimits(leftover=1000, small_leftover=10, linger=DEADLINE)
    async with answered_early(COUNTED + b"x", limits) as (_, client, connection):
        assert connection._leftover is None
        assert await client.rest() == b""
    async with answered_early(CHUNKED + b"1\r\nx\r\n", limits) as (_, client, connection):
        assert connection._leftover is not None
        await client.say(b"3e8\r\n" + bytes(1000) + b"\r\n")
        await client.say(b"1\r\nx\r\n")
        assert await client.rest() == b""


async def test_the_services_limit_of_a_body_holds_behind_the_answer() -> None:
    limits, handler = ServerLimits(small_leftover=10, linger=DEADLINE), Forwarding(body_limit=1000)
    async with answered_early(CHUNKED + b"1\r\nx\r\n", limits, handler) as (_, client, _connection):
        await client.say(b"3e7\r\n" + bytes(999) + b"\r\n")
        await client.say(b"1\r\nx\r\n")
        assert await client.rest() == b""
    async with answered_early(CHUNKED + b"1\r\nx\r\n", limits, handler) as (_, client, _connection):
        await client.say(b"3e7\r\n" + bytes(999) + b"\r\n")
        assert (await client.ask(b"0\r\n\r\n" + GET)).status == 200


async def test_a_broken_chunk_ends_the_connection() -> None:
    async with answered_early(CHUNKED + b"1\r\nx\r\n") as (plane, client, _):
        await client.say(b"x\r\n" + GET)
        assert await client.rest() == b""
        assert len(plane.handler.begun) == 1


@pytest.mark.parametrize("leave", ["close", "half", "reset"])
async def test_a_client_that_leaves_in_between_leaves_nothing_behind(leave: str) -> None:
    async with answered_early(COUNTED + b"x") as (plane, client, _):
        if leave == "close":
            client.writer.close()
        elif leave == "half":
            client.writer.write_eof()
        else:
            client.reset()
        await eventually(lambda: not plane.server.connections, "it is forgotten", DEADLINE)


# --- where the connection ends all the same -----------------------------------------------------------------------


async def test_a_client_that_says_close_reads_its_answer_and_is_closed() -> None:
    async with working(answer_early) as worker, running(worker) as plane, plane.client() as client:
        answer = await client.ask(COUNTED.replace(b"Host", b"Connection: close\r\nHost") + b"x")
        assert (answer.status, answer.field("Connection")) == (200, "close")
        assert await client.rest() == b""


async def test_a_server_that_drains_waits_for_no_leftover() -> None:
    limits = ServerLimits(linger=DEADLINE)
    async with answered_early(COUNTED + b"x", limits) as (plane, client, connection):
        plane.server.draining = True
        connection.drain(connection.loop.time())
        assert connection._leftover is None
        assert await client.rest() == b""
    async with working(answer_early) as worker, running(worker, limits=limits) as plane, plane.client() as client:
        await client.say(GET)
        await client.answer()
        draining = asyncio.get_running_loop().create_task(plane.server.drain(DEADLINE))
        await eventually(lambda: plane.server.draining, "it drains", DEADLINE)
        answer = await client.ask(COUNTED + b"x")
        assert (answer.status, answer.field("Connection")) == (200, "close")
        assert await client.rest() == b""
        client.writer.close()
        await draining


# --- behind an answer of our own ----------------------------------------------------------------------------------


async def ask_and_go_on(
    head: bytes, body: bytes, limits: ServerLimits | None = None, handler: Forwarding | None = None
) -> tuple[int, bool]:
    """Return the status of an answer of ours to this head, and whether another request may follow the body."""
    async with (
        working() as worker,
        running(worker, limits=limits, handler=handler or Refusing()) as plane,
        plane.client() as client,
    ):
        answer = await client.ask(head)
        if answer.field("Connection") == "close":
            assert await client.rest() == b""
            return answer.status, False
        await client.say(body[:-1])
        assert (await client.ask(body[-1:] + GET)).status == 200
        return answer.status, True


async def test_behind_an_answer_of_ours_little_is_thrown_away_and_much_is_not() -> None:
    counted = b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: %d\r\n\r\n"
    limits = ServerLimits(linger=DEADLINE)
    assert await ask_and_go_on(counted % 5, b"hello") == (429, True)
    assert await ask_and_go_on(counted % limits.small_leftover, bytes(limits.small_leftover)) == (429, True)
    assert await ask_and_go_on(counted % (limits.small_leftover + 1), b"", limits) == (429, False)
    assert await ask_and_go_on(CHUNKED, b"", limits) == (429, False)


async def test_a_body_that_is_a_little_too_large_costs_no_connection() -> None:
    handler = Forwarding(body_limit=3)
    head = b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 5\r\n\r\n"
    assert await ask_and_go_on(head, b"hello", handler=handler) == (413, True)
    handler = Forwarding(body_limit=3)
    assert await ask_and_go_on(CHUNKED + b"4\r\nhell\r\n", b"", ServerLimits(linger=DEADLINE), handler) == (
        413,
        False,
    )


async def test_a_client_that_waits_for_a_go_ahead_and_gets_an_answer_is_not_expected_to_send_its_body() -> None:
    head = b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
    assert await ask_and_go_on(head, b"", ServerLimits(linger=DEADLINE)) == (429, False)


async def test_a_client_that_was_told_to_go_ahead_is() -> None:
    head = COUNTED.replace(b"Host", b"Expect: 100-continue\r\nHost")
    async with working(answer_early) as worker, running(worker) as plane, plane.client() as client:
        assert (await client.ask(head)).status == 100
        answer = await client.answer()
        assert (answer.status, answer.field("Connection")) == (200, None)
        assert (await client.ask(bytes(MEGABYTE) + GET)).status == 200


async def test_a_body_that_came_too_slowly_or_is_no_body_is_not_waited_for_any_more() -> None:
    limits = ServerLimits(body_idle=0.2, linger=DEADLINE)
    head = b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 5\r\n\r\n"
    assert await ask_and_go_on(head, b"", limits, Forwarding()) == (408, False)
    limits = ServerLimits(linger=DEADLINE)
    assert await ask_and_go_on(CHUNKED + b"x\r\n", b"", limits, Forwarding()) == (400, False)
