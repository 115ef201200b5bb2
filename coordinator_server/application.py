"""The parts of a running coordinator, as every HTTP handler reaches them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from coordinator_server.admin_tokens import AdminTokens
from coordinator_server.audit import Audit
from coordinator_server.catalogue_office import CatalogueOffice
from coordinator_server.config import CoordinatorConfig
from coordinator_server.enrolment.enrol import Enroller
from coordinator_server.enrolment.invites import Invites
from coordinator_server.enrolment.key_rotation import KeyRotation
from coordinator_server.enrolment.lockout import Lockout
from coordinator_server.enrolment.mesh_keyring import MeshKeyring
from coordinator_server.enrolment.overlay import Overlay
from coordinator_server.enrolment.workers import Workers
from coordinator_server.fleet.everybody import Everybody
from coordinator_server.fleet.fleet import Fleet
from coordinator_server.fleet.together import Together
from coordinator_server.gateway.keys import ApiKeys
from coordinator_server.gateway.readiness import Readiness
from coordinator_server.operation.conditions import Conditions
from coordinator_server.probation.warden import Warden
from coordinator_server.registry.planning import Planning
from coordinator_server.registry.registry import Registry
from coordinator_server.seals.sealer import Sealer
from coordinator_server.store.interface import Store
from coordinator_server.vpn.station import Station
from node.dht.node import DhtNode
from node.wire.manifests import Catalogue
from node.wire.mesh_keys import SigningKey
from node.wire.messages import CoordinatorInfo
from node.wire.tokens import TokenIssuer, TokenVerifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Coordinator:
    """The parts of a running coordinator, as HTTP handlers reach them with `request.app[COORDINATOR]`."""

    config: CoordinatorConfig
    coordinator_id: str
    info: CoordinatorInfo  # id, URL, location and DHT address as they were set
    keyring: MeshKeyring = field(repr=False)  # signs as the mesh
    key_rotation: KeyRotation
    admin_tokens: AdminTokens = field(repr=False)
    store: Store
    audit: Audit
    sealer: Sealer  # makes seals on it
    invites: Invites
    workers: Workers  # enrolments: approve, drain, revoke; they survive a restart
    lockout: Lockout
    enroller: Enroller
    overlay: Overlay | None  # the overlay's addresses and certificates; None with --vpn off
    station: Station | None  # this coordinator's own place in it; None with --vpn off
    fleet: Fleet  # the coordinators that share our store
    keys: ApiKeys
    registry: Registry  # who is here now; also the candidate source of the gateway's router
    everybody: Everybody  # all workers of the mesh, also those that talk to other coordinators
    warden: Warden  # puts workers on probation whose answers are wrong
    planning: Planning  # what each of them shall run
    together: Together  # our part among several coordinators
    conditions: Conditions  # what the operator should mend about this machine
    catalogue: Catalogue
    catalogue_office: CatalogueOffice
    token_verifier: TokenVerifier  # checks what workers send us
    token_issuer: TokenIssuer  # makes X-RMA-Token for requests to workers
    dht: DhtNode
    readiness: Readiness
    clock: Callable[[], float]

    @property
    def mesh_key(self) -> SigningKey:
        """The mesh's key: whichever signs at the moment."""
        return self.keyring

    @property
    def admin_token(self) -> str:
        return self.admin_tokens.token

    @property
    def public_host(self) -> str:
        return urlsplit(self.info.url).hostname or ""


COORDINATOR: Final = web.AppKey("coordinator", Coordinator)
