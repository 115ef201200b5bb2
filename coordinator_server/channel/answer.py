"""What a worker is told to be and run now: the same for a heartbeat's answer and for a push."""

from __future__ import annotations

import msgspec

from coordinator_server.application import Coordinator
from coordinator_server.enrolment.blocklist import Blocklist
from node.wire.channel import ASSIGNMENT
from node.wire.messages import Assignment, CoordinatorInfo, DhtContact
from node.wire.problems import Problem


class SharedBlocklist:
    """The blocklist as all workers are told it, put in order and encoded once."""

    def __init__(self, blocklist: Blocklist) -> None:
        self.of = blocklist
        self.names = blocklist.names
        self.fingerprints = blocklist.fingerprints
        self.encoded = {
            "revoked": msgspec.Raw(msgspec.json.encode(self.names)),
            "revoked_certificates": msgspec.Raw(msgspec.json.encode(self.fingerprints)),
        }


class Answers:
    """Makes what each worker is told out of what the coordinator knows."""

    def __init__(self, coordinator: Coordinator) -> None:
        self._coordinator = coordinator
        self._shared = SharedBlocklist(coordinator.workers.blocklist)

    def to(self, worker_id: str, about_us: CoordinatorInfo) -> Assignment:
        """Return what a worker is told, who knows us as `about_us`; raise unknown-worker."""
        coordinator, shared = self._coordinator, self._blocklist()
        registry = coordinator.registry
        enrolment, member = coordinator.workers.get(worker_id), registry.member(worker_id)
        if enrolment is None or member is None:
            raise Problem("unknown-worker", f"{worker_id} is not registered.")
        return Assignment(
            role=member.capabilities.worker_type,
            services=registry.assigned(worker_id),
            heartbeat_interval=coordinator.config.worker_heartbeat,
            catalogue_version=coordinator.catalogue_office.version,
            blocklist_version=shared.of.version,
            revoked=shared.names,
            revoked_certificates=shared.fingerprints,
            vpn_version=coordinator.overlay.version(enrolment) if coordinator.overlay is not None else "",
            coordinators=(about_us,),
            dht=contacts_of(coordinator, about_us),
            draining=enrolment.draining,
            mesh_keys=coordinator.keyring.keys.progress,
            detail=registry.why_nothing(worker_id),
        )

    def encode(self, told: Assignment) -> bytes:
        """Return what `to` has just returned as a message of the channel."""
        fields = {"type": ASSIGNMENT, **msgspec.structs.asdict(told)}
        shared = self._blocklist()
        if told.blocklist_version == shared.of.version:
            fields.update(shared.encoded)
        return msgspec.json.encode(fields)

    def knows(self, worker_id: str) -> bool:
        return self._coordinator.registry.member(worker_id) is not None

    def common(self) -> object:
        """Return what tells, compared with an earlier one, whether something has changed for many workers.

        What the blocklist forgets, because it has expired anyway, is told with whatever comes next.
        """
        coordinator = self._coordinator
        station, overlay = coordinator.station, coordinator.overlay
        contact = station.contact if station is not None else None
        seen = (coordinator.keyring.keys.progress, contact)
        if overlay is None:
            return seen
        signer = overlay.office.signer
        told = overlay.lighthouses.told(overlay.clock())
        return (*seen, signer.bundle, signer.authority.fingerprint, told)

    def _blocklist(self) -> SharedBlocklist:
        current = self._coordinator.workers.blocklist
        if self._shared.of is not current:
            self._shared = SharedBlocklist(current)
        return self._shared


def contacts_of(coordinator: Coordinator, about_us: CoordinatorInfo) -> tuple[DhtContact, ...]:
    """Return where a worker who knows us as this can join the DHT, in the overlay first."""
    station = coordinator.station
    inside = station.contact if station is not None else None
    found = [inside] if inside is not None else []
    if about_us.dht_host is not None and about_us.dht_port is not None:
        found.append(DhtContact(host=about_us.dht_host, port=about_us.dht_port))
    return tuple(dict.fromkeys(found))


def without_lists(told: Assignment) -> Assignment:
    """Return what is remembered of what was told: the lists' version stands for them."""
    return msgspec.structs.replace(told, revoked=(), revoked_certificates=())
