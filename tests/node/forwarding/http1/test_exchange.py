"""Exchanges: bodies both ways with bounded memory, second tries, peeks, upgrades, and clients that leave."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import sys
import tracemalloc
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from node.forwarding.http1 import upstream
from node.forwarding.http1.exchange import PIECES, Exchange
from node.forwarding.http1.head import ResponseHead, field_line
from node.forwarding.http1.interface import Patience, Trouble
from node.forwarding.http1.limits import REPLAY_BYTES, ServerLimits
from node.wire.problems import Problem
from tests.support.http1 import (
    DEADLINE,
    GET,
    OK,
    PASSING,
    Forwarding,
    Script,
    read_chunks,
    read_head,
    read_request,
    running,
    working,
)
from tests.support.waiting import eventually

MEGABYTE = 2**20
Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter


def saying(answer: bytes) -> Script:
    async def script(reader: Reader, writer: Writer) -> None:
        while True:
            await read_request(reader)
            writer.write(answer)

    return script


async def refuse_connections(_reader: Reader, writer: Writer) -> None:
    writer.transport.abort()


class Deciding(Forwarding):
    """Leaves what to do with an answer to a function."""

    decide: Callable[[Exchange, ResponseHead], None]

    def answered(self, exchange: Exchange, head: ResponseHead) -> None:
        self.decide(exchange, head)


async def test_answers_without_a_body_have_none() -> None:
    for status, fields in ((204, b""), (304, b"Content-Length: 7\r\n"), (304, b"")):
        raw = b"HTTP/1.1 %d X\r\n%b\r\n" % (status, fields)
        async with working(saying(raw)) as worker, running(worker) as plane, plane.client() as client:
            for _ in range(2):
                answer = await client.ask(GET)
                assert (answer.status, answer.field("Content-Length")) == (status, "7" if fields else None)
            assert worker.connections == 1


@pytest.mark.parametrize("framing", [b"Content-Length: 1000\r\n", b"Transfer-Encoding: chunked\r\n"])
async def test_head_gets_the_head_only(framing: bytes) -> None:
    raw = b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n"
    async with working(saying(raw)) as worker, running(worker) as plane, plane.client() as client:
        for _ in range(2):
            answer = await client.ask(b"HEAD / HTTP/1.1\r\nHost: g\r\n\r\n")
            assert answer.status == 200
        assert answer.field("Content-Length") == ("1000" if b"Length" in framing else None)
        assert worker.connections == 1


async def test_chunks_reach_an_old_client_as_plain_bytes() -> None:
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nT: v\r\n\r\n"
    async with working(saying(raw)) as worker, running(worker) as plane:
        assert (await plane.ask(GET)).body == b"abcde"
        old = await plane.ask(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert (old.body, old.field("Connection"), old.field("Transfer-Encoding")) == (b"abcde", "close", None)


async def test_an_answer_up_to_the_end_of_the_connection_becomes_chunks() -> None:
    async def script(reader: Reader, writer: Writer) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.0 200 OK\r\n\r\nhello ")
        await writer.drain()
        writer.write(b"world")

    async with working(script) as worker, running(worker) as plane, plane.client() as client:
        for _ in range(2):
            answer = await client.ask(GET)
            assert (answer.body, answer.field("Transfer-Encoding")) == (b"hello world", "chunked")


async def test_a_client_that_waits_for_a_go_ahead_gets_it_when_a_worker_is_chosen() -> None:
    async with working() as worker, running(worker) as plane, plane.client() as client:
        head = b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
        await client.say(head)
        assert (await client.answer()).status == 100
        answer = await client.ask(b"hello")
        assert answer.body.endswith(b"\r\n\r\nhello")
        assert b"Expect" not in answer.body
        answer = await client.ask(head + b"hello")  # it did not wait
        assert answer.status == 200


async def test_a_client_that_waits_is_refused_without_sending_its_body() -> None:
    async with running(handler=Forwarding(body_limit=10)) as plane, plane.client() as client:
        plane.to(1)
        expecting = b"Content-Length: 11\r\nExpect: 100-continue\r\n\r\n"
        answer = await client.ask(b"POST / HTTP/1.1\r\nHost: g\r\n" + expecting)
        assert (answer.status, answer.field("Connection")) == (413, "close")
        assert await client.rest() == b""


async def test_a_chunked_body_that_grows_too_large_is_refused() -> None:
    async with working() as worker, running(worker, handler=Forwarding(body_limit=10)) as plane:
        start = b"POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n"
        async with plane.client() as client:
            await client.say(start)
            await eventually(lambda: worker.open, "the worker is asked", DEADLINE)
            assert (await client.ask(b"3\r\nabc\r\n")).status == 413
        assert (await plane.ask(start + b"3\r\nabc\r\n0\r\n\r\n")).status == 413
        await eventually(lambda: not worker.open, "the worker is let go", DEADLINE)


async def test_large_bodies_arrive_whole_both_ways() -> None:
    body = bytes(range(256)) * 4096 * 8

    async def echo(reader: Reader, writer: Writer) -> None:
        head = await read_head(reader)
        received = await read_chunks(reader) if b"chunked" in head else await reader.readexactly(len(body))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(received))
        writer.write(received)
        await writer.drain()

    chunked = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (body[:1], body[1:70000], body[70000:]))
    async with working(echo, echo) as worker, running(worker) as plane:
        for raw in (
            b"PUT / HTTP/1.1\r\nHost: g\r\nContent-Length: %d\r\n\r\n" % len(body) + body,
            b"PUT / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked + b"0\r\n\r\n",
        ):
            answer = await plane.ask(raw)
            assert hashlib.sha256(answer.body).digest() == hashlib.sha256(body).digest()
        assert plane.handler.over[0].bytes_in == plane.handler.over[0].bytes_out == len(body)


async def test_a_slow_reader_of_64_mib_costs_no_memory() -> None:
    size, sent = 64 * MEGABYTE, 0

    async def much(reader: Reader, writer: Writer) -> None:
        nonlocal sent
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        piece = bytes(65536)
        while sent < size:
            writer.write(piece)
            sent += len(piece)
            await writer.drain()

    async with working(much) as worker, running(worker) as plane, plane.client() as client:
        tracemalloc.start()
        await client.say(GET)
        before = -1
        while before != sent:  # until nobody takes any more
            before = sent
            await asyncio.sleep(0.2)
        held = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert sent < size
        assert held < 4 * MEGABYTE
        assert len((await client.answer()).body) == size


async def test_a_slow_worker_of_64_mib_costs_no_memory() -> None:
    size, go_on = 64 * MEGABYTE, asyncio.Event()

    async def slow(reader: Reader, writer: Writer) -> None:
        head = await read_head(reader)
        await go_on.wait()
        received = await read_chunks(reader) if b"chunked" in head else await reader.readexactly(size)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Got: %d\r\n\r\n" % len(received))

    async with working(slow) as worker, running(worker) as plane, plane.client() as client:
        await client.say(b"PUT / HTTP/1.1\r\nHost: g\r\nContent-Length: %d\r\n\r\n" % size)
        sent, piece = 0, bytes(65536)

        async def upload() -> None:
            nonlocal sent
            while sent < size:
                await client.say(piece)
                sent += len(piece)

        tracemalloc.start()
        uploading = asyncio.get_running_loop().create_task(upload())
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(0.2)
        held = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert sent < size
        assert held < 4 * MEGABYTE
        go_on.set()
        await uploading
        assert (await client.answer()).field("X-Got") == str(size)


async def test_events_are_sent_on_at_once() -> None:
    next_event = asyncio.Event()

    async def events(reader: Reader, writer: Writer) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(3):
            await next_event.wait()
            next_event.clear()
            writer.write(b"9\r\ndata: %d\n\n\r\n" % number)
        await reader.read()

    async with working(events) as worker, running(worker) as plane, plane.client() as client:
        await client.say(GET)
        assert b"text/event-stream" in await read_head(client.reader)
        for number in range(3):
            next_event.set()
            async with asyncio.timeout(DEADLINE):
                assert await client.reader.readexactly(14) == b"9\r\ndata: %d\n\n\r\n" % number
        client.writer.close()
        await eventually(lambda: not worker.open, "the worker hears that nobody listens", DEADLINE)


async def test_an_endless_answer_outlives_the_deadline_of_its_request() -> None:
    async def events(reader: Reader, writer: Writer) -> None:
        kind = b"text/event-stream" if b"/events" in (await read_request(reader))[0] else b"text/plain"
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: " + kind + b"\r\n\r\na")
        await reader.read()

    deadline = asyncio.get_running_loop().time() + 1000.0
    handler = Forwarding(patience=Patience(DEADLINE, DEADLINE, 2000.0, deadline))
    async with working(events) as worker, running(worker, handler=handler) as plane:
        until = []
        for number, path in enumerate((b"/events", b"/a")):
            async with plane.client() as client:
                await client.say(b"GET " + path + b" HTTP/1.1\r\nHost: g\r\n\r\n")
                assert b" 200 " in await read_head(client.reader)
                upstream = handler.begun[number].upstream
                assert upstream is not None
                until.append(upstream.deadline)
    assert until[0] > deadline + 500.0
    assert until[1] == deadline


async def test_a_failed_try_goes_to_the_next_worker_with_the_same_body() -> None:
    raw = b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000
    async with working(refuse_connections) as bad, working() as good:
        for first in (bad.port, 1):  # one that breaks off, one that does not exist
            async with running(handler=Forwarding(retry=True)) as plane:
                plane.to(first, good.port)
                answer = await plane.ask(raw)
                assert answer.status == 200
                assert answer.body.endswith(b"x" * 100_000)
                assert [trouble.executed for trouble in plane.handler.troubles] == [first != 1]


async def test_a_body_that_is_too_large_to_keep_cannot_be_sent_again() -> None:
    got = 0

    async def breaks_off(reader: Reader, writer: Writer) -> None:
        nonlocal got
        while got < 2 * REPLAY_BYTES:
            got += len(await reader.read(65536))
        writer.transport.abort()

    raw = b"PUT / HTTP/1.1\r\nHost: g\r\nContent-Length: %d\r\n\r\n" % (4 * REPLAY_BYTES) + bytes(4 * REPLAY_BYTES)
    async with working(breaks_off) as bad, running(bad, handler=Forwarding(retry=True)) as plane:
        assert (await plane.ask(raw)).status == 502
        assert [trouble.kind for trouble in plane.handler.troubles] == ["reset"]


async def test_a_body_is_held_back_while_nobody_knows_where_to_send_it() -> None:
    class Waiting(Forwarding):
        def begin(self, exchange: Exchange) -> None:
            self.begun.append(exchange)

    async with working() as worker, running(worker, handler=Waiting()) as plane, plane.client() as client:
        size = 8 * MEGABYTE
        client.writer.write(b"PUT / HTTP/1.1\r\nHost: g\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
        await eventually(lambda: plane.handler.begun, "the request", DEADLINE)
        exchange = plane.handler.begun[0]
        await eventually(lambda: exchange.client._paused, "reading has stopped", DEADLINE)
        assert REPLAY_BYTES <= exchange.bytes_in < REPLAY_BYTES + 300_000
        plane.handler.send(exchange)
        assert len((await client.answer()).body) > size


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of a connection that nobody reads from")
async def test_a_client_that_leaves_while_its_body_is_held_back_is_missed() -> None:
    class Waiting(Forwarding):
        def begin(self, exchange: Exchange) -> None:
            self.begun.append(exchange)
            exchange.on_gone = self._gone

    async with working() as worker, running(worker, handler=Waiting()) as plane, plane.client() as client:
        size = 8 * MEGABYTE
        client.writer.write(b"PUT / HTTP/1.1\r\nHost: g\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
        await eventually(lambda: plane.handler.begun, "the request", DEADLINE)
        [exchange] = plane.handler.begun
        await eventually(lambda: exchange.client._paused, "reading has stopped", DEADLINE)
        exchange.client.deadline = 0.0
        await eventually(lambda: exchange.client.deadline > 0.0, "somebody looks", DEADLINE)
        assert not plane.handler.gone
        client.reset()
        await eventually(lambda: plane.handler.gone, "it is missed", DEADLINE)
        assert plane.handler.over


async def test_a_body_that_is_kept_costs_little_more_than_its_bytes() -> None:
    class Waiting(Forwarding):
        def begin(self, exchange: Exchange) -> None:
            self.begun.append(exchange)

    size = 5000
    async with working() as worker, running(worker, handler=Waiting()) as plane, plane.client() as client:
        await client.say(b"PUT / HTTP/1.1\r\nHost: g\r\nContent-Length: %d\r\n\r\n" % size)
        await eventually(lambda: plane.handler.begun, "the request", DEADLINE)
        [exchange] = plane.handler.begun
        for _ in range(size - 1):  # as many segments
            exchange.client.data_received(b"x")
            assert len(exchange._kept or ()) <= PIECES
        plane.handler.send(exchange)
        assert (await client.ask(b"y")).body.endswith(b"\r\n\r\n" + b"x" * (size - 1) + b"y")


async def test_a_worker_that_answers_and_takes_no_more_of_the_body_is_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def early(reader: Reader, writer: Writer) -> None:
        await read_head(reader)
        writer.write(b"HTTP/1.1 413 Large\r\nContent-Length: 2\r\n\r\nno")
        await release.wait()

    monkeypatch.setattr(upstream, "LAST_WORDS", 0.1)
    release, size = asyncio.Event(), 64 * MEGABYTE
    async with working(early) as worker, running(worker) as plane, plane.client() as client:
        client.writer.write(b"PUT / HTTP/1.1\r\nHost: g\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
        assert (await client.answer()).status == 413
        await eventually(lambda: not plane.upstreams.count, "it is cut off", DEADLINE)
        release.set()


async def test_a_worker_that_takes_no_more_of_a_websocket_whose_client_has_left_is_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def switch(reader: Reader, writer: Writer) -> None:
        await read_head(reader)
        writer.write(b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
        await release.wait()

    monkeypatch.setattr(upstream, "LAST_WORDS", 0.1)
    release = asyncio.Event()
    async with working(switch) as worker, running(worker) as plane:
        async with plane.client() as client:
            await client.say(UPGRADE)
            await client.answer()
            client.writer.write(bytes(64 * MEGABYTE))
            [connection] = plane.server.connections
            await eventually(lambda: connection._paused, "nobody takes any more", DEADLINE)
            connection.transport.abort()  # while it is not read from, the loop does not hear that it has gone
            await eventually(lambda: plane.handler.over, "it is over", DEADLINE)
        await eventually(lambda: not plane.upstreams.count, "the worker is cut off", DEADLINE)
        release.set()


async def test_a_handler_may_read_a_small_answer_and_send_it_on_or_try_another() -> None:
    documents: list[bytes | None] = []

    def decide(exchange: Exchange, head: ResponseHead) -> None:
        def read(body: bytes | None) -> None:
            documents.append(body)
            if body == b"busy" and len(documents) < 2:
                exchange.discard()
                handler.send(exchange)
            else:
                exchange.relay(PASSING)

        if head.status == 503:
            exchange.peek(read)
        else:
            exchange.relay(PASSING)

    busy = saying(b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy")
    chunked = saying(b"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbusy\r\n0\r\n\r\n")
    large = saying(b"HTTP/1.1 503 Busy\r\nContent-Length: 200000\r\n\r\n" + b"y" * 200_000)
    handler = Deciding()
    handler.decide = decide
    async with (
        working(busy) as one,
        working(chunked) as two,
        working(large) as three,
        working() as four,
        running(handler=handler) as plane,
    ):
        plane.to(one.port, four.port)
        assert (await plane.ask(GET)).status == 200
        plane.to(one.port, two.port)
        documents.clear()
        answer = await plane.ask(GET)
        assert (answer.status, answer.body) == (503, b"busy")
        assert documents == [b"busy", b"busy"]
        plane.to(three.port)
        answer = await plane.ask(GET)
        assert (answer.status, answer.body) == (503, b"y" * 200_000)
        assert documents[-1] is None
        assert one.connections == 1  # what was read whole leaves its connection usable


@pytest.mark.parametrize("drips", [True, False])
async def test_an_answer_that_is_read_first_must_come_as_soon_as_a_connection(drips: bool) -> None:
    async def stalls(reader: Reader, writer: Writer) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 100000\r\n\r\n")
        while drips:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)
        await reader.read()

    def decide(exchange: Exchange, _head: ResponseHead) -> None:
        exchange.patience = replace(exchange.patience, connect=0.3)
        exchange.peek(heard.append)

    handler = Deciding()
    handler.decide = decide
    heard: list[bytes | None] = []
    async with working(stalls) as worker, running(worker, handler=handler) as plane:
        assert (await plane.ask(GET)).status == 504
        assert not heard
        assert [(one.kind, one.executed) for one in handler.troubles] == [("timeout", True)]
        await eventually(lambda: not worker.open, "the worker is let go", DEADLINE)


async def test_an_answer_that_breaks_off_while_it_is_read_is_a_failure() -> None:
    async def breaks(reader: Reader, writer: Writer) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\nhalf")

    handler = Deciding(retry=True)
    handler.decide = lambda exchange, head: (
        exchange.peek(heard.append) if head.status == 503 else exchange.relay(PASSING)
    )
    heard: list[bytes | None] = []
    async with working(breaks) as bad, working() as good, running(bad, good, handler=handler) as plane:
        assert (await plane.ask(GET)).status == 200
        assert not heard
        assert [one.kind for one in handler.troubles] == ["reset"]


async def test_an_answer_whose_beginning_was_read_has_all_the_time_again() -> None:
    def decide(exchange: Exchange, _head: ResponseHead) -> None:
        def go_on(_body: bytes | None) -> None:
            times.append(exchange.patience)
            exchange.relay(PASSING)

        exchange.peek(go_on)

    times: list[Patience] = []
    handler = Deciding()
    handler.decide = decide
    for size in (100, 200_000):
        large = saying(b"HTTP/1.1 503 Busy\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
        async with working(large) as worker, running(worker, handler=handler) as plane:
            assert len((await plane.ask(GET)).body) == size
    assert times == [handler.patience] * 2


async def test_a_decision_may_come_later() -> None:
    async def later(exchange: Exchange, release: asyncio.Event) -> None:
        await release.wait()
        exchange.relay(PASSING)

    tasks, release = [], asyncio.Event()
    handler = Deciding()
    handler.decide = lambda exchange, _: tasks.append(
        asyncio.get_running_loop().create_task(later(exchange, release))
    )
    body = b"z" * 1_000_000
    script = saying(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + body)
    async with working(script) as worker, running(worker, handler=handler) as plane, plane.client() as client:
        await client.say(GET)
        await eventually(lambda: tasks, "the answer", DEADLINE)
        release.set()
        assert (await client.answer()).body == body


async def test_a_handler_answers_itself() -> None:
    class Own(Forwarding):
        def begin(self, exchange: Exchange) -> None:
            self.begun.append(exchange)
            if exchange.head.target == "/problem":
                exchange.refuse(Problem("rate-limited", "Slowly.", headers={"Retry-After": "3"}))
            else:
                exchange.answer(200, field_line("X-A", "b"), b"hello")
            exchange.answer(500)  # too late

    async with running(handler=Own()) as plane, plane.client() as client:
        answer = await client.ask(GET)
        assert (answer.status, answer.field("X-A"), answer.body) == (200, "b", b"hello")
        answer = await client.ask(b"HEAD / HTTP/1.1\r\nHost: g\r\n\r\n")
        assert (answer.status, answer.field("Content-Length")) == (200, "5")
        answer = await client.ask(b"GET /problem HTTP/1.1\r\nHost: g\r\n\r\n")
        assert (answer.status, answer.field("Retry-After")) == (429, "3")
        assert json.loads(answer.body)["type"].endswith("/rate-limited")
        answer = await client.ask(b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 10\r\n\r\nhalf")
        assert (answer.status, answer.field("Connection")) == (200, None)
        assert (await client.ask(b"fterit" + GET)).body == b"hello"


async def test_a_handler_may_cut_a_client_off() -> None:
    class Cutting(Forwarding):
        def answered(self, exchange: Exchange, head: ResponseHead) -> None:
            exchange.abort("enough")

    async with working() as worker, running(worker, handler=Cutting()) as plane, plane.client() as client:
        await client.say(GET)
        assert await client.rest() == b""
        assert plane.handler.over[0].broken == "enough"
        await eventually(lambda: not worker.open, "the worker is let go", DEADLINE)


@pytest.mark.parametrize("where", ["begin", "answered", "failed", "finished", "later"])
async def test_a_handler_that_raises_harms_its_own_request_only(
    where: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Raising(Forwarding):
        def begin(self, exchange: Exchange) -> None:
            super().begin(exchange)
            self.fail("begin", exchange)

        def answered(self, exchange: Exchange, head: ResponseHead) -> None:
            self.fail("answered", exchange)
            super().answered(exchange, head)
            self.fail("later", exchange)

        def failed(self, exchange: Exchange, trouble: Trouble) -> None:
            self.fail("failed", exchange)

        def finished(self, exchange: Exchange) -> None:
            super().finished(exchange)
            self.fail("finished", exchange)

        def fail(self, place: str, exchange: Exchange) -> None:
            if place == where and exchange.head.target == "/a":
                raise RuntimeError("oops")

    script = saying(b"" if where == "failed" else OK)
    handler = Raising(patience=Patience(DEADLINE, 0.1 if where == "failed" else DEADLINE))
    with caplog.at_level(logging.CRITICAL):
        async with working(script) as worker, running(worker, handler=handler) as plane, plane.client() as client:
            answer = await client.ask(GET)
            assert answer.status == (200 if where in ("finished", "later") else 500)
            if where != "failed":
                assert (await plane.ask(b"GET /b HTTP/1.1\r\nHost: g\r\n\r\n")).status == 200


UPGRADE = b"GET /ws HTTP/1.1\r\nHost: g\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


async def test_a_websocket_is_spliced_after_the_switch() -> None:
    async def switch(reader: Reader, writer: Writer) -> None:
        head = await read_head(reader)
        assert b"Upgrade: websocket" in head
        writer.write(b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\nA: b\r\n\r\nhello")
        while data := await reader.read(65536):
            writer.write(data[::-1])
            if data == b"bye":
                return

    async with working(switch) as worker, running(worker) as plane, plane.client() as client:
        await client.say(UPGRADE + b"early")
        answer = await client.answer()
        assert (answer.status, answer.field("Upgrade"), answer.field("A")) == (101, "websocket", "b")
        async with asyncio.timeout(DEADLINE):
            assert await client.reader.readexactly(10) == b"helloylrae"
            await client.say(bytes(MEGABYTE) + b"end")
            assert (await client.reader.readexactly(MEGABYTE + 3)).count(b"e") == 1
            await asyncio.sleep(0)
            await client.say(b"bye")
            assert await client.rest() in (b"eyb", b"e", b"ye", b"yb")
        await eventually(lambda: plane.handler.over, "it is over", DEADLINE)
        assert plane.handler.over[0].status == 101


async def test_a_client_that_leaves_a_websocket_is_missed_at_once() -> None:
    async def switch(reader: Reader, writer: Writer) -> None:
        await read_head(reader)
        writer.write(b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
        heard.append(await reader.read())

    heard: list[bytes] = []
    async with working(switch) as worker, running(worker) as plane, plane.client() as client:
        await client.say(UPGRADE)
        await client.answer()
        await client.say(b"last words")
        client.writer.close()
        await eventually(lambda: heard, "the worker hears of it", DEADLINE)
        assert heard == [b"last words"]


async def test_an_idle_tunnel_is_cut_and_one_that_is_used_is_not() -> None:
    async def switch(reader: Reader, writer: Writer) -> None:
        await read_head(reader)
        writer.write(b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
        await reader.read()

    limits = ServerLimits(tunnel_idle=0.2)
    async with working(switch) as worker, running(worker, limits=limits) as plane, plane.client() as client:
        await client.say(UPGRADE)
        await client.answer()
        assert await client.rest() == b""
        await eventually(lambda: not worker.open, "the worker is let go", DEADLINE)


async def test_a_refused_upgrade_is_an_answer_like_any_other() -> None:
    raw = b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno"
    async with working(saying(raw)) as worker, running(worker) as plane, plane.client() as client:
        answer = await client.ask(UPGRADE)
        assert (answer.status, answer.body) == (403, b"no")
        assert (await client.ask(GET)).status == 403


async def test_a_client_that_leaves_before_the_answer_is_noticed_at_once() -> None:
    async def never(reader: Reader, writer: Writer) -> None:
        await read_request(reader)
        await reader.read()

    async with working(never) as worker, running(worker) as plane:
        for leave in ("close", "reset", "half"):
            async with plane.client() as client:
                await client.say(GET)
                await eventually(lambda: worker.open, "the worker is asked", DEADLINE)
                if leave == "reset":
                    client.reset()
                elif leave == "half":
                    client.writer.write_eof()
                else:
                    client.writer.close()
                await eventually(lambda: not worker.open, "the worker hears of it", DEADLINE)
        assert plane.handler.gone == 3
        assert all(exchange.gone and not exchange.status for exchange in plane.handler.over)


async def test_a_client_that_leaves_while_we_connect_or_decide_is_noticed() -> None:
    class Waiting(Forwarding):
        def begin(self, exchange: Exchange) -> None:
            self.begun.append(exchange)
            exchange.on_gone = self._gone

    async with working() as worker, running(worker, handler=Waiting()) as plane:
        async with plane.client() as client:
            await client.say(GET)
            await eventually(lambda: plane.handler.begun, "the request", DEADLINE)
        await eventually(lambda: plane.handler.gone, "the handler is told", DEADLINE)
        exchange = plane.handler.begun[0]
        plane.handler.send(exchange)  # no harm any more
        exchange.answer(200)
        assert worker.connections == 0
