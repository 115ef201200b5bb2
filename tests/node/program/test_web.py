from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
from aiohttp import ClientSession, web

from node.program.errors import EXIT_FAILED, EXIT_IN_USE, UserFacingError
from node.program.logs import REQUEST_ID
from node.program.web import (
    HttpServer,
    _bind_error,
    bind,
    json_response,
    let_go,
    manners,
    parse_body,
    read_body,
)
from node.wire.problems import Problem, kind_of
from tests.support.waiting import eventually


class Order(msgspec.Struct):
    """A body with a nested list."""

    name: str
    sizes: list[int] = []


async def echo(request: web.Request) -> web.Response:
    order = await read_body(request, Order)
    return json_response(order, 201, {"X-Made": "yes"})


async def crash(request: web.Request) -> web.Response:
    raise RuntimeError("the secret is abracadabra")


async def refuse(request: web.Request) -> web.Response:
    raise Problem("rate-limited", "Wait.", headers={"Retry-After": "5"}, wait=5)


async def too_long(request: web.Request) -> web.Response:
    raise TimeoutError


async def elsewhere(request: web.Request) -> web.Response:
    raise web.HTTPFound("/order")


async def unprocessable(request: web.Request) -> web.Response:
    raise web.HTTPUnprocessableEntity


async def half_way(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"first half")
    raise RuntimeError("no second half")


