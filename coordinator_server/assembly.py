"""Puts a coordinator together: every part, and what each is given; nothing runs yet."""

from __future__ import annotations

import secrets as random
import time
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from pathlib import Path

import resources
from coordinator_server.admin_tokens import AdminTokens
from coordinator_server.application import Coordinator
from coordinator_server.audit import Audit
from coordinator_server.catalogue_office import CatalogueOffice
from coordinator_server.config import CoordinatorConfig
from coordinator_server.enrolment.credentials import CredentialOffice
from coordinator_server.enrolment.enrol import Enroller
from coordinator_server.enrolment.invites import Invites
from coordinator_server.enrolment.key_rotation import KeyRotation
from coordinator_server.enrolment.lockout import Lockout
from coordinator_server.enrolment.mesh_keyring import MeshKeyring
from coordinator_server.enrolment.overlay import Overlay
from coordinator_server.enrolment.workers import Workers
from coordinator_server.fleet.everybody import Everybody
from coordinator_server.fleet.fleet import Fleet
from coordinator_server.fleet.roster import Roster
from coordinator_server.fleet.together import GRACE, Together
from coordinator_server.gateway.keys import ApiKeys
from coordinator_server.gateway.readiness import Readiness
from coordinator_server.keys import Secrets
from coordinator_server.operation.clocks import ClockWatch, is_in_doubt, steady_seconds
from coordinator_server.operation.conditions import Conditions
from coordinator_server.probation.book import Book
from coordinator_server.probation.canaries import load_canaries
from coordinator_server.probation.standing import Terms
from coordinator_server.probation.warden import Warden
from coordinator_server.registry.membership import Patience
from coordinator_server.registry.planning import Planning
from coordinator_server.registry.plans import Pace
from coordinator_server.registry.registry import Registry
from coordinator_server.seals.sealer import Sealer
from coordinator_server.store.interface import Store
from coordinator_server.vpn.assembly import Computers, make_station, open_overlay
from node.dht.node import DhtNode, DhtSettings
from node.wire.credentials import place_of
from node.wire.manifests import Catalogue
from node.wire.messages import CoordinatorInfo
from node.wire.tokens import TokenIssuer, TokenVerifier

CONTACTS_FILE = "dht-contacts.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What the parts stand on."""

    config: CoordinatorConfig
    secrets: Secrets
    keyring: MeshKeyring
    store: Store
    catalogue: Catalogue
    clock: Callable[[], float]
    audit: Audit
    workers: Workers
    overlay: Overlay | None

    @property
    def own_id(self) -> str:
        return self.secrets.coordinator_id

    @property
    def steady(self) -> Callable[[], float]:
        """A clock that nobody sets."""
        return steady_seconds if self.clock is time.time else self.clock


async def put_together(
    config: CoordinatorConfig,
    secrets: Secrets,
    keyring: MeshKeyring,
    store: Store,
    catalogue: Catalogue,
    *,
    url: str,
    clock: Callable[[], float],
    computers: Computers,
) -> Coordinator:
    """Make every part and give each what it needs; nothing runs yet."""
    audit = Audit(store, clock)
    workers = Workers(store, audit, clock, config.credential_life)
    await workers.load()
    await workers.out.renumber()
    ground = Ground(
        config=config,
        secrets=secrets,
        keyring=keyring,
        store=store,
        catalogue=catalogue,
        clock=clock,
        audit=audit,
        workers=workers,
        overlay=await open_overlay(config, secrets, store, workers, mesh_key=keyring, audit=audit, clock=clock),
    )
    book = Book(store)
    await book.load()
    return _put_on(ground, book, url, computers)


def _put_on(ground: Ground, book: Book, url: str, computers: Computers) -> Coordinator:
    config, secrets, keyring, store = ground.config, ground.secrets, ground.keyring, ground.store
    catalogue, clock, own_id, overlay = ground.catalogue, ground.clock, ground.own_id, ground.overlay
    office, lockout = make_office(keyring, config), Lockout(config.enrol_wrong_tries, config.enrol_window)
    credential = own_credential(office, secrets, clock())
    issuer = TokenIssuer(secrets.identity_key, own_id, credential, clock)
    invites = Invites(store, lambda: keyring.keys, ground.audit, clock)
    registry, everybody, planning, together = _make_crew(ground)
    fleet = Fleet(store, own_id, config.coordinator_heartbeat, clock)
    revoked = Revoked(ground.workers)
    keys = ApiKeys(store, clock)
    unreadable = (ground.workers.unreadable, invites.unreadable, keys.unreadable)
    conditions = Conditions(config, store, fleet, clock, ClockWatch(clock, ground.steady), unreadable=unreadable)
    ground.workers.out.clock_in_doubt = lambda: is_in_doubt(conditions.now, fleet.alive(), clock(), fleet.heartbeat)
    dht_host = config.dht_host or config.host
    return Coordinator(
        config=config,
        coordinator_id=own_id,
        info=CoordinatorInfo(id=own_id, url=url, location=config.location, dht_host=dht_host),
        keyring=keyring,
        key_rotation=_make_rotation(ground),
        admin_tokens=AdminTokens(config.directory, secrets.admin_token, clock, fixed=bool(config.admin_token)),
        store=store,
        audit=ground.audit,
        sealer=Sealer(
            store, secrets.identity_key, lambda: issuer.credential, clock, is_elected=lambda: together.leads
        ),
        invites=invites,
        workers=ground.workers,
        lockout=lockout,
        overlay=overlay,
        station=make_station(config, secrets, overlay, registry, computers) if overlay is not None else None,
        enroller=_make_enroller(ground, invites, office, lockout),
        fleet=fleet,
        keys=keys,
        registry=registry,
        everybody=everybody,
        warden=_make_warden(ground, registry, book),
        planning=planning,
        together=together,
        conditions=conditions,
        catalogue=catalogue,
        catalogue_office=CatalogueOffice(catalogue, keyring),
        token_verifier=TokenVerifier(keyring.trust, own_id, clock, revoked),
        token_issuer=issuer,
        dht=make_dht(config, secrets, keyring, credential, clock=clock, revoked=revoked),
        readiness=Readiness(),
        clock=clock,
    )


