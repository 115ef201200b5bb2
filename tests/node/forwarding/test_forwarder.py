"""Real servers on both sides: what goes up, what comes down, and what happens when somebody goes away."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import resource
import socket
from collections.abc import AsyncIterator

import aiohttp
import msgspec
import pytest
from aiohttp import web
from yarl import URL

from node.forwarding.plane import DataPlane
from node.program.web import bind
from node.routing.settings import RoutingSettings
from node.wire.manifests import Catalogue
from tests.support.routing import (
    OCR,
    Front,
    Handler,
    Local,
    LocalTable,
    Shop,
    Source,
    front,
    record,
    serving,
    until,
)

MIB = 2**20


@contextlib.asynccontextmanager
async def mesh(
    service: Handler, *, settings: RoutingSettings | None = None, **manifest: object
) -> AsyncIterator[Front]:
    """Run a gateway in front of a worker in front of a service, each with its own real server."""
    ocr = msgspec.structs.replace(OCR, **manifest)
    catalogue = Catalogue((ocr,))
    async with serving(service, middlewares=False) as server:
        local = LocalTable({OCR.name: Local(server.url, manifest=ocr)})
        async with front(worker_id="w1", local=local, catalogue=catalogue, settings=settings) as worker:
            source = Source(records=[record("w1", worker.server.port)])
            async with front(source, catalogue=catalogue, settings=settings) as gateway:
                yield gateway


async def test_fifty_megabytes_go_up_and_down_without_being_held() -> None:
    sizes: list[int] = []

    async def echo(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = request.content_length
        await response.prepare(request)
        async for chunk in request.content.iter_any():
            sizes.append(len(chunk))
            await response.write(chunk)
        return response

    async def body() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield bytes(MIB)

    async with mesh(echo) as gateway:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        received = 0
        head = {"Content-Length": str(50 * MIB)}
        async with gateway.client.post(gateway.url("/service/ocr"), data=body(), headers=head) as answer:
            assert answer.headers["Content-Length"] == str(50 * MIB)
            async for chunk in answer.content.iter_any():
                received += len(chunk)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert received == 50 * MIB
    assert max(sizes) <= MIB
    assert grown * 1024 < 32 * MIB


async def test_a_slow_reader_holds_the_sender_back() -> None:
    sent = 0

    async def pour(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(800):
            await response.write(bytes(MIB))
            sent += 1
        return response

    async with mesh(pour) as gateway, gateway.client.get(gateway.url("/service/ocr")) as answer:
        await answer.content.readany()
        previous = -1
        async with asyncio.timeout(30):
            while sent != previous:
                previous = sent
                await asyncio.sleep(0.2)
        assert sent < 400  # what systems hold in their buffers differs


async def test_events_arrive_one_by_one_as_they_are_sent() -> None:
    heard = asyncio.Semaphore(0)

    async def events(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for number in range(5):
            async with asyncio.timeout(30):
                await heard.acquire()
            await response.write(f"data: {number}\n\n".encode())
        return response

    async with mesh(events) as gateway, gateway.client.get(gateway.url("/service/ocr")) as answer:
        assert answer.content_type == "text/event-stream"  # the head is here before the first event
        for number in range(5):
            heard.release()
            assert await answer.content.readuntil(b"\n\n") == f"data: {number}\n\n".encode()


async def test_an_event_stream_may_last_longer_than_a_request() -> None:
    async def events(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for _ in range(6):
            await response.write(b"data: x\n\n")
            await asyncio.sleep(0.5)
        return response

    async with (
        mesh(events, request_timeout=2.0) as gateway,
        gateway.client.get(gateway.url("/service/ocr")) as answer,
    ):
        assert (await answer.read()).count(b"data") == 6


async def test_secrets_stay_where_they_belong() -> None:
    seen: list[web.Request] = []

    async def service(request: web.Request) -> web.Response:
        seen.append(request)
        return web.Response(headers={"Set-Cookie": "a=b", "X-RMA-Worker": "forged"})

    async with serving(service, middlewares=False) as server:
        local = LocalTable({OCR.name: Local(server.url)})
        async with front(worker_id="w1", local=local) as worker:
            door = Shop(worker.router)
            plane = DataPlane(door, web.Application(), bind("127.0.0.1", 0))
            await plane.start()
            async with front(Source(records=[record("w1", plane.port)])) as gateway:
                head = {
                    "Authorization": "Bearer rma_key", "X-API-Key": "rma_key", "Cookie": "session=1",
                    "X-RMA-Token": "forged", "X-RMA-Service-Token": "forged", "X-RMA-Worker": "forged",
                }  # fmt: skip
                async with gateway.client.post(gateway.url("/service/ocr"), headers=head) as answer:
                    assert answer.status == 200
                    assert "Set-Cookie" not in answer.headers
                    assert answer.headers.getall("X-RMA-Worker") == ["w1"]
            await plane.stop()
    [got] = door.seen
    assert got.head.get("x-rma-token") == "token-for-w1"
    assert got.head.get("x-rma-hops") == "1"
    assert "authorization" not in got.head.values
    [request] = seen
    assert request.headers.getall("X-RMA-Service-Token") == ["service-secret"]
    names = {name.lower() for name in request.headers}
    assert not names & {"authorization", "x-api-key", "cookie", "x-rma-token", "x-rma-worker", "x-rma-hops"}
    assert request.headers["Host"] == f"127.0.0.1:{server.port}"


async def test_the_answers_head_tells_who_served_and_how() -> None:
    async def service(request: web.Request) -> web.Response:
        return web.Response(text=request.headers["X-Request-ID"])

    async with mesh(service) as gateway:
        head = {"X-Request-ID": "my-request.1"}
        async with gateway.client.get(gateway.url("/service/ocr"), headers=head) as answer:
            assert answer.headers["X-RMA-Worker"] == "w1"
            assert answer.headers["X-RMA-Route"] == "direct"
            assert answer.headers["X-RMA-Attempts"] == "1"
            assert answer.headers["X-Request-ID"] == "my-request.1"
            assert 0 <= float(answer.headers["X-RMA-Load"]) <= 1
            assert "worker;dur=" in ",".join(answer.headers.getall("Server-Timing"))
            assert await answer.text() == "my-request.1"


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304), ("DELETE", 204)])
async def test_answers_without_a_body_have_none_and_keep_the_connection(method: str, status: int) -> None:
    async def service(request: web.Request) -> web.Response:
        return web.Response(status=status, body=b"12345" if status == 200 else None, headers={"ETag": '"1"'})

    async with mesh(service) as gateway:
        for _ in range(2):
            async with gateway.client.request(method, gateway.url("/service/ocr")) as answer:
                assert answer.status == status
                assert await answer.read() == b""
                assert answer.headers["ETag"] == '"1"'
                assert answer.headers.get("Content-Length") == ("5" if method == "HEAD" else None)
                assert "Transfer-Encoding" not in answer.headers


async def test_encodings_pass_untouched_and_redirects_are_the_clients_business() -> None:
    async def service(request: web.Request) -> web.Response:
        if request.path == "/moved":
            return web.Response(status=307, headers={"Location": "http://127.0.0.1:1/"})
        assert request.headers["Accept-Encoding"] == "gzip"
        return web.Response(body=gzip.compress(b"hello"), headers={"Content-Encoding": "gzip"})

    async with mesh(service) as gateway:
        async with gateway.client.get(gateway.url("/service/ocr"), headers={"Accept-Encoding": "gzip"}) as answer:
            assert answer.headers["Content-Encoding"] == "gzip"
            assert gzip.decompress(await answer.read()) == b"hello"
        async with gateway.client.get(gateway.url("/service/ocr/moved"), allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (307, "http://127.0.0.1:1/")


async def test_a_compressed_upload_reaches_the_service_whole() -> None:
    async def service(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    async with mesh(service) as gateway:
        data = gzip.compress(b"x" * 100_000)
        async with gateway.client.post(
            gateway.url("/service/ocr"), data=data, headers={"Content-Encoding": "gzip"}
        ) as answer:
            assert await answer.read() == b"x" * 100_000


async def test_the_path_reaches_the_service_as_it_was_written() -> None:
    async def service(request: web.Request) -> web.Response:
        return web.Response(text=request.raw_path)

    async with mesh(service) as gateway:
        for tail in ("/a%2Fb/c%20d?x=%2B&y=a+b&z", "//double", "/%E2%82%AC", "/"):
            url = URL(gateway.url("/service/ocr" + tail), encoded=True)
            async with gateway.client.get(url) as answer:
                assert await answer.text() == tail
        for tail in ("/%2e%2e/admin", "/..%2fadmin"):
            url = URL(gateway.url("/service/ocr" + tail), encoded=True)
            async with gateway.client.get(url) as answer:
                assert answer.status == 400


async def test_a_declared_length_that_is_too_large_is_413_at_once() -> None:
    async def service(request: web.Request) -> web.Response:
        raise AssertionError("must not be asked")

    async with (
        mesh(service, max_body_bytes=1000) as gateway,
        gateway.client.post(gateway.url("/service/ocr"), data=bytes(1001)) as answer,
    ):
        assert answer.status == 413
        assert (await answer.json(content_type=None))["type"].endswith("/payload-too-large")
    assert gateway.outcomes == []


async def test_a_chunked_body_that_grows_too_large_is_413_and_no_workers_fault() -> None:
    async def service(request: web.Request) -> web.Response:
        return web.Response(text=str(len(await request.read())))

    async def body(size: int) -> AsyncIterator[bytes]:
        for _ in range(size):
            yield bytes(1000)

    async with mesh(service, max_body_bytes=10_000) as gateway:
        for _ in range(6):
            async with gateway.client.post(gateway.url("/service/ocr"), data=body(100)) as answer:
                assert answer.status == 413
        async with gateway.client.post(gateway.url("/service/ocr"), data=body(10)) as answer:
            assert await answer.text() == "10000"


async def test_a_worker_may_answer_before_it_has_the_whole_body() -> None:
    async def service(request: web.Request) -> web.Response:
        return web.Response(status=422, text="no thanks")

    finished = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"start"
        async with asyncio.timeout(30):
            await finished.wait()

    async with mesh(service) as gateway:
        async with gateway.client.post(gateway.url("/service/ocr"), data=body()) as answer:
            assert answer.status == 422
            assert await answer.text() == "no thanks"
            finished.set()
        async with gateway.client.get(gateway.url("/service/ocr")) as answer:
            assert answer.status == 422


async def test_a_client_that_goes_away_ends_the_work_of_the_service() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def service(request: web.Request) -> web.Response:
        await request.read()
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError

    async with mesh(service) as gateway:
        _, writer = await asyncio.open_connection("127.0.0.1", gateway.server.port)
        writer.write(b"POST /service/ocr HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi")
        async with asyncio.timeout(30):
            await begun.wait()
        writer.close()
        async with asyncio.timeout(30):
            await ended.wait()
        await until(lambda: bool(gateway.outcomes))
        assert gateway.outcomes[0].status == 499
        assert gateway.router.stats().failed_requests == 0


async def test_a_client_that_goes_away_half_way_through_the_answer_ends_it() -> None:
    ended = asyncio.Event()

    async def service(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"more")
                await asyncio.sleep(0.01)
        finally:
            ended.set()

    async with mesh(service) as gateway:
        async with gateway.client.get(gateway.url("/service/ocr")) as answer:
            await answer.content.readany()
        async with asyncio.timeout(30):
            await ended.wait()


@pytest.mark.parametrize("length", ["Content-Length: 10", "Transfer-Encoding: chunked"])
async def test_an_answer_that_breaks_off_is_never_ended_cleanly(length: str) -> None:
    async def broken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        part = b"5\r\nhello\r\n" if "chunked" in length else b"hello"
        writer.write(f"HTTP/1.1 200 OK\r\n{length}\r\n\r\n".encode() + part)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(broken, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, front(Source(records=[record("w1", port)])) as gateway:
        async with gateway.client.get(gateway.url("/service/ocr")) as answer:
            assert answer.status == 200
            with pytest.raises(aiohttp.ClientError):
                await answer.read()
        assert gateway.router.stats().failed_requests == 1
        assert gateway.router.peers() == ()


async def test_a_worker_that_does_not_begin_to_answer_is_a_timeout() -> None:
    async def service(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with (
        mesh(service, first_byte_timeout=0.15) as gateway,
        gateway.client.post(gateway.url("/service/ocr"), data=b"x") as answer,
    ):
        assert answer.status == 504
        problem = await answer.json(content_type=None)
        assert problem["type"].endswith("/upstream-timeout")


async def test_an_answer_that_stalls_is_cut() -> None:
    async def service(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"begin")
        await asyncio.Event().wait()
        raise AssertionError

    async with (
        mesh(service, settings=RoutingSettings(idle_timeout=1.5)) as gateway,
        asyncio.timeout(30),
        gateway.client.get(gateway.url("/service/ocr")) as answer,
    ):
        with pytest.raises(aiohttp.ClientError):
            await answer.read()


async def test_a_request_that_takes_too_long_in_all_is_cut() -> None:
    async def service(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"drip")
            await asyncio.sleep(0.02)

    async with (
        mesh(service, request_timeout=2.0) as gateway,
        asyncio.timeout(30),
        gateway.client.get(gateway.url("/service/ocr")) as answer,
    ):
        with pytest.raises(aiohttp.ClientError):
            await answer.read()


async def test_a_slow_upload_may_take_longer_than_the_first_byte() -> None:
    async def service(request: web.Request) -> web.Response:
        return web.Response(text=str(len(await request.read())))

    async def body() -> AsyncIterator[bytes]:
        for _ in range(6):
            yield b"x"
            await asyncio.sleep(0.5)

    async with (
        mesh(service, first_byte_timeout=2.0) as gateway,
        gateway.client.post(gateway.url("/service/ocr"), data=body()) as answer,
    ):
        assert await answer.text() == "6"


async def test_a_client_that_stops_sending_is_told_so() -> None:
    async def service(request: web.Request) -> web.Response:
        return web.Response(text=str(len(await request.read())))

    async with mesh(service, settings=RoutingSettings(idle_timeout=1.5)) as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.server.port)
        writer.write(b"POST /service/ocr HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhi")
        async with asyncio.timeout(30):
            assert (await reader.readline()).startswith(b"HTTP/1.1 408")
        writer.close()


async def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

    async def service(request: web.Request) -> web.Response:
        return web.Response(text="direct")

    async with mesh(service) as gateway, gateway.client.get(gateway.url("/service/ocr")) as answer:
        assert await answer.text() == "direct"


async def test_connections_to_a_worker_are_kept_and_used_again() -> None:
    ports: set[tuple[str, object]] = set()

    async def service(request: web.Request) -> web.Response:
        assert request.transport is not None
        ports.add((request.path, request.transport.get_extra_info("peername")))
        return web.Response(body=await request.read())

    async with serving(service) as worker, front(Source(records=[record("w1", worker.port)])) as gateway:
        for _ in range(10):
            async with gateway.client.post(gateway.url("/service/ocr"), data=b"x") as answer:
                assert await answer.read() == b"x"
    assert [path for path, _ in ports] == ["/service/vision-ocr/ocr"]


async def test_a_worker_that_speaks_no_http_is_a_failed_worker() -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"\x00\x01\x02 not http at all\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(nonsense, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with (
        server,
        front(Source(records=[record("w1", port)])) as gateway,
        gateway.client.post(gateway.url("/service/ocr"), data=b"x") as answer,
    ):
        assert answer.status == 502
        problem = await answer.json(content_type=None)
        assert (problem["type"].rpartition("/")[2], problem["attempts"]) == ("upstream-failed", 1)


async def test_a_worker_that_takes_no_connection_is_given_up_in_time() -> None:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    fillers = [socket.socket() for _ in range(4)]
    for filler in fillers:  # the backlog is full now: further connections hang
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
    try:
        settings = RoutingSettings(connect_timeout=0.2)
        source = Source(records=[record("w1", listener.getsockname()[1])])
        async with (
            front(source, settings=settings) as gateway,
            asyncio.timeout(30),
            gateway.client.post(gateway.url("/service/ocr"), data=b"x") as answer,
        ):
            assert answer.status == 502
            assert "took no connection" in (await answer.json(content_type=None))["reason"]
    finally:
        for item in (*fillers, listener):
            item.close()


async def test_a_worker_that_breaks_off_an_upload_leaves_the_client_a_clear_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"begin")
        assert writer.transport is not None
        writer.transport.abort()

    answered = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"begin"
        async with asyncio.timeout(30):
            await answered.wait()
        yield b"rest"

    server = await asyncio.start_server(rude, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, front(Source(records=[record("w1", port)])) as gateway:
        for _ in range(5):
            answered.clear()
            async with gateway.client.post(gateway.url("/service/ocr"), data=body()) as answer:
                assert answer.status == 502
                answered.set()
                assert (await answer.json(content_type=None))["type"].endswith("/upstream-failed")
    assert "Unhandled" not in caplog.text


async def answering(gateway_reads: bytes) -> asyncio.Server:
    """Start a worker that answers every request with these bytes, whatever they mean."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(gateway_reads)
        await writer.drain()
        writer.close()

    return await asyncio.start_server(answer, "127.0.0.1", 0)


