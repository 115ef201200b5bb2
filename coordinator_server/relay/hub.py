"""Brings together who wants to connect to a worker and the connections that workers open to us.

A connection is asked for with a ticket on the worker's channel. One that nobody waits for when it comes is kept
ready for the next. Whatever there is of a worker ends at once when it is put out of the mesh.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from coordinator_server.relay.sizing import LATELY, to_ask, wanted_spare
from coordinator_server.relay.tickets import Tickets
from node.forwarding.http1.pool import FullError
from node.forwarding.websocket.stream import WebSocketStream
from node.program.tasks import TaskSet

log = logging.getLogger(__name__)
LOOK = 1.0  # seconds
MANY = 1000  # workers that are looked at in one go
BEATS = 10  # looks between two questions whether the other side of a connection is still there
SPARE_LIFE = 20.0  # seconds: nodes hang up on who says nothing for 30
GRACE = 3.0  # seconds in which a worker whose channel broke is expected back on a new one
TICKET = 16  # bytes of chance


class Line(Protocol):
    """A worker's channel."""

    worker_id: str
    relay: int  # how many connections the worker opens at most

    def ask(self, tickets: Sequence[str]) -> None:
        """Have the worker open a connection for each of these tickets."""


@dataclass(slots=True)
class Held:
    """A connection of a worker, until it ends."""

    stream: WebSocketStream
    worker_id: str
    expires_at: float  # Unix seconds: the end of the credential that it was opened with
    ready_since: float | None = None  # time of the loop; None: it is in use


@dataclass(slots=True, eq=False)
class Side:
    """What there is of one worker."""

    line: Line | None = None
    held: dict[WebSocketStream, Held] = field(default_factory=dict)
    spare: list[Held] = field(default_factory=list)
    waiting: deque[asyncio.Future[Held]] = field(default_factory=deque)
    asked_at: float = float("-inf")  # time of the loop at which somebody wanted to connect last
    leaving: asyncio.TimerHandle | None = None

    def is_quiet(self, now: float) -> bool:
        """Tell whether there is but a channel, which others look after: thousands may be so at any time."""
        return not (self.held or self.waiting) and now - self.asked_at > LATELY

    @property
    def is_empty(self) -> bool:
        return self.line is None and not (self.held or self.waiting or self.leaving)


