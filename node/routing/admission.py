"""The gate in front of a service: so many requests at once, a bounded fair queue behind them, else `overloaded`."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from node.routing.settings import RoutingSettings
from node.wire.problems import Problem

Waiter = asyncio.Future[None]
MAX_GATES = 1024


@dataclass(frozen=True, slots=True)
class Places:
    """A gate as it is now, for whoever explains it."""

    limit: int
    in_flight: int = 0
    waiting: int = 0

    @property
    def has_room(self) -> bool:
        return self.in_flight < self.limit and not self.waiting


class Gate:
    """Lets `limit` requests through at once; who waits is served in turn of the keys, not of arrival alone."""

    def __init__(self, service: str, limit: int, *, queue_size: int = 100, queue_wait: float = 30.0) -> None:
        self._service = service
        self._limit = limit
        self._queue_size = queue_size
        self._queue_wait = queue_wait
        self._queues: OrderedDict[str, deque[Waiter]] = OrderedDict()
        self.in_flight = 0
        self.waiting = 0

    @property
    def limit(self) -> int:
        return self._limit

    @limit.setter
    def limit(self, limit: int) -> None:
        self._limit = max(1, limit)
        self._admit()

    @property
    def has_room(self) -> bool:
        return self.in_flight < self._limit and not self.waiting

    @property
    def load(self) -> float:
        """How full the service is, the queue included, 0.0 to 1.0."""
        return min(1.0, (self.in_flight + self.waiting) / self._limit)

    @contextlib.asynccontextmanager
    async def slot(self, key: str, wait: float | None = None) -> AsyncIterator[None]:
        """Hold one place, waiting up to `wait` seconds for it; raise the `overloaded` Problem."""
        await self._enter(key, self._queue_wait if wait is None else min(wait, self._queue_wait))
        try:
            yield
        finally:
            self._leave()

    async def _enter(self, key: str, wait: float) -> None:
        if self.has_room:
            self.in_flight += 1
            return
        waiter: Waiter = asyncio.get_running_loop().create_future()
        if wait <= 0 or not self._queue(key, waiter):
            raise self._overloaded("its queue is full")
        try:
            async with asyncio.timeout(wait):
                await waiter
        except BaseException as error:
            admitted = waiter.done() and not waiter.cancelled() and waiter.exception() is None
            if admitted:  # the place came just as we stopped waiting: hand it on
                self._leave()
            else:
                self._unqueue(key, waiter)
            if isinstance(error, TimeoutError):
                raise self._overloaded(f"no place became free in {wait:.0f} s") from None
            raise

    def _queue(self, key: str, waiter: Waiter) -> bool:
        """Take a place in the queue, in a full one from the key that holds most; return whether there was one."""
        if self.waiting >= self._queue_size and not self._evict_for(key):
            return False
        self._queues.setdefault(key, deque()).append(waiter)
        self.waiting += 1
        return True

    def _evict_for(self, key: str) -> bool:
        greediest = max(self._queues, key=lambda name: len(self._queues[name]), default=None)
        if greediest is None or len(self._queues[greediest]) <= len(self._queues.get(key, ())) + 1:
            return False
        waiter = self._queues[greediest][-1]
        self._unqueue(greediest, waiter)
        if not waiter.done():
            waiter.set_exception(self._overloaded("others were waiting too"))
        return True

    def _unqueue(self, key: str, waiter: Waiter) -> None:
        queue = self._queues.get(key)
        if queue is None or waiter not in queue:
            return
        queue.remove(waiter)
        self.waiting -= 1
        if not queue:
            del self._queues[key]

    def _leave(self) -> None:
        self.in_flight -= 1
        self._admit()

    def _admit(self) -> None:
        """Give free places to waiting requests: the first of each key in turn."""
        while self._queues and self.in_flight < self._limit:
            key, queue = next(iter(self._queues.items()))
            waiter = queue.popleft()
            self.waiting -= 1
            if queue:
                self._queues.move_to_end(key)
            else:
                del self._queues[key]
            if not waiter.done():
                self.in_flight += 1
                waiter.set_result(None)

    def _overloaded(self, reason: str) -> Problem:
        detail = f"All places of {self._service} are taken: {reason}. Please try again soon."
        return Problem("overloaded", detail, headers={"Retry-After": "2"}, service=self._service)


class Gates:
    """One gate per service, made when first needed; idle ones make room."""

    def __init__(self, settings: RoutingSettings) -> None:
        self._settings = settings
        self._gates: dict[str, Gate] = {}

    def of(self, service: str, limit: int) -> Gate:
        """Return the service's gate, which from now on lets `limit` requests through."""
        gate = self._gates.get(service)
        if gate is None:
            self._make_room()
            size, wait = self._settings.queue_size, self._settings.queue_wait
            gate = self._gates[service] = Gate(service, limit, queue_size=size, queue_wait=wait)
        elif gate.limit != limit:
            gate.limit = limit
        return gate

    def places(self, service: str, limit: int) -> Places:
        """Return how a service's gate would be with this limit; no gate is made or changed."""
        gate = self._gates.get(service)
        return Places(limit) if gate is None else Places(limit, gate.in_flight, gate.waiting)

    def items(self) -> Iterator[tuple[str, Gate]]:
        yield from self._gates.items()

    def _make_room(self) -> None:
        if len(self._gates) >= MAX_GATES:
            self._gates = {name: gate for name, gate in self._gates.items() if gate.in_flight or gate.waiting}
