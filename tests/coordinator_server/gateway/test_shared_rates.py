"""Rates of API keys over several coordinators: one bucket, few writes, and no outage without the store."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from coordinator_server.gateway import portions, shared_rates
from coordinator_server.gateway.access import Kind
from coordinator_server.gateway.rates import Buckets, Rate
from coordinator_server.gateway.shared_rates import IDLE, PREFIX, Lacking, SharedBuckets
from coordinator_server.gateway_processes.leases import Office
from coordinator_server.keys import MESH_KEY_FILE
from coordinator_server.store.interface import StoreError
from coordinator_server.store.sqlite import FILE_NAME, SqliteStore, open_sqlite
from tests.support.coordinators import HOURLY, Room, coordinator_room
from tests.support.etcd import etcd_cluster
from tests.support.mesh_keys import Clock
from tests.support.waiting import eventually

DAILY = Rate(120, 86_400.0)  # a token in 12 minutes: no test takes so long
CALM: dict[str, Any] = {"vpn": "off", **HOURLY}


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for the store, and keep tokens, however slow this machine is."""
    monkeypatch.setattr(shared_rates, "PATIENCE", 60.0)
    monkeypatch.setattr(portions, "HELD", 600.0)


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Sequence[SqliteStore]]:
    opened = [await open_sqlite(tmp_path / "x.db") for _ in range(2)]
    yield opened
    for store in opened:
        await store.close()


@contextlib.asynccontextmanager
async def sharing(stores: Sequence[SqliteStore], sharers: int = 2) -> AsyncIterator[list[SharedBuckets]]:
    buckets = [SharedBuckets(store, lambda: sharers) for store in stores]
    for one in buckets:
        one.start()
    try:
        yield buckets
    finally:
        for one in buckets:
            await one.stop()


