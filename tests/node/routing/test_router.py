"""The router as nodes and gateways see it: names, paths, sharing, counting, and life without a coordinator."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence

import msgspec
import pytest
from aiohttp import web

from node.forwarding.interface import Target
from node.routing.settings import RoutingSettings
from node.wire.manifests import Catalogue, Manifest
from node.wire.messages import Endpoints, WorkerRecord
from node.wire.problems import Problem
from tests.support.routing import (
    OCR,
    Clock,
    Front,
    Handler,
    Local,
    LocalTable,
    Source,
    fine,
    front,
    record,
    serving,
    until,
)


@contextlib.asynccontextmanager
async def nodes(count: int) -> AsyncIterator[tuple[list[Front], Source]]:
    """Run nodes w1, w2, ... that each have the service, and a source that knows them all."""

    async def service(request: web.Request) -> web.Response:
        return web.Response(text=request.path_qs)

    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(serving(service, middlewares=False))
        table = LocalTable({OCR.name: Local(server.url)})
        found = [
            await stack.enter_async_context(front(worker_id=f"w{number + 1}", local=table))
            for number in range(count)
        ]
        records = [record(f"w{number + 1}", node.server.port) for number, node in enumerate(found)]
        yield found, Source("dht", records)


async def ask(gateway: Front, path: str = "/service/ocr") -> tuple[int, str, str]:
    async with gateway.client.get(gateway.url(path)) as answer:
        return answer.status, answer.headers.get("X-RMA-Worker", ""), await answer.text()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/service/vision-ocr", "/ocr"),
        ("/service/ocr", "/ocr"),
        ("/service/ocr?lang=en", "/ocr?lang=en"),
        ("/service/ocr/", "/"),
        ("/service/ocr/batch/1?x=1", "/batch/1?x=1"),
    ],
)
async def test_names_aliases_and_paths_reach_the_service(path: str, expected: str) -> None:
    async with nodes(1) as ((_,), source), front(source) as gateway:
        assert await ask(gateway, path) == (200, "w1", expected)


async def test_an_unknown_service_is_404_and_asks_nobody() -> None:
    async with front(Source()) as gateway:
        for name in ("nope", "", "OCR", "x" * 500):
            async with gateway.client.get(gateway.url(f"/service/{name}")) as answer:
                assert answer.status == 404
                problem = await answer.json(content_type=None)
                assert problem["type"].endswith("/unknown-service")
                assert answer.headers["X-Request-ID"]
        assert gateway.sources[0].asked == 0


async def test_nobody_offers_it_is_503_with_retry_after_and_is_not_looked_up_again_at_once() -> None:
    async with front(Source("dht"), Source("registry")) as gateway:
        for _ in range(20):
            async with gateway.client.get(gateway.url("/service/ocr")) as answer:
                assert answer.status == 503
                assert answer.headers["Retry-After"] == "5"
                assert (await answer.json(content_type=None))["type"].endswith("/no-worker")
        assert [source.asked for source in gateway.sources] == [1, 1]
        assert gateway.router.stats().failed_requests == 20


async def test_six_equal_workers_share_sequential_requests_and_the_cache_is_hit() -> None:
    async with nodes(6) as (_, source), front(source) as gateway:
        served = Counter([(await ask(gateway))[1] for _ in range(40)])
        assert len(served) >= 3
        stats = gateway.router.stats()
        assert stats.cache_hit_rate >= 0.7
        assert (stats.forwarded_requests, stats.dht_lookups, stats.cache_size) == (40, 1, 1)


async def test_three_hundred_requests_survive_the_death_of_a_worker_half_way() -> None:
    async with nodes(3) as (found, source), front(source) as gateway:
        served: Counter[str] = Counter()
        for number in range(300):
            if number == 150:
                await found[1].server.stop()
            head = {"Idempotency-Key": str(number)}
            async with gateway.client.post(gateway.url("/service/ocr"), headers=head) as answer:
                assert answer.status == 200
                served[answer.headers["X-RMA-Worker"]] += 1
        assert set(served) == {"w1", "w2", "w3"}
        assert served["w2"] < 150


async def test_a_burst_is_spread_by_what_was_given_out_before_any_answer_came() -> None:
    async with nodes(6) as (_, source), front(source) as gateway:
        served = Counter(worker for _, worker, _ in await asyncio.gather(*(ask(gateway) for _ in range(24))))
        assert len(served) == 6
        assert max(served.values()) <= OCR.concurrency + 2


async def test_when_dht_and_registry_are_gone_the_known_workers_serve_on() -> None:
    async with nodes(2) as (_, source), front(source, settings=RoutingSettings(cache_ttl=0.0)) as gateway:
        assert (await ask(gateway))[0] == 200
        source.error = OSError("unreachable")
        assert (await ask(gateway))[0] == 200


async def test_peers_tell_whom_we_know_and_how_we_would_reach_them() -> None:
    async with nodes(2) as (found, source), front(source) as gateway:
        assert gateway.router.peers() == ()
        await ask(gateway)
        gateway.router._parts.cache.update_load("w2", 0.5)
        peers = {peer.worker_id: peer for peer in gateway.router.peers()}
        assert set(peers) == {"w1", "w2"}
        assert peers["w2"].load == 0.5
        assert peers["w2"].route == "direct"
        assert peers["w2"].address == f"http://127.0.0.1:{found[1].server.port}"
        assert peers["w2"].services == (OCR.name,)
        gateway.router.invalidate_worker("w2")
        assert [peer.worker_id for peer in gateway.router.peers()] == ["w1"]


async def test_peers_tell_the_better_way_that_is_tried_again_soon() -> None:
    async with nodes(1) as (_, source), front(source) as gateway:
        await ask(gateway)
        (known,) = gateway.router._parts.cache.all_known()
        (direct,) = known[1].targets
        other = Target("relay", "https://mesh.example.org/relay/w1")
        (before,) = gateway.router.peers()
        ways = msgspec.structs.replace(known[1], targets=(direct, other))
        now = gateway.router._parts.clock()
        gateway.router._parts.addresses.failed("w1", direct, now)
        after = gateway.router._peer(ways, set(), now)
        assert (before.route, before.trying) == ("direct", None)
        assert (after.route, after.trying) == ("relay", "direct")
        down = gateway.router._peer(msgspec.structs.replace(ways, waits_for_vpn=True), set(), now)
        assert down.trying == "vpn"


async def test_the_ports_of_workers_in_the_overlay_are_known_by_their_addresses_there() -> None:
    async with nodes(1) as (found, source), front(source) as gateway:
        inside = [
            msgspec.structs.replace(one, endpoints=msgspec.structs.replace(one.endpoints, vpn_ip="127.0.0.1"))
            for one in source.records
        ]
        source.records = inside
        gateway.router._parts.finder._vpn_up = lambda: True
        await ask(gateway)
        assert gateway.router.overlay_ports() == {"127.0.0.1": found[0].server.port}


async def test_every_request_is_observed_once() -> None:
    async with nodes(1) as ((worker,), source), front(source) as gateway:
        await ask(gateway)
        await ask(gateway, "/service/ocr/%2e%2e")
        source.records.clear()
        gateway.router.invalidate_worker("w1")
        await ask(gateway)
        seen: Sequence[tuple[str | None, str | None, int, int]] = [
            (outcome.worker, outcome.route, outcome.status, outcome.attempts) for outcome in gateway.outcomes
        ]
        assert seen == [("w1", "direct", 200, 1), (None, None, 503, 0)]
        assert [(item.worker, item.route) for item in worker.outcomes] == [("w1", "local")]
        assert worker.router.stats().local_requests == 1


async def test_two_services_are_found_and_counted_apart() -> None:
    ner = Manifest(name="ner-extraction", title="NER", aliases=("ner",))
    catalogue = Catalogue((OCR, ner))

    async def service(request: web.Request) -> web.Response:
        return web.Response(text=request.path)

    async with (
        serving(service) as server,
        front(Source(records=[record("w1", server.port)]), catalogue=catalogue) as gw,
    ):
        assert (await ask(gw, "/service/ner/extract"))[2] == "/service/ner-extraction/extract"
        assert (await ask(gw, "/service/ocr"))[2] == "/service/vision-ocr/ocr"
        assert gw.router.stats().cache_size == 2
        assert gw.sources[0].asked == 2


async def test_it_stops_while_a_lookup_is_on_its_way() -> None:
    class Hanging(Source):
        async def find(self, service: str) -> Sequence[object]:  # type: ignore[override]
            self.asked += 1
            await asyncio.Event().wait()
            return ()

    source = Hanging()
    async with front(source) as gateway:
        async with asyncio.TaskGroup() as group:
            call = group.create_task(ask(gateway))
            await until(lambda: source.asked > 0)
            call.cancel()
        await gateway.router.stop()
        await gateway.router.stop()


async def test_explaining_looks_up_like_a_request_and_changes_nothing_else() -> None:
    async with nodes(3) as (_, source), front(source, settings=RoutingSettings(policy="round-robin")) as gateway:
        first = await gateway.router.explain("ocr")
        assert (first.service, first.policy, first.picked) == (OCR.name, "round-robin", "w1")
        assert (first.lookup.cached, first.lookup.asked[0].name, first.lookup.asked[0].found) == (False, "dht", 3)
        again = await gateway.router.explain("vision-ocr")
        assert (again.lookup.cached, again.picked, source.asked) == (True, "w1", 1)
        assert [candidate.worker_id for candidate in again.candidates] == ["w1", "w2", "w3"]
        assert (await ask(gateway))[1] == "w1"
        assert (await gateway.router.explain("ocr")).picked == "w2"
        stats = gateway.router.stats()
        assert (stats.cache_hits, stats.cache_misses, stats.forwarded_requests) == (1, 0, 1)


async def test_explaining_tells_what_became_of_a_worker_that_failed() -> None:
    async with nodes(2) as (found, source), front(source, clock=Clock()) as gateway:
        await gateway.router.explain("ocr")
        await found[0].server.stop()
        for _ in range(200):  # until the dead one was drawn
            assert (await ask(gateway))[0] == 200
            dead = {item.worker_id: item for item in (await gateway.router.explain("ocr")).candidates}["w1"]
            if dead.state != "ready":
                break
        assert (dead.state, dead.chance) == ("shunned", 0.0)
        assert dead.until is not None
        assert "no connection" in dead.reason
        assert (await gateway.router.explain("ocr")).picked == "w2"


async def test_explaining_names_open_breakers_and_addresses_that_do_not_answer() -> None:
    async with nodes(2) as (_, source), front(source) as gateway:
        parts = gateway.router._parts
        for _ in range(5):
            parts.breakers.failed(OCR.name, "w1", parts.clock(), "status 503")
        explained = await gateway.router.explain("ocr")
        (breaker,) = explained.breakers
        assert (breaker.worker_id, breaker.state, breaker.last_failure) == ("w1", "open", "status 503")
        assert 0.0 < breaker.until.seconds <= 10.0
        assert explained.picked == "w2"


async def test_explaining_what_runs_here_and_what_nobody_runs() -> None:
    async with nodes(1) as ((worker,), _):
        explained = await worker.router.explain("ocr")
        assert (explained.here.runs, explained.here.serves, explained.picked) == (True, True, None)
        assert worker.router._parts.local_gates.places(OCR.name, 4).in_flight == 0
    async with front(Source("dht"), Source("registry", error=OSError("no route"))) as gateway:
        explained = await gateway.router.explain("ocr")
        assert (explained.candidates, explained.picked) == ((), None)
        assert [(source.name, source.error) for source in explained.lookup.asked] == [
            ("dht", ""),
            ("registry", "no route"),
        ]
        with pytest.raises(Problem) as caught:
            await gateway.router.explain("no-such-service")
        assert (caught.value.kind, caught.value.status) == ("unknown-service", 404)


async def test_for_personal_data_every_source_is_asked_for_a_vetted_worker() -> None:
    dht = Source("dht", [record("w1", 1, trust="volunteer")])
    registry = Source("registry", [record("w2", 2)])
    public = Catalogue((msgspec.structs.replace(OCR, data_class="public"),))
    async with front(dht, registry, catalogue=public) as gateway:
        assert (await gateway.router.explain("ocr")).picked == "w1"
        explained = await gateway.router.explain("ocr", personal=True)
        assert (explained.vetted_only, explained.picked, explained.lookup.cached) == (True, "w2", False)
        assert {item.worker_id: item.state for item in explained.candidates} == {"w1": "not-vetted", "w2": "ready"}


async def test_a_worker_that_claims_to_be_idle_gets_no_more_than_its_places() -> None:
    inside, most, hold = Counter[str](), Counter[str](), asyncio.Event()

    def serving_as(name: str) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            inside[name] += 1
            most[name] = max(most[name], inside[name])
            await hold.wait()
            inside[name] -= 1
            return web.Response(text=name, headers={"X-RMA-Load": "0", "X-RMA-Attempts": "1"})

        return handle

    async with contextlib.AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(serving(serving_as(name))) for name in ("liar", "w2", "w3")]
        loads = {"liar": 0.0, "w2": 0.9, "w3": 0.9}
        records = [
            record(name, server.port, load) for (name, load), server in zip(loads.items(), servers, strict=True)
        ]
        gateway = await stack.enter_async_context(front(Source(records=records)))
        async with asyncio.TaskGroup() as group:
            calls = [group.create_task(ask(gateway)) for _ in range(3 * OCR.concurrency)]
            await until(lambda: sum(inside.values()) == len(calls))
            hold.set()
        assert most == dict.fromkeys(loads, OCR.concurrency)


async def test_a_request_that_waited_goes_to_whoever_has_a_place_by_then() -> None:
    hold = {name: asyncio.Event() for name in ("w1", "w2")}
    inside: Counter[str] = Counter()

    def serving_as(name: str) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            inside[name] += 1
            assert inside[name] <= 1, "it takes one at a time"
            await hold[name].wait()
            inside[name] -= 1
            return web.Response(text=name, headers={"X-RMA-Attempts": "1"})

        return handle

    one = Catalogue((msgspec.structs.replace(OCR, concurrency=1),))
    async with (
        serving(serving_as("w1")) as first,
        serving(serving_as("w2")) as second,
        front(Source(records=[record("w1", first.port), record("w2", second.port)]), catalogue=one) as gateway,
    ):
        async with asyncio.TaskGroup() as group:
            early = [group.create_task(ask(gateway)) for _ in range(2)]
            await until(lambda: inside["w1"] == inside["w2"] == 1)
            late = [group.create_task(ask(gateway)) for _ in range(6)]
            await until(lambda: gateway.router.queue_depths() == {OCR.name: 6})
            hold["w2"].set()
            await until(lambda: all(call.done() for call in late))
            hold["w1"].set()
        assert {call.result()[2] for call in late} == {"w2"}
        assert {call.result()[2] for call in early} == {"w1", "w2"}


async def test_absurd_loads_are_not_believed_and_break_nothing() -> None:
    said = iter(["nan", "-1", "1e9", "inf", "9" * 8000, "0x1", "", "0.5"])

    async def lying(request: web.Request) -> web.StreamResponse:
        return web.Response(headers={"X-RMA-Load": next(said), "X-RMA-Attempts": "1"})

    async with serving(lying) as worker, front(Source(records=[record("w1", worker.port, 0.25)])) as gateway:
        for _ in range(7):
            assert (await ask(gateway))[0] == 200
            assert gateway.router.peers()[0].load == 0.25
        await ask(gateway)
        assert gateway.router.peers()[0].load == 0.5


async def test_the_relay_is_gone_by_until_there_is_a_better_way_and_left_when_it_is_lost() -> None:
    paths: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        paths.append(request.path)
        return await fine(request)

    async def ask(gateway: Front) -> str | None:
        async with gateway.client.post(gateway.url("/service/ocr")) as answer:
            assert answer.status == 200
            return answer.headers.get("X-RMA-Route")

    up = False
    async with serving(answer) as worker, serving(answer) as coordinator:
        place = Endpoints(port=worker.port, vpn_ip="127.0.0.1", tunnel_url=worker.url)
        there = WorkerRecord(worker_id="w1", endpoints=place, services=(OCR.name,), trust="vetted", relays=("c1",))
        async with front(
            Source(records=[there]),
            vpn_up=lambda: up,
            relay=lambda record: [f"{coordinator.url}/relay/{record.worker_id}"],
        ) as gateway:
            assert await ask(gateway) == "relay"
            assert paths[-1].startswith(f"/relay/w1/service/{OCR.name}")
            up = True
            gateway.router.look_anew()
            assert await ask(gateway) == "vpn"
            up = False
            gateway.router.look_anew()
            assert await ask(gateway) == "relay"
            await coordinator.stop()
            live = gateway.router._parts.forwarder._upstreams.live
            await until(lambda: len(live) == 1)  # the one to the worker; else a request might go to its death
            assert await ask(gateway) == "tunnel", "other ways go on when the coordinator is gone"
            assert paths[-1] == paths[-3]
            assert gateway.router.stats().requests_by_route == {"relay": 2, "vpn": 1, "tunnel": 1}
