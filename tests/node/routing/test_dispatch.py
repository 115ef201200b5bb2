"""What one request goes through when workers fail, refuse or are full: real routers and real servers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import aiohttp
import msgspec
import pytest
from aiohttp import web

from node.forwarding.http1.limits import UpstreamLimits
from node.forwarding.http1.pool import Address
from node.forwarding.http1.upstream import UpstreamConnection
from node.routing.attempt import parse_load
from node.routing.settings import RoutingSettings
from node.wire.manifests import Catalogue
from node.wire.messages import WorkerRecord
from node.wire.problems import Problem
from tests.support.routing import (
    OCR,
    ONCE,
    Clock,
    Front,
    Local,
    LocalTable,
    Source,
    answering,
    fine,
    front,
    killed,
    mesh,
    post,
    record,
    refusing,
    serving,
    silent,
    slot,
    until,
)


async def test_a_worker_that_is_not_there_costs_nothing_but_a_try() -> None:
    async with mesh(None, fine) as (gateway, workers):
        assert await post(gateway) == (200, "2", "fine")
        assert await post(gateway) == (200, "1", "fine")
        assert workers[1].bodies == [b"body", b"body"]
        stats = gateway.router.stats()
        assert (stats.retries, stats.failovers, stats.failed_requests) == (1, 1, 0)


async def test_a_worker_killed_in_mid_request_is_replaced_where_the_request_may_be_repeated() -> None:
    async with mesh(killed, fine) as (gateway, workers):
        assert await post(gateway, ONCE) == (200, "2", "fine")
        assert [len(worker.bodies) for worker in workers] == [1, 1]
    async with mesh(killed, fine, idempotent=True) as (gateway, _):
        assert await post(gateway) == (200, "2", "fine")
    async with mesh(killed, fine) as (gateway, _), gateway.client.get(gateway.url("/service/ocr")) as answer:
        assert answer.status == 200


async def test_without_that_a_killed_worker_is_a_502_and_nobody_else_is_asked() -> None:
    async with mesh(killed, fine) as (gateway, workers):
        assert await post(gateway) == (502, "1", "upstream-failed")
        assert workers[1].bodies == []
        assert gateway.router.stats().failed_requests == 1
        assert [peer.worker_id for peer in gateway.router.peers()] == ["w2"]  # the failed one is out at once


@pytest.mark.parametrize("kind", ["draining", "no-worker", "overloaded", "starting", "unauthorized", "forbidden"])
async def test_what_a_worker_sends_back_unexecuted_goes_to_another_for_any_method(kind: str) -> None:
    async with mesh(refusing(kind), fine) as (gateway, workers):
        assert await post(gateway) == (200, "2", "fine")
        assert workers[1].bodies == [b"body"]


async def test_a_services_own_503_is_its_answer_and_not_a_refusal() -> None:
    async def own(request: web.Request) -> web.StreamResponse:
        raise Problem("overloaded", "my queue is full", headers={"X-RMA-Attempts": "1"})

    async with mesh(own, fine) as (gateway, workers):
        assert await post(gateway) == (503, "1", "overloaded")
        assert workers[1].bodies == []


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_a_bad_gateway_answer_is_repeated_elsewhere_only_where_it_may_be(status: int) -> None:
    async with mesh(answering(status), fine) as (gateway, _):
        assert await post(gateway) == (status, "1", f"service says {status}")
    async with mesh(answering(status), fine) as (gateway, _):
        assert await post(gateway, ONCE) == (200, "2", "fine")
    async with mesh(answering(status)) as (gateway, _):
        assert await post(gateway, ONCE) == (status, "1", f"service says {status}")


async def test_a_plain_500_or_422_is_the_services_answer() -> None:
    async with mesh(answering(500), fine) as (gateway, _):
        assert await post(gateway, ONCE) == (500, "1", "service says 500")
    async with mesh(answering(422), fine) as (gateway, _):
        assert await post(gateway, ONCE) == (422, "1", "service says 422")


async def test_no_worker_is_asked_twice_and_no_more_than_three() -> None:
    async with mesh(killed, killed, killed, killed, killed) as (gateway, workers):
        assert await post(gateway, ONCE) == (502, "3", "upstream-failed")
        assert sorted(len(worker.bodies) for worker in workers) == [0, 0, 1, 1, 1]
    async with mesh(killed) as (gateway, workers):
        assert await post(gateway, ONCE) == (502, "1", "upstream-failed")
        assert len(workers[0].bodies) == 1


async def test_a_get_on_a_kept_connection_is_not_sent_to_the_same_worker_again() -> None:
    async with mesh(fine) as (gateway, workers):
        url = gateway.url("/service/ocr")
        async with gateway.client.get(url) as answer:
            assert answer.status == 200
        workers[0].behave = killed
        async with gateway.client.get(url) as answer:
            assert answer.status == 502
        assert len(workers[0].bodies) == 2


async def test_a_worker_that_is_too_slow_is_504_or_replaced() -> None:
    async with mesh(silent, fine, first_byte_timeout=0.1) as (gateway, _):
        assert await post(gateway) == (504, "1", "upstream-timeout")
    async with mesh(silent, fine, first_byte_timeout=2.0) as (gateway, _):
        assert await post(gateway, ONCE) == (200, "2", "fine")


async def test_a_refusal_that_stalls_half_way_is_waited_for_no_longer_than_a_connection() -> None:
    async def stalls(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(status=503, headers={"Content-Type": "application/problem+json"})
        answer.content_length = 100
        await answer.prepare(request)
        await answer.write(b'{"type": ')
        await asyncio.Event().wait()
        raise AssertionError

    settings = RoutingSettings(policy="round-robin", retry_base=0.001, connect_timeout=3.0, idle_timeout=600.0)
    async with (
        mesh(stalls, fine, settings=settings, request_timeout=600.0) as (gateway, workers),
        mesh(stalls, fine, settings=settings, request_timeout=600.0) as (another, _),
    ):
        asked = await asyncio.gather(post(gateway), post(another, ONCE))
        assert asked == [(504, "1", "upstream-timeout"), (200, "2", "fine")]
        assert workers[1].bodies == []
        assert [peer.worker_id for peer in gateway.router.peers()] == ["w2"]  # it counts as failed


async def test_our_own_limit_of_connections_says_nothing_about_a_worker() -> None:
    settings = RoutingSettings(policy="round-robin", retry_base=0.001, breaker_failures=1)
    async with mesh(silent, silent, settings=settings) as (gateway, workers):
        parts = gateway.router._parts
        parts.forwarder._upstreams.limits = UpstreamLimits(connections_per_address=1)
        holding = [asyncio.get_running_loop().create_task(post(gateway)) for _ in workers]
        await until(lambda: all(worker.bodies for worker in workers))
        for _ in range(6):
            assert await post(gateway) == (503, "2", "overloaded")
        workers[1].behave = fine
        holding[1].cancel()
        await until(lambda: workers[1].let_go == 1)
        assert await post(gateway) in ((200, "1", "fine"), (200, "2", "fine"))
        assert len(gateway.router.peers()) == 2
        assert not parts.breakers.blocked(OCR.name, parts.clock())
        assert len(workers[0].bodies) == 1
        holding[0].cancel()
        await asyncio.gather(*holding, return_exceptions=True)


async def test_no_try_begins_after_the_requests_time_is_up() -> None:
    async with mesh(silent, fine, first_byte_timeout=0.3, request_timeout=0.1) as (gateway, workers):
        assert await post(gateway, ONCE) == (504, "1", "upstream-timeout")
        assert workers[1].bodies == []


async def test_a_small_body_is_sent_again_and_a_large_one_is_not() -> None:
    small, large = bytes(200_000), bytes(600_000)
    async with mesh(killed, fine) as (gateway, workers):
        assert await post(gateway, ONCE, small) == (200, "2", "fine")
        assert workers[1].bodies == [small]
    async with mesh(killed, fine) as (gateway, workers):
        assert await post(gateway, ONCE, large) == (502, "1", "upstream-failed")
    async with mesh(None, fine) as (gateway, workers):
        assert await post(gateway, None, large) == (200, "2", "fine")  # nothing of it had been read yet
        assert workers[1].bodies == [large]


async def test_all_workers_busy_is_overloaded_and_all_leaving_is_no_worker() -> None:
    async with mesh(refusing("overloaded"), refusing("overloaded")) as (gateway, _):
        assert await post(gateway) == (503, "2", "overloaded")
        assert len(gateway.router.peers()) == 2  # busy is not broken
    async with (
        mesh(refusing("draining"), refusing("no-worker")) as (gateway, _),
        gateway.client.post(gateway.url("/service/ocr")) as answer,
    ):
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) > 0


async def test_when_all_known_workers_failed_the_sources_are_asked_once_more() -> None:
    async with mesh(fine, fine) as (gateway, workers):
        source = gateway.sources[0]
        newcomer = source.records.pop()
        assert await post(gateway) == (200, "1", "fine")
        source.records.append(newcomer)
        workers[0].behave = killed
        assert await post(gateway, ONCE) == (200, "2", "fine")
        assert source.asked == 2


async def test_when_the_dht_knows_only_the_dead_the_registry_is_asked() -> None:
    async with serving(fine) as alive:
        dht = Source("dht", [record("dead", 1)])
        registry = Source("registry", [record("w1", alive.port)])
        async with front(dht, registry) as gateway:
            assert await post(gateway) == (200, "2", "fine")


async def test_a_worker_that_keeps_failing_is_left_alone() -> None:
    settings = RoutingSettings(policy="round-robin", retry_base=0.0)
    async with mesh(answering(503), fine, settings=settings) as (gateway, workers):
        for _ in range(40):
            assert (await post(gateway, ONCE))[0] == 200
        assert len(workers[0].bodies) == 5
        assert len(workers[1].bodies) == 40


async def test_the_breaker_never_leaves_nobody_to_ask() -> None:
    async with mesh(answering(503)) as (gateway, workers):
        for _ in range(8):
            assert (await post(gateway))[0] == 503
        workers[0].behave = fine
        assert await post(gateway) == (200, "1", "fine")


async def test_retries_stop_when_their_budget_is_spent() -> None:
    async with mesh(refusing("overloaded"), refusing("overloaded"), clock=Clock()) as (gateway, workers):
        while gateway.router._parts.budget.take(gateway.router._clock()):
            pass
        for tries in (1, 1, 1, 1, 2):  # five requests pay for one retry
            assert await post(gateway) == (503, str(tries), "overloaded")
        assert sum(len(worker.bodies) for worker in workers) == 6


async def test_a_request_that_nobody_answered_took_no_route() -> None:
    async with mesh(refusing("overloaded"), refusing("overloaded")) as (gateway, _):
        await post(gateway)
        (outcome,) = gateway.outcomes
        assert (outcome.worker, outcome.route, outcome.attempts) == (None, None, 2)
        stats = gateway.router.stats()
        assert (stats.requests_by_route, stats.forwarded_requests, stats.failed_requests) == ({}, 0, 1)


async def test_an_answers_load_is_noted() -> None:
    async with mesh(fine) as (gateway, _):
        await post(gateway)
        assert gateway.router.peers()[0].load == 0.125


@pytest.mark.parametrize(
    ("text", "load"),
    [("0.25", 0.25), ("1", 1.0), ("1.01", None), ("-1", None), ("nan", None), ("x", None), (None, None)],
)
def test_only_a_load_that_can_be_is_believed(text: str | None, load: float | None) -> None:
    assert parse_load(text) == load


async def test_a_second_address_is_tried_within_the_same_try() -> None:
    async with serving(fine) as alive:
        ends = msgspec.structs.replace(record("w1", alive.port).endpoints, direct_hosts=("127.0.0.2", "127.0.0.1"))
        both = msgspec.structs.replace(record("w1", alive.port), endpoints=ends)
        async with front(Source(records=[both])) as gateway:
            assert await post(gateway) == (200, "1", "fine")
            assert gateway.router.peers()[0].address == f"http://127.0.0.1:{alive.port}"


async def test_local_goes_first_and_others_help_when_it_is_full() -> None:
    hold, entered = asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        entered.set()
        await hold.wait()
        return web.Response(text="local")

    one = msgspec.structs.replace(OCR, concurrency=1)
    async with serving(slow) as service, serving(fine) as other, aiohttp.ClientSession() as client:
        local = LocalTable({OCR.name: Local(service.url, manifest=one)})
        source = Source(records=[record("w2", other.port)])
        async with front(source, worker_id="w1", local=local, catalogue=Catalogue((one,))) as node:

            async def call(caller: str = "a") -> tuple[str, str]:
                async with client.post(node.url("/service/ocr"), headers={"X-Caller": caller}) as answer:
                    return answer.headers["X-RMA-Route"], await answer.text()

            async with asyncio.TaskGroup() as group, asyncio.timeout(60):
                first = group.create_task(call())
                await entered.wait()
                assert node.router.in_flight() == node.router.in_flight([OCR.name]) == 1
                assert node.router.in_flight(["other"]) == 0
                assert node.router.local_load() == 1.0
                assert await call() == ("direct", "fine")
                source.records.clear()
                node.router.invalidate_worker("w2")
                queued = group.create_task(call())
                await until(lambda: node.router.queue_depths() == {OCR.name: 1})
                hold.set()
            assert first.result() == queued.result() == ("local", "local")
            assert node.router.stats().requests_by_route == {"local": 2, "direct": 1}


@pytest.mark.parametrize(
    ("budget", "expected"), [(True, (200, "2", "fine")), (False, (502, "1", "upstream-failed"))]
)
async def test_coming_back_to_a_full_local_service_is_a_retry_like_any_other(
    budget: bool, expected: tuple[int, str, str]
) -> None:
    one = msgspec.structs.replace(OCR, concurrency=1)
    async with serving(fine) as service:
        local = LocalTable({OCR.name: Local(service.url, manifest=one)})
        async with front(
            Source(records=[record("w2", 1)]),
            worker_id="w1",
            local=local,
            catalogue=Catalogue((one,)),
            clock=Clock(),
        ) as node:
            parts = node.router._parts
            while not budget and parts.budget.take(parts.clock()):
                pass
            gate = parts.local_gates.of(OCR.name, 1)
            async with asyncio.TaskGroup() as group, slot(gate, "others"):
                call = group.create_task(post(node))
                await until(lambda: bool(gate.waiting or node.outcomes))
            assert call.result() == expected
            assert node.router.stats().retries == int(budget)


async def test_a_local_service_that_crashed_is_replaced_by_another_worker() -> None:
    async with serving(fine) as other:
        local = LocalTable({OCR.name: Local("http://127.0.0.1:1")})
        async with front(Source(records=[record("w2", other.port)]), worker_id="w1", local=local) as node:
            assert await post(node) == (200, "2", "fine")


async def test_a_local_service_that_broke_in_mid_request_is_not_repeated_elsewhere() -> None:
    async with serving(killed) as service, serving(fine) as other:
        local = LocalTable({OCR.name: Local(service.url)})
        async with front(Source(records=[record("w2", other.port)]), worker_id="w1", local=local) as node:
            assert await post(node) == (502, "1", "upstream-failed")


async def test_a_forwarded_request_is_served_here_or_nowhere() -> None:
    async with serving(fine) as other:
        source = Source(records=[record("w2", other.port)])
        async with front(source, worker_id="w1", local=LocalTable()) as node:
            hops = {"X-RMA-Hops": "1"}
            assert await post(node, hops) == (503, "", "no-worker")
            assert source.asked == 0
            assert await post(node) == (200, "1", "fine")


async def test_two_nodes_that_know_only_one_another_do_not_pass_a_request_round() -> None:
    first, second = Source(), Source()
    async with front(first, worker_id="w1") as one, front(second, worker_id="w2") as two:
        first.records.append(record("w2", two.server.port))
        second.records.append(record("w1", one.server.port))
        assert await post(one) == (503, "1", "no-worker")
        assert (len(one.outcomes), len(two.outcomes)) == (1, 1)


async def test_a_forwarded_request_whose_service_crashed_may_go_elsewhere() -> None:
    local = LocalTable({OCR.name: Local("http://127.0.0.1:1")})
    async with serving(fine) as other, front(worker_id="w1", local=local) as node:
        source = Source(records=[record("w1", node.server.port), record("w2", other.port)])
        settings = RoutingSettings(policy="round-robin", retry_base=0.0)
        async with front(source, settings=settings) as gateway:
            assert await post(gateway) == (200, "2", "fine")


async def test_a_forwarded_request_for_which_we_may_open_no_connection_finds_us_busy_and_goes_elsewhere() -> None:
    held: list[web.Request] = []

    async def holds(request: web.Request) -> web.StreamResponse:
        held.append(request)
        return await silent(request)

    async with serving(holds) as service, serving(fine) as other:
        local = LocalTable({OCR.name: Local(service.url)})
        async with front(worker_id="w1", local=local) as node:
            node.router._parts.forwarder._upstreams.limits = UpstreamLimits(connections_per_address=1)
            holding = asyncio.get_running_loop().create_task(post(node))
            await until(lambda: bool(held))
            assert await post(node, {"X-RMA-Hops": "1"}) == (503, "", "overloaded")
            source = Source(records=[record("w1", node.server.port), record("w2", other.port)])
            settings = RoutingSettings(policy="round-robin", retry_base=0.0)
            async with front(source, settings=settings) as gateway:
                assert await post(gateway) == (200, "2", "fine")
            holding.cancel()
            await asyncio.gather(holding, return_exceptions=True)
            assert len(held) == 1


async def test_a_worker_never_gets_more_than_its_concurrency_and_the_rest_waits_or_is_refused() -> None:
    hold, inside, most = asyncio.Event(), 0, 0

    async def slow(request: web.Request) -> web.StreamResponse:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await hold.wait()
        inside -= 1
        return web.Response(text="done")

    settings = RoutingSettings(queue_size=5)
    async with mesh(slow, slow, concurrency=2, settings=settings) as (gateway, _):
        async with asyncio.TaskGroup() as group, asyncio.timeout(60):
            calls = [group.create_task(post(gateway)) for _ in range(12)]
            await until(lambda: sum(call.done() for call in calls) == 3 and inside == 4)
            assert gateway.router.queue_depths() == {OCR.name: 5}
            hold.set()
        statuses = sorted(call.result()[0] for call in calls)
        assert statuses == [200] * 9 + [503] * 3
        assert most == 4


@contextlib.asynccontextmanager
async def asked(gateway: Front) -> AsyncIterator[None]:
    """Ask for the service on a connection of its own, and leave without a word at the end."""
    _, writer = await asyncio.open_connection("127.0.0.1", gateway.server.port)
    writer.write(b"GET /service/ocr HTTP/1.1\r\nHost: g\r\n\r\n")
    try:
        yield
    finally:
        writer.close()
        await writer.wait_closed()


def nothing_is_held(gateway: Front) -> bool:
    parts = gateway.router._parts
    gates = [gate for _, gate in parts.remote_gates.items()]
    return not any(parts.outstanding.of(OCR.name).values()) and not any(
        gate.in_flight or gate.waiting for gate in gates
    )


async def test_a_client_that_leaves_the_queue_or_its_worker_is_missed_at_once() -> None:
    async with mesh(silent, concurrency=1) as (gateway, (worker,)):
        async with asked(gateway):
            await until(lambda: bool(worker.bodies))
            async with asked(gateway):
                await until(lambda: gateway.router.queue_depths() == {OCR.name: 1})
            await until(lambda: gateway.router.queue_depths() == {OCR.name: 0})
            assert worker.let_go == 0
        await until(lambda: worker.let_go == 1)
        await until(lambda: nothing_is_held(gateway))
        assert len(worker.bodies) == 1


async def test_a_client_that_leaves_while_its_worker_is_being_connected_to_is_missed_at_once() -> None:
    async def hangs(_address: Address, _connection: UpstreamConnection) -> None:
        waiting.append(None)
        await asyncio.Event().wait()

    waiting: list[None] = []
    settings = RoutingSettings(connect_timeout=600.0)
    async with mesh(fine, settings=settings) as (gateway, (worker,)):
        gateway.router._parts.forwarder._upstreams.connect = hangs
        async with asked(gateway):
            await until(lambda: bool(waiting))
            assert not nothing_is_held(gateway)
        await until(lambda: nothing_is_held(gateway))
        assert len(gateway.router.peers()) == 1, "that says nothing about the worker"
        assert worker.bodies == []


async def test_a_client_that_leaves_while_workers_are_looked_up_is_missed_at_once() -> None:
    class Hanging(Source):
        async def find(self, service: str) -> Sequence[WorkerRecord]:
            self.asked += 1
            await asyncio.Event().wait()
            raise AssertionError

    source = Hanging()
    async with front(source, settings=RoutingSettings(lookup_timeout=600.0)) as gateway:
        async with asked(gateway):
            await until(lambda: source.asked == 1)
        await until(lambda: gateway.server.connections == 0)
        await until(lambda: len(gateway.outcomes) == 1)
        assert nothing_is_held(gateway)
