"""Adds what frontends, browsers, monitors and operators see to the coordinator's HTTP application."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from coordinator_server.api.stream import TopologyStream
from coordinator_server.api.topology import Picture
from coordinator_server.application import COORDINATOR, Coordinator
from coordinator_server.channel.answer import Answers
from coordinator_server.channel.beats import Beats
from coordinator_server.channel.channels import Channels
from coordinator_server.entry_points.assembly import EntryPointCopy, make_office
from coordinator_server.entry_points.office import EntryPointOffice
from coordinator_server.fleet.asking import Registries
from coordinator_server.fleet.far import Everywhere, FarWorkers, RelayWays
from coordinator_server.gateway.access import Access
from coordinator_server.gateway.key_uses import Came
from coordinator_server.gateway.plane import make_router, relay_base
from coordinator_server.gateway.rates import Buckets, parse_rate
from coordinator_server.gateway.routes import Gateway
from coordinator_server.gateway.shared_rates import SharedBuckets
from coordinator_server.gateway_processes.reports import Elsewhere
from coordinator_server.metrics import SECONDS, Metrics, Reading
from coordinator_server.metrics import Overlay as OverlayReading
from coordinator_server.operation.traffic import Traffic
from coordinator_server.probation.asking import Asker
from coordinator_server.relay.hub import RelayHub
from node.forwarding import cors
from node.forwarding.access_log import open_access_log
from node.program.logs import REQUEST_ID
from node.routing.router import Router
from node.routing.stats import Outcome
from node.wire import headers

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
YEAR = 31_536_000  # seconds
SECRET = ("/api/admin/", "/api/coordinator/", "/api/enroll", "/api/worker/", "/api/client-token")
DHT_NUMBERS = ("contacts", "keys", "entries", "lookups", "stored", "published")


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """The parts that handlers of the front share."""

    version: str
    started_at: float  # Unix seconds
    router: Router
    gateway: Gateway
    stream: TopologyStream
    metrics: Metrics
    access: Access
    rates: SharedBuckets  # of API keys
    elsewhere: Elsewhere  # what gateway processes beside this one have in hand
    answers: Answers  # what workers are told
    beats: Beats  # that workers send
    channels: Channels  # on which they hear at once what has changed
    others: Registries  # of other coordinators
    far: FarWorkers  # that are not registered here
    everywhere: Everywhere  # these and those that are
    ways: RelayWays  # by which coordinators each is reached
    hub: RelayHub  # reaches workers by connections that they open to us
    entry_points: EntryPointOffice
    copy: EntryPointCopy  # of the entry points, at Cloudflare's
    traffic: Traffic  # the last minute's


FRONT: Final = web.AppKey("front", Front)


def add_front(app: web.Application) -> None:
    """Add routes, middleware and headers; `app[COORDINATOR]` must be there, the application not started yet.

    What belongs to the gateway (`app[FRONT].gateway`) does not come this way: it is a door of its own.
    """
    from coordinator_server.api import admin, channel, entry_points, public

    coordinator = app[COORDINATOR]
    version = find_version()
    front = _make_front(coordinator, version)
    app[FRONT] = front
    app.middlewares.append(_preflights(coordinator.config.cors_origins))
    config = coordinator.config
    app.on_response_prepare.append(_finish_head(config.cors_origins, secure=bool(config.tls_cert)))
    public.add_routes(app)
    admin.add_routes(app)
    channel.add_routes(app)
    entry_points.add_routes(app)
    app.on_startup.append(_start_channels)
    app.on_shutdown.append(_end_stream)
    app.on_cleanup.append(_stop_gateway)


def find_version() -> str:
    try:
        return installed_version("rma-mesh")
    except PackageNotFoundError:
        return "0"


def _make_front(coordinator: Coordinator, version: str) -> Front:
    parts: list[Front] = []  # the reading needs the router, which is made with the metrics
    metrics = Metrics(
        lambda: _read(coordinator, parts[0]),
        coordinator=coordinator.coordinator_id,
        version=version,
        look=lambda reading: _look(coordinator, reading),
    )
    picture = Picture(coordinator, version)
    hub = _make_hub(coordinator)
    others = Registries(lambda: coordinator.fleet.others, coordinator.token_issuer.issue, time.monotonic)
    sources = (others.find, coordinator.dht.find_service)
    far = FarWorkers(sources, coordinator.workers, coordinator.catalogue, coordinator.fleet)
    everywhere = Everywhere(coordinator.registry, far, coordinator.warden.book.is_on_probation)
    ways = RelayWays(coordinator.coordinator_id, coordinator.fleet, relay_base, hub.offers, others.is_silent)
    router = make_router(coordinator, _observer(coordinator, metrics), hub.connect, registry=everywhere, relay=ways)
    coordinator.registry.appeared = router.appeared
    rates = SharedBuckets(coordinator.store, lambda: 1 + len(coordinator.fleet.others))
    access, answers = _make_access(coordinator, rates), Answers(coordinator)
    office = make_office(coordinator)
    front = Front(
        version=version,
        started_at=coordinator.clock(),
        router=router,
        gateway=_make_gateway(coordinator, access, router, metrics),
        stream=TopologyStream(picture.read, look=picture.look),
        metrics=metrics,
        access=access,
        rates=rates,
        elsewhere=Elsewhere(),
        answers=answers,
        beats=Beats(coordinator, answers),
        channels=Channels(answers, coordinator.workers, coordinator.clock, coordinator.config.channels),
        hub=hub,
        far=far,
        everywhere=everywhere,
        ways=ways,
        others=others,
        entry_points=office,
        copy=EntryPointCopy(coordinator, office.listed),
        traffic=Traffic(metrics.by_service, SECONDS, time.monotonic),
    )
    front.channels.relay = hub
    coordinator.warden.ask = _make_asker(coordinator, hub).ask
    parts.append(front)
    return front


def _observer(coordinator: Coordinator, metrics: Metrics) -> Callable[[Outcome], None]:
    warden = coordinator.warden

    def ended(outcome: Outcome) -> None:
        metrics.ended(outcome)
        warden.ended(outcome.service, outcome.worker, outcome.status)

    return ended


def _make_asker(coordinator: Coordinator, hub: RelayHub) -> Asker:
    uses, config = coordinator.keys.uses, coordinator.config
    otherwise = (Came("127.0.0.1", coordinator.public_host or "localhost"),)
    return Asker(
        coordinator.token_issuer.issue,
        hub.connect,
        vpn_up=lambda: coordinator.registry.vpn_up,
        secure=bool(config.tls_cert),
        came=lambda: random.choice(uses.all_came() or otherwise),  # noqa: S311 - guards nothing
        patience=config.canary_timeout,
    )


def _make_hub(coordinator: Coordinator) -> RelayHub:
    config, registry, own = coordinator.config, coordinator.registry, (coordinator.coordinator_id,)
    hub = RelayHub(
        clock=coordinator.clock,
        is_out=lambda worker_id: worker_id not in coordinator.workers or coordinator.workers.is_revoked(worker_id),
        per_worker=config.relay_connections_per_worker,
        in_all=config.relay_connections,
        ticket_life=config.relay_ticket_life,
    )
    hub.changed = lambda worker_id, offers: registry.relayed(worker_id, own if offers else ())
    return hub


def _make_access(coordinator: Coordinator, rates: SharedBuckets) -> Access:
    config = coordinator.config
    return Access(
        coordinator.keys,
        coordinator.clock,
        address_rate=parse_rate(config.address_rate),
        anonymous=config.anonymous,
        forced=config.force_anonymous,
        origins=config.cors_origins,
        buckets=lambda kind: rates if kind == "key" else Buckets(),
    )


def _make_gateway(coordinator: Coordinator, access: Access, router: Router, metrics: Metrics) -> Gateway:
    config = coordinator.config
    return Gateway(
        access=access,
        router=router,
        catalogue=coordinator.catalogue,
        metrics=metrics,
        readiness=coordinator.readiness,
        audit=coordinator.audit,
        origins=config.cors_origins,
        secure=bool(config.tls_cert),
        access_log=open_access_log(config.access_log, config.access_log_sample),
    )


def _read(coordinator: Coordinator, front: Front) -> Reading:
    """Return what is at hand; `_look` adds the rest."""
    registry, stats, dht = coordinator.registry, front.router.stats(), coordinator.dht.stats()
    access_log = front.gateway.access_log
    elsewhere = front.elsewhere
    return Reading(
        registered=len(coordinator.everybody),
        probations=coordinator.warden.on_probation(),
        canaries=coordinator.warden.told_results,
        own=len(registry),
        assigns=coordinator.together.leads,
        coordinators=1 + len(coordinator.fleet.others),
        expected=len(coordinator.together.roster.expected),
        store_up=coordinator.store.leased_until > time.monotonic(),
        conditions=len(coordinator.conditions.now),
        service_wanted={manifest.name: manifest.replicas for manifest in coordinator.catalogue.manifests},
        queue_depths=elsewhere.queues(front.router.queue_depths()),
        retries=stats.retries + elsewhere.total("retries"),
        failovers=stats.failovers + elsewhere.total("failovers"),
        hedged=stats.hedged + elsewhere.total("hedged"),
        dht={name: getattr(dht, name) for name in DHT_NUMBERS},
        stream_listeners=len(front.stream),
        entry_points=len(front.entry_points.listed()),
        entry_point_probes=dict(front.entry_points.probes),
        kv_writes=front.copy.writes,
        kv_failures=front.copy.failures,
        channels=len(front.channels),
        pushes=front.channels.pushes,
        heartbeats=asdict(front.beats.taken),
        relay_in_use=len(front.hub) - front.hub.ready,
        relay_ready=front.hub.ready,
        relay_opened=front.hub.opened_in_all,
        relay_refused=front.hub.refused,
        processes=1 + elsewhere.processes,
        access_log_lines=(access_log.written if access_log is not None else 0) + elsewhere.total("log_lines"),
        access_log_lost=(access_log.lost if access_log is not None else 0) + elsewhere.total("log_lost"),
    )


def _look(coordinator: Coordinator, reading: Reading) -> Reading:
    """Add what takes a look at every worker; may run in a thread."""
    everybody, now = coordinator.everybody, coordinator.clock()
    own, far = coordinator.registry.members(), [name for name, _ in everybody.far()]
    others = [member for name in far if (member := everybody.member(name)) is not None]
    standing = [(member, everybody.status(member)) for member in (*own, *others)]
    stale = sum(status == "stale" for _, status in standing)
    running = Counter(name for member, status in standing if status == "active" for name in member.running)
    return replace(
        reading,
        registered=len(standing),
        active=len(standing) - stale,
        stale=stale,
        pending=sum(enrolment.waits for enrolment in coordinator.workers),
        elsewhere=far,
        service_workers={name: running[name] for name in reading.service_wanted},
        heartbeat_ages={member.worker_id: max(0.0, now - member.last_seen) for member in own},
        overlay=_read_overlay(coordinator),
    )


def _read_overlay(coordinator: Coordinator) -> OverlayReading | None:
    overlay, station = coordinator.overlay, coordinator.station
    if overlay is None or station is None:
        return None
    standing = station.standing()
    return OverlayReading(
        up=standing.up,
        members=overlay.members(),
        lighthouses=len(overlay.lighthouses.told(overlay.clock())),
        direct=standing.direct,
        relayed=standing.relayed,
    )


def _preflights(origins: tuple[str, ...]) -> Middleware:
    @web.middleware
    async def answer_preflights(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer a browser that asks whether it may ask; nothing else of the request is looked at."""
        if not cors.is_preflight(request.method, request.headers):
            return await handler(request)
        return web.Response(status=204, headers=cors.answer_preflight(request.headers, origins))

    return answer_preflights


