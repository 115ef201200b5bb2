"""The lease that a coordinator has: had once, kept alive, found out to be lost, given back."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator

import pytest

from coordinator_server.store.etcd.endpoints import Endpoints
from coordinator_server.store.etcd.gateway import EtcdError, Gateway
from coordinator_server.store.etcd.lease import Lease
from tests.support.etcd import Cluster, etcd_cluster, free_port

pytestmark = pytest.mark.needs("etcd")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with etcd_cluster() as cluster:
        yield cluster


@pytest.fixture
async def gateway(cluster: Cluster) -> AsyncIterator[Gateway]:
    rng = random.Random(1)
    gateway = Gateway(Endpoints(cluster.address().urls(secure=False), rng), rng=rng)
    yield gateway
    await gateway.stop()


async def test_everybody_who_needs_it_first_gets_the_same_and_it_is_given_back(
    cluster: Cluster, gateway: Gateway
) -> None:
    lease = Lease(gateway, life=60)
    numbers = await asyncio.gather(*(lease.current() for _ in range(5)))
    assert len(set(numbers)) == 1
    assert lease.until > gateway.now()
    assert leases(cluster) == {str(numbers[0])}
    await lease.keep()
    assert await lease.current() == numbers[0]
    await lease.end()
    assert leases(cluster) == set()
    assert lease.until == float("-inf")
    await lease.end()


async def test_a_lost_one_is_found_out_by_keeping_it(cluster: Cluster, gateway: Gateway) -> None:
    lease = Lease(gateway, life=60)
    first = await lease.current()
    cluster.ask(cluster.members[0], "lease/revoke", ID=str(first))
    await lease.keep()
    assert lease.until == float("-inf")
    assert await lease.current() != first
    lease.lost(first)
    assert lease.until > gateway.now(), "that was another one"
    await lease.end()


async def test_without_a_cluster_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coordinator_server.store.etcd.lease.WITHIN", 0.1)
    gateway = Gateway(Endpoints([f"http://127.0.0.1:{free_port()}"], random.Random(1)))
    lease = Lease(gateway)
    with pytest.raises(EtcdError):
        await lease.current()
    await lease.keep()
    await lease.end()
    await gateway.stop()


def leases(cluster: Cluster) -> set[str]:
    return {lease["ID"] for lease in cluster.ask(cluster.members[0], "lease/leases").get("leases", ())}
