"""Letting machines in: once each, never more than the invite allows, and with ids that cannot be confused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator_server.audit import Audit
from coordinator_server.enrolment.credentials import CredentialOffice
from coordinator_server.enrolment.enrol import Enroller, slugify
from coordinator_server.enrolment.invites import Invites
from coordinator_server.enrolment.lockout import Lockout
from coordinator_server.enrolment.workers import Enrolment, Workers
from coordinator_server.store.interface import Versioned
from coordinator_server.store.sqlite import SqliteStore, open_sqlite
from node.wire import credentials
from node.wire.encoding import b64encode
from node.wire.invites import make_invite
from node.wire.mesh_keys import founded
from node.wire.messages import EnrollRequest
from node.wire.problems import Problem
from tests.support.mesh_keys import Clock, Mesh

WEEK = 7 * 86400.0
HERE = "192.0.2.1"


@dataclass
class Door:
    """An enroller on a real store; `restarted` is another one on the same."""

    store: SqliteStore
    mesh: Mesh = field(default_factory=Mesh)
    clock: Clock = field(default_factory=Clock)

    async def open(self) -> Door:
        audit = Audit(self.store, self.clock)
        self.workers = Workers(self.store, audit, self.clock, WEEK)
        await self.workers.load()
        self.invites = Invites(self.store, lambda: founded(self.mesh.public_bytes), audit, self.clock)
        self.enroller = Enroller(
            invites=self.invites,
            workers=self.workers,
            office=CredentialOffice(self.mesh.key, WEEK),
            lockout=Lockout(5, 900.0),
            audit=audit,
            clock=self.clock,
            store_in_doubt=lambda: self.store.in_doubt,
        )
        return self

    async def restarted(self) -> Door:
        return await Door(self.store, self.mesh, self.clock).open()

    async def code(self, **wish: Any) -> str:
        return (await self.invites.create(**wish))[1].code

    async def enrol(self, code: str, key: str, address: str = HERE, **more: Any) -> tuple[Enrolment, str]:
        request = EnrollRequest(**{"invite": code, "name": "Anna's PC", "identity_public_key": key, **more})
        return await self.enroller.enrol(request, address)


def new_key() -> str:
    return b64encode(Ed25519PrivateKey.generate().public_key().public_bytes_raw())


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    store = await open_sqlite(tmp_path / "x.db")
    yield await Door(store).open()
    await store.close()


async def test_the_credential_is_for_this_key_and_trust(door: Door) -> None:
    key = new_key()
    enrolment, text = await door.enrol(await door.code(trust="vetted", services=("ner",)), key)
    found = credentials.verify(text, door.mesh.key.public_key(), door.clock.now)
    assert (found.subject, found.trust, b64encode(found.public_key)) == (enrolment.worker_id, "vetted", key)
    assert enrolment.worker_id.startswith("w-"), "ids are public and tell no machine's name"
    assert (enrolment.services, enrolment.address) == (("ner",), HERE)


async def test_fifty_at_once_on_an_invite_for_ten(door: Door) -> None:
    code = await door.code(uses=10)
    results = await asyncio.gather(*(door.enrol(code, new_key()) for _ in range(50)), return_exceptions=True)
    let_in = [result for result in results if not isinstance(result, BaseException)]
    refused = [result for result in results if isinstance(result, Problem)]
    assert (len(let_in), len(refused)) == (10, 40)
    assert {problem.kind for problem in refused} == {"invite-invalid"}
    assert len({enrolment.worker_id for enrolment, _ in let_in}) == 10
    assert len((await door.restarted()).workers) == 10


async def test_fifty_at_once_at_two_coordinators_of_one_store(door: Door) -> None:
    other, code = await door.restarted(), await door.code(uses=10)
    tries = [place.enrol(code, new_key()) for place in (door, other) for _ in range(25)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(not isinstance(result, BaseException) for result in results) == 10
    assert len((await door.restarted()).workers) == 10


async def test_a_lost_answer_costs_no_use_and_makes_no_second_worker(door: Door) -> None:
    code, key = await door.code(uses=1), new_key()
    first, _ = await door.enrol(code, key)
    for place in (door, await door.restarted()):
        again, text = await place.enrol(code, key)
        assert again == first
        assert credentials.verify(text, door.mesh.key.public_key(), door.clock.now).subject == first.worker_id
    with pytest.raises(Problem, match="used up"):
        await door.enrol(code, new_key())


async def test_the_same_machine_sent_twice_at_once_is_one_worker(door: Door) -> None:
    code, key = await door.code(uses=5), new_key()
    results = await asyncio.gather(*(door.enrol(code, key) for _ in range(5)))
    assert len({enrolment.worker_id for enrolment, _ in results}) == 1
    assert (await door.invites.list())[0].used == 1


async def test_a_known_machine_with_another_invite_stays_what_it_was(door: Door) -> None:
    key = new_key()
    first, _ = await door.enrol(await door.code(trust="vetted"), key)
    again, _ = await door.enrol(await door.code(trust="volunteer", services=("ner",)), key, name="Eve's PC")
    assert again == first
    spent = await door.code(uses=1)
    await door.enrol(spent, new_key())
    with pytest.raises(Problem, match="used up"):
        await door.enrol(spent, key)


async def test_a_revoked_machine_needs_a_new_invite_and_gets_a_new_id(door: Door) -> None:
    code, key = await door.code(uses=5), new_key()
    first, _ = await door.enrol(code, key)
    await door.workers.revoke(first.worker_id)
    with pytest.raises(Problem, match="put out of the mesh"):
        await door.enrol(code, key)
    second, _ = await door.enrol(await door.code(), key, worker_id=first.worker_id)
    assert second.worker_id != first.worker_id
    assert (await door.restarted()).workers.by_identity(key) == second


async def test_who_left_comes_back_with_a_new_invite_only(door: Door) -> None:
    code, key = await door.code(), new_key()
    first, _ = await door.enrol(code, key)
    await door.workers.remove(first.worker_id, actor="worker")
    with pytest.raises(Problem, match="used up"):
        await door.enrol(code, key)
    second, _ = await door.enrol(await door.code(), key)
    assert second.worker_id != first.worker_id


async def test_a_wished_id_is_given_when_free(door: Door) -> None:
    code = await door.code(uses=5)
    assert (await door.enrol(code, new_key(), worker_id="Lab.PC-7"))[0].worker_id == "Lab.PC-7"
    other = (await door.enrol(code, new_key(), worker_id="lab.pc-7"))[0].worker_id
    assert other.startswith("lab-pc-7-")


@pytest.mark.parametrize("wish", ["coordinator-1a2b3c4d", "Coordinator-x", "coordinator"])
async def test_nobody_gets_an_id_that_could_be_a_coordinators(door: Door, wish: str) -> None:
    enrolment, _ = await door.enrol(await door.code(), new_key(), worker_id=wish)
    assert enrolment.worker_id.startswith("worker-coordinator-")


@pytest.mark.parametrize(
    ("wish", "slug"),
    [
        ("Anna's PC", "anna-s-pc"),
        ("", "worker"),
        ("日本", "worker"),
        ("../../etc/passwd", "etc-passwd"),
        ("x" * 200, "x" * 40),
        ("Coordinator", "worker-coordinator"),
    ],
)
def test_slugs(wish: str, slug: str) -> None:
    assert slugify(wish) == slug


@pytest.mark.parametrize("key", ["!" * 43, "A" * 42 + "é", "A" * 42 + "="])
async def test_a_key_that_is_none_is_a_422_with_the_field(door: Door, key: str) -> None:
    with pytest.raises(Problem, match="identity_public_key") as caught:
        await door.enrol(await door.code(), key)
    assert caught.value.status == 422


async def test_five_wrong_invites_then_nobody_from_there_for_a_while(door: Door) -> None:
    good = await door.code(uses=5)
    wrong = make_invite(b"0123456789", door.mesh.public_bytes).code
    mistyped = good[:-3] + ("A" if good[-3] != "A" else "B") + good[-2:]
    for text in (wrong, "RMA-NOTHING", wrong, mistyped, ""):
        with pytest.raises(Problem) as caught:
            await door.enrol(text, new_key())
        assert caught.value.kind == "invite-invalid"
    with pytest.raises(Problem, match="15 minutes") as caught:
        await door.enrol(good, new_key())
    assert (caught.value.kind, caught.value.headers["Retry-After"]) == ("rate-limited", "900")
    await door.enrol(good, new_key(), "198.51.100.1")
    door.clock.now += 900
    await door.enrol(good, new_key())


async def test_guesses_that_come_all_at_once_are_counted_one_by_one(door: Door) -> None:
    good = await door.code(uses=100)
    guesses = [make_invite(bytes([number]) * 10, door.mesh.public_bytes).code for number in range(40)]
    tries = (door.enrol(text, new_key()) for text in (*guesses, good))
    results = await asyncio.gather(*tries, return_exceptions=True)
    kinds = [result.kind for result in results if isinstance(result, Problem)]
    assert kinds == ["invite-invalid"] * 5 + ["rate-limited"] * 36


async def test_a_spent_invite_is_no_guess(door: Door) -> None:
    code = await door.code(uses=1)
    await door.enrol(code, new_key())
    for _ in range(10):
        with pytest.raises(Problem, match="used up"):
            await door.enrol(code, new_key())


async def test_enrolments_and_refusals_are_in_the_audit_log(door: Door) -> None:
    code = await door.code(uses=1)
    enrolment, _ = await door.enrol(code, new_key())
    with pytest.raises(Problem):
        await door.enrol(code, new_key(), name="Eve's PC")
    refused, enrolled, created = await door.store.audit()
    assert (enrolled.action, enrolled.subject, enrolled.address) == ("enrolled", enrolment.worker_id, HERE)
    assert (refused.action, refused.subject, refused.outcome) == ("enrolment-refused", "Eve's PC", "refused")
    assert "used up" in refused.detail
    assert code not in repr((refused, enrolled, created))


async def test_while_nothing_can_be_written_strangers_hear_so_at_once_and_who_is_known_gets_in(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, known, stranger = await door.code(uses=2), new_key(), new_key()
    first, _ = await door.enrol(code, known)
    with monkeypatch.context() as patch:
        patch.setattr(SqliteStore, "in_doubt", True)
        patch.setattr(SqliteStore, "commit", None)  # it is not even tried
        with pytest.raises(Problem, match="nobody can be let in now") as caught:
            await door.enrol(code, stranger)
        assert (await door.enrol(code, known))[0].worker_id == first.worker_id
    assert (caught.value.kind, caught.value.headers["Retry-After"]) == ("store-unavailable", "10")
    assert (await door.enrol(code, stranger))[0].worker_id != first.worker_id


async def test_in_doubt_nobody_waits_for_who_is_looked_up_in_a_slow_store(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, known = await door.code(uses=2), new_key()
    await door.enrol(code, known)
    asked, answers, get = asyncio.Event(), asyncio.Event(), SqliteStore.get

    async def slow(store: SqliteStore, key: str) -> Versioned | None:
        asked.set()
        await answers.wait()
        return await get(store, key)

    monkeypatch.setattr(SqliteStore, "get", slow)
    monkeypatch.setattr(SqliteStore, "in_doubt", True)
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(door.enrol(code, known))
        await asked.wait()
        every = await asyncio.gather(*(door.enrol(code, new_key()) for _ in range(50)), return_exceptions=True)
        answers.set()
    assert {one.kind for one in every if isinstance(one, Problem)} == {"store-unavailable"}
    assert len(every) == 50
