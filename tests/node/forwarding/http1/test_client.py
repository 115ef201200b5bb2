"""Clients: requests are found in their bytes however these are cut, answered in order, and the slow are cut."""

from __future__ import annotations

import asyncio
import json
import random
from types import SimpleNamespace
from typing import Any

import pytest

from node.forwarding.http1.client import FIRST_HEADS, REMEMBERED, TURNS, FirstHeads
from node.forwarding.http1.head import BadHead, HeadLimits
from node.forwarding.http1.limits import ServerLimits
from tests.support.http1 import DEADLINE, GET, OK, Forwarding, answer_ok, read_head, read_request, running, working
from tests.support.waiting import eventually

POST = b"POST /b HTTP/1.1\r\nHost: g\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"POST /c HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\nT: v\r\n\r\n"
)
MUCH = 64 * 2**20  # bytes
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def test_a_request_goes_through_and_the_answer_comes_back() -> None:
    async with working() as worker, running(worker) as plane:
        answer = await plane.ask(GET)
        assert answer.status == 200
        assert answer.field("X-Worker") == "w"
        assert answer.field("Date") is not None
        assert answer.body == b"GET /a HTTP/1.1\r\nHost: worker\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n"
        over = plane.handler.over[0]
        assert (over.status, over.bytes_in, over.bytes_out, over.gone) == (200, 0, len(answer.body), False)
        assert over.began_at <= over.answered_at <= over.ended_at


async def test_one_connection_carries_many_requests_on_both_sides() -> None:
    async with working() as worker, running(worker) as plane, plane.client() as client:
        for _ in range(5):
            assert (await client.ask(GET)).status == 200
            assert (await client.ask(POST)).body.endswith(b"\r\n\r\nhello")
            assert (await client.ask(CHUNKED)).body.endswith(b"\r\n\r\nabcde")
        assert worker.connections == 1


async def test_pipelined_requests_are_answered_in_order() -> None:
    async with working() as worker, running(worker) as plane, plane.client() as client:
        requests = [
            b"POST /%d HTTP/1.1\r\nHost: g\r\nContent-Length: %d\r\n\r\n" % (number, number) + b"x" * number
            if number % 2
            else b"GET /%d HTTP/1.1\r\nHost: g\r\n\r\n" % number
            for number in range(200)
        ]
        await client.say(b"".join(requests))
        for number in range(200):
            answer = await client.answer()
            assert f" /{number} ".encode() in answer.body


async def test_pipelined_refusals_do_not_overtake() -> None:
    async with working() as worker, running(worker) as plane, plane.client() as client:
        await client.say(GET + b"BAD\r\n\r\n" + GET)
        assert (await client.answer()).status == 200
        assert (await client.answer()).status == 400
        assert await client.rest() == b""
        assert len(plane.handler.begun) == 1


async def test_any_split_of_the_bytes_gives_the_same() -> None:
    whole = GET + POST + CHUNKED + b"\r\n\r\n" + POST + b"GET /e HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n"
    rng = random.Random(1)
    async with working() as worker, running(worker) as plane:
        async with plane.client() as client:
            await client.say(whole)
            expected = without_dates(await client.rest())
        for turn in range(30):
            cuts = range(len(whole)) if turn == 0 else sorted(rng.sample(range(len(whole)), rng.randint(1, 9)))
            async with plane.client() as client:
                start = 0
                for end in (*cuts, len(whole)):
                    await client.say(whole[start:end])
                    start = end
                    await asyncio.sleep(0)
                assert without_dates(await client.rest()) == expected
    assert expected.count(b"HTTP/1.1 200 OK") == 5


def without_dates(answers: bytes) -> bytes:
    return b"\r\n".join(line for line in answers.split(b"\r\n") if not line.startswith(b"Date:"))


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET / HTTP/1.1\n\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00", 400),
        (b"GET / HTTP/1.1\r\nHost: g\r\nX : y\r\n\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (b"TRACE / HTTP/1.1\r\nHost: g\r\n\r\n", 405),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: g\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: g\r\n" + b"a: b\r\n" * 100 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 40000, 431),
    ],
)
async def test_what_is_no_request_is_refused_and_the_connection_closed(raw: bytes, status: int) -> None:
    async with running() as plane, plane.client() as client:
        answer = await client.ask(raw)
        assert answer.status == status
        assert answer.field("Connection") == "close"
        assert answer.field("Content-Type") == "application/problem+json"
        document = json.loads(answer.body)
        assert document["status"] == status
        assert document["request_id"] == answer.field("X-Request-ID")
        assert (answer.field("Allow") is not None) == (status == 405)
        assert await client.rest() == b""
        assert plane.server.refused[status] == 1
        assert not plane.handler.begun


