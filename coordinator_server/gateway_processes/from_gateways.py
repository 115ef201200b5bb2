"""Takes what gateway processes pass on, and has the application see the client at the other end of theirs.

Who the client is, is told in a field that is believed on the private socket only; nobody's application sees it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from aiohttp import web

from coordinator_server.gateway_processes.to_first import CLIENT, PRIVATE
from node.forwarding.http1.app_bridge import AppBridge, Borrowed
from node.forwarding.http1.exchange import Exchange
from node.forwarding.http1.head import HeadLimits
from node.forwarding.http1.limits import ServerLimits
from node.forwarding.http1.server import BACKLOG, Http1Server
from node.forwarding.http1.sweep import Sweep
from node.program.errors import UserFacingError
from node.wire.problems import Problem

FIELD = CLIENT.lower()
PROCESS = "gateway_process"  # what a transport says about which of them a client is connected to
SCHEMES = frozenset({"http", "https"})
RELAY = "relay"  # in the place of a scheme: a gateway process wants to connect to the worker named behind it
HEAD = HeadLimits(fields=200, size=64 * 1024)  # more than clients may send, for what we add
MOST = 65_536  # connections from our own processes, which limit their clients


@runtime_checkable
class Carried(Protocol):
    """What somebody beside the application has put in the place of the client's end."""

    def ended(self) -> None:
        """Hear that the request is over."""


class ClientEnd(asyncio.BaseTransport):
    """What the application asks of a client's connection, where that is in another process."""

    def __init__(self, peer: str, tls: ssl.SSLContext | None, process: int, behind: asyncio.BaseTransport) -> None:
        super().__init__()
        self._told: dict[str, Any] = {"peername": (peer, 0), "sslcontext": tls, PROCESS: process}
        self._behind = behind

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if name in self._told:
            return self._told[name]
        return (
            default if name in ("ssl_object", "peercert", "cipher") else self._behind.get_extra_info(name, default)
        )


class SharedBridge(AppBridge):
    """The way to the application for clients of all processes."""

    passing = PRIVATE

    def end_of(self, exchange: Exchange) -> asyncio.BaseTransport:
        context = exchange.context
        return context if isinstance(context, ClientEnd) else exchange.client.transport


class FromGateways:
    """Listens on a socket in a folder that only we may enter; `path` is where."""

    def __init__(self, app: web.Application, tls: ssl.SSLContext | None) -> None:
        self.bridge = SharedBridge(app)
        self._tls = tls
        self._folder = ""
        self._server: Http1Server | None = None
        self.path = ""
        self.relayed: Callable[[Exchange, str], None] | None = None  # takes who wants to connect to a worker

    async def start(self) -> None:
        """Listen; raise UserFacingError where that cannot be."""
        self._folder = tempfile.mkdtemp(prefix="rma-mesh-")  # 0700
        self.path = str(Path(self._folder) / "app")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(self.path)
            listener.listen(BACKLOG)
            listener.setblocking(False)
        except OSError as error:
            listener.close()
            self._remove()
            raise UserFacingError(
                "The processes of this coordinator cannot reach each other.",
                f"A socket in {self._folder} cannot be used: {error}.",
                "Set TMPDIR to a folder with a short name that can be written.",
            ) from None
        limits = ServerLimits(connections=MOST, connections_per_address=MOST, head=HEAD)
        self._server = Http1Server(self, [listener], sweep=Sweep(), limits=limits, app=Borrowed(self.bridge))
        await self._server.start()

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop()
        self._remove()

    # As the server's handler

    def begin(self, exchange: Exchange) -> None:
        """Give a request to the application, as its client's own."""
        scheme, _, more = exchange.head.get(FIELD).partition(" ")
        peer, _, process = more.partition(" ")
        if scheme == RELAY and self.relayed is not None and process.isdecimal():
            self.relayed(exchange, peer)
            return
        if scheme not in SCHEMES or not peer or "," in more or not process.isdecimal():
            exchange.refuse(Problem("invalid-request", "This socket is for gateway processes only."))
            return
        tls = self._tls if scheme == "https" else None
        peer = "" if peer == "unknown" else peer
        exchange.context = ClientEnd(peer, tls, int(process), exchange.client.transport)
        exchange.to_app()

    def finished(self, exchange: Exchange) -> None:
        context, exchange.context = exchange.context, None
        if isinstance(context, Carried):
            context.ended()

    def _remove(self) -> None:
        if self._folder:
            remove_socket(self.path)
            self._folder = ""


def remove_socket(path: str) -> None:
    """Remove the socket and its folder; where the first was killed, the processes that it leaves behind do it."""
    with contextlib.suppress(OSError):
        Path(path).unlink(missing_ok=True)
        Path(path).parent.rmdir()
