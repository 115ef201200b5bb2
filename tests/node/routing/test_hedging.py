"""A second worker is asked while the first takes long: the race by itself, and with real servers."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Sequence

import aiohttp
import pytest
from aiohttp import web

from node.routing.admission import Places
from node.routing.hedging import SHORTEST, Hedge
from node.routing.settings import RoutingSettings
from tests.support.routing import (
    OCR,
    ONCE,
    Clock,
    Front,
    Handler,
    Worker,
    answering,
    fine,
    killed,
    mesh,
    post,
    refusing,
    silent,
    slot,
    until,
)

SOON = 0.02  # seconds until a second worker is asked
A_WHILE = 0.5  # seconds that a worker thinks, while which a second one would have been asked long since


@contextlib.asynccontextmanager
async def hedging(
    *behaviours: Handler | None,
    after: float = SOON,
    attempts: int = 3,
    clock: Callable[[], float] | None = None,
    **manifest: object,
) -> AsyncIterator[tuple[Front, Sequence[Worker]]]:
    """Run a gateway that hedges before workers w1, w2, ..., which are asked in this order."""
    settings = RoutingSettings(
        policy="round-robin",
        retry_base=0.001,
        hedge_after=after,
        attempts=attempts,
        connect_timeout=60.0,  # a busy machine is not what is tested
        first_byte_timeout=60.0,
    )
    clocked = {} if clock is None else {"clock": clock}
    async with mesh(*behaviours, settings=settings, **clocked, **manifest) as (gateway, workers):  # type: ignore[arg-type]
        yield gateway, workers
        parts = gateway.router._parts
        await until(lambda: not parts.outstanding.of(OCR.name))
        await until(lambda: parts.remote_gates.places(OCR.name, 1) == Places(1))


def after_being(condition: Callable[[], bool], then: Handler) -> Handler:
    """Return a behaviour that waits until something has come about."""

    async def behave(request: web.Request) -> web.StreamResponse:
        await until(condition)
        return await then(request)

    return behave


async def thinking(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(A_WHILE)
    return web.Response(text="thought", headers={"X-RMA-Attempts": "1"})


def counts(gateway: Front) -> dict[str, int]:
    stats = gateway.router.stats()
    return {
        "hedged": stats.hedged,
        "wins": stats.hedge_wins,
        "retries": stats.retries,
        "failovers": stats.failovers,
        "failed": stats.failed_requests,
    }


NOTHING = {"hedged": 0, "wins": 0, "retries": 0, "failovers": 0, "failed": 0}
ONE_WON = NOTHING | {"hedged": 1, "wins": 1}
ONE_LOST = NOTHING | {"hedged": 1}


# --- with real servers --------------------------------------------------------------------------------------------


async def test_a_slow_worker_is_overtaken_by_a_second_one_and_let_go_unharmed() -> None:
    async with hedging(silent, fine) as (gateway, workers):
        assert await post(gateway, ONCE) == (200, "2", "fine")
        assert [worker.bodies for worker in workers] == [[b"body"], [b"body"]]
        await until(lambda: workers[0].let_go == 1)
        assert counts(gateway) == ONE_WON
        assert {peer.worker_id for peer in gateway.router.peers()} == {"w1", "w2"}, "the slow one has not failed"
        assert len(gateway.router._parts.breakers) == 0
        assert [(seen.worker, seen.attempts) for seen in gateway.outcomes] == [("w2", 2)]


async def test_the_first_worker_may_win_yet_and_the_second_is_let_go() -> None:
    async with hedging(fine, silent) as (gateway, workers):
        workers[0].behave = after_being(lambda: bool(workers[1].bodies), fine)
        assert await post(gateway, ONCE) == (200, "2", "fine")
        await until(lambda: workers[1].let_go == 1)
        assert counts(gateway) == ONE_LOST
        assert gateway.outcomes[0].worker == "w1"
        assert len(gateway.router.peers()) == 2


async def test_nobody_else_is_asked_while_answers_are_quick_or_hedging_is_off() -> None:
    async with hedging(fine, fine, after=60.0) as (gateway, workers):
        assert await post(gateway, ONCE) == (200, "1", "fine")
        assert workers[1].bodies == []
        assert counts(gateway) == NOTHING
    async with hedging(thinking, fine, after=0.0) as (gateway, workers):
        assert await post(gateway, ONCE) == (200, "1", "thought")
        assert workers[1].bodies == []


async def test_what_may_not_be_repeated_is_never_hedged() -> None:
    async with hedging(thinking, fine) as (gateway, workers):
        assert await post(gateway) == (200, "1", "thought")
        assert workers[1].bodies == []
    async with hedging(silent, fine, idempotent=True) as (gateway, _):
        assert await post(gateway) == (200, "2", "fine")
    async with (
        hedging(silent, fine) as (gateway, workers),
        gateway.client.get(gateway.url("/service/ocr")) as answer,
    ):
        assert (answer.status, answer.headers["X-RMA-Worker"]) == (200, "w2")


async def test_a_websocket_is_never_hedged() -> None:
    async def greet(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(A_WHILE)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str("hello")
        await socket.close()
        return socket

    async with hedging(greet, greet) as (gateway, workers):
        async with gateway.client.ws_connect(gateway.url("/service/ocr")) as socket:
            assert await socket.receive_str() == "hello"
        assert [len(worker.bodies) for worker in workers] == [1, 0]


async def test_a_body_that_is_still_coming_is_waited_for_and_a_large_one_not_sent_twice() -> None:
    whole = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"be"
        await asyncio.sleep(A_WHILE)  # a second worker would have been asked long since
        whole.set()
        yield b"gun"

    async with hedging(silent, fine) as (gateway, workers):
        assert await post(gateway, ONCE, body()) == (200, "2", "fine")
        assert whole.is_set()
        assert [worker.bodies for worker in workers] == [[b"begun"], [b"begun"]]
    async with hedging(thinking, fine) as (gateway, workers):
        assert await post(gateway, ONCE, bytes(600_000)) == (200, "1", "thought")
        assert workers[1].bodies == []


async def test_a_full_worker_is_not_asked_as_well() -> None:
    async with hedging(thinking, fine) as (gateway, workers):
        gateway.router._parts.cache.update_load("w2", 1.0)
        assert await post(gateway, ONCE) == (200, "1", "thought")
        assert workers[1].bodies == []
    async with hedging(thinking, fine, concurrency=1) as (gateway, workers):
        gateway.router._parts.outstanding.begin(OCR.name, "w2")
        assert await post(gateway, ONCE) == (200, "1", "thought")
        assert workers[1].bodies == []
        gateway.router._parts.outstanding.end(OCR.name, "w2")


async def test_nobody_is_asked_as_well_while_others_wait_for_a_place() -> None:
    async with hedging(silent, fine) as (gateway, workers):
        gate = gateway.router._parts.remote_gates.of(OCR.name, 2 * OCR.concurrency)
        async with contextlib.AsyncExitStack() as taken, asyncio.TaskGroup() as group:
            for _ in range(2 * OCR.concurrency - 1):
                await taken.enter_async_context(slot(gate, "others"))
            call = group.create_task(post(gateway, ONCE))
            await until(lambda: bool(workers[0].bodies))
            await asyncio.sleep(A_WHILE)
            assert workers[1].bodies == []
            await taken.aclose()
        assert call.result() == (200, "2", "fine")


async def test_a_broken_worker_is_not_asked_as_well() -> None:
    async with hedging(thinking, fine) as (gateway, workers):
        for _ in range(5):
            gateway.router._parts.breakers.failed(OCR.name, "w2", gateway.router._clock())
        assert await post(gateway, ONCE) == (200, "1", "thought")
        assert workers[1].bodies == []


async def test_the_limit_of_attempts_holds() -> None:
    async with hedging(thinking, fine, attempts=1) as (gateway, workers):
        assert await post(gateway, ONCE) == (200, "1", "thought")
        assert workers[1].bodies == []
    async with hedging(killed, killed, fine, attempts=2) as (gateway, workers):
        workers[0].behave = after_being(lambda: bool(workers[1].bodies), killed)
        assert await post(gateway, ONCE) == (502, "2", "upstream-failed")
        assert workers[2].bodies == []


async def test_where_both_fail_things_go_on_as_ever() -> None:
    async with hedging(killed, killed, fine) as (gateway, workers):
        workers[0].behave = after_being(lambda: bool(workers[1].bodies), killed)
        assert await post(gateway, ONCE) == (200, "3", "fine")
        assert counts(gateway) == ONE_LOST | {"retries": 1, "failovers": 1}
        assert [peer.worker_id for peer in gateway.router.peers()] == ["w3"]


async def test_hedges_are_paid_for_out_of_the_retry_budget() -> None:
    async with hedging(thinking, fine, clock=Clock()) as (gateway, workers):
        while gateway.router._parts.budget.take(gateway.router._clock()):
            pass
        assert await post(gateway, ONCE) == (200, "1", "thought")
        assert workers[1].bodies == []


@pytest.mark.parametrize("failing", [refusing("draining"), refusing("overloaded"), answering(503), killed])
async def test_a_failure_of_one_is_made_good_by_the_other(failing: Handler) -> None:
    async with hedging(fine, fine) as (gateway, workers):
        failed = asyncio.Event()

        async def fail(request: web.Request) -> web.StreamResponse:
            await until(lambda: bool(workers[1].bodies))
            failed.set()
            return await failing(request)

        workers[0].behave = fail
        workers[1].behave = after_being(failed.is_set, thinking)
        assert await post(gateway, ONCE) == (200, "2", "thought")
        assert counts(gateway) == ONE_WON | {"failovers": 1}


async def test_a_worker_that_failed_in_a_race_is_through_with_us_at_once() -> None:
    release = asyncio.Event()
    async with hedging(killed, fine) as (gateway, workers):
        workers[0].behave = after_being(lambda: bool(workers[1].bodies), killed)
        workers[1].behave = after_being(release.is_set, fine)
        async with asyncio.TaskGroup() as group:
            call = group.create_task(post(gateway, ONCE))
            await until(
                lambda: gateway.router._parts.outstanding.of(OCR.name) == {"w2": 1} and workers[0].bodies != []
            )
            release.set()
        assert call.result() == (200, "2", "fine")


async def test_a_client_that_leaves_ends_both() -> None:
    async with hedging(silent, silent) as (gateway, workers):
        async with asyncio.TaskGroup() as group:
            call = group.create_task(post(gateway, ONCE))
            await until(lambda: all(worker.bodies for worker in workers))
            call.cancel()
        await until(lambda: [worker.let_go for worker in workers] == [1, 1])
        await until(lambda: [seen.status for seen in gateway.outcomes] == [499])
        assert len(gateway.router.peers()) == 2


async def test_a_broken_body_is_the_clients_fault_also_in_a_race() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"be"
        raise ConnectionResetError

    async with hedging(silent, fine, after=60.0) as (gateway, workers):
        with contextlib.suppress(aiohttp.ClientError):
            await post(gateway, ONCE, body())
        await until(lambda: len(gateway.outcomes) == 1)
        assert len(gateway.router.peers()) == 2
        assert workers[1].bodies == []


async def test_a_hundred_hedged_requests_mix_up_nothing() -> None:
    rng = random.Random(1)

    async def moody(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(rng.choice((0.0, SOON, 2 * SOON)))
        return web.Response(body=await request.read(), headers={"X-RMA-Attempts": "1"})

    async with hedging(moody, moody, moody, concurrency=64) as (gateway, _):
        bodies = [f"body {number}" for number in range(100)]
        answers = await asyncio.gather(*(post(gateway, ONCE, body.encode()) for body in bodies))
        assert [(status, text) for status, _, text in answers] == [(200, body) for body in bodies]
        assert counts(gateway)["failed"] == 0


# --- the timer by itself ------------------------------------------------------------------------------------------


async def test_it_asks_again_and_again_until_somebody_is_asked() -> None:
    answers, asked = iter([False, False, True, True]), []
    hedge = Hedge(0.0, lambda: asked.append(next(answers)) or asked[-1])  # type: ignore[func-returns-value]
    await until(lambda: asked == [False, False, True])
    await asyncio.sleep(10 * SHORTEST)
    assert asked == [False, False, True]
    hedge.stop()


async def test_once_stopped_it_asks_nobody() -> None:
    asked: list[bool] = []
    hedge = Hedge(0.0, lambda: bool(asked.append(True)))  # type: ignore[func-returns-value]
    hedge.stop()
    await asyncio.sleep(10 * SHORTEST)
    assert asked == []
