"""The last requests as they are told: who served them, why, and every try before; and nothing of what was asked."""

from __future__ import annotations

import msgspec

from node.routing.journeys import Journey
from node.routing.recent import MOST_IN_A_SECOND
from node.routing.settings import RoutingSettings
from tests.support.routing import (
    OCR,
    ONCE,
    Clock,
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
    serving,
    until,
)

WEIGHTED = RoutingSettings(retry_base=0.001)


def last(gateway: object) -> Journey:
    router = gateway.router  # type: ignore[attr-defined]
    journey: Journey = router.journeys().journeys[-1]
    return journey


async def test_a_request_tells_worker_way_and_that_it_was_among_the_least_loaded() -> None:
    async with mesh(fine, fine, fine, settings=WEIGHTED) as (gateway, _):
        await post(gateway)
        await until(lambda: gateway.router.journeys().last == 1)
        journey = last(gateway)
        assert journey.worker in ("w1", "w2", "w3")
        assert (journey.number, journey.service, journey.route, journey.status) == (1, OCR.name, "direct", 200)
        assert (journey.why.code, journey.why.known, journey.why.load) == ("least-loaded", 3, 0.0)
        assert [one.failed for one in journey.tries] == [""]
        assert 0.0 < journey.tries[0].took_ms <= journey.ms


async def test_each_policy_says_its_own_reason_and_one_worker_is_no_choice() -> None:
    async with mesh(fine, fine) as (gateway, _):
        await post(gateway)
        await until(lambda: gateway.router.journeys().last == 1)
        assert last(gateway).why.code == "turn"
    async with mesh(fine, settings=WEIGHTED) as (gateway, _):
        await post(gateway)
        await until(lambda: gateway.router.journeys().last == 1)
        assert last(gateway).why.code == "only-one"


async def test_a_worker_that_took_over_is_told_with_the_failure_before() -> None:
    async with mesh(killed, fine) as (gateway, _):
        status, _, _ = await post(gateway, ONCE)
        assert status == 200
        await until(lambda: gateway.router.journeys().last == 1)
        journey = last(gateway)
        assert (journey.worker, journey.attempts, journey.why.code, journey.why.known) == ("w2", 2, "instead", 2)
        first, second = journey.tries
        assert (first.worker, first.route) == ("w1", "direct")
        assert first.failed
        assert (second.worker, second.failed) == ("w2", "")
        assert second.after_ms >= first.after_ms


async def test_a_request_that_nobody_served_is_told_with_all_that_failed() -> None:
    async with mesh(killed, answering(502)) as (gateway, _):
        await post(gateway, ONCE)
        await until(lambda: gateway.router.journeys().last == 1)
        journey = last(gateway)
        assert journey.status in (502, 504)
        assert len([one for one in journey.tries if one.failed]) >= 1
    async with front(Source()) as gateway:
        await post(gateway)
        await until(lambda: gateway.router.journeys().last == 1)
        journey = last(gateway)
        assert (journey.worker, journey.why.code, journey.why.known, journey.tries) == (None, "nobody", 0, ())


async def test_what_is_served_here_says_who_asked_for_it() -> None:
    async with serving(fine, middlewares=False) as service:
        table = LocalTable({OCR.name: Local(service.url)})
        async with front(Source(), worker_id="w1", local=table) as node:
            await post(node)
            await until(lambda: node.router.journeys().last == 1)
            assert (last(node).why.code, last(node).route) == ("here", "local")
            await post(node, {"X-RMA-Hops": "1"})
            await until(lambda: node.router.journeys().last == 2)
            assert last(node).why.code == "sent-here"


async def test_workers_that_were_passed_over_are_counted() -> None:
    async with mesh(fine, fine, settings=WEIGHTED) as (gateway, _):
        await post(gateway)
        parts = gateway.router._parts
        for _ in range(parts.settings.breaker_failures):
            parts.breakers.failed(OCR.name, "w1", parts.clock(), "reset")
        await post(gateway)
        await until(lambda: gateway.router.journeys().last == 2)
        assert (last(gateway).worker, last(gateway).why.left_out, last(gateway).why.code) == ("w2", 1, "only-one")


async def test_a_better_way_that_did_not_answer_is_told() -> None:
    async with serving(fine) as worker, serving(fine) as gone:
        await gone.stop()
        there = record("w1", worker.port)
        tunnelled = msgspec.structs.replace(
            there,
            endpoints=msgspec.structs.replace(
                there.endpoints, port=gone.port, tunnel_url=f"http://127.0.0.1:{worker.port}"
            ),
        )
        async with front(Source(records=[tunnelled])) as gateway:
            status, _, _ = await post(gateway)
            assert status == 200
            await until(lambda: gateway.router.journeys().last == 1)
            assert (last(gateway).route, last(gateway).why.avoided) == ("tunnel", "direct")


async def test_only_so_many_are_kept_and_only_newer_ones_are_told() -> None:
    async with mesh(fine) as (gateway, _):
        for _ in range(5):
            await post(gateway)
        await until(lambda: gateway.router.journeys().last == 5)
        told = gateway.router.journeys()
        assert [one.number for one in told.journeys] == [1, 2, 3, 4, 5]
        newer = gateway.router.journeys(told.run, 3)
        assert [one.number for one in newer.journeys] == [4, 5]
        assert gateway.router.journeys(told.run, 5).journeys == ()
        assert gateway.router.journeys(told.run, 99).journeys == ()
        assert len(gateway.router.journeys(told.run + 1, 3).journeys) == 5, "another run counts anew"
        recent = gateway.router._recent
        assert recent is not None
        assert recent._rows.maxlen == 200
        for _ in range(300):
            recent._rows.append(recent._rows[-1])
        recent._count += 300
        full = recent.journeys("weighted", recent.run, 0)
        assert [full.journeys[0].number, full.journeys[-1].number, len(full.journeys)] == [106, 305, 200]


async def test_of_very_many_at_once_some_are_left_out_but_none_that_failed() -> None:
    clock = Clock()
    async with mesh(
        fine, killed, settings=RoutingSettings(policy="round-robin", retry_base=0.001), clock=clock
    ) as (
        gateway,
        workers,
    ):
        workers[1].behave = fine
        for _ in range(MOST_IN_A_SECOND + 30):
            await post(gateway, ONCE)
        await until(lambda: gateway.router.counters.ended == MOST_IN_A_SECOND + 30)
        assert gateway.router.journeys().last == MOST_IN_A_SECOND
        workers[0].behave = workers[1].behave = killed
        await post(gateway, ONCE)
        await until(lambda: gateway.router.journeys().last == MOST_IN_A_SECOND + 1)
        workers[0].behave = workers[1].behave = fine
        clock.now += 1.0
        await post(gateway, ONCE)
        await until(lambda: gateway.router.journeys().last == MOST_IN_A_SECOND + 2)


async def test_nothing_of_what_was_asked_is_kept() -> None:
    async with mesh(fine) as (gateway, _):
        url = gateway.url("/service/ocr/people/jane-doe?name=Jane%20Doe")
        secret = {"X-Caller": "key-of-jane", "Cookie": "session=jane"}
        async with gateway.client.post(url, data=b"Jane owes five hundred pounds", headers=secret) as answer:
            await answer.read()
        await until(lambda: gateway.router.journeys().last == 1)
        text = msgspec.json.encode(gateway.router.journeys()).decode().lower()
        assert "vision-ocr" in text
        assert "jane" not in text
        assert "pounds" not in text  # no digits here: times and ports hold any of those by chance
