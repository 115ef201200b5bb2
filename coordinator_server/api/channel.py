"""The WebSocket on which an enrolled machine hears at once what has changed for it, and is asked for connections.

A worker that is registered with another coordinator may open one to be asked for connections alone.
"""

from __future__ import annotations

from aiohttp import web

from coordinator_server.api.addresses import client_address
from coordinator_server.api.dht import info
from coordinator_server.api.worker_auth import authenticate_for_long, check_signed_whole
from coordinator_server.application import COORDINATOR
from coordinator_server.channel.line import CLOSE_LIMIT, Line
from coordinator_server.front import FRONT
from coordinator_server.gateway_processes.from_gateways import PROCESS
from node.program.web import is_handshake, let_go
from node.wire.channel import BEATS, KIND, LARGEST_FROM_WORKER, PATH, RELAY, RELAY_ONLY, relay_offered
from node.wire.problems import Problem


def add_routes(app: web.Application) -> None:
    app.router.add_get(PATH, channel)


async def channel(request: web.Request) -> web.StreamResponse:
    """Hold a worker's channel until it ends; its worker is whom the token is from."""
    if "Origin" in request.headers:
        raise Problem("forbidden", "This address is for workers, not for browsers.")
    front, config = request.app[FRONT], request.app[COORDINATOR].config
    enrolment, proof = await authenticate_for_long(request)
    await check_signed_whole(request, enrolment, "channel")  # it lives for days: an overheard token opens none
    relay, relay_only = relay_offered(request.headers.get(RELAY, "")), _is_relay_only(request)
    if relay_only and not relay:
        raise Problem("invalid-request", f"A channel for the relay alone says in {RELAY} what it offers.")
    front.channels.check_room(enrolment.worker_id, relay_only=relay_only)
    # A message is sent only when the one before it has gone, so nothing piles up for whoever does not read.
    socket = web.WebSocketResponse(
        heartbeat=config.channel_ping,
        max_msg_size=LARGEST_FROM_WORKER,
        timeout=CLOSE_LIMIT,
        compress=False,
        autoping=False,
        writer_limit=1,
        protocols=() if relay_only else (BEATS,),
    )
    transport = request.transport
    if transport is None or not is_handshake(socket, request):
        text = "This address speaks WebSocket. Heartbeats tell a worker the same."
        raise Problem("invalid-request", text, status=426, headers={"Upgrade": "websocket"})
    await socket.prepare(request)
    process = transport.get_extra_info(PROCESS, 0)
    line = Line(
        enrolment.worker_id,
        info(request),
        proof,
        socket,
        transport.abort,
        process=process,
        relay=relay,
        relay_only=relay_only,
        address=client_address(request),
        beats=front.beats.hear if socket.ws_protocol == BEATS else None,
    )
    with front.channels.opened(line):
        try:
            await line.listen()
        finally:
            await line.end()
            await let_go(socket, request)
    return socket


def _is_relay_only(request: web.Request) -> bool:
    """Tell a worker's second channel from its first; raise a Problem for what is neither."""
    kind = request.headers.get(KIND, "")
    if kind not in ("", RELAY_ONLY):
        raise Problem("invalid-request", f"There is no channel of the kind {kind[:64]!r}.")
    return kind == RELAY_ONLY
