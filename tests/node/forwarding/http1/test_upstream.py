"""Workers: whatever they do in whatever phase, the client gets a whole answer, a clear refusal or a cut line."""

from __future__ import annotations

import asyncio
import socket

import pytest
from msgspec.structs import replace

from node.forwarding.http1.exchange import Exchange
from node.forwarding.http1.head import HeadLimits
from node.forwarding.http1.interface import Patience, Trouble
from node.forwarding.http1.limits import UpstreamLimits
from node.forwarding.http1.pool import Address, connect_tcp
from node.forwarding.http1.upstream import UpstreamConnection
from tests.support.http1 import (
    DEADLINE,
    GET,
    OK,
    Forwarding,
    Script,
    answer_ok,
    read_head,
    read_request,
    running,
    working,
)
from tests.support.waiting import eventually

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter
POST = b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 5\r\n\r\nhello"
RESETS = b"\x01\0\0\0\0\0\0\0"  # so that a close is one


def once(answer: bytes, *, reset: bool = False) -> Script:
    """Answer one request with these bytes and close, in good order or with a reset."""

    async def script(reader: Reader, writer: Writer) -> None:
        await read_request(reader)
        writer.write(answer)
        await writer.drain()
        if reset:
            await eventually(lambda: not writer.transport.get_write_buffer_size(), "it is sent", DEADLINE)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESETS)
            writer.transport.abort()

    return script


def scripted(*answers: bytes) -> Script:
    """Answer request after request on one connection with these bytes."""

    async def script(reader: Reader, writer: Writer) -> None:
        for answer in answers:
            await read_request(reader)
            writer.write(answer)
            await writer.drain()
        await reader.read()

    return script


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 20",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 9,
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 40_000,
    ],
)
async def test_what_is_no_answer_is_a_failure_before_the_first_byte(answer: bytes) -> None:
    async with working(once(answer)) as worker, running(worker) as plane, plane.client() as client:
        assert (await client.ask(GET)).status == 502
        assert [(one.kind, one.executed) for one in plane.handler.troubles] == [("reset", True)]
        worker._scripts = [answer_ok]
        assert (await client.ask(GET)).status == 200  # the client's connection lives


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n0\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\nzz\r\n",
    ],
)
@pytest.mark.parametrize("reset", [False, True])
async def test_half_an_answer_is_cut_so_that_nobody_takes_it_for_a_whole_one(answer: bytes, reset: bool) -> None:
    async with working(once(answer, reset=reset)) as worker, running(worker) as plane, plane.client() as client:
        await client.say(GET)
        got = await client.rest()
        assert not got.endswith(b"0\r\n\r\n")
        assert b"hello" not in got
        if got:  # a reset may overtake what was read
            assert got.startswith(b"HTTP/1.1 200 OK\r\n")
            assert plane.handler.over[0].broken
        assert len(plane.handler.over) == 1


async def test_a_reset_of_an_answer_without_a_length_is_not_its_end() -> None:
    async def script(reader: Reader, writer: Writer) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nhel")
        await go_on.wait()
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESETS)
        writer.transport.abort()

    go_on = asyncio.Event()
    async with working(script) as worker, running(worker) as plane, plane.client() as client:
        await client.say(GET)
        await read_head(client.reader)
        go_on.set()
        assert not (await client.rest()).endswith(b"0\r\n\r\n")
        assert plane.handler.over[0].broken


async def test_interim_answers_are_swallowed() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    async with working(scripted(interim + OK, interim, OK)) as worker, running(worker) as plane:
        answer = await plane.ask(GET)
        assert (answer.status, answer.body, answer.field("Link")) == (200, b"ok", None)


async def test_an_answer_may_come_byte_by_byte() -> None:
    async def drip(reader: Reader, writer: Writer) -> None:
        await read_request(reader)
        for byte in b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: v\r\n\r\n":
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        await answer_ok(reader, writer)

    async with working(drip) as worker, running(worker) as plane, plane.client() as client:
        assert (await client.ask(GET)).body == b"abc"
        assert (await client.ask(GET)).status == 200
        assert worker.connections == 1


async def test_more_than_the_answer_makes_a_connection_useless() -> None:
    stuffed = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    async with working(scripted(stuffed, OK), scripted(OK)) as worker, running(worker) as plane:
        assert (await plane.ask(GET)).body == b"ok"
        assert (await plane.ask(GET)).body == b"ok"
        assert worker.connections == 2


async def test_what_comes_unasked_is_not_the_next_ones_answer() -> None:
    async def chatty(reader: Reader, writer: Writer) -> None:
        await read_request(reader)
        writer.write(OK)
        await go_on.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        await reader.read()

    go_on = asyncio.Event()
    async with working(chatty, answer_ok) as worker, running(worker) as plane:
        assert (await plane.ask(GET)).body == b"ok"
        go_on.set()
        await eventually(lambda: not worker.open, "the connection is closed", DEADLINE)
        assert b"evil" not in (await plane.ask(GET)).body


