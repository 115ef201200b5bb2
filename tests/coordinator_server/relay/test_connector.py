"""How the gateway connects: by what the address says."""

from __future__ import annotations

from typing import cast

from coordinator_server.relay.connector import GatewayConnector
from node.forwarding.http1.pool import Address, RelayAddress
from node.forwarding.http1.upstream import Owner, UpstreamConnection


async def test_relayed_workers_are_reached_by_their_id_and_others_by_their_address() -> None:
    relayed: list[str] = []
    others: list[Address] = []

    async def to_worker(worker_id: str, _connection: UpstreamConnection) -> bool:
        relayed.append(worker_id)
        return worker_id == "ready"

    async def to_address(address: Address, _connection: UpstreamConnection) -> None:
        others.append(address)

    connect = GatewayConnector(to_worker, to_address)
    connection = UpstreamConnection(cast("Owner", None))
    await connect(RelayAddress("Anna.PC", 0), connection)
    assert not connection.reused
    await connect(RelayAddress("ready", 0), connection)
    assert connection.reused, "it may have died while it waited"
    await connect(Address("127.0.0.1", 8000), connection)
    assert relayed == ["Anna.PC", "ready"]
    assert others == [Address("127.0.0.1", 8000)]
    assert RelayAddress("a", 0) != Address("a", 0), "each has a pool of its own"
