"""API keys in a real store: shown once, kept as a hash, revoked at once, gone from the memory of others soon."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coordinator_server.gateway import keys as gateway_keys
from coordinator_server.gateway.keys import ALONE, FRESH, PREFIX, ApiKeys
from coordinator_server.gateway.rates import RateError
from coordinator_server.store.interface import StoreError, Versioned
from coordinator_server.store.sqlite import SqliteStore, open_sqlite


class Clock:
    """A clock that a test moves."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = await open_sqlite(tmp_path / "coordinator.db")
    yield opened
    await opened.close()


async def test_a_key_is_found_again_and_only_its_hash_is_kept(store: SqliteStore) -> None:
    keys = ApiKeys(store, Clock())
    record, text = await keys.create("website", services=["ner-extraction"], rate="5/s")
    assert text.startswith(f"rma_{record.id}_")
    assert await keys.find(text) == record
    assert record.allows("ner-extraction")
    assert not record.allows("vision-ocr")
    (entry,) = await store.list(PREFIX)
    secret = text.split("_", 2)[2]
    assert secret.encode() not in entry[1].value
    assert [line.action for line in await store.audit()] == ["key-created"]


@pytest.mark.parametrize(
    "change", [lambda t: t[:-1], lambda t: t + "x", lambda t: t[:-4] + "AAAA", lambda t: "", str.upper]
)
async def test_a_wrong_key_is_nobodys(store: SqliteStore, change) -> None:  # type: ignore[no-untyped-def]
    keys = ApiKeys(store, Clock())
    _, text = await keys.create("website")
    assert await keys.find(change(text)) is None


async def test_revoking_acts_at_once_and_is_audited(store: SqliteStore) -> None:
    keys = ApiKeys(store, Clock())
    record, text = await keys.create("website")
    assert await keys.find(text) is not None
    assert await keys.revoke(record.id)
    assert await keys.find(text) is None
    assert not await keys.revoke(record.id)
    assert [line.action for line in await store.audit()] == ["key-revoked", "key-created"]


async def test_another_coordinators_revocation_counts_after_a_few_seconds(store: SqliteStore) -> None:
    clock = Clock()
    here, there = ApiKeys(store, clock), ApiKeys(store, clock)
    record, text = await here.create("website")
    assert await there.find(text) is not None
    await here.revoke(record.id)
    clock.now += FRESH
    assert await there.find(text) is None


class Silence:
    """A store that can be cut off."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.silent = False
        self.hangs = False
        self.asked = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self.store, name)

    async def get(self, key: str) -> Versioned | None:
        self.asked += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.silent:
            raise StoreError("Nobody answers.")
        return await self.store.get(key)


async def test_without_the_store_known_keys_go_on_for_a_while_and_it_is_seldom_asked(store: SqliteStore) -> None:
    clock, cut = Clock(), Silence(store)
    keys = ApiKeys(cut, clock)  # type: ignore[arg-type]
    (_, text), (_, unknown) = await keys.create("website"), await keys.create("app")
    found = await keys.find(text)
    cut.silent = True
    for _ in range(int(ALONE / FRESH) - 1):
        clock.now += FRESH
        asked = cut.asked
        assert [await keys.find(text), keys.recall(text), await keys.find(text)] == [found] * 3
        assert cut.asked == asked + 1
    with pytest.raises(StoreError):
        await keys.find(unknown)
    clock.now += FRESH
    with pytest.raises(StoreError):
        await keys.find(text)
    cut.silent = False
    assert found is not None
    await ApiKeys(store, clock).revoke(found.id)
    assert await keys.find(unknown) is not None
    assert await keys.find(text) is None


async def test_what_another_coordinator_revokes_is_forgotten_when_the_store_tells_it(store: SqliteStore) -> None:
    clock, cut = Clock(), Silence(store)
    keys, told = ApiKeys(cut, clock), []  # type: ignore[arg-type]

    async def revoked(key_id: str) -> None:
        told.append(key_id)

    keys.revoked = revoked
    (first, text), (_, kept) = await keys.create("website"), await keys.create("app")
    second, other = await keys.create("third")
    for shown in (text, kept, other):
        await keys.find(shown)
    async with store.watch(PREFIX) as watch:
        await keys.take(await anext(watch))
        await ApiKeys(store, clock).revoke(first.id)
        await keys.take(await anext(watch))
    await ApiKeys(store, clock).revoke(second.id)
    async with store.watch(PREFIX) as watch:  # one that had to begin anew
        await keys.take(await anext(watch))
    assert told == [first.id, second.id]
    clock.now += FRESH
    cut.silent = True
    assert await keys.find(kept) is not None
    for shown in (text, other):
        with pytest.raises(StoreError):
            await keys.find(shown)


async def test_a_known_key_does_not_wait_long_for_a_store_that_hangs(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway_keys, "PATIENCE", 0.05)
    clock, cut = Clock(), Silence(store)
    keys = ApiKeys(cut, clock)  # type: ignore[arg-type]
    _, text = await keys.create("website")
    found = await keys.find(text)
    clock.now += FRESH
    cut.hangs = True
    async with asyncio.timeout(60):
        assert await keys.find(text) == found


async def test_keys_survive_a_restart(tmp_path: Path) -> None:
    first = await open_sqlite(tmp_path / "again.db")
    record, text = await ApiKeys(first, Clock()).create("website", expires_at=2000.0)
    await first.close()
    second = await open_sqlite(tmp_path / "again.db")
    try:
        keys = ApiKeys(second, Clock())
        assert await keys.find(text) == record
        assert list(await keys.list()) == [record]
        assert record.expired(2000.0)
        assert not record.expired(1999.9)
    finally:
        await second.close()


async def test_a_bad_rate_makes_no_key(store: SqliteStore) -> None:
    keys = ApiKeys(store, Clock())
    with pytest.raises(RateError):
        await keys.create("website", rate="many")
    assert list(await keys.list()) == []


async def test_a_revocation_is_over_when_everybody_knows_of_it(store: SqliteStore) -> None:
    keys, told = ApiKeys(store, Clock()), list[tuple[str, object]]()
    record, text = await keys.create("website")
    assert await keys.get(record.id) == keys.fresh(record.id) == record

    async def tell(key_id: str) -> None:
        told.append((key_id, await keys.find(text)))  # it is worth nothing here by then

    keys.revoked = tell
    assert await keys.revoke(record.id)
    assert told == [(record.id, None)]
    assert keys.fresh(record.id) is None
    assert not await keys.revoke(record.id)
    assert len(told) == 1


async def test_a_key_that_cannot_be_read_is_nobodys_hides_no_other_and_can_be_revoked(store: SqliteStore) -> None:
    keys = ApiKeys(store, Clock())
    (good, _), (bad, text) = await keys.create("website"), await keys.create("other")
    await store.put(PREFIX + bad.id, b"?")
    assert await keys.find(text) is None
    assert await keys.list() == [good]
    assert list(keys.unreadable.rows) == [PREFIX + bad.id]
    assert await keys.revoke(bad.id)
    assert await keys.list() == [good]
    assert keys.unreadable.rows == {}
