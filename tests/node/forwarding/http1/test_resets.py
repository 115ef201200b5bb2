"""A worker that breaks off in any phase of its answer: a clear refusal, a cut line, or nothing that one sees."""

from __future__ import annotations

import asyncio
import socket

import pytest

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
RESETS = b"\x01\0\0\0\0\0\0\0"  # so that a close is one
COUNTED = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
BEFORE = {
    "before the head": b"",
    "in the status line": b"HTTP/1.1 20",
    "behind the status line": b"HTTP/1.1 200 OK\r\n",
    "in a field": b"HTTP/1.1 200 OK\r\nContent-Le",
    "before the empty line": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n",
    "in the empty line": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r",
    "in an interim answer": b"HTTP/1.1 103 Early Hints\r\nLin",
    "behind an interim answer": b"HTTP/1.1 100 Continue\r\n\r\n",
    "in the head behind an interim answer": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nCon",
}
WITHIN = {
    "between head and body": COUNTED,
    "in a counted body": COUNTED + b"hel",
    "between head and chunks": CHUNKED,
    "in a chunk's size": CHUNKED + b"3\r\nhel\r\n1",
    "in a chunk's extension": CHUNKED + b"3;a=",
    "behind a chunk's size": CHUNKED + b"3\r\n",
    "in a chunk's data": CHUNKED + b"3\r\nhe",
    "behind a chunk's data": CHUNKED + b"3\r\nhel",
    "in a chunk's end": CHUNKED + b"3\r\nhel\r",
    "before the last chunk": CHUNKED + b"3\r\nhel\r\n",
    "in the last chunk": CHUNKED + b"3\r\nhel\r\n0",
    "behind the last chunk": CHUNKED + b"3\r\nhel\r\n0\r\n",
    "in a trailer": CHUNKED + b"3\r\nhel\r\n0\r\nT: v",
    "behind a trailer": CHUNKED + b"3\r\nhel\r\n0\r\nT: v\r\n",
}


def saying(answer: bytes, go_on: asyncio.Event, *, reset: bool) -> Script:
    """Answer one request with these bytes, and end the connection when told to."""

    async def script(reader: Reader, writer: Writer) -> None:
        await read_request(reader)
        writer.write(answer)
        await writer.drain()
        await go_on.wait()
        if reset:
            abort(writer)

    return script


def abort(writer: Writer) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESETS)
    writer.transport.abort()


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("answer", BEFORE.values(), ids=BEFORE.keys())
async def test_before_the_answer_has_begun_it_is_a_failure_that_another_worker_makes_good(
    answer: bytes, reset: bool
) -> None:
    go_on = asyncio.Event()
    go_on.set()
    script = saying(answer, go_on, reset=reset)
    async with working(script) as bad, working() as good:
        async with running(bad) as plane, plane.client() as client:
            for _ in range(2):  # the client's own connection lives
                assert (await client.ask(GET)).status == 502
            assert [(one.kind, one.executed) for one in plane.handler.troubles] == [("reset", True)] * 2
        async with running(bad, good, handler=Forwarding(retry=True)) as plane:
            assert (await plane.ask(GET)).status == 200


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("answer", WITHIN.values(), ids=WITHIN.keys())
async def test_within_the_answer_the_client_sees_that_it_broke_off(answer: bytes, reset: bool) -> None:
    go_on, handler = asyncio.Event(), Forwarding(retry=True)
    async with (
        working(saying(answer, go_on, reset=reset)) as worker,
        running(worker, handler=handler) as plane,
        plane.client() as client,
    ):
        await client.say(GET)
        await eventually(lambda: handler.begun and handler.begun[0].response, "the head has come", DEADLINE)
        go_on.set()
        got = await client.rest()
        assert not got.endswith(b"0\r\n\r\n")
        assert b"HTTP/1.1 502" not in got
        assert worker.connections == 1, "what has begun is not asked for again"
        [over] = handler.over
        assert over.broken
        assert not over.gone


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("whole", [OK, CHUNKED + b"2\r\nok\r\n0\r\n\r\n"], ids=["counted", "chunked"])
async def test_behind_a_whole_answer_nobody_notices(whole: bytes, reset: bool) -> None:
    go_on = asyncio.Event()
    async with working(saying(whole, go_on, reset=reset), answer_ok) as worker, running(worker) as plane:
        assert (await plane.ask(GET)).body == b"ok"
        assert plane.handler.pools[0].idle == 1
        go_on.set()
        await eventually(lambda: not plane.handler.pools[0].count, "the connection is forgotten", DEADLINE)
        assert (await plane.ask(GET)).status == 200
        assert not plane.handler.troubles


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("chunked", [False, True], ids=["counted", "chunked"])
async def test_while_the_request_is_still_being_sent_it_is_a_failure(chunked: bool, reset: bool) -> None:
    async def breaks(reader: Reader, writer: Writer) -> None:
        await read_head(reader)
        await reader.readexactly(1)
        if reset:
            abort(writer)

    framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: 10"
    half, rest = (b"5\r\nhello\r\n", b"5\r\nworld\r\n0\r\n\r\n") if chunked else (b"hello", b"world")
    async with (
        working(breaks) as bad,
        working() as good,
        running(bad, good, handler=Forwarding(retry=True)) as plane,
        plane.client() as client,
    ):
        await client.say(b"PUT / HTTP/1.1\r\nHost: g\r\n" + framing + b"\r\n\r\n" + half)
        await eventually(lambda: plane.handler.troubles, "the worker breaks off", DEADLINE)
        answer = await client.ask(rest)
        assert answer.status == 200, "what had been sent was kept, and goes to another one with the rest"
        assert b"helloworld" in answer.body


@pytest.mark.parametrize("answer", [b"", COUNTED, CHUNKED + b"1\r\nx\r\n"], ids=["before", "counted", "chunked"])
async def test_a_client_that_has_left_hears_nothing_and_the_worker_is_let_go(answer: bytes) -> None:
    go_on = asyncio.Event()
    script = saying(answer, go_on, reset=False)
    async with working(script) as worker, running(worker) as plane:
        async with plane.client() as client:
            await client.say(GET)
            await eventually(lambda: worker.open, "the worker is asked", DEADLINE)
        await eventually(lambda: plane.handler.over, "the request is over", DEADLINE)
        assert plane.handler.over[0].gone
        go_on.set()
        await eventually(lambda: not plane.upstreams.count, "the connection is gone", DEADLINE)
