"""A silent worker can be reached no more: the request goes elsewhere as well. Real routers and servers."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from aiohttp import web

from node.forwarding.knocker import TRIES
from node.routing.settings import RoutingSettings
from tests.support.routing import (
    OCR,
    ONCE,
    Source,
    fine,
    front,
    killed,
    mesh,
    post,
    record,
    serving,
    silent,
    until,
)


async def nobody_there(_host: str, _port: int) -> None:
    raise OSError


class Doors:
    """A worker that answers after it was knocked at several times; whether anybody opened, a test says."""

    def __init__(self, *, open_to_knocks: bool) -> None:
        self._open = open_to_knocks
        self._knocks = 0

    async def touch(self, _host: str, _port: int) -> None:
        self._knocks += 1
        if not self._open:
            raise OSError

    async def thinks(self, request: web.Request) -> web.StreamResponse:
        await until(lambda: self._knocks > 6)
        return await fine(request)


def doubting(lost_patience: float = 60.0) -> RoutingSettings:
    return RoutingSettings(
        policy="round-robin",
        retry_base=0.0,
        doubt_after=0.01,
        doubt_again=0.01,
        connect_timeout=60.0,
        first_byte_timeout=60.0,
        lost_patience=lost_patience,
    )


async def test_who_can_be_reached_no_more_is_not_waited_for_alone() -> None:
    async with mesh(silent, fine, settings=doubting(), idempotent=True) as (gateway, (first, _)):
        gateway.router._parts.forwarder._knocker._touch = nobody_there
        assert await post(gateway) == (200, "2", "fine")
        await until(lambda: first.let_go == 1)
        parts = gateway.router._parts
        assert [item.worker_id for item in parts.cache.ranking(OCR.name)] == ["w2"], (
            "the next one goes there at once"
        )
        assert gateway.router.stats().retries == 1


async def test_who_thinks_long_and_can_be_reached_is_waited_for() -> None:
    door = Doors(open_to_knocks=True)
    async with mesh(door.thinks, fine, settings=doubting(), idempotent=True) as (gateway, (_, second)):
        gateway.router._parts.forwarder._knocker._touch = door.touch
        assert await post(gateway) == (200, "1", "fine")
        assert second.bodies == []


async def test_what_may_not_be_done_twice_is_waited_for_wherever_it_is() -> None:
    async def thinks(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(1.0)  # several looks at who is overdue
        return await fine(request)

    async with mesh(thinks, fine, settings=doubting()) as (gateway, (_, second)):
        gateway.router._parts.forwarder._knocker._touch = nobody_there
        assert await post(gateway) == (200, "1", "fine")
        assert second.bodies == []


async def test_an_answer_that_comes_after_all_is_as_good_as_another_ones() -> None:
    beside = asyncio.Event()

    async def thinks(request: web.Request) -> web.StreamResponse:
        await beside.wait()
        return await fine(request)

    async def never(request: web.Request) -> web.StreamResponse:
        beside.set()
        return await silent(request)

    async with mesh(thinks, never, settings=doubting(), idempotent=True) as (gateway, (_, second)):
        gateway.router._parts.forwarder._knocker._touch = nobody_there
        assert await post(gateway) == (200, "2", "fine")
        await until(lambda: second.let_go == 1)


async def test_the_same_worker_is_asked_by_another_of_its_addresses() -> None:
    async with serving(silent) as dead, serving(fine) as alive:
        found = record("w1", dead.port)
        url = f"http://127.0.0.1:{alive.port}"
        found = msgspec.structs.replace(found, endpoints=msgspec.structs.replace(found.endpoints, tunnel_url=url))
        async with front(Source(records=[found]), settings=doubting()) as gateway:
            gateway.router._parts.forwarder._knocker._touch = nobody_there
            assert await post(gateway, ONCE) == (200, "2", "fine")
            (outcome,) = gateway.outcomes
            assert (outcome.worker, outcome.route) == ("w1", "tunnel")
            assert await post(gateway, ONCE) == (200, "1", "fine"), "the dead address is not tried first"


async def test_where_there_is_no_other_way_it_is_waited_for() -> None:
    door = Doors(open_to_knocks=False)
    async with mesh(door.thinks, settings=doubting(), idempotent=True) as (gateway, _):
        gateway.router._parts.forwarder._knocker._touch = door.touch
        assert await post(gateway) == (200, "1", "fine"), "the way may come back"


async def test_all_who_are_asked_beside_may_fail() -> None:
    failed = 0

    async def fails(request: web.Request) -> web.StreamResponse:
        nonlocal failed
        failed += 1
        return await killed(request)

    async def fails_last(request: web.Request) -> web.StreamResponse:
        await until(lambda: failed == 2)
        return await killed(request)

    async with mesh(fails_last, fails, fails, settings=doubting(), idempotent=True) as (gateway, workers):
        gateway.router._parts.forwarder._knocker._touch = nobody_there
        assert await post(gateway) == (502, "3", "upstream-failed")
        assert [len(worker.bodies) for worker in workers] == [1, 1, 1]


@pytest.mark.parametrize("idempotent", [True, False])
async def test_who_stays_lost_is_given_up(idempotent: bool) -> None:
    async with mesh(silent, settings=doubting(lost_patience=0.5), idempotent=idempotent) as (gateway, (worker,)):
        gateway.router._parts.forwarder._knocker._touch = nobody_there
        assert await post(gateway) == (502, "1", "upstream-failed")
        await until(lambda: worker.let_go == 1)


async def test_when_the_way_is_back_the_same_worker_is_asked_anew() -> None:
    """The old connection repeats what was lost at ever longer intervals."""
    knocks = 0

    async def lost_at_first(_host: str, _port: int) -> None:
        nonlocal knocks
        knocks += 1
        if knocks <= TRIES:
            raise OSError

    async def forgets(request: web.Request) -> web.StreamResponse:
        asked.append(await request.read())
        return await (silent if len(asked) == 1 else fine)(request)

    asked: list[bytes] = []
    async with mesh(forgets, settings=doubting(), idempotent=True) as (gateway, _):
        gateway.router._parts.forwarder._knocker._touch = lost_at_first
        assert await post(gateway) == (200, "1", "fine")
        assert asked == [b"body", b"body"]
        assert gateway.router.stats().retries == 1
