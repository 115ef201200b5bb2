"""Lighthouses: what one coordinator says of itself all members are told, for as long as it can be true."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from coordinator_server.enrolment.leases import Issued, Lease
from coordinator_server.enrolment.lighthouses import MOST, Lighthouses, Station
from coordinator_server.store.interface import Write
from coordinator_server.store.sqlite import SqliteStore, open_sqlite

NOW = 1_800_000_000


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = await open_sqlite(tmp_path / "x.db")
    yield store
    await store.close()


def station(number: int, not_after: int = NOW + 60, **changes: Any) -> Station:
    lease = Lease(ip=f"10.42.0.{number}", certificate="", issued=(Issued("ab", not_after, "cd"),), renew_at=NOW)
    values = {
        "coordinator_id": f"coordinator-{number:02}",
        "lease": lease,
        "endpoints": (f"192.0.2.{number}:4242",),
    }
    return Station(**{**values, **changes})


async def test_members_are_told_of_all_coordinators_in_one_order(store: SqliteStore) -> None:
    one, other = Lighthouses(store), Lighthouses(store)
    assert await one.put(station(2))
    assert await other.put(station(1, relay=False))
    await one.load()
    told = one.told(NOW)
    assert [(light.vpn_ip, light.endpoints, light.relay) for light in told] == [
        ("10.42.0.1", ("192.0.2.1:4242",), False),
        ("10.42.0.2", ("192.0.2.2:4242",), True),
    ]
    assert told == other.told(NOW)


async def test_who_cannot_be_found_or_has_expired_is_not_told(store: SqliteStore) -> None:
    lighthouses = Lighthouses(store)
    await lighthouses.put(station(1, endpoints=()))
    await lighthouses.put(station(2, not_after=NOW - 3600))
    assert lighthouses.told(NOW) == ()
    assert len(list(lighthouses)) == 2


async def test_who_withdraws_is_not_told_and_keeps_its_lease(store: SqliteStore) -> None:
    lighthouses = Lighthouses(store)
    await lighthouses.withdraw("coordinator-01")
    await lighthouses.put(station(1))
    await lighthouses.withdraw("coordinator-01")
    assert lighthouses.told(NOW) == ()
    assert lighthouses.get("coordinator-01") == station(1, endpoints=(), absent=True)


async def test_a_grant_never_has_more_than_it_can_hold(store: SqliteStore) -> None:
    lighthouses = Lighthouses(store)
    for number in range(1, MOST + 5):
        await lighthouses.put(station(number))
    assert len(lighthouses.told(NOW)) == MOST


async def test_a_change_that_came_too_late_is_none_and_is_seen(store: SqliteStore) -> None:
    one, other = Lighthouses(store), Lighthouses(store)
    await one.put(station(1))
    assert not await other.put(station(1, relay=False))
    assert other.get("coordinator-01") == station(1)
    assert await other.put(station(1, relay=False))
    assert not await other.put(station(2), [Write("address/x", b"", 7)]), "with its address or not at all"
    assert other.get("coordinator-02") is None


async def test_a_place_that_nobody_can_read_is_told_once_and_left_as_it_was(
    store: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    known, late = Lighthouses(store), Lighthouses(store)
    assert await known.put(station(1))
    assert await known.put(station(2))
    await store.put("lighthouse/coordinator-01", b'{"x":' + b"[" * 5000)
    for _ in range(3):
        await known.load()
    assert caplog.text.count("coordinator-01") == 1
    assert [light.vpn_ip for light in known.told(NOW)] == ["10.42.0.1", "10.42.0.2"]
    await late.load()
    assert [light.vpn_ip for light in late.told(NOW)] == ["10.42.0.2"]
    assert await late.put(station(1)), "whose it is writes it anew"
    await known.load()
    assert known.told(NOW) == late.told(NOW)
    assert len(late.told(NOW)) == 2