def _finish_head(
    origins: tuple[str, ...], *, secure: bool
) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Return what completes heads; `secure`: we serve TLS ourselves, and nobody shall ask without it for a year."""
    always = {**HEADERS, "Strict-Transport-Security": f"max-age={YEAR}"} if secure else HEADERS

    async def finish_head(request: web.Request, answer: web.StreamResponse) -> None:
        """Complete every answer's head: what browsers may do with it."""
        answer.headers.update(cors.answer_headers(request.headers, origins))
        answer.headers.setdefault(headers.REQUEST_ID, REQUEST_ID.get() or "")  # also where it is streamed
        answer.headers["Server"] = "rma-mesh"  # which libraries we are made of is nobody's business
        for name, value in always.items():
            answer.headers.setdefault(name, value)
        if request.path.startswith(SECRET):  # credentials, keys and tokens, and refusals of them
            answer.headers.setdefault("Cache-Control", "no-store")

    return finish_head


async def _start_channels(app: web.Application) -> None:
    app[FRONT].channels.start()
    app[FRONT].hub.start()
    app[COORDINATOR].warden.start()
    app[FRONT].copy.start()
    app[FRONT].traffic.start()
    app[FRONT].rates.start()


async def _end_stream(app: web.Application) -> None:
    await app[FRONT].stream.stop()
    await app[FRONT].channels.stop()


async def _stop_gateway(app: web.Application) -> None:
    await app[COORDINATOR].warden.stop()
    await app[FRONT].rates.stop()
    await app[FRONT].gateway.stop()
    await app[FRONT].far.stop()
    await app[FRONT].others.stop()
    await app[FRONT].hub.stop()
    await app[FRONT].copy.stop()
    await app[FRONT].traffic.stop()
