"""A real coordinator in this loop, and stand-ins for workers that speak the real protocol over real HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from coordinator_server.application import Coordinator
from coordinator_server.config import CoordinatorConfig
from coordinator_server.serving import Site, read_catalogue, running
from coordinator_server.vpn.assembly import Computers
from node.program.web import HttpServer, bind, manners
from node.wire import headers
from node.wire.channel import PATH as CHANNEL
from node.wire.encoding import b64decode, b64encode
from node.wire.signed_requests import sign_request
from node.wire.tokens import TokenError, TokenIssuer, TokenVerifier
from tests.support.fake_computer import FakeComputer

ECHO_MANIFEST = """\
name = "echo"
title = "Echo"
aliases = ["mirror"]
default_path = "/say"
replicas = 1
concurrency = 64
data_class = "public"
max_body_bytes = 2000000
"""
SLOW_HEARTBEAT = 30.0


@dataclass
class Front:
    """A running coordinator and a client session; `url` is where it listens."""

    site: Site
    session: aiohttp.ClientSession
    workers: list[StandIn] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.site.server.url

    @property
    def coordinator(self) -> Coordinator:
        return self.site.coordinator

    @property
    def admin(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.coordinator.admin_token}"}

    async def get(self, path: str, status: int = 200, **options: Any) -> Any:
        async with self.session.get(self.url + path, **options) as answer:
            text = await answer.text()
            assert answer.status == status, text
            return msgspec.json.decode(text)

    async def ask(self, method: str, path: str, body: object = None, status: int = 200) -> Any:
        """Ask the admin API."""
        async with self.session.request(method, self.url + path, json=body, headers=self.admin) as answer:
            text = await answer.text()
            assert answer.status == status, text
            return msgspec.json.decode(text)

    async def key(self, **wish: Any) -> dict[str, str]:
        """Make an API key; return the header that shows it."""
        made = await self.ask("POST", "/api/admin/keys", {"name": "test", "rate": "10000/min", **wish}, 201)
        return {"X-API-Key": made["key"]}

    async def join(self, name: str, services: Sequence[str] = ("echo",), **options: Any) -> StandIn:
        """Let a stand-in enrol with an invite, register and report its services as running."""
        invite = await self.ask("POST", "/api/admin/invites", {"trust": options.pop("trust", "vetted")}, 201)
        worker = StandIn(self.url, self.session, tuple(services), **options)
        self.workers.append(worker)
        await worker.start()
        await worker.enroll(invite["code"], name)
        await worker.register()
        await worker.heartbeat()
        return worker


def standing_clock() -> Callable[[], float]:
    """Return a clock that stands at the present time: however slow the machine is, no rate's bucket refills."""
    now = time.time()
    return lambda: now


@contextlib.asynccontextmanager
async def running_front(
    folder: Path, clock: Callable[[], float] = time.time, computers: Computers = FakeComputer, **settings: Any
) -> AsyncIterator[Front]:
    """Run a coordinator on a folder, with the shipped services and one more that is named echo; without Nebula."""
    manifests = folder / "manifests"
    manifests.mkdir(exist_ok=True)
    (manifests / "echo.toml").write_text(ECHO_MANIFEST)
    config = CoordinatorConfig(
        **{
            "port": 0,
            "dht_port": 0,
            "data_dir": str(folder),
            "services_dir": (str(manifests),),
            "drain_deadline": 1.0,
            "canary_pause": 0.0,  # who stands in for a worker does not know the answers
            **settings,
        }
    )
    async with (
        running(config, read_catalogue(config), None, clock, computers=computers) as site,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
    ):
        front = Front(site, session)
        try:
            yield front
        finally:
            await asyncio.gather(*(worker.stop() for worker in front.workers))


