"""What a node has only while it is enrolled: tokens, DHT node, router, and the coordinator's client."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import aiohttp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from node.config import NodeConfig
from node.coordinator_client import CoordinatorClient
from node.dht.node import DhtNode
from node.dht.settings import DhtSettings
from node.forwarding.forwarder import Forwarder
from node.peers import joined
from node.routing.router import Router
from node.routing.settings import RoutingSettings
from node.routing.sources import LocalServices
from node.state import Membership, Peer
from node.wire.encoding import b64decode
from node.wire.manifests import Catalogue
from node.wire.messages import CoordinatorInfo, WorkerRecord
from node.wire.tokens import TokenIssuer, TokenVerifier


class DhtSource:
    """Candidates out of the DHT."""

    name: Literal["dht"] = "dht"

    def __init__(self, dht: DhtNode) -> None:
        self._dht = dht

    async def find(self, service: str) -> Sequence[WorkerRecord]:
        return await self._dht.find_service(service)


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
        local: LocalServices,
        catalogue: Callable[[], Catalogue],
        coordinator: Callable[[], CoordinatorInfo | None],
        own_load: Callable[[], float],
    ) -> None:
        mesh_key = Ed25519PublicKey.from_public_bytes(b64decode(membership.mesh_public_key))
        own_id = membership.worker_id
        self.membership = membership
        self.mesh_key = mesh_key
        self.revoked: set[str] = set()
        self._config = config
        self._issuer = TokenIssuer(identity, own_id, membership.credential, time.time)
        self.verifier = TokenVerifier(mesh_key, own_id, time.time, self.revoked)
        self.client = CoordinatorClient(http, self._issuer, own_id)
        self.dht = DhtNode(
            identity=identity,
            mesh_public_key=mesh_key,
            subject=own_id,
            credential=membership.credential,
            clock=time.time,
            settings=DhtSettings(
                rpc_timeout=config.dht_rpc_timeout,
                entry_ttl=config.dht_entry_ttl,
                republish=config.dht_republish,
            ),
            contacts_file=data_dir / "contacts.json",
            revoked=self.revoked,
        )
        self.router = Router(
            worker_id=own_id,
            catalogue=catalogue,
            local=local,
            sources=(DhtSource(self.dht), RegistrySource(self.client, coordinator)),
            forwarder=Forwarder(self._issuer.issue),
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
        )

    def peers(self) -> tuple[Peer, ...]:
        """Return the other workers that are known, for requests that were sent to them or from the DHT."""
        return joined(self.router.peers(), self.dht.peers(), self.membership.worker_id)

    async def start(self) -> None:
        """Open the DHT's port; raise UserFacingError when it is taken."""
        await self.dht.start(self._config.host, self._config.dht_port)

    async def stop(self) -> None:
        await self.dht.withdraw()
        await self.dht.stop()
        await self.router.stop()

    def renew(self, credential: str) -> None:
        """Use a newly signed credential from now on."""
        self._issuer.renew(credential)
        self.dht.renew(credential)

    def refuse(self, revoked: Sequence[str]) -> None:
        """Believe nothing of these workers any more."""
        self.revoked.clear()
        self.revoked.update(revoked)
        for worker_id in revoked:
            self.router.invalidate_worker(worker_id)
