"""The gateway with real workers behind it: admission, streaming both ways, failover, and what never passes."""

from __future__ import annotations

import asyncio
import gc
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from coordinator_server.front import FRONT
from coordinator_server.gateway.keys import ApiKey
from coordinator_server.gateway.routes import Wish
from coordinator_server.registry.membership import Member
from tests.support.front import Front, running_front, standing_clock
from tests.support.waiting import eventually


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[Front]:
    async with running_front(tmp_path) as made:
        yield made


async def call(front: Front, path: str, **options: Any) -> tuple[aiohttp.ClientResponse, Any]:
    method = options.pop("method", "POST")
    async with front.session.request(method, front.url + path, **options) as answer:
        return answer, await answer.json(content_type=None)


def kind(document: dict[str, Any]) -> str:
    return str(document["type"]).rpartition("/")[2]


async def test_a_request_reaches_a_worker_with_proof_and_without_the_callers_secrets(front: Front) -> None:
    worker = await front.join("alpha")
    key = await front.key()
    answer, seen = await call(
        front,
        "/service/mirror/a%20b/c?x=1&y=%26",
        data=b"hello",
        headers={**key, "Cookie": "c=1", "X-Request-ID": "mine", "X-Forwarded-For": "198.51.100.9"},
    )
    assert answer.status == 200
    assert (seen["path"], seen["query"], seen["body"]) == ("/service/echo/a%20b/c", "x=1&y=%26", "hello")
    assert seen["headers"]["x-request-id"] == answer.headers["X-Request-ID"] == "mine"
    assert seen["headers"]["x-rma-hops"] == "1"
    assert not {"x-api-key", "authorization", "cookie"} & set(seen["headers"])
    assert (answer.headers["X-RMA-Worker"], answer.headers["X-RMA-Route"]) == (worker.worker_id, "direct")
    assert answer.headers["X-RMA-Attempts"] == "1"
    assert "Server-Timing" in answer.headers
    assert answer.headers["RateLimit-Limit"] == "10000"
    assert worker.refused == 0


async def test_a_worker_that_says_that_it_serves_gets_the_very_next_request(front: Front) -> None:
    front.site.app[FRONT].router._parts.cache._empty_ttl = 3600.0  # it is not time that helps here
    worker, key = await front.join("alpha"), await front.key()
    for state, status in (("draining", 503), ("running", 200)):
        await worker.heartbeat(state)
        answer, _ = await call(front, "/service/echo", headers=key)
        assert answer.status == status, state


async def test_without_a_path_the_manifests_own_is_taken_also_on_the_older_address(front: Front) -> None:
    await front.join("alpha")
    key = await front.key()
    for path in ("/service/echo", "/api/service/echo"):
        answer, seen = await call(front, path, headers=key)
        assert (answer.status, seen["path"]) == (200, "/service/echo/say")
    answer, _ = await call(front, "/service/echo/", headers=key)
    assert answer.status == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "problem"),
    [
        ("GET", "/api/service/echo", 405, "method-not-allowed"),
        ("POST", "/api/service/echo/say", 404, "not-found"),
        ("POST", "/api/service/", 404, "unknown-service"),
        ("POST", "/api/service", 404, "not-found"),
        ("GET", "/service", 404, "not-found"),
    ],
)
async def test_the_older_address_takes_no_more_than_it_did(
    front: Front, method: str, path: str, status: int, problem: str
) -> None:
    await front.join("alpha")
    answer, document = await call(front, path, method=method, headers=await front.key())
    assert (answer.status, kind(document)) == (status, problem)
    assert answer.headers.get("Allow") == ("POST" if status == 405 else None)
    assert len(answer.headers.getall("X-Request-ID")) == 1


