"""Connections to a coordinator that passes requests on to workers: whether it hangs is found out within seconds.

A worker may take its time for an answer, so silence on such a connection says nothing by itself. But a coordinator
that halts keeps its connections open as well, and each request on them would hold a worker's place until its time
limit. So where no answer comes for a while the coordinator itself is asked for something that takes no time.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, cast

from node.forwarding.http1.exchange import Exchange
from node.forwarding.http1.pool import Address, CoordinatorAddress, Pool, Upstreams
from node.forwarding.http1.sweep import NEVER
from node.forwarding.http1.upstream import UpstreamConnection

if TYPE_CHECKING:
    from node.forwarding.http1.upstream import Owner

log = logging.getLogger(__name__)
SLOW = 0.75  # seconds without any answer after which it is asked
LIMIT = 1.0  # seconds that it has for that
REST = 3.0  # seconds for which nothing is sent to one that hangs
HANGS = "the coordinator on the way does not answer"


class PassingPool(Pool):
    """A pool that asks whether anybody is there, while requests wait and none is answered."""

    def __init__(self, upstreams: Upstreams, address: Address) -> None:
        super().__init__(upstreams, address)
        self.deadline = NEVER
        self._asked_for = 0.0
        self._heard = float("-inf")
        self._rests_until = float("-inf")

    def acquire(self, exchange: Exchange, fresh: bool) -> UpstreamConnection | None:
        if self._time() < self._rests_until:
            exchange.not_connected(HANGS)
            return None
        self._look_later()
        return super().acquire(exchange, fresh)

    def free(self, connection: UpstreamConnection) -> None:
        self._heard = self._time()
        super().free(connection)

    def overdue(self, now: float) -> None:  # noqa: ARG002 - as all that have a deadline
        """See whether requests wait and none was answered lately; then ask."""
        self.deadline = NEVER
        if not any(map(_waits, self._all)):
            self._upstreams.sweep.members.discard(self)
        elif self._heard >= self._asked_for:
            self._look_later()
        else:
            self._upstreams.tasks.start(self._ask(), "ask")

    def _look_later(self) -> None:
        if self.deadline == NEVER:
            self._asked_for = self._time()
            self.deadline = self._asked_for + SLOW
            self._upstreams.sweep.members.add(self)

    async def _ask(self) -> None:
        question = Question(self._address)
        try:
            async with asyncio.timeout(LIMIT):
                await self._upstreams.connect(self._address, question)
                await question.answered.wait()
        except (OSError, TimeoutError):
            self._give_up()
        finally:
            if question.transport is not None:
                question.transport.abort()
        if any(map(_waits, self._all)):
            self._look_later()

    def _give_up(self) -> None:
        """Have everything that waits go another way."""
        log.info("%s:%d does not answer any more; requests go another way", self._address.host, self._address.port)
        self._rests_until = self._time() + REST
        while self.drop_idle():
            pass
        for connection in [one for one in self._all if _waits(one)]:
            connection.give_up(HANGS)


def make_pool(upstreams: Upstreams, address: Address) -> Pool:
    """Return the kind of pool that is right for an address."""
    return (PassingPool if isinstance(address, CoordinatorAddress) else Pool)(upstreams, address)


class Question(UpstreamConnection):
    """A request that takes no time, to hear whether anybody is there; whatever is answered is good."""

    __slots__ = ("_address", "answered")

    def __init__(self, address: Address) -> None:
        super().__init__(cast("Owner", None))
        self._address = address
        self.answered = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        host = f"[{self._address.host}]" if ":" in self._address.host else self._address.host
        self.transport.write(f"GET /ready HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode("ascii"))

    def data_received(self, data: bytes) -> None:  # noqa: ARG002 - as the loop calls it
        self.answered.set()

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - as the loop calls it
        self.answered.set()  # it has ended, and so have the others' connections


def _waits(connection: UpstreamConnection) -> bool:
    return connection.exchange is not None and connection.exchange.response is None