@pytest.mark.parametrize("field", [b"Connection: close\r\n", b""])
async def test_a_connection_that_the_worker_wants_closed_is_not_used_again(field: bytes) -> None:
    version = b"HTTP/1.1" if field else b"HTTP/1.0"
    script = scripted(version + b" 200 OK\r\nContent-Length: 0\r\n" + field + b"\r\n")
    async with working(script) as worker, running(worker) as plane:
        for _ in range(3):
            assert (await plane.ask(GET)).status == 200
        assert worker.connections == 3


def closing_when_reused() -> Script:
    async def script(reader: Reader, writer: Writer) -> None:
        await read_request(reader)
        writer.write(OK)
        await read_head(reader)
        writer.transport.abort()

    return script


async def test_a_kept_connection_that_has_died_is_replaced_without_anybody_noticing() -> None:
    async with working(closing_when_reused(), closing_when_reused(), answer_ok) as worker, running(worker) as plane:
        assert (await plane.ask(GET)).status == 200
        answer = await plane.ask(POST)
        assert answer.body == b"ok"
        assert (await plane.ask(POST)).body.endswith(b"hello")
        assert worker.connections == 3
        assert not plane.handler.troubles


async def test_what_may_not_be_repeated_is_not_sent_again() -> None:
    handler = Forwarding(repeatable=False)
    async with working(closing_when_reused(), answer_ok) as worker, running(worker, handler=handler) as plane:
        assert (await plane.ask(GET)).status == 200
        assert (await plane.ask(POST)).status == 502
        assert [(one.kind, one.executed) for one in plane.handler.troubles] == [("reset", True)]
        assert worker.connections == 1


async def test_a_fresh_connection_that_breaks_is_the_workers_failure() -> None:
    async with working(once(b"")) as worker, running(worker) as plane:
        assert (await plane.ask(GET)).status == 502
        assert worker.connections == 1


@pytest.mark.parametrize(
    ("answer", "patience", "status"),
    [
        (b"", Patience(DEADLINE, 0.1, DEADLINE), 504),
        (b"HTTP/1.1 200 OK\r\n", Patience(DEADLINE, 0.1, DEADLINE), 504),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", Patience(DEADLINE, DEADLINE, 0.1), 0),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Patience(DEADLINE, DEADLINE, 0.1), 0),
    ],
)
async def test_a_worker_that_stops_is_given_up(answer: bytes, patience: Patience, status: int) -> None:
    handler = Forwarding(patience=patience)
    async with (
        working(scripted(answer)) as worker,
        running(worker, handler=handler) as plane,
        plane.client() as client,
    ):
        await client.say(GET)
        if status:
            assert (await client.answer()).status == status
            assert [(one.kind, one.executed) for one in handler.troubles] == [("timeout", True)]
        else:
            await client.rest()
            assert "time limit" in handler.over[0].broken
        await eventually(lambda: not worker.open, "the worker is let go", DEADLINE)


async def test_the_time_for_the_whole_request_ends_a_worker_that_drips() -> None:
    async def drip(reader: Reader, writer: Writer) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with working(drip) as worker, running(worker) as plane, plane.client() as client:
        await client.say(GET)
        await read_head(client.reader)
        exchange = plane.handler.begun[0]
        exchange.patience = replace(exchange.patience, deadline=asyncio.get_running_loop().time() + 0.1)
        assert (await client.rest()).endswith(b"x")
        assert exchange.broken


async def test_an_answer_may_come_before_the_whole_request_has() -> None:
    async def early(reader: Reader, writer: Writer) -> None:
        await read_head(reader)
        writer.write(b"HTTP/1.1 413 Large\r\nContent-Length: 2\r\n\r\nno")
        await reader.read()

    async with working(early, answer_ok) as worker, running(worker) as plane, plane.client() as client:
        await client.say(POST[:-1])
        assert (await client.answer()).status == 413
        await eventually(lambda: not worker.open, "the worker's connection is not used again", DEADLINE)
        assert (await client.ask(POST[-1:] + GET)).status == 200
        assert worker.connections == 2


async def test_a_worker_that_has_read_a_large_body_keeps_its_connection() -> None:
    size = 4 * 2**20
    raw = b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: %d\r\n\r\n" % size + bytes(size)
    async with working() as worker, running(worker) as plane, plane.client() as client:
        for _ in range(3):
            assert (await client.ask(raw)).status == 200
        assert worker.connections == 1


