"""Reads how everything is for the metrics."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict, replace

from coordinator_server.application import Coordinator
from coordinator_server.front import Front
from coordinator_server.metrics import Overlay, Reading

DHT_NUMBERS = ("contacts", "keys", "entries", "lookups", "stored", "published")


def read(coordinator: Coordinator, front: Front) -> Reading:
    """Return what is at hand; `look` adds the rest."""
    registry, stats, dht = coordinator.registry, front.router.stats(), coordinator.dht.stats()
    access_log = front.gateway.access_log
    elsewhere = front.elsewhere
    return Reading(
        registered=len(coordinator.everybody),
        probations=coordinator.warden.on_probation(),
        canaries=coordinator.warden.rounds.told_results,
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


def look(coordinator: Coordinator, reading: Reading) -> Reading:
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


def _read_overlay(coordinator: Coordinator) -> Overlay | None:
    overlay, station = coordinator.overlay, coordinator.station
    if overlay is None or station is None:
        return None
    standing = station.standing()
    return Overlay(
        up=standing.up,
        members=overlay.members(),
        lighthouses=len(overlay.lighthouses.told(overlay.clock())),
        direct=standing.direct,
        relayed=standing.relayed,
    )
