"""What a worker is told to be and run now: the same for a heartbeat's answer and for a push."""

from __future__ import annotations

import msgspec

from coordinator_server.application import Coordinator
from coordinator_server.enrolment.blocklist import Blocklist
from coordinator_server.enrolment.mesh_keyring import MeshKeyring
from node.wire.blocklists import MOST, PutOut, SignedBlocklist, sign_blocklist, sign_current
from node.wire.channel import ASSIGNMENT
from node.wire.messages import Assignment, CoordinatorInfo, DhtContact
from node.wire.problems import Problem

SIGN_AGAIN = 3600.0  # seconds: so that nodes can tell a list that is kept from them for long


class SharedBlocklist:
    """The blocklist as all workers are told it: signed and encoded once, by the mesh key of the moment.

    Where this coordinator lacks that key it tells of no list, and workers stay with theirs.
    """

    def __init__(self, blocklist: Blocklist, keyring: MeshKeyring, now: float) -> None:
        self.of = blocklist
        self._key, self._at = keyring.keys.signing, now
        listed = PutOut(
            version=blocklist.version,
            signed_at=now,
            workers=blocklist.names[:MOST],
            certificates=blocklist.fingerprints[:MOST],
        )
        self.signed = sign_blocklist(listed, keyring) if keyring.can_sign else None
        self.encoded = msgspec.Raw(msgspec.json.encode(self.signed))
        self.current = sign_current(listed, keyring) if keyring.can_sign else None

    def for_who_has(self, version: int) -> tuple[SignedBlocklist | None, SignedBlocklist | None]:
        """Return the list, and in its place, for who has this very version, that it still counts."""
        has_it = self.current is not None and version == self.of.version
        return (None, self.current) if has_it else (self.signed, None)

    def is_good(self, blocklist: Blocklist, keyring: MeshKeyring, now: float) -> bool:
        """Say whether this is still what workers should be told."""
        lacking = self.signed is None and keyring.can_sign
        fresh = 0 <= now - self._at < SIGN_AGAIN
        return self.of is blocklist and self._key == keyring.keys.signing and fresh and not lacking


class Answers:
    """Makes what each worker is told out of what the coordinator knows."""

    def __init__(self, coordinator: Coordinator) -> None:
        self._coordinator = coordinator
        self._shared: SharedBlocklist | None = None

    def to(self, worker_id: str, about_us: CoordinatorInfo) -> Assignment:
        """Return what a worker is told, who knows us as `about_us`; raise unknown-worker."""
        coordinator, shared = self._coordinator, self._blocklist()
        planning = coordinator.planning
        enrolment, member = coordinator.workers.get(worker_id), coordinator.registry.member(worker_id)
        if enrolment is None or member is None:
            raise Problem("unknown-worker", f"{worker_id} is not registered.")
        blocklist, current = shared.for_who_has(member.blocklist_version)
        return Assignment(
            role=member.capabilities.worker_type,
            services=planning.assigned(worker_id),
            heartbeat_interval=coordinator.config.worker_heartbeat,
            catalogue_version=coordinator.catalogue_office.version,
            blocklist_version=shared.of.version,
            blocklist=blocklist,
            blocklist_current=current,
            vpn_version=coordinator.overlay.version(enrolment) if coordinator.overlay is not None else "",
            coordinators=(about_us, *coordinator.fleet.others),
            dht=() if enrolment.pending else contacts_of(coordinator, about_us),
            draining=enrolment.draining,
            mesh_keys=coordinator.keyring.keys.progress,
            detail=planning.why_nothing(worker_id),
            waiting=enrolment.pending,
            probation=coordinator.warden.told(worker_id),
            doubted=() if enrolment.pending else coordinator.warden.book.doubted(),
        )

    def encode(self, told: Assignment) -> bytes:
        """Return what `to` has just returned as a message of the channel, which a heartbeat's answer is as well."""
        fields = {"type": ASSIGNMENT, **msgspec.structs.asdict(told)}
        shared = self._blocklist()
        if told.blocklist is not None and told.blocklist is shared.signed:
            fields["blocklist"] = shared.encoded
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
        seen = (coordinator.keyring.keys.progress, contact, coordinator.fleet.others)
        if overlay is None:
            return seen
        signer = overlay.office.signer
        told = overlay.lighthouses.told(overlay.clock())
        return (*seen, signer.bundle, signer.authority.fingerprint, told)

    def _blocklist(self) -> SharedBlocklist:
        coordinator = self._coordinator
        current, keyring, now = coordinator.workers.blocklist, coordinator.keyring, coordinator.clock()
        shared = self._shared
        if shared is None or not shared.is_good(current, keyring, now):
            shared = self._shared = SharedBlocklist(current, keyring, now)
        return shared


def contacts_of(coordinator: Coordinator, about_us: CoordinatorInfo) -> tuple[DhtContact, ...]:
    """Return where a worker who knows us as this can join the DHT, in the overlay first, by others last."""
    station = coordinator.station
    inside = station.contact if station is not None else None
    found = [inside] if inside is not None else []
    found += [
        DhtContact(host=info.dht_host, port=info.dht_port)
        for info in (about_us, *coordinator.fleet.others)
        if info.dht_host is not None and info.dht_port is not None
    ]
    return tuple(dict.fromkeys(found))


def without_blocklist(told: Assignment) -> Assignment:
    """Return what is remembered of what was told: the list's version stands for it, whenever it was signed."""
    return msgspec.structs.replace(told, blocklist=None, blocklist_current=None)
