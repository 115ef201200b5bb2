"""Listens, keeps its clients within limits, and ends in good order."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv6Address
from typing import Protocol

from node.forwarding.http1.client import ClientConnection, FirstHeads
from node.forwarding.http1.dates import Dates
from node.forwarding.http1.exchange import Exchange
from node.forwarding.http1.interface import Handler
from node.forwarding.http1.limits import ServerLimits
from node.forwarding.http1.listeners import BACKLOG, Listeners
from node.forwarding.http1.outbox import Outbox
from node.forwarding.http1.sweep import Sweep
from node.wire.problems import Problem

__all__ = ["BACKLOG", "App", "Http1Server", "counted_address", "shared_socket"]


class App(Protocol):
    """An application that answers what the handler gives it."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def take(self, exchange: Exchange) -> None:
        """Answer this exchange."""


class Takes(Protocol):
    """Hears of every connection when it begins, and may put itself between it and its transport."""

    def take(self, connection: ClientConnection, /) -> None: ...

    def watch(self, connections: Callable[[], Iterable[ClientConnection]], /) -> Callable[[], None]:
        """Hear where the connections of now are found; return what ends that."""


def shared_socket(host: str, port: int) -> socket.socket:
    """Bind a socket that several processes may bind: the kernel shares new connections out among them.

    Raises OSError, also where the system has no SO_REUSEPORT.
    """
    if not hasattr(socket, "SO_REUSEPORT"):
        raise OSError("this system cannot share a port between processes")
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        if listener.family == socket.AF_INET6 and socket.has_dualstack_ipv6():
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


class Http1Server:
    """Serves HTTP/1.1 on bound sockets; `handler` decides about requests, and may leave them to `app`.

    With `shared`, other processes hold the same sockets: they are not harmed when this one lets go of its own.
    """

    def __init__(
        self,
        handler: Handler,
        sockets: Sequence[socket.socket],
        *,
        sweep: Sweep,
        limits: ServerLimits | None = None,
        tls: ssl.SSLContext | None = None,
        app: App | None = None,
        shared: bool = False,
        meter: Takes | None = None,
    ) -> None:
        self.meter = meter
        self._unwatch = meter.watch(lambda: self.connections) if meter is not None else None
        self.handler = handler
        self.limits = limits or ServerLimits()
        self.dates = Dates()
        self.outbox = Outbox()
        self.sweep = sweep
        self.draining = False
        self.keepalive = self.limits.keepalive
        self.first_heads = FirstHeads()
        self.refused: Counter[int] = Counter()  # heads that were no request, by status
        self.connections: set[ClientConnection] = set()
        self._listeners = Listeners(sockets, self._connection, tls=tls, handshake_time=self.limits.head_time)
        self._shared = shared
        self._tls = tls
        self._app = app
        self._per_address: Counter[str] = Counter()
        self._empty = asyncio.Event()  # set while there is no connection
        self._empty.set()
        self._stopped = False

    async def start(self) -> None:
        """Listen; a failure closes what was opened."""
        self._stopped = False
        self.sweep.start()
        try:
            if self._app is not None:
                await self._app.start()
            await self._listeners.start(self.limits.watch)
        except BaseException:
            await self.stop()
            raise

    async def drain(self, deadline: float) -> None:
        """Take no new connections, and give those that are there `deadline` seconds to end."""
        loop = asyncio.get_running_loop()
        end = loop.time() + deadline
        # At once, so that no request finds a caller that drains and a server that does not.
        self.draining, self.keepalive = True, self.limits.drain_grace
        for connection in tuple(self.connections):
            connection.drain(loop.time())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(end):
                await self._listeners.leave(self.limits.last_call, shared=self._shared)
                if self._tls is not None:
                    await asyncio.sleep(
                        self.limits.drain_grace
                    )  # whose handshake is under way is no connection yet
                await self._empty.wait()
        self._listeners.close()

    async def stop(self) -> None:
        """Cut all connections, and those that were being accepted just now when they come."""
        self._stopped = True
        if self._unwatch is not None:
            self._unwatch()
        await self._listeners.stop()
        for connection in tuple(self.connections):
            connection.transport.abort()
        await self._empty.wait()
        if self._app is not None:
            await self._app.stop()
        self.sweep.stop()

    def connection(self) -> ClientConnection:
        """Return the protocol for a connection that came by another way than our sockets."""
        return self._connection()

    def to_app(self, exchange: Exchange) -> None:
        """Hand an exchange to the application."""
        if self._app is not None:
            self._app.take(exchange)
        else:
            exchange.refuse(Problem("not-found", "There is nothing at this address."))

    def admit(self, connection: ClientConnection) -> bool:
        """Count a new connection; return whether there is room for it."""
        address = counted_address(connection.peer)
        self.connections.add(connection)
        self._empty.clear()
        self.sweep.members.add(connection)
        self._per_address[address] += 1
        if self._stopped:
            connection.transport.abort()
        if len(self.connections) > self.limits.connections:
            return False
        limit = self.limits.connections_per_address
        return self._per_address[address] <= limit or address in self.limits.open_addresses

    def forget(self, connection: ClientConnection) -> None:
        if connection in self.connections:
            self.connections.discard(connection)
            if not self.connections:
                self._empty.set()
            self.sweep.members.discard(connection)
            address = counted_address(connection.peer)
            self._per_address[address] -= 1
            if self._per_address[address] <= 0:
                del self._per_address[address]

    def _connection(self) -> ClientConnection:
        return ClientConnection(self, asyncio.get_running_loop())


def counted_address(peer: str) -> str:
    """Return what stands for somebody's address: an IPv6 host has a whole /64 to itself."""
    if ":" not in peer:
        return peer
    address = IPv6Address(peer.partition("%")[0])
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return peer if address.is_loopback else str(IPv6Address(int(address) >> 64 << 64))
