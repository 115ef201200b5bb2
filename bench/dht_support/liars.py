"""Members that lie, all of them together: they lead everybody to one another or to nobody, and keep nothing."""

from __future__ import annotations

import random
from collections.abc import Callable

from kademlia.node import Node

from bench.dht_support.population import Population
from node.dht import messages
from node.dht.messages import (
    Address,
    FindNode,
    FindValue,
    Found,
    Ping,
    Pong,
    Proof,
    Request,
    Response,
    Store,
    Stored,
)

TOLD = 20  # contacts in an answer, as an honest node tells
MADE_UP = 5  # of them that every other liar makes up
NEARER = 1 << 24  # how many times nearer to the key than a friend a made-up contact is


class Liars:
    """What every liar answers: the liars nearest to the key, and half of them also contacts made up to be nearer.

    The first kind leads lookups astray most surely, the second costs them most time. None tells an entry, and all
    say that they have kept what they were given. Their ids are proved: no liar can choose a place of its own.
    """

    def __init__(
        self, friends: Population, mesh_tag: bytes, prove: Callable[[Address], Proof], rng: random.Random
    ) -> None:
        self._friends = friends
        self._mesh_tag = mesh_tag
        self._prove = prove
        self._rng = rng

    def answer(self, liar: Node, data: bytes, source: Address) -> bytes | None:
        """Return the datagram that a liar sends back to a request, and nothing to anything else."""
        if data[:1] != messages.REQUEST:
            return None
        message_id, request = messages.decode(data, self._mesh_tag)
        assert not isinstance(request, Response)
        proof = self._prove(source) if request.prove else None
        return messages.encode(messages.RESPONSE, message_id, self._mesh_tag, self._lie(liar, request, proof))

    def _lie(self, liar: Node, request: Request, proof: Proof | None) -> Response:
        match request:
            case Ping():
                return Pong(liar.id, proof)
            case FindNode() | FindValue():
                return Found(liar.id, messages.to_wire(self._contacts(liar, request.key)), proof=proof)
            case Store():
                return Stored(liar.id, len(request.entries), proof=proof)

    def _contacts(self, liar: Node, key: bytes) -> list[Node]:
        target = int.from_bytes(key, "big")
        made_up = MADE_UP if liar.id[0] % 2 else 0
        friends = self._friends.nearest(target, TOLD + 1 - made_up)
        told = [friend for friend in friends if friend.id != liar.id]
        reach = max(1, (friends[0].long_id ^ target) // NEARER) if friends else 1
        nobody = (target ^ self._rng.randrange(1, reach + 1) for _ in range(made_up))
        return told[: TOLD - made_up] + [
            Node(number.to_bytes(20, "big"), self._address(), 8468) for number in nobody
        ]

    def _address(self) -> str:
        """Return an address where nobody lives."""
        return f"11.{self._rng.randrange(256)}.{self._rng.randrange(256)}.{self._rng.randrange(1, 255)}"
