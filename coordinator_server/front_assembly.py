"""Puts together what frontends, browsers, monitors and operators see, and adds it to the HTTP application."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version

from aiohttp import web

from coordinator_server.api import admin, channel, entry_points, public
from coordinator_server.api.heads import add_heads
from coordinator_server.api.stream import TopologyStream
from coordinator_server.api.topology import Picture
from coordinator_server.application import COORDINATOR, Coordinator
from coordinator_server.channel.answer import Answers
from coordinator_server.channel.beats import Beats
from coordinator_server.channel.channels import Channels
from coordinator_server.entry_points.assembly import EntryPointCopy, make_office
from coordinator_server.fleet.asking import Registries
from coordinator_server.fleet.far import Everywhere, FarWorkers, RelayWays
from coordinator_server.front import FRONT, Front
from coordinator_server.gateway.access import Access
from coordinator_server.gateway.key_uses import Came
from coordinator_server.gateway.plane import relay_base, router_over
from coordinator_server.gateway.rates import Buckets, parse_rate
from coordinator_server.gateway.routes import Gateway
from coordinator_server.gateway.shared_rates import SharedBuckets
from coordinator_server.gateway_processes.reports import Elsewhere
from coordinator_server.metrics import SECONDS, Metrics
from coordinator_server.operation.readings import look, read
from coordinator_server.operation.traffic import Traffic
from coordinator_server.probation.asking import Asker
from coordinator_server.relay.hub import RelayHub
from node.forwarding.access_log import open_access_log
from node.routing.router import Router
from node.routing.stats import Outcome


def add_front(app: web.Application) -> None:
    """Add routes, middleware and headers; `app[COORDINATOR]` must be there, the application not started yet.

    What belongs to the gateway (`app[FRONT].gateway`) does not come this way: it is a door of its own.
    """
    config = app[COORDINATOR].config
    app[FRONT] = _make_front(app)
    add_heads(app, config.cors_origins, secure=bool(config.tls_cert))
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


def _make_front(app: web.Application) -> Front:
    coordinator, version = app[COORDINATOR], find_version()
    metrics = Metrics(
        lambda: read(coordinator, app[FRONT]),
        coordinator=coordinator.coordinator_id,
        version=version,
        look=lambda reading: look(coordinator, reading),
    )
    hub = _make_hub(coordinator)
    coordinator.warden.rounds.ask = _make_asker(coordinator, hub).ask
    others, far, everywhere, ways = _make_far(coordinator, hub)
    router = router_over(
        coordinator.config,
        coordinator.catalogue,
        everywhere,
        coordinator.token_issuer.issue,
        _observer(coordinator, metrics),
        relayed=hub.connect,
        relay=ways,
    )
    coordinator.registry.appeared = router.appeared
    rates = SharedBuckets(coordinator.store, lambda: 1 + len(coordinator.fleet.others))
    access, answers = _make_access(coordinator, rates), Answers(coordinator)
    channels = Channels(answers, coordinator.workers, coordinator.clock, coordinator.config.channels)
    channels.relay = hub
    picture, office = Picture(coordinator, version), make_office(coordinator)
    coordinator.registry.differs = coordinator.together.roster.differs = picture.differs
    return Front(
        version=version,
        started_at=coordinator.clock(),
        router=router,
        gateway=_make_gateway(coordinator, access, router, metrics),
        stream=TopologyStream(picture),
        metrics=metrics,
        access=access,
        rates=rates,
        elsewhere=Elsewhere(),
        answers=answers,
        beats=Beats(coordinator, answers),
        channels=channels,
        hub=hub,
        far=far,
        everywhere=everywhere,
        ways=ways,
        others=others,
        entry_points=office,
        copy=EntryPointCopy(coordinator, office.listed),
        traffic=Traffic(metrics.by_service, SECONDS, time.monotonic),
    )


def _make_far(coordinator: Coordinator, hub: RelayHub) -> tuple[Registries, FarWorkers, Everywhere, RelayWays]:
    """Make what finds workers that other coordinators have, and how each is reached."""
    fleet, warden = coordinator.fleet, coordinator.warden
    others = Registries(lambda: fleet.others, coordinator.token_issuer.issue, time.monotonic)
    sources = (others.find, coordinator.dht.find_service)
    far = FarWorkers(sources, coordinator.workers, coordinator.catalogue, fleet)
    everywhere = Everywhere(coordinator.registry, far, warden.book.is_on_probation)
    ways = RelayWays(coordinator.coordinator_id, fleet, relay_base, hub.offers, others.is_silent)
    return others, far, everywhere, ways


def _observer(coordinator: Coordinator, metrics: Metrics) -> Callable[[Outcome], None]:
    endings = coordinator.warden.endings

    def ended(outcome: Outcome) -> None:
        metrics.ended(outcome)
        endings.ended(outcome.service, outcome.worker, outcome.status)

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
