from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any
from unittest import mock

import msgspec
import pytest
from aiohttp import web

from node.forwarding.door import Door
from node.forwarding.http1.exchange import Exchange
from node.forwarding.http1.head import ResponseHead
from node.forwarding.http1.interface import Patience, Trouble
from node.forwarding.interface import Target
from node.forwarding.knocker import Touch
from node.forwarding.outbound import id_lines, outbound_of
from node.forwarding.plane import DataPlane
from node.program.web import bind
from node.routing.attempt import Attempt, document_of
from node.routing.candidates import Candidate
from node.routing.failures import Failure
from node.routing.parts import Parts
from node.routing.settings import RoutingSettings
from node.routing.targets import AVOIDED_FOR
from tests.support.routing import (
    OCR,
    Clock,
    Front,
    Handler,
    Source,
    fine,
    front,
    killed,
    post,
    record,
    refusing,
    serving,
    silent,
    until,
)

GONE = Target("vpn", "http://127.0.0.1:1")
UNUSED: tuple[Any, Any] = (None, None)  # listener and line: nothing is sent


class Try(Door):
    """A door behind which every request is one try at one worker, and which notes what came of it."""

    def __init__(self, parts: Parts, candidate: Candidate, first_byte: float) -> None:
        super().__init__("/")
        self.parts = parts
        self.candidate = candidate
        self.patience = Patience(60.0, first_byte, 60.0)
        self.attempt: Attempt | None = None
        self.heads: list[ResponseHead] = []
        self.failures: list[Failure] = []
        self.lost: list[Candidate | None] = []
        self.waits = False
        self.back = 0

    def enter(self, exchange: Exchange) -> None:
        outbound = outbound_of(exchange, OCR, "/ocr", trusted=False)
        self.attempt = Attempt(self.parts, OCR.name, self.candidate, self, exchange)
        self.attempt.begin()
        self.attempt.send(outbound, id_lines(exchange, outbound), self.patience)
        self.attempt.watch()

    def finished(self, exchange: Exchange) -> None:
        super().finished(exchange)
        if self.attempt is not None:
            self.attempt.end()

    def has_answer(self, attempt: Attempt, head: ResponseHead) -> None:
        self.heads.append(head)
        attempt.end()
        attempt.line.answer(200)

    def has_failed(self, attempt: Attempt, failure: Failure) -> None:
        self.failures.append(failure)
        attempt.end()
        attempt.line.answer(502)

    def client_failed(self, trouble: Trouble) -> None:
        raise AssertionError

    def way_back(self, attempt: Attempt) -> None:
        self.back += 1

    def way_lost(self, attempt: Attempt) -> None:
        self.lost.append(attempt.elsewhere())
        if not self.waits:
            attempt.line.answer(504)


@contextlib.asynccontextmanager
async def tried(
    *targets: Target, first_byte: float = 60.0, gateway: Front | None = None, touch: Touch | None = None
) -> AsyncIterator[tuple[Front, Try]]:
    """Try a worker with these addresses once; `touch` is how it is knocked."""
    async with front() if gateway is None else contextlib.nullcontext(gateway) as gateway:
        if touch is not None:
            gateway.router._parts.forwarder._knocker._touch = touch
        door = Try(gateway.router._parts, Candidate("w1", targets), first_byte)
        server = DataPlane(door, web.Application(), bind("127.0.0.1", 0))
        await server.start()
        try:
            async with asyncio.timeout(60), gateway.client.get(server.url + "/service/ocr"):
                pass
            assert gateway.router._parts.outstanding.of(OCR.name) == {}
            yield gateway, door
        finally:
            await server.stop()


async def test_it_counts_as_in_flight_until_it_ends_and_may_end_twice() -> None:
    async with front() as gateway:
        parts = gateway.router._parts
        attempt = Attempt(parts, OCR.name, Candidate("w1", (GONE,)), *UNUSED)
        attempt.end()
        attempt.begin()
        assert parts.outstanding.of(OCR.name) == {"w1": 1}
        attempt.end()
        attempt.end()
        assert parts.outstanding.of(OCR.name) == {}


