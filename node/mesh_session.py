"""What a node has only while it is enrolled: tokens, DHT node, router, and the coordinator's client."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from ipaddress import IPv4Network
from pathlib import Path
from typing import Literal

import aiohttp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.config import NodeConfig
from node.coordinator_client import CoordinatorClient
from node.dht.messages import MESH_TAG_BYTES
from node.dht.node import DhtNode
from node.dht.settings import DhtSettings
from node.forwarding.bandwidth.meter import Meter
from node.forwarding.by_proxy import ProxyConnector
from node.forwarding.forwarder import Forwarder
from node.identity.membership import mesh_keys_of
from node.mesh_view.traffic import Traffic
from node.peers import joined
from node.program.errors import UserFacingError
from node.program.proxies import ThroughProxies
from node.reachability.announced import bootstrap_addresses, is_inside
from node.relay_ways import relay_bases
from node.routing.parts import Witness
from node.routing.router import Router
from node.routing.settings import RoutingSettings
from node.routing.sources import LocalServices
from node.routing.stats import Outcome
from node.state import Membership, Peer
from node.vpn.state import VpnPeer
from node.wire.client_tokens import ClientTokenVerifier
from node.wire.encoding import fingerprint
from node.wire.manifests import Catalogue
from node.wire.mesh_keys import MeshKeys, MeshTrust
from node.wire.messages import CoordinatorInfo, DhtContact, Lighthouse, WorkerRecord
from node.wire.tokens import TokenIssuer, TokenVerifier

log = logging.getLogger(__name__)
LAST_REQUESTS = 200  # that are told of, without anything of what was asked


class DhtSource:
    """Candidates out of the DHT."""

    name: Literal["dht"] = "dht"

    def __init__(self, dht: Callable[[], DhtNode]) -> None:
        self._dht = dht

    async def find(self, service: str) -> Sequence[WorkerRecord]:
        return await self._dht().find_service(service)


class RegistrySource:
    """Candidates out of a coordinator's registry, for when the DHT finds nothing."""

    name: Literal["registry"] = "registry"

    def __init__(self, client: CoordinatorClient, coordinator: Callable[[], CoordinatorInfo | None]) -> None:
        self._client = client
        self._coordinator = coordinator

    async def find(self, service: str) -> Sequence[WorkerRecord]:
        """Ask the coordinator; raise LookupError where none is known, CoordinatorError where it does not answer."""
        coordinator = self._coordinator()
        if coordinator is None:
            raise LookupError("no coordinator is known")
        return await self._client.peers(coordinator, service)


