"""One UDP socket: answers other nodes, asks them, and learns from both who is alive.

A response counts only from the address that was asked and only in the form that the request calls for. Whoever
answers is a contact; whoever only asks is pinged first, because a sender's address can be forged. What is asked
is a plain future that ends with the answer or, after the time limit, with None: it may be left alone at any time.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kademlia.node import Node
from kademlia.protocol import KademliaProtocol

from node.dht import messages
from node.dht.messages import (
    CONTACT_BYTES,
    ENTRY_ROOM,
    ENVELOPE_BYTES,
    MAX_DATAGRAM,
    Address,
    FindNode,
    FindValue,
    Found,
    Ping,
    Pong,
    Request,
    Response,
    Store,
    Stored,
)
from node.dht.stats import Counters
from node.dht.storage import MergingStorage
from node.dht.table import ContactTable
from node.dht.verifier import RecordError
from node.program.tasks import TaskSet

log = logging.getLogger(__name__)

Answer = asyncio.Future[Response | None]
MOST_OUTSTANDING = 4096  # requests under way; more are failed at once, except for the few pings
MOST_CHECKS = 64  # unknown senders that are being pinged at a time


@dataclass(slots=True)
class Outstanding:
    """A request under way: whom it went to (`node` where it is known who that is) and what may come back."""

    answer: Answer
    timer: asyncio.TimerHandle
    address: Address
    node: Node | None
    expects: type[Response]


class MeshProtocol(KademliaProtocol):  # type: ignore[misc]  # the package has no types
    """Kademlia's four messages, typed and bounded; `on_contact` hears of every new contact."""

    router: ContactTable
    storage: MergingStorage
    source_node: Node

    def __init__(
        self,
        source_node: Node,
        storage: MergingStorage,
        ksize: int,
        *,
        mesh_tag: bytes,
        rpc_timeout: float,
        counters: Counters,
        on_contact: Callable[[Node], None],
    ) -> None:
        super().__init__(source_node, storage, ksize)
        self.router = ContactTable(source_node, ksize)
        self.closed = asyncio.get_running_loop().create_future()
        self._mesh_tag = mesh_tag
        self._wait_timeout = rpc_timeout
        self._counters = counters
        self._on_contact = on_contact
        self._outstanding: dict[bytes, Outstanding] = {}
        self._checks: set[bytes] = set()
        self._tasks = TaskSet("dht")
        self._family_bytes = 4

    def __getattr__(self, name: str) -> Any:
        """Refuse the package's magic, in which every unknown name is a remote call."""
        raise AttributeError(name)

    # --- the socket -----------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self.transport = transport
        host = transport.get_extra_info("sockname")[0]
        self.port: int = transport.get_extra_info("sockname")[1]
        self._family_bytes = len(ipaddress.ip_address(host.partition("%")[0]).packed)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        for outstanding in self._outstanding.values():
            outstanding.timer.cancel()
            _finish(outstanding.answer, None)
        self._outstanding.clear()
        if not self.closed.done():
            self.closed.set_result(None)

    async def stop(self) -> None:
        """Close the socket and end everything under way."""
        await self._tasks.stop()
        self.transport.close()
        await self.closed

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        self._counters.bytes_received += len(data)
        try:
            message_id, message = messages.decode(data, self._mesh_tag)
        except messages.ForeignError:
            self._counters.foreign += 1
            return
        except messages.MalformedError:
            self._counters.malformed += 1
            return
        address = (addr[0].partition("%")[0], addr[1])
        if isinstance(message, Request):
            self._accept_request(message_id, message, address)
        else:
            self._accept_response(message_id, message, address)

    # --- answering ------------------------------------------------------------------------------------------------

    def _accept_request(self, message_id: bytes, request: Request, address: Address) -> None:
        self._counters.rpc_served += 1
        source = Node(request.sender, *address)
        self._send(messages.RESPONSE, message_id, self._answer(request, source), address)
        self.welcome_if_new(source)

    def _answer(self, request: Request, source: Node) -> Response:
        match request:
            case Ping():
                return Pong(self.source_node.id)
            case FindNode():
                return self.rpc_find_node(source, request.key)
            case FindValue():
                return self.rpc_find_value(source, request.key)
            case Store():
                return self.rpc_store(request.key, request.entries)

    def rpc_find_node(self, source: Node, key: bytes) -> Found:
        return Found(self.source_node.id, self._neighbours(source, key, MAX_DATAGRAM - ENVELOPE_BYTES))

    def rpc_find_value(self, source: Node, key: bytes) -> Found:
        """Answer with a sample of the entries, and with contacts in the room that they leave."""
        bundle = self.storage.bundle(key, ENTRY_ROOM)
        if bundle is None:
            return self.rpc_find_node(source, key)
        left = MAX_DATAGRAM - ENVELOPE_BYTES - sum(len(data) + 3 for data in bundle.entries)
        return Found(self.source_node.id, self._neighbours(source, key, left), bundle.total, bundle.entries)

    def rpc_store(self, key: bytes, entries: tuple[bytes, ...]) -> Stored:
        """Keep the entries that count; say how many, and why not the others."""
        kept, reason = 0, ""
        for data in entries:
            try:
                self.storage.put(key, data)
            except RecordError as error:
                self._counters.rejected[error.reason] += 1
                reason = error.reason
            else:
                self._counters.stored += 1
                kept += 1
        return Stored(self.source_node.id, kept, reason)

    def _neighbours(self, source: Node, key: bytes, room: int) -> tuple[messages.WireContact, ...]:
        most = min(self.router.ksize, messages.MAX_CONTACTS, room // CONTACT_BYTES)
        if most <= 0:
            return ()
        return messages.to_wire(self.router.find_neighbors(Node(key), most, exclude=source, trusted=True))

    # --- asking ---------------------------------------------------------------------------------------------------

    def ask(self, request: Request, address: Address, node: Node | None = None) -> Answer:
        """Send a request; the future ends with the answer, or with None when none came in time."""
        loop = asyncio.get_running_loop()
        answer: Answer = loop.create_future()
        overloaded = len(self._outstanding) >= MOST_OUTSTANDING and not isinstance(request, Ping)
        if self.closed.done() or self.transport.is_closing() or overloaded:
            answer.set_result(None)
            return answer
        message_id = os.urandom(messages.ID_BYTES)
        timer = loop.call_later(self._wait_timeout, self._timeout, message_id)
        expects = messages.ANSWERS[type(request)]
        self._outstanding[message_id] = Outstanding(answer, timer, address, node, expects)
        self._counters.rpc_sent += 1
        self._send(messages.REQUEST, message_id, request, address)
        return answer

    def call_ping(self, node_to_ask: Node) -> Answer:
        return self.ask(Ping(self.source_node.id), _address(node_to_ask), node_to_ask)

    def call_find_node(self, node_to_ask: Node, node_to_find: Node) -> Answer:
        request = FindNode(self.source_node.id, node_to_find.id)
        return self.ask(request, _address(node_to_ask), node_to_ask)

    def call_find_value(self, node_to_ask: Node, node_to_find: Node) -> Answer:
        request = FindValue(self.source_node.id, node_to_find.id)
        return self.ask(request, _address(node_to_ask), node_to_ask)

    def call_store(self, node_to_ask: Node, key: bytes, value: tuple[bytes, ...]) -> Answer:
        """Ask a node to keep entries, which must fit into one datagram."""
        return self.ask(Store(self.source_node.id, key, value), _address(node_to_ask), node_to_ask)

    def reachable(self, contacts: tuple[messages.WireContact, ...]) -> list[Node]:
        """Return the contacts that this socket can reach, without ourselves."""
        nodes = messages.from_wire(contacts, self._family_bytes)
        return [node for node in nodes if node.id != self.source_node.id]

    def _send(self, kind: bytes, message_id: bytes, message: Request | Response, address: Address) -> None:
        data = messages.encode(kind, message_id, self._mesh_tag, message)
        self._counters.bytes_sent += len(data)
        try:
            self.transport.sendto(data, address)
        except (OSError, ValueError) as error:  # an address that this socket cannot send to
            log.debug("cannot send to %s: %s", address, error)

    def _accept_response(self, message_id: bytes, response: Response, address: Address) -> None:
        outstanding = self._outstanding.get(message_id)
        if outstanding is None or outstanding.address != address or not isinstance(response, outstanding.expects):
            self._counters.unsolicited += 1
            return
        del self._outstanding[message_id]
        outstanding.timer.cancel()
        if outstanding.node is not None and outstanding.node.id != response.sender:
            self.router.remove_contact(outstanding.node)  # another node lives at its address now
        self._answered(Node(response.sender, *address))
        _finish(outstanding.answer, response)

    def _timeout(self, message_id: bytes) -> None:
        outstanding = self._outstanding.pop(message_id)
        self._counters.rpc_failed += 1
        if outstanding.node is not None:
            self._missed(outstanding.node, is_ping=outstanding.expects is Pong)
        _finish(outstanding.answer, None)

    # --- who is alive ---------------------------------------------------------------------------------------------

    def welcome_if_new(self, node: Node) -> None:
        """Look at whoever asked us: an unknown sender, or a known one at another address, is pinged first."""
        known = self.router.known(node.id)
        if node.id == self.source_node.id or (known is not None and known.same_home_as(node)):
            return
        if node.id not in self._checks and len(self._checks) < MOST_CHECKS:
            self._checks.add(node.id)
            self._tasks.start(self._check(node, known), "check")

    def _missed(self, node: Node, *, is_ping: bool) -> None:
        """Ping a contact that did not answer; while such pings are under way, other lost messages say no more."""
        if (is_ping or node.id not in self.router.suspects) and self.router.missed(node):
            self.call_ping(node)

    async def _check(self, claimed: Node, known: Node | None) -> None:
        """Make the claimed contact answer for itself; one that still answers at its old address stays there."""
        try:
            if known is not None:
                if _is_from(await self.call_ping(known), known):
                    return
                self.router.remove_contact(known)
            await self.call_ping(claimed)
        finally:
            self._checks.discard(claimed.id)

    def _answered(self, node: Node) -> None:
        if node.id == self.source_node.id:
            return
        known = self.router.known(node.id)
        if known is not None and not known.same_home_as(node):
            self.welcome_if_new(node)
            return
        to_ping = self.router.add_contact(node)
        if to_ping is not None:
            self.call_ping(to_ping)
        elif known is None:
            self._on_contact(node)


def _address(node: Node) -> Address:
    return node.ip, node.port


def _is_from(response: Response | None, node: Node) -> bool:
    return response is not None and response.sender == node.id


def _finish(answer: Answer, response: Response | None) -> None:
    if not answer.done():
        answer.set_result(response)
