"""One UDP socket: answers other nodes, asks them, and learns from both who is alive.

A response counts only from the address that was asked, only in the form that the request calls for, and only from
somebody who has proved the id that it bears (see `proofs`). Whoever answers so is a contact; whoever only asks is
pinged first, because a sender's address can be forged. What is asked is a plain future that ends with the answer
or, after the time limit, with None: it may be left alone at any time. Requests beyond a source's rate are dropped
unread, and what a request makes us send to its sender is, all together, at most three times as long as it was.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

import msgspec
from kademlia.node import Node
from kademlia.protocol import KademliaProtocol

from node.dht import messages
from node.dht.answering import Answerer
from node.dht.hearsay import Hearsay
from node.dht.limits import Limiter, RateLimits, is_loopback
from node.dht.messages import (
    MAX_DATAGRAM,
    MOST_TIMES,
    PROVE_BYTES,
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
)
from node.dht.newcomers import Newcomers
from node.dht.proofs import ProofError, Prover, seen_from
from node.dht.round_trips import RoundTrips
from node.dht.stats import Counters
from node.dht.storage import MergingStorage
from node.dht.table import ContactTable
from node.dht.wing import Wing
from node.program.tasks import TaskSet

log = logging.getLogger(__name__)

Answer = asyncio.Future[Response | None]
MOST_OUTSTANDING = 4096  # requests under way; more are failed at once, except for the few pings


@dataclass(slots=True)
class Outstanding:
    """A request under way: whom it went to (`node` where it is known who that is) and what may come back.

    `by_hearsay`: nobody at that address has proved yet to be this node. `late`: it counts as missed already, but
    an answer still tells that the peer lives, and how long it takes.
    """

    request: Request
    answer: Answer
    timer: asyncio.TimerHandle
    sent_at: float
    address: Address
    node: Node | None
    by_hearsay: bool
    late: bool = False

    @property
    def expects(self) -> type[Response]:
        return messages.ANSWERS[type(self.request)]

    def wants_more(self, response: Response) -> bool:
        """Whether there was no room for any entry beside the proof, which is not needed a second time."""
        return isinstance(response, Found) and self.request.prove and response.total > 0 and not response.entries


class MeshProtocol(KademliaProtocol):  # type: ignore[misc]  # the package has no types
    """Kademlia's four messages, typed, bounded and proved; `on_contact` hears of every new contact."""

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
        prover: Prover,
        patience: float = 0.2,
        limits: RateLimits | None = None,
    ) -> None:
        super().__init__(source_node, storage, ksize)
        self._loop = asyncio.get_running_loop()
        self.router = ContactTable(source_node, ksize, clock=self._loop.time)
        self.round_trips = RoundTrips(rpc_timeout, patience * rpc_timeout)
        self.closed = self._loop.create_future()
        self._mesh_tag = mesh_tag
        self._counters = counters
        self._on_contact = on_contact
        self._prover = prover
        self._answerer = Answerer(source_node.id, self.router, storage, prover, counters)
        self._limiter = Limiter(limits or RateLimits())
        self._outstanding: dict[bytes, Outstanding] = {}
        self._newcomers = Newcomers()
        self._hearsay = Hearsay()
        self._tasks = TaskSet("dht")
        self._family_bytes = 4
        self._bound: Address | None = None
        self._wing: Wing | None = None
        self.members_of: IPv4Network | None = None  # who alone is heard; None: everybody

    def __getattr__(self, name: str) -> Any:
        """Refuse the package's magic, in which every unknown name is a remote call."""
        raise AttributeError(name)

    # --- the socket -----------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self.transport = transport
        host: str = transport.get_extra_info("sockname")[0]
        self.port: int = transport.get_extra_info("sockname")[1]
        ip = ipaddress.ip_address(host.partition("%")[0])
        self._family_bytes = len(ip.packed)
        self._bound = None if ip.is_unspecified else (str(ip), self.port)

    @property
    def family_bytes(self) -> int:
        """How long the IP addresses are that this socket can reach: 4 or 16 bytes."""
        return self._family_bytes

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        for outstanding in self._outstanding.values():
            outstanding.timer.cancel()
            _finish(outstanding.answer, None)
        self._outstanding.clear()
        if not self.closed.done():
            self.closed.set_result(None)

    @property
    def is_everywhere(self) -> bool:
        """Whether the socket is bound to every address of this machine."""
        return self._bound is None

    async def use_wing(self, wing: Wing | None) -> None:
        """Reach a network by another socket from now on, in place of the one before; None: by ours alone."""
        before, self._wing = self._wing, wing
        if before is not None:
            await before.close()

    def _wing_to(self, address: Address) -> Wing | None:
        wing = self._wing
        return wing if wing is not None and wing.transport is not None and wing.reaches(address) else None

    async def stop(self) -> None:
        """Close the socket and end everything under way."""
        self.transport.close()  # first, or what still comes in starts new tasks
        await self.use_wing(None)
        await self._tasks.stop()
        await asyncio.shield(self.closed)  # whoever is cancelled here cancels nobody else's waiting

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        self._counters.bytes_received += len(data)
        address = (addr[0].partition("%")[0], addr[1])
        if self.members_of is not None and ipaddress.ip_address(address[0]) not in self.members_of:
            return
        if data[:1] == messages.RESPONSE:
            self._take_response(data, address)
        elif self._limiter.admits(address, self._loop.time()):
            self._take_request(data, address)
        else:
            self._counters.limited += 1

    def _decode(self, data: bytes) -> tuple[bytes, Request | Response] | None:
        try:
            return messages.decode(data, self._mesh_tag)
        except messages.ForeignError:
            self._counters.foreign += 1
        except messages.MalformedError:
            self._counters.malformed += 1
        return None

    def _send(self, kind: bytes, message_id: bytes, message: Request | Response, address: Address) -> None:
        data = messages.encode(kind, message_id, self._mesh_tag, message)
        self._counters.bytes_sent += len(data)
        wing = self._wing_to(address)
        transport = self.transport if wing is None or wing.transport is None else wing.transport
        try:
            transport.sendto(data, address)
        except (OSError, ValueError) as error:  # an address that this socket cannot send to
            log.debug("cannot send to %s: %s", address, error)

    # --- answering ------------------------------------------------------------------------------------------------

    def _take_request(self, data: bytes, address: Address) -> None:
        decoded = self._decode(data)
        if decoded is None:
            return
        message_id, request = decoded
        assert isinstance(request, Request), "its first byte says so"
        self._counters.rpc_served += 1
        self._limiter.charge(address, self._answerer.cost(request))
        source = Node(request.sender, *address)
        room = MOST_TIMES * len(data)
        welcome = self._is_news(source) and room >= PROVE_BYTES + messages.BARE_BYTES
        room = min(MAX_DATAGRAM, room - PROVE_BYTES if welcome else room)
        answer = self._answerer.answer(request, source, message_id, room)
        self._send(messages.RESPONSE, message_id, answer, address)
        if welcome:
            self.welcome_if_new(source)

    # --- asking ---------------------------------------------------------------------------------------------------

    def ask(self, request: Request, address: Address, node: Node | None = None) -> Answer:
        """Send a request; the future ends with the answer, or with None when none that counts came in time.

        Without `node`, whoever answers at the address counts, once he has proved who he is.
        """
        answer: Answer = self._loop.create_future()
        self._post(request, address, node, answer)
        return answer

    def _post(self, request: Request, address: Address, node: Node | None, answer: Answer) -> None:
        overloaded = len(self._outstanding) >= MOST_OUTSTANDING and not isinstance(request, Ping)
        if self.closed.done() or self.transport.is_closing() or overloaded:
            _finish(answer, None)
            return
        prove = node is None or not self._prover.is_proved(node.id, address)
        by_hearsay = node is not None and prove and not isinstance(request, Ping)
        if node is not None and by_hearsay:
            if not self._hearsay.may_ask(node.id, address, self._loop.time()):
                _finish(answer, None)
                return
            self._hearsay.asked(node.id, address)
        if prove != request.prove:
            request = msgspec.structs.replace(request, prove=prove)
        message_id = os.urandom(messages.ID_BYTES)
        timer = self._loop.call_later(self.round_trips.limit(address), self._timeout, message_id)
        self._outstanding[message_id] = Outstanding(
            request, answer, timer, self._loop.time(), address, node, by_hearsay
        )
        self._counters.rpc_sent += 1
        self._send(messages.REQUEST, message_id, request, address)

    def call_ping(self, node_to_ask: Node) -> Answer:
        return self.ask(Ping(self.source_node.id), _address(node_to_ask), node_to_ask)

    def call_find_node(self, node_to_ask: Node, node_to_find: Node) -> Answer:
        request = FindNode(self.source_node.id, node_to_find.id)
        return self.ask(request, _address(node_to_ask), node_to_ask)

    def call_find_value(self, node_to_ask: Node, node_to_find: Node, known: tuple[bytes, ...] = ()) -> Answer:
        request = FindValue(self.source_node.id, node_to_find.id, known=known)
        return self.ask(request, _address(node_to_ask), node_to_ask)

    def call_store(self, node_to_ask: Node, key: bytes, value: tuple[bytes, ...]) -> Answer:
        """Ask a node to keep entries, which must fit into one datagram."""
        return self.ask(Store(self.source_node.id, key, value), _address(node_to_ask), node_to_ask)

    def patience(self, node: Node) -> float:
        """Return the seconds after which a lookup should turn to the next contact."""
        return self.round_trips.patience(_address(node))

    def time_limit(self, node: Node) -> float:
        """Return the seconds after which a request to a node counts as missed."""
        return self.round_trips.limit(_address(node))

    def reachable(self, contacts: tuple[messages.WireContact, ...]) -> list[Node]:
        """Return the contacts that this socket can reach, without ourselves."""
        nodes = messages.from_wire(contacts, self._family_bytes)
        return [node for node in nodes if node.id != self.source_node.id]

    def _take_response(self, data: bytes, address: Address) -> None:
        message_id = data[1 : 1 + messages.ID_BYTES]
        outstanding = self._outstanding.get(message_id)
        if outstanding is None or outstanding.address != address:
            self._counters.unsolicited += 1
            return
        outstanding.timer.cancel()
        decoded = self._decode(data)
        if decoded is None:
            self._give_up(message_id)
        elif not isinstance(response := decoded[1], outstanding.expects):
            self._counters.unsolicited += 1
            self._give_up(message_id)
        else:
            del self._outstanding[message_id]
            self.round_trips.answered(address, self._loop.time() - outstanding.sent_at)
            self._accept_response(message_id, _from_here(response, address), outstanding)

    def _accept_response(self, message_id: bytes, response: Response, outstanding: Outstanding) -> None:
        node = Node(response.sender, *outstanding.address)
        asked = outstanding.node
        if asked is not None and asked.id != node.id:
            self.router.remove_contact(asked)  # another node lives at its address now
        if not self._is_proved(node, message_id, response.proof):
            self._counters.unproven += 1
            self._was_silent(outstanding)
            self._newcomers.refuse(node, self._loop.time())
            self._doubt(node, ask_again=not outstanding.request.prove)
            _finish(outstanding.answer, None)
            return
        if asked is not None and asked.id == node.id and outstanding.by_hearsay:
            self._hearsay.proved(node.id, outstanding.address)
        else:
            self._was_silent(outstanding)  # somebody else lives there: whoever told us was wrong
        self._limiter.trust(node.id, outstanding.address, self._loop.time())
        self._answered(node)
        if asked is not None and asked.id != node.id:
            _finish(outstanding.answer, None)
        elif outstanding.wants_more(response) and not outstanding.answer.done():
            self._post(outstanding.request, outstanding.address, node, outstanding.answer)
        else:
            _finish(outstanding.answer, response)

    def _is_proved(self, node: Node, message_id: bytes, proof: Proof | None) -> bool:
        address = _address(node)
        if self._prover.is_proved(node.id, address):
            return True
        if proof is None:
            return False
        wing = self._wing_to(address)
        own = self._bound if wing is None else wing.bound
        try:
            self._prover.check(node.id, address, message_id, proof, seen_from(own, address))
        except ProofError as error:
            log.debug("the answer of %s does not count: %s", address, error)
            return False
        return True

    def _timeout(self, message_id: bytes) -> None:
        """Count a request as missed, and listen as long again and more before it is forgotten."""
        outstanding = self._outstanding[message_id]
        if outstanding.late:
            del self._outstanding[message_id]
            return
        outstanding.late = True
        outstanding.timer = self._loop.call_later(self.round_trips.longest_limit, self._timeout, message_id)
        self._fail(outstanding)

    def _give_up(self, message_id: bytes) -> None:
        """End a request that was answered with nonsense: nothing else that comes for it is read."""
        outstanding = self._outstanding.pop(message_id)
        if not outstanding.late:
            self._fail(outstanding)

    def _fail(self, outstanding: Outstanding) -> None:
        self._counters.rpc_failed += 1
        self.round_trips.missed(outstanding.address)
        self._was_silent(outstanding)
        if outstanding.node is not None:
            self._missed(outstanding.node, is_ping=outstanding.expects is Pong)
        _finish(outstanding.answer, None)

    def _was_silent(self, outstanding: Outstanding) -> None:
        if outstanding.node is not None and outstanding.by_hearsay:
            self._hearsay.silent(outstanding.node.id, outstanding.address, self._loop.time())

    # --- who is alive ---------------------------------------------------------------------------------------------

    @property
    def contacts(self) -> list[Node]:
        """The contacts that have proved who they are and may still be it."""
        return [node for node in self.router if self._prover.is_proved(node.id, _address(node))]

    def drop_unproved(self) -> None:
        """Drop contacts that were revoked or whose credentials have ended; a new proof brings them back."""
        for node in list(self.router):
            if not self._prover.is_proved(node.id, _address(node)):
                self._doubt(node, ask_again=True)

    def welcome_if_new(self, node: Node) -> None:
        """Look at whoever asked us: an unknown sender, or a known one at another address, is pinged first."""
        if self._is_news(node):
            self._newcomers.begin(node)
            self._tasks.start(self._check(node, self.router.known(node.id)), "check")

    def _is_news(self, node: Node) -> bool:
        """Whether there is something to find out about a sender, and room to do so."""
        known = self.router.known(node.id)
        if node.id == self.source_node.id or (known is not None and known.same_home_as(node)):
            return False
        if not self._newcomers.may_begin(node, self._loop.time()):
            return False
        if known is not None:
            return True
        # Who has proved his id already and found no place would find none now.
        return self.router.has_room_for(node) or not self._prover.is_proved(node.id, _address(node))

    def _doubt(self, node: Node, *, ask_again: bool) -> None:
        """Drop who has not proved who he is; `ask_again` gives him a chance to."""
        self.router.remove_contact(node)
        self._limiter.distrust(_address(node))
        if ask_again:
            self.call_ping(node)

    def _missed(self, node: Node, *, is_ping: bool) -> None:
        """Ping a contact that did not answer; while such pings are under way, other lost messages say no more."""
        if (is_ping or node.id not in self.router.suspects) and self.router.missed(node):
            self.call_ping(node)

    async def _check(self, claimed: Node, known: Node | None) -> None:
        """Make the claimed contact answer for itself; one that still answers at its old address stays there."""
        try:
            if known is not None and await self.call_ping(known) is not None:
                self._newcomers.is_at_home(known.id, self._loop.time())
                return
            if await self.call_ping(claimed) is not None and known is not None:
                self._admit(claimed)
        finally:
            self._newcomers.end(claimed)

    def _answered(self, node: Node) -> None:
        if node.id == self.source_node.id:
            return
        known = self.router.known(node.id)
        if known is None or known.same_home_as(node):
            self._admit(node)
        else:
            self.welcome_if_new(node)

    def _admit(self, node: Node) -> None:
        """Take in or refresh a contact that has just answered and proved who it is."""
        was_known = self.router.known(node.id) is not None
        to_ping = self.router.add_contact(node)
        if to_ping is not None:
            self.call_ping(to_ping)
        elif not was_known and self.router.known(node.id) is not None:
            self._on_contact(node)


def _address(node: Node) -> Address:
    return node.ip, node.port


def _from_here(response: Response, address: Address) -> Response:
    """Return an answer as it makes sense on this machine: to others, our loopback is their own."""
    if not isinstance(response, Found) or is_loopback(address[0]):
        return response
    return msgspec.structs.replace(response, contacts=messages.without_loopback(response.contacts))


def _finish(answer: Answer, response: Response | None) -> None:
    if not answer.done():
        answer.set_result(response)