async def test_an_answer_that_came_before_the_connection_broke_counts_though_nobody_had_read_it() -> None:
    class Held(Forwarding):
        def failed(self, exchange: Exchange, trouble: Trouble) -> None:
            raise AssertionError(trouble)

    async def answers_and_resets(reader: Reader, writer: Writer) -> None:
        await read_head(reader)
        await go_on.wait()
        writer.write(OK)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        writer.transport.abort()
        gone.set()

    go_on, gone = asyncio.Event(), asyncio.Event()
    async with (
        working(answers_and_resets) as worker,
        running(worker, handler=Held()) as plane,
        plane.client() as client,
    ):
        await client.say(POST[:-1])
        await eventually(lambda: plane.handler.begun and plane.handler.begun[0].upstream, "it is sent", DEADLINE)
        connection = plane.handler.begun[0].upstream
        assert connection is not None
        connection.transport.pause_reading()  # as if the loop had yet to come to it
        go_on.set()
        await gone.wait()
        await eventually(lambda: not worker.open, "it has gone", DEADLINE)
        await client.say(POST[-1:])  # whose write fails
        assert (await client.answer()).body == b"ok"


async def test_an_answers_head_is_limited() -> None:
    limits = UpstreamLimits(head=HeadLimits(fields=3))
    raw = b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 4 + b"Content-Length: 0\r\n\r\n"
    async with working(once(raw)) as worker, running(worker, upstream=limits) as plane:
        assert (await plane.ask(GET)).status == 502


async def test_an_idle_connection_is_closed_after_its_time() -> None:
    async with working() as worker, running(worker, upstream=UpstreamLimits(idle=0.05)) as plane:
        assert (await plane.ask(GET)).status == 200
        await eventually(lambda: not worker.open, "the connection is closed", DEADLINE)
        await eventually(lambda: plane.upstreams.count == 0, "it is forgotten", DEADLINE)


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize(
    ("method", "head"),
    [
        (b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 44\r\n\r\n"),
        (b"HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        (b"GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        (b"GET", b"HTTP/1.1 204 No Content\r\nContent-Length: 44\r\n\r\n"),
        (b"GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 44\r\n\r\n"),
    ],
)
async def test_a_body_where_there_is_none_is_nobodys_answer(method: bytes, head: bytes, together: bool) -> None:
    evil = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"

    async def script(reader: Reader, writer: Writer) -> None:
        await read_request(reader)
        writer.write(head + evil if together else head)
        await go_on.wait()
        writer.write(evil)
        await reader.read()

    go_on = asyncio.Event()
    async with working(script, answer_ok) as worker, running(worker) as plane, plane.client() as client:
        answer = await client.ask(method + b" / HTTP/1.1\r\nHost: g\r\n\r\n")
        assert answer.status in (200, 204, 304)
        assert answer.field("Transfer-Encoding") is None
        go_on.set()
        await eventually(lambda: not worker.open, "the connection is of no use any more", DEADLINE)
        assert b"evil" not in (await client.ask(GET)).body
        assert worker.connections == 2


async def test_a_worker_that_speaks_first_is_not_heard() -> None:
    async def hasty(reader: Reader, writer: Writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        await reader.read()

    async def connect(address: Address, connection: UpstreamConnection) -> None:
        await connect_tcp(address, connection)
        await eventually(connection.transport.is_closing, "it has spoken before it was asked", DEADLINE)

    async with working(hasty, answer_ok) as worker, running(worker) as plane:
        plane.upstreams.connect = connect
        answer = await plane.ask(GET)
        assert answer.status == 502
        assert b"evil" not in answer.body
        plane.upstreams.connect = connect_tcp
        assert (await plane.ask(GET)).status == 200


async def test_what_a_worker_names_for_its_own_hop_is_not_what_we_say_to_the_client() -> None:
    """It can take away its own fields, but neither split the answer nor change how long it is."""
    fields = b"Connection: Content-Length, Date, X-Worker, Transfer-Encoding, Content-Type\r\nContent-Length: 2\r\n"
    raw = b"HTTP/1.1 200 OK\r\n" + fields + b"Content-Type: t/x\r\nTrailer: X\r\nKeep-Alive: timeout=1\r\n\r\nok"
    async with working(scripted(raw)) as worker, running(worker) as plane:
        answer = await plane.ask(GET)
        assert (answer.field("Content-Length"), answer.body, answer.field("X-Worker")) == ("2", b"ok", "w")
        assert answer.field("Content-Type") is answer.field("Trailer") is answer.field("Keep-Alive") is None


async def test_interim_answers_cannot_keep_a_request_for_ever() -> None:
    async def drips(reader: Reader, writer: Writer) -> None:
        await read_request(reader)
        for _ in range(5):
            writer.write(b"HTTP/1.1 102 Processing\r\n\r\n")
            await writer.drain()
            await asyncio.sleep(0.05)
        await reader.read()

    handler = Forwarding(patience=Patience(DEADLINE, 0.5, DEADLINE))
    async with working(drips) as worker, running(worker, handler=handler) as plane:
        assert (await plane.ask(GET)).status == 504
        await eventually(lambda: not worker.open, "the worker is let go", DEADLINE)
