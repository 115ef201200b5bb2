"""A small mesh in one loop for routing tests: real routers, real aiohttp servers on port 0, no processes."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import aiohttp
import msgspec
from aiohttp import web

from node.forwarding.door import Door
from node.forwarding.forwarder import Forwarder
from node.forwarding.http1.exchange import Exchange
from node.forwarding.http1.limits import ServerLimits
from node.forwarding.paths import split_path
from node.forwarding.plane import DataPlane
from node.program.web import HttpServer, bind, manners
from node.routing.admission import Gate
from node.routing.candidates import RelayBases
from node.routing.router import Router
from node.routing.settings import RoutingSettings
from node.routing.stats import Outcome
from node.wire.credentials import Trust
from node.wire.manifests import Catalogue, Manifest
from node.wire.messages import Endpoints, WorkerRecord
from node.wire.problems import Problem

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
OCR = Manifest(name="vision-ocr", title="OCR", aliases=("ocr",), default_path="/ocr", concurrency=4)
CATALOGUE = Catalogue((OCR,))
ONCE = {"Idempotency-Key": "k1"}
BUSY = 30.0  # seconds that it may take on a busy machine until a connection is there


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something has come about in this loop; fail after a minute."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in servers of this loop
            await asyncio.sleep(0.005)


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@contextlib.asynccontextmanager
async def serving(handler: Handler, *, middlewares: bool = True) -> AsyncIterator[HttpServer]:
    """Serve every request with one handler on a free port."""
    app = web.Application(middlewares=[manners] if middlewares else [])
    app.router.add_route("*", "/{tail:.*}", handler)
    server = HttpServer(app, bind("127.0.0.1", 0))
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def record(
    worker_id: str,
    port: int,
    load: float = 0.0,
    services: Sequence[str] = ("vision-ocr",),
    *,
    trust: Trust = "vetted",
    last_seen: float = 0.0,
) -> WorkerRecord:
    return WorkerRecord(
        worker_id=worker_id,
        endpoints=Endpoints(port=port, direct_hosts=("127.0.0.1",)),
        load=load,
        services=tuple(services),
        trust=trust,
        last_seen=last_seen,
    )


@dataclass
class Source:
    """A candidate source whose findings a test sets; it counts how often it was asked."""

    name: Literal["dht", "registry"] = "registry"
    records: list[WorkerRecord] = field(default_factory=list)
    asked: int = 0
    error: Exception | None = None

    async def find(self, service: str) -> Sequence[WorkerRecord]:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return list(self.records)


@dataclass
class Local:
    """A service that runs here."""

    base_url: str
    service_token: str = "service-secret"
    manifest: Manifest = OCR


@dataclass
class LocalTable:
    """What runs on the machine under test."""

    targets: Mapping[str, Local] = field(default_factory=dict)

    def target(self, service: str) -> Local | None:
        return self.targets.get(service)


class Shop(Door):
    """A node's or gateway's door without its checks: who shows X-RMA-Hops counts as a node that forwards."""

    def __init__(self, router: Router) -> None:
        super().__init__("/service/")
        self.router = router
        self.seen: list[Exchange] = []

    def enter(self, exchange: Exchange) -> None:
        head = exchange.head
        self.seen.append(exchange)
        service, path = split_path(head.target.partition("?")[0])
        forwarded, caller = "x-rma-hops" in head.values, head.get("x-caller", "somebody")
        self.router.take(exchange, service, path, forwarded=forwarded, caller=caller)


@contextlib.asynccontextmanager
async def slot(gate: Gate, key: str, wait: float | None = None) -> AsyncIterator[None]:
    """Hold one place of a gate, waiting for it as a request does."""
    if not gate.try_enter():
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def admitted() -> None:
            if place.cancelled():
                gate.leave()
            else:
                place.set_result(None)

        turn = gate.queue(key, wait, admitted, place.set_exception)
        try:
            await place
        except asyncio.CancelledError:
            turn.cancel()
            if place.done() and not place.cancelled():
                gate.leave()
            raise
    try:
        yield
    finally:
        gate.leave()


@dataclass
class Front:
    """A router behind a real server, and a client in front of it."""

    router: Router
    server: DataPlane
    client: aiohttp.ClientSession
    outcomes: list[Outcome]
    sources: Sequence[Source]

    def url(self, path: str) -> str:
        return self.server.url + path


@contextlib.asynccontextmanager
async def front(
    *sources: Source,
    worker_id: str = "gateway",
    catalogue: Catalogue = CATALOGUE,
    local: LocalTable | None = None,
    settings: RoutingSettings | None = None,
    seed: int = 1,
    clock: Callable[[], float] = time.monotonic,
    vpn_up: Callable[[], bool] = lambda: False,
    relay: RelayBases | None = None,
) -> AsyncIterator[Front]:
    """Run a node's or gateway's data plane: requests with X-RMA-Hops count as forwarded, as in a node."""
    outcomes: list[Outcome] = []
    settings = settings or RoutingSettings(retry_base=0.001, connect_timeout=BUSY)
    router = Router(
        worker_id=worker_id,
        catalogue=lambda: catalogue,
        local=local,
        sources=sources,
        forwarder=Forwarder(lambda audience: f"token-for-{audience}"),
        settings=settings,
        clock=clock,
        rng=random.Random(seed),
        observer=outcomes.append,
        vpn_up=vpn_up,
        relay=relay,
        remember=200,
    )
    limits = ServerLimits(body_idle=settings.idle_timeout, write_stall=settings.idle_timeout)
    server = DataPlane(Shop(router), web.Application(), bind("127.0.0.1", 0), limits=limits)
    await server.start()
    async with aiohttp.ClientSession(auto_decompress=False) as client:
        try:
            yield Front(router, server, client, outcomes, sources)
        finally:
            await server.stop()
            await router.stop()
            assert all(gate.in_flight == gate.waiting == 0 for _, gate in router._parts.remote_gates.items())


@dataclass
class Worker:
    """A worker whose behaviour a test sets; it remembers the bodies that it got and how often it was let go."""

    behave: Handler
    server: HttpServer | None = None
    bodies: list[bytes] = field(default_factory=list)
    let_go: int = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.read())
        try:
            return await self.behave(request)
        except asyncio.CancelledError:
            self.let_go += 1
            raise

    @property
    def port(self) -> int:
        assert self.server is not None
        return self.server.port


async def fine(request: web.Request) -> web.StreamResponse:
    return web.Response(text="fine", headers={"X-RMA-Load": "0.125", "X-RMA-Attempts": "1"})


async def killed(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def silent(request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


def refusing(kind: str) -> Handler:
    async def refuse(request: web.Request) -> web.StreamResponse:
        raise Problem(kind, "not now", headers={"Retry-After": "3"})

    return refuse


def answering(status: int) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=f"service says {status}", headers={"X-RMA-Attempts": "1"})

    return answer


@contextlib.asynccontextmanager
async def mesh(
    *behaviours: Handler | None,
    settings: RoutingSettings | None = None,
    clock: Callable[[], float] = time.monotonic,
    **manifest: object,
) -> AsyncIterator[tuple[Front, Sequence[Worker]]]:
    """Run a gateway before workers w1, w2, ...; the first is asked first. None is a worker that is not there."""
    ocr = msgspec.structs.replace(OCR, **manifest)
    async with contextlib.AsyncExitStack() as stack:
        workers, records = [], []
        for number, behave in enumerate(behaviours, 1):
            worker = Worker(behave or fine)
            worker.server = await stack.enter_async_context(serving(worker.handle))
            if behave is None:
                await worker.server.stop()
            workers.append(worker)
            records.append(record(f"w{number}", worker.port, load=0.0))
        gateway = await stack.enter_async_context(
            front(
                Source(records=records),
                catalogue=Catalogue((ocr,)),
                settings=settings or RoutingSettings(policy="round-robin", retry_base=0.001, connect_timeout=BUSY),
                clock=clock,
            )
        )
        yield gateway, workers


async def post(gateway: Front, headers: dict[str, str] | None = None, data: Any = b"body") -> tuple[int, str, Any]:
    """POST to the service; return status, who answered, and the text or problem kind."""
    async with gateway.client.post(gateway.url("/service/ocr"), headers=headers, data=data) as answer:
        text = await answer.text()
        if answer.content_type == "application/problem+json":
            text = msgspec.json.decode(text)["type"].rpartition("/")[2]
        return answer.status, answer.headers.get("X-RMA-Attempts", ""), text
