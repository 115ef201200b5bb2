"""Pools: connections are used again, limited in number, and shared out among those who wait."""

from __future__ import annotations

import asyncio
import socket

from node.forwarding.http1.interface import Patience
from node.forwarding.http1.limits import UpstreamLimits
from node.forwarding.http1.pool import Address, FullError, Upstreams, reason_of
from node.forwarding.http1.sweep import Sweep
from node.forwarding.http1.upstream import UpstreamConnection
from tests.support.http1 import DEADLINE, GET, OK, Forwarding, read_request, running, working
from tests.support.waiting import eventually

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter


async def test_an_address_has_one_pool_while_it_is_used() -> None:
    upstreams = Upstreams(Sweep(), UpstreamLimits(connections=2))
    one = upstreams.pool(Address("127.0.0.1", 1))
    assert upstreams.pool(Address("127.0.0.1", 1)) is one
    one.connecting = 1
    for port in range(2, 20):
        upstreams.pool(Address("127.0.0.1", port))
    assert len(upstreams._pools) <= 2
    assert upstreams.pool(Address("127.0.0.1", 1)) is one


async def test_many_clients_share_few_connections_one_after_another() -> None:
    async with working() as worker, running(worker) as plane:
        for _ in range(20):
            assert (await plane.ask(GET)).status == 200
        assert worker.connections == 1
        assert plane.handler.pools[0].idle == plane.handler.pools[0].count == 1


async def test_nothing_is_kept_once_a_drain_has_begun() -> None:
    async with working() as worker, running(worker) as plane:
        assert (await plane.ask(GET)).status == 200
        assert plane.handler.pools[0].idle == 1
        plane.upstreams.drain()
        await eventually(lambda: plane.upstreams.count == 0, "what was idle is closed", DEADLINE)
        assert (await plane.ask(GET)).status == 200
        await eventually(lambda: plane.upstreams.count == 0, "and so is what has served", DEADLINE)


async def test_too_many_connections_to_one_worker_are_refused() -> None:
    async def never(reader: Reader, writer: Writer) -> None:
        await reader.read()

    async with (
        working(never) as worker,
        running(worker, upstream=UpstreamLimits(connections_per_address=2)) as plane,
    ):
        async with plane.client() as one, plane.client() as two:
            await one.say(GET)
            await two.say(GET)
            await eventually(lambda: worker.open == 2, "both are asked", DEADLINE)
            answer = await plane.ask(GET)
            assert (answer.status, answer.field("Retry-After")) == (503, "2")
            assert [(one.kind, one.executed) for one in plane.handler.troubles] == [("full", False)]
        await eventually(lambda: plane.upstreams.count == 0, "all are let go", DEADLINE)


async def test_an_idle_connection_makes_room_for_another_worker() -> None:
    async with working() as one, working() as two, running(upstream=UpstreamLimits(connections=1)) as plane:
        for _ in range(2):
            for worker in (one, two):
                plane.to(worker.port)
                assert (await plane.ask(GET)).status == 200
        assert plane.upstreams.count == 1


async def test_nobody_listens() -> None:
    async with running() as plane:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            plane.to(taken.getsockname()[1])
            assert (await plane.ask(GET)).status == 502
        trouble = plane.handler.troubles[0]
        assert (trouble.kind, trouble.executed) == ("connect", False)
        assert "127.0.0.1" not in trouble.reason
        assert plane.upstreams.count == plane.handler.pools[0].count == 0


async def test_a_connection_that_does_not_come_about_in_time_is_given_up() -> None:
    async def hangs(address: Address, connection: UpstreamConnection) -> None:
        await asyncio.Event().wait()

    async with running(handler=Forwarding(patience=Patience(0.05, DEADLINE, DEADLINE))) as plane:
        plane.upstreams.connect = hangs
        plane.to(1)
        assert (await plane.ask(GET)).status == 502
        assert "within 0.05 s" in plane.handler.troubles[0].reason


async def test_a_connection_made_for_one_who_left_serves_the_next() -> None:
    release = asyncio.Event()

    async def late(address: Address, connection: UpstreamConnection) -> None:
        await release.wait()
        await asyncio.get_running_loop().create_connection(lambda: connection, address.host, address.port)

    async with working() as worker, running(handler=Forwarding(patience=Patience(DEADLINE))) as plane:
        plane.upstreams.connect = late
        plane.to(worker.port)
        async with plane.client() as client:
            await client.say(GET)
            await eventually(lambda: plane.handler.pools[0].connecting, "it is being connected", DEADLINE)
        await eventually(lambda: plane.handler.over, "the client has gone", DEADLINE)
        release.set()
        await eventually(lambda: plane.handler.pools[0].idle == 1, "it is kept", DEADLINE)
        assert (await plane.ask(GET)).status == 200
        assert worker.connections == 1


async def test_who_waits_gets_the_connection_that_is_free_first() -> None:
    async def hangs(address: Address, connection: UpstreamConnection) -> None:
        await asyncio.Event().wait()

    async def slow(reader: Reader, writer: Writer) -> None:
        while True:
            await read_request(reader)
            await release.wait()
            writer.write(OK)

    release = asyncio.Event()
    handler = Forwarding(patience=Patience(DEADLINE, DEADLINE, DEADLINE))
    async with (
        working(slow) as worker,
        running(worker, handler=handler) as plane,
        plane.client() as first,
        plane.client() as second,
    ):
        await first.say(GET)
        await eventually(lambda: worker.open, "the first is asked", DEADLINE)
        plane.upstreams.connect = hangs
        await second.say(GET)
        await eventually(lambda: plane.handler.pools[0].connecting, "the second waits", DEADLINE)
        release.set()
        assert (await first.answer()).status == (await second.answer()).status == 200


def test_a_reason_names_no_address() -> None:
    assert reason_of(ConnectionRefusedError(111, "Connect call failed ('10.0.0.1', 80)")) == "Connection refused"
    assert reason_of(socket.gaierror(-2, "x")) == "its name leads nowhere"


async def test_who_may_not_be_connected_to_now_is_not_said_to_be_away() -> None:
    async def full(_address: Address, _connection: UpstreamConnection) -> None:
        raise FullError(11, "no more")

    handler = Forwarding(patience=Patience(DEADLINE, DEADLINE, DEADLINE))
    async with working() as worker, running(worker, handler=handler) as plane, plane.client() as client:
        plane.upstreams.connect = full
        await client.say(GET)
        assert (await client.answer()).status == 503