@pytest.mark.parametrize(
    ("path", "headers", "status", "problem"),
    [
        ("/service/echo", {}, 401, "unauthorized"),
        ("/service/echo", {"X-API-Key": "rma_000000000000_" + "A" * 43}, 401, "unauthorized"),
        ("/service/echo", {"Authorization": "Basic Zm9vOmJhcg=="}, 401, "unauthorized"),
        ("/service/unheard-of", {}, 401, "unauthorized"),
        ("/service/unheard-of", "key", 404, "unknown-service"),
        ("/service/", "key", 404, "unknown-service"),
        ("/service/ner", "key", 403, "forbidden"),
        ("/service/echo", "key", 503, "no-worker"),
        ("/service/echo/..%2f..%2fadmin", "key", 400, "invalid-request"),
    ],
)
async def test_every_refusal_has_its_status_and_type(
    front: Front, path: str, headers: Any, status: int, problem: str
) -> None:
    if headers == "key":
        headers = await front.key(services=["mirror"])
    answer, document = await call(front, path, headers=headers)
    assert (answer.status, kind(document)) == (status, problem)
    assert document["request_id"] == answer.headers["X-Request-ID"]
    assert answer.content_type == "application/problem+json"
    if status == 503:
        assert int(answer.headers["Retry-After"]) > 0


AMBIGUOUS = ["/service/ner/../echo", "/service/../service/echo", "/service/./echo", "/x/../service/echo"]
AMBIGUOUS += ["/service/echo/./x", "/service/ner/%2e%2e/echo", "/service/ner%2f..%2fecho", "/service/ner\\..\\echo"]
AMBIGUOUS += ["/service/ner/..;/echo", "/service/echo/%2e", "/api/service/ner/../echo", "/service/%2e%2e/echo/x"]
ELSEWHERE = {"/SERVICE/echo": 404, "/service//echo": 404, "//service/echo": 404, "/service%2fecho": 404}
ELSEWHERE |= {"/service/ECHO": 404, "/service/ech%6f": 404, "/service;a/echo": 404, "/service/echo%2f": 404}


@pytest.mark.parametrize("with_key", [True, False])
async def test_nobody_gets_to_another_service_by_an_address_that_can_be_read_in_two_ways(
    front: Front, with_key: bool
) -> None:
    worker = await front.join("alpha")
    key = (await front.key(services=["echo"]))["X-API-Key"] if with_key else "none"
    expected = dict.fromkeys(AMBIGUOUS, 400) | (ELSEWHERE if with_key else {})
    place = urlsplit(front.url)
    for target, status in expected.items():
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        fields = f"Host: mesh\r\nX-API-Key: {key}\r\nConnection: close\r\n\r\n"
        writer.write(f"POST {target} HTTP/1.1\r\nContent-Length: 0\r\n{fields}".encode())
        answer = await reader.read()
        writer.close()
        assert answer.startswith(b"HTTP/1.1 %d " % status), (target, answer)
    assert not worker.seen


async def test_a_head_that_is_refused_again_and_again_keeps_nothing_of_the_requests(front: Front) -> None:
    for _ in range(3):
        answer, _ = await call(front, "/api/service/echo", method="GET")
        assert answer.status == 405
    problems = [thing.problem for thing in gc.get_objects() if isinstance(thing, Wish) and thing.problem]
    assert problems
    assert [problem for problem in problems if problem.__traceback__ is not None] == []


async def test_a_rate_ends_in_429_with_the_time_to_wait(tmp_path: Path) -> None:
    async with running_front(tmp_path, standing_clock()) as front:
        await front.join("alpha")
        key = await front.key(rate="2/min")
        statuses = [(await call(front, "/service/echo", headers=key))[0].status for _ in range(2)]
        answer, document = await call(front, "/service/echo", headers=key)
        assert [*statuses, answer.status] == [200, 200, 429]
        assert kind(document) == "rate-limited"
        assert (answer.headers["Retry-After"], answer.headers["RateLimit-Remaining"]) == ("30", "0")


async def test_an_address_has_a_rate_of_its_own(tmp_path: Path) -> None:
    async with running_front(tmp_path, standing_clock(), address_rate="2/min") as front:
        statuses = [(await call(front, "/service/echo"))[0].status for _ in range(3)]
        assert statuses == [401, 401, 429]
        answer, _ = await call(front, "/service/echo", headers={"X-Forwarded-For": "198.51.100.9"})
        assert answer.status == 401


async def test_a_revoked_key_is_refused_at_once(front: Front) -> None:
    await front.join("alpha")
    made = await front.ask("POST", "/api/admin/keys", {"name": "soon gone"}, 201)
    headers = {"Authorization": f"Bearer {made['key']}"}
    assert (await call(front, "/service/echo", headers=headers))[0].status == 200
    await front.ask("DELETE", f"/api/admin/keys/{made['id']}")
    assert (await call(front, "/service/echo", headers=headers))[0].status == 401


