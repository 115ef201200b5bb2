"""A little mesh for DHT tests: its key, its members, real nodes on loopback, and waiting with a deadline."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Container
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.dht import messages, records
from node.dht.messages import Address, Pong, Proof, Request, Response
from node.dht.node import DhtNode
from node.dht.proofs import make_proof, node_id_of
from node.dht.records import Body, Kind
from node.dht.settings import DhtSettings
from node.wire import credentials
from node.wire.credentials import Credential, Role
from node.wire.encoding import b64decode, fingerprint
from node.wire.messages import CoordinatorInfo, Endpoints, WorkerRecord

QUICK = DhtSettings(rpc_timeout=0.3, republish=0.8, entry_ttl=3.0, rejoin_first=0.05, rejoin_longest=0.5)
DEADLINE = 20.0  # seconds, far more than anything here takes


class Clock:
    """A clock that a test moves."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Member:
    """Somebody with an identity key, a credential of a mesh and the DHT id that follows from both."""

    def __init__(
        self,
        mesh: Mesh,
        subject: str,
        role: Role = "worker",
        life: float = 7 * 86400,
        identity: Ed25519PrivateKey | None = None,
    ) -> None:
        self.mesh = mesh
        self.subject = subject
        self.role: Role = role
        self.identity = identity or Ed25519PrivateKey.generate()
        self.renew(life)

    def renew(self, life: float) -> None:
        """Get a new credential; the id stays the same."""
        key, now = self.identity.public_key().public_bytes_raw(), int(self.mesh.clock())
        credential = Credential(
            version=1,
            mesh_id=fingerprint(self.mesh.key.public_key().public_bytes_raw()),
            subject=self.subject,
            role=self.role,
            public_key=key,
            trust="volunteer",
            place=credentials.place_of(key, self.mesh.key),
            issued_at=now,
            expires_at=int(now + life),
        )
        self.credential = credentials.issue(credential, self.mesh.key)
        self.id = node_id_of(credential)

    def proof(self, message_id: bytes, seen: Address) -> Proof:
        """Prove the id to the sender of a request, which was seen to come from an address."""
        return make_proof(self.identity, b64decode(self.credential), message_id, seen)

    def entry(
        self,
        kind: Kind = Kind.SERVICE,
        name: str = "ocr",
        *,
        record: WorkerRecord | None = None,
        payload: bytes | None = None,
        age: float = 0.0,
        life: float = 180.0,
        credential: bytes | None = None,
        signer: Ed25519PrivateKey | None = None,
    ) -> bytes:
        """Return a signed entry, `age` seconds old; what is given instead of its own makes it a bad one."""
        made_at = self.mesh.clock() - age
        proof = b64decode(self.credential) if credential is None else credential
        if payload is None:
            record = record or worker(self.subject)
            make = records.service_payload if kind is Kind.SERVICE else records.worker_payload
            payload = make(record, 900)
        body = Body(kind, name, int(made_at * 1000), int(made_at + life), payload, proof)
        return records.sign(body, signer or self.identity)


class RawPeer(asyncio.DatagramProtocol):
    """A bare UDP socket of somebody who sends what he likes and keeps what he gets."""

    def __init__(self, mesh: Mesh) -> None:
        self.tag = fingerprint(mesh.key.public_key().public_bytes_raw())[: messages.MESH_TAG_BYTES]
        self.got: asyncio.Queue[tuple[bytes, Address]] = asyncio.Queue()

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport
        self.port: int = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self.got.put_nowait((data, addr))

    def send(self, node: DhtNode, data: bytes) -> None:
        self.transport.sendto(data, ("127.0.0.1", node.port))

    def request(self, node: DhtNode, request: Request, message_id: bytes = b"i" * messages.ID_BYTES) -> None:
        self.send(node, messages.encode(messages.REQUEST, message_id, self.tag, request))

    def respond(self, node: DhtNode, message_id: bytes, response: Response) -> None:
        self.send(node, messages.encode(messages.RESPONSE, message_id, self.tag, response))

    def pong(self, node: DhtNode, message_id: bytes, member: Member) -> None:
        """Answer a ping in a member's name, with a good proof."""
        self.respond(node, message_id, Pong(member.id, member.proof(message_id, ("127.0.0.1", node.port))))

    async def receive(self, kind: bytes) -> tuple[bytes, Request | Response]:
        """Return id and message of the next request or response."""
        data = await self.receive_datagram(kind)
        return messages.decode(data, self.tag)

    async def receive_datagram(self, kind: bytes) -> bytes:
        async with asyncio.timeout(DEADLINE):
            while True:
                data, _ = await self.got.get()
                if data[:1] == kind:
                    return data

    async def answer(self, node: DhtNode) -> Request | Response:
        return (await self.receive(messages.RESPONSE))[1]


