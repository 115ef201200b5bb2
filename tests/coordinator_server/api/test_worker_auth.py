"""Whose request it is: forged, foreign, stale, revoked and borrowed tokens, and what is written down about them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from coordinator_server.enrolment.workers import PREFIX
from coordinator_server.store.sqlite import SqliteStore
from node.wire import credentials, headers
from node.wire.encoding import b64encode
from node.wire.messages import RenewAnswer
from node.wire.signed_requests import sign_request
from tests.support.coordinators import PC, Room, assignment, coordinator_room, put_out
from tests.support.waiting import eventually

WEEK = 7 * 86400.0


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with coordinator_room(tmp_path / "c") as room:
        yield room


async def test_nobody_acts_for_another(room: Room) -> None:
    eve, anna = await room.worker("eve"), await room.worker("anna")
    eve.worker_id, name = "eve", "anna"
    token = {"Authorization": f"Bearer {eve.token}"}
    for what, extra in (
        ("register", {"capabilities": PC, "endpoints": {"port": 8000}}),
        ("heartbeat", {}),
        ("renew", {}),
        ("leave", {}),
    ):
        body = {"worker_id": name, **extra}
        answer = await eve.post(f"/api/worker/{what}", body, signed=False, headers=token)
        assert (answer.status, answer.problem) == (403, "forbidden"), what
    assert anna.worker_id in room.coordinator.workers
    assert "acted-for-another" in await room.actions()


async def test_forged_foreign_and_missing_tokens_are_a_401(room: Room, tmp_path: Path) -> None:
    worker, machine = await room.worker("w-1"), room.machine()
    async with coordinator_room(tmp_path / "other", room.clock) as other:
        stranger = await other.worker("w-1")
    machine.worker_id, machine.credential = "w-1", worker.credential  # a key of its own, another's credential
    for_another = room.machine()
    for_another.key, for_another.worker_id, for_another.credential = worker.key, "w-1", worker.credential
    for_another.audience = "coordinator-00000000"
    tokens = {
        "none": "",
        "basic": f"Basic {worker.token}",
        "garbage": "Bearer garbage",
        "cut": f"Bearer {worker.token[:-4]}AAAA",
        "forged": f"Bearer {machine.token}",
        "foreign": f"Bearer {stranger.token}",
        "audience": f"Bearer {for_another.token}",
        "long": "Bearer " + "x" * 5000,
    }
    for name, value in tokens.items():
        sent = {"Authorization": value} if value else {}
        answer = await machine.post("/api/worker/heartbeat", {"worker_id": "w-1"}, signed=False, headers=sent)
        assert (answer.status, answer.problem) == (401, "unauthorized"), name
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert (await room.actions()).count("worker-refused") == 1  # a flood is one line a minute


async def test_an_old_token_is_refused(room: Room) -> None:
    worker = await room.worker()
    token = worker.token
    room.clock.now += 60 + credentials.CLOCK_SKEW + 1
    sent = {"Authorization": f"Bearer {token}"}
    answer = await worker.post("/api/worker/heartbeat", {"worker_id": worker.worker_id}, signed=False, headers=sent)
    assert answer.status == 401
    assert "check the clocks" in answer.json["detail"]


async def test_a_coordinators_own_token_is_no_workers(room: Room) -> None:
    token = room.coordinator.token_issuer.issue(room.coordinator.coordinator_id)
    body = {"worker_id": room.coordinator.coordinator_id}
    sent = {"Authorization": f"Bearer {token}"}
    answer = await room.machine().post("/api/worker/heartbeat", body, signed=False, headers=sent)
    assert answer.status == 401


async def test_renewing_needs_the_machines_own_key(room: Room) -> None:
    worker = await room.worker()
    worker.key = Ed25519PrivateKey.generate()
    assert (await worker.say("renew")).status == 401


async def test_a_credential_is_renewed_also_after_weeks_switched_off(room: Room) -> None:
    worker = await room.worker()
    room.clock.now += 3 * WEEK
    assert (await worker.register()).status == 401
    answer = await worker.say("renew")
    assert answer.status == 200, answer.body
    worker.credential = msgspec.json.decode(answer.body, type=RenewAnswer).credential
    assert (await worker.register()).status == 200


async def test_a_revoked_worker_is_out_and_everybody_hears_of_it(room: Room) -> None:
    anna, eve = await room.worker("anna"), await room.worker("eve")
    for worker in (anna, eve):
        await worker.register()
    before = assignment(await anna.heartbeat())
    await room.coordinator.workers.revoke("eve")
    for answer in (await eve.heartbeat(), await eve.register(), await eve.say("renew"), await eve.peers("ner")):
        assert (answer.status, answer.problem) == (403, "forbidden")
        assert "put out of the mesh" in answer.json["detail"]
    after = assignment(await anna.heartbeat())
    assert put_out(after).workers == ("eve",)
    assert after.blocklist_version > before.blocklist_version


async def test_who_cannot_be_looked_up_now_is_not_told_that_it_is_no_member(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = await room.worker("anna")
    row = await room.coordinator.store.get(PREFIX + "anna")
    assert row is not None
    await room.coordinator.store.delete(PREFIX + "anna")  # as a member of etcd has it that is behind
    await eventually(lambda: "anna" not in room.coordinator.workers, "it is forgotten")
    monkeypatch.setattr(SqliteStore, "in_doubt", True)
    answer = await anna.heartbeat()
    assert (answer.status, answer.problem) == (503, "store-unavailable")
    monkeypatch.setattr(SqliteStore, "in_doubt", False)
    assert (await anna.heartbeat()).status == 401
    await room.coordinator.store.put(PREFIX + "anna", row.value)
    assert (await anna.register()).status == 200


async def test_an_overheard_token_gets_no_requests_and_no_certificate_and_ends_no_membership(room: Room) -> None:
    """Whoever is on a way without TLS can read tokens, and send from an address of its own."""
    worker, thief = await room.worker(trust="vetted"), Ed25519PrivateKey.generate()
    assert (await worker.register()).status == 200
    overheard = {"Authorization": f"Bearer {worker.token}", "X-Forwarded-For": "203.0.113.66"}
    ends = {"port": 8000, "direct_hosts": ["203.0.113.66"]}
    key = b64encode(X25519PrivateKey.generate().public_key().public_bytes_raw())
    for path, more in (
        ("register", {"capabilities": {}, "endpoints": ends}),
        ("renew", {"nebula_public_key": key}),
        ("leave", {}),
    ):
        for sent in (overheard, overheard | {headers.SIGNATURE: "n." + b64encode(thief.sign(b"x"))}):
            body = {"worker_id": worker.worker_id, **more}
            answer = await worker.post(f"/api/worker/{path}", body, signed=False, headers=sent)
            assert (answer.status, answer.problem) == (401, "unauthorized")
    member = room.coordinator.registry.member(worker.worker_id)
    assert member is not None
    assert member.endpoints.direct_hosts == ("127.0.0.1",)
    assert "worker-refused" in await room.actions()
    assert (await worker.say("leave")).status == 200


async def test_a_registration_that_is_sent_again_from_elsewhere_does_not_count(room: Room) -> None:
    worker = await room.worker()
    ends = {"port": 8000, "direct_hosts": ["127.0.0.1"]}
    body = msgspec.json.encode({"worker_id": worker.worker_id, "capabilities": {}, "endpoints": ends})
    token = worker.token
    sent = {"Authorization": f"Bearer {token}"}
    sent[headers.SIGNATURE] = sign_request(worker.key, "register", token, body, "nonce")
    assert (await worker.post("/api/worker/register", body, signed=False, headers=sent)).status == 200
    for spelled in ("", "=", "=="):  # the same bytes
        again = {"X-Forwarded-For": "203.0.113.66", headers.SIGNATURE: sent[headers.SIGNATURE] + spelled}
        answer = await worker.post("/api/worker/register", body, signed=False, headers=sent | again)
        assert (answer.status, answer.problem) == (401, "unauthorized")
    member = room.coordinator.registry.member(worker.worker_id)
    assert member is not None
    assert member.endpoints.direct_hosts == ("127.0.0.1",)


async def test_nor_does_it_at_another_coordinator_or_after_a_restart(tmp_path: Path) -> None:
    """Whoever has overheard it waits in vain for the memory of what was used to be gone."""
    async with coordinator_room(tmp_path / "a") as room:
        worker = await room.worker("w-1")
        await worker.register()  # the coordinator's own memory of the token's signature is no help later
        room.clock.now += 1.0
        body = msgspec.json.encode({"worker_id": "w-1", "capabilities": {}, "endpoints": {"port": 8000}})
        token = worker.token
        sent = {"Authorization": f"Bearer {token}"}
        sent[headers.SIGNATURE] = sign_request(worker.key, "register", token, body, "nonce")
        assert (await worker.post("/api/worker/register", body, signed=False, headers=sent)).status == 200
        async with coordinator_room(tmp_path / "b", room.clock) as other:
            elsewhere = replace(worker, url=other.url)
            answer = await elsewhere.post("/api/worker/register", body, signed=False, headers=sent)
            assert (answer.status, answer.problem) == (401, "unauthorized")
    room.clock.now += 3.0
    async with coordinator_room(tmp_path / "a", room.clock) as again:
        back = replace(worker, url=again.url, session=again.session)
        thief = sent | {"X-Forwarded-For": "203.0.113.66"}
        answer = await back.post("/api/worker/register", body, signed=False, headers=thief)
        assert (answer.status, answer.problem) == (401, "unauthorized")
        assert "before this coordinator started" in answer.json["detail"]
        assert again.coordinator.registry.member("w-1") is None
        assert (await back.register()).status == 200, "the worker itself signs anew"
