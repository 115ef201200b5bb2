"""Connects the gateway to workers: to those that are relayed through the hub, to all others as ever."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from node.forwarding.http1.pool import Address, Connect, RelayAddress
from node.forwarding.http1.upstream import UpstreamConnection
from node.forwarding.resolver import PublicConnector

ToWorker = Callable[[str, UpstreamConnection], Awaitable[bool]]  # see RelayHub.connect


class GatewayConnector:
    """Takes the way that an address says."""

    def __init__(self, relayed: ToWorker, others: Connect | None = None) -> None:
        self._relayed = relayed
        self._others = others or PublicConnector()

    async def __call__(self, address: Address, connection: UpstreamConnection) -> None:
        """Connect; raise OSError."""
        if isinstance(address, RelayAddress):
            # One that was ready may have died: as with a kept one, a request that may be repeated gets another.
            connection.reused = await self._relayed(address.host, connection)
        else:
            await self._others(address, connection)