@contextlib.asynccontextmanager
async def raw_peer(mesh: Mesh) -> AsyncIterator[RawPeer]:
    """Open a raw peer on loopback, and close it in the end."""
    loop = asyncio.get_running_loop()
    transport, peer = await loop.create_datagram_endpoint(lambda: RawPeer(mesh), local_addr=("127.0.0.1", 0))
    try:
        yield peer
    finally:
        transport.close()


class Mesh:
    """A mesh key and what it signs."""

    def __init__(self, clock: Callable[[], float] = time.time, key: Ed25519PrivateKey | None = None) -> None:
        self.clock = clock
        self.key = key or Ed25519PrivateKey.generate()

    def member(self, subject: str, role: Role = "worker", life: float = 7 * 86400) -> Member:
        return Member(self, subject, role, life)

    def node(
        self,
        member: Member | str,
        *,
        settings: DhtSettings = QUICK,
        contacts_file: Path | None = None,
        revoked: Container[str] = frozenset(),
    ) -> DhtNode:
        member = self.member(member) if isinstance(member, str) else member
        return DhtNode(
            identity=member.identity,
            mesh_public_key=self.key.public_key(),
            subject=member.subject,
            credential=member.credential,
            clock=self.clock,
            settings=settings,
            contacts_file=contacts_file,
            revoked=revoked,
        )

    @contextlib.asynccontextmanager
    async def running(self, *nodes: DhtNode) -> AsyncIterator[tuple[DhtNode, ...]]:
        """Start nodes on free ports, each but the first joining through the first; stop them all in the end."""
        try:
            for node in nodes:
                await node.start("127.0.0.1", 0)
                if node is not nodes[0]:
                    node.set_bootstrap([("127.0.0.1", nodes[0].port)])
            yield nodes
        finally:
            await asyncio.gather(*(node.stop() for node in nodes))


def worker(worker_id: str, *, port: int = 8000, load: float = 0.25) -> WorkerRecord:
    endpoints = Endpoints(port=port, dht_port=8468, vpn_ip="10.42.0.7", direct_hosts=("192.168.1.20", "127.0.0.1"))
    return WorkerRecord(worker_id=worker_id, endpoints=endpoints, load=load, in_flight=1)


def coordinator(coordinator_id: str) -> CoordinatorInfo:
    return CoordinatorInfo(
        id=coordinator_id, url="https://mesh.example.org", location="London", dht_host="127.0.0.1", dht_port=8468
    )


async def until(happened: Callable[[], object], what: str) -> None:
    """Wait until `happened()` is true; fail with `what` after the deadline."""
    try:
        async with asyncio.timeout(DEADLINE):
            while not happened():  # noqa: ASYNC110 - what is waited for is state, not an event
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"never happened: {what}") from None


async def found(node: DhtNode, service: str, *expected: str) -> None:
    """Wait until a node finds exactly these workers for a service."""
    names: set[str] = set()
    try:
        async with asyncio.timeout(DEADLINE):
            while names != set(expected):
                names = {record.worker_id for record in await node.find_service(service)}
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"{service} has {sorted(names)}, wanted {sorted(expected)}") from None
