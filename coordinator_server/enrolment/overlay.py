"""The mesh's overlay network: gives members addresses and certificates, and renews, revokes and rotates them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv4Address

import msgspec

from coordinator_server.audit import Audit
from coordinator_server.enrolment.addresses import Addresses
from coordinator_server.enrolment.authorities import DIGEST_CHARACTERS, groups_of
from coordinator_server.enrolment.certificates import CertificateOffice
from coordinator_server.enrolment.leases import Lease, is_full, new_lease, outdated, still_good, with_certificate
from coordinator_server.enrolment.lighthouses import Lighthouses, Station
from coordinator_server.enrolment.rotation import RotationState, is_outlived
from coordinator_server.enrolment.workers import Enrolment, Workers
from coordinator_server.store.interface import Write
from node.program.durations import say_duration
from node.program.errors import UserFacingError
from node.wire.credentials import CLOCK_SKEW, Role, Trust
from node.wire.encoding import b64decode
from node.wire.messages import MTU, VpnGrant, VpnReport
from node.wire.nebula_certificates import CertificateError, check_member_key
from node.wire.problems import Problem

TRIES = 200
SETTLE = 60.0  # seconds that a step of a rotation takes at least: other coordinators look every 30
AUTHORITY_MARGIN = 60 * 86400.0  # seconds before an authority's end in which it is replaced without anybody asking


@dataclass(frozen=True, slots=True)
class Member:
    """Whoever has a place in the overlay."""

    name: str
    role: Role
    trust: Trust

    @property
    def groups(self) -> tuple[str, ...]:
        return groups_of(self.role, self.trust)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """Knows every member; what it decides is in the store before anybody is told. `life` is a certificate's."""

    office: CertificateOffice
    addresses: Addresses
    lighthouses: Lighthouses
    workers: Workers
    audit: Audit
    clock: Callable[[], float]
    life: float  # seconds

    async def load(self, coordinator_id: str = "") -> None:
        """Read what there is; raise UserFacingError where it cannot be used, as with another network.

        This coordinator's own place is no obstacle: it gets another one as soon as it joins.
        """
        now = self.clock()
        await self.office.load(now)
        await self.lighthouses.load()
        await self.addresses.load()
        there = self.office.signer.network
        if there == self.addresses.network:
            return
        ends = [
            lease.reserved_until for name, lease in self._leases() if name != coordinator_id and lease.is_live(now)
        ]
        if ends:
            raise UserFacingError(
                f"The overlay's network cannot become {self.addresses.network} now.",
                f"Certificates for addresses in {there} that others have: {len(ends)}. They are good for up to"
                f" {say_duration(max(ends) - now)}.",
                f"Start with --vpn-network {there}. To change it, revoke those machines before, or stop them"
                " and wait for that time.",
            )
        await self.office.start_over(now)

    # --- workers ----------------------------------------------------------------------------------------------

    async def admit(self, enrolment: Enrolment, key: str) -> tuple[Enrolment, tuple[Write, ...]]:
        """Return a new worker's enrolment with a lease, and the writes without which it does not count.

        Without a Nebula key it has none, and can have one when it renews.
        """
        if not key:
            return enrolment, ()
        lease, writes = await self._lease(_worker(enrolment), read_member_key(key), None)
        return msgspec.structs.replace(enrolment, vpn=lease), writes

    def granted(self, enrolment: Enrolment, key: str) -> VpnGrant | None:
        """Return what an enrolled worker was given for this key.

        A request to enrol is not signed by the machine's identity: so nothing is made here, and only who shows the
        same Nebula key hears of it.
        """
        lease = enrolment.vpn
        if lease is None or not key or lease.read().public_key != read_member_key(key):
            return None
        return self.grant(_worker(enrolment), lease)

    async def renew(self, enrolment: Enrolment, key: str) -> VpnGrant:
        """Return a worker's certificate, a new one where the old one is half spent or says something else.

        With another key than before, those of the old key go onto the blocklist. Raise a Problem: no address is
        free, or it asked too often.
        """
        public_key = read_member_key(key)
        for _ in range(TRIES):
            current = self.workers.get(enrolment.worker_id)
            if current is None or current.revoked:
                raise Problem("forbidden", f"{enrolment.worker_id} was put out of the mesh.")
            lease, writes = await self._lease(_worker(current), public_key, current.vpn)
            if not writes:
                return self.grant(_worker(current), lease)
            after = msgspec.structs.replace(current, vpn=lease)
            line = self.audit.line(
                "certificate-issued",
                actor=f"worker:{current.worker_id}",
                subject=current.worker_id,
                detail=f"{lease.ip}, {lease.newest.fingerprint}",
            )
            old = outdated(current.vpn, public_key, self.clock())
            if await self.workers.replace(current, after, line, writes, old):
                return self.grant(_worker(after), lease)
        raise Problem("overloaded", "Too many machines ask for certificates at this moment. Please try again.")

    def grant(self, member: Member, lease: Lease) -> VpnGrant:
        """Return all that a member has to know about the overlay."""
        signer = self.office.signer
        return VpnGrant(
            ip=lease.ip,
            network=str(self.addresses.network),
            ca=signer.pem,
            bundle=signer.bundle,
            certificate=lease.certificate,
            renew_at=lease.renew_at,
            lighthouses=self.lighthouses.told(self.clock()),
            mtu=MTU,
            version=self._version(member),
        )

    def version(self, enrolment: Enrolment) -> str:
        """Return the version of the grant that a worker should have; empty for one that has no place here."""
        return "" if enrolment.vpn is None else self._version(_worker(enrolment))

    def _version(self, member: Member) -> str:
        signer = self.office.signer
        lighthouses = self.lighthouses.told(self.clock())
        told = (signer.bundle, signer.authority.fingerprint, str(self.addresses.network), member.groups, MTU)
        return sha256(msgspec.json.encode((*told, lighthouses))).hexdigest()[:DIGEST_CHARACTERS]

    async def report(self, worker_id: str, report: VpnReport | None) -> None:
        """Take in what a worker says that it uses: while a rotation runs it waits for that."""
        current = self.workers.get(worker_id)
        if report is None or current is None or current.vpn is None or self.office.phase == "steady":
            return
        lease = self._applied(current.vpn, report)
        if lease != current.vpn:
            await self.workers.replace(current, msgspec.structs.replace(current, vpn=lease), None)

    # --- this coordinator -------------------------------------------------------------------------------------

    async def join(
        self,
        coordinator_id: str,
        public_key: bytes,
        endpoints: Sequence[str],
        *,
        relay: bool = True,
        dht_port: int | None = None,
    ) -> VpnGrant:
        """Give a coordinator its place, and tell everybody to find it at these HOST:PORT; again renews it."""
        member = Member(coordinator_id, "coordinator", "vetted")
        for _ in range(TRIES):
            before = self.lighthouses.get(coordinator_id)
            lease, writes = await self._lease(member, public_key, before.lease if before else None)
            station = Station(
                coordinator_id=coordinator_id,
                lease=lease,
                endpoints=tuple(endpoints),
                relay=relay,
                dht_port=dht_port,
            )
            if station == before or await self._put(station, writes, before, public_key):
                return self.grant(member, lease)
        raise Problem("overloaded", "The store is being changed by others all the time. Please try again.")

    async def _put(
        self, station: Station, writes: Sequence[Write], before: Station | None, public_key: bytes
    ) -> bool:
        old = outdated(before.lease if before is not None else None, public_key, self.clock())
        every = list(writes)
        blocklist = await self.workers.out.longer(old, (), every) if old else self.workers.blocklist
        done = await self.lighthouses.put(station, every)
        if done:
            self.workers.out.take(blocklist)
        return done

    async def applied(self, coordinator_id: str, report: VpnReport) -> None:
        """Take in what a coordinator itself uses, as `report` does for workers."""
        station = self.lighthouses.get(coordinator_id)
        if station is not None:
            lease = self._applied(station.lease, report)
            if lease != station.lease:
                await self.lighthouses.put(msgspec.structs.replace(station, lease=lease))

    async def withdraw(self, coordinator_id: str) -> None:
        """Tell nobody of a coordinator that runs without the overlay, nor wait for it; it keeps its address."""
        await self.lighthouses.withdraw(coordinator_id)

    # --- rotation ---------------------------------------------------------------------------------------------

    async def tick(self) -> None:
        """See what other coordinators changed, and take a rotation's next step when everybody is ready for it."""
        now = self.clock()
        await self.office.load(now)
        await self.lighthouses.load()
        await self.workers.prune()
        state = self.rotation()
        if state.phase == "steady":
            if self._must_rotate(now):
                await self.office.rotate(now, actor="coordinator")
        elif state.is_due(now, SETTLE):
            await self.office.rotate(now, actor="coordinator")

    def _must_rotate(self, now: float) -> bool:
        """Say whether the authority's end is near, or its time has not come: the clock was wrong then."""
        authority = self.office.signer.authority
        return authority.not_after - now < max(AUTHORITY_MARGIN, 4 * self.life) or authority.not_before > now

    async def rotate(self, *, force: bool, address: str = "") -> RotationState:
        """Begin a rotation, or take its next step before everybody is ready; else raise conflict."""
        self.rotation().check_step(force, "lose the overlay until they have renewed")
        if not await self.office.rotate(self.clock(), actor="admin", address=address):
            raise Problem("conflict", "Another coordinator was quicker. Please look at the status.")
        return self.rotation()

    def rotation(self) -> RotationState:
        """Return how far a rotation is."""
        authorities = self.office.authorities
        return RotationState(authorities.phase, authorities.since, tuple(sorted(self._unready())))

    def _unready(self) -> Iterator[str]:
        now, phase, signer = self.clock(), self.office.phase, self.office.signer
        bundle, authority = signer.bundle, signer.authority.fingerprint
        if phase == "steady" or is_outlived(self.office.authorities.since, now, self.life):
            return
        for name, lease in self._leases(absent=False):
            if not lease.is_live(now):
                continue
            ready = lease.bundle == bundle
            if phase == "replacing":
                newest = lease.newest
                ready = newest.authority == authority and lease.used == newest.fingerprint
            if not ready:
                yield name

    def members(self) -> int:
        """Return how many members have a certificate that is still good."""
        now = self.clock()
        return sum(lease.is_live(now) for _, lease in self._leases(absent=False))

    # --- what all of it is made of ----------------------------------------------------------------------------

    def _leases(self, *, absent: bool = True) -> Iterator[tuple[str, Lease]]:
        """Yield who has a lease; those of coordinators that are `absent` may be left out."""
        for enrolment in self.workers:
            if enrolment.vpn is not None and not enrolment.revoked:
                yield enrolment.worker_id, enrolment.vpn
        for station in self.lighthouses:
            if absent or not station.absent:
                yield station.coordinator_id, station.lease

    async def _lease(
        self, member: Member, public_key: bytes, before: Lease | None
    ) -> tuple[Lease, tuple[Write, ...]]:
        """Return a lease with a certificate that is good, and what has to be written with it, if anything."""
        now, signer = self.clock(), self.office.signer
        if before is not None and self._keeps(before, member, public_key, now):
            return before, ()
        if before is not None and is_full(before, now):
            raise Problem(
                "rate-limited",
                f"{member.name} has got too many certificates lately. Old ones expire within days.",
                headers={"Retry-After": str(int(self.life / 2))},
            )
        until = now + self.life + 2 * CLOCK_SKEW
        kept = await self.addresses.extend(before.ip, member.name, until) if before is not None else None
        ip, write = kept or await self.addresses.propose(member.name, member.role, now, until)
        made = signer.issue(member.name, ip, member.groups, public_key, now=now, life=self.life)
        if made.fingerprint in outdated(before, public_key, now):  # a key that was given up within this very second
            raise Problem("rate-limited", "Please ask again in a moment.", headers={"Retry-After": "1"})
        return (new_lease(made, now) if before is None else with_certificate(before, made, now)), (write,)

    def _keeps(self, lease: Lease, member: Member, public_key: bytes, now: float) -> bool:
        return IPv4Address(lease.ip) in self.addresses.network and still_good(
            lease, self.office.signer.authority.fingerprint, member.groups, public_key, now
        )

    def _applied(self, lease: Lease, report: VpnReport) -> Lease:
        if report.bundle == self.office.signer.bundle:
            lease = msgspec.structs.replace(lease, bundle=report.bundle)
        if report.certificate == lease.newest.fingerprint:
            lease = msgspec.structs.replace(lease, used=report.certificate)
        return lease


def _worker(enrolment: Enrolment) -> Member:
    return Member(enrolment.worker_id, "worker", enrolment.trust)


def read_member_key(text: str) -> bytes:
    """Return a Nebula public key that somebody sent; raise a 422 for one that is none."""
    try:
        public_key = b64decode(text)
        check_member_key(public_key)
    except (ValueError, CertificateError):
        field = "nebula_public_key"
        raise Problem(
            "invalid-body", f"{field}: it is not base64url of an X25519 public key", field=field
        ) from None
    return public_key
