"""The overlay: members get what they need to be in it, keep it, renew it, lose it, and survive a rotation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from coordinator_server.audit import Audit
from coordinator_server.enrolment.addresses import Addresses
from coordinator_server.enrolment.authorities import AUTHORITY_LIFE
from coordinator_server.enrolment.blocklist import SPARE
from coordinator_server.enrolment.certificates import CertificateOffice
from coordinator_server.enrolment.leases import MOST_LIVE
from coordinator_server.enrolment.lighthouses import Lighthouses
from coordinator_server.enrolment.overlay import AUTHORITY_MARGIN, SETTLE, Overlay, read_member_key
from coordinator_server.enrolment.workers import Enrolment, Workers
from coordinator_server.store.interface import Write
from coordinator_server.store.sqlite import SqliteStore, open_sqlite
from node.program.errors import UserFacingError
from node.wire.credentials import CLOCK_SKEW
from node.wire.encoding import b64decode, b64encode
from node.wire.messages import VpnGrant, VpnReport
from node.wire.nebula_certificates import CertificateError, NebulaCertificate, verify
from node.wire.nebula_pem import read_bundle, read_certificate
from node.wire.problems import Problem
from tests.support.mesh_keys import NOW, Clock, Mesh

WEEK = 7 * 86400.0
NETWORK, TINY = IPv4Network("10.42.0.0/16"), IPv4Network("192.168.42.0/28")


def new_key() -> str:
    return b64encode(X25519PrivateKey.generate().public_key().public_bytes_raw())


@dataclass
class Office:
    """An overlay on a real store; `another` is a second coordinator's on the same."""

    store: SqliteStore
    network: IPv4Network = NETWORK
    mesh: Mesh = field(default_factory=Mesh)
    clock: Clock = field(default_factory=Clock)

    async def open(self, coordinator_id: str = "") -> Office:
        audit = Audit(self.store, self.clock)
        self.workers = Workers(self.store, audit, self.clock, WEEK)
        await self.workers.load()
        self.overlay = Overlay(
            office=CertificateOffice(self.store, audit, self.mesh.key, self.network),
            addresses=Addresses(self.store, self.network),
            lighthouses=Lighthouses(self.store),
            workers=self.workers,
            audit=audit,
            clock=self.clock,
            life=WEEK,
        )
        await self.overlay.load(coordinator_id)
        return self

    async def another(self, network: IPv4Network | None = None) -> Office:
        return await Office(self.store, network or self.network, self.mesh, self.clock).open()

    async def enrol(self, name: str, key: str = "") -> Enrolment:
        enrolment = Enrolment(
            worker_id=name,
            name="PC",
            identity_public_key=f"key of {name}",
            invite_id="i",
            trust="volunteer",
            enrolled_at=self.clock.now,
        )
        while True:
            placed, also = await self.overlay.admit(enrolment, key)
            line = Audit(self.store, self.clock).line("enrolled", actor="a")
            if await self.workers.admit(placed, Write("spent", b""), line, also):
                return placed

    def now(self, name: str) -> Enrolment:
        found = self.workers.get(name)
        assert found is not None
        return found

    async def uses(self, name: str, grant: VpnGrant) -> None:
        """Report as a worker does that has taken in its grant."""
        report = VpnReport(certificate=certificate(grant).fingerprint, bundle=grant.bundle)
        await self.overlay.report(name, report)


def certificate(grant: VpnGrant) -> NebulaCertificate:
    return read_certificate(grant.certificate)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = await open_sqlite(tmp_path / "x.db")
    yield store
    await store.close()


@pytest.fixture
async def office(store: SqliteStore) -> Office:
    return await Office(store).open()


# --- leases ---------------------------------------------------------------------------------------------------


