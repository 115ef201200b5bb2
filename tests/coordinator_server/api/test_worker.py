"""What workers ask of a coordinator over HTTP, with real signatures: what they get and what they are refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from coordinator_server.api.worker import MAX_PEERS, chosen
from coordinator_server.registry.assignment import Move
from node.wire import credentials, headers
from node.wire.encoding import b64decode
from node.wire.invites import parse_code
from node.wire.manifests import open_catalogue
from node.wire.messages import Endpoints, EnrollAnswer, RegisterAnswer, WorkerRecord, WorkersAnswer
from tests.support.coordinators import CATALOGUE, PC, Room, assignment, coordinator_room

WEEK = 7 * 86400.0


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with coordinator_room(tmp_path / "c") as room:
        yield room


# --- enrolment ------------------------------------------------------------------------------------------------


async def test_an_enrolment_is_signed_by_the_mesh_that_the_invite_pins(room: Room) -> None:
    code, machine = await room.invite(trust="vetted"), room.machine()
    answer = await machine.enrol(code)
    assert answer.status == 201
    found = msgspec.json.decode(answer.body, type=EnrollAnswer)
    public_key = b64decode(found.mesh_public_key)
    assert parse_code(code).pins(public_key)
    mesh_key = Ed25519PublicKey.from_public_bytes(public_key)
    signature = b64decode(answer.headers[headers.SIGNATURE])
    mesh_key.verify(signature, headers.ENROLMENT_CONTEXT + answer.body)
    with pytest.raises(InvalidSignature):
        mesh_key.verify(signature, headers.ENROLMENT_CONTEXT + answer.body + b" ")
    credential = credentials.verify(found.credential, mesh_key, room.clock.now)
    assert (credential.subject, credential.role, credential.trust) == (found.worker_id, "worker", "vetted")
    (info,) = found.coordinators
    assert (info.id, info.url) == (room.coordinator.coordinator_id, room.url)
    (contact,) = found.dht
    assert (contact.host, contact.port) == ("127.0.0.1", room.coordinator.dht.port)


async def test_fifty_at_once_on_an_invite_for_ten(room: Room) -> None:
    code = await room.invite(uses=10)
    answers = await asyncio.gather(*(room.machine().enrol(code) for _ in range(50)))
    assert sorted(answer.status for answer in answers) == [201] * 10 + [403] * 40
    assert {answer.problem for answer in answers if answer.status == 403} == {"invite-invalid"}
    assert len(room.coordinator.workers) == 10


async def test_a_retry_gets_the_same_worker(room: Room) -> None:
    code, machine = await room.invite(), room.machine()
    first, second = await machine.enrol(code), await machine.enrol(code)
    assert first.json["worker_id"] == second.json["worker_id"]


@pytest.mark.parametrize(
    ("state", "text"), [("spent", "used up"), ("expired", "expired"), ("revoked", "withdrawn")]
)
async def test_an_invite_that_is_no_good_says_why(room: Room, state: str, text: str) -> None:
    record, invite = await room.coordinator.invites.create(life=60.0)
    if state == "spent":
        await room.machine().enrol(invite.code)
    elif state == "expired":
        room.clock.now += 61
    else:
        await room.coordinator.invites.revoke(record.id)
    answer = await room.machine().enrol(invite.code)
    assert (answer.status, answer.problem) == (403, "invite-invalid")
    assert text in answer.json["detail"]


async def test_wrong_invites_lock_the_address_out(room: Room) -> None:
    for _ in range(5):
        assert (await room.machine().enrol("RMA-WRONG")).problem == "invite-invalid"
    answer = await room.machine().enrol(await room.invite())
    assert (answer.status, answer.problem, answer.headers["Retry-After"]) == (429, "rate-limited", "900")
    assert "enrolment-refused" in await room.actions()


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b'{"invite": "x", "name": 7, "identity_public_key": ""}', 422, "name"),
        (b'{"invite": "x", "name": "a"}', 422, "body"),
        (b'{"invite": "x", "name": "a", "identity_public_key": "short"}', 422, "identity_public_key"),
        (
            b'{"invite":"x","name":"a","identity_public_key":"'
            + b"A" * 43
            + b'","capabilities":{"gpus":[{"name":1}]}}',
            422,
            "capabilities.gpus[0].name",
        ),
        (b'{"invite": ', 400, None),
        (b"\xff", 400, None),
        (b'{"deep": ' + b"[" * 100_000, 400, None),
        (b"[]", 422, "body"),
    ],
)
async def test_bad_bodies_name_the_field(room: Room, body: bytes, status: int, field: str | None) -> None:
    answer = await room.machine().post("/api/enroll", body, signed=False)
    assert answer.status == status, answer.body
    assert answer.json.get("field") == field
    assert answer.headers[headers.REQUEST_ID] == answer.json["request_id"]


async def test_a_body_that_is_too_large_is_a_413(room: Room) -> None:
    answer = await room.machine().post("/api/enroll", b"x" * (2**20 + 1), signed=False)
    assert (answer.status, answer.problem) == (413, "payload-too-large")


# --- register and heartbeat -----------------------------------------------------------------------------------


async def test_a_worker_registers_runs_and_is_offered(room: Room) -> None:
    worker = await room.worker("w-1", "vetted")
    answer = await worker.register()
    assert answer.status == 200, answer.body
    told = msgspec.json.decode(answer.body, type=RegisterAnswer)
    assert set(told.assignment.services) == {"ner", "notes"}
    assert told.assignment.heartbeat_interval == 30.0
    assert told.assignment.role == "cpu"
    mesh_key = room.coordinator.mesh_key.public_key()
    assert open_catalogue(told.catalogue, mesh_key) == CATALOGUE
    beat = assignment(await worker.heartbeat("ner", load=0.25, in_flight=1))
    assert beat == told.assignment
    (record,) = await room.coordinator.registry.find("ner")
    assert (record.worker_id, record.load) == ("w-1", 0.25)


async def test_an_unknown_worker_is_told_to_register(room: Room) -> None:
    worker = await room.worker()
    answer = await worker.heartbeat()
    assert (answer.status, answer.problem) == (404, "unknown-worker")


async def test_wrong_types_in_a_heartbeat_name_the_field(room: Room) -> None:
    worker = await room.worker()
    answer = await worker.say("heartbeat", load=7)
    assert (answer.status, answer.json["field"]) == (422, "load")
    answer = await worker.say("heartbeat", services=[{"name": "ner", "state": "dancing"}])
    assert (answer.status, answer.json["field"]) == (422, "services[0].state")


async def test_a_worker_at_another_machine_cannot_claim_ours(room: Room) -> None:
    worker = await room.worker()
    body = {
        "worker_id": worker.worker_id,
        "capabilities": PC,
        "endpoints": {"port": 22, "direct_hosts": ["127.0.0.1", "169.254.169.254"]},
    }
    answer = await worker.post("/api/worker/register", body, headers={"X-Forwarded-For": "203.0.113.9"})
    assert answer.status == 200
    member = room.coordinator.registry.member(worker.worker_id)
    assert member is not None
    assert member.endpoints.direct_hosts == ("203.0.113.9",)


# --- rest, drain, leave, revoke, renew ------------------------------------------------------------------------


async def test_a_paused_worker_gets_nothing(room: Room) -> None:
    worker = await room.worker()
    await worker.register()
    told = assignment(await worker.heartbeat("ner", paused=True))
    assert told.services == ()
    assert "paused" in told.detail
    assert assignment(await worker.heartbeat()).services == ("ner",)


async def test_a_drained_worker_is_told_so(room: Room) -> None:
    worker = await room.worker()
    await worker.register()
    await room.coordinator.workers.drain(worker.worker_id)
    told = assignment(await worker.heartbeat("ner"))
    assert (told.draining, told.services) == (True, ())


async def test_who_leaves_is_forgotten(room: Room) -> None:
    worker = await room.worker("w-1")
    await worker.register()
    assert (await worker.say("leave")).status == 200
    assert room.coordinator.registry.member("w-1") is None
    assert (await worker.heartbeat()).status == 403
    assert (await room.actions())[-2:] == ["worker-left", "worker-refused"]


# --- who offers what ------------------------------------------------------------------------------------------


async def test_a_node_asks_for_peers_by_name_or_alias(room: Room) -> None:
    one, other = await room.worker("one"), await room.worker("other")
    for worker in (one, other):
        await worker.register()
        await worker.heartbeat("ner")
    for name in ("ner", "entities"):
        found = msgspec.json.decode((await one.peers(name)).body, type=WorkersAnswer)
        assert [record.worker_id for record in found.workers] == ["other"]
    assert (await one.peers("nothing")).problem == "unknown-service"


async def test_workers_are_back_after_a_restart_with_the_same_tasks(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path / "c", worker_heartbeat=0.2, worker_stale=5.0) as room:
        worker = await room.worker("w-1")
        before = msgspec.json.decode((await worker.register()).body, type=RegisterAnswer).assignment
    # Stopping saves what was assigned last.
    async with coordinator_room(tmp_path / "c", room.clock) as again:
        assert again.coordinator.coordinator_id == room.coordinator.coordinator_id
        worker.url, worker.session = again.url, again.session
        moves: list[Move] = []
        again.coordinator.planning.planned = moves.extend
        assert (await worker.heartbeat("ner")).problem == "unknown-worker"
        after = msgspec.json.decode((await worker.register()).body, type=RegisterAnswer).assignment
        assert after.services == before.services
        assert moves == []


def test_of_many_volunteers_and_few_that_are_vetted_a_node_is_told_of_both() -> None:
    nowhere = Endpoints(port=1)
    many = [
        WorkerRecord(
            worker_id=f"w{n}", endpoints=nowhere, load=n / 1000, trust="vetted" if n > 290 else "volunteer"
        )
        for n in range(300)
    ]
    told = chosen(many)
    assert [record.worker_id for record in told] == [f"w{n}" for n in (*range(MAX_PEERS - 9), *range(291, 300))]
    vetted = [msgspec.structs.replace(record, trust="vetted") for record in many[::-1]]
    assert chosen(vetted) == tuple(vetted[::-1][:MAX_PEERS]), "the least loaded"
    assert chosen(many[:3]) == tuple(many[:3])