async def test_a_refused_client_reads_why_although_it_goes_on_sending() -> None:
    limits = ServerLimits(linger=DEADLINE)
    async with running(limits=limits) as plane, plane.client() as client:
        client.writer.write(b"GET / HTTP/1.1\r\nX: " + b"a" * 1_000_000)
        assert (await client.answer()).status == 431


async def test_http_1_0_is_answered_and_closed_unless_it_asks_otherwise() -> None:
    async with working() as worker, running(worker) as plane:
        async with plane.client() as client:
            assert (await client.ask(b"GET / HTTP/1.0\r\n\r\n")).field("Connection") == "close"
            assert await client.rest() == b""
        async with plane.client() as client:
            for _ in range(2):
                answer = await client.ask(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                assert answer.field("Connection") == "keep-alive"


async def test_a_client_that_says_close_is_closed() -> None:
    async with working() as worker, running(worker) as plane, plane.client() as client:
        answer = await client.ask(b"GET / HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
        assert answer.field("Connection") == "close"
        assert await client.rest() == b""


async def test_a_slow_head_is_cut_and_told_why() -> None:
    async with running() as plane, plane.client() as client:
        await client.say(b"GET / HTTP/1.1\r\n")
        await eventually(lambda: any(one._in_head for one in plane.server.connections), "a head", DEADLINE)
        connection = next(iter(plane.server.connections))
        deadline = connection.deadline
        for number in range(1, 4):  # dripping, as slowloris does, wins no time
            await client.say(b"X: y\r\n")
            size = 16 + 6 * number
            await eventually(lambda size=size: len(connection._buffer) == size, "the line", DEADLINE)  # type: ignore[misc]
        assert connection.deadline == deadline
        connection.deadline = 0.0
        assert (await client.answer()).status == 408


async def test_a_silent_connection_is_cut_without_a_word() -> None:
    async with running(limits=ServerLimits(head_time=0.1)) as plane, plane.client() as client:
        assert await client.rest() == b""


async def test_an_idle_connection_is_closed_after_its_time() -> None:
    limits = ServerLimits(keepalive=0.1)
    async with working() as worker, running(worker, limits=limits) as plane, plane.client() as client:
        assert (await client.ask(GET)).status == 200
        assert await client.rest() == b""


async def test_a_body_that_stops_is_answered_with_408() -> None:
    limits = ServerLimits(body_idle=0.1)
    async with working() as worker, running(worker, limits=limits) as plane, plane.client() as client:
        await client.say(POST[:-2])
        answer = await client.answer()
        assert answer.status == 408
        assert plane.handler.troubles[0].kind == "client"
        await eventually(lambda: not worker.open, "the worker's connection is closed", DEADLINE)


async def test_a_broken_chunk_is_answered_with_400() -> None:
    async with working() as worker, running(worker) as plane:
        for body in (b"zz\r\n", b"3\r\nabcd\r\n", b"3\r\nabc\r\nx\r\n"):
            answer = await plane.ask(CHUNKED.partition(b"3\r\n")[0] + body)
            assert answer.status == 400
            async with plane.client() as client:
                await client.say(CHUNKED.partition(b"3\r\n")[0])
                await eventually(
                    lambda: not all(one.done for one in plane.handler.begun), "the request is begun", DEADLINE
                )
                assert (await client.ask(body)).status == 400
        assert plane.server.refused[400] == 3
        assert len(plane.handler.over) == 3
        await eventually(lambda: not worker.open, "the worker's connections are closed", DEADLINE)


async def test_more_early_requests_than_may_wait_are_left_in_the_network() -> None:
    release = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        await release.wait()
        writer.write(OK)
        await answer_ok(reader, writer)

    limits = ServerLimits(early=4096)
    async with working(slow) as worker, running(worker, limits=limits) as plane, plane.client() as client:
        count = 20_000
        client.writer.write(GET * count)
        await eventually(lambda: len(plane.handler.begun) == 1, "the first request", DEADLINE)
        connection = next(iter(plane.server.connections))
        await eventually(lambda: connection._paused, "reading has stopped", DEADLINE)
        assert len(connection._buffer) < 4096 + 300_000
        release.set()
        for _ in range(count):
            assert (await client.answer()).status == 200


async def test_a_flood_of_early_requests_leaves_others_their_turn() -> None:
    async with running(handler=Forwarding(to_app="/")) as plane, plane.client() as client:
        await client.say(GET)
        await eventually(lambda: plane.handler.over, "the first is answered", DEADLINE)
        [connection] = plane.server.connections
        before, count = len(plane.handler.over), 2000
        connection.data_received(GET * count)
        assert len(plane.handler.over) - before == TURNS  # in one go
        assert connection._paused  # and no more is read meanwhile
        for _ in range(count + 1):
            assert (await client.answer()).status == 404
        assert not connection._paused
        assert len(plane.handler.over) == 1 + count


async def test_a_reset_leaves_nothing_behind() -> None:
    async with working() as worker, running(worker) as plane:
        for raw in (b"", b"GET / HT", POST[:-1], CHUNKED[:-9], GET):
            async with plane.client() as client:
                await client.say(raw)
                client.reset()
        await eventually(lambda: not plane.server.connections, "all connections are forgotten", DEADLINE)
        await eventually(lambda: len(plane.handler.over) == len(plane.handler.begun), "all are over", DEADLINE)


async def much(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer with far more than the kernel holds."""
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % MUCH)
    for _ in range(MUCH // 65536):
        writer.write(bytes(65536))
        await writer.drain()


async def test_a_client_that_takes_nothing_is_cut() -> None:
    limits = ServerLimits(write_stall=0.5)
    async with working(much) as worker, running(worker, limits=limits) as plane, plane.client() as client:
        await client.say(GET)
        await eventually(lambda: plane.handler.over, "the client is cut", DEADLINE)
        assert plane.handler.over[0].gone
        assert plane.handler.gone == 1
        await eventually(lambda: not worker.open, "the worker is let go", DEADLINE)


async def test_a_client_that_takes_something_now_and_then_is_left_in_peace() -> None:
    limits = ServerLimits(write_stall=10 * DEADLINE)
    async with working(much) as worker, running(worker, limits=limits) as plane, plane.client() as client:
        await client.say(GET)
        await read_head(client.reader)
        [connection] = plane.server.connections
        for _ in range(4):
            await eventually(lambda: connection.write_paused, "it takes no more", DEADLINE)
            connection.deadline = 0.0
            await eventually(lambda: connection.deadline, "its time was over", DEADLINE)
            async with asyncio.timeout(DEADLINE):
                await client.reader.readexactly(MUCH // 8)
        async with asyncio.timeout(DEADLINE):
            assert len(await client.reader.readexactly(MUCH // 2)) == MUCH // 2


async def test_connections_to_one_address_are_limited() -> None:
    limits = ServerLimits(connections_per_address=2, open_addresses=frozenset())
    async with working() as worker, running(worker, limits=limits) as plane:
        async with plane.client() as first, plane.client() as second:
            assert (await first.ask(GET)).status == (await second.ask(GET)).status == 200
            async with plane.client() as third:
                answer = await third.answer()
                assert (answer.status, answer.field("Retry-After")) == (503, "2")
                assert await third.rest() == b""
            assert (await first.ask(GET)).status == 200
        await eventually(lambda: not plane.server.connections, "they are gone", DEADLINE)
        assert (await plane.ask(GET)).status == 200
    assert len(plane.handler.begun) == 4


async def test_a_head_has_the_servers_own_limits() -> None:
    limits = ServerLimits(head=HeadLimits(size=100))
    async with running(limits=limits, handler=Forwarding()) as plane:
        assert (await plane.ask(b"GET / HTTP/1.1\r\nHost: g\r\nX: " + b"y" * 100 + b"\r\n\r\n")).status == 431


async def test_connections_of_one_address_that_begin_alike_share_what_is_known_of_their_head() -> None:
    async with working() as worker, running(worker) as plane:
        for _ in range(3):
            assert (await plane.ask(GET)).status == 200
            assert (await plane.ask(POST)).body.endswith(b"\r\n\r\nhello")
        heads = [exchange.head for exchange in plane.handler.over]
        assert heads[0] is heads[2] is heads[4]
        assert heads[1] is heads[3] is heads[5]


def test_first_heads_are_shared_by_one_address_only_and_bounded() -> None:
    def connection(peer: str, *, secure: bool = False) -> Any:
        return SimpleNamespace(peer=peer, secure=secure, server=SimpleNamespace(limits=ServerLimits()))

    known, one = FirstHeads(), connection("192.0.2.1")
    raw, head = known.read(one, GET)
    assert known.read(one, bytes(bytearray(GET))) == (raw, head)
    assert known.read(one, bytes(bytearray(GET)))[0] is raw
    assert known.read(connection("192.0.2.2"), GET)[1] is not head
    assert known.read(connection("192.0.2.1", secure=True), GET)[1] is not head
    long = GET[:-2] + b"X: " + b"y" * REMEMBERED + b"\r\n\r\n"
    assert known.read(one, long)[1] is not known.read(one, long)[1]
    for number in range(2 * FIRST_HEADS):
        known.read(one, GET[:-2] + b"X: %d\r\n\r\n" % number)
    assert len(known._known) <= FIRST_HEADS
    with pytest.raises(BadHead):
        known.read(one, b"nonsense\r\n\r\n")
