"""This machine's place in a mesh: its key, what is kept of its membership, its session while enrolled."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import aiohttp
import msgspec

from node import enrolment
from node.blocklist import Blocklist
from node.config import NodeConfig
from node.coordinator_talk import CoordinatorTalk
from node.forwarding.bandwidth.meter import Meter
from node.identity.keys import Identity, delete_identity, load_or_create_identity
from node.identity.membership import forget_membership, load_membership, mesh_keys_of, save_membership
from node.kept_files import KeptAssignment, KeptFiles
from node.local_services import LocalServices
from node.mesh_session import MeshSession
from node.overlay import Overlay, OverlayWitness
from node.program.proxies import ThroughProxies
from node.reachability.announced import endpoints_of
from node.relay_ways import relays_of
from node.state import Membership, NodeState
from node.wire.blocklists import SignedBlocklist
from node.wire.manifests import Catalogue, ManifestError, SignedCatalogue, open_catalogue
from node.wire.mesh_keys import MeshTrust
from node.wire.messages import Assignment, DhtContact, Endpoints, WorkerRecord

log = logging.getLogger(__name__)


class Member:
    """Holds the identity key from `load` on, and a session between `join` and `quit`."""

    def __init__(
        self,
        config: NodeConfig,
        data_dir: Path,
        *,
        http: aiohttp.ClientSession,
        proxies: ThroughProxies,
        local: LocalServices,
        talk: CoordinatorTalk,
        state: Callable[[], NodeState],
        overlay: Overlay,
        meter: Meter,
    ) -> None:
        self._meter = meter
        self._config = config
        self._data_dir = data_dir
        self._http = http
        self._proxies = proxies
        self._local = local
        self._talk = talk
        self._state = state
        self._overlay = overlay
        self._endpoints: Endpoints | None = None
        self._files = KeptFiles(data_dir)
        self._blocklist = Blocklist(self._files)
        talk.blocklist_version = lambda: self._blocklist.version
        self._identity: Identity | None = None
        self._catalogue: SignedCatalogue | None = None
        self.session: MeshSession | None = None

    @property
    def identity(self) -> Identity:
        assert self._identity is not None, "load() comes first"
        return self._identity

    async def load(self) -> tuple[Membership | None, Catalogue, Assignment | None]:
        """Return what an earlier run kept: the membership, the catalogue and the last assignment."""
        membership = await asyncio.to_thread(load_membership, self._data_dir)
        self._identity = await load_or_create_identity(self._data_dir, use_keyring=self._config.keyring)
        await self._overlay.load()
        if membership is None:
            return None, Catalogue(), None
        await asyncio.to_thread(self._blocklist.load)
        membership = enrolment.at_configured_address(membership, self._config.coordinator)
        kept = await asyncio.to_thread(self._files.assignment)
        try:
            if kept is not None:
                catalogue = open_catalogue(kept.catalogue, MeshTrust(mesh_keys_of(membership)))
                self._catalogue = kept.catalogue
                return membership, catalogue, kept.assignment
        except ManifestError as error:
            log.warning("the kept assignment is not used: %s", error)
        return membership, Catalogue(), None

    async def join(self, membership: Membership, port: int) -> Endpoints | None:
        """Start a session; return where we can be reached, or None where one runs already."""
        if self.session is not None:
            return None
        session = MeshSession(
            config=self._config,
            data_dir=self._data_dir,
            identity=self.identity.private_key,
            membership=membership,
            http=self._http,
            proxies=self._proxies,
            local=self._local,
            catalogue=lambda: self._state().catalogue,
            coordinator=lambda: self._talk.coordinator(self._state().coordinator or ""),
            coordinators=lambda: self._talk.coordinators,
            doubted=self._doubted,
            own_load=lambda: self._state().load,
            vpn_up=lambda: self._state().vpn.carries,
            own_port=port,
            witness=OverlayWitness(self._overlay),
            served=self._local.ended,
            meter=self._meter,
        )
        try:
            await session.start()
        except BaseException:
            await session.stop()
            raise
        self.session = session
        self._local.in_flight = session.router.in_flight
        self._endpoints = endpoints_of(self._config, port, session.dht.port, self._state().capabilities.addresses)
        session.know_lighthouses(self._overlay.lighthouses)
        self._refuse(session)
        self._overlay.know_ports = session.router.overlay_ports
        self._overlay.enter(port, session.dht.port)
        return self._endpoints

    def _doubted(self, service: str) -> Sequence[str]:
        """Return whom the coordinator has told us not to ask while others are there."""
        assignment = self._state().assignment
        return assignment.doubts(service) if assignment is not None else ()

    def endpoints(self, vpn_ip: str | None) -> Endpoints | None:
        """Return where we can be reached, with this address in the overlay; None outside of a mesh."""
        if self.session is None or self._endpoints is None:
            return None
        return msgspec.structs.replace(self._endpoints, vpn_ip=vpn_ip)

    async def move_into_overlay(self, ip: str) -> None:
        """Have the DHT node at our overlay address."""
        if self.session is not None and self._overlay.network is not None:
            await self.session.move_dht_into(self._overlay.network, ip, self._overlay.lighthouses)

    async def move_out_of_overlay(self) -> None:
        """Have the DHT node outside of the overlay."""
        if self.session is not None:
            await self.session.move_dht_back()

    async def quit(self) -> bool:
        """Leave for good: say so, then forget membership, files and key, in an order that a crash may interrupt.

        Return whether a coordinator has heard it.
        """
        session, told = self.session, False
        if session is not None:
            told = await self._talk.leave(session)
            await self.close()
        await asyncio.to_thread(forget_membership, self._data_dir)
        await asyncio.to_thread(self._files.forget)
        self._blocklist.forget()
        await self._overlay.forget()
        await delete_identity(self._data_dir)
        self._identity = await load_or_create_identity(self._data_dir, use_keyring=self._config.keyring)
        return told

    async def close(self) -> None:
        """End the session, if there is one; the membership stays."""
        session, self.session = self.session, None
        if session is not None:
            await session.stop()

    async def save(self, membership: Membership) -> None:
        try:
            await asyncio.to_thread(save_membership, self._data_dir, membership)
        finally:  # what cannot be kept, as on a full disk, is used all the same
            if self.session is not None:
                self.session.renew(membership.credential)

    def take_catalogue(self, catalogue: SignedCatalogue) -> None:
        """Remember a verified catalogue, to be kept with the next assignment."""
        self._catalogue = catalogue

    async def save_assignment(self, assignment: Assignment) -> None:
        if self._catalogue is not None:
            await asyncio.to_thread(self._files.save_assignment, KeptAssignment(assignment, self._catalogue))

    async def take_blocklist(self, told: SignedBlocklist | None, current: SignedBlocklist | None = None) -> None:
        """Refuse whom the mesh has put out; to refuse somebody waits for no disk."""
        session = self.session
        if session is not None and self._blocklist.take(told, session.trust, time.time(), current):
            self._refuse(session)
            await asyncio.to_thread(self._blocklist.save)

    def _refuse(self, session: MeshSession) -> None:
        session.refuse(self._blocklist.listed.workers)
        self._overlay.block(self._blocklist.listed.certificates)

    async def publish(self, services: tuple[str, ...]) -> None:
        """Announce these services in the DHT under our own record."""
        state, session = self._state(), self.session
        if session is None or state.endpoints is None:
            return
        record = WorkerRecord(
            worker_id=session.membership.worker_id,
            endpoints=state.endpoints,
            services=services,
            capabilities=state.capabilities,
            load=state.load,
            in_flight=state.in_flight,
            last_seen=time.time(),
            relays=relays_of(state, self._config.relay_offered),
        )
        await session.dht.publish(record, services)

    def join_dht(self, contacts: tuple[DhtContact, ...]) -> None:
        if self.session is not None and contacts:
            self.session.join_dht(contacts)
