"""A coordinator in this process on ports of its own, and workers that talk to it as real ones do."""

from __future__ import annotations

import contextlib
import io
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import aiohttp
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator_server.application import Coordinator
from coordinator_server.config import CoordinatorConfig
from coordinator_server.entry_points.prober import Prober
from coordinator_server.front import FRONT
from coordinator_server.serving import Site, running
from coordinator_server.vpn.assembly import Computers
from node.wire.blocklists import PutOut
from node.wire.encoding import b64encode
from node.wire.headers import SIGNATURE
from node.wire.manifests import Catalogue, Manifest
from node.wire.messages import Assignment, Capabilities, Endpoints, ServiceReport
from node.wire.signed_requests import What, sign_request
from node.wire.tokens import TokenIssuer
from tests.support.fake_computer import FakeComputer
from tests.support.mesh_keys import Clock

GIB = 2**30
GOODBYE = 0.2  # seconds: the nodes of a test have mostly ended before its coordinator, and would answer nothing
PC = Capabilities(cpu_cores=8, cpu_threads=16, ram_bytes=16 * GIB, disk_free_bytes=50 * GIB)
# Heartbeats that a test does not live to see, and nobody is forgotten meanwhile.
HOURLY: dict[str, Any] = {"worker_heartbeat": 3600.0, "worker_stale": 7200.0, "worker_forgotten": 9000.0}
CATALOGUE = Catalogue(
    (
        Manifest(name="ner", title="Entities", aliases=("entities",), data_class="public"),
        Manifest(name="notes", title="Notes", data_class="personal"),
    )
)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, whatever its status."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def problem(self) -> str:
        """The stable suffix of the problem's type."""
        return str(self.json["type"].rpartition("/")[2])


def assignment(answer: Answer) -> Assignment:
    """Return what a worker was told by an answer that is good."""
    assert answer.status == 200, answer.body
    return msgspec.json.decode(answer.body, type=Assignment)


def put_out(told: Assignment) -> PutOut:
    """Return whom a worker was told to refuse; the signature is not looked at."""
    assert told.blocklist is not None
    return msgspec.json.decode(told.blocklist.payload, type=PutOut)


@dataclass
class Worker:
    """A machine with a key; what it says is signed once it is enrolled."""

    url: str
    session: aiohttp.ClientSession
    clock: Callable[[], float]
    audience: str
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    worker_id: str = ""
    credential: str = ""

    @property
    def public_key(self) -> str:
        return b64encode(self.key.public_key().public_bytes_raw())

    @property
    def token(self) -> str:
        return TokenIssuer(self.key, self.worker_id, self.credential, self.clock).issue(self.audience)

    async def enrol(self, code: str, **changes: Any) -> Answer:
        """Ask to be let in, and remember what came of it."""
        wish = {"invite": code, "name": "Anna's PC", "identity_public_key": self.public_key, **changes}
        answer = await self.post("/api/enroll", wish, signed=False)
        if answer.status == 201:
            self.worker_id, self.credential = answer.json["worker_id"], answer.json["credential"]
        return answer

    async def register(self, capabilities: Capabilities = PC, **endpoints: Any) -> Answer:
        ends = Endpoints(**{"port": 8000, "direct_hosts": ("127.0.0.1",), **endpoints})
        return await self.say("register", capabilities=capabilities, endpoints=ends)

    async def heartbeat(self, *running: str, **more: Any) -> Answer:
        reports = [ServiceReport(name=name, state="running") for name in running]
        return await self.say("heartbeat", services=reports, **more)

    async def say(self, what: str, **body: Any) -> Answer:
        return await self.post(f"/api/worker/{what}", {"worker_id": self.worker_id, **body})

    async def peers(self, service: str) -> Answer:
        return await self.get("/api/worker/peers", {"service": service})

    async def post(
        self, path: str, body: Any, signed: bool = True, headers: Mapping[str, str] | None = None
    ) -> Answer:
        data = body if isinstance(body, bytes) else msgspec.json.encode(body)
        sent = self._signed(path, data) if signed else {}
        async with self.session.post(
            self.url + path, data=io.BytesIO(data), headers={**sent, **(headers or {})}
        ) as response:
            return Answer(response.status, response.headers, await response.read())

    def _signed(self, path: str, data: bytes) -> dict[str, str]:
        token, what = self.token, path.rpartition("/")[2]
        sent = {"Authorization": f"Bearer {token}"}
        if what in get_args(What):
            sent[SIGNATURE] = sign_request(self.key, what, token, data, secrets.token_urlsafe(12))  # type: ignore[arg-type]
        return sent

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        sent = {"Authorization": f"Bearer {self.token}"}
        async with self.session.get(self.url + path, params=params, headers=sent) as response:
            return Answer(response.status, response.headers, await response.read())


@dataclass
class Room:
    """A coordinator that runs, its clock, and a way to make workers."""

    site: Site
    session: aiohttp.ClientSession
    clock: Clock

    @property
    def coordinator(self) -> Coordinator:
        return self.site.coordinator

    @property
    def url(self) -> str:
        return self.site.server.url

    def machine(self) -> Worker:
        return Worker(self.url, self.session, self.clock, self.coordinator.coordinator_id)

    async def invite(self, **wish: Any) -> str:
        return (await self.coordinator.invites.create(**wish))[1].code

    async def worker(self, name: str = "", trust: str = "volunteer", **wish: Any) -> Worker:
        """Return a machine that is enrolled with an invite of its own."""
        worker = self.machine()
        changes = {"worker_id": name} if name else {}
        answer = await worker.enrol(await self.invite(trust=trust, **wish), **changes)
        assert answer.status == 201, answer.body
        return worker

    async def actions(self) -> list[str]:
        return [line.action for line in reversed(await self.coordinator.audit.newest())]


def quick_config(folder: Path, **settings: Any) -> CoordinatorConfig:
    return CoordinatorConfig(data_dir=str(folder), **{"port": 0, "dht_port": 0, "canary_pause": 0.0, **settings})


@contextlib.asynccontextmanager
async def coordinator_room(
    folder: Path,
    clock: Clock | None = None,
    catalogue: Catalogue = CATALOGUE,
    computers: Computers = FakeComputer,
    **settings: Any,
) -> AsyncIterator[Room]:
    """Run a coordinator on a folder; it may be run again on the same one. No Nebula is started."""
    clock = clock or Clock()
    folder.mkdir(exist_ok=True)
    async with (
        running(quick_config(folder, **settings), catalogue, clock=clock, computers=computers) as site,
        aiohttp.ClientSession() as session,
    ):
        site.app[FRONT].entry_points.prober = Prober(1.0, no_internet)
        try:
            yield Room(site, session, clock)
        finally:
            site.coordinator.dht.withdraw_limit = GOODBYE


async def no_internet(_name: str, _port: int) -> Sequence[str]:
    raise socket.gaierror(socket.EAI_NONAME, "tests look nothing up")