class RelayHub:
    """Holds all relay connections, from `start` to `stop`."""

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        is_out: Callable[[str], bool],
        per_worker: int,
        in_all: int,
        ticket_life: float = 10.0,
    ) -> None:
        """`is_out` tells whether a worker was put out of the mesh."""
        self._clock = clock
        self._is_out = is_out
        self._per_worker = per_worker
        self._in_all = in_all
        self._tickets = Tickets(ticket_life, lambda: secrets.token_urlsafe(TICKET))
        self._sides: dict[str, Side] = {}
        self._count = 0
        self._looks = 0
        self._tasks = TaskSet("relay")
        self.stopped = self.draining = False
        self.changed: Callable[[str, bool], None] = lambda _worker_id, _offers: None
        self.opened_in_all = 0
        self.refused = 0  # that came without having been asked for

    def __len__(self) -> int:
        return self._count

    @property
    def ready(self) -> int:
        """Return how many connections are ready for whoever wants one."""
        return sum(len(side.spare) for side in self._sides.values())

    @property
    def _loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    def start(self) -> None:
        self._tasks.every(LOOK, self._look, "look")

    def drain(self) -> None:
        """Keep none ready any more: gateway processes that they go through wait for their end."""
        self.draining = True

    async def stop(self) -> None:
        """Cut everything, for good."""
        self.stopped = True
        await self._tasks.stop()
        for worker_id in tuple(self._sides):
            self.cut(worker_id)

    def connections(self, worker_id: str) -> tuple[int, int]:
        """Return how many connections of a worker are in use, and how many are ready."""
        side = self._sides.get(worker_id)
        return (len(side.held) - len(side.spare), len(side.spare)) if side is not None else (0, 0)

    # --- channels -------------------------------------------------------------------------------------------------

    def offers(self, worker_id: str) -> bool:
        """Tell whether a worker can be reached this way."""
        side = self._sides.get(worker_id)
        return side is not None and (side.line is not None or side.leaving is not None)

    def line_opened(self, line: Line) -> None:
        """Hear of a worker's channel, in place of another one."""
        if line.relay <= 0 or self.stopped:
            return
        side = self._sides.setdefault(line.worker_id, Side())
        if side.line is line:
            return
        side.line = line
        if side.leaving is not None:
            side.leaving.cancel()
            side.leaving = None
        self._tickets.forget(line.worker_id)  # asked on a channel that is no more
        self.changed(line.worker_id, True)
        self._ask(line.worker_id, side)

    def line_closed(self, line: Line) -> None:
        """Hear that a channel has ended; what goes on without it goes on."""
        side = self._sides.get(line.worker_id)
        if side is not None and side.line is line:
            side.line = None
            side.leaving = self._loop.call_later(GRACE, self._has_left, line.worker_id)

    def _has_left(self, worker_id: str) -> None:
        side = self._sides.get(worker_id)
        if side is None:
            return
        side.leaving = None
        self._fail_waiting(side)
        self._tidy(worker_id, side)
        self.changed(worker_id, False)

    # --- who wants to connect -------------------------------------------------------------------------------------

    async def connect(self, worker_id: str, connection: asyncio.Protocol) -> bool:
        """Connect a protocol to a worker; raise OSError where that cannot be, FullError where it may not be now.

        Return whether the connection was ready before, and so may have died meanwhile without a word.
        """
        side = self._sides.get(worker_id)
        if side is None or not (side.spare or self.offers(worker_id)):
            raise OSError(errno.EHOSTUNREACH, "the worker has no channel")
        side.asked_at = self._loop.time()
        held = self._take_spare(side)
        ready = held is not None
        while held is None:
            held = await self._wait(worker_id, side)
            if held.stream.is_closing():
                held = None
        held.ready_since = None
        held.stream.attach(connection)
        self._ask(worker_id, side)
        return ready

    async def _wait(self, worker_id: str, side: Side) -> Held:
        if len(side.waiting) >= self._tickets.of(worker_id) and not self._room(worker_id, side):
            raise FullError(errno.EAGAIN, "there are too many connections to this worker")
        waiting: asyncio.Future[Held] = self._loop.create_future()
        side.waiting.append(waiting)
        self._ask(worker_id, side)
        try:
            return await waiting
        except asyncio.CancelledError:
            if waiting.done() and not waiting.cancelled() and waiting.exception() is None:
                self._give(side, waiting.result())  # it came too late for us, but it came
            raise
        finally:
            if waiting in side.waiting:
                side.waiting.remove(waiting)
            self._tidy(worker_id, side)

    def _take_spare(self, side: Side) -> Held | None:
        """Return the connection that came last, so that the others can go."""
        while side.spare:
            held = side.spare.pop()
            if not held.stream.is_closing():
                return held
        return None

    def _room(self, worker_id: str, side: Side) -> int:
        """Return how many further connections of a worker there may be."""
        most = min(self._per_worker, side.line.relay) if side.line is not None else self._per_worker
        own = most - len(side.held) - self._tickets.of(worker_id)
        return min(own, self._in_all - self._count - len(self._tickets))

    def _ask(self, worker_id: str, side: Side) -> None:
        """Ask a worker for what is missing."""
        if side.line is None or self.stopped:
            return
        in_use = len(side.held) - len(side.spare)
        count = to_ask(
            waiting=len(side.waiting),
            wanted=wanted_spare(in_use + len(side.waiting), self._loop.time() - side.asked_at),
            spare=len(side.spare),
            asked=self._tickets.of(worker_id),
            room=self._room(worker_id, side),
        )
        if count:
            side.line.ask(self._tickets.give(worker_id, count, self._loop.time()))

    # --- what comes -----------------------------------------------------------------------------------------------

    def is_given(self, ticket: str) -> bool:
        """Tell whether somebody may come with this ticket."""
        return self._tickets.is_given(ticket, self._loop.time())

    def use(self, ticket: str, worker_id: str) -> bool:
        """Take a worker's ticket; tell whether it may come in with it."""
        return not self.stopped and self._tickets.use(ticket, worker_id, self._loop.time())

    def arrived(self, worker_id: str, transport: asyncio.Transport, early: bytes, expires_at: float) -> None:
        """Take a connection whose ticket was good, and speak HTTP on it when somebody wants to."""
        side = self._sides.setdefault(worker_id, Side())
        stream = WebSocketStream(transport, client=False, ended=lambda stream: self._ended(worker_id, stream))
        held = side.held[stream] = Held(stream, worker_id, expires_at)
        self._count += 1
        self.opened_in_all += 1
        stream.begin(early)
        if not stream.is_closing():
            self._give(side, held)

    def _give(self, side: Side, held: Held) -> None:
        """Give a connection to whoever has waited longest, or keep it ready."""
        if held.stream.is_closing():
            return
        while side.waiting:
            waiting = side.waiting.popleft()
            if not waiting.done():
                waiting.set_result(held)
                return
        held.ready_since = self._loop.time()
        side.spare.append(held)

    def _ended(self, worker_id: str, stream: WebSocketStream) -> None:
        side = self._sides.get(worker_id)
        held = side.held.pop(stream, None) if side is not None else None
        if side is None or held is None:
            return
        self._count -= 1
        if held in side.spare:
            side.spare.remove(held)
        self._tidy(worker_id, side)

    # --- ending ---------------------------------------------------------------------------------------------------

    def cut(self, worker_id: str) -> None:
        """End everything that there is of a worker, at once."""
        self._tickets.forget(worker_id)
        side = self._sides.get(worker_id)
        if side is None:
            return
        side.line = None
        if side.leaving is not None:
            side.leaving.cancel()
            side.leaving = None
        self._fail_waiting(side)
        for stream in tuple(side.held):
            stream.abort()
        self._tidy(worker_id, side)
        self.changed(worker_id, False)

    def _fail_waiting(self, side: Side) -> None:
        while side.waiting:
            waiting = side.waiting.popleft()
            if not waiting.done():
                waiting.set_exception(OSError(errno.EHOSTUNREACH, "the worker has no channel any more"))

    def _tidy(self, worker_id: str, side: Side) -> None:
        if side.is_empty and self._sides.get(worker_id) is side:
            del self._sides[worker_id]

    async def _look(self) -> None:
        """Let go of what is not needed, not allowed or not there any more."""
        now, self._looks = self._loop.time(), self._looks + 1
        self._tickets.expire(now)
        for number, worker_id in enumerate(tuple(self._sides)):
            if number % MANY == MANY - 1:
                await asyncio.sleep(0)
            side = self._sides.get(worker_id)
            if side is None or side.is_quiet(now):
                continue
            if self._is_out(worker_id):
                self.cut(worker_id)
                continue
            self._shrink(side, now)
            self._ask(worker_id, side)
            for held in tuple(side.held.values()):
                if held.expires_at < self._clock():
                    held.stream.abort()
                elif self._looks % BEATS == 0:
                    held.stream.beat()

    def _shrink(self, side: Side, now: float) -> None:
        """Close what has been ready for too long, or is more than should be."""
        wanted = wanted_spare(len(side.held) - len(side.spare), now - side.asked_at)
        if self.draining:
            wanted = 0
        for held in tuple(side.spare):  # the oldest first
            old = held.ready_since is not None and now - held.ready_since > SPARE_LIFE
            if old or len(side.spare) > wanted:
                side.spare.remove(held)
                held.stream.close()