async def test_the_addresses_are_tried_in_turn_and_the_dead_one_is_avoided() -> None:
    async with serving(fine) as worker:
        alive = Target("direct", worker.url)
        async with tried(GONE, alive) as (gateway, door):
            assert [head.status for head in door.heads] == [200]
            assert door.attempt is not None
            assert (door.attempt.route, door.attempt.told, door.attempt.is_local) == (
                "direct",
                b"X-RMA-Load: 0.125\r\n",
                False,
            )
            way = gateway.router._parts.addresses.way(door.candidate, gateway.router._clock())
            assert way.target == alive


async def test_an_address_that_failed_costs_no_further_request_until_a_knock_is_answered() -> None:
    clock = Clock()
    knocks: list[bool] = []
    open_again = asyncio.Event()

    async def touch(_host: str, _port: int) -> None:
        knocks.append(open_again.is_set())
        if not open_again.is_set():
            raise OSError

    async with serving(fine) as better, serving(fine) as worker, front(clock=clock) as gateway:
        first, second = Target("direct", better.url), Target("tunnel", worker.url)
        addresses = gateway.router._parts.addresses
        addresses.failed("w1", first, clock.now)
        routes = []
        for change in (open_again.clear, open_again.set):
            change()
            clock.now += AVOIDED_FOR
            async with tried(first, second, gateway=gateway, touch=touch) as (_, door):
                assert door.attempt is not None
                routes.append(door.attempt.route)
                await until(lambda: bool(knocks) and not gateway.router._parts.forwarder._knocker._doubting)
        assert routes == ["tunnel", "tunnel"]
        assert True in knocks
        async with tried(first, second, gateway=gateway) as (_, door):
            assert door.attempt is not None
            assert door.attempt.route == "direct"


async def test_an_address_with_a_name_is_tried_again_without_a_knock() -> None:
    clock = Clock()
    async with serving(fine) as worker, front(clock=clock) as gateway:
        named, other = Target("tunnel", "http://localhost:1"), Target("direct", worker.url)
        gateway.router._parts.addresses.failed("w1", named, clock.now)
        clock.now += AVOIDED_FOR
        async with tried(named, other, gateway=gateway, touch=nobody_there) as (_, door):
            assert door.attempt is not None
            assert door.attempt.route == "direct", "the name led nowhere, and the other address answered"
            assert gateway.router._parts.addresses.due(door.candidate, clock.now + AVOIDED_FOR - 1) == ()
            assert gateway.router._parts.addresses.due(door.candidate, clock.now + AVOIDED_FOR) == (named,)


@pytest.mark.parametrize(("behave", "kind"), [(killed, "reset"), (silent, "timeout")])
async def test_a_broken_connection_and_a_time_limit_are_told_apart_and_end_it(behave: Handler, kind: str) -> None:
    async with serving(behave) as worker, serving(fine) as other:
        targets = (Target("direct", worker.url), Target("tunnel", other.url))
        async with tried(*targets, first_byte=0.3) as (_, door):
            (failure,) = door.failures
            assert (failure.worker_id, failure.kind, failure.executed) == ("w1", kind, True)
            assert door.heads == [], "the other address is the same worker, which may have executed it"


@pytest.mark.parametrize("targets", [(), (GONE,)])
async def test_a_worker_without_an_address_that_answers_cannot_have_executed_it(
    targets: tuple[Target, ...],
) -> None:
    async with tried(*targets) as (_, door):
        (failure,) = door.failures
        assert (failure.kind, failure.executed) == ("connect", False)
        assert "127.0.0.1" not in failure.reason, "clients read it, and no worker's address is their business"