async def test_a_worker_is_given_all_that_it_needs(office: Office) -> None:
    key = new_key()
    await office.overlay.join("coordinator-1", b64decode(new_key()), ["192.0.2.1:4242"])
    enrolment = await office.enrol("w-1", key)
    grant = office.overlay.granted(enrolment, key)
    assert grant is not None
    found = certificate(grant)
    verify(found, read_bundle(grant.ca), NOW)
    assert (found.name, b64encode(found.public_key), found.groups) == ("w-1", key, ("worker", "volunteer"))
    assert found.ips == (IPv4Interface(grant.ip + "/16"),)
    assert grant.network == "10.42.0.0/16"
    assert grant.renew_at == NOW + WEEK / 2
    assert [(light.vpn_ip, light.endpoints) for light in grant.lighthouses] == [("10.42.0.1", ("192.0.2.1:4242",))]
    assert grant.version == office.overlay.version(enrolment) != ""
    assert msgspec.json.decode(msgspec.json.encode(grant), type=VpnGrant) == grant


async def test_without_a_key_there_is_no_place_until_one_is_shown(office: Office) -> None:
    enrolment = await office.enrol("w-1")
    assert (enrolment.vpn, office.overlay.version(enrolment)) == (None, "")
    assert office.overlay.granted(enrolment, "") is None
    grant = await office.overlay.renew(enrolment, new_key())
    assert office.overlay.version(office.now("w-1")) == grant.version


async def test_who_asks_to_enrol_with_anothers_identity_gets_nothing_for_a_key_of_its_own(office: Office) -> None:
    enrolment = await office.enrol("w-1", new_key())
    assert office.overlay.granted(enrolment, new_key()) is None
    bare = await office.enrol("w-2")
    assert office.overlay.granted(bare, new_key()) is None


@pytest.mark.parametrize("key", ["", "A" * 43, "!" * 43, b64encode(bytes(31)), b64encode(b"\x01" + bytes(31))])
async def test_a_key_that_is_none_is_a_422_with_the_field(office: Office, key: str) -> None:
    with pytest.raises(Problem, match="nebula_public_key") as caught:
        read_member_key(key)
    assert (caught.value.status, caught.value.extra["field"]) == (422, "nebula_public_key")


async def test_a_renewal_in_the_first_half_gives_what_is_there(office: Office) -> None:
    key = new_key()
    enrolment = await office.enrol("w-1", key)
    first = office.overlay.granted(enrolment, key)
    office.clock.now += 0.4 * WEEK
    assert await office.overlay.renew(enrolment, key) == first
    assert await (await office.another()).overlay.renew(enrolment, key) == first


async def test_a_renewal_at_half_gives_a_new_certificate_for_the_same_address(office: Office) -> None:
    key = new_key()
    enrolment = await office.enrol("w-1", key)
    first = await office.overlay.renew(enrolment, key)
    office.clock.now += WEEK / 2
    second = await office.overlay.renew(enrolment, key)
    assert second.ip == first.ip
    assert certificate(second).not_after == office.clock.now + WEEK
    lease = office.now("w-1").vpn
    assert lease is not None
    assert {issued.fingerprint for issued in lease.issued} == {
        certificate(first).fingerprint,
        certificate(second).fingerprint,
    }
    assert (await office.store.audit())[0].action == "certificate-issued"


async def test_after_weeks_off_a_worker_has_its_address_back(office: Office) -> None:
    key = new_key()
    enrolment = await office.enrol("w-1", key)
    first = await office.overlay.renew(enrolment, key)
    office.clock.now += 5 * WEEK
    again = await office.overlay.renew(enrolment, key)
    assert again.ip == first.ip
    verify(certificate(again), read_bundle(again.ca), office.clock.now)


async def test_an_address_that_others_have_meanwhile_is_not_given_back(store: SqliteStore) -> None:
    office = await Office(store, TINY).open()
    keys = [new_key() for _ in range(13)]
    for number in range(12):
        await office.enrol(f"w-{number}", keys[number])
    with pytest.raises(Problem, match="taken"):
        await office.enrol("w-12", keys[12])
    office.clock.now += WEEK + 2 * CLOCK_SKEW
    newcomer = await office.enrol("w-12", keys[12])
    assert newcomer.vpn is not None
    (former,) = (
        enrolment for enrolment in office.workers
        if enrolment.vpn is not None and enrolment.vpn.ip == newcomer.vpn.ip and enrolment != newcomer
    )  # fmt: skip
    grant = await office.overlay.renew(former, keys[int(former.worker_id[2:])])
    assert grant.ip != newcomer.vpn.ip


