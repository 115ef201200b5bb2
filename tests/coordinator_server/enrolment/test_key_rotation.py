"""A rotation of the mesh's key: whom it waits for, how machines follow it, and what is believed after it."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator_server.enrolment.key_rotation import HOLDER_LIFE, HOLDER_PREFIX, LIVING, Holder
from coordinator_server.enrolment.workers import Enrolment
from node.dht.proofs import node_id_of
from node.wire import credentials, headers
from node.wire.credentials import CLOCK_SKEW
from node.wire.encoding import b64decode
from node.wire.mesh_keys import KeyChain, MeshKeys, MeshTrust, founded
from node.wire.messages import RenewAnswer
from node.wire.problems import Problem
from tests.support.coordinators import Room, Worker, assignment, coordinator_room

LIFE = 7 * 86400.0
SETTLE = 180.0


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with coordinator_room(tmp_path / "c") as room:
        yield room


async def renew(worker: Worker, keys: MeshKeys) -> MeshKeys:
    """Renew as a node does: follow the chain, and believe what its signing key has signed."""
    wish = msgspec.json.encode({"worker_id": worker.worker_id})
    answer = await worker.post("/api/worker/renew", wish)
    assert answer.status == 200, answer.body
    told = msgspec.json.decode(answer.body, type=RenewAnswer)
    after = keys if told.mesh_keys is None else keys.follow(told.mesh_keys)
    signature = b64decode(answer.headers[headers.SIGNATURE])
    after.check_answer(signature, headers.RENEWAL_CONTEXT + hashlib.sha256(wish).digest() + answer.body)
    worker.credential = told.credential
    return after


async def waiting(room: Room) -> tuple[str, ...]:
    return (await room.coordinator.key_rotation.state()).waiting_for


async def tick(room: Room, seconds: float = 0.0) -> str:
    room.clock.now += seconds
    await room.coordinator.key_rotation.tick()
    return room.coordinator.keyring.keys.phase


async def test_every_step_waits_until_all_have_said_that_they_are_ready(room: Room) -> None:
    one, two = await room.worker("w-1"), await room.worker("w-2")
    known = [room.coordinator.keyring.keys] * 2
    for worker in (one, two):
        await worker.register()
    assert assignment(await one.heartbeat()).mesh_keys == 0
    await room.coordinator.key_rotation.rotate(force=False)
    for phase, progress in (("spreading", 1), ("replacing", 2)):
        assert await waiting(room) == ("w-1", "w-2")
        assert await tick(room, SETTLE) == phase
        assert assignment(await one.heartbeat()).mesh_keys == progress, "which tells it to renew"
        known[0] = await renew(one, known[0])
        await one.heartbeat(mesh_keys=known[0].progress)
        assert await waiting(room) == ("w-2",)
        await two.heartbeat(mesh_keys=progress + 1)  # what nobody can know yet counts for nothing
        await two.heartbeat(mesh_keys=progress - 1)
        assert await tick(room, SETTLE) == phase
        known[1] = await renew(two, known[1])
        await two.heartbeat(mesh_keys=known[1].progress)
        assert await waiting(room) == ()
        assert await tick(room) != phase
    assert room.coordinator.keyring.keys.progress == 3
    assert await waiting(room) == ()
    for worker in (one, two):
        assert (await worker.heartbeat()).status == 200
        assert (await worker.heartbeat(mesh_keys=3)).status == 200


async def test_a_step_takes_a_while_even_when_all_are_ready(room: Room) -> None:
    await room.coordinator.key_rotation.rotate(force=False)
    assert await tick(room, SETTLE - 1) == "spreading"
    assert await tick(room, 1) == "replacing"
    assert await tick(room, SETTLE - 1) == "replacing"
    assert await tick(room, 1) == "steady"


async def test_who_is_off_holds_it_up_until_the_credential_has_expired(room: Room) -> None:
    worker = await room.worker("w-1")
    room.clock.now += LIFE / 2
    revoked = await room.worker("w-2")
    await room.coordinator.workers.revoke(revoked.worker_id)
    await room.coordinator.key_rotation.rotate(force=False)
    assert await waiting(room) == ("w-1",), "who was put out is not waited for"
    room.clock.now += LIFE / 2
    assert await waiting(room) == ("w-1",), "clocks differ"
    room.clock.now += 300
    assert await waiting(room) == ()
    assert worker.worker_id == "w-1"


async def test_who_waits_to_be_let_in_holds_nothing_up(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path / "w", require_approval=True) as room:
        stranger = await room.worker("w-1")
        await stranger.register()
        known = room.coordinator.keyring.keys
        await room.coordinator.key_rotation.rotate(force=False)
        for phase in ("replacing", "steady"):
            assert await waiting(room) == ()
            assert await tick(room, SETTLE) == phase
        assert (await renew(stranger, known)).progress == 3, "and it follows when it comes"
        await room.coordinator.workers.let_in("w-1", "volunteer")
        await room.coordinator.key_rotation.rotate(force=False)
        assert await waiting(room) == ("w-1",)


async def test_who_renews_is_waited_for_longer(room: Room) -> None:
    worker = await room.worker("w-1")
    room.clock.now += LIFE - 10
    await renew(worker, room.coordinator.keyring.keys)
    await room.coordinator.key_rotation.rotate(force=False)
    room.clock.now += LIFE - 10
    assert await waiting(room) == ("w-1",)


async def test_who_renews_and_never_says_which_keys_it_uses_holds_it_up_for_one_life(room: Room) -> None:
    lying = await room.worker("w-1")
    await room.coordinator.key_rotation.rotate(force=False)
    keys = room.coordinator.keyring.keys
    for phase in ("spreading", "replacing"):
        for _ in range(14):
            assert await tick(room, (LIFE + 2 * CLOCK_SKEW) / 14 - 1) == phase
            keys = await renew(lying, keys)
        assert await waiting(room) == ("w-1",)
        assert await tick(room, 15) != phase


async def test_who_slept_through_all_of_it_gets_back_in_with_the_identity_key(room: Room) -> None:
    worker = await room.worker("w-1")
    asleep = room.coordinator.keyring.keys
    for _ in range(6):  # two rotations
        await room.coordinator.key_rotation.rotate(force=True)
    refused = await worker.register()
    assert (refused.status, refused.problem) == (401, "unauthorized")
    awake = await renew(worker, asleep)
    assert awake.progress == 6
    assert (await worker.register()).status == 200
    assert credentials.verify(worker.credential, room.coordinator.keyring.trust, room.clock.now)
    room.clock.now += 2 * LIFE  # the credential has expired as well
    assert await renew(worker, asleep) == awake


async def test_who_was_put_out_does_not_get_back_in_by_a_rotation(room: Room) -> None:
    worker = await room.worker("w-1")
    await room.coordinator.workers.revoke("w-1")
    for _ in range(3):
        await room.coordinator.key_rotation.rotate(force=True)
    assert (await worker.say("renew")).status == 403
    thief = room.machine()
    thief.worker_id, thief.credential = "w-1", worker.credential
    assert (await thief.say("renew")).status == 401, "and it is told nothing of whose id that is"


async def test_another_identity_key_renews_nothing(room: Room) -> None:
    worker = await room.worker("w-1")
    for _ in range(3):
        await room.coordinator.key_rotation.rotate(force=True)
    thief = room.machine()
    thief.worker_id, thief.credential = "w-1", worker.credential
    assert (await thief.say("renew")).status == 401


async def test_a_retired_key_signs_nothing_that_is_believed(room: Room, tmp_path: Path) -> None:
    """Somebody has a copy of the old mesh.key, and makes himself the credential of a worker."""
    old = Ed25519PrivateKey.from_private_bytes(room.coordinator.mesh_key.private_bytes_raw())
    worker = await room.worker("w-1")
    await worker.register()
    own = credentials.peek(worker.credential)
    forged = room.machine()
    forged.worker_id = "w-1"
    forged.credential = credentials.issue(
        msgspec.structs.replace(own, public_key=forged.key.public_key().public_bytes_raw()), old
    )
    trust = room.coordinator.keyring.trust
    assert credentials.verify(forged.credential, trust, room.clock.now), "before the rotation it is as good as any"
    for _ in range(3):
        await room.coordinator.key_rotation.rotate(force=True)
    for text in (forged.credential, worker.credential):
        with pytest.raises(credentials.CredentialError, match="not signed by this mesh"):
            credentials.verify(text, trust, room.clock.now)
    assert (await forged.heartbeat()).status == 401
    assert old.private_bytes_raw() not in [
        b64decode(path.read_text("ascii").strip()) for path in (tmp_path / "c").glob("mesh*.key")
    ], "and the old key is not kept"


async def test_a_credential_that_names_the_wrong_key_does_not_outlive_its_own(room: Room) -> None:
    old = Ed25519PrivateKey.from_private_bytes(room.coordinator.mesh_key.private_bytes_raw())
    worker = await room.worker("w-1")
    for _ in range(2):
        await room.coordinator.key_rotation.rotate(force=True)
    new_id = credentials.peek(await room.coordinator.enroller.renewed(_enrolment(room))).mesh_id
    forged = credentials.issue(msgspec.structs.replace(credentials.peek(worker.credential), mesh_id=new_id), old)
    with pytest.raises(credentials.CredentialError, match="another key"):
        credentials.verify(forged, room.coordinator.keyring.trust, room.clock.now)


async def test_invites_of_before_are_good_after_it_and_new_ones_pin_the_new_key(room: Room) -> None:
    early = await room.invite()
    before = room.coordinator.keyring.keys
    for _ in range(3):
        await room.coordinator.key_rotation.rotate(force=True)
    late = await room.invite()
    for code in (early, late):
        worker = room.machine()
        answer = await worker.enrol(code)
        assert answer.status == 201, answer.body
        told = msgspec.convert(answer.json["mesh_keys"], KeyChain)
        assert before.follow(told) == room.coordinator.keyring.keys
        assert b64decode(answer.json["mesh_public_key"]) == room.coordinator.keyring.keys.signing


async def test_a_mesh_that_never_rotated_tells_nothing_new(room: Room) -> None:
    worker = room.machine()
    answer = await worker.enrol(await room.invite())
    assert answer.json["mesh_keys"] is None
    assert founded(b64decode(answer.json["mesh_public_key"])) == room.coordinator.keyring.keys
    assert (await worker.say("renew")).json["mesh_keys"] is None


async def test_places_in_the_dht_outlive_the_key_that_gave_them(tmp_path: Path) -> None:
    """Those of workers of an older version, too, whose places followed from the founding key."""
    async with coordinator_room(tmp_path / "c") as room:
        young, old = await room.worker("w-young"), await room.worker("w-old")
        enrolment = _enrolment(room, "w-old")
        await room.coordinator.workers.replace(enrolment, msgspec.structs.replace(enrolment, place=b""), None)
        keys = room.coordinator.keyring.keys
        for worker in (young, old):
            await renew(worker, keys)
        places = {worker.worker_id: node_id_of(credentials.peek(worker.credential)) for worker in (young, old)}
        own = room.coordinator.dht.id
        for _ in range(6):
            await room.coordinator.key_rotation.rotate(force=True)
            for worker in (young, old):
                keys = await renew(worker, keys)
                assert node_id_of(credentials.peek(worker.credential)) == places[worker.worker_id]
    async with coordinator_room(tmp_path / "c", room.clock) as again:
        assert again.coordinator.dht.id == own
        for worker_id, place in places.items():
            credential = await again.coordinator.enroller.renewed(_enrolment(again, worker_id))
            assert node_id_of(credentials.peek(credential)) == place


async def test_coordinators_own_proofs_are_by_the_key_of_the_moment(room: Room) -> None:
    audience, trusts = "w-1", []
    for _ in range(4):
        trusts.append(MeshTrust(room.coordinator.keyring.keys))
        token = room.coordinator.token_issuer.issue(audience)
        shown = str(token_claims(token)["cred"])
        for trust in trusts[-2:]:  # those who have not followed the last step yet believe it as well
            assert credentials.verify(shown, trust, room.clock.now).subject == room.coordinator.coordinator_id
        await room.coordinator.key_rotation.rotate(force=True)


def token_claims(token: str) -> dict[str, object]:
    claims: dict[str, object] = msgspec.json.decode(b64decode(token.split(".")[1]))
    return claims


async def test_another_coordinator_without_the_new_key_is_waited_for(room: Room) -> None:
    """It is there, as it has said in the store, and could not sign when the new key does."""
    await room.coordinator.key_rotation.rotate(force=False)
    other = HOLDER_PREFIX + "coordinator-other"
    await room.coordinator.store.put(other, msgspec.json.encode(Holder(0, room.clock.now + SETTLE)))
    assert await tick(room, SETTLE) == "spreading"
    assert await waiting(room) == ("coordinator-other",)
    await room.coordinator.store.put(other, msgspec.json.encode(Holder(1, room.clock.now)))
    assert await waiting(room) == ()
    await room.coordinator.store.put(other, msgspec.json.encode(Holder(0, room.clock.now)))
    room.clock.now += HOLDER_LIFE
    assert await waiting(room) == (), "it is not there any more"
    await room.coordinator.store.put(other, b'{"x":' + b"[" * 5000)
    assert await waiting(room) == (), "what nobody can read stops no rotation"


async def test_a_step_of_somebody_else_is_not_taken_twice(room: Room) -> None:
    rotation = room.coordinator.key_rotation
    await rotation.rotate(force=False)
    stale = room.coordinator.keyring
    line = room.coordinator.audit.line("test", actor="admin")
    version = stale._version
    assert await stale.onwards(room.clock.now, line)
    stale._version = version  # as another coordinator would still see it
    assert not await stale.onwards(room.clock.now, line)
    assert stale.keys.phase == "replacing"
    with pytest.raises(Problem, match="runs already"):
        await rotation.rotate(force=False)


def _enrolment(room: Room, worker_id: str = "w-1") -> Enrolment:
    found = room.coordinator.workers.get(worker_id)
    assert found is not None
    return found


async def test_a_coordinator_that_lives_and_has_not_said_that_it_is_ready_holds_each_step_up(room: Room) -> None:
    rotation, store = room.coordinator.key_rotation, room.coordinator.store
    await store.put(LIVING + "another", b"run", leased=True)
    await store.put(HOLDER_PREFIX + "dead", msgspec.json.encode(Holder(0, 0.0)))
    await rotation.rotate(force=False)
    for phase, progress in (("spreading", 1), ("replacing", 2)):
        assert await tick(room, 10 * SETTLE) == phase
        assert await waiting(room) == ("another",), "however long that takes: none signs with what it does not have"
        await store.put(HOLDER_PREFIX + "another", msgspec.json.encode(Holder(progress, 0.0)))
        assert await waiting(room) == ()
        assert await tick(room) != phase
    assert room.coordinator.keyring.keys.phase == "steady"
    await rotation.rotate(force=False)
    await store.delete(LIVING + "another")
    assert await tick(room, SETTLE) == "replacing", "who has died is not waited for"
