"""What three members of etcd survive together: a leader that dies or falls silent, no majority, compaction."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TypeVar

import pytest

from coordinator_server.store.etcd import messages
from coordinator_server.store.etcd.store import FORMAT, EtcdStore, open_etcd
from coordinator_server.store.interface import AuditLine, StoreError, Write
from node.program.errors import UserFacingError
from node.program.tasks import TaskSet
from tests.support.etcd import Cluster, etcd_cluster, pause, resume
from tests.support.waiting import eventually

pytestmark = pytest.mark.needs("etcd")
T = TypeVar("T")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with etcd_cluster(3, "--heartbeat-interval", "50", "--election-timeout", "500") as cluster:
        yield cluster


@pytest.fixture
def whole(cluster: Cluster) -> Iterator[Cluster]:
    """Have all members run, before and after."""
    yield cluster
    for member in cluster.members:
        if member.process is None:
            member.start()
        resume(member)
    cluster.leader()


@pytest.fixture
async def stores(whole: Cluster) -> AsyncIterator[list[EtcdStore]]:
    """Open the same store three times, as three coordinators do."""
    address = whole.address()
    async with contextlib.AsyncExitStack() as stack:
        opened = []
        for _ in range(3):
            opened.append(await open_etcd(address))
            stack.push_async_callback(opened[-1].close)
        yield opened


def line(action: str) -> AuditLine:
    return AuditLine(time=1.0, actor="admin", action=action)


class Counting:
    """Coordinators that add one to the same number again and again; each addition is in the audit log, too."""

    def __init__(self, stores: list[EtcdStore]) -> None:
        self.added = 0  # that were acknowledged
        self.unclear = 0
        self._stores = stores
        self._tasks = TaskSet("counting")

    async def __aenter__(self) -> Counting:
        for number, store in enumerate(self._stores):
            self._tasks.start(self._count(store, str(number)), "count")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._tasks.stop()

    async def more(self, times: int) -> None:
        """Wait until so many more were acknowledged."""
        wanted = self.added + times
        await eventually(lambda: self.added >= wanted, f"{times} more are counted")

    async def check(self, store: EtcdStore) -> None:
        """Hold that none was lost and none done twice."""
        found = await sure(store, lambda: store.get("counter"))
        assert found is not None
        done = int(found.value)
        audit = [entry.action for entry in reversed(await sure(store, lambda: store.audit(100_000)))]
        assert audit == [str(number) for number in range(1, done + 1)]
        assert self.added <= done <= self.added + self.unclear + len(self._stores), "who was cut off may have added"

    async def _count(self, store: EtcdStore, name: str) -> None:
        while True:
            try:
                found = await store.get("counter")
                number = int(found.value) + 1 if found else 1
                write = Write("counter", b"%d" % number, found.version if found else 0)
                if await store.commit([write, Write(f"by/{name}", b"%d" % number)], [line(str(number))]):
                    self.added += 1
            except StoreError as error:
                self.unclear += error.unclear
            await asyncio.sleep(0.005)


async def test_what_a_newer_program_has_written_is_refused_and_left_as_it_is(whole: Cluster) -> None:
    address = whole.address()
    opened = await asyncio.gather(*(open_etcd(address) for _ in range(3)))
    async with contextlib.AsyncExitStack() as stack:
        for store in opened:
            stack.push_async_callback(store.close)
        one = opened[0]
        await one.put("k", b"v")
        assert await one.kept() == [("k", b"v")], "no entry, so that no copy takes it into another engine"
        assert await read_format(one) == b"%d" % FORMAT
        await one.empty()
        assert (await one.kept(), await read_format(one)) == ([], b"%d" % FORMAT)
        for value in (b"%d" % (FORMAT + 1), b"", b"one"):
            await one._do([], [messages.put(one._format_key, value)])
            with pytest.raises(UserFacingError, match="in etcd was written by a newer version of RMA Mesh"):
                await open_etcd(address)
            assert await read_format(one) == value


async def read_format(store: EtcdStore) -> bytes:
    return (await store._range(messages.one(store._format_key))).kvs[0].value


async def test_nothing_is_lost_or_doubled_while_leaders_die_fall_silent_and_come_back(
    whole: Cluster, stores: list[EtcdStore]
) -> None:
    async with Counting(stores) as counting:
        await counting.more(20)
        leader = await asyncio.to_thread(whole.leader)
        leader.kill()
        await counting.more(20)
        await asyncio.to_thread(whole.restart, leader)
        await counting.more(20)
        leader = await asyncio.to_thread(whole.leader)
        pause(leader)
        await counting.more(20)
        resume(leader)
        await counting.more(20)
    await counting.check(stores[0])


async def test_without_a_majority_reads_go_on_and_writes_are_refused_until_it_is_back(
    whole: Cluster, stores: list[EtcdStore]
) -> None:
    store = stores[0]
    await store.commit([Write("k", b"before"), Write("here", b"", leased=True)], [line("before")])
    async with store.watch("k") as watch:
        assert (await anext(watch)).whole
        await asyncio.to_thread(whole.settle)  # the third one alone says no more than it has
        first, second, _ = whole.members
        first.kill()
        pause(second)
        found = await store.get("k")
        assert found is not None
        assert found.value == b"before"
        assert [key for key, _ in await store.list("")] == ["here", "k"]
        assert [entry.action for entry in await store.audit()] == ["before"]
        with pytest.raises(StoreError, match="Most members of the store's etcd cluster do not answer") as refused:
            await store.compare_and_set("k", found.version, b"after")
        assert refused.value.kind == "store-unavailable"
        assert store.in_doubt
        resume(second)
        await asyncio.to_thread(whole.restart, first)
        await eventually(lambda: not store.in_doubt, "it is noticed though nobody asks for anything")
        async with asyncio.timeout(60):
            await until_written(store, "k", b"later")
            seen = await anext(watch)
            while not any(change.entry and change.entry.value == b"later" for change in seen.changes):
                seen = await anext(watch)
    assert await store.get("here") is not None, "without a majority no lease ends"


async def sure(store: EtcdStore, read: Callable[[], Awaitable[T]]) -> T:
    """Return what most members agree on, however slow they are."""
    while True:
        found = await read()
        if not store.in_doubt:
            return found
        await asyncio.sleep(0.1)


async def until_written(store: EtcdStore, key: str, value: bytes) -> None:
    while True:
        with contextlib.suppress(StoreError):
            return await store.put(key, value)
        await asyncio.sleep(0.05)