async def test_trust_is_in_the_certificate_and_a_change_of_it_renews(office: Office) -> None:
    key = new_key()
    enrolment = await office.enrol("w-1", key)
    before = office.overlay.version(enrolment)
    await office.workers.approve("w-1")
    assert office.overlay.version(office.now("w-1")) != before
    assert certificate(await office.overlay.renew(enrolment, key)).groups == ("worker", "vetted")


async def test_one_worker_cannot_have_certificates_without_end(office: Office) -> None:
    enrolment = await office.enrol("w-1", new_key())
    for _ in range(MOST_LIVE - 1):
        await office.overlay.renew(enrolment, new_key())
    with pytest.raises(Problem, match="too many certificates") as caught:
        await office.overlay.renew(enrolment, new_key())
    assert caught.value.kind == "rate-limited"
    office.clock.now += WEEK + 2 * CLOCK_SKEW
    await office.overlay.renew(enrolment, new_key())


async def test_renewals_at_once_at_two_coordinators_are_all_remembered(office: Office) -> None:
    enrolment, other = await office.enrol("w-1", new_key()), await office.another()
    places = [office, other] * 4
    grants = await asyncio.gather(*(place.overlay.renew(enrolment, new_key()) for place in places))
    lease = (await office.another()).now("w-1").vpn
    assert lease is not None
    assert {certificate(grant).fingerprint for grant in grants} <= {issued.fingerprint for issued in lease.issued}
    assert {grant.ip for grant in grants} == {lease.ip}


# --- revocation -----------------------------------------------------------------------------------------------


async def test_a_revoked_workers_certificates_are_all_blocked_and_its_address_rests(office: Office) -> None:
    key = new_key()
    enrolment = await office.enrol("w-1", key)
    grants = [await office.overlay.renew(enrolment, key)]
    office.clock.now += WEEK / 2
    grants.append(await office.overlay.renew(enrolment, key))
    await office.workers.revoke("w-1")
    prints = {certificate(grant).fingerprint for grant in grants}
    assert set(office.workers.blocklist.fingerprints) == prints
    assert set((await office.another()).workers.blocklist.fingerprints) == prints
    with pytest.raises(Problem, match="put out"):
        await office.overlay.renew(enrolment, key)
    newcomer = await office.enrol("w-2", new_key())
    assert newcomer.vpn is not None
    assert newcomer.vpn.ip != grants[0].ip
    office.clock.now += WEEK / 2 + 2 * CLOCK_SKEW + SPARE
    await office.overlay.tick()
    assert office.workers.blocklist.fingerprints == (certificate(grants[1]).fingerprint,)
    office.clock.now += WEEK
    await office.overlay.tick()
    assert office.workers.blocklist.fingerprints == ()


async def test_a_key_that_is_given_up_is_worth_nothing_to_whoever_finds_it(office: Office) -> None:
    found, key = new_key(), new_key()
    enrolment = await office.enrol("w-1", found)
    old = [await office.overlay.renew(enrolment, found)]
    office.clock.now += WEEK / 2
    old.append(await office.overlay.renew(enrolment, found))
    assert office.workers.blocklist.fingerprints == (), "a renewal with the same key blocks nothing"
    new = await office.overlay.renew(enrolment, key)
    listed = {certificate(grant).fingerprint for grant in old}
    for place in (office, await office.another()):
        assert set(place.workers.blocklist.fingerprints) == listed
        assert place.workers.blocklist.names == (), "nobody was put out"
    assert new.ip == old[0].ip
    assert await office.overlay.renew(enrolment, key) == new
    with pytest.raises(Problem, match="ask again in a moment"):
        await office.overlay.renew(enrolment, found)  # its certificate would be the blocked one, byte for byte
    office.clock.now += 1
    again = await office.overlay.renew(enrolment, found)
    assert certificate(again).fingerprint not in office.workers.blocklist.certificates
    assert certificate(new).fingerprint in office.workers.blocklist.certificates