def _make_crew(ground: Ground) -> tuple[Registry, Everybody, Planning, Together]:
    """Make what knows the workers and says what they run, here and with others."""
    config, clock = ground.config, ground.clock
    registry = Registry(
        ground.workers,
        ground.catalogue,
        Patience(config.worker_stale, config.worker_forgotten),
        clock,
        own_id=ground.own_id,
        overlay=config.vpn_network,
        jumped=ClockWatch(clock, ground.steady).look,
    )
    roster = Roster(random.token_urlsafe(8), GRACE * config.worker_heartbeat)
    everybody = Everybody(registry, roster)
    planning = Planning(
        everybody,
        ground.workers,
        ground.catalogue,
        clock,
        config.services_per_worker,
        pace=Pace(drain=config.drain_deadline),
    )
    registry.mattered = planning.worker_changed
    registry.runs, registry.hands_over = planning.runs, planning.hands_over
    together = Together(ground.store, roster, registry, planning, everybody, own_id=ground.own_id)
    return registry, everybody, planning, together


def _make_enroller(ground: Ground, invites: Invites, office: CredentialOffice, lockout: Lockout) -> Enroller:
    return Enroller(
        invites=invites,
        workers=ground.workers,
        office=office,
        lockout=lockout,
        audit=ground.audit,
        clock=ground.clock,
        overlay=ground.overlay,
        store_in_doubt=lambda: ground.store.in_doubt,
        require_approval=ground.config.require_approval,
    )


def _make_rotation(ground: Ground) -> KeyRotation:
    return KeyRotation(
        coordinator_id=ground.own_id,
        keyring=ground.keyring,
        store=ground.store,
        workers=ground.workers,
        audit=ground.audit,
        clock=ground.clock,
        life=ground.config.credential_life,
        settle=ground.config.key_rotation_settle,
        overlay=ground.overlay,
    )


def _make_warden(ground: Ground, registry: Registry, book: Book) -> Warden:
    config = ground.config
    warden = Warden(
        book,
        ground.audit,
        registry,
        ground.catalogue,
        canaries=load_canaries(service_folders(config)) if config.canary_pause else {},
        clock=ground.clock,
        terms=terms_of(config),
        pause=config.canary_pause,
        enrolled_at=ground.workers.enrolled_at,
    )
    registry.doubts, registry.broke_off = warden.doubts, warden.endings.broke_off
    warden.clock_in_doubt = ground.workers.out.clock_in_doubt
    return warden


def service_folders(config: CoordinatorConfig) -> Sequence[Path]:
    """Return where manifests are: the shipped ones, then the operator's."""
    return [Path(str(resources.__file__)).parent / "services", *map(Path, config.services_dir)]


def terms_of(config: CoordinatorConfig) -> Terms:
    return Terms(
        window=config.probation_window,
        least=config.probation_requests,
        share=config.probation_share,
        passes=config.probation_passes,
        pause=config.probation_pause,
        many=config.suspicion_probations,
    )


def make_dht(
    config: CoordinatorConfig,
    secrets: Secrets,
    keyring: MeshKeyring,
    credential: str,
    *,
    clock: Callable[[], float],
    revoked: Container[str],
) -> DhtNode:
    return DhtNode(
        identity=secrets.identity_key,
        mesh_public_key=keyring.trust,
        subject=secrets.coordinator_id,
        credential=credential,
        clock=clock,
        settings=DhtSettings(
            rpc_timeout=config.dht_rpc_timeout, entry_ttl=config.dht_entry_ttl, republish=config.dht_republish
        ),
        contacts_file=config.directory / CONTACTS_FILE,
        revoked=revoked,
    )


class Revoked:
    """The revoked ids as verifiers look at them: always the present ones."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers

    def __contains__(self, subject: object) -> bool:
        return isinstance(subject, str) and self._workers.is_revoked(subject)


def make_office(keyring: MeshKeyring, config: CoordinatorConfig) -> CredentialOffice:
    return CredentialOffice(keyring, config.credential_life, lambda subject: keyring.places.get(subject, b""))


def own_credential(office: CredentialOffice, secrets: Secrets, now: float) -> str:
    """Issue our own credential; our place in the DHT follows from our own key, so that it always stays the same."""
    public_key = secrets.identity_public_key
    place = place_of(public_key, secrets.identity_key)
    return office.issue(secrets.coordinator_id, "coordinator", public_key, "vetted", now, place=place)
