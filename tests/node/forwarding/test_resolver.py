"""A name that a worker claims must not lead into somebody's network."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Sequence
from typing import Any, cast

import pytest

from node.forwarding.http1.pool import Address, CoordinatorAddress
from node.forwarding.http1.upstream import UpstreamConnection
from node.forwarding.resolver import MOST, OwnThreads, PublicConnector

INSIDE = (
    "127.0.0.1", "10.0.0.5", "192.168.1.1", "169.254.169.254", "100.64.0.1", "::1", "fe80::1%eth0", "fd00::1",
    "::ffff:127.0.0.1", "0.0.0.0", "224.0.0.1", "fec0::1", "64:ff9b::a00:1", "2002:a00:1::1",
)  # fmt: skip
PUBLIC = ("93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c")
CONNECTION: Any = cast("UpstreamConnection", None)


class World:
    """Names that an attacker answers for, and who listens; it notes where it was connected to."""

    def __init__(self, *addresses: str, refusing: Sequence[str] = ()) -> None:
        self._addresses = addresses
        self._refusing = refusing
        self.tried: list[Address] = []
        self.connector = PublicConnector(self.look_up, self.connect)

    async def look_up(self, _name: str, _port: int) -> Sequence[str]:
        return self._addresses

    async def connect(self, address: Address, _connection: UpstreamConnection) -> None:
        self.tried.append(address)
        if address.host in self._refusing:
            raise ConnectionRefusedError(111, "refused")


@pytest.mark.parametrize("address", INSIDE)
async def test_names_that_lead_inside_a_network_are_refused(address: str) -> None:
    world = World(address)
    with pytest.raises(OSError, match="no public address"):
        await world.connector(Address("worker.example.org", 443), CONNECTION)
    assert world.tried == []


async def test_only_the_public_ones_of_several_addresses_are_used_under_the_tunnels_own_name() -> None:
    world = World("127.0.0.1", *PUBLIC)
    await world.connector(Address("worker.example.org", 443), CONNECTION)
    assert world.tried == [Address(PUBLIC[0], 443, None, "worker.example.org")]


async def test_when_one_address_refuses_the_next_is_tried_up_to_a_number() -> None:
    world = World(*PUBLIC, refusing=PUBLIC[:1])
    await world.connector(Address("worker.example.org", 443), CONNECTION)
    assert [address.host for address in world.tried] == list(PUBLIC)
    many = [f"93.184.215.{number}" for number in range(20)]
    world = World(*many, refusing=many)
    with pytest.raises(ConnectionRefusedError):
        await world.connector(Address("worker.example.org", 443), CONNECTION)
    assert len(world.tried) == MOST


@pytest.mark.parametrize("host", ["10.42.0.7", "127.0.0.1", "fd00::7"])
async def test_addresses_were_checked_when_they_became_candidates_and_are_taken_as_they_are(host: str) -> None:
    world = World()
    await world.connector(Address(host, 8000), CONNECTION)
    assert world.tried == [Address(host, 8000)]


async def test_a_coordinators_name_may_lead_into_our_own_network() -> None:
    world = World("192.168.1.1")
    await world.connector(CoordinatorAddress("mesh.home", 9000), CONNECTION)
    assert world.tried == [CoordinatorAddress("mesh.home", 9000)]


async def test_this_machines_own_name_is_looked_up_by_the_system_and_refused() -> None:
    assert set(await OwnThreads()("localhost", 80)) & {"127.0.0.1", "::1"}
    with pytest.raises(OSError, match="no public address"):
        await PublicConnector()(Address("localhost", 1), CONNECTION)


async def test_a_name_whose_owner_never_answers_holds_up_nobody_elses_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    go_on, asked = threading.Event(), threading.Semaphore(0)

    def slow(*_: object, **__: object) -> list[object]:
        asked.release()
        go_on.wait(120)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    names = OwnThreads(2)
    try:
        async with asyncio.TaskGroup() as group:
            waiting = [group.create_task(names("slow.example.org", 443)) for _ in range(100)]
            async with asyncio.timeout(60):
                for _ in range(2):
                    assert await asyncio.to_thread(asked.acquire, timeout=60)
                assert await asyncio.to_thread(lambda: "done") == "done"
            assert not any(one.done() for one in waiting)
            assert not asked.acquire(blocking=False), "two threads, however many wait"
            go_on.set()
    finally:
        go_on.set()
