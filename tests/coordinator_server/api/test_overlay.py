"""What workers get of the overlay over HTTP, and what the operator sees and does."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from node.wire import headers
from node.wire.encoding import b64decode, b64encode
from node.wire.messages import EnrollAnswer, RenewAnswer, VpnGrant, VpnReport
from node.wire.nebula_certificates import verify
from node.wire.nebula_pem import read_bundle, read_certificate
from tests.support.coordinators import Answer, Room, Worker, assignment, coordinator_room, put_out

WEEK = 7 * 86400.0


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with coordinator_room(tmp_path / "c") as room:
        yield room


@dataclass
class Member:
    """A worker with a Nebula key."""

    worker: Worker
    key: str = field(default_factory=lambda: b64encode(X25519PrivateKey.generate().public_key().public_bytes_raw()))

    async def enrol(self, code: str) -> VpnGrant:
        answer = await self.worker.enrol(code, nebula_public_key=self.key)
        assert answer.status == 201, answer.body
        grant = msgspec.json.decode(answer.body, type=EnrollAnswer).vpn
        assert grant is not None
        return grant

    async def renew(self, **changes: Any) -> Answer:
        return await self.worker.say("renew", **{"nebula_public_key": self.key, "nonce": "n", **changes})


def granted(answer: Answer) -> VpnGrant:
    assert answer.status == 200, answer.body
    grant = msgspec.json.decode(answer.body, type=RenewAnswer).vpn
    assert grant is not None
    return grant


async def ask(room: Room, method: str, path: str, body: Any = None) -> Answer:
    token = {"Authorization": f"Bearer {room.coordinator.admin_token}"}
    async with room.session.request(method, room.url + path, json=body, headers=token) as response:
        return Answer(response.status, response.headers, await response.read())


async def test_enrolment_gives_a_certificate_and_a_retry_the_same_one(room: Room) -> None:
    code, member = await room.invite(trust="vetted"), Member(room.machine())
    grant = await member.enrol(code)
    certificate = read_certificate(grant.certificate)
    verify(certificate, read_bundle(grant.ca), room.clock.now)
    assert certificate.name == member.worker.worker_id
    assert (b64encode(certificate.public_key), certificate.groups) == (member.key, ("worker", "vetted"))
    assert await member.enrol(code) == grant
    thief = await member.worker.enrol(code, nebula_public_key=Member(member.worker).key)
    assert (thief.status, thief.json["vpn"]) == (201, None)


async def test_two_hundred_enrolments_at_once_get_two_hundred_addresses(room: Room) -> None:
    code = await room.invite(uses=200)
    grants = await asyncio.gather(*(Member(room.machine()).enrol(code) for _ in range(200)))
    assert len({grant.ip for grant in grants}) == 200
    assert len({read_certificate(grant.certificate).fingerprint for grant in grants}) == 200


async def test_a_full_network_is_said_and_costs_no_invite(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path / "c", vpn_network="192.168.42.0/28") as room:
        code = await room.invite(uses=13)
        grants = [await Member(room.machine()).enrol(code) for _ in range(12)]
        assert len({grant.ip for grant in grants}) == 12
        late = Member(room.machine())
        answer = await late.worker.enrol(code, nebula_public_key=late.key)
        assert (answer.status, answer.problem) == (503, "no-address")
        assert (await room.coordinator.invites.list())[0].used == 12
        assert (await late.worker.enrol(code)).status == 201, "without the overlay there is room"
        renewed = await late.renew()
        found = msgspec.json.decode(renewed.body, type=RenewAnswer)
        assert (renewed.status, found.vpn, bool(found.credential)) == (200, None, True)
        assert "192.168.42.0/28" in found.vpn_detail
        assert not found.vpn_off, "there is an overlay, but no room in it"


async def test_without_the_overlay_there_are_no_certificates(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path / "c", vpn="off") as room:
        member = Member(room.machine())
        answer = await member.worker.enrol(await room.invite(), nebula_public_key=member.key)
        assert (answer.status, answer.json["vpn"]) == (201, None)
        renewed = (await member.renew()).json
        assert "without the overlay" in renewed["vpn_detail"]
        assert renewed["vpn_off"], "so a node tells its volunteer of no refusal"
        assert (await ask(room, "POST", "/api/admin/mesh/rotate-ca", {})).problem == "conflict"
        assert (await ask(room, "GET", "/api/admin/status")).json["overlay"] is None


@pytest.mark.parametrize("key", ["short", b64encode(bytes(32))])
async def test_a_key_that_is_none_is_refused_with_its_field(room: Room, key: str) -> None:
    answer = await room.machine().enrol(await room.invite(), nebula_public_key=key)
    assert (answer.status, answer.json["field"]) == (422, "nebula_public_key")
    member = await room.worker()
    assert (await Member(member, key).renew()).status == 422


async def test_who_enrolled_without_a_key_gets_its_place_at_renewal(room: Room) -> None:
    member = Member(await room.worker())
    await member.worker.register()
    assert assignment(await member.worker.heartbeat()).vpn_version == ""
    assert (await member.renew(nebula_public_key="")).json["vpn"] is None
    grant = granted(await member.renew())
    assert assignment(await member.worker.heartbeat()).vpn_version == grant.version


async def test_the_mesh_signs_a_renewal_for_this_request_alone(room: Room) -> None:
    member = Member(await room.worker())
    body = msgspec.json.encode(
        {"worker_id": member.worker.worker_id, "nebula_public_key": member.key, "nonce": "once"}
    )
    answer = await member.worker.post("/api/worker/renew", body)
    signature = b64decode(answer.headers[headers.SIGNATURE])
    mesh_key = room.coordinator.mesh_key.public_key()
    mesh_key.verify(signature, headers.RENEWAL_CONTEXT + hashlib.sha256(body).digest() + answer.body)
    other = hashlib.sha256(body.replace(b"once", b"twice")).digest()
    with pytest.raises(InvalidSignature):
        mesh_key.verify(signature, headers.RENEWAL_CONTEXT + other + answer.body)


async def test_a_worker_is_reached_at_the_address_that_it_was_given_and_at_no_other(room: Room) -> None:
    member = Member(room.machine())
    grant = await member.enrol(await room.invite())
    for claimed, believed in ((grant.ip, grant.ip), ("10.42.0.99", None), (None, None)):
        await member.worker.register(vpn_ip=claimed)
        found = room.coordinator.registry.member(member.worker.worker_id)
        assert found is not None
        assert found.endpoints.vpn_ip == believed


async def test_an_expired_worker_renews_and_keeps_its_address(room: Room) -> None:
    member = Member(room.machine())
    first = await member.enrol(await room.invite())
    room.clock.now += 5 * WEEK
    again = granted(await member.renew())
    assert again.ip == first.ip
    verify(read_certificate(again.certificate), read_bundle(again.ca), room.clock.now)


async def test_a_revocation_is_in_the_next_heartbeat_of_everybody_else(room: Room) -> None:
    bad, good = Member(room.machine()), Member(room.machine())
    grant = await bad.enrol(await room.invite())
    await good.enrol(await room.invite())
    await good.worker.register()
    before = assignment(await good.worker.heartbeat())
    assert (await ask(room, "POST", f"/api/admin/workers/{bad.worker.worker_id}/revoke")).status == 200
    told = assignment(await good.worker.heartbeat())
    assert put_out(told).certificates == (read_certificate(grant.certificate).fingerprint,)
    assert put_out(told).workers == (bad.worker.worker_id,)
    assert told.blocklist_version > before.blocklist_version
    assert (await bad.renew()).status == 403


async def test_a_restarted_coordinator_knows_its_authority_and_addresses(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path / "c") as room:
        member = Member(room.machine())
        grant = await member.enrol(await room.invite())
    async with coordinator_room(tmp_path / "c", room.clock) as again:
        other = await Member(again.machine()).enrol(await again.invite())
        assert other.ca == grant.ca
        assert other.ip != grant.ip
        member.worker.url, member.worker.session = again.url, again.session
        assert granted(await member.renew()) == grant


async def test_the_operator_rotates_the_authority_and_sees_how_far_it_is(room: Room) -> None:
    member = Member(room.machine())
    await member.enrol(await room.invite())
    await member.worker.register()
    seen = (await ask(room, "GET", "/api/admin/status")).json["overlay"]
    assert (seen["network"], seen["members"], seen["rotation"]) == ("10.42.0.0/16", 1, "steady")
    (old,) = seen["authorities"]
    begun = (await ask(room, "POST", "/api/admin/mesh/rotate-ca", {})).json
    assert (begun["rotation"], begun["waiting_for"]) == ("spreading", [member.worker.worker_id])
    again = await ask(room, "POST", "/api/admin/mesh/rotate-ca", {})
    assert (again.status, again.problem) == (409, "conflict")
    grant = granted(await member.renew())
    report = VpnReport(state="direct", bundle=grant.bundle)
    assert (await member.worker.heartbeat(vpn=report)).status == 200
    assert (await ask(room, "GET", "/api/admin/status")).json["overlay"]["waiting"] == 0
    for phase in ("replacing", "steady"):
        assert (await ask(room, "POST", "/api/admin/mesh/rotate-ca", {"force": True})).json["rotation"] == phase
    (new,) = (await ask(room, "GET", "/api/admin/status")).json["overlay"]["authorities"]
    assert new["fingerprint"] != old["fingerprint"]
    assert "authority-rotation-begun" in await room.actions()


async def test_the_operator_sees_each_workers_address(room: Room) -> None:
    member = Member(room.machine())
    grant = await member.enrol(await room.invite())
    seen = (await ask(room, "GET", f"/api/admin/workers/{member.worker.worker_id}")).json
    assert (seen["vpn_ip"], seen["certificate_expires_at"]) == (grant.ip, room.clock.now + WEEK)
