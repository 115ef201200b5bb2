"""A coordinator that passes requests on: one that hangs is given up soon, and a slow worker behind one is not."""

from __future__ import annotations

import asyncio

import pytest

from node.forwarding.http1 import passing
from node.forwarding.http1.passing import HANGS, PassingPool, make_pool
from node.forwarding.http1.pool import Address, CoordinatorAddress, Pool, Upstreams
from node.forwarding.http1.sweep import Sweep
from tests.support.http1 import DEADLINE, GET, OK, Forwarding, Plane, Worker, read_request, running, working
from tests.support.waiting import eventually

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter


def through(plane: Plane, worker: Worker) -> PassingPool:
    return PassingPool(plane.upstreams, CoordinatorAddress("127.0.0.1", worker.port))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passing, "SLOW", 0.05)


async def test_only_coordinators_are_asked() -> None:
    upstreams = Upstreams(Sweep(), make=make_pool)
    assert type(upstreams.pool(Address("127.0.0.1", 1))) is Pool
    assert type(upstreams.pool(CoordinatorAddress("127.0.0.1", 1))) is PassingPool


async def test_requests_go_another_way_when_it_hangs_and_come_back_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passing, "LIMIT", 0.2)
    hangs = asyncio.Event()
    hangs.set()

    async def halting(reader: Reader, writer: Writer) -> None:
        while await read_request(reader):
            if hangs.is_set():
                await reader.read()
            writer.write(OK)

    handler = Forwarding(retry=True)
    async with working(halting) as worker, working() as other, running(other, handler=handler) as plane:
        pool = through(plane, worker)
        handler.pools.insert(0, pool)
        assert (await plane.ask(GET)).status == 200
        assert [trouble.reason for trouble in handler.troubles] == [HANGS]
        assert handler.turn == 2
        connections = worker.connections
        handler.turn, handler.troubles = 0, []
        monkeypatch.setattr(pool, "_rests_until", float("inf"))
        assert (await plane.ask(GET)).status == 200
        assert [(trouble.kind, trouble.reason) for trouble in handler.troubles] == [("connect", HANGS)]
        assert worker.connections == connections, "nobody waits for it now"
        hangs.clear()
        handler.turn, handler.troubles = 0, []
        monkeypatch.setattr(pool, "_rests_until", float("-inf"))
        monkeypatch.setattr(passing, "LIMIT", DEADLINE)
        assert (await plane.ask(GET)).status == 200
        assert handler.troubles == []


async def test_a_slow_worker_behind_one_that_answers_is_waited_for() -> None:
    asked = 0
    done = asyncio.Event()

    async def passes_on(reader: Reader, writer: Writer) -> None:
        nonlocal asked
        while True:
            head, _ = await read_request(reader)
            if head.startswith(b"GET /ready "):
                asked += 1
            else:
                await done.wait()
            writer.write(OK)

    async with working(passes_on) as worker, running(worker) as plane:
        pool = through(plane, worker)
        plane.handler.pools[:] = [pool]
        async with plane.client() as client:
            await client.say(GET)
            await eventually(lambda: asked >= 3, "it is asked again and again", DEADLINE)
            done.set()
            assert (await client.answer()).status == 200
        assert plane.handler.troubles == []
        await eventually(lambda: pool not in plane.upstreams.sweep.members, "it is left alone", DEADLINE)