async def test_a_refusal_is_read_before_anything_is_decided() -> None:
    async with (
        serving(refusing("draining")) as worker,
        tried(Target("direct", worker.url)) as (_, door),
    ):
        (failure,) = door.failures
        assert (failure.kind, failure.refusal, failure.executed) == ("refused", "draining", False)


async def test_somebody_else_at_a_direct_address_is_passed_by() -> None:
    async with serving(refusing("unauthorized")) as stranger, serving(fine) as worker:
        elsewhere = Target("tunnel", worker.url)
        async with tried(Target("direct", stranger.url), elsewhere) as (gateway, door):
            assert [head.status for head in door.heads] == [200]
            addresses = gateway.router._parts.addresses
            assert addresses.others(door.candidate, gateway.router._clock()) == (elsewhere,)
    async with (
        serving(refusing("unauthorized")) as stranger,
        tried(Target("direct", stranger.url)) as (_, door),
    ):
        (failure,) = door.failures
        assert (failure.kind, failure.reason) == ("connect", "somebody else is at its address")


async def test_a_body_that_is_kept_no_more_goes_to_no_other_address() -> None:
    async with serving(refusing("unauthorized")) as stranger, serving(fine) as worker:
        found = record("w1", stranger.port)
        ends = msgspec.structs.replace(found.endpoints, tunnel_url=f"http://127.0.0.1:{worker.port}")
        source = Source(records=[msgspec.structs.replace(found, endpoints=ends)])
        async with front(source, settings=RoutingSettings(attempts=1, connect_timeout=60.0)) as gateway:
            assert await post(gateway) == (502, "1", "upstream-failed")
            assert await post(gateway) == (200, "1", "fine"), "the stranger is asked last now"


async def test_a_listener_that_fails_ends_the_request() -> None:
    async with serving(silent) as worker, front(settings=RoutingSettings(doubt_after=0.01)) as gateway:
        target = Target("vpn", worker.url)
        door = Try(gateway.router._parts, Candidate("w1", (target,)), 60.0)
        with mock.patch.object(door, "way_lost", side_effect=ValueError):
            gateway.router._parts.forwarder._knocker._touch = nobody_there
            server = DataPlane(door, web.Application(), bind("127.0.0.1", 0))
            await server.start()
            async with asyncio.timeout(60), gateway.client.get(server.url + "/service/ocr") as answer:
                assert answer.status == 500
            await server.stop()


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        ("relay-lost", "the coordinator has no connection to it"),
        ("unauthorized", "who we are is not believed on the way to it"),
    ],
)
async def test_a_request_that_a_relay_does_not_pass_on_goes_by_the_next_way(refusal: str, reason: str) -> None:
    targets: list[str] = []

    async def worker(request: web.Request) -> web.StreamResponse:
        targets.append(request.path)
        return await fine(request)

    async with serving(refusing(refusal)) as coordinator, serving(worker) as there:
        lost, elsewhere = Target("relay", coordinator.url + "/relay/w1"), Target("tunnel", there.url)
        async with tried(lost, elsewhere) as (gateway, door):
            assert [head.status for head in door.heads] == [200]
            addresses = gateway.router._parts.addresses
            assert addresses.others(door.candidate, gateway.router._clock()) == (elsewhere,)
        async with tried(lost) as (_, door):
            (failure,) = door.failures
            assert (failure.kind, failure.reason) == ("connect", reason)
            assert not failure.executed
        if refusal == "relay-lost":
            async with tried(Target("direct", coordinator.url), elsewhere) as (_, door):
                assert [failure.refusal for failure in door.failures] == [refusal], "no coordinator said so"
        async with tried(Target("relay", there.url + "/relay/w1")) as (_, door):
            assert [head.status for head in door.heads] == [200]
    assert len(targets) == 2
    assert not targets[0].startswith("/relay/")
    assert targets[1].startswith("/relay/w1/service/")


async def nobody_there(_host: str, _port: int) -> None:
    raise OSError


