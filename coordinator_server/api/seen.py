"""Tells a worker from where we see it come, and whether we can come to it: what nobody sees of himself.

We knock only at the very address that asks, at the port that it registered, now and then, and send nothing.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from aiohttp import web

from coordinator_server.api.addresses import client_address
from coordinator_server.api.worker_auth import authenticate
from coordinator_server.application import COORDINATOR
from coordinator_server.front import FRONT
from coordinator_server.gateway.access import PROXY_HEADERS
from coordinator_server.registry.endpoints import is_reachable, parse_address
from node.forwarding.knocker import touch_tcp
from node.program.web import json_response
from node.wire.messages import SeenAs

AT_ONCE = 16  # knocks
PATIENCE = 1.2  # seconds: a worker waits two for the whole answer
KEPT = 5.0  # seconds for which an answer is given again
MOST_KEPT = 1024


async def takes_connections(host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(PATIENCE):
            await touch_tcp(host, port)
    except OSError:  # TimeoutError is one
        return False
    return True


Knock = tuple[float, tuple[str, int], bool | None]  # when, where, and what came of it, once that is known


class Knocks:
    """Knocks, a few at once, and remembers for a while what came of it."""

    def __init__(self) -> None:
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._found: OrderedDict[str, Knock] = OrderedDict()  # the last one for each worker

    async def knock(self, worker_id: str, host: str, port: int) -> bool | None:
        """Return whether a worker's port takes connections; None while too many ask."""
        place, now = (host, port), asyncio.get_running_loop().time()
        kept = self._found.get(worker_id)
        if kept is not None and now - kept[0] < KEPT:  # whatever port it says next: nobody scans with our help
            return kept[2] if kept[1] == place else None
        if self._gate.locked():
            return None
        self._remember(worker_id, (now, place, None))
        async with self._gate:
            found = await takes_connections(host, port)
        self._remember(worker_id, (now, place, found))
        return found

    def _remember(self, worker_id: str, knock: Knock) -> None:
        self._found[worker_id] = knock
        self._found.move_to_end(worker_id)
        while len(self._found) > MOST_KEPT:
            self._found.popitem(last=False)


KNOCKS = web.AppKey("knocks", Knocks)


def add_routes(app: web.Application) -> None:
    app[KNOCKS] = Knocks()
    app.router.add_get("/api/worker/seen", seen)


def comes_through_others(request: web.Request) -> bool:
    """Say whether somebody between us passed the request on: we would knock there, and not at the worker."""
    peer = parse_address((request.remote or "").partition("%")[0])
    believed = peer is not None and peer.is_loopback  # a proxy on this machine says where it came from
    return not believed and any(name in request.headers for name in (*PROXY_HEADERS, "Via"))


async def seen(request: web.Request) -> web.Response:
    """Answer with ?knock=1 also whether the worker's port took a connection from us."""
    enrolment = await authenticate(request)
    worker_id, address = enrolment.worker_id, client_address(request)
    member = request.app[COORDINATOR].registry.member(worker_id)
    port = member.endpoints.port if member is not None else 0
    parsed = parse_address(address)
    reached = None
    wanted = request.query.get("knock") == "1" and not comes_through_others(request)
    if wanted and port and parsed is not None and is_reachable(parsed):
        reached = await request.app[KNOCKS].knock(worker_id, str(parsed), port)
    relay = request.app[FRONT].hub.offers(worker_id)
    return json_response(SeenAs(address=address, port=port, reached=reached, relay=relay))
