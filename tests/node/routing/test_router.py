"""The router as nodes and gateways see it: names, paths, sharing, counting, and life without a coordinator."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence

import pytest
from aiohttp import web

from node.routing.settings import RoutingSettings
from node.wire.manifests import Catalogue, Manifest
from tests.support.routing import OCR, Front, Local, LocalTable, Source, front, record, serving, until


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
        gateway.router.update_load("w2", 0.5)
        peers = {peer.worker_id: peer for peer in gateway.router.peers()}
        assert set(peers) == {"w1", "w2"}
        assert peers["w2"].load == 0.5
        assert peers["w2"].route == "direct"
        assert peers["w2"].address == f"http://127.0.0.1:{found[1].server.port}"
        assert peers["w2"].services == (OCR.name,)
        gateway.router.invalidate_worker("w2")
        assert [peer.worker_id for peer in gateway.router.peers()] == ["w1"]


async def test_every_request_is_observed_once() -> None:
    async with nodes(1) as ((worker,), source), front(source) as gateway:
        await ask(gateway)
        await ask(gateway, "/service/ocr/%2e%2e")
        source.records.clear()
        gateway.router.forget(OCR.name)
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