def count_commits(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    commits: list[int] = []
    commit = store.commit

    async def counted(writes: Any, audit: Any = ()) -> bool:
        commits.append(len(writes))
        return await commit(writes, audit)

    monkeypatch.setattr(store, "commit", counted)
    return commits


async def let_through(buckets: SharedBuckets, count: int, key: str = "k1", rate: Rate = DAILY) -> int:
    verdicts = await asyncio.gather(*(buckets.obtain(key, rate, 0.0) for _ in range(count)))
    return sum(verdict.allowed for verdict in verdicts)


async def test_two_of_them_let_through_what_one_would_and_write_seldom(
    stores: Sequence[SqliteStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    commits = [count_commits(store, monkeypatch) for store in stores]
    async with sharing(stores) as (one, other):
        passed = 0
        for _ in range(20):
            passed += sum(await asyncio.gather(let_through(one, 10), let_through(other, 10)))
        assert 118 <= passed <= 121
        assert sum(map(len, commits)) < 60
        with pytest.raises(Lacking):
            one.take("k2", DAILY, 0.0)
        assert (await one.obtain("k2", DAILY, 0.0)).headers["RateLimit-Remaining"] == "119"
        assert other.take("k3", DAILY, 0.0, 0.0).tokens == 120.0


async def test_many_keys_are_one_commit(stores: Sequence[SqliteStore], monkeypatch: pytest.MonkeyPatch) -> None:
    commits = count_commits(stores[0], monkeypatch)
    async with sharing(stores[:1]) as (one,):
        passed = await asyncio.gather(*(let_through(one, 1, f"k{number}") for number in range(50)))
        assert sum(passed) == 50
        assert len(commits) <= 3


async def test_alone_nothing_is_written_and_what_was_used_counts_when_others_come_and_go(
    stores: Sequence[SqliteStore],
) -> None:
    sharers, rate = 1, Rate(12, 86_400.0)
    buckets = SharedBuckets(stores[0], lambda: sharers)
    buckets.start()
    try:
        assert await let_through(buckets, 8, rate=rate) == 8
        assert await stores[0].list(PREFIX) == []
        sharers = 2
        assert await let_through(buckets, 2, rate=rate) == 2
        assert len(await stores[0].list(PREFIX)) == 1
        sharers = 1
        assert buckets.at_hand("k1", rate, 0.0) == pytest.approx(2.0, abs=0.1)
        assert await let_through(buckets, 5, rate=rate) == 2
    finally:
        await buckets.stop()


async def test_without_the_store_each_counts_its_part_and_then_all_count_together_again(
    stores: Sequence[SqliteStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = stores[0].commit

    async def failing(_writes: Any, _audit: Any = ()) -> bool:
        raise StoreError("it is away")

    monkeypatch.setattr(stores[0], "commit", failing)
    monkeypatch.setattr(shared_rates, "PAUSE", 0.01)
    async with sharing(stores) as (one, other):
        assert await let_through(one, 100) == 60
        assert not one.take("k1", DAILY, 0.0).allowed, "which is said at once"
        monkeypatch.setattr(stores[0], "commit", commit)
        passed = 0

        def again() -> bool:
            nonlocal passed
            try:
                passed += one.take("k1", DAILY, 0.0).allowed
            except Lacking:
                return True
            return passed > 0

        await eventually(again, "the store is asked again")
        passed += await let_through(one, 200)
        assert 118 <= 60 + passed + await let_through(other, 200) <= 121


async def test_who_waits_for_a_store_that_hangs_waits_not_for_long(
    stores: Sequence[SqliteStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    released = asyncio.Event()
    get = stores[0].get

    async def hanging(key: str) -> Any:
        await released.wait()
        return await get(key)

    monkeypatch.setattr(stores[0], "get", hanging)
    monkeypatch.setattr(shared_rates, "PATIENCE", 0.05)
    async with sharing(stores[:1]) as (one,):
        assert await let_through(one, 10) == 10
        assert one.take("k1", DAILY, 0.0).allowed, "nobody waits any more"
        released.set()


async def test_rows_of_buckets_that_are_full_again_vanish(stores: Sequence[SqliteStore]) -> None:
    clock = Clock()
    buckets = SharedBuckets(stores[0], lambda: 1, clock)
    await stores[0].put(PREFIX + "a", b'["b",5.0,5.0,10,60.0]')
    await stores[0].put(PREFIX + "b", b'["b",5.0,5.0,10,86400.0]')
    await stores[0].put(PREFIX + "c", b"{}")
    for _ in range(2):
        await buckets._tick()
        clock.now += 60.0 + IDLE + 1.0
    await buckets._tick()
    assert [key for key, _ in await stores[0].list(PREFIX)] == [PREFIX + "b"]


async def test_gateway_processes_get_of_it_what_is_at_hand(stores: Sequence[SqliteStore]) -> None:
    async with sharing(stores) as (one, other):
        kinds: dict[Kind, Buckets] = {"key": one}
        office = Office(kinds)
        assert office.shared() is one
        assert one.lacks("k1", DAILY, 0.0, 3)
        assert office.grant(1, ("key", "k1"), 3, DAILY, 0.0)[0] == 0
        await one.fetch("k1", 3)
        tokens, level = office.grant(1, ("key", "k1"), 3, DAILY, 0.0)
        assert tokens == 3
        assert level == pytest.approx(117.0, abs=0.1)
        assert 115 <= await let_through(one, 150) + await let_through(other, 150) <= 118


@contextlib.asynccontextmanager
async def two_rooms(folder: Path, store: str) -> AsyncIterator[list[Room]]:
    async with contextlib.AsyncExitStack() as stack:
        settings = {**CALM, **({"store": store} if store else {})}
        rooms = [await stack.enter_async_context(coordinator_room(folder / "a", **settings))]
        (folder / "b").mkdir()
        shutil.copy2(folder / "a" / MESH_KEY_FILE, folder / "b" / MESH_KEY_FILE)
        if not store:
            (folder / "b" / FILE_NAME).symlink_to(folder / "a" / FILE_NAME)
        rooms.append(await stack.enter_async_context(coordinator_room(folder / "b", **settings)))
        await eventually(lambda: all(room.coordinator.fleet.others for room in rooms), "they know each other")
        yield rooms


async def check_one_rate(rooms: Sequence[Room]) -> None:
    _, key = await rooms[0].coordinator.keys.create("website", rate="30/day")

    async def ask(room: Room) -> int:
        async with room.session.get(f"{room.url}/service/ner", headers={"X-API-Key": key}) as answer:
            await answer.read()
            return answer.status

    statuses: list[int] = []
    for _ in range(10):
        statuses += await asyncio.gather(*(ask(room) for room in rooms for _ in range(4)))
    assert set(statuses) == {429, 503}, "no worker is there, and that is told who may ask"
    assert 28 <= statuses.count(503) <= 31


async def test_a_key_has_one_rate_at_two_coordinators(tmp_path: Path) -> None:
    async with two_rooms(tmp_path, "") as rooms:
        await check_one_rate(rooms)


@pytest.mark.needs("etcd")
async def test_a_key_has_one_rate_at_two_coordinators_on_etcd(tmp_path: Path) -> None:
    with etcd_cluster(1) as cluster:
        async with two_rooms(tmp_path, str(cluster.address())) as rooms:
            await check_one_rate(rooms)
