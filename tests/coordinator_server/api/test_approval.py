"""Approval: an invite alone lets nobody in; who waits may wait and nothing else, until the operator says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.wire import credentials
from node.wire.credentials import CredentialError
from node.wire.tokens import TokenError
from tests.support.coordinators import Room, Worker, assignment, coordinator_room
from tests.support.waiting import eventually


async def newcomer(room: Room, name: str = "w-1", trust: str = "volunteer") -> Worker:
    return await room.worker(name, trust)


async def test_who_waits_may_wait_and_nothing_else(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path, require_approval=True) as room:
        worker, coordinator = await newcomer(room), room.coordinator
        with pytest.raises(CredentialError, match="waits"):
            credentials.verify(worker.credential, coordinator.keyring.trust, room.clock())
        with pytest.raises(TokenError, match="waits"):
            coordinator.token_verifier.verify(worker.token)
        own = credentials.verify(worker.credential, coordinator.keyring.trust, room.clock(), own=True)
        assert own.role == "applicant"
        assert (await worker.register()).status == 200
        told = assignment(await worker.heartbeat("ner"))
        assert (told.waiting, told.services, told.dht, told.vpn_version) == (True, (), (), "")
        assert "operator" in told.detail
        assert coordinator.registry.running("ner") == []
        assert await coordinator.registry.find("ner") == []
        for refused in (await worker.peers("ner"), await worker.get("/api/dht/stats"),
                        await worker.get("/api/worker/seen")):  # fmt: skip
            assert (refused.status, refused.problem) == (403, "approval-pending")
        renewed = await worker.say("renew")
        assert renewed.status == 200
        assert credentials.peek(renewed.json["credential"]).role == "applicant"
        assert renewed.json.get("vpn") is None
        assert coordinator.workers.waiting() == 1


async def test_a_stranger_does_not_learn_who_waits(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path, require_approval=True) as room:
        worker, thief = await newcomer(room), room.machine()
        thief.worker_id, thief.credential = worker.worker_id, worker.credential
        for answer in (await thief.register(), await thief.peers("ner")):
            assert (answer.status, answer.problem) == (401, "unauthorized")


@pytest.mark.parametrize(("wish", "trust"), [(None, "volunteer"), ("vetted", "vetted")])
async def test_who_is_let_in_is_a_worker_at_once(tmp_path: Path, wish: str | None, trust: str) -> None:
    async with coordinator_room(tmp_path, require_approval=True) as room:
        worker, admin = await newcomer(room), {"Authorization": f"Bearer {room.coordinator.admin_token}"}
        await worker.register()
        path = f"/api/admin/workers/{worker.worker_id}/approve"
        answer = await worker.post(path, {"trust": wish} if wish else {}, signed=False, headers=admin)
        assert (answer.status, answer.json["status"]) == (200, "let-in")
        old = await worker.heartbeat()
        assert (old.status, old.problem) == (401, "unauthorized"), "the applicant's credential is nobody's"
        renewed = await worker.say("renew")
        worker.credential = renewed.json["credential"]
        told = credentials.verify(worker.credential, room.coordinator.keyring.trust, room.clock())
        assert (told.role, told.trust) == ("worker", trust)
        assert not assignment(await worker.heartbeat()).waiting
        await eventually(lambda: "ner" in room.coordinator.planning.assigned("w-1"), "it gets work")
        again = await worker.post(path, {}, signed=False, headers=admin)
        assert again.status == (409 if trust == "volunteer" else 200), "to let it in twice means no more than once"
        enrolment = room.coordinator.workers.get("w-1")
        assert enrolment is not None
        assert enrolment.trust == trust
        again = await worker.post(path, {"trust": "vetted"}, signed=False, headers=admin)
        assert (again.status, again.json["status"]) == (200, "approved")
        enrolment = room.coordinator.workers.get("w-1")
        assert enrolment is not None
        assert enrolment.trust == "vetted", "who is in already is trusted with personal data"
        refusal = await worker.post(path.replace("approve", "refuse"), {}, signed=False, headers=admin)
        assert refusal.status == 409
        assert "worker-let-in" in await room.actions()


async def test_who_is_refused_is_out_and_needs_another_invite(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path, require_approval=True) as room:
        code = await room.invite(uses=5)
        worker = room.machine()
        assert (await worker.enrol(code, worker_id="w-1")).status == 201
        await worker.register()
        await room.coordinator.workers.refuse("w-1")
        assert (await worker.heartbeat()).status == 403
        assert (await worker.enrol(code)).problem == "invite-invalid"
        assert room.coordinator.workers.waiting() == 0
        assert "worker-not-let-in" in await room.actions()


async def test_without_the_setting_nobody_waits_and_who_waited_still_does(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path, require_approval=True) as room:
        waiting = await newcomer(room)
        clock = room.clock
    async with coordinator_room(tmp_path, clock) as room:
        other = await newcomer(room, "w-2")
        await other.register()
        assert not assignment(await other.heartbeat()).waiting
        waiting.url, waiting.session = room.url, room.session
        await waiting.register()
        assert assignment(await waiting.heartbeat()).waiting


async def test_more_trust_than_personal_data_is_not_taken_back_by_approving(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path) as room:
        worker = await newcomer(room, trust="vetted")
        admin = {"Authorization": f"Bearer {room.coordinator.admin_token}"}
        path = f"/api/admin/workers/{worker.worker_id}/approve"
        answer = await worker.post(path, {"trust": "volunteer"}, signed=False, headers=admin)
        assert (answer.status, answer.problem) == (409, "conflict")