async def test_anonymous_opens_services_for_this_machine_but_not_for_proxies_and_strange_pages(
    tmp_path: Path,
) -> None:
    async with running_front(tmp_path, anonymous=True) as front:
        await front.join("alpha")
        assert (await call(front, "/service/echo"))[0].status == 200
        for headers in (
            {"X-Forwarded-For": "198.51.100.9"},
            {"Origin": "https://evil.example"},
            {"Host": "evil.example"},
        ):
            assert (await call(front, "/service/echo", headers=headers))[0].status == 401


async def test_a_dead_worker_is_passed_over_and_the_registry_knows_at_once(front: Front) -> None:
    dead, alive = await front.join("dead", load=0.0), await front.join("alive", load=0.9)
    await dead.stop()
    key = await front.key()

    def members() -> dict[str, Member]:
        return {member.worker_id: member for member in front.coordinator.registry.members()}

    for _ in range(200):  # who is asked first is drawn, 5 to 3: the dead one is asked some time
        answer, seen = await call(front, "/service/echo", headers=key)
        assert (answer.status, seen["worker"]) == (200, alive.worker_id)
        if members()[dead.worker_id].failed:
            break
    assert members()[dead.worker_id].failed
    assert not members()[alive.worker_id].failed
    assert members()[alive.worker_id].load == 0.9
    await dead.heartbeat()
    assert not members()[dead.worker_id].failed


async def test_when_every_worker_fails_it_is_502(front: Front) -> None:
    worker = await front.join("alpha")
    await worker.stop()
    answer, document = await call(front, "/service/echo", headers=await front.key())
    assert (answer.status, kind(document)) == (502, "upstream-failed")


async def test_a_drained_worker_gets_nothing_more(front: Front) -> None:
    first, second = await front.join("first"), await front.join("second", load=0.9)
    key = await front.key()
    await front.ask("POST", f"/api/admin/workers/{first.worker_id}/drain")
    for _ in range(5):
        _, seen = await call(front, "/service/echo", headers=key)
        assert seen["worker"] == second.worker_id


async def test_events_arrive_one_by_one(front: Front) -> None:
    await front.join("alpha")
    async with front.session.get(front.url + "/service/echo/events", headers=await front.key()) as answer:
        assert answer.content_type == "text/event-stream"
        first = await answer.content.readuntil(b"\n\n")
        assert first == b"data: 0\n\n"
        assert await answer.content.read() == b"data: 1\n\ndata: 2\n\n"


async def test_a_websocket_goes_through(front: Front) -> None:
    worker = await front.join("alpha")
    url = front.url.replace("http", "ws", 1) + "/service/echo/talk"
    async with asyncio.timeout(30), front.session.ws_connect(url, headers=await front.key()) as socket:
        await socket.send_str("hello")
        assert await socket.receive_str() == f"{worker.worker_id} heard hello"
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await front.session.ws_connect(url)
    assert caught.value.status == 401


