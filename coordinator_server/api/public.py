"""What everybody may ask a coordinator: health, topology, metrics, dashboard and API description."""

from __future__ import annotations

import asyncio
import hashlib
from importlib import resources

from aiohttp import WSCloseCode, web

from coordinator_server.api import openapi
from coordinator_server.api.addresses import client_address
from coordinator_server.api.shapes import Health, Readiness
from coordinator_server.api.topology import count_workers
from coordinator_server.application import COORDINATOR
from coordinator_server.front import FRONT
from coordinator_server.gateway.rates import address_key
from coordinator_server.metrics import CONTENT_TYPE as METRICS_TYPE
from node.program.tasks import TaskSet
from node.program.web import is_handshake, json_response, let_go
from node.wire.problems import Problem

DASHBOARD_FILES = {
    "index.html": "text/html",
    "dashboard.css": "text/css",
    "dashboard.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
DASHBOARD_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEARTBEAT = 20.0  # seconds between pings on the stream
SEND_LIMIT = 10.0  # seconds that a listener may take to accept one message


def add_routes(app: web.Application) -> None:
    app.router.add_get("/health", health)
    app.router.add_get("/ready", ready)
    app.router.add_get("/api/topology", topology)
    app.router.add_get("/api/topology/stream", topology_stream)
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/openapi.json", describe)
    app.router.add_get("/", dashboard)
    app.router.add_get("/dashboard/{file}", dashboard_file)


async def health(request: web.Request) -> web.Response:
    """Say that this process lives, who it is and how many workers it has."""
    coordinator, front = request.app[COORDINATOR], request.app[FRONT]
    readiness, now = coordinator.readiness, coordinator.clock()
    return json_response(
        Health(
            status="draining" if readiness.draining else "ok" if readiness.ready else "starting",
            coordinator=coordinator.coordinator_id,
            version=front.version,
            workers=count_workers(coordinator),
            services=len(coordinator.catalogue.manifests),
            uptime_seconds=round(max(0.0, now - front.started_at), 3),
            timestamp=now,
        )
    )


async def ready(request: web.Request) -> web.Response:
    """Say whether requests may be sent here."""
    coordinator = request.app[COORDINATOR]
    if coordinator.readiness.draining:
        raise Problem("draining", "This coordinator is shutting down.", headers={"Retry-After": "5"})
    if not coordinator.readiness.ready:
        raise Problem("starting", "This coordinator is starting.", headers={"Retry-After": "2"})
    front = request.app[FRONT]
    queue = sum(front.elsewhere.queues(front.router.queue_depths()).values())
    return json_response(Readiness(coordinator=coordinator.coordinator_id, queue=queue))


async def topology(request: web.Request) -> web.Response:
    """Return the mesh as it is now."""
    stream = request.app[FRONT].stream
    answer = json_response(await stream.now())
    answer.headers["Cache-Control"] = "no-store"
    return answer


async def topology_stream(request: web.Request) -> web.StreamResponse:
    """Send a snapshot, then what changes, until the listener goes or is too slow."""
    tasks = TaskSet("topology-listener")
    await request.app[FRONT].stream.catch_up()
    with request.app[FRONT].stream.listen(address_key(client_address(request))) as messages:
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT, max_msg_size=1024, timeout=2.0)
        if not is_handshake(socket, request):
            text = "This address speaks WebSocket. GET /api/topology answers once."
            raise Problem("invalid-request", text, status=426, headers={"Upgrade": "websocket"})
        await socket.prepare(request)

        async def send() -> None:
            try:
                async for message in messages:
                    async with asyncio.timeout(SEND_LIMIT):
                        await socket.send_str(message.decode())
                await socket.close(code=WSCloseCode.TRY_AGAIN_LATER)
            except (ConnectionError, TimeoutError):
                await socket.close(drain=False)

        tasks.start(send(), "send")
        try:
            async for _ in socket:
                pass  # whatever a listener says, only that it has gone counts
        finally:
            await tasks.stop()
            await let_go(socket, request)
    return socket


async def metrics(request: web.Request) -> web.Response:
    """Answer Prometheus."""
    body = await request.app[FRONT].metrics.told()
    return web.Response(body=body, headers={"Content-Type": METRICS_TYPE})


async def describe(request: web.Request) -> web.Response:
    """Return the OpenAPI document."""
    front = request.app[FRONT]
    operations = (*openapi.PUBLIC, *openapi.ADMIN, *openapi.WORKER)
    return json_response(openapi.build_document(front.version, operations))


async def dashboard(request: web.Request) -> web.Response:
    """Return the dashboard's page."""
    return _file(request, "index.html")


async def dashboard_file(request: web.Request) -> web.Response:
    """Return one of the dashboard's files."""
    return _file(request, request.match_info["file"])


def _file(request: web.Request, name: str) -> web.Response:
    if name not in DASHBOARD_FILES:
        raise Problem("not-found", "The dashboard has no such file.")
    body = resources.files("resources").joinpath("dashboard", name).read_bytes()
    tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache", "Content-Security-Policy": DASHBOARD_POLICY}
    if request.headers.get("If-None-Match") == tag:
        return web.Response(status=304, headers=headers)
    return web.Response(body=body, content_type=DASHBOARD_FILES[name], charset="utf-8", headers=headers)
