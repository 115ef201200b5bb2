"""What attackers are made of: nodes of real members that lie, taps on what a node sends, and victims that count."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from kademlia.node import Node

from node.dht import messages
from node.dht.messages import Address, Response, Stored
from node.dht.node import DhtNode
from node.dht.protocol import MeshProtocol
from node.dht.storage import Bundle

LOOPBACK = "127.0.0.1"


def protocol_of(node: DhtNode) -> MeshProtocol:
    """Return a running node's own protocol: an attacker uses what his node has."""
    protocol = node._server.protocol
    assert protocol is not None
    return protocol


def as_contact(node: DhtNode) -> Node:
    return Node(node.id, LOOPBACK, node.port)


async def store(attacker: DhtNode, victim: DhtNode, key: bytes, *entries: bytes) -> Stored:
    """Store entries with a node as that member's node would; return what it said."""
    async with asyncio.timeout(20):
        while True:
            answer = await protocol_of(attacker).call_store(as_contact(victim), key, entries)
            if isinstance(answer, Stored):
                return answer


def tell_entries(liar: DhtNode, entries: Sequence[bytes], total: int = 99) -> None:
    """Let a node answer every question for entries with these, another one first each time, as many as fit."""
    turns = itertools.count()

    def bundle(_key: bytes, room: int, _known: object = ()) -> Bundle:
        first = next(turns) % len(entries)
        told = []
        for entry in (*entries[first:], *entries[:first]):
            if len(entry) + 3 <= room:
                room -= len(entry) + 3
                told.append(entry)
        return Bundle(total, tuple(told))

    liar._storage.bundle = bundle  # type: ignore[method-assign, assignment]


def tell_contacts(liar: DhtNode, addresses: Sequence[Address], rng: random.Random) -> None:
    """Let a node answer every question with contacts next to the key that are said to live at these addresses."""
    endless = itertools.cycle(addresses)

    def neighbours(_source: Node, key: bytes, room: int) -> tuple[messages.WireContact, ...]:
        most = min(room // messages.CONTACT_BYTES, messages.MAX_CONTACTS)
        return messages.to_wire(Node(key[:12] + rng.randbytes(8), *next(endless)) for _ in range(most))

    protocol_of(liar)._answerer._neighbours = neighbours  # type: ignore[method-assign, assignment]


def answer_otherwise(liar: DhtNode, change: Callable[[Response], Response]) -> None:
    """Let a node change every answer that it gives."""
    answerer = protocol_of(liar)._answerer
    honest = answerer.answer

    def answer(*args: Any) -> Response:
        return change(honest(*args))

    answerer.answer = answer  # type: ignore[method-assign, assignment]


class Tap:
    """Sits between a node and its socket: shows every datagram to `look` before it is sent."""

    def __init__(self, node: DhtNode, look: Callable[[bytes, Address], None]) -> None:
        protocol = protocol_of(node)
        self._transport = protocol.transport
        self._look = look
        protocol.transport = self  # type: ignore[assignment]  # it does all that is asked of a transport

    def sendto(self, data: bytes, address: Address) -> None:
        self._look(data, address)
        self._transport.sendto(data, address)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Victim(asyncio.DatagramProtocol):
    """Somebody who has nothing to do with the mesh and counts what hits him."""

    def __init__(self) -> None:
        self.datagrams = 0
        self.bytes = 0

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.address: Address = transport.get_extra_info("sockname")

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        self.datagrams += 1
        self.bytes += len(data)


@contextlib.asynccontextmanager
async def victims(count: int) -> AsyncIterator[list[Victim]]:
    """Open sockets of victims on loopback, and close them in the end."""
    loop = asyncio.get_running_loop()
    async with contextlib.AsyncExitStack() as closing:
        opened = []
        for _ in range(count):
            transport, victim = await loop.create_datagram_endpoint(Victim, local_addr=(LOOPBACK, 0))
            closing.callback(transport.close)
            opened.append(victim)
        yield opened
