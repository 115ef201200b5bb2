"""Addresses: never two members with one, never again before it is safe, and a full network says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from coordinator_server.enrolment.addresses import PREFIX, Addresses, parse_network
from coordinator_server.store.sqlite import SqliteStore, open_sqlite
from node.wire.credentials import Role
from node.wire.problems import Problem

WIDE, TINY = IPv4Network("10.42.0.0/16"), IPv4Network("10.42.0.0/28")
WEEK = 7 * 86400.0


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = await open_sqlite(tmp_path / "x.db")
    yield store
    await store.close()


async def opened(store: SqliteStore, network: IPv4Network = WIDE) -> Addresses:
    addresses = Addresses(store, network)
    await addresses.load()
    return addresses


async def take(store: SqliteStore, addresses: Addresses, name: str, role: Role = "worker", now: float = 0.0) -> str:
    while True:
        ip, write = await addresses.propose(name, role, now, now + WEEK)
        if await store.commit([write]):
            return str(ip)


async def test_coordinators_get_low_addresses_and_workers_those_after(store: SqliteStore) -> None:
    addresses = await opened(store)
    assert [await take(store, addresses, f"c-{n}", "coordinator") for n in range(2)] == ["10.42.0.1", "10.42.0.2"]
    assert [await take(store, addresses, f"w-{n}") for n in range(2)] == ["10.42.0.16", "10.42.0.17"]


async def test_after_a_restart_it_goes_on_where_it_was(store: SqliteStore) -> None:
    await take(store, await opened(store), "w-1")
    assert await take(store, await opened(store), "w-2") == "10.42.0.17"


async def test_coordinators_of_one_store_never_give_one_out_twice(store: SqliteStore) -> None:
    places = [await opened(store) for _ in range(4)]
    given = await asyncio.gather(*(take(store, places[n % 4], f"w-{n}") for n in range(200)))
    assert len(set(given)) == 200


async def test_every_host_address_of_a_network_is_used_and_no_other(store: SqliteStore) -> None:
    addresses = await opened(store, TINY)
    given = [await take(store, addresses, f"c-{n}", "coordinator") for n in range(2)]
    given += [await take(store, addresses, f"w-{n}") for n in range(12)]
    roles: list[Role] = ["worker", "coordinator"]
    for role in roles:
        with pytest.raises(Problem, match=r"10\.42\.0\.0/28 is taken") as caught:
            await take(store, addresses, "one too many", role)
        assert caught.value.kind == "no-address"
    assert sorted(map(IPv4Address, given)) == list(TINY.hosts())


async def test_an_address_comes_back_when_its_time_is_over_and_the_oldest_first(store: SqliteStore) -> None:
    addresses = await opened(store, TINY)
    given = [await take(store, addresses, f"w-{n}", now=float(100 - n)) for n in range(12)]
    with pytest.raises(Problem):
        await take(store, addresses, "x", now=WEEK + 88)
    assert await take(store, addresses, "x", now=WEEK + 89) == given[11]
    assert await take(store, addresses, "y", now=WEEK + 90) == given[10]
    with pytest.raises(Problem):
        await take(store, addresses, "z", now=WEEK + 90)


async def test_what_was_skipped_is_found_when_the_end_is_reached(store: SqliteStore) -> None:
    addresses = await opened(store, TINY)
    skipped, _ = await addresses.propose("went away", "worker", 0.0, WEEK)
    given = [await take(store, addresses, f"w-{n}") for n in range(12)]
    assert given[11] == str(skipped)


async def test_a_holder_keeps_its_address_for_longer(store: SqliteStore) -> None:
    addresses = await opened(store)
    ip = await take(store, addresses, "w-1")
    assert await addresses.extend(ip, "w-2", WEEK) is None
    assert await addresses.extend("10.42.9.9", "w-1", WEEK) is None
    assert await addresses.extend("192.168.0.1", "w-1", WEEK) is None
    kept = await addresses.extend(ip, "w-1", 5 * WEEK)
    assert kept is not None
    assert kept[0] == IPv4Address(ip)
    assert await store.commit([kept[1]])
    assert not await store.commit([kept[1]]), "nobody writes over what changed meanwhile"


@pytest.mark.parametrize("text", ["10.42.0.0/16", "192.168.77.0/24", "172.20.0.0/14", "10.0.0.0/8", "10.1.2.0/28"])
def test_private_networks_can_be_used(text: str) -> None:
    assert str(parse_network(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "10.42.0.1/16", "8.8.8.0/24", "127.0.0.0/8", "10.0.0.0/29", "0.0.0.0/0", "fd00::/64", "240.0.0.0/8", "x"],
)
def test_other_networks_cannot(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_network(text)


@pytest.mark.parametrize("row", [b"?", b'{"x":' + b"[" * 5000], ids=["garbage", "nested"])
async def test_an_address_whose_row_cannot_be_read_stays_taken(store: SqliteStore, row: bytes) -> None:
    await store.put(f"{PREFIX}{int(IPv4Address('10.42.0.3')):08x}", row)
    addresses = await opened(store, IPv4Network("10.42.0.0/29"))
    given = {await take(store, addresses, f"w-{n}") for n in range(4)}
    assert given == {"10.42.0.2", "10.42.0.4", "10.42.0.5", "10.42.0.6"}
    with pytest.raises(Problem, match="is taken"):
        await take(store, addresses, "w-9")
    assert await addresses.extend("10.42.0.3", "w-9", 1.0) is None