class StandIn:
    """Enrols, registers and beats like a node, and answers /service like one: it checks who sends."""

    def __init__(
        self,
        url: str,
        session: aiohttp.ClientSession,
        services: tuple[str, ...],
        load: float = 0.1,
        tunnel_url: str | None = None,
    ) -> None:
        self._url = url
        self._session = session
        self._key = Ed25519PrivateKey.generate()
        self._services = services
        self._server: HttpServer | None = None
        self._issuer: TokenIssuer | None = None
        self._verifier: TokenVerifier | None = None
        self._coordinator = ""
        self.worker_id = ""
        self.load = load
        self.tunnel_url = tunnel_url
        self.status = 200
        self.seen: list[web.Request] = []
        self.refused = 0
        self.bodies: list[bytes] = []

    async def start(self) -> None:
        app = web.Application(middlewares=[manners], client_max_size=2**26)
        app.router.add_get("/service/{service}/health", self._health)
        app.router.add_get("/service/{service}/events", self._events)
        app.router.add_get("/service/{service}/talk", self._talk)
        app.router.add_post("/service/{service}/bytes", self._bytes)
        app.router.add_route("*", "/service/{tail:.*}", self._echo)
        self._server = HttpServer(app, bind("127.0.0.1", 0))
        await self._server.start()

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop()

    async def enroll(self, code: str, name: str, worker_id: str | None = None) -> None:
        wish = {
            "invite": code,
            "name": name,
            "identity_public_key": b64encode(self._key.public_key().public_bytes_raw()),
            "worker_id": worker_id,
            "capabilities": self._capabilities(),
        }
        answer = await self._post("/api/enroll", wish, status=201)
        self.worker_id = answer["worker_id"]
        self._coordinator = answer["coordinators"][0]["id"]
        mesh = Ed25519PublicKey.from_public_bytes(b64decode(answer["mesh_public_key"]))
        self._issuer = TokenIssuer(self._key, self.worker_id, answer["credential"], time.time)
        self._verifier = TokenVerifier(mesh, self.worker_id, time.time)

    async def register(self) -> None:
        assert self._server is not None
        ends = {"port": self._server.port, "direct_hosts": ["127.0.0.1"], "tunnel_url": self.tunnel_url}
        wish = {"worker_id": self.worker_id, "capabilities": self._capabilities(), "endpoints": ends}
        body, proof = msgspec.json.encode(wish), self._proof(anew=True)
        token = proof["Authorization"].removeprefix("Bearer ")
        proof[headers.SIGNATURE] = sign_request(self._key, "register", token, body, secrets.token_urlsafe(12))
        async with self._session.post(self._url + "/api/worker/register", data=body, headers=proof) as answer:
            assert answer.status == 200, await answer.text()

    async def heartbeat(self, state: str = "running", status: int = 200) -> Any:
        reports = [{"name": service, "state": state} for service in self._services]
        beat = {"worker_id": self.worker_id, "load": self.load, "services": reports}
        return await self._post("/api/worker/heartbeat", beat, status=status)

    def channel(self) -> aiohttp.client._WSRequestContextManager:
        """Open a channel to the coordinator."""
        proof = self._proof(anew=True)
        token = proof["Authorization"].removeprefix("Bearer ")
        proof[headers.SIGNATURE] = sign_request(self._key, "channel", token, b"", secrets.token_urlsafe(12))
        return self._session.ws_connect(self._url + CHANNEL, headers=proof, autoclose=False)

    def _proof(self, anew: bool = False) -> dict[str, str]:
        if self._issuer is None:
            return {}
        return {"Authorization": f"Bearer {self._issuer.issue(self._coordinator, anew=anew)}"}

    async def _post(self, path: str, body: object, status: int = 200) -> Any:
        async with self._session.post(self._url + path, json=body, headers=self._proof()) as answer:
            text = await answer.text()
            assert answer.status == status, text
            return msgspec.json.decode(text)

    def _capabilities(self) -> dict[str, Any]:
        return {
            "worker_type": "cpu",
            "cpu_cores": 8,
            "ram_bytes": 16 * 2**30,
            "disk_free_bytes": 50 * 10**9,
            "allowed_services": list(self._services),
            "addresses": [{"interface": "eth0", "address": "192.0.2.77", "family": "ipv4", "scope": "private"}],
        }

    def _check(self, request: web.Request) -> None:
        assert self._verifier is not None
        try:
            sender = self._verifier.verify(request.headers.get(headers.MESH_TOKEN, ""))
        except TokenError:
            self.refused += 1
            raise web.HTTPUnauthorized from None
        assert sender.role == "coordinator"
        self.seen.append(request)

    @property
    def _head(self) -> dict[str, str]:
        return {headers.ATTEMPTS: "1", headers.LOAD: f"{self.load:.3f}", headers.WORKER: self.worker_id}

    async def _echo(self, request: web.Request) -> web.Response:
        self._check(request)
        body = await request.read()
        self.bodies.append(body)
        document = {
            "worker": self.worker_id,
            "method": request.method,
            "path": request.rel_url.raw_path,
            "query": request.rel_url.raw_query_string,
            "headers": {name.lower(): value for name, value in request.headers.items()},
            "body": body.decode("latin-1"),
        }
        return web.json_response(document, status=self.status, headers=self._head)

    async def _health(self, request: web.Request) -> web.Response:
        self._check(request)
        return web.json_response({"status": "ok"}, status=self.status, headers=self._head)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        self._check(request)
        answer = web.StreamResponse(headers={**self._head, "Content-Type": "text/event-stream"})
        await answer.prepare(request)
        for number in range(3):
            await answer.write(f"data: {number}\n\n".encode())
            await asyncio.sleep(0.05)
        return answer

    async def _talk(self, request: web.Request) -> web.WebSocketResponse:
        self._check(request)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(f"{self.worker_id} heard {message.data}")
        return socket

    async def _bytes(self, request: web.Request) -> web.Response:
        self._check(request)
        size = 0
        async for chunk in request.content.iter_any():
            size += len(chunk)
        return web.Response(text=str(size), headers=self._head)


async def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for a state, with a deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not come"
        await asyncio.sleep(0.01)
