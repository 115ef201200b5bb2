"""What the rest of the program uses: a node of the DHT that publishes, finds, and takes care of itself."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Container, Sequence
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from node.dht import contacts, records
from node.dht.joining import Joiner
from node.dht.messages import MESH_TAG_BYTES, Address
from node.dht.proofs import IdentityProver, node_id_of
from node.dht.publishing import Publisher, Statement, service_names
from node.dht.records import Offer, Post, Sheet
from node.dht.server import MeshServer
from node.dht.settings import DhtSettings
from node.dht.stats import Counters, DhtPeer, DhtStats, snapshot
from node.dht.storage import MergingStorage
from node.dht.verifier import Checked, RecordError, RecordVerifier
from node.program.tasks import TaskSet
from node.wire import credentials
from node.wire.encoding import b64decode, fingerprint
from node.wire.manifests import ServiceName
from node.wire.mesh_keys import MeshTrust, trust_in
from node.wire.messages import CoordinatorInfo, DhtContact, WorkerRecord

__all__ = ["DhtNode", "DhtPeer", "DhtSettings", "DhtStats", "node_id_of"]

WITHDRAW_LIMIT = 2.0  # seconds that a clean leave may take
CARE_PAUSE = 5.0  # seconds between two looks whether contacts have changed or lost their right to be one
log = logging.getLogger(__name__)


class DhtNode:
    """One node of the mesh's DHT. `start` and `stop` frame its life; `stop` is idempotent.

    `subject` is the worker's or coordinator's id in its credential (HTTP form), `clock` returns Unix seconds,
    `revoked` is looked at on every check and may change while the node runs.
    """

    def __init__(
        self,
        *,
        identity: Ed25519PrivateKey,
        mesh_public_key: MeshTrust | Ed25519PublicKey,
        subject: str,
        credential: str,
        clock: Callable[[], float],
        settings: DhtSettings,
        contacts_file: Path | None = None,
        revoked: Container[str] = frozenset(),
        rng: random.Random | None = None,
    ) -> None:
        rng = rng or random.Random()  # noqa: S311 - spreads load, keeps no secret
        self.id = node_id_of(credentials.peek(credential))
        self.withdraw_limit = WITHDRAW_LIMIT
        self._subject = subject
        self._contacts_file = contacts_file
        self._saved_contacts: frozenset[Address] = frozenset()
        self._counters = Counters()
        trust = trust_in(mesh_public_key)
        verifier = RecordVerifier(trust, revoked)
        self._prover = IdentityProver(identity, b64decode(credential), verifier, clock)
        self._storage = MergingStorage(verifier, clock, settings.caps, rng, self._count_rejected)
        self._server = MeshServer(
            node_id=self.id,
            mesh_tag=fingerprint(trust.keys.founding)[:MESH_TAG_BYTES],  # the same after every rotation
            storage=self._storage,
            verifier=verifier,
            settings=settings,
            counters=self._counters,
            clock=clock,
            on_contact=self._found_contact,
            prover=self._prover,
        )
        self._publisher = Publisher(
            identity=identity,
            subject=subject,
            credential=b64decode(credential),
            server=self._server,
            settings=settings,
            counters=self._counters,
            clock=clock,
            rng=rng,
        )
        self._joiner = Joiner(self._server, settings, rng, self._publisher.wake, self._take_care)
        self._tasks = TaskSet("dht-node")

    # --- life -----------------------------------------------------------------------------------------------------

    async def start(self, host: str, port: int, members_of: IPv4Network | None = None) -> None:
        """Listen on a UDP port, 0 for any free one; raise UserFacingError where that cannot be.

        At an address in the overlay only its members are heard: neighbours could have packets delivered beside it.
        """
        await self._server.listen(port, host, members_of)
        try:
            if self._contacts_file is not None:
                self._joiner.remember(await asyncio.to_thread(contacts.load, self._contacts_file))
        except BaseException:
            await self._server.stop()
            raise
        self._tasks.start(self._joiner.run(), "join")
        self._tasks.start(self._publisher.run(), "republish")
        self._tasks.every(CARE_PAUSE, self._take_care, "take care of contacts")

    async def stop(self) -> None:
        """Save the contacts and close the port; entries stay out until they expire (see `withdraw`)."""
        try:
            await self._tasks.stop()
            await self._save_contacts()
        finally:  # also for who is cancelled meanwhile
            await self._server.stop()

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def speaks_ipv4(self) -> bool:
        """Whether this node can be reached at IPv4 addresses, as the overlay's are."""
        return self._server.reaches("0.0.0.0")  # noqa: S104 - any of them

    async def enter_overlay(self, ip: IPv4Address, network: IPv4Network) -> None:
        """Be reached at our address in the overlay as well; a node that listens everywhere is already.

        Raise UserFacingError where the port is another program's there.
        """
        if await self._server.listen_also(str(ip), network):
            log.info("the DHT is in the overlay at %s, UDP port %d", ip, self.port)

    async def leave_overlay(self) -> None:
        await self._server.listen_only_here()

    def set_bootstrap(self, addresses: Sequence[tuple[str, int]]) -> None:
        """Join through these names or addresses, in the background and for ever; may be called again and again."""
        self._joiner.set_addresses(addresses)

    def rejoin(self) -> None:
        """Look for others and publish anew at once, as after sleep or in another network."""
        self._joiner.look_again()
        self._publisher.wake()

    def forget_revoked(self) -> None:
        """Drop contacts that may not be any now; entries are looked at whenever anybody asks for them."""
        self._server.drop_unproved()

    def renew(self, credential: str) -> None:
        """Publish with a newly signed credential (HTTP form) from now on, and prove our id with it."""
        self._publisher.credential = b64decode(credential)
        self._publisher.wake()  # what was published with the old one may soon count no more
        if node_id_of(credentials.peek(credential)) == self.id:
            self._prover.credential = b64decode(credential)
        else:
            log.warning(
                "The new credential gives this node another place in the DHT. It keeps the old place, and proves "
                "it with the old credential, until it is started again."
            )

    # --- publishing -----------------------------------------------------------------------------------------------

    async def publish(self, record: WorkerRecord, services: Sequence[str]) -> None:
        """Publish this worker and the services it offers from now on, in place of what was published before.

        What is new is announced before this returns; a small change of load goes out with the next announcement.
        Raise ValueError for another worker's record or an impossible service name.
        """
        if record.worker_id != self._subject:
            raise ValueError(f"{self._subject} cannot publish the record of {record.worker_id}")
        names = service_names(msgspec.convert(name, type=ServiceName) for name in services)
        record = msgspec.structs.replace(record, services=names)
        await self._publisher.say(Statement(record, names, self._publisher.statement.info))

    async def publish_coordinator(self, info: CoordinatorInfo) -> None:
        """Publish this coordinator; raise ValueError for another one's."""
        if info.id != self._subject:
            raise ValueError(f"{self._subject} cannot publish the coordinator {info.id}")
        said = self._publisher.statement
        await self._publisher.say(Statement(said.record, said.services, info))

    async def withdraw(self) -> None:
        """Take back everything that was published, within two seconds or what else `withdraw_limit` says."""
        try:
            async with asyncio.timeout(self.withdraw_limit):
                await self._publisher.withdraw()
        except TimeoutError:
            log.info("not every DHT node heard that this one leaves; its entries expire")

    # --- finding --------------------------------------------------------------------------------------------------

    async def find_service(self, service: str) -> list[WorkerRecord]:
        """Return the workers that offer a service, the least loaded first; ourselves too, if we do."""
        found = await self._server.get_entries(records.service_key(service))
        workers = [_worker(entry, service) for entry in found.values() if isinstance(entry.payload, Offer)]
        return sorted(workers, key=lambda record: record.load)

    async def find_worker(self, worker_id: str) -> WorkerRecord | None:
        found = await self._server.get_entries(records.worker_key(worker_id))
        entry = found.get(worker_id)
        return None if entry is None else _worker(entry)

    async def find_coordinators(self) -> list[CoordinatorInfo]:
        """Return the mesh's coordinators, by id."""
        found = await self._server.get_entries(records.coordinators_key())
        return [
            records.coordinator_info(subject, entry.payload)
            for subject, entry in sorted(found.items())
            if isinstance(entry.payload, Post)
        ]

    # --- what it knows --------------------------------------------------------------------------------------------

    def contacts(self) -> list[DhtContact]:
        """Return the addresses of the peers that are known now."""
        return [DhtContact(host=node.ip, port=node.port) for node in self._server.contacts]

    def peers(self) -> list[DhtPeer]:
        """Return the contacts that have proved who they are, by name."""
        peers = []
        for node in self._server.contacts:
            credential = self._prover.credential_of(node.id, (node.ip, node.port))
            if credential is not None:
                peers.append(
                    DhtPeer(
                        subject=credential.subject,
                        role=credential.role,
                        host=node.ip,
                        port=node.port,
                        rtt_ms=self._server.rtt_ms(node),
                    )
                )
        return sorted(peers, key=lambda peer: peer.subject)

    def stats(self) -> DhtStats:
        return snapshot(
            self._counters,
            node_id=self.id,
            joined=self._joiner.joined,
            contacts=len(self._server.contacts),
            keys=self._storage.key_count,
            entries=self._storage.entry_count,
        )

    def _found_contact(self) -> None:
        self._joiner.notice()

    def _count_rejected(self, error: RecordError) -> None:
        self._counters.rejected[error.reason] += 1

    async def _take_care(self) -> None:
        self._server.drop_unproved()
        self._joiner.notice_loss()
        await self._save_contacts()

    async def _save_contacts(self) -> None:
        nodes = self._server.contacts
        addresses = frozenset((node.ip, node.port) for node in nodes)
        if self._contacts_file is None or not addresses or addresses == self._saved_contacts:
            return
        await asyncio.to_thread(contacts.save, self._contacts_file, nodes)
        self._saved_contacts = addresses


def _worker(entry: Checked, service: str = "") -> WorkerRecord:
    assert isinstance(entry.payload, Offer | Sheet)
    record = records.worker_record(entry.subject, entry.payload, entry.published_at, service)
    return msgspec.structs.replace(record, trust=entry.trust)
