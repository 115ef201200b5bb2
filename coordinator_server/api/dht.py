"""Where to join the DHT, and what this coordinator's node of it counts and knows."""

from __future__ import annotations

import msgspec
from aiohttp import web

from coordinator_server.api.addresses import client_address
from coordinator_server.api.worker_auth import authenticate
from coordinator_server.application import COORDINATOR, Coordinator
from coordinator_server.channel.answer import contacts_of
from coordinator_server.config import is_wildcard
from coordinator_server.registry.endpoints import parse_address
from node.dht.stats import DhtPeer
from node.program.web import json_response
from node.wire.messages import CoordinatorInfo, DhtContact


class Bootstrap(msgspec.Struct, frozen=True):
    """200 of GET /api/dht/bootstrap: where to join the DHT."""

    contacts: tuple[DhtContact, ...] = ()


class DhtTopology(msgspec.Struct, frozen=True):
    """200 of GET /api/dht/topology: this coordinator's node and the peers that it keeps in touch with."""

    node_id: str
    peers: tuple[DhtPeer, ...]


def add_routes(app: web.Application) -> None:
    app.router.add_get("/api/dht/bootstrap", bootstrap)
    app.router.add_get("/api/dht/stats", stats)
    app.router.add_get("/api/dht/topology", topology)


async def bootstrap(request: web.Request) -> web.Response:
    """Tell anybody where to join the DHT; what is in there is signed."""
    return json_response(Bootstrap(contacts(request)))


async def stats(request: web.Request) -> web.Response:
    """Tell a worker what our node of the DHT has counted."""
    await authenticate(request)
    return json_response(request.app[COORDINATOR].dht.stats())


async def topology(request: web.Request) -> web.Response:
    """Tell a worker whom our node of the DHT knows; strangers do not learn where volunteers' machines are."""
    await authenticate(request)
    dht = request.app[COORDINATOR].dht
    return json_response(DhtTopology(dht.id.hex(), tuple(dht.peers())))


def info(request: web.Request) -> CoordinatorInfo:
    """Return what we tell this worker about us: the DHT's host as it can reach it."""
    coordinator = request.app[COORDINATOR]
    return msgspec.structs.replace(coordinator.info, dht_host=_dht_host(request, coordinator))


def contacts(request: web.Request) -> tuple[DhtContact, ...]:
    """Return where this worker can join the DHT, in the overlay first; nothing while ours does not run."""
    return contacts_of(request.app[COORDINATOR], info(request))


def _dht_host(request: web.Request, coordinator: Coordinator) -> str | None:
    """Return the host of our DHT node; when that listens everywhere, the one by which the worker reached us."""
    host = coordinator.info.dht_host
    if host is None or not is_wildcard(host):
        return host
    client = parse_address(client_address(request))
    name = request.transport.get_extra_info("sockname") if request.transport is not None else None
    own = parse_address(str(name[0])) if name else None
    if own is not None and (not own.is_loopback or (client is not None and client.is_loopback)):
        return str(own)
    return coordinator.public_host or None