async def test_so_is_the_key_that_a_coordinator_had(office: Office) -> None:
    first, second = b64decode(new_key()), b64decode(new_key())
    old = await office.overlay.join("c-1", first, ("198.51.100.7:4242",))
    new = await office.overlay.join("c-1", second, ("198.51.100.7:4242",))
    assert office.workers.blocklist.fingerprints == (certificate(old).fingerprint,)
    assert await office.overlay.join("c-1", second, ("198.51.100.7:4242",)) == new
    assert office.workers.blocklist.fingerprints == (certificate(old).fingerprint,)


async def test_who_leaves_cannot_stay_in_the_overlay(office: Office) -> None:
    enrolment = await office.enrol("w-1", new_key())
    assert enrolment.vpn is not None
    await office.workers.remove("w-1", actor="worker:w-1")
    assert office.workers.blocklist.fingerprints == (enrolment.vpn.newest.fingerprint,)


async def test_a_renewal_never_slips_past_a_revocation(office: Office) -> None:
    """Whichever comes first, no certificate is left that is not blocked; also where two coordinators work."""
    other = await office.another()
    for number in range(10):
        name = f"w-{number}"
        enrolment = await office.enrol(name, new_key())
        await asyncio.gather(
            office.workers.revoke(name),
            *(place.overlay.renew(enrolment, new_key()) for place in (office, other, office)),
            return_exceptions=True,
        )
        after = await office.another()
        lease = after.now(name).vpn
        assert after.now(name).revoked
        assert lease is not None
        assert {issued.fingerprint for issued in lease.issued} <= set(after.workers.blocklist.fingerprints)


async def test_a_coordinator_that_has_not_heard_of_a_revocation_renews_nothing(office: Office) -> None:
    enrolment, other = await office.enrol("w-1", new_key()), await office.another()
    await office.workers.revoke("w-1")
    assert not other.now("w-1").revoked
    with pytest.raises(Problem, match="put out"):
        await other.overlay.renew(enrolment, new_key())
    assert (await office.another()).now("w-1").revoked


# --- coordinators ---------------------------------------------------------------------------------------------


async def test_a_coordinator_has_a_low_address_and_renews_like_a_worker(office: Office) -> None:
    key = b64decode(new_key())
    grant = await office.overlay.join("coordinator-1", key, ["mesh.example.org:4242"], relay=False)
    assert certificate(grant).groups == ("coordinator", "vetted")
    assert IPv4Address(grant.ip) < IPv4Address("10.42.0.16")
    again = await (await office.another()).overlay.join(
        "coordinator-1", key, ["mesh.example.org:4242"], relay=False
    )
    assert again == grant
    office.clock.now += WEEK / 2
    assert certificate(await office.overlay.join("coordinator-1", key, [])).not_after == office.clock.now + WEEK


async def test_workers_renew_when_lighthouses_come_and_go(office: Office) -> None:
    key = new_key()
    enrolment = await office.enrol("w-1", key)
    before = office.overlay.version(enrolment)
    await office.overlay.join("coordinator-1", b64decode(new_key()), ["192.0.2.1:4242"])
    grant = await office.overlay.renew(enrolment, key)
    assert grant.version == office.overlay.version(office.now("w-1")) != before
    other = await office.another()
    assert other.overlay.version(enrolment) == grant.version, "coordinators agree, or workers would renew for ever"
    await office.overlay.withdraw("coordinator-1")
    assert office.overlay.version(enrolment) == before


# --- rotation -------------------------------------------------------------------------------------------------


async def tick(office: Office, seconds: float = SETTLE) -> str:
    office.clock.now += seconds
    await office.overlay.tick()
    return office.overlay.rotation().phase