class MeshSession:
    """One membership's working parts; `start` cleans up after itself when it fails, `stop` is idempotent."""

    def __init__(
        self,
        *,
        config: NodeConfig,
        data_dir: Path,
        identity: Ed25519PrivateKey,
        membership: Membership,
        http: aiohttp.ClientSession,
        proxies: ThroughProxies,
        local: LocalServices,
        catalogue: Callable[[], Catalogue],
        coordinator: Callable[[], CoordinatorInfo | None],
        coordinators: Callable[[], Sequence[CoordinatorInfo]],
        doubted: Callable[[str], Sequence[str]],
        own_load: Callable[[], float],
        vpn_up: Callable[[], bool],
        own_port: int,
        witness: Witness,
        served: Callable[[str, int, float], None],
        meter: Meter,
    ) -> None:
        own_id = membership.worker_id
        self.membership = membership
        self.trust = MeshTrust(mesh_keys_of(membership))
        self.revoked: set[str] = set()
        self.traffic = Traffic()
        self._config = config
        self._served = served
        self._identity = identity
        self._data_dir = data_dir
        self._credential = membership.credential
        self._told: tuple[DhtContact, ...] = ()
        self._lighthouses: tuple[Lighthouse, ...] = ()
        self._overlay: IPv4Network | None = None  # where the DHT node is in it
        self._issuer = TokenIssuer(identity, own_id, membership.credential, time.time)
        self.verifier = TokenVerifier(self.trust, own_id, time.time, self.revoked)
        self.client_tokens = ClientTokenVerifier(self.trust, time.time, self.revoked)
        self.client = CoordinatorClient(http, self._issuer, own_id, identity)
        self.dht = self._make_dht("contacts.json")
        self._dht_host, self._dht_port = config.host, config.dht_port
        self.router = Router(
            worker_id=own_id,
            catalogue=catalogue,
            local=local,
            sources=(DhtSource(lambda: self.dht), RegistrySource(self.client, coordinator)),
            forwarder=Forwarder(self._issuer.issue, connect=ProxyConnector(proxies.find), meter=meter),
            settings=RoutingSettings(
                cache_ttl=config.finger_cache_ttl,
                stale_while_revalidate=config.finger_cache_stale,
                hedge_after=config.hedge_after,
                attempts=config.retry_attempts,
                retry_base=config.retry_base_ms / 1000,
                connect_timeout=config.connect_timeout,
                first_byte_timeout=config.first_byte_timeout,
                idle_timeout=config.idle_timeout,
                request_timeout=config.request_timeout,
            ),
            own_load=own_load,
            vpn_up=vpn_up,
            witness=witness,
            own_port=own_port,
            relay=lambda record: relay_bases(record, coordinators()),
            observer=self._request_ended,
            remember=LAST_REQUESTS,
            doubted=doubted,
        )

    def _request_ended(self, outcome: Outcome) -> None:
        if outcome.route == "local":
            self._served(outcome.service, outcome.status, outcome.seconds)
        elif outcome.worker is not None:
            self.traffic.sent(outcome.worker, time.monotonic())

    def _make_dht(self, contacts: str) -> DhtNode:
        return DhtNode(
            identity=self._identity,
            mesh_public_key=self.trust,
            subject=self.membership.worker_id,
            credential=self._credential,
            clock=time.time,
            settings=DhtSettings(
                rpc_timeout=self._config.dht_rpc_timeout,
                entry_ttl=self._config.dht_entry_ttl,
                republish=self._config.dht_republish,
            ),
            contacts_file=self._data_dir / contacts,
            revoked=self.revoked,
        )

    def peers(
        self, tunnels: Sequence[VpnPeer] = (), overlay: IPv4Network | None = None, *, vpn_wanted: bool = True
    ) -> tuple[Peer, ...]:
        """Return the other workers that are known, for requests that were sent to them or from the DHT."""
        return joined(
            self.router.peers(),
            self.dht.peers(),
            self.membership.worker_id,
            tunnels=tunnels,
            overlay=overlay,
            vpn_wanted=vpn_wanted,
        )

    def dht_places(self) -> tuple[tuple[str, int], ...]:
        """Return where nodes of the DHT are outside of the overlay: what coordinators told, and contacts."""
        known = (*self._told, *self.dht.contacts())
        return tuple((one.host, one.port) for one in known if not is_inside(one.host, self._overlay))

    @property
    def mesh_tag(self) -> bytes:
        """How datagrams of this mesh's DHT begin."""
        return fingerprint(self.trust.keys.founding)[:MESH_TAG_BYTES]

    async def start(self) -> None:
        """Open the DHT's port; raise UserFacingError when it is taken."""
        await self.dht.start(self._config.host, self._config.dht_port)
        self._dht_port = self.dht.port

    async def stop(self) -> None:
        """Take back what was published, which may take some seconds; who is cancelled then leaves nothing open."""
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self.router.stop)
            stack.push_async_callback(self.dht.stop)
            await self.dht.withdraw()

    def join_dht(self, contacts: Sequence[DhtContact]) -> None:
        """Join the DHT through these, as coordinators have told; those in the overlay only from there."""
        self._told = tuple(contacts)
        self._bootstrap()

    async def move_dht_into(self, network: IPv4Network, ip: str, lighthouses: Sequence[Lighthouse]) -> None:
        """Run the DHT node at our overlay address, where nobody can claim another one's address."""
        self._lighthouses = tuple(lighthouses)
        if self._dht_host != ip:
            await self._move_dht(ip, network)
        self._bootstrap()

    def know_lighthouses(self, lighthouses: Sequence[Lighthouse]) -> None:
        """Take over where the coordinators are in the overlay."""
        self._lighthouses = tuple(lighthouses)
        self._bootstrap()

    async def move_dht_back(self) -> None:
        """Run the DHT node outside of the overlay again."""
        if self._dht_host != self._config.host:
            await self._move_dht(self._config.host, None)
            self._bootstrap()

    async def _move_dht(self, host: str, overlay: IPv4Network | None) -> None:
        """Stop the DHT node and start it elsewhere with the same id; where that cannot be, as it was."""
        port, back = self._dht_port, (self._dht_host, self._dht_port, self._overlay)
        await self.dht.stop()
        for place in ((host, port, overlay), back, (self._config.host, 0, None)):
            try:
                await self._start_dht(*place)
            except UserFacingError as error:
                log.warning("the DHT cannot be moved to %s: %s", host, error)
            else:
                return

    async def _start_dht(self, host: str, port: int, overlay: IPv4Network | None) -> None:
        self.dht = self._make_dht("contacts.json" if overlay is None else "contacts-vpn.json")
        await self.dht.start(host, port, overlay)
        self._dht_host, self._overlay = host, overlay

    def _bootstrap(self) -> None:
        self.dht.set_bootstrap(bootstrap_addresses(self._told, self._overlay, self._lighthouses))

    def renew(self, credential: str, keys: MeshKeys | None = None) -> None:
        """Use a newly signed credential from now on, and believe these keys of the mesh."""
        if keys is not None:
            self.trust.keys = keys
        self._credential = credential
        self._issuer.renew(credential)
        self.dht.renew(credential)

    def refuse(self, revoked: Sequence[str]) -> None:
        """Believe nothing of these workers any more."""
        self.revoked.clear()
        self.revoked.update(revoked)
        self.dht.forget_revoked()
        for worker_id in revoked:
            self.router.invalidate_worker(worker_id)