async def test_a_long_body_streams_up_and_a_too_long_one_is_413(front: Front) -> None:
    await front.join("alpha")
    key = await front.key()

    async def chunks(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield b"x" * 100_000

    async with front.session.post(front.url + "/service/echo/bytes", data=chunks(15), headers=key) as answer:
        assert await answer.text() == "1500000"
    answer, document = await call(front, "/service/echo/bytes", data=io.BytesIO(b"x" * 2_000_001), headers=key)
    assert (answer.status, kind(document)) == (413, "payload-too-large")
    async with front.session.get(front.url + "/metrics") as scraped:
        assert 'rma_rejected_requests_total{reason="payload-too-large"} 1.0' in await scraped.text()


async def test_a_page_of_a_worker_cannot_act_as_ours(front: Front) -> None:
    await front.join("alpha")
    answer, _ = await call(front, "/service/echo", headers=await front.key())
    assert answer.headers["Content-Security-Policy"] == "sandbox"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers.getall("Server") == ["rma-mesh"], "which libraries a worker is made of is told nobody"


async def test_browsers_of_allowed_origins_may_call_and_others_not(tmp_path: Path) -> None:
    async with running_front(tmp_path, cors_origins=("https://app.example",)) as front:
        await front.join("alpha")
        asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key"}
        url = front.url + "/service/echo"
        async with front.session.options(url, headers={**asked, "Origin": "https://app.example"}) as answer:
            assert answer.status == 204
            assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example"
            assert answer.headers["Access-Control-Allow-Headers"] == "x-api-key"
        async with front.session.options(url, headers={**asked, "Origin": "https://evil.example"}) as answer:
            assert answer.status == 403
            assert "Access-Control-Allow-Origin" not in answer.headers
        answer, _ = await call(
            front, "/service/echo", headers={**await front.key(), "Origin": "https://app.example"}
        )
        assert answer.status == 200
        assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example"
        assert "X-RMA-Worker" in answer.headers["Access-Control-Expose-Headers"]


async def test_while_draining_services_are_refused_and_the_rest_still_answers(front: Front) -> None:
    key = await front.key()
    front.coordinator.readiness.draining = True
    answer, document = await call(front, "/service/echo", headers=key)
    assert (answer.status, kind(document)) == (503, "draining")
    assert (await front.get("/health"))["status"] == "draining"
    front.coordinator.readiness.draining = False
    front.coordinator.readiness.ready = False
    answer, document = await call(front, "/service/echo", headers=key)
    assert (answer.status, kind(document)) == (503, "starting")


async def test_an_address_without_a_name_says_what_is_missing(front: Front) -> None:
    _answer, document = await call(front, "/service/", headers=await front.key())
    assert "name is missing" in document["detail"]


async def test_requests_are_counted_for_prometheus(front: Front) -> None:
    worker = await front.join("alpha")
    await call(front, "/service/mirror", headers=await front.key())
    await call(front, "/service/mirror")
    async with front.session.get(front.url + "/metrics") as answer:
        text = await answer.text()
    labels = f'route="direct",service="echo",status="200",worker="{worker.worker_id}"'
    assert f"rma_requests_total{{{labels}}} 1.0" in text
    assert 'rma_rejected_requests_total{reason="unauthorized"} 1.0' in text
    assert 'rma_service_workers{service="echo"} 1.0' in text


async def test_refused_keys_are_in_the_audit_log_but_not_every_try(front: Front) -> None:
    made = await front.ask("POST", "/api/admin/keys", {"name": "narrow", "services": ["ner"]}, 201)
    for _ in range(3):
        await call(front, "/service/echo", headers={"X-API-Key": made["key"]})
    await call(front, "/service/echo")
    lines = (await front.ask("GET", "/api/admin/audit"))["audit"]
    refused = [(line["subject"], line["outcome"]) for line in lines if line["action"] == "key-refused"]
    assert refused == [(made["id"], "refused")]
    assert made["key"] not in str(lines)


async def test_a_request_that_was_forwarded_already_goes_no_further(front: Front) -> None:
    worker = await front.join("alpha")
    key = await front.key()
    answer, document = await call(front, "/service/echo", headers={**key, "X-RMA-Hops": "1"})
    assert (answer.status, kind(document)) == (508, "loop-detected")
    assert not worker.seen


async def test_a_client_that_leaves_while_its_key_is_read_takes_no_place(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    await front.join("alpha")
    key = await front.key()
    keys, reading, read = front.coordinator.keys, asyncio.Event(), asyncio.Event()
    find = keys.find

    async def find_slowly(shown: str) -> ApiKey | None:
        reading.set()
        await read.wait()
        return await find(shown)

    monkeypatch.setattr(keys, "find", find_slowly)
    parts = urlsplit(front.url)
    _, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(f"GET /service/echo HTTP/1.1\r\nHost: a\r\nX-API-Key: {key['X-API-Key']}\r\n\r\n".encode())
    await reading.wait()
    writer.close()
    await writer.wait_closed()
    gateway = front.site.app[FRONT].gateway
    await eventually(lambda: not gateway.in_flight, "the client has left")
    read.set()
    answer, _ = await call(front, "/service/echo", headers=key)
    assert answer.status == 200
    outstanding = front.site.app[FRONT].router._parts.outstanding
    await eventually(lambda: not outstanding.of("echo"), "nothing is under way")
    assert len(front.workers[0].seen) == 1