async def test_a_rotation_waits_for_everybody_and_never_cuts_anybody_off(office: Office) -> None:
    keys = {"w-1": new_key(), "w-2": new_key()}
    grants = {name: await office.overlay.renew(await office.enrol(name, key), key) for name, key in keys.items()}
    before = office.overlay.office.signer.authority
    assert await tick(office) == "steady"
    assert (await office.overlay.rotate(force=False)).phase == "spreading"
    with pytest.raises(Problem, match="waits for 2 members"):
        await office.overlay.rotate(force=False)

    def check(ready: list[str]) -> None:
        """Each member's certificate in use is taken by every other one."""
        assert office.overlay.rotation().waiting_for == tuple(sorted(set(keys) - set(ready)))
        for one in grants.values():
            for other in grants.values():
                verify(certificate(one), read_bundle(other.ca), office.clock.now)

    for phase, following in (("spreading", "replacing"), ("replacing", "steady")):
        check([])
        assert await tick(office) == phase
        for name in ("w-1", "w-2"):
            assert office.overlay.version(office.now(name)) != grants[name].version
            grants[name] = await office.overlay.renew(office.now(name), keys[name])
            assert await tick(office) == phase, "given is not yet in use"
            await office.uses(name, grants[name])
            check(["w-1"] if name == "w-1" else ["w-1", "w-2"])
        assert await tick(office) == following
        check([]) if following == "replacing" else None
    assert certificate(grants["w-1"]).issuer == office.overlay.office.signer.authority.fingerprint
    assert before not in office.overlay.office.signer.certificates
    for name, key in keys.items():
        last = await office.overlay.renew(office.now(name), key)
        assert last.certificate == grants[name].certificate
        assert len(read_bundle(last.ca)) == 1


async def test_who_is_off_holds_a_rotation_up_only_until_its_certificate_has_expired(office: Office) -> None:
    key = new_key()
    enrolment = await office.enrol("w-1", key)
    await office.overlay.rotate(force=False)
    assert await tick(office, WEEK - 60) == "spreading"
    assert await tick(office, 2 * CLOCK_SKEW + 61) == "replacing"
    assert await tick(office) == "steady"
    grant = await office.overlay.renew(enrolment, key)
    verify(certificate(grant), read_bundle(grant.ca), office.clock.now)


async def test_who_renews_and_never_says_what_it_uses_holds_a_rotation_up_for_one_life(office: Office) -> None:
    key = new_key()
    lying = await office.enrol("w-1", key)
    await office.overlay.rotate(force=False)
    for phase in ("spreading", "replacing"):
        for _ in range(14):  # of the certificate's life, and of all that clocks may be wrong
            assert await tick(office, (WEEK + 2 * CLOCK_SKEW) / 14 - 1) == phase
            assert office.overlay.rotation().waiting_for == ("w-1",)
            await office.overlay.renew(lying, key)
        assert await tick(office, 15) != phase
    assert office.overlay.rotation().waiting_for == ()


async def test_coordinators_are_waited_for_too(office: Office) -> None:
    key = b64decode(new_key())
    await office.overlay.join("coordinator-1", key, ["192.0.2.1:4242"])
    await office.overlay.rotate(force=False)
    for phase in ("replacing", "steady"):
        grant = await office.overlay.join("coordinator-1", key, ["192.0.2.1:4242"])
        assert await tick(office) != phase
        report = VpnReport(certificate=certificate(grant).fingerprint, bundle=grant.bundle)
        await office.overlay.applied("coordinator-1", report)
        assert await tick(office) == phase


async def test_a_coordinator_that_runs_without_the_overlay_is_waited_for_no_more(office: Office) -> None:
    key, places = b64decode(new_key()), ["192.0.2.1:4242"]
    before = await office.overlay.join("coordinator-1", key, places)
    other = await office.another()
    await office.overlay.withdraw("coordinator-1")
    assert (office.overlay.members(), office.overlay.rotation().waiting_for) == (0, ())
    await other.overlay.rotate(force=False)
    assert [await tick(other) for _ in range(2)] == ["replacing", "steady"], "any coordinator takes the steps"
    await office.overlay.tick()
    again = await office.overlay.join("coordinator-1", key, places)
    assert (again.ip, again.ca == before.ca, office.overlay.members()) == (before.ip, False, 1)
    await office.overlay.rotate(force=False)
    assert office.overlay.rotation().waiting_for == ("coordinator-1",)


