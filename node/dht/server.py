"""Stores entries near their keys and fetches them, over one socket: the package's server without its timers."""

from __future__ import annotations

import asyncio
import errno
import logging
import operator
import socket
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

from kademlia.network import Server
from kademlia.node import Node

from node.dht.lookup import EntryLookup, Lookup
from node.dht.messages import ENTRY_ROOM, Address, Ping, Pong, Stored, fitting
from node.dht.proofs import Prover
from node.dht.protocol import MeshProtocol
from node.dht.settings import DhtSettings
from node.dht.stats import Counters
from node.dht.storage import MergingStorage
from node.dht.verifier import Checked, RecordVerifier
from node.dht.wing import Wing
from node.program.errors import EXIT_FAILED, EXIT_IN_USE, UserFacingError
from node.program.port_owner import port_owner
from node.program.tasks import TaskSet

IPV4_BYTES = 4
PEERS_PER_K = 2  # a lookup begins with k contacts and has as many more for a second try
KEEPER_TURNS = 5  # announcements after which the nodes nearest to a key are looked for anew
RECEIVE_BUFFER = 1 << 20  # bytes; a burst of answers must not be lost while the loop is busy
MOST_NEWCOMERS = 64  # contacts that are being handed entries at a time
MOST_HANDED = 1024  # newcomers that are kept in mind
HAND_OVER_RATE = 100  # entries a second to one newcomer: half of what its rate limit lets through
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Keepers:
    """The nodes that keep a key of ours, and for how many more announcements that is believed."""

    nodes: Sequence[Node]
    turns: int


