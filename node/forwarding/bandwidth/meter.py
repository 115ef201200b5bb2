"""Puts limits on the connections that lead to other machines, those of this moment and those to come."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Iterable

from node.forwarding.bandwidth.gate import Gate
from node.forwarding.bandwidth.shaped import Shaped
from node.forwarding.http1.client import ClientConnection
from node.forwarding.http1.pool import Address, Connect
from node.forwarding.http1.upstream import UpstreamConnection

Connection = ClientConnection | UpstreamConnection


class Meter:
    """Without limits it leaves every connection as it is."""

    def __init__(self, ours: Callable[[str], bool] | None = None) -> None:
        """`ours` tells of an address whether it is of this machine itself, and so without a limit."""
        self._ours = ours or is_loopback
        self._upload: int | None = None
        self._download: int | None = None
        self._tunnel = False
        self._gates: tuple[Gate, Gate] | None = None  # down and up, once there was a limit
        self._live: list[Callable[[], Iterable[Connection]]] = []

    @property
    def active(self) -> bool:
        return self._upload is not None or self._download is not None

    def look(self, upload: int | None, download: int | None, tunnel: bool = False) -> None:
        """Go by these limits from now on (bytes per second); costs nothing where they are those from before.

        `tunnel` tells whether strangers come to us through a program of this machine, and so by loopback.
        """
        if (upload, download, tunnel) == (self._upload, self._download, self._tunnel):
            return
        self._upload, self._download, self._tunnel = upload, download, tunnel
        if self._gates is None:
            loop = asyncio.get_running_loop()
            self._gates = (Gate(loop), Gate(loop))
        down, up = self._gates
        if down.rate != download:
            down.change(download)
        if up.rate != upload:
            up.change(upload)
        for connections in self._live:
            for connection in tuple(connections()):
                self.take(connection)

    def watch(self, connections: Callable[[], Iterable[Connection]]) -> Callable[[], None]:
        """Limit what is among these, too, when a limit is set; return what ends that."""
        self._live.append(connections)
        return lambda: self._live.remove(connections) if connections in self._live else None

    def take(self, connection: Connection) -> None:
        """Limit a connection that leads to another machine, while there is a limit."""
        if not self.active or self._gates is None:
            return
        below = connection.transport
        if isinstance(below, Shaped) or below.is_closing() or not self._leads_outside(connection):
            return
        connection.transport = Shaped(
            below, connection, *self._gates, full=connection.write_paused, paused=connection.reading_paused
        )

    def connecting(self, connect: Connect) -> Connect:
        """Return a way to connect, whose connections are limited."""

        async def limited(address: Address, connection: UpstreamConnection) -> None:
            await connect(address, connection)
            self.take(connection)

        return limited

    def _leads_outside(self, connection: Connection) -> bool:
        name = connection.transport.get_extra_info("peername")
        if not isinstance(name, tuple):
            return False  # a socket of this machine
        return not self._ours(str(name[0])) or (self._tunnel and isinstance(connection, ClientConnection))


def is_loopback(host: str) -> bool:
    """Tell whether an address is of this machine itself; what is no address is somewhere else."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
