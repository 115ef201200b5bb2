"""Answers that are lost, questions that come late: a transaction is done once, or it is said that nobody knows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import msgspec
import pytest
from aiohttp import web

from coordinator_server.store.etcd import store
from coordinator_server.store.etcd.store import EtcdStore, open_etcd
from coordinator_server.store.interface import ABSENT, AuditLine, StoreError, Write
from tests.support.etcd import Cluster, etcd_cluster
from tests.support.etcd_proxy import CutError, Forward, Proxy, etcd_proxy

pytestmark = pytest.mark.needs("etcd")
LINE = AuditLine(time=1.0, actor="a", action="b")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with etcd_cluster() as cluster:
        yield cluster


@pytest.fixture
async def proxy(cluster: Cluster) -> AsyncIterator[Proxy]:
    async with etcd_proxy(cluster.members[0].host) as proxy:
        yield proxy


@pytest.fixture
async def stores(cluster: Cluster, proxy: Proxy) -> AsyncIterator[tuple[EtcdStore, EtcdStore]]:
    """Open a store through the proxy, and the same one directly."""
    address = cluster.address()
    ours, theirs = await open_etcd(proxy.address(address.prefix)), await open_etcd(address)
    yield ours, theirs
    await ours.close()
    await theirs.close()


class Losing:
    """Loses the answers to the first transactions that change something, after or instead of having them done."""

    def __init__(self, times: int, *, done: bool) -> None:
        self.left = times
        self._done = done

    async def __call__(self, path: str, _body: bytes, forward: Forward) -> web.StreamResponse:
        if path != "/v3/kv/txn" or not self.left:
            return await forward()
        self.left -= 1
        if self._done:
            await forward()
        raise CutError


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("done", [True, False])
async def test_who_lost_the_answer_recognises_his_own_success(
    proxy: Proxy, stores: tuple[EtcdStore, EtcdStore], times: int, done: bool
) -> None:
    ours, _ = stores
    await ours.put("k", b"0")
    before = await ours.get("k")
    assert before is not None
    proxy.rule = losing = Losing(times, done=done)
    assert await ours.commit([Write("k", b"1", before.version), Write("new", b"", ABSENT)], [LINE])
    assert losing.left == 0
    after = await ours.get("k")
    assert after is not None
    assert after.value == b"1"
    assert len(await ours.audit()) == 1
    assert await ours.delete("k")
    assert await ours.get("k") is None


async def test_others_who_were_quicker_are_believed_though_an_answer_was_lost(
    proxy: Proxy, stores: tuple[EtcdStore, EtcdStore]
) -> None:
    ours, theirs = stores
    late = asyncio.Event()
    given: list[Forward] = []

    async def rule(path: str, _body: bytes, forward: Forward) -> web.StreamResponse:
        if path == "/v3/kv/txn" and not given:
            given.append(forward)  # on its way still, when it is asked for again
            await theirs.put("k", b"theirs")
            late.set()
            raise CutError
        return await forward()

    proxy.rule = rule
    assert not await ours.compare_and_set("k", None, b"ours")
    assert late.is_set()
    assert await theirs.delete("k")
    await given[0]()
    assert await theirs.get("k") is None, (
        "what was refused is not done afterwards, though its condition holds again"
    )


async def test_what_is_not_known_is_said(
    proxy: Proxy, stores: tuple[EtcdStore, EtcdStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = stores
    monkeypatch.setattr(store, "WRITE_WITHIN", 1.0)
    proxy.rule = Losing(10_000, done=True)
    with pytest.raises(StoreError, match="it is not known whether this was saved") as caught:
        await ours.put("k", b"1")
    assert caught.value.unclear
    assert await theirs.get("k") is not None
    proxy.rule = Losing(0, done=True)
    assert not await ours.compare_and_set("k", None, b"2")
    assert await ours.commit([Write("other", b"")], [LINE]), "it goes on"


async def test_a_lease_that_was_lost_is_asked_for_again(
    cluster: Cluster, stores: tuple[EtcdStore, EtcdStore]
) -> None:
    ours, _ = stores
    await ours.put("here", b"1", leased=True)
    for lease in cluster.ask(cluster.members[0], "lease/leases")["leases"]:
        cluster.ask(cluster.members[0], "lease/revoke", ID=lease["ID"])
    assert await ours.get("here") is None
    assert await ours.compare_and_set("here", None, b"2", leased=True)
    found = await ours.get("here")
    assert found is not None
    assert found.value == b"2"


async def test_with_the_lease_the_receipt_goes_and_nobody_knows_any_more(
    cluster: Cluster, proxy: Proxy, stores: tuple[EtcdStore, EtcdStore]
) -> None:
    ours, theirs = stores
    number = await ours._lease.current()
    losing = Losing(1, done=True)

    async def rule(path: str, body: bytes, forward: Forward) -> web.StreamResponse:
        try:
            return await losing(path, body, forward)
        except CutError:
            await asyncio.to_thread(cluster.ask, cluster.members[0], "lease/revoke", ID=str(number))
            ours._lease.lost(number)
            raise

    proxy.rule = rule
    with pytest.raises(StoreError, match="not known") as caught:
        await ours.commit([Write("k", b"")], [LINE])
    assert caught.value.unclear
    assert len(await theirs.audit()) == 1, "it was done once"
    await ours.commit([Write("k", b"")], [LINE])
    assert [entry.number for entry in await theirs.audit()] == [2, 1]


async def test_a_full_cluster_is_said_with_what_to_do(proxy: Proxy, stores: tuple[EtcdStore, EtcdStore]) -> None:
    async def full(path: str, _body: bytes, forward: Forward) -> web.StreamResponse:
        if path != "/v3/kv/txn":
            return await forward()
        said = msgspec.json.encode({"code": 8, "message": "etcdserver: mvcc: database space exceeded"})
        return web.Response(status=429, body=said)

    proxy.rule = full
    with pytest.raises(StoreError, match=r"is full, so nothing was saved.*quota-backend-bytes") as caught:
        await stores[0].put("k", b"")
    assert not caught.value.unclear