async def refuse_half_way(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    raise Problem("upstream-failed", "The worker died.")


async def whose(request: web.Request) -> web.Response:
    return json_response({"id": REQUEST_ID.get()})


@asynccontextmanager
async def serving() -> AsyncIterator[str]:
    app = web.Application(middlewares=[manners], client_max_size=1000)
    app.add_routes(
        [
            web.post("/order", echo),
            web.get("/crash", crash),
            web.get("/refuse", refuse),
            web.get("/too-long", too_long),
            web.get("/elsewhere", elsewhere),
            web.get("/unprocessable", unprocessable),
            web.get("/half-way", half_way),
            web.get("/refuse-half-way", refuse_half_way),
            web.get("/whose", whose),
        ]
    )
    server = HttpServer(app, bind("127.0.0.1", 0))
    await server.start()
    try:
        yield server.url
    finally:
        await server.stop()
        await server.stop()


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with serving() as address:
        yield address


@pytest.fixture
async def client() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


async def raw(url: str, request: bytes) -> bytes:
    """Send bytes as they are and return all that comes back until the line closes."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(request)
        return await asyncio.wait_for(reader.read(), 30)
    finally:
        writer.close()
        await writer.wait_closed()


async def test_a_good_body_is_answered_as_json(url: str, client: ClientSession) -> None:
    async with client.post(url + "/order", data=b'{"name":"a","sizes":[1],"more":true}') as answer:
        assert (answer.status, answer.content_type, answer.headers["X-Made"]) == (201, "application/json", "yes")
        assert await answer.json() == {"name": "a", "sizes": [1]}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "kind"),
    [
        ("GET", "/absent", b"", 404, "not-found"),
        ("DELETE", "/order", b"", 405, "method-not-allowed"),
        ("POST", "/order", b"x" * 1001, 413, "payload-too-large"),
        ("POST", "/order", b"{", 400, "invalid-request"),
        ("POST", "/order", b'{"name":"\xff"}', 400, "invalid-request"),
        ("POST", "/order", b"[" * 900, 422, "invalid-body"),
        ("POST", "/order", b"", 422, "invalid-body"),
        ("POST", "/order", b"[]", 422, "invalid-body"),
        ("POST", "/order", b'{"name":5}', 422, "invalid-body"),
        ("GET", "/unprocessable", b"", 422, "invalid-request"),
        ("GET", "/refuse", b"", 429, "rate-limited"),
        ("GET", "/crash", b"", 500, "internal-error"),
        ("GET", "/too-long", b"", 504, "upstream-timeout"),
    ],
)
async def test_a_refusal_is_a_problem_with_its_type_status_and_id(
    url: str, client: ClientSession, method: str, path: str, body: bytes, status: int, kind: str
) -> None:
    async with client.request(method, url + path, data=body) as answer:
        document = json.loads(await answer.read())
        assert (answer.status, document["status"], kind_of(document)) == (status, status, kind)
        assert answer.content_type == "application/problem+json"
        assert answer.headers["X-Request-ID"] == document["request_id"]


async def test_a_wrong_method_says_which_are_allowed(url: str, client: ClientSession) -> None:
    async with client.delete(url + "/order") as answer:
        assert answer.headers["Allow"] == "POST"
        assert json.loads(await answer.read())["detail"] == "/order does not take DELETE. It takes POST."


async def test_an_address_where_nothing_is_is_named(url: str, client: ClientSession) -> None:
    async with client.get(url + "/absent") as answer:
        assert json.loads(await answer.read())["detail"] == "There is nothing at /absent."


async def test_a_problem_brings_its_headers_and_members(url: str, client: ClientSession) -> None:
    async with client.get(url + "/refuse") as answer:
        assert answer.headers["Retry-After"] == "5"
        assert json.loads(await answer.read())["wait"] == 5


async def test_our_own_errors_are_logged_and_not_shown(
    url: str, client: ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    async with client.get(url + "/crash") as answer:
        text = await answer.text()
    assert "abracadabra" not in text
    assert answer.headers["X-Request-ID"] in text
    assert "the secret is abracadabra" in caplog.text


@pytest.mark.parametrize("path", ["/order", "/absent", "/elsewhere"])
async def test_every_answer_has_a_request_id(url: str, client: ClientSession, path: str) -> None:
    async with client.get(url + path, allow_redirects=False) as answer:
        assert len(answer.headers["X-Request-ID"]) == 16


async def test_a_good_request_id_is_kept_and_a_strange_one_replaced(url: str, client: ClientSession) -> None:
    for wished in ("abc-1.2_3", "x" * 64):
        async with client.get(url + "/whose", headers={"X-Request-ID": wished}) as answer:
            assert await answer.json() == {"id": wished}
            assert answer.headers["X-Request-ID"] == wished
    for wished in ("", "x" * 65, "a b", 'a"b', "ä"):
        async with client.get(url + "/whose", headers={"X-Request-ID": wished}) as answer:
            assert answer.headers["X-Request-ID"] != wished
            assert len(answer.headers["X-Request-ID"]) == 16


@pytest.mark.parametrize("path", [b"/half-way", b"/refuse-half-way"])
async def test_an_answer_that_fails_half_way_is_cut_off_and_never_looks_complete(url: str, path: bytes) -> None:
    answer = await raw(url, b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.count(b"HTTP/1.1") <= 1
    assert b"problem" not in answer
    assert not answer.endswith(b"0\r\n\r\n")


async def test_a_client_that_asks_before_it_sends_gets_its_refusal(url: str) -> None:
    head = b"POST /order HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nConnection: close\r\n"
    answer = await raw(url, head + b"Content-Length: 1\r\n\r\n{")
    assert answer.startswith(b"HTTP/1.1 100")
    assert b"HTTP/1.1 400" in answer
    assert answer.rstrip().endswith(b"}")


async def test_a_client_that_goes_away_is_no_error(url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    host, _, port = url.removeprefix("http://").partition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /order HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    await writer.drain()
    writer.transport.abort()
    async with ClientSession() as session, session.get(url + "/whose") as answer:
        assert answer.status == 200
    assert caplog.text == ""


async def test_work_ends_when_its_client_goes() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return web.Response()

    app = web.Application(middlewares=[manners])
    app.router.add_get("/", slow)
    server = HttpServer(app, bind("127.0.0.1", 0))
    await server.start()
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await asyncio.wait_for(begun.wait(), 30)
    writer.transport.abort()
    await asyncio.wait_for(ended.wait(), 30)
    await server.stop()


@pytest.mark.parametrize(
    ("body", "field", "why"),
    [
        (b'{"name":5}', "name", "Expected `str`, got `int`"),
        (b'{"name":"a","sizes":[1,"x"]}', "sizes[1]", "Expected `int`, got `str`"),
        (b"{}", "body", "missing required field `name`"),
    ],
)
def test_a_wrong_type_is_named_with_its_field(body: bytes, field: str, why: str) -> None:
    with pytest.raises(Problem) as caught:
        parse_body(body, Order)
    assert (caught.value.status, caught.value.extra["field"]) == (422, field)
    assert why in caught.value.detail


def test_json_that_is_nested_without_end_is_refused() -> None:
    with pytest.raises(Problem) as caught:
        parse_body(b'{"name":"a","more":' + b"[" * 100_000, Order)
    assert caught.value.kind == "invalid-request"


def test_a_port_in_use_is_said_before_anything_is_served() -> None:
    with bind("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(UserFacingError) as caught:
            bind("127.0.0.1", port, "dht port")
    assert caught.value.exit_code == EXIT_IN_USE
    assert f"Port {port} on 127.0.0.1 is in use." == caught.value.title
    assert "--dht-port" in caught.value.hint


@pytest.mark.parametrize("host", ["203.0.113.77", "no such host"])
def test_an_address_that_is_not_ours_is_said(host: str) -> None:
    with pytest.raises(UserFacingError, match="Cannot listen on") as caught:
        bind(host, 0)
    assert caught.value.exit_code == EXIT_FAILED
    assert "--host" in caught.value.hint


def test_a_port_that_takes_a_right_of_its_own_is_said() -> None:
    refused = PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    assert "choose 1024 or more with --port" in _bind_error("127.0.0.1", 80, "port", refused).hint
    assert "--host" in _bind_error("127.0.0.1", 8080, "port", refused).hint


def test_a_port_is_free_again_when_its_server_has_gone() -> None:
    with bind("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
    bind("127.0.0.1", port).close()


@pytest.mark.parametrize(
    ("host", "shown"),
    [("127.0.0.1", "http://127.0.0.1:"), ("0.0.0.0", "http://127.0.0.1:"), ("::1", "http://[::1]:")],
)
def test_a_server_tells_an_url_that_works_on_this_machine(host: str, shown: str) -> None:
    if ":" in host and not _has_ipv6():
        host, shown = "127.0.0.1", "http://127.0.0.1:"
    with bind(host, 0) as listener:
        server = HttpServer(web.Application(), listener)
        assert server.url == f"{shown}{server.port}"


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


async def test_who_brings_no_whole_head_is_hung_up_on_and_who_did_is_not() -> None:
    app = web.Application(middlewares=[manners])
    app.router.add_post("/order", echo)
    server = HttpServer(app, bind("127.0.0.1", 0), head_timeout=1.0)
    await server.start()
    try:
        polite, asking = await asyncio.open_connection("127.0.0.1", server.port)
        asking.write(b"GET /order HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await polite.readline()).startswith(b"HTTP/1.1 405")
        silent, dripping = await asyncio.open_connection("127.0.0.1", server.port)
        dripping.write(b"GET /order HTTP/1.1\r\nHo")
        async with asyncio.timeout(30):
            assert await silent.read() == b""
        await polite.readuntil(b"}")
        asking.write(b"GET /order HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await polite.readline()).startswith(b"HTTP/1.1 405")
        for writer in (asking, dripping):
            writer.close()
    finally:
        await server.stop()


async def test_a_body_that_does_not_arrive_is_given_up(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.program.web.BODY_TIMEOUT", 0.1)
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /order HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
    async with asyncio.timeout(30):
        assert (await reader.readline()).startswith(b"HTTP/1.1 408")
    writer.close()


async def test_nothing_waits_for_the_next_ping_of_a_websocket_whose_client_is_gone() -> None:
    sockets: list[web.WebSocketResponse] = []

    async def talk(request: web.Request) -> web.StreamResponse:
        answer = web.WebSocketResponse(heartbeat=3600.0)
        await answer.prepare(request)
        sockets.append(answer)
        try:
            await answer.receive()
        finally:
            await let_go(answer, request)
        return answer

    app = web.Application()
    app.router.add_get("/talk", talk)
    server = HttpServer(app, bind("127.0.0.1", 0))
    await server.start()
    try:
        async with ClientSession() as session, session.ws_connect(server.url + "/talk") as ours:
            await eventually(lambda: sockets, "the handler talks", 20)
            ours.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
            await eventually(lambda: sockets[0].closed, "it is let go of", 20)
            assert sockets[0]._heartbeat_cb is None
    finally:
        await server.stop()
