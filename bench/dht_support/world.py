"""A network in memory: members with addresses, datagrams that take time and get lost, and nodes made when needed.

The nodes are the real ones, from the datagram upwards. Stood in for are the sockets, the clock, and the two costly
signatures of a proof of id: a proof counts here when its sender really has that id and address, which is what the
signatures show. Sizes are those of real proofs.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any

from kademlia.node import Node

from bench.dht_support.liars import Liars
from bench.dht_support.population import Population
from node.dht.messages import MESH_TAG_BYTES, Address, Proof
from node.dht.proofs import ProofError, pack_address
from node.dht.protocol import MeshProtocol
from node.dht.records import KEY_BYTES
from node.dht.server import MeshServer
from node.dht.settings import DhtSettings
from node.dht.stats import Counters
from node.dht.storage import MergingStorage
from node.dht.verifier import RecordError, RecordVerifier
from node.wire.credentials import SIGNATURE_BYTES, Credential

PORT = 8468
EPOCH = 1_800_000_000.0  # Unix seconds at which a simulated clock begins
MESH_TAG = b"mesh"[:MESH_TAG_BYTES]


@dataclass(frozen=True, slots=True)
class Weather:
    """What the network does to datagrams: the seconds that one takes, from and to, and the share that is lost."""

    quickest: float = 0.005
    slowest: float = 0.06
    loss: float = 0.01


@dataclass(eq=False, slots=True)
class Member:
    """Somebody in the mesh. A founder has been there for long; whoever is no liar gets a server once spoken to."""

    node: Node
    is_liar: bool
    is_founder: bool
    place: int = 0  # in the world's list of the honest
    server: MeshServer | None = None
    counters: Counters = field(default_factory=Counters)

    @property
    def address(self) -> Address:
        return self.node.ip, self.node.port


class MemoryTransport(asyncio.DatagramTransport):
    """The socket of one member."""

    def __init__(self, world: World, address: Address, protocol: MeshProtocol) -> None:
        super().__init__({"sockname": address})
        self._world = world
        self._address = address
        self._protocol = protocol
        self._is_closing = False

    def sendto(self, data: Any, addr: Any = None) -> None:
        self._world.send(bytes(data), self._address, addr)

    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        if not self._is_closing:
            self._is_closing = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)


class Register:
    """A prover whose proofs are true when the world's list of members says so."""

    def __init__(self, world: World, member: Member) -> None:
        self._world = world
        self._member = member
        self._proved: set[tuple[bytes, Address]] = set()

    def prove(self, message_id: bytes, seen: Address) -> Proof:  # noqa: ARG002 - the signature would be over it
        return proof(seen)

    def check(
        self,
        node_id: bytes,
        address: Address,
        message_id: bytes,  # noqa: ARG002
        proof: Proof,  # noqa: ARG002
        own_address: Address | None,  # noqa: ARG002
    ) -> Credential:
        member = self._world.living.get(address)
        if member is None or member.node.id != node_id:
            raise ProofError("nobody of this id lives there")
        self._proved.add((node_id, address))
        return self._world.credential

    def is_proved(self, node_id: bytes, address: Address) -> bool:
        """Tell whether it has been proved; founders have known one another for long."""
        if (node_id, address) in self._proved:
            return True
        server = self._member.server
        if server is None or server.protocol is None:
            return False
        known = server.protocol.router.known(node_id)
        return known is not None and (known.ip, known.port) == address


def proof(seen: Address) -> Proof:
    return Proof(bytes(172), pack_address(seen), bytes(SIGNATURE_BYTES))


class World:
    """All members, the network between them, and what liars agree on."""

    def __init__(
        self,
        count: int,
        liars: float,
        *,
        rng: random.Random,
        verifier: RecordVerifier,
        credential: Credential,
        settings: DhtSettings,
        weather: Weather,
    ) -> None:
        self.rng = rng
        self.credential = credential
        self.living: dict[Address, Member] = {}
        self.honest: list[Member] = []
        self.made = 0
        self.datagrams = 0
        self._born = 0
        self._loop = asyncio.get_running_loop()
        self._verifier = verifier
        self._settings = settings
        self._weather = weather
        members = [self.born(is_liar=number < liars * count, is_founder=True) for number in range(count)]
        self._founders = Population([member.node for member in members])
        friends = Population([member.node for member in members if member.is_liar])
        self._liars = Liars(friends, MESH_TAG, proof, rng)

    def clock(self) -> float:
        return EPOCH + self._loop.time()

    def born(self, *, is_liar: bool = False, is_founder: bool = False) -> Member:
        """Add a member with an id and an address that nobody ever had."""
        number = self._born = self._born + 1
        host = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        member = Member(Node(self.rng.randbytes(KEY_BYTES), host, PORT), is_liar, is_founder)
        self.living[member.address] = member
        if not is_liar:
            member.place = len(self.honest)
            self.honest.append(member)
        return member

    async def die(self, member: Member) -> None:
        """Remove an honest member without a word."""
        del self.living[member.address]
        last = self.honest.pop()
        if last is not member:
            self.honest[member.place], last.place = last, member.place
        if member.server is not None:
            server, member.server = member.server, None
            await server.stop()

    def nearest(self, target: bytes, count: int) -> list[Node]:
        """Return the founders nearest to a key."""
        return self._founders.nearest(int.from_bytes(target, "big"), count)

    def send(self, data: bytes, source: Address, target: Address) -> None:
        """Carry a datagram: it takes its time, and may be lost."""
        self.datagrams += 1
        weather = self._weather
        if self.rng.random() >= weather.loss:
            delay = self.rng.uniform(weather.quickest, weather.slowest)
            self._loop.call_later(delay, self._arrive, data, source, target)

    def _arrive(self, data: bytes, source: Address, target: Address) -> None:
        member = self.living.get(target)
        if member is None:
            return
        if member.is_liar:
            answer = self._liars.answer(member.node, data, source)
            if answer is not None:
                self.send(answer, target, source)
            return
        protocol = self.server_of(member).protocol
        assert protocol is not None
        protocol.datagram_received(data, source)

    def server_of(self, member: Member) -> MeshServer:
        """Return a member's server, made now where nobody has spoken to it yet."""
        if member.server is None:
            member.server = self._make_server(member)
            self.made += 1
        return member.server

    def _make_server(self, member: Member) -> MeshServer:
        storage = MergingStorage(self._verifier, self.clock, self._settings.caps, self.rng, _forget)
        server = MeshServer(
            node_id=member.node.id,
            mesh_tag=MESH_TAG,
            storage=storage,
            verifier=self._verifier,
            settings=self._settings,
            counters=member.counters,
            clock=self.clock,
            on_contact=_nothing,
            prover=Register(self, member),
        )
        protocol: MeshProtocol = server._create_protocol()
        server.protocol = protocol
        protocol.connection_made(MemoryTransport(self, member.address, protocol))
        if member.is_founder:
            self._founders.fill(protocol.router, self.rng)
        return server


def _forget(_error: RecordError) -> None:
    """Count nothing: the member's counters are for its lookups."""


def _nothing() -> None:
    """Have no joiner that would hear of a contact."""
