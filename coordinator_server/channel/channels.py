"""All channels to workers: sees for whom something has changed, and tells them within a moment.

Whatever changes only marks workers. A round looks at those that are marked, after a pause in which more may come,
and sends where what a worker would be told differs from what it was told last; a worker whose last message is still
under way is looked at again when that has gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from aiohttp import WSCloseCode

from coordinator_server.channel.answer import Answers, without_blocklist
from coordinator_server.channel.line import Line
from coordinator_server.enrolment.workers import Workers
from coordinator_server.registry.assignment import Move
from node.program.tasks import TaskSet
from node.wire.channel import Close
from node.wire.problems import Problem

log = logging.getLogger(__name__)
GATHER = 0.02  # seconds from a change until the round that tells it
PAUSE = 0.1  # seconds between two rounds, and so between two pushes to one worker
EACH = 0.002  # seconds for each channel from one round that tells all of them something to the next such round
LOOK = 1.0  # seconds between looks at what changes without anybody saying so
BATCH = 50  # workers that are looked at in one go
MANY = 1000  # of whom only the little that time changes is looked at, likewise
STRANGERS = 50  # workers that are sent away to register at a time: after our restart all would come at once
AWAY = 3.0  # seconds in which one of them should have registered
OUT = "put out of the mesh"


class Relay(Protocol):
    """Asks workers for connections on their channels."""

    def line_opened(self, line: Line) -> None: ...

    def line_closed(self, line: Line) -> None: ...


class Channels:
    """Holds one channel for each worker, and one for the relay alone; runs from `start` to `stop`.

    Of the two the newer is asked for connections, and one for everything replaces one for the relay alone.
    """

    def __init__(self, answers: Answers, workers: Workers, clock: Callable[[], float], most: int) -> None:
        self._answers = answers
        self._workers = workers
        self._clock = clock
        self._most = most
        self._lines: dict[str, Line] = {}
        self._relay_only: dict[str, Line] = {}  # of workers that mostly have their channel at another coordinator
        self._marked: dict[str, None] = {}  # in order
        self._all_marked = False
        self._all_from = float("-inf")  # when all may be told something again (time of the loop)
        self._some = asyncio.Event()
        self._common: object = None
        self._blocklist = workers.blocklist
        self._draining = False
        self._strangers: dict[str, None] = {}  # who have to register, in order
        self._away: dict[
            str, float
        ] = {}  # who were sent to do so, until when (time of the loop) they are waited for
        self._tasks = TaskSet("channels")
        self.pushes = 0
        self.relay: Relay | None = None

    def __len__(self) -> int:
        return len(self._lines) + len(self._relay_only)

    def start(self) -> None:
        self._tasks.start(self._rounds(), "push")
        self._tasks.every(LOOK, self._look_around, "look")

    async def stop(self) -> None:
        """Tell all that we go away, without waiting for what they say to it."""
        self.drain()
        await self._tasks.stop()

    def drain(self) -> None:
        """Open no channel any more, and close all: their workers find us again, or another coordinator."""
        self._draining = True
        for line in self._all():
            line.close(WSCloseCode.GOING_AWAY, "this coordinator is going away")

    def process_leaves(self, number: int) -> None:
        """Close the channels that go through a gateway process which is about to end."""
        for line in self._all():
            if line.process == number:
                line.close(WSCloseCode.GOING_AWAY, "this process is being replaced")

    # --- opening --------------------------------------------------------------------------------------------------

    def check_room(self, worker_id: str, *, relay_only: bool = False) -> None:
        """Raise a Problem where no channel can be opened now."""
        if self._draining:
            raise Problem("draining", "This coordinator is shutting down.", headers={"Retry-After": "5"})
        if len(self) >= self._most and worker_id not in self._lines_like(relay_only):
            text = f"{self._most} workers have a channel already. Heartbeats tell the same, a little later."
            raise Problem("overloaded", text, headers={"Retry-After": "60"})

    @contextlib.contextmanager
    def opened(self, line: Line) -> Iterator[None]:
        """Hold a channel, in place of an older one of its worker; the worker is told how things are."""
        lines = self._lines_like(line.relay_only)
        replaced = [lines.get(line.worker_id)]
        if not line.relay_only:
            replaced.append(self._relay_only.get(line.worker_id))
        lines[line.worker_id] = line
        for older in replaced:
            if older is not None:
                older.close(Close.REPLACED, "there is a newer channel")
        if self._draining:
            line.close(WSCloseCode.GOING_AWAY, "this coordinator is going away")
        if not line.relay_only:
            self.mark([line.worker_id])
        if self.relay is not None and not self._draining:
            self.relay.line_opened(line)
        try:
            yield
        finally:
            if lines.get(line.worker_id) is line:
                del lines[line.worker_id]
            if self.relay is not None:
                self.relay.line_closed(line)
                self._relay_by_other(line)

    def _relay_by_other(self, closed: Line) -> None:
        """Have a worker be asked on the channel that it still has."""
        for lines in (self._relay_only, self._lines):
            other = lines.get(closed.worker_id)
            if other is not None and not other.closing and self.relay is not None:
                self.relay.line_opened(other)
                return

    def _lines_like(self, relay_only: bool) -> dict[str, Line]:
        return self._relay_only if relay_only else self._lines

    def _all(self) -> tuple[Line, ...]:
        return (*self._lines.values(), *self._relay_only.values())

    # --- what has changed -----------------------------------------------------------------------------------------

    def mark(self, worker_ids: Iterable[str]) -> None:
        """Look at these workers soon."""
        self._marked.update(dict.fromkeys(worker_ids))
        if self._marked:
            self._some.set()

    def mark_all(self) -> None:
        """Look at everybody, soon where that was long ago: heartbeats tell the same meanwhile."""
        self._all_marked = True
        self._some.set()

    def changed(self, worker_id: str) -> None:
        """Hear that a worker was approved, drained or put out, has left or has another key.

        Who is out hears it at once; where the blocklist has changed, everybody does.
        """
        for line in (self._lines.get(worker_id), self._relay_only.get(worker_id)):
            if line is not None and self._is_out(worker_id):
                line.close(Close.EXPELLED, OUT)
        before, self._blocklist = self._blocklist, self._workers.blocklist
        self.mark([worker_id])
        if before is not self._blocklist:
            self.mark_all()

    def planned(self, moves: Iterable[Move]) -> None:
        """Hear that these workers have to run something else."""
        self.mark(move.worker_id for move in moves)

    async def _look_around(self) -> None:
        """Find what others changed in the store, what time has changed, and whose credential has expired."""
        now = self._clock()
        self.look_at_common()
        for number, line in enumerate(tuple(self._lines.values())):
            if number % MANY == MANY - 1:
                await asyncio.sleep(0)
            if line.proof.expires_at < now:
                line.close(Close.EXPIRED, "the credential has expired")
            elif not self._answers.knows(line.worker_id):
                self.mark([line.worker_id])
        for line in tuple(self._relay_only.values()):
            if line.proof.expires_at < now:
                line.close(Close.EXPIRED, "the credential has expired")
            elif self._is_out(line.worker_id):
                line.close(Close.EXPELLED, OUT)

    def look_at_common(self) -> None:
        """Tell all workers, where what all are told has changed."""
        common = self._answers.common()
        if common != self._common:
            self._common = common
            self.mark_all()

    # --- telling --------------------------------------------------------------------------------------------------

    async def _rounds(self) -> None:
        loop = asyncio.get_running_loop()
        last = loop.time() - PAUSE
        while True:
            await self._some.wait()
            await asyncio.sleep(max(GATHER, last + PAUSE - loop.time()))
            last = loop.time()
            self._some.clear()
            marked, self._marked = self._marked, {}
            if self._all_marked:
                self._add_all(marked, last)
            for number, worker_id in enumerate(marked):
                if number % BATCH == BATCH - 1:
                    await asyncio.sleep(0)
                line = self._lines.get(worker_id)
                if line is not None:
                    self._look_at(line)
            self._send_to_register(last)

    def _add_all(self, marked: dict[str, None], now: float) -> None:
        """Have everybody looked at as well, or later: where many leave, all would be told of each."""
        if now < self._all_from:
            asyncio.get_running_loop().call_at(self._all_from, self._some.set)
            return
        self._all_marked, self._all_from = False, now + EACH * len(self._lines)
        marked.update(dict.fromkeys(self._lines))

    def _look_at(self, line: Line) -> None:
        if line.closing:
            return
        if line.sending:
            line.behind = True
            return
        try:
            self._tell(line)
        except Exception:
            log.exception("the channel of %s is closed: what it should be told could not be made", line.worker_id)
            line.close(WSCloseCode.INTERNAL_ERROR, "internal error")

    def _tell(self, line: Line) -> None:
        line.behind = False
        if self._is_out(line.worker_id):
            line.close(Close.EXPELLED, OUT)
            return
        if not self._answers.knows(line.worker_id):
            self._strangers[line.worker_id] = None
            return
        told = self._answers.to(line.worker_id, line.about_us)
        kept = without_blocklist(told)
        if kept != line.told:
            line.told = kept
            self.pushes += 1
            line.send(self._answers.encode(told), lambda: self._sent(line))

    def _send_to_register(self, now: float) -> None:
        """Send some strangers away, but not more than a few at a time; who has registered makes room for others."""
        knows = self._answers.knows
        self._away = {one: until for one, until in self._away.items() if until > now and not knows(one)}
        while self._strangers and len(self._away) < STRANGERS:
            worker_id = next(iter(self._strangers))
            del self._strangers[worker_id]
            line = self._lines.get(worker_id)
            if line is None or line.closing:
                continue
            if knows(worker_id):
                self.mark([worker_id])
                continue
            line.close(Close.UNKNOWN_WORKER, "unknown-worker")
            self._away[worker_id] = now + AWAY
        if self._strangers:
            self._some.set()

    def _sent(self, line: Line) -> None:
        if line.behind:
            self.mark([line.worker_id])

    def _is_out(self, worker_id: str) -> bool:
        return worker_id not in self._workers or self._workers.is_revoked(worker_id)
