from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import aiohttp
import msgspec
from aiohttp import web

from node.forwarding.door import Door
from node.forwarding.http1.exchange import Exchange
from node.forwarding.plane import DataPlane
from node.program.web import bind, manners
from node.wire.problems import Problem
from tests.support.routing import until


class Told:
    """Whatever carries a request, as far as a door knows it."""

    def __init__(self) -> None:
        self.ends = 0

    def ended(self) -> None:
        self.ends += 1


class Porter(Door):
    """Refuses /in/no, raises at /in/oops, lets /in/wait wait and answers everything else."""

    def __init__(self) -> None:
        super().__init__("/in/")
        self.told = Told()

    def enter(self, exchange: Exchange) -> None:
        exchange.context = self.told
        match exchange.head.target:
            case "/in/no":
                raise Problem("draining", "not now", headers={"Retry-After": "5"})
            case "/in/oops":
                raise RuntimeError("a bug")
            case "/in/wait":
                pass
            case _:
                exchange.answer(200, b"", b"in")


@contextlib.asynccontextmanager
async def porter() -> AsyncIterator[tuple[Porter, DataPlane, aiohttp.ClientSession]]:
    async def outside(request: web.Request) -> web.Response:
        if request.path == "/broken":
            assert request.transport is not None
            request.transport.abort()
        return web.Response(text=f"app {request.path}")

    app = web.Application(middlewares=[manners])
    app.router.add_route("*", "/{tail:.*}", outside)
    door = Porter()
    plane = DataPlane(door, app, bind("127.0.0.1", 0))
    await plane.start()
    try:
        async with aiohttp.ClientSession(plane.url) as session:
            yield door, plane, session
    finally:
        await plane.stop()


async def test_what_is_below_the_prefix_is_the_doors_and_the_rest_the_applications() -> None:
    async with porter() as (door, _, session):
        for path, text in (("/in/x", "in"), ("/in", "app /in"), ("/other", "app /other"), ("/in/y", "in")):
            async with session.get(path, headers={"X-Request-ID": "mine"}) as answer:
                assert await answer.text() == text
                assert answer.headers.getall("X-Request-ID") == ["mine"]
        assert (door.told.ends, door.in_flight) == (2, 0)


async def test_an_address_that_somebody_may_read_as_another_is_nobodys() -> None:
    async with porter() as (door, plane, _):
        for target in ("/x/../in/y", "/./in/y", "/x/%2e%2e/in/y", "/x%2f..%2fin/y", "/x\\..\\in/y", "/x/..;/in/y"):
            reader, writer = await asyncio.open_connection("127.0.0.1", plane.port)
            writer.write(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            answer = await reader.read()
            writer.close()
            assert answer.startswith(b"HTTP/1.1 400 "), target
            assert b"/invalid-request" in answer
        assert (door.told.ends, door.in_flight) == (0, 0)


async def test_what_only_looks_like_the_prefix_is_the_applications() -> None:
    async with porter() as (door, plane, _):
        for target in ("/IN/y", "//in/y", "/%69n/y", "/in%2Fy", "/in;a/y", "/x//in/y", "/x/..%2Fy"):
            reader, writer = await asyncio.open_connection("127.0.0.1", plane.port)
            writer.write(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            answer = await reader.read()
            writer.close()
            assert b"\r\n\r\napp /" in answer, target
        assert (door.told.ends, door.in_flight) == (0, 0)


async def test_an_application_that_breaks_off_is_none_of_the_doors_business() -> None:
    async with porter() as (door, _, session):
        async with session.get("/broken") as answer:
            assert answer.status == 502
            assert answer.headers["X-Request-ID"]
        assert (door.told.ends, door.in_flight) == (0, 0)


async def test_a_refusal_is_a_problem_with_the_requests_id() -> None:
    async with porter() as (door, _, session):
        async with session.get("/in/no") as answer:
            document = msgspec.json.decode(await answer.read())
            assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
            assert answer.content_type == "application/problem+json"
            assert [document["request_id"]] == answer.headers.getall("X-Request-ID")
        assert (door.told.ends, door.in_flight) == (1, 0)


async def test_a_bug_is_a_500_with_the_requests_id_in_answer_and_log() -> None:
    async with porter() as (door, _, session):
        async with session.get("/in/oops", headers={"X-Request-ID": "mine"}) as answer:
            assert answer.status == 500
            assert "a bug" not in await answer.text()
            assert answer.headers["X-Request-ID"] == "mine"
        assert (door.told.ends, door.in_flight) == (1, 0)


async def test_whoever_carries_a_request_hears_that_its_client_left() -> None:
    async with porter() as (door, plane, _):
        _, writer = await asyncio.open_connection("127.0.0.1", plane.port)
        writer.write(b"GET /in/wait HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: door.in_flight == 1)
        writer.close()
        await until(lambda: door.told.ends == 1)
        assert door.in_flight == 0
