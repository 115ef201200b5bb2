"""What a node answers to each request, in the room that there is for it."""

from __future__ import annotations

from kademlia.node import Node

from node.dht.messages import (
    BARE_BYTES,
    CONTACT_BYTES,
    PROOF_BYTES,
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
    WireContact,
    contact_bytes,
    fitting,
    to_wire,
)
from node.dht.proofs import Prover
from node.dht.stats import Counters
from node.dht.storage import MergingStorage
from node.dht.table import ContactTable
from node.dht.verifier import RecordError

ENTRIES_PER_TOKEN = 64  # looked through for an answer in about the time that another request takes


class Answerer:
    """Answers in the name of one node; contacts that have not proved themselves are never told."""

    def __init__(
        self, node_id: bytes, table: ContactTable, storage: MergingStorage, prover: Prover, counters: Counters
    ) -> None:
        self._node_id = node_id
        self._table = table
        self._storage = storage
        self._prover = prover
        self._counters = counters

    def cost(self, request: Request) -> int:
        """Return what a request costs beyond a ping, in tokens of `limits`: about a tenth of a millisecond each.

        An entry that is to be stored costs an Ed25519 verification, whether it is any good or not.
        """
        match request:
            case Store():
                return max(0, len(request.entries) - 1)
            case FindValue():
                return self._storage.count(request.key) // ENTRIES_PER_TOKEN
        return 0

    def answer(self, request: Request, source: Node, message_id: bytes, room: int) -> Response:
        """Return an answer of at most `room` bytes as a datagram, with a proof where one was asked for and fits."""
        room -= BARE_BYTES
        proof = None
        if request.prove and room >= PROOF_BYTES:
            proof = self._prover.prove(message_id, (source.ip, source.port))
            room -= PROOF_BYTES
        match request:
            case Ping():
                return Pong(self._node_id, proof)
            case FindNode():
                return Found(self._node_id, self._neighbours(source, request.key, room), proof=proof)
            case FindValue():
                return self._find_value(source, request, room, proof)
            case Store():
                return self._store(request, proof)

    def _find_value(self, source: Node, request: FindValue, room: int, proof: Proof | None) -> Found:
        """Return a sample of the entries, those first that are news, and contacts in the room that they leave."""
        key = request.key
        bundle = self._storage.bundle(key, room - 2 * CONTACT_BYTES, frozenset(request.known))
        if bundle is None:
            return Found(self._node_id, self._neighbours(source, key, room), proof=proof)
        left = room - sum(len(data) + 3 for data in bundle.entries)
        return Found(self._node_id, self._neighbours(source, key, left), bundle.total, bundle.entries, proof)

    def _store(self, request: Store, proof: Proof | None) -> Stored:
        """Keep the entries that count; say how many, and why not the others."""
        kept, reason = 0, ""
        for data in request.entries:
            try:
                self._storage.put(request.key, data)
            except RecordError as error:
                self._counters.rejected[error.reason] += 1
                reason = error.reason
            else:
                self._counters.stored += 1
                kept += 1
        return Stored(self._node_id, kept, reason, proof)

    def _neighbours(self, source: Node, key: bytes, room: int) -> tuple[WireContact, ...]:
        if room <= 0:
            return ()
        nodes = self._table.find_neighbors(Node(key), exclude=source, trusted=True)
        contacts = to_wire(node for node in nodes if self._prover.is_proved(node.id, (node.ip, node.port)))
        return tuple(fitting(contacts, map(contact_bytes, contacts), room))