class MeshServer(Server):  # type: ignore[misc]  # the package has no types
    """One DHT node's socket, contacts and entries; `stop` is idempotent."""

    storage: MergingStorage
    protocol: MeshProtocol | None

    def __init__(
        self,
        *,
        node_id: bytes,
        mesh_tag: bytes,
        storage: MergingStorage,
        verifier: RecordVerifier,
        settings: DhtSettings,
        counters: Counters,
        clock: Callable[[], float],
        on_contact: Callable[[], None],
        prover: Prover,
    ) -> None:
        super().__init__(settings.ksize, settings.alpha, node_id, storage)
        self._mesh_tag = mesh_tag
        self._verifier = verifier
        self._settings = settings
        self._counters = counters
        self._clock = clock
        self._on_contact = on_contact
        self._prover = prover
        self._keepers: dict[bytes, Keepers] = {}
        self._refused_for = ""
        self._handed: OrderedDict[bytes, float] = OrderedDict()
        self._tasks = TaskSet("dht-server")

    @property
    def contacts(self) -> list[Node]:
        """The contacts that have proved who they are."""
        return [] if self.protocol is None else self.protocol.contacts

    def reaches(self, host: str) -> bool:
        """Tell whether the socket can send to an IP address of this family at all."""
        return self.protocol is not None and (":" in host) == (self.protocol.family_bytes == 16)

    def rtt_ms(self, node: Node) -> float | None:
        """Return a contact's smoothed round-trip time in milliseconds."""
        if self.protocol is None:
            return None
        seconds = self.protocol.round_trips.smoothed((node.ip, node.port))
        return None if seconds is None else round(seconds * 1000, 3)

    def drop_unproved(self) -> None:
        """Drop contacts that were revoked or whose credentials have ended."""
        if self.protocol is not None:
            self.protocol.drop_unproved()

    async def listen(self, port: int, interface: str = "127.0.0.1", members_of: IPv4Network | None = None) -> None:
        """Bind the UDP port, 0 for any free one; raise UserFacingError where that cannot be."""
        listener = _bind(interface, port)
        try:
            _, self.protocol = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: self._create_protocol(members_of), sock=listener
            )
        except BaseException:
            listener.close()
            raise

    async def listen_also(self, interface: str, network: IPv4Network) -> bool:
        """Be in this network too, at the same port; say whether a socket of its own was needed and is there now.

        Raise UserFacingError where the port cannot be bound there.
        """
        protocol = self.protocol
        if protocol is None or protocol.is_everywhere or protocol.family_bytes != IPV4_BYTES:
            return False
        await protocol.use_wing(None)
        listener = _bind(interface, protocol.port)
        try:
            _, wing = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: Wing(network, protocol.datagram_received), sock=listener
            )
        except BaseException:
            listener.close()
            raise
        if protocol.transport.is_closing():  # stopped meanwhile
            await wing.close()
            return False
        await protocol.use_wing(wing)
        return True

    async def listen_only_here(self) -> None:
        """Take `listen_also` back."""
        if self.protocol is not None:
            await self.protocol.use_wing(None)

    @property
    def port(self) -> int:
        assert self.protocol is not None, "listen() comes first"
        return self.protocol.port

    async def stop(self) -> None:
        try:
            if self.protocol is not None:
                await self.protocol.stop()
                self.protocol = None
        finally:
            await self._tasks.stop()

    def _create_protocol(self, members_of: IPv4Network | None = None) -> MeshProtocol:
        made = MeshProtocol(
            self.node,
            self.storage,
            self.ksize,
            mesh_tag=self._mesh_tag,
            rpc_timeout=self._settings.rpc_timeout,
            counters=self._counters,
            on_contact=self._greet,
            prover=self._prover,
            patience=self._settings.patience,
            limits=self._settings.limits,
        )
        made.members_of = members_of
        return made

    # --- joining --------------------------------------------------------------------------------------------------

    async def bootstrap(self, addrs: Sequence[Address]) -> int:
        """Ping addresses (IP, port) and walk to ourselves through who proves an id; return how many are near us."""
        protocol = self.protocol
        if protocol is None or not addrs:
            return 0
        asked = [protocol.ask(Ping(self.node.id), address) for address in addrs]
        answers = await asyncio.gather(*asked)
        living = any(isinstance(answer, Pong) and answer.sender != self.node.id for answer in answers)
        return len(await self.walk(self.node.id)) if living else 0

    async def walk(self, key: bytes) -> list[Node]:
        """Return the living nodes nearest to a key; getting to know them is what refreshes the table."""
        if self.protocol is None:
            return []
        target = Node(key)
        peers = self.protocol.router.find_living(target, PEERS_PER_K * self.ksize)
        lookup = Lookup(self.protocol, target, peers, ksize=self.ksize, alpha=self.alpha)
        return await lookup.find()

    async def refresh_table(self, interval: float = 0.0) -> None:  # noqa: ARG002 - the caller has the timer
        """Look near every bucket that has been quiet for long."""
        if self.protocol is not None:
            for node_id in self.protocol.get_refresh_ids():
                await self.walk(node_id)

    # --- entries --------------------------------------------------------------------------------------------------

    async def set_digest(self, dkey: bytes, value: bytes) -> int:
        """Give an entry to the nodes nearest to its key, twice to the silent; return how many answered.

        Who keeps a key is remembered for some turns, so that saying the same again does not need a walk.
        """
        keepers = self._keepers.pop(dkey, None)
        if keepers is None or not self._still_nearest(Node(dkey), keepers.nodes):
            keepers = Keepers(await self.walk(dkey), KEEPER_TURNS)
        silent = await self._give(keepers.nodes, dkey, value)
        again = await self._give(silent, dkey, value)
        if not again and keepers.nodes and keepers.turns > 1:
            self._keepers[dkey] = Keepers(keepers.nodes, keepers.turns - 1)
        return len(keepers.nodes) - len(again)

    def _still_nearest(self, key: Node, keepers: Sequence[Node]) -> bool:
        """Whether we know of no living node that should keep the key as well."""
        if self.protocol is None:
            return False
        known = {keeper.id for keeper in keepers}
        limit = max(keeper.distance_to(key) for keeper in keepers) if len(keepers) >= self.ksize else None
        return all(
            node.id in known or (limit is not None and node.distance_to(key) > limit)
            for node in self.protocol.router.find_living(key)
        )

    async def get_entries(self, key: bytes) -> dict[str, Checked]:
        """Return the newest living entry of each publisher under a key, ours among them."""
        here = self.storage.living(key)
        self._counters.lookups += 1
        found = {entry.subject: entry for entry in here if entry.payload is not None}
        if self.protocol is not None:
            lookup = EntryLookup(
                self.protocol,
                Node(key),
                self.protocol.router.find_living(Node(key), PEERS_PER_K * self.ksize),
                ksize=self.ksize,
                alpha=self.alpha,
                verifier=self._verifier,
                now=self._clock(),
                here=here,
                samples=self._settings.samples,
            )
            await lookup.find()
            self._counters.hops_total += lookup.hops
            self._counters.rejected.update(error.reason for error in lookup.rejected)
            found = dict(lookup.entries)
        self._counters.lookups_empty += not found
        return found

    async def _give(self, nodes: Sequence[Node], key: bytes, data: bytes) -> list[Node]:
        """Ask nodes to keep an entry; return those that did not answer."""
        protocol = self.protocol
        if protocol is None:
            return []
        answers = await asyncio.gather(*(protocol.call_store(node, key, (data,)) for node in nodes))
        self._notice_refusal([answer for answer in answers if isinstance(answer, Stored)])
        return [node for node, answer in zip(nodes, answers, strict=True) if not isinstance(answer, Stored)]

    def _notice_refusal(self, answers: Sequence[Stored]) -> None:
        """Say in the log, once, that most nodes refuse what we publish: nobody hears of a wrong clock otherwise."""
        if not answers:
            return
        reasons = Counter(answer.reason for answer in answers if not answer.kept)
        reason, count = max(reasons.items(), key=operator.itemgetter(1), default=("", 0))
        refused_for = reason if 2 * count > len(answers) else ""
        if refused_for and refused_for != self._refused_for:
            log.warning(
                "Most DHT nodes do not keep what this node publishes (%r), so others may not find it. "
                "Check this machine's clock, and whether it is still a member of the mesh.",
                refused_for,
            )
        self._refused_for = refused_for

    # --- newcomers ------------------------------------------------------------------------------------------------

    def _greet(self, node: Node) -> None:
        self._on_contact()
        if self.storage.entry_count and len(self._tasks) < MOST_NEWCOMERS and self._is_due(node):
            self._tasks.start(self._hand_over(node), "hand over")

    def _is_due(self, newcomer: Node) -> bool:
        """Whether a newcomer has been handed nothing lately: by now publishers have told it all themselves.

        Else a member that comes and goes, which it can do many times a second, keeps us busy with nothing else.
        """
        now = asyncio.get_running_loop().time()
        if now - self._handed.get(newcomer.id, float("-inf")) < self._settings.republish:
            return False
        self._handed[newcomer.id] = now
        self._handed.move_to_end(newcomer.id)
        if len(self._handed) > MOST_HANDED:
            self._handed.popitem(last=False)
        return True

    async def _hand_over(self, newcomer: Node) -> None:
        """Give a newcomer the entries that it should keep, where it is for us to do so (Kademlia, section 2.5)."""
        for key, bundle in self.storage:
            await asyncio.sleep(0)  # there may be ten thousand keys: others have their turn between them
            if self.protocol is None:
                return
            if not self._is_ours_to_hand(Node(key), newcomer):
                continue
            entries = bundle.entries
            while entries:
                part = tuple(fitting(entries, (len(data) + 3 for data in entries), ENTRY_ROOM))
                if await self.protocol.call_store(newcomer, key, part) is None:
                    return
                entries = entries[len(part) :]
                await asyncio.sleep(len(part) / HAND_OVER_RATE)

    def _is_ours_to_hand(self, key: Node, newcomer: Node) -> bool:
        assert self.protocol is not None
        others = self.protocol.router.find_neighbors(key, exclude=newcomer)
        if not others:
            return True
        among_nearest = len(others) < self.ksize or newcomer.distance_to(key) < others[-1].distance_to(key)
        we_are_first = self.node.distance_to(key) < others[0].distance_to(key)
        return bool(among_nearest and we_are_first)


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_DGRAM)
    try:
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        listener.setblocking(False)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise _bind_error(host, port, error) from None
    return listener


def _bind_error(host: str, port: int, error: OSError) -> UserFacingError:
    if error.errno == errno.EADDRINUSE:
        return UserFacingError(
            f"UDP port {port} on {host} is in use.",
            f"{port_owner(port, 'udp') or 'Another program, maybe another node,'} has it.",
            "Stop it, or choose another port with --dht-port (0 takes any free one).",
            EXIT_IN_USE,
        )
    return UserFacingError(
        f"The DHT cannot listen on {host}, UDP port {port}.",
        f"The system says: {error.strerror or error}.",
        "Choose another address with --host or another port with --dht-port.",
        EXIT_FAILED,
    )