async def test_a_forced_rotation_is_over_at_once_and_the_old_authority_counts_no_more(office: Office) -> None:
    key = new_key()
    old = await office.overlay.renew(await office.enrol("w-1", key), key)
    phases = [(await office.overlay.rotate(force=True)).phase for _ in range(3)]
    assert phases == ["spreading", "replacing", "steady"]
    new = await office.overlay.renew(office.now("w-1"), key)
    assert new.ip == old.ip
    with pytest.raises(CertificateError, match="authority"):
        verify(certificate(old), read_bundle(new.ca), office.clock.now)


async def test_what_is_reported_falsely_or_late_changes_nothing(office: Office) -> None:
    key = new_key()
    await office.enrol("w-1", key)
    before = office.now("w-1")
    await office.overlay.report("w-1", VpnReport(bundle=office.overlay.office.signer.bundle))
    assert office.now("w-1") == before, "nothing is written while there is nothing to wait for"
    await office.overlay.rotate(force=False)
    await office.overlay.report("w-1", VpnReport(certificate="ab" * 32, bundle="cd" * 8))
    await office.overlay.report("nobody", VpnReport())
    await office.overlay.report("w-1", None)
    assert office.now("w-1") == before
    assert office.overlay.rotation().waiting_for == ("w-1",)


async def test_an_authority_near_its_end_is_replaced_without_anybody_asking(office: Office) -> None:
    assert await tick(office, AUTHORITY_LIFE - AUTHORITY_MARGIN - 60) == "steady"
    assert await tick(office, 120) == "spreading"


async def test_an_authority_that_was_made_while_the_clock_was_wrong_is_replaced(office: Office) -> None:
    key = new_key()
    office.clock.now -= 400 * 86400
    enrolment = await office.enrol("w-1", key)
    phases = [await tick(office)]
    while phases[-1] != "steady":
        grant = await office.overlay.renew(office.now("w-1"), key)
        await office.uses("w-1", grant)
        phases.append(await tick(office))
    assert phases == ["spreading", "replacing", "steady"]
    grant = await office.overlay.renew(enrolment, key)
    verify(certificate(grant), read_bundle(grant.ca), office.clock.now)


# --- the network ----------------------------------------------------------------------------------------------


async def test_the_network_changes_while_only_the_own_coordinator_is_in_it(office: Office) -> None:
    key = X25519PrivateKey.generate().public_key().public_bytes_raw()
    await office.overlay.join("c-1", key, ("mesh.example.org:4242",))
    other = Office(office.store, IPv4Network("10.77.0.0/16"), office.mesh, office.clock)
    with pytest.raises(UserFacingError, match="cannot become") as caught:
        await other.open()  # for another coordinator of this mesh
    assert "7 d" in caught.value.message
    await other.open("c-1")
    grant = await other.overlay.join("c-1", key, ("mesh.example.org:4242",))
    assert grant.ip == "10.77.0.1"
    verify(certificate(grant), read_bundle(grant.ca), office.clock.now)
    await other.open("another")  # the same network again is nobody's obstacle


async def test_the_network_changes_only_while_nobody_is_in_it(office: Office) -> None:
    key = new_key()
    first = await office.overlay.renew(await office.enrol("w-1", key), key)
    other = IPv4Network("192.168.64.0/20")
    with pytest.raises(UserFacingError, match=r"cannot become 192\.168\.64\.0/20") as caught:
        await office.another(other)
    assert "10.42.0.0/16" in str(caught.value.hint)
    office.clock.now += WEEK + 2 * CLOCK_SKEW + 1
    moved = await office.another(other)
    grant = await moved.overlay.renew(moved.now("w-1"), key)
    assert IPv4Address(grant.ip) in other
    verify(certificate(grant), read_bundle(grant.ca), office.clock.now)
    with pytest.raises(CertificateError):
        verify(certificate(grant), read_bundle(first.ca), office.clock.now)
