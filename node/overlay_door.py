"""Lets the node's HTTP server be reached at its overlay address too, on the port that it has outside.

The socket stays when the overlay goes: it hears nothing then, works again as soon as the address is back, and
whoever is being answered is not cut off. Only members are let in: neighbours can have packets for our overlay
address delivered beside the overlay, too.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from ipaddress import IPv4Network

from node.forwarding.plane import DataPlane
from node.program.errors import UserFacingError
from node.program.tasks import TaskSet
from node.program.web import bind
from node.reachability.announced import ANY

log = logging.getLogger(__name__)


class OverlayDoor:
    """One listener beside the main one, with the same doors behind it."""

    def __init__(self, make: Callable[[socket.socket, IPv4Network], DataPlane], patience: float) -> None:
        """`make` puts doors for members of a network behind a socket."""
        self._make = make
        self._patience = patience  # seconds that requests at an address that we no longer have may take to end
        self._server: DataPlane | None = None
        self._network: IPv4Network | None = None  # whose members are let in
        self._tasks = TaskSet("overlay-door")

    async def open(self, ip: str, network: IPv4Network, main: DataPlane) -> str:
        """Listen at this address, unless the main server hears what comes there; return why that cannot be."""
        if main.host in ANY - {"::"} or self._is_at(ip, network):
            return ""
        try:
            server = self._make(bind(ip, main.port), network)
            await server.start()
        except (UserFacingError, OSError) as error:
            log.warning("nothing listens at %s port %d: %s", ip, main.port, error)
            return f"Others cannot reach this machine in the private network: {error}"
        log.info("other workers reach this one at %s in the private network", server.url)
        before, self._server, self._network = self._server, server, network
        if before is not None:
            self._tasks.start(_end(before, self._patience), "end the one before")
        return ""

    def _is_at(self, ip: str, network: IPv4Network) -> bool:
        return self._server is not None and self._server.host == ip and self._network == network

    async def drain(self, deadline: float) -> None:
        """Let requests in flight end, for so many seconds at most."""
        if self._server is not None:
            await self._server.drain(deadline)

    async def stop(self) -> None:
        """Cut all connections; may be called again."""
        await self._tasks.stop()
        server, self._server = self._server, None
        if server is not None:
            await server.stop()


async def _end(server: DataPlane, patience: float) -> None:
    try:
        await server.drain(patience)
    finally:
        await server.stop()
