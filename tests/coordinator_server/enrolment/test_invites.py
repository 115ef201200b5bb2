"""Invites: kept as hashes, counted exactly, and each refusal says which it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from coordinator_server.audit import Audit
from coordinator_server.enrolment.invites import PREFIX, InviteRecord, Invites, WrongInvite
from coordinator_server.store.sqlite import SqliteStore, open_sqlite
from node.wire.invites import Invite, make_invite, parse_code
from node.wire.mesh_keys import founded
from node.wire.problems import Problem
from tests.support.mesh_keys import Clock, Mesh


@dataclass
class Office:
    """Invites on a real store, and a clock that stands."""

    store: SqliteStore
    mesh: Mesh
    clock: Clock
    invites: Invites

    async def use(self, invite: Invite) -> bool:
        record, version = await self.invites.find(invite)
        return await self.store.commit([self.invites.spend(record, version)])


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    store, mesh, clock = await open_sqlite(tmp_path / "x.db"), Mesh(), Clock()
    yield Office(store, mesh, clock, Invites(store, lambda: founded(mesh.public_bytes), Audit(store, clock), clock))
    await store.close()


async def test_an_invite_is_found_by_its_code_and_pins_the_mesh(office: Office) -> None:
    record, invite = await office.invites.create(uses=3, life=60.0, trust="vetted", services=("ner",))
    shown = parse_code(invite.code.lower().replace("-", " "))
    assert shown.pins(office.mesh.public_bytes)
    assert (await office.invites.find(shown))[0] == record
    assert (record.uses, record.used, record.trust, record.services) == (3, 0, "vetted", ("ner",))
    assert record.expires_at == office.clock.now + 60
    assert (await office.store.audit())[0].detail == "3 uses, vetted, only ner"


async def test_the_secret_is_nowhere_in_the_store(office: Office) -> None:
    _, invite = await office.invites.create()
    for _, entry in await office.store.list(""):
        assert invite.secret not in entry.value
        assert invite.code.encode() not in entry.value
    lines = await office.store.audit()
    assert [line.action for line in lines] == ["invite-created"]
    assert lines[0].detail == "1 use, volunteer"
    assert invite.code not in repr(lines)


async def test_uses_are_counted(office: Office) -> None:
    _, invite = await office.invites.create(uses=2)
    assert await office.use(invite)
    assert await office.use(invite)
    with pytest.raises(Problem, match="used up"):
        await office.use(invite)


async def test_a_use_that_came_too_late_does_not_count(office: Office) -> None:
    _, invite = await office.invites.create(uses=2)
    record, version = await office.invites.find(invite)
    writes = [office.invites.spend(record, version) for _ in range(5)]
    assert [await office.store.commit([write]) for write in writes] == [True, False, False, False, False]
    assert (await office.invites.find(invite))[0].used == 1


async def test_an_expired_invite_says_so(office: Office) -> None:
    _, invite = await office.invites.create(life=60.0)
    office.clock.now += 60
    with pytest.raises(Problem, match="expired") as caught:
        await office.use(invite)
    assert (caught.value.kind, caught.value.status) == ("invite-invalid", 403)


async def test_a_revoked_invite_says_so_and_stays_so(office: Office) -> None:
    record, invite = await office.invites.create()
    revoked = await office.invites.revoke(record.id)
    assert revoked is not None
    assert await office.invites.revoke(record.id) == revoked
    with pytest.raises(Problem, match="withdrawn"):
        await office.use(invite)
    assert await office.invites.revoke("none-such") is None
    assert [line.action for line in await office.store.audit()] == ["invite-revoked", "invite-created"]


async def test_invites_that_this_coordinator_never_made_are_wrong(office: Office) -> None:
    _, invite = await office.invites.create()
    same_secret_of_another_mesh = make_invite(invite.secret, Mesh().public_bytes)
    for wrong in (make_invite(b"0123456789", office.mesh.public_bytes), same_secret_of_another_mesh):
        with pytest.raises(WrongInvite, match="does not know this invite"):
            await office.invites.find(wrong)


async def test_they_are_listed_oldest_first(office: Office) -> None:
    made: list[InviteRecord] = []
    for _ in range(3):
        office.clock.now += 1
        made.append((await office.invites.create())[0])
    assert await office.invites.list() == made


async def test_one_that_cannot_be_read_lets_nobody_in_and_hides_no_other(office: Office) -> None:
    (good, _), (bad, invite) = await office.invites.create(), await office.invites.create()
    await office.store.put(PREFIX + bad.id, b"?")
    assert await office.invites.list() == [good]
    assert list(office.invites.unreadable.rows) == [PREFIX + bad.id]
    with pytest.raises(Problem, match="cannot be read") as caught:
        await office.invites.find(invite)
    assert not isinstance(caught.value, WrongInvite), "it was no guess"
    with pytest.raises(Problem, match="cannot be read"):
        await office.invites.revoke(bad.id)
