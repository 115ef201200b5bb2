"""Connections to workers, kept for the next request: one pool for each address, and limits over all of them."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from node.forwarding.http1.exchange import Exchange
from node.forwarding.http1.keepalive import watch
from node.forwarding.http1.limits import UpstreamLimits
from node.forwarding.http1.sweep import Sweep
from node.forwarding.http1.upstream import Recent, UpstreamConnection
from node.program.tasks import TaskSet

Connect = Callable[["Address", UpstreamConnection], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Address:
    """Where a worker listens; `tls` is how to trust it where it speaks TLS, under the name `server_name`."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    server_name: str | None = None


@dataclass(frozen=True, slots=True)
class RelayAddress(Address):
    """A worker that is reached by connections which it opens to us itself: `host` is its id."""


@dataclass(frozen=True, slots=True)
class CoordinatorAddress(Address):
    """A coordinator, which passes requests on to workers: its name is believed wherever it leads."""


class FullError(OSError):
    """No connection may be made now, although the worker may well be there."""


async def connect_tcp(address: Address, connection: UpstreamConnection) -> None:
    """Connect over TCP, and TLS where the address says so; raise OSError."""
    await asyncio.get_running_loop().create_connection(
        lambda: connection,
        address.host,
        address.port,
        ssl=address.tls,
        server_hostname=address.server_name if address.tls is not None else None,
    )


class Upstreams:
    """All pools; `connect` is how a connection comes about, so that a caller can choose what names lead to."""

    def __init__(
        self,
        sweep: Sweep,
        limits: UpstreamLimits | None = None,
        connect: Connect = connect_tcp,
        make: Callable[[Upstreams, Address], Pool] | None = None,
    ) -> None:
        """`make` makes another kind of pool for some addresses."""
        self._make = make or Pool
        self.limits = limits or UpstreamLimits()
        self.sweep = sweep
        self.connect = connect
        self.count = 0
        self.tasks = TaskSet("upstreams")
        self.live: set[UpstreamConnection] = set()
        self._pools: dict[Address, Pool] = {}
        self.keeping = True  # connections for the next request

    def pool(self, address: Address) -> Pool:
        pool = self._pools.get(address)
        if pool is None:
            if len(self._pools) >= self.limits.connections:
                self._pools = {known: pool for known, pool in self._pools.items() if pool.count}
            pool = self._pools[address] = self._make(self, address)
        return pool

    def make_room(self) -> bool:
        """Tell whether there may be one more connection, closing an idle one for it if need be."""
        if self.count < self.limits.connections:
            return True
        return any(pool.drop_idle() for pool in self._pools.values())

    def drain(self) -> None:
        """Close what is idle, and from now on what has served: those at the other end may wait for that."""
        self.keeping = False
        for pool in self._pools.values():
            while pool.drop_idle():
                pass

    async def stop(self) -> None:
        """Close everything."""
        await self.tasks.stop()
        for connection in tuple(self.live):
            connection.transport.abort()


class Pool:
    """The connections to one address; the one that was used last is used next, so that the others can go."""

    def __init__(self, upstreams: Upstreams, address: Address) -> None:
        self._upstreams = upstreams
        self._address = address
        self._idle: list[UpstreamConnection] = []
        self._all: set[UpstreamConnection] = set()
        self._waiting: dict[Exchange, None] = {}
        self._idle_time = upstreams.limits.idle
        self._time = asyncio.get_running_loop().time
        self.recent = Recent()
        self.head_limits = upstreams.limits.head
        self.interim = upstreams.limits.interim
        self.connecting = 0

    @property
    def count(self) -> int:
        return len(self._all) + self.connecting

    @property
    def idle(self) -> int:
        return len(self._idle)

    def acquire(self, exchange: Exchange, fresh: bool) -> UpstreamConnection | None:
        """Return an idle connection, or connect; see Source."""
        while self._idle and not fresh:
            connection = self._idle.pop()
            if not connection.transport.is_closing():
                connection.reused = True
                return connection
        if self.count >= self._upstreams.limits.connections_per_address or not self._upstreams.make_room():
            exchange.not_connected("there are too many connections to workers", "full")
            return None
        self._waiting[exchange] = None
        self.connecting += 1
        self._upstreams.count += 1
        self._upstreams.tasks.start(self._connect(exchange.patience.connect), "connect")
        return None

    def cancel(self, exchange: Exchange) -> None:
        """Forget a waiting exchange; the connection that was made for it serves another."""
        self._waiting.pop(exchange, None)

    def free(self, connection: UpstreamConnection) -> None:
        """Take a connection back, for whoever waits for one or for later."""
        if self._waiting:
            connection.reused = True
            self._hand_out(connection)
            return
        if not self._upstreams.keeping:
            connection.transport.close()
            return
        connection.deadline = self._time() + self._idle_time
        self._idle.append(connection)

    def gone(self, connection: UpstreamConnection) -> None:
        if connection in self._all:
            self._all.discard(connection)
            self._upstreams.live.discard(connection)
            self._upstreams.sweep.members.discard(connection)
            self._upstreams.count -= 1
        if connection in self._idle:
            self._idle.remove(connection)

    def drop_idle(self) -> bool:
        """Close the connection that has been idle longest; tell whether there was one."""
        if not self._idle:
            return False
        connection = self._idle.pop(0)
        connection.transport.abort()
        self.gone(connection)
        return True

    async def _connect(self, patience: float) -> None:
        connection = UpstreamConnection(self)
        try:
            async with asyncio.timeout(patience):
                await self._upstreams.connect(self._address, connection)
        except TimeoutError:
            self._not_connected(f"it took no connection within {patience:g} s")
        except FullError:
            self._not_connected("there are too many connections to this worker", "full")
        except OSError as error:
            self._not_connected(f"no connection: {reason_of(error)}")
        except BaseException:
            self._not_connected("no connection")
            raise
        else:
            watch(connection.transport.get_extra_info("socket"), self._upstreams.limits.watch)
            self.connecting -= 1
            self._all.add(connection)
            self._upstreams.live.add(connection)
            self._upstreams.sweep.members.add(connection)
            self._hand_out(connection)

    def _hand_out(self, connection: UpstreamConnection) -> None:
        """Give a connection to the exchange that has waited longest."""
        if connection.transport.is_closing():
            self.gone(connection)
            self._fail_the_rest("the connection broke at once")
        elif self._waiting:
            exchange = next(iter(self._waiting))
            del self._waiting[exchange]
            exchange.connected(connection)
        else:
            self.free(connection)

    def _not_connected(self, reason: str, kind: Literal["connect", "full"] = "connect") -> None:
        self.connecting -= 1
        self._upstreams.count -= 1
        self._fail_the_rest(reason, kind)

    def _fail_the_rest(self, reason: str, kind: Literal["connect", "full"] = "connect") -> None:
        """Tell those for whom no connection is being made any more that nothing came of it."""
        while len(self._waiting) > self.connecting:
            exchange = next(iter(self._waiting))
            del self._waiting[exchange]
            exchange.not_connected(reason, kind)


def reason_of(error: OSError) -> str:
    """Return what went wrong without the address, which a client need not know."""
    if isinstance(error, ssl.SSLError):
        return "TLS failed"
    return os.strerror(error.errno) if error.errno and error.errno > 0 else "its name leads nowhere"
