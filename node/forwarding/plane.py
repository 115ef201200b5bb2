"""The data plane on one port: its handler takes what it wants of the requests, an aiohttp application the rest."""

from __future__ import annotations

import socket
import ssl

from aiohttp import web

from node.forwarding.http1.app_bridge import AppBridge
from node.forwarding.http1.client import ClientConnection
from node.forwarding.http1.interface import Handler
from node.forwarding.http1.limits import ServerLimits
from node.forwarding.http1.server import Http1Server, Takes
from node.forwarding.http1.sweep import Sweep
from node.program.web import url_of


class DataPlane:
    """Serves on a bound socket from `start` to `stop`, which may be called any number of times."""

    def __init__(
        self,
        handler: Handler,
        app: web.Application,
        listener: socket.socket,
        *,
        tls: ssl.SSLContext | None = None,
        limits: ServerLimits | None = None,
        bridge: AppBridge | None = None,
        meter: Takes | None = None,
        shared: bool = False,
    ) -> None:
        """`bridge` takes the place of the plain way to the application; `meter` hears of new connections.

        A `shared` socket is another process's, too, which goes on with it when we end.
        """
        bridge = bridge or AppBridge(app)
        self._server = Http1Server(
            handler, [listener], sweep=Sweep(), limits=limits, tls=tls, app=bridge, meter=meter, shared=shared
        )
        self.url = url_of(listener, tls)
        self.host: str = listener.getsockname()[0]
        self.port: int = listener.getsockname()[1]

    @property
    def connections(self) -> int:
        return len(self._server.connections)

    @property
    def draining(self) -> bool:
        return self._server.draining

    async def start(self) -> None:
        await self._server.start()

    def connection(self) -> ClientConnection:
        """Return the protocol for a connection that came by another way than our socket."""
        return self._server.connection()

    async def drain(self, deadline: float) -> bool:
        """Take no new connections, and close those that are there after their answers; tell whether all ended.

        `deadline` is how many seconds that may take.
        """
        await self._server.drain(deadline)
        return not self._server.connections

    async def stop(self) -> None:
        """Cut all connections."""
        await self._server.stop()
