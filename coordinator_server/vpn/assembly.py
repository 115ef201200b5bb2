"""Makes the overlay's parts out of a coordinator's settings: the mesh's, and this coordinator's own place in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from coordinator_server.application import Coordinator
from coordinator_server.audit import Audit
from coordinator_server.config import CoordinatorConfig, is_wildcard
from coordinator_server.enrolment.addresses import Addresses, parse_network
from coordinator_server.enrolment.certificates import CertificateOffice
from coordinator_server.enrolment.lighthouses import Lighthouses
from coordinator_server.enrolment.overlay import Overlay
from coordinator_server.enrolment.workers import Workers
from coordinator_server.keys import Secrets
from coordinator_server.registry.registry import Registry
from coordinator_server.store.interface import Store
from coordinator_server.vpn.doors import Doors
from coordinator_server.vpn.station import Station
from node.forwarding.http1.app_bridge import AppBridge
from node.forwarding.http1.interface import Handler
from node.forwarding.http1.limits import ServerLimits
from node.vpn.computer import Computer
from node.vpn.settings import SERVICE_PORT
from node.wire.mesh_keys import SigningKey

FOLDER = "vpn"  # Nebula's files, in the data directory

Computers = Callable[[Path], Computer]  # makes what runs Nebula, in a folder of its own


async def open_overlay(
    config: CoordinatorConfig,
    secrets: Secrets,
    store: Store,
    workers: Workers,
    *,
    mesh_key: SigningKey,
    audit: Audit,
    clock: Callable[[], float],
) -> Overlay | None:
    """Read the overlay's authorities and addresses, or make them; None where it is switched off.

    Then other coordinators and their workers stop to look for us there.
    """
    if config.vpn == "off":
        lighthouses = Lighthouses(store)
        await lighthouses.load()
        await lighthouses.withdraw(secrets.coordinator_id)
        return None
    network = parse_network(config.vpn_network)
    overlay = Overlay(
        office=CertificateOffice(store, audit, mesh_key, network),
        addresses=Addresses(store, network),
        lighthouses=Lighthouses(store),
        workers=workers,
        audit=audit,
        clock=clock,
        life=config.certificate_life,
    )
    await overlay.load(secrets.coordinator_id)
    return overlay


def make_station(
    config: CoordinatorConfig, secrets: Secrets, overlay: Overlay, registry: Registry, computers: Computers
) -> Station:
    """Make this coordinator's own place in the overlay; nothing runs yet."""
    return Station(
        overlay,
        secrets.coordinator_id,
        secrets.nebula_key,
        config,
        computers(config.directory / FOLDER),
        on_change=registry.overlay_changed,
        ports=registry.overlay_ports,
    )


def make_doors(coordinator: Coordinator, handler: Handler, bridge: AppBridge, limits: ServerLimits) -> Doors:
    """Make what members reach at our overlay address; nothing is open yet."""
    config = coordinator.config
    return Doors(
        handler,
        bridge,
        coordinator.dht,
        parse_network(config.vpn_network),
        limits=limits,
        served_everywhere=is_wildcard(config.host) and ":" not in config.host and config.port == SERVICE_PORT,
    )
