"""What a worker says to its coordinator, byte for byte as a node does, and what it makes of the answers."""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass, field

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.coordinator_support.connections import Call, Channel, upgrade
from bench.coordinator_support.identities import Identity
from node.wire import channel
from node.wire.encoding import b64decode
from node.wire.headers import SIGNATURE
from node.wire.messages import (
    Capabilities,
    Endpoints,
    HeartbeatRequest,
    RegisterRequest,
    ServiceReport,
)
from node.wire.signed_requests import What, sign_request
from node.wire.tokens import TokenIssuer

GIB = 2**30
OFFERED = 64  # relay connections, as nodes do
STATS = {"local_requests": 12.0, "forwarded_requests": 3.0, "failed_requests": 0.0}


class Told(msgspec.Struct):
    """What the crowd reads of an assignment."""

    services: tuple[str, ...] = ()
    heartbeat_interval: float = 30.0
    blocklist_version: int = 0
    catalogue_version: str = ""


class Answered(msgspec.Struct):
    """What it reads of the answer to a heartbeat on the channel."""

    number: int
    told: Told | None = None


class Registered(msgspec.Struct):
    """What it reads of a registration's answer."""

    assignment: Told


@dataclass(slots=True)
class Worker:
    """One machine: who it is, what it was told to run, and its channel."""

    identity: Identity
    key: Ed25519PrivateKey
    issuer: TokenIssuer
    told: Told = field(default_factory=Told)
    line: Channel | None = None
    call: Call | None = None  # its last connection for requests
    beats: int = 0  # that went by the channel
    answered: asyncio.Future[bytes] | None = None  # the last of these
    gone: bool = False
    begun: float = 0.0  # when its registration began, until it was told what to run


def worker_of(identity: Identity) -> Worker:
    key = Ed25519PrivateKey.from_private_bytes(b64decode(identity.key))
    return Worker(identity, key, TokenIssuer(key, identity.worker_id, identity.credential, time.time))


@dataclass(frozen=True, slots=True)
class Speech:
    """Makes the requests to one coordinator, for workers that are asked at this port of loopback."""

    coordinator_id: str
    host: str  # and port, as in a URL
    upstream: int

    def register(self, worker: Worker) -> bytes:
        number = int(worker.identity.worker_id.rpartition("-")[2])
        able = Capabilities(
            worker_type="cpu",
            os="Windows 11",
            architecture="AMD64",
            cpu_name="AMD Ryzen 5 5600G with Radeon Graphics",
            cpu_cores=4 + number % 5,
            cpu_threads=8 + 2 * (number % 5),
            ram_bytes=(8 + 8 * (number % 3)) * GIB,
            ram_free_bytes=4 * GIB,
            disk_free_bytes=(20 + number % 60) * GIB,
            version="1.0.0",
        )
        ends = Endpoints(port=self.upstream, direct_hosts=("127.0.0.1",))
        body = RegisterRequest(worker_id=worker.identity.worker_id, capabilities=able, endpoints=ends)
        return self._post("register", worker, msgspec.json.encode(body), signed=True)

    def heartbeat(self, worker: Worker, load: float) -> bytes:
        return self._post("heartbeat", worker, msgspec.json.encode(self._beat(worker, load)))

    def beat(self, worker: Worker, load: float) -> bytes:
        """Return a heartbeat as it goes by the channel."""
        return msgspec.json.encode(channel.Beat(number=worker.beats, heartbeat=self._beat(worker, load)))

    def _beat(self, worker: Worker, load: float) -> HeartbeatRequest:
        reports = tuple(ServiceReport(name=name, state="running") for name in worker.told.services)
        return HeartbeatRequest(
            worker_id=worker.identity.worker_id,
            load=round(load, 3),
            services=reports,
            stats=STATS,
            catalogue_version=worker.told.catalogue_version,
            blocklist_version=worker.told.blocklist_version,
        )

    def leave(self, worker: Worker) -> bytes:
        body = msgspec.json.encode({"worker_id": worker.identity.worker_id})
        return self._post("leave", worker, body, signed=True)

    def channel(self, worker: Worker) -> bytes:
        token = worker.issuer.issue(self.coordinator_id, anew=True)
        signature = sign_request(worker.key, "channel", token, b"", secrets.token_urlsafe(12))
        lines = f"Authorization: Bearer {token}\r\n{SIGNATURE}: {signature}\r\n{channel.RELAY}: {OFFERED}\r\n"
        lines += f"Sec-WebSocket-Protocol: {channel.BEATS}\r\n"
        return upgrade(channel.PATH, self.host, lines)

    def service(self, name: str, key: str) -> bytes:
        return (
            f"POST /service/{name} HTTP/1.1\r\nHost: {self.host}\r\nAuthorization: Bearer {key}\r\n"
            "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
        ).encode()

    def _post(self, what: str, worker: Worker, body: bytes, *, signed: bool = False) -> bytes:
        token, more = worker.issuer.issue(self.coordinator_id, anew=signed), ""
        if signed:
            wanted: What = "register" if what == "register" else "leave"
            more = f"{SIGNATURE}: {sign_request(worker.key, wanted, token, body, secrets.token_urlsafe(12))}\r\n"
        head = (
            f"POST /api/worker/{what} HTTP/1.1\r\nHost: {self.host}\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {token}\r\n{more}Accept: */*\r\nAccept-Encoding: gzip, deflate\r\n"
            f"User-Agent: bench\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body
