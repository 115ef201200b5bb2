"""Makes workers known to a coordinator as nodes do it: invites, enrolment, registration and signed heartbeats.

What answers at their addresses is somebody else: any plain HTTP server.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator_server.admin_client import AdminFile
from coordinator_server.registry.endpoints import is_reachable, parse_address
from node.coordinator_client import CoordinatorClient
from node.enrolment import enrol, parse_invitation
from node.program.settings import SettingError
from node.program.tasks import TaskSet
from node.wire.messages import Capabilities, CoordinatorInfo, Endpoints, HeartbeatRequest, ServiceReport
from node.wire.tokens import TokenIssuer

Place = tuple[str, int]  # address and port that a worker is said to listen at
BEAT = 2.0  # seconds; a worker that failed once is back after that
LIMIT = aiohttp.ClientTimeout(total=30)
ALLOWED = "the URL of a plain HTTP server, like http://127.0.0.1:8000"


def parse_worker_url(text: str) -> Place:
    """Return where a worker listens; raise SettingError for what is no address of a plain HTTP server."""
    refused = SettingError("worker_url", text, ALLOWED, "--worker-url")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, 80 if parts.port is None else parts.port
        beside = parts.path.strip("/") or parts.query or parts.fragment or parts.username or parts.password
        if parts.scheme != "http" or not host or not port or beside:
            raise refused
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, ValueError):
        raise refused from None
    first = min(found, key=lambda one: one[0] != socket.AF_INET)  # `localhost` is 127.0.0.1 wherever there is one
    address = parse_address(str(first[4][0]))
    if address is None or not is_reachable(address):
        raise refused
    return str(address), port


@contextlib.asynccontextmanager
async def joined(admin: AdminFile, places: Sequence[Place], service: str) -> AsyncIterator[None]:
    """Let a worker for each place join and offer the service, for as long as the context lasts."""
    tasks = TaskSet("workers")
    async with aiohttp.ClientSession(timeout=LIMIT) as session:
        try:
            for number, place in enumerate(places):
                worker = await _join(session, admin, f"bench-{number}", place, service)
                await worker.beat()
                tasks.every(BEAT, worker.beat, f"heartbeat of {worker.worker_id}")
            yield
        finally:
            await tasks.stop()


async def make_key(admin: AdminFile, service: str, rate: str) -> str:
    """Make an API key for this service and return its text."""
    async with aiohttp.ClientSession(timeout=LIMIT) as session:
        made = await _ask(session, admin, "/api/admin/keys", {"name": "bench", "rate": rate, "services": [service]})
        return str(made["key"])


@dataclass(frozen=True, slots=True)
class _Worker:
    """A worker that has joined, and says that it runs the service."""

    worker_id: str
    client: CoordinatorClient
    coordinator: CoordinatorInfo
    service: str

    async def beat(self) -> None:
        report = ServiceReport(name=self.service, state="running")
        await self.client.heartbeat(
            self.coordinator, HeartbeatRequest(worker_id=self.worker_id, services=(report,))
        )


async def _join(session: aiohttp.ClientSession, admin: AdminFile, name: str, place: Place, service: str) -> _Worker:
    host, port = place
    key = Ed25519PrivateKey.generate()
    able = Capabilities(cpu_cores=8, ram_bytes=16 * 2**30, disk_free_bytes=50 * 10**9, allowed_services=(service,))
    invite = await _ask(session, admin, "/api/admin/invites", {"trust": "vetted"})
    public = key.public_key().public_bytes_raw()
    link = parse_invitation(invite["code"], admin.url)
    membership, _ = await enrol(
        session, link, name=name, public_key=public, wish=name, capabilities=able, now=time.time()
    )
    issuer = TokenIssuer(key, membership.worker_id, membership.credential, time.time)
    client, to = CoordinatorClient(session, issuer, membership.worker_id, key), membership.coordinators[0]
    await client.register(to, able, Endpoints(port=port, direct_hosts=(host,)))
    return _Worker(membership.worker_id, client, to, service)


async def _ask(session: aiohttp.ClientSession, admin: AdminFile, path: str, wish: object) -> Any:
    proof = {"Authorization": f"Bearer {admin.token}"}
    async with session.post(admin.url + path, json=wish, headers=proof) as answer:
        if answer.status != 201:
            raise RuntimeError(f"{path}: {answer.status} {await answer.text()}")
        return await answer.json()
