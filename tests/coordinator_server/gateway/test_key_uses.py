"""When keys were used last: no write for a request, one for all in a while, the newest word of all counts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from coordinator_server.gateway import key_uses
from coordinator_server.gateway.key_uses import PREFIX, Came, KeyUses, Use
from coordinator_server.gateway.keys import ApiKeys
from coordinator_server.store.interface import StoreError
from coordinator_server.store.sqlite import SqliteStore, open_sqlite
from tests.support.front import running_front
from tests.support.mesh_keys import Clock


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = await open_sqlite(tmp_path / "coordinator.db")
    yield opened
    await opened.close()


def test_the_newest_use_counts_and_of_an_address_its_household() -> None:
    uses = KeyUses()
    uses.used("a", 5.0, "192.0.2.1")
    uses.used("a", 6.0, "2001:db8:1:2:3:4:5:6")
    uses.absorb({"a": Use(4.0, "192.0.2.9"), "b": Use(1.0, "192.0.2.9")})
    assert uses.noted() == uses.take() == {"a": Use(6.0, "2001:db8:1:2::/64"), "b": Use(1.0, "192.0.2.9")}
    assert uses.take() == {}


def test_how_the_last_few_households_came_is_known_and_nobody_is_more_than_one() -> None:
    uses = KeyUses()
    assert uses.all_came() == ()
    for number in range(1, 4):
        uses.came("2001:db8::" + str(number), f"mesh{number}.example")
    uses.came("192.0.2.1", "mesh.example")
    uses.came("192.0.2.1", "mesh.example")
    assert uses.all_came() == (Came("2001:db8::3", "mesh3.example"), Came("192.0.2.1", "mesh.example"))
    for number in range(2, 2 + key_uses.MOST_CAME):
        uses.came(f"192.0.2.{number}", "mesh.example")
    assert [came.peer for came in uses.all_came()] == [f"192.0.2.{n}" for n in range(2, 2 + key_uses.MOST_CAME)]
    assert uses.take() == {}, "with a key or without one"


def test_it_remembers_only_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_uses, "MOST", 2)
    uses = KeyUses()
    for name in "abca":
        uses.used(name, 7.0, "192.0.2.1")
    assert set(uses.take()) == {"a", "b"}


async def test_many_uses_are_one_commit_and_what_is_not_new_is_none(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = ApiKeys(store, Clock())
    made = [(await keys.create(f"key {number}"))[0].id for number in range(30)]
    commits: list[int] = []
    commit = store.commit

    async def counted(writes: Any, audit: Any = ()) -> bool:
        commits.append(len(writes))
        return await commit(writes, audit)

    monkeypatch.setattr(store, "commit", counted)
    for moment in range(500):
        keys.uses.used(made[moment % 30], 1000.0 + moment, "192.0.2.1")
    assert not commits
    await keys.book.write()
    await keys.book.write()
    assert commits == [30]
    assert (await keys.book.last())[made[29]] == Use(1479.0, "192.0.2.1")
    keys.uses.used(made[0], 5.0, "192.0.2.7")  # from a coordinator whose word comes late
    keys.uses.used("f" * 12, 5.0, "192.0.2.7")  # which is no key
    await keys.book.write()
    assert commits == [30]


async def test_two_coordinators_keep_the_newest_and_a_revoked_key_leaves_nothing(store: SqliteStore) -> None:
    one, other = ApiKeys(store, Clock()), ApiKeys(store, Clock())
    key, _ = await one.create("website")
    one.uses.used(key.id, 10.0, "192.0.2.1")
    other.uses.used(key.id, 20.0, "192.0.2.2")
    await other.book.write()
    await one.book.write()
    assert await one.book.last() == {key.id: Use(20.0, "192.0.2.2")}
    one.uses.used(key.id, 30.0, "192.0.2.3")
    assert (await one.book.last())[key.id].at == 30.0, "also what is not written yet"
    await one.revoke(key.id)
    await one.book.write()
    assert await store.list(PREFIX) == []


async def test_a_use_that_came_after_its_key_had_been_revoked_is_cleared_away(store: SqliteStore) -> None:
    keys = ApiKeys(store, Clock())
    gone, kept = (await keys.create("gone"))[0].id, (await keys.create("kept"))[0].id
    await keys.revoke(gone)
    await store.put(PREFIX + gone, b'[5.0,"192.0.2.1"]')  # by a coordinator that was just writing uses down
    keys.uses.used(kept, 6.0, "192.0.2.1")
    await keys.book.write()
    assert [key for key, _ in await store.list(PREFIX)] == [PREFIX + kept]


async def test_what_cannot_be_written_is_kept_for_later(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = ApiKeys(store, Clock())
    key, _ = await keys.create("website")
    keys.uses.used(key.id, 10.0, "192.0.2.1")

    async def fails(*_: object) -> bool:
        raise StoreError("the disk is full")

    async def is_overtaken(*_: object) -> bool:
        return False

    for failure in (fails, is_overtaken):
        with monkeypatch.context() as patched:
            patched.setattr(store, "commit", failure)
            await keys.book.write()
        assert keys.uses.noted() == {key.id: Use(10.0, "192.0.2.1")}
    await keys.book.write()
    assert keys.uses.noted() == {}


async def test_the_operator_sees_who_uses_a_key_also_after_a_restart(tmp_path: Path) -> None:
    async with running_front(tmp_path) as front:
        made, _ = await front.key(), await front.key(name="idle")
        await front.join("alpha")
        async with front.session.get(front.url + "/service/echo", headers=made) as answer:
            assert answer.status == 200
    async with running_front(tmp_path) as front:
        listed = {key["name"]: key for key in (await front.ask("GET", "/api/admin/keys"))["keys"]}
    assert listed["test"]["last_used_from"] == "127.0.0.1"
    assert listed["test"]["last_used_at"] >= listed["test"]["created_at"]
    assert (listed["idle"]["last_used_at"], listed["idle"]["last_used_from"]) == (None, "")


async def test_whoever_has_an_expired_key_is_told_so_and_nobody_else(tmp_path: Path) -> None:
    clock = Clock()
    async with running_front(tmp_path, clock) as front:
        shown = await front.key(expires_in=60)
        clock.now += 61
        wrong = {"X-API-Key": shown["X-API-Key"][:-1] + ("A" if shown["X-API-Key"][-1] != "A" else "B")}
        told = await front.get("/service/echo", 401, headers=shown)
        not_told = await front.get("/service/echo", 401, headers=wrong)
        assert "expired" in told["detail"]
        assert "expired" not in not_told["detail"]
        (listed,) = (await front.ask("GET", "/api/admin/keys"))["keys"]
        assert (listed["status"], listed["last_used_at"]) == ("expired", None)


async def test_a_use_that_cannot_be_read_is_written_over(store: SqliteStore) -> None:
    keys = ApiKeys(store, Clock())
    made, _ = await keys.create("website")
    await store.put(PREFIX + made.id, b"?")
    assert (await keys.book.last())[made.id].at == 0.0
    keys.uses.used(made.id, 7.0, "192.0.2.1")
    await keys.book.write()
    assert (await keys.book.last())[made.id].at == 7.0
