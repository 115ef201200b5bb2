"""The gate in front of a service: so many requests at once, a bounded fair queue behind them, else `overloaded`."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from node.routing.settings import RoutingSettings
from node.wire.problems import Problem

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


class Turn:
    """A request that waits at a gate; what becomes of it is told from the loop, so that no stack grows by it."""

    __slots__ = ("_admitted", "_gate", "_holds_place", "_refused", "_told", "key", "timer")

    def __init__(
        self, gate: Gate, key: str, admitted: Callable[[], None], refused: Callable[[Problem], None]
    ) -> None:
        self._gate = gate
        self._admitted = admitted
        self._refused = refused
        self._holds_place = False
        self._told: asyncio.Handle | None = None
        self.key = key
        self.timer: asyncio.TimerHandle | None = None

    def admit(self) -> None:
        """Hold a place from now on."""
        self._holds_place = True
        self._tell(self._enter)

    def refuse(self, problem: Problem) -> None:
        self._tell(lambda: self._refused(problem))

    def cancel(self) -> None:
        """Wait no more; a place that came just now is handed on. Without effect once `admitted` was called."""
        if self.timer is not None:
            self.timer.cancel()
        if self._told is not None:
            self._told.cancel()
        self._gate.forget(self)
        if self._holds_place:
            self._holds_place = False
            self._gate.leave()

    def _enter(self) -> None:
        self._holds_place = False  # it is the request's now
        self._admitted()

    def _tell(self, what: Callable[[], None]) -> None:
        if self.timer is not None:
            self.timer.cancel()
        self._told = asyncio.get_running_loop().call_soon(what)


class Gate:
    """Lets `limit` requests through at once; who waits is served in turn of the keys, not of arrival alone."""

    def __init__(self, service: str, limit: int, *, queue_size: int = 100, queue_wait: float = 30.0) -> None:
        self._service = service
        self._limit = limit
        self._queue_size = queue_size
        self._queue_wait = queue_wait
        self._queues: OrderedDict[str, deque[Turn]] = OrderedDict()
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

    def try_enter(self) -> bool:
        """Take a place where there is one; who has it says `leave`."""
        if self.in_flight < self._limit and not self.waiting:
            self.in_flight += 1
            return True
        return False

    def queue(
        self, key: str, wait: float | None, admitted: Callable[[], None], refused: Callable[[Problem], None]
    ) -> Turn:
        """Wait up to `wait` seconds for a place; raise the `overloaded` Problem where the queue is full.

        One of the two is called later, never at once, unless the turn is cancelled before.
        """
        wait = self._queue_wait if wait is None else min(wait, self._queue_wait)
        turn = Turn(self, key, admitted, refused)
        if wait <= 0 or not self._queue(turn):
            raise self._overloaded("its queue is full")
        turn.timer = asyncio.get_running_loop().call_later(wait, self._time_is_up, turn, wait)
        return turn

    def leave(self) -> None:
        self.in_flight -= 1
        if self.waiting:
            self._admit()

    def forget(self, turn: Turn) -> None:
        """Take a turn out of the queue."""
        queue = self._queues.get(turn.key)
        if queue is None or turn not in queue:
            return
        queue.remove(turn)
        self.waiting -= 1
        if not queue:
            del self._queues[turn.key]

    def _queue(self, turn: Turn) -> bool:
        """Take a place in the queue, in a full one from the key that holds most; return whether there was one."""
        if self.waiting >= self._queue_size and not self._evict_for(turn.key):
            return False
        self._queues.setdefault(turn.key, deque()).append(turn)
        self.waiting += 1
        return True

    def _evict_for(self, key: str) -> bool:
        greediest = max(self._queues, key=lambda name: len(self._queues[name]), default=None)
        if greediest is None or len(self._queues[greediest]) <= len(self._queues.get(key, ())) + 1:
            return False
        turn = self._queues[greediest][-1]
        self.forget(turn)
        turn.refuse(self._overloaded("others were waiting too"))
        return True

    def _time_is_up(self, turn: Turn, waited: float) -> None:
        self.forget(turn)
        turn.refuse(self._overloaded(f"no place became free in {waited:.0f} s"))

    def _admit(self) -> None:
        """Give free places to waiting requests: the first of each key in turn."""
        while self._queues and self.in_flight < self._limit:
            key, queue = next(iter(self._queues.items()))
            turn = queue.popleft()
            self.waiting -= 1
            if queue:
                self._queues.move_to_end(key)
            else:
                del self._queues[key]
            self.in_flight += 1
            turn.admit()

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
        elif gate._limit != limit:
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
