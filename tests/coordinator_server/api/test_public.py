"""What everybody may ask: true, complete, and silent about what is only the volunteers' business."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from coordinator_server.front import FRONT
from tests.support.front import Front, running_front, until


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[Front]:
    async with running_front(tmp_path) as made:
        yield made


@contextlib.asynccontextmanager
async def following(front: Front, address: str = "192.0.2.1") -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    url = front.url.replace("http", "ws", 1) + "/api/topology/stream"
    async with asyncio.timeout(100), front.session.ws_connect(url, headers={"X-Forwarded-For": address}) as socket:
        yield socket


async def test_health_counts_workers(tmp_path: Path) -> None:
    now = [1_800_000_000.0]
    async with running_front(tmp_path, clock=lambda: now[0]) as front:
        health = await front.get("/health")
        assert (health["status"], health["coordinator"]) == ("ok", front.coordinator.coordinator_id)
        assert health["workers"] == {"total": 0, "active": 0, "stale": 0}


async def test_a_silent_worker_is_stale_everywhere(tmp_path: Path) -> None:
    async with running_front(tmp_path, worker_heartbeat=0.1, worker_stale=0.3, worker_forgotten=600.0) as front:
        await front.join("alpha")
        deadline = asyncio.get_running_loop().time() + 60
        while (await front.get("/health"))["workers"] != {"total": 1, "active": 0, "stale": 1}:
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.02)
        topology = await front.get("/api/topology")
        assert topology["workers"][0]["status"] == "stale"
        echo = next(service for service in topology["services"] if service["name"] == "echo")
        assert (echo["healthy"], echo["workers"]) == (0, [])


async def test_ready_only_between_starting_and_draining(front: Front) -> None:
    assert (await front.get("/ready"))["status"] == "ready"
    front.coordinator.readiness.draining = True
    assert (await front.get("/ready", 503))["type"].endswith("/draining")
    front.coordinator.readiness.draining = front.coordinator.readiness.ready = False
    assert (await front.get("/ready", 503))["type"].endswith("/starting")
    assert (await front.get("/health"))["status"] == "starting"


async def test_the_topology_shows_workers_services_and_links_but_no_addresses(front: Front) -> None:
    worker = await front.join("Mary's laptop <script>", load=0.25)
    async with front.session.get(front.url + "/api/topology") as answer:
        text = await answer.text()
    topology = msgspec.json.decode(text)
    own = front.coordinator.coordinator_id
    assert [(c["id"], c["url"], c["workers"], c["status"]) for c in topology["coordinators"]] == [
        (own, front.coordinator.info.url, 1, "active")
    ]
    (seen,) = topology["workers"]
    assert (seen["id"], seen["type"], seen["coordinator"]) == (worker.worker_id, "cpu", own)
    assert (seen["services"], seen["status"], seen["load"], seen["route"]) == (["echo"], "active", 0.25, "direct")
    assert topology["links"] == [{"source": own, "target": worker.worker_id, "route": "direct"}]
    echo = next(service for service in topology["services"] if service["name"] == "echo")
    assert (echo["wanted"], echo["healthy"], echo["workers"]) == (1, 1, [worker.worker_id])
    ner = next(service for service in topology["services"] if service["name"] == "ner-extraction")
    assert ner["healthy"] == 0
    assert ner["reason"]
    for private in ("192.0.2.77", "direct_hosts", "<script>", "Mary's", "addresses", "capabilities"):
        assert private not in text


async def test_the_stream_sends_a_snapshot_and_then_what_changes(front: Front) -> None:
    async with following(front) as socket:
        snapshot = await socket.receive_json()
        assert (snapshot["type"], snapshot["topology"]["workers"]) == ("snapshot", [])
        worker = await front.join("alpha")
        sequence, seen = snapshot["sequence"], None
        while seen is None or not seen["services"]:
            delta = await socket.receive_json()
            assert (delta["type"], delta["sequence"]) == ("delta", sequence + 1)
            sequence = delta["sequence"]
            for item in delta["changed"]["workers"]:
                seen = item
        assert (seen["id"], seen["services"]) == (worker.worker_id, ["echo"])
        await front.ask("POST", f"/api/admin/workers/{worker.worker_id}/revoke")
        removed: list[str] = []
        while not removed:
            removed = (await socket.receive_json())["removed"]["workers"]
        assert removed == [worker.worker_id]


async def test_the_stream_is_a_websocket_and_has_room_for_so_many(front: Front) -> None:
    document = await front.get("/api/topology/stream", 426)
    assert "WebSocket" in document["detail"]
    handshake = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    for key in ("é" * 24, "short", ""):
        async with front.session.get(
            f"{front.url}/api/topology/stream", headers={**handshake, "Sec-WebSocket-Key": key}
        ) as answer:
            assert answer.status == 426
    async with contextlib.AsyncExitStack() as stack:
        for number in range(200):
            household = f"192.0.2.{number // 40 + 1}"
            await (await stack.enter_async_context(following(front, household))).receive()
            if number in (39, 199):
                for address in (household, "192.0.2.77")[: 1 if number == 39 else 2]:
                    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                        await stack.enter_async_context(following(front, address))
                    assert caught.value.status == 503


async def test_a_listener_who_talks_too_much_or_leaves_is_forgotten(front: Front) -> None:
    async with following(front) as socket:
        await socket.receive_json()
        await socket.send_str("x" * 5000)
        closed = await socket.receive()
        while closed.type is aiohttp.WSMsgType.TEXT:
            closed = await socket.receive()
        assert closed.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING)
    async with following(front) as socket:
        await socket.receive_json()
    await until(lambda: len(front.site.app[FRONT].stream) == 0)


async def test_every_route_is_described(front: Front) -> None:
    described = await front.get("/openapi.json")
    served = set()
    for route in front.site.app.router.routes():
        assert route.resource is not None
        if route.method != "HEAD":
            served.add((route.method.lower(), route.resource.canonical))
    paths = {(method, path) for path, methods in described["paths"].items() for method in methods}
    for place in ("/service/", "/relay/"):
        carried = {(method, path) for method, path in paths if path.startswith(place)}
        assert carried, place
        paths -= carried
    assert paths == served | {("post", "/api/service/{service}")}, "the data plane takes that one"


async def test_the_dashboard_and_its_files_are_served_with_a_strict_policy(front: Front) -> None:
    for path, kind in (
        ("/", "text/html"),
        ("/dashboard/dashboard.js", "text/javascript"),
        ("/dashboard/dashboard.css", "text/css"),
        ("/dashboard/icon.svg", "image/svg+xml"),
    ):
        async with front.session.get(front.url + path) as answer:
            body = await answer.text()
            assert (answer.status, answer.content_type) == (200, kind)
            policy = answer.headers["Content-Security-Policy"]
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            tag = answer.headers["ETag"]
        async with front.session.get(front.url + path, headers={"If-None-Match": tag}) as answer:
            assert answer.status == 304
        assert "http://" not in body.replace("http://www.w3.org/2000/svg", "")
    for path in ("/dashboard/..%2f__init__.py", "/dashboard/nothing.js"):
        async with front.session.get(front.url + path) as answer:
            assert answer.status == 404


@pytest.mark.parametrize("path", ["/nothing", "/api/nothing", "/dashboard"])
async def test_what_is_not_there_is_a_problem_document(front: Front, path: str) -> None:
    document: dict[str, Any] = await front.get(path, 404)
    assert document["type"].endswith("/not-found")


async def test_answers_do_not_tell_what_we_are_made_of(front: Front) -> None:
    async with front.session.get(front.url + "/health") as answer:
        assert answer.headers["Server"] == "rma-mesh"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
