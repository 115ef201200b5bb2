"""Puts a coordinator together: every part, and what each is given; nothing runs yet."""

from __future__ import annotations

import secrets as random
import time
from collections.abc import Callable, Container, Sequence
from pathlib import Path

import resources
from coordinator_server.admin_tokens import AdminTokens
from coordinator_server.application import Coordinator, Readiness
from coordinator_server.audit import Audit
from coordinator_server.catalogue_office import CatalogueOffice
from coordinator_server.config import CoordinatorConfig
from coordinator_server.enrolment.credentials import CredentialOffice
from coordinator_server.enrolment.enrol import Enroller
from coordinator_server.enrolment.invites import Invites
from coordinator_server.enrolment.key_rotation import KeyRotation
from coordinator_server.enrolment.lockout import Lockout
from coordinator_server.enrolment.mesh_keyring import MeshKeyring
from coordinator_server.enrolment.workers import Workers
from coordinator_server.fleet.everybody import Everybody
from coordinator_server.fleet.fleet import Fleet
from coordinator_server.fleet.roster import Roster
from coordinator_server.fleet.together import GRACE, Together
from coordinator_server.gateway.keys import ApiKeys
from coordinator_server.keys import Secrets
from coordinator_server.operation.clocks import ClockWatch, steady_seconds
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
    await workers.renumber()
    invites = Invites(store, lambda: keyring.keys, audit, clock)
    office = make_office(keyring, config)
    overlay = await open_overlay(config, secrets, store, workers, mesh_key=keyring, audit=audit, clock=clock)
    lockout = Lockout(config.enrol_wrong_tries, config.enrol_window)
    patience = Patience(config.worker_stale, config.worker_forgotten)
    steady = steady_seconds if clock is time.time else clock
    registry = Registry(
        workers,
        catalogue,
        patience,
        clock,
        own_id=secrets.coordinator_id,
        overlay=config.vpn_network,
        jumped=ClockWatch(clock, steady).look,
    )
    roster = Roster(random.token_urlsafe(8), GRACE * config.worker_heartbeat)
    everybody = Everybody(registry, roster)
    pace = Pace(drain=config.drain_deadline)
    planning = Planning(everybody, workers, catalogue, clock, config.services_per_worker, pace=pace)
    registry.mattered = planning.worker_changed
    registry.runs, registry.hands_over = planning.runs, planning.hands_over
    credential = own_credential(office, secrets, clock())
    revoked = Revoked(workers)
    enroller = Enroller(
        invites=invites,
        workers=workers,
        office=office,
        lockout=lockout,
        audit=audit,
        clock=clock,
        overlay=overlay,
        require_approval=config.require_approval,
    )
    rotation = KeyRotation(
        coordinator_id=secrets.coordinator_id,
        keyring=keyring,
        store=store,
        workers=workers,
        audit=audit,
        clock=clock,
        life=config.credential_life,
        settle=config.key_rotation_settle,
        overlay=overlay,
    )
    book = Book(store)
    await book.load()
    canaries = load_canaries(service_folders(config)) if config.canary_pause else {}
    warden = Warden(
        book,
        audit,
        registry,
        catalogue,
        canaries=canaries,
        clock=clock,
        terms=terms_of(config),
        pause=config.canary_pause,
    )
    registry.doubts, registry.broke_off = warden.doubts, warden.broke_off
    dht_host = config.dht_host or config.host
    issuer = TokenIssuer(secrets.identity_key, secrets.coordinator_id, credential, clock)
    together = Together(store, roster, registry, planning, everybody, own_id=secrets.coordinator_id)
    fleet = Fleet(store, secrets.coordinator_id, config.coordinator_heartbeat, clock)
    watch = ClockWatch(clock, steady)
    return Coordinator(
        config=config,
        coordinator_id=secrets.coordinator_id,
        info=CoordinatorInfo(id=secrets.coordinator_id, url=url, location=config.location, dht_host=dht_host),
        keyring=keyring,
        key_rotation=rotation,
        admin_tokens=AdminTokens(config.directory, secrets.admin_token, clock, fixed=bool(config.admin_token)),
        store=store,
        audit=audit,
        sealer=Sealer(
            store, secrets.identity_key, lambda: issuer.credential, clock, is_elected=lambda: together.leads
        ),
        invites=invites,
        workers=workers,
        lockout=lockout,
        overlay=overlay,
        station=make_station(config, secrets, overlay, registry, computers) if overlay is not None else None,
        enroller=enroller,
        fleet=fleet,
        keys=ApiKeys(store, clock),
        registry=registry,
        everybody=everybody,
        warden=warden,
        planning=planning,
        together=together,
        conditions=Conditions(config, store, fleet, clock, watch),
        catalogue=catalogue,
        catalogue_office=CatalogueOffice(catalogue, keyring),
        token_verifier=TokenVerifier(keyring.trust, secrets.coordinator_id, clock, revoked),
        token_issuer=issuer,
        dht=make_dht(config, secrets, keyring, credential, clock=clock, revoked=revoked),
        readiness=Readiness(),
        clock=clock,
    )


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
