"""Watches that fall silent, end, come in pieces, missed a compaction or see another cluster: nothing is missed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from coordinator_server.store.etcd import watching
from coordinator_server.store.etcd.store import EtcdStore, open_etcd
from coordinator_server.store.etcd.watching import Lines, LostError
from coordinator_server.store.interface import Seen, Write
from tests.support.etcd import Cluster, etcd_cluster
from tests.support.etcd_proxy import Forward, Proxy, etcd_proxy
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with etcd_cluster() as cluster:
        yield cluster


@pytest.fixture
async def proxy(cluster: Cluster) -> AsyncIterator[Proxy]:
    async with etcd_proxy(cluster.members[0].host) as proxy:
        yield proxy


@pytest.fixture
async def store(cluster: Cluster, proxy: Proxy) -> AsyncIterator[EtcdStore]:
    store = await open_etcd(proxy.address(cluster.address().prefix))
    yield store
    await store.close()


async def told(watch: AsyncIterator[Seen]) -> Seen:
    async with asyncio.timeout(60):
        return await anext(watch)


class Streams:
    """What becomes of the streams of watches, one after the other."""

    def __init__(self, *fates: str) -> None:
        self.fates = list(fates)

    async def __call__(self, path: str, _body: bytes, forward: Forward) -> web.StreamResponse:
        fate = self.fates.pop(0) if path == "/v3/watch" and self.fates else ""
        if fate == "silent":
            await asyncio.sleep(600)
        return web.Response(body=fate.encode()) if fate else await forward()


@pytest.mark.needs("etcd")
@pytest.mark.parametrize(
    "fate",
    [
        "silent", "{}\n", "no json\n", '{"result":{"canceled":true}}\n', "[[[[\n",
        '{"error":{"grpc_code":14,"message":"etcdserver: no leader"}}\n',
    ],
)  # fmt: skip
async def test_a_stream_that_fails_is_begun_again_where_it_ended(
    proxy: Proxy, store: EtcdStore, fate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "OPEN", 0.5)
    async with store.watch("a/") as watch:
        assert (await told(watch)).whole
        proxy.rule = streams = Streams(fate, fate)
        await store.put("a/1", b"1")
        seen = await told(watch)
        assert streams.fates == []
        assert not seen.whole
        assert [change.key for change in seen.changes] == ["a/1"]


@pytest.mark.needs("etcd")
async def test_a_silent_stream_is_left_after_a_while(store: EtcdStore, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = 0
    stream = store._gateway.stream

    async def counted(*arguments: object) -> object:
        nonlocal opened
        opened += 1
        return await stream(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(store._gateway, "stream", counted)
    async with store.watch("a/") as watch:
        watch._idle = 0.4
        await told(watch)
        waiting = asyncio.get_running_loop().create_task(told(watch))
        await eventually(lambda: opened >= 3, "other streams are opened")
        await store.put("a/1", b"1")
        assert [change.key for change in (await waiting).changes] == ["a/1"]


@pytest.mark.needs("etcd")
@pytest.mark.parametrize(
    "fate",
    ['{"result":{"canceled":true,"compact_revision":"9"}}\n', '{"result":{"header":{"cluster_id":"1"}}}\n'],
)
async def test_where_changes_may_be_missing_all_is_read_again(proxy: Proxy, store: EtcdStore, fate: str) -> None:
    async with store.watch("a/") as watch:
        await told(watch)
        await store.put("a/1", b"1")
        proxy.rule = Streams(fate)
        seen = await told(watch)
        assert seen.whole
        assert [change.key for change in seen.changes] == ["a/1"]


@pytest.mark.needs("etcd")
async def test_who_was_away_during_a_compaction_reads_all_again(cluster: Cluster, store: EtcdStore) -> None:
    async with store.watch("a/") as watch:
        first = await told(watch)
        for number in range(5):
            await store.put("a/1", b"%d" % number)
        await store.delete("a/1")
        await store.put("a/2", b"")
        found = await store.get("a/2")
        assert found is not None
        cluster.ask(cluster.members[0], "kv/compaction", revision=str(found.version), physical=True)
        seen = await told(watch)
        assert seen.whole
        assert seen.revision > first.revision
        assert [change.key for change in seen.changes] == ["a/2"]


@pytest.mark.needs("etcd")
async def test_many_large_changes_come_in_order(store: EtcdStore) -> None:
    async with store.watch("a/") as watch:
        await told(watch)
        for number in range(5):
            await store.commit([Write(f"a/{number}/{part}", bytes(500_000)) for part in range(2)])
        keys: list[str] = []
        while len(keys) < 10:
            keys += [change.key for change in (await told(watch)).changes]
        assert keys == [f"a/{number}/{part}" for number in range(5) for part in range(2)]


@given(
    st.lists(st.binary(max_size=5).filter(lambda part: b"\n" not in part and part.strip()), max_size=5), st.data()
)
def test_lines_are_the_same_however_they_are_cut(lines: list[bytes], data: st.DataObject) -> None:
    stream, split, found = b"\n\n".join([*lines, b""]), Lines(), []
    while stream:
        length = data.draw(st.integers(1, len(stream)))
        split.feed(stream[:length])
        stream = stream[length:]
        while (line := split.take()) is not None:
            found.append(line)
    assert found == lines


def test_a_line_without_end_is_not_kept() -> None:
    lines = Lines(longest=10)
    lines.feed(b"x" * 10)
    with pytest.raises(LostError):
        for _ in range(3):
            lines.feed(b"x" * 10)
