"""What a node has only while it is enrolled: tokens, DHT node, router, and the coordinator's client."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import aiohttp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from node.config import NodeConfig
from node.coordinator_client import CoordinatorClient, CoordinatorError
from node.dht.node import DhtNode, DhtSettings
from node.forwarding.aiohttp_forwarder import AiohttpForwarder
from node.routing.router import LocalServices, Router, RoutingSettings
from node.state import Membership
from node.wire.encoding import b64decode
from node.wire.manifests import Catalogue
from node.wire.messages import CoordinatorInfo, WorkerRecord
from node.wire.tokens import TokenIssuer, TokenVerifier


class DhtSource:
    """Candidates out of the DHT."""

    name: Literal["dht"] = "dht"

    def __init__(self, dht: DhtNode, own_id: str) -> None:
        self._dht = dht
        self._own_id = own_id

    async def find(self, service: str) -> Sequence[WorkerRecord]:
        found = await self._dht.find_service(service)
        return [record for record in found if record.worker_id != self._own_id]


class RegistrySource:
    """Candidates out of a coordinator's registry, for when the DHT finds nothing."""

    name: Literal["registry"] = "registry"

    def __init__(
        self, client: CoordinatorClient, coordinator: Callable[[], CoordinatorInfo | None], own_id: str
    ) -> None:
        self._client = client
        self._coordinator = coordinator
        self._own_id = own_id

    async def find(self, service: str) -> Sequence[WorkerRecord]:
        coordinator = self._coordinator()
        if coordinator is None:
            return ()
        try:
            found = await self._client.peers(coordinator, service)
        except CoordinatorError:
            return ()
        return [record for record in found if record.worker_id != self._own_id]


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
        self._forwarder = AiohttpForwarder(token_for=self._issuer.issue, connect_timeout=config.connect_timeout)
        self.router = Router(
            worker_id=own_id,
            catalogue=catalogue,
            local=local,
            sources=(DhtSource(self.dht, own_id), RegistrySource(self.client, coordinator, own_id)),
            forwarder=self._forwarder,
            settings=RoutingSettings(
                cache_ttl=config.finger_cache_ttl,
                attempts=config.retry_attempts,
                backoff_base=config.retry_base_ms / 1000,
            ),
            clock=time.monotonic,
            rng=random.Random(),  # noqa: S311 - spreads load, keeps no secret
        )

    async def start(self) -> None:
        """Open the DHT's port; raise UserFacingError when it is taken."""
        await self._forwarder.start()
        try:
            await self.dht.start(self._config.host, self._config.dht_port)
        except BaseException:
            await self._forwarder.stop()
            raise

    async def stop(self) -> None:
        await self.dht.withdraw()
        await self.dht.stop()
        await self._forwarder.stop()

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
