"""A second socket of a DHT node, for one network that the first socket is not in: the overlay."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from typing import Any

from node.dht.messages import Address

Heard = Callable[[bytes, tuple[Any, ...]], None]


class Wing(asyncio.DatagramProtocol):
    """Gives what comes in to the node's one protocol, and sends to `network` with an address of that network.

    Peers there see us, and prove themselves to us, at the address that they asked.
    """

    def __init__(self, network: IPv4Network, heard: Heard) -> None:
        self._network = network
        self._heard = heard
        self.transport: asyncio.DatagramTransport | None = None
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]  # UDP
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self.transport = None
        if not self.closed.done():
            self.closed.set_result(None)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        if self.reaches((addr[0], addr[1])):  # others, in networks beside it, may know our address too
            self._heard(data, addr)

    def reaches(self, address: Address) -> bool:
        """Say whether what goes to this address has to leave here."""
        try:
            return IPv4Address(address[0]) in self._network
        except AddressValueError:
            return False

    @property
    def bound(self) -> Address:
        """Where we are seen in the network."""
        assert self.transport is not None, "it is open"
        name = self.transport.get_extra_info("sockname")
        return (name[0], name[1])

    async def close(self) -> None:
        if self.transport is not None:
            self.transport.close()
            await asyncio.shield(self.closed)
