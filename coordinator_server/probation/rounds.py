"""Asks canaries: each service of each worker that talks to this coordinator, at random moments, one at a time."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping

from coordinator_server.probation.canaries import Canary, Question, question_of
from coordinator_server.probation.endings import Pair
from coordinator_server.registry.registry import Registry
from node.program.tasks import TaskSet
from node.wire.manifests import Catalogue
from node.wire.messages import WorkerRecord
from node.wire.problems import Problem

log = logging.getLogger(__name__)
TOGETHER = 500  # pairs that are looked at in one go
AT_ONCE = 16  # canaries
EACH = 0.05  # seconds that each canary of a round gets at least: many workers are asked more rarely
FIRST = 2.0  # seconds in which a service that is new on a worker is asked first
AGAIN = 15.0  # seconds until a canary comes again that failed once: only the second counts

Ask = Callable[[WorkerRecord, str, Question], Awaitable[tuple[int, bytes]]]


class Rounds:
    """Asks those whose turn it is, and knows when that is."""

    def __init__(
        self,
        registry: Registry,
        catalogue: Catalogue,
        canaries: Mapping[str, Canary],
        tasks: TaskSet,
        *,
        clock: Callable[[], float],
        pause: float,
        rng: random.Random,
        next_at: Callable[[str, str], float | None],
        found: Callable[[str, str, str | None], Awaitable[None]],
    ) -> None:
        """`pause` is the mean time between two canaries of a worker's service in seconds; 0: none is asked.

        `next_at` tells when to ask who is on probation, and None of all others. `found` hears how each canary went:
        what is wrong, an empty string, or None where that cannot be told.
        """
        self._registry = registry
        self._paths = {manifest.name: manifest.default_path for manifest in catalogue.manifests}
        self.canaries = {name: canary for name, canary in canaries.items() if name in self._paths and pause}
        self._tasks = tasks
        self._clock = clock
        self._pause = pause
        self._rng = rng
        self._next_at = next_at
        self._found = found
        self.ask: Ask | None = None
        self.results = {"right": 0, "wrong": 0, "unclear": 0}
        self.told_results = dict(self.results)  # as everybody may read them: nobody can tell which request it was
        self._next_told = 0.0
        self._due: dict[Pair, float] = {}
        self._asked: set[str] = set()  # workers that have a canary now
        self._count_of_pairs = 0  # that could be asked the last time

    async def look(self, now: float) -> None:
        """Ask those whose turn it is."""
        await self._begin(now)
        if now >= self._next_told or now < self._next_told - self._pause:
            self._next_told = now + self._pause
            self.told_results = dict(self.results)

    def ask_now(self, pair: Pair, now: float) -> None:
        """Make it a service's turn."""
        self._due[pair] = now

    def ask_again(self, pair: Pair, now: float) -> None:
        """Ask soon, but not at once."""
        self._due[pair] = now + AGAIN * self._rng.uniform(0.5, 1.5)

    def keep(self, here: Collection[str]) -> None:
        """Forget when to ask all others."""
        self._due = {pair: due for pair, due in self._due.items() if pair[0] in here}

    async def _begin(self, now: float) -> None:
        """Look at all pairs, some at a time: heartbeats and requests go on in between."""
        if self.ask is None or not self.canaries:
            return
        mean, count = max(self._pause, self._count_of_pairs * EACH), 0
        for count, (worker_id, service) in enumerate(self._pairs(), 1):
            if count % TOGETHER == 0:
                await asyncio.sleep(0)
            pair = (worker_id, service)
            due = self._due.get(pair)
            if due is None:
                self._due[pair] = now + self._rng.uniform(0.0, FIRST)
            elif now >= due and worker_id not in self._asked and len(self._asked) < AT_ONCE:
                self._due[pair] = now + mean * self._rng.uniform(0.5, 1.5)
                self._asked.add(worker_id)
                self._tasks.start(self._ask(worker_id, service), "ask")
        self._count_of_pairs = count

    def _pairs(self) -> Iterator[Pair]:
        """Yield what can be asked now: who is on probation when it is time for that, all others in turn."""
        for member in self._registry.members():
            if self._registry.status(member) != "active":
                continue
            for service in member.running:
                if service not in self.canaries:
                    continue
                next_at = self._next_at(member.worker_id, service)
                if next_at is not None:
                    self._due[member.worker_id, service] = next_at
                yield member.worker_id, service

    async def _ask(self, worker_id: str, service: str) -> None:
        try:
            verdict = await self._verdict(worker_id, service)
            self.results["unclear" if verdict is None else "wrong" if verdict else "right"] += 1
            await self._found(worker_id, service, verdict)
        finally:
            self._asked.discard(worker_id)

    async def _verdict(self, worker_id: str, service: str) -> str | None:
        member = self._registry.member(worker_id)
        if member is None or self.ask is None:
            return None
        number = self._rng.randint(1_000, 9_999)
        question = question_of(self.canaries[service], self._paths[service], number)
        try:
            status, body = await self.ask(member.record(), service, question)
        except (OSError, Problem) as error:  # it may have been switched off, which is nobody's fault
            log.info("%s could not be asked for %s: %s", worker_id, service, error or "no answer in time")
            return None
        return question.verdict(status, body)