@pytest.mark.parametrize("line", ["101 Switching Protocols", "999 Odd"])
async def test_a_status_that_no_answer_has_never_reaches_the_client(line: str) -> None:
    second = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nforgd"
    server = await answering(f"HTTP/1.1 {line}\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n".encode() + second)
    port = server.sockets[0].getsockname()[1]
    async with (
        server,
        front(Source(records=[record("w1", port)])) as gateway,
        gateway.client.get(gateway.url("/service/ocr")) as answer,
    ):
        assert answer.status == 502
        assert b"forgd" not in await answer.read()


async def test_a_failure_tells_the_client_no_workers_address() -> None:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as placeholder:
        closed = placeholder.getsockname()[1]
    server = await answering(b"no HTTP at all\r\n\r\n")
    port = server.sockets[0].getsockname()[1]
    async with server:
        for source in (Source(records=[record("w1", port)]), Source(records=[record("w1", closed)])):
            async with front(source) as gateway, gateway.client.get(gateway.url("/service/ocr")) as answer:
                document = await answer.text()
                assert answer.status == 502
                assert "127.0.0.1" not in document
                assert not {str(port), str(closed)} & set(document.replace(":", " ").replace("/", " ").split())


async def test_a_client_that_stops_reading_is_cut_and_its_worker_is_not_blamed() -> None:
    async def pour(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(bytes(MIB))

    async with mesh(pour, settings=RoutingSettings(idle_timeout=1.5)) as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.server.port, limit=1024)
        writer.write(b"GET /service/ocr HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        await until(lambda: bool(gateway.outcomes))
        writer.close()
        assert gateway.outcomes[0].status == 499
        assert gateway.router.stats().failed_requests == 0
        assert [peer.worker_id for peer in gateway.router.peers()] == ["w1"]