async def test_a_worker_that_can_be_reached_no_more_is_told_of_while_it_is_silent() -> None:
    settings = RoutingSettings(doubt_after=0.01)
    elsewhere = Target("tunnel", "https://a.example.org")
    async with serving(silent) as worker, front(settings=settings) as gateway:
        dead = Target("vpn", worker.url)
        async with tried(dead, elsewhere, gateway=gateway, touch=nobody_there) as (_, door):
            assert [item.targets for item in door.lost if item is not None] == [(elsewhere,)]
            assert gateway.router._parts.forwarder._sweep.members.isdisjoint({door.attempt})
    async with (
        serving(silent) as worker,
        front(settings=settings) as gateway,
        tried(Target("vpn", worker.url), gateway=gateway, touch=nobody_there) as (_, door),
    ):
        assert door.lost == [None]


async def test_who_is_looked_at_while_a_refusal_is_read_is_watched_at_the_next_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = Attempt._peeked

    def looked_at(self: Attempt, head: ResponseHead, body: bytes | None) -> None:
        self.overdue(self.line.client.loop.time())
        plain(self, head, body)

    monkeypatch.setattr(Attempt, "_peeked", looked_at)
    async with (
        serving(refusing("unauthorized")) as stranger,
        serving(silent) as worker,
        front(settings=RoutingSettings(doubt_after=0.01)) as gateway,
        tried(Target("direct", stranger.url), Target("vpn", worker.url), gateway=gateway, touch=nobody_there) as (
            _,
            door,
        ),
    ):
        assert door.lost == [None]


async def test_a_lost_worker_is_given_up_in_the_end_unless_it_was_there_in_between() -> None:
    clock = Clock()
    settings = RoutingSettings(doubt_after=3600.0, lost_patience=25.0)
    async with serving(silent) as worker, front(settings=settings, clock=clock) as gateway:
        door = Try(gateway.router._parts, Candidate("w1", (Target("vpn", worker.url),)), 60.0)
        door.waits = True
        server = DataPlane(door, web.Application(), bind("127.0.0.1", 0))
        await server.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /service/ocr HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: door.attempt is not None and door.attempt.line.upstream is not None)
        attempt = door.attempt
        assert attempt is not None
        for later, there in ((0, False), (24, False), (1, True), (1, False), (24, False)):
            clock.now += later
            attempt._knocked(attempt.way, there=there)
        assert door.failures == []
        assert (len(door.lost), door.back) == (4, 1)
        clock.now += 1
        attempt._knocked(attempt.way, there=False)
        assert [(failure.kind, failure.executed) for failure in door.failures] == [("reset", True)]
        assert (await reader.readline()).startswith(b"HTTP/1.1 502 ")
        writer.close()
        await server.stop()


async def test_a_client_that_leaves_ends_the_try() -> None:
    async with serving(silent) as worker, front() as gateway:
        door = Try(gateway.router._parts, Candidate("w1", (Target("direct", worker.url),)), 60.0)
        server = DataPlane(door, web.Application(), bind("127.0.0.1", 0))
        await server.start()
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /service/ocr HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: door.in_flight == 1)
        writer.close()
        await until(lambda: door.in_flight == 0)
        assert (door.heads, door.failures) == ([], []), "nobody is there to decide for"
        await server.stop()


async def test_a_probe_that_ends_without_an_answer_lets_another_one_probe() -> None:
    async with front() as gateway:
        parts = gateway.router._parts
        for _ in range(5):
            parts.breakers.failed(OCR.name, "w1", parts.clock() - 3600.0)
        candidate = Candidate("w1", (GONE,))
        probe = Attempt(parts, OCR.name, candidate, *UNUSED)
        probe.begin()
        assert parts.breakers.blocked(OCR.name, parts.clock()) == {"w1"}
        probe.end()
        assert parts.breakers.blocked(OCR.name, parts.clock()) == set()


@pytest.mark.parametrize("body", [None, b"", b"[]", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_object_is_no_problem_document(body: bytes | None) -> None:
    assert document_of(body) is None
