"""Puts workers on probation and off it again, by how their requests end and how they answer canaries.

What is found is in the book, by which every coordinator goes.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping

from coordinator_server.audit import Audit
from coordinator_server.probation.book import Book, Records
from coordinator_server.probation.canaries import Canary
from coordinator_server.probation.endings import Endings, Pair
from coordinator_server.probation.rounds import Rounds
from coordinator_server.probation.standing import (
    Progress,
    Record,
    Terms,
    after_canary,
    begin,
    counting,
    gets_off,
    let_off,
    put_on,
)
from coordinator_server.registry.registry import Registry
from coordinator_server.store.interface import StoreError
from node.program.tasks import TaskSet
from node.wire.manifests import Catalogue

log = logging.getLogger(__name__)
LOOK = 2.0  # seconds between looks at whom to ask
FORGET = 60.0  # seconds between looks at what can be forgotten
CLEARED = 20  # workers whose old probations are deleted in one go
NEWCOMER = 3600.0  # seconds since its enrolment in which a worker has to show first what it can
LONGEST = 200  # characters of what a worker is told


class Warden:
    """Watches all workers; `changed` is called with each that has to be told something else."""

    def __init__(
        self,
        book: Book,
        audit: Audit,
        registry: Registry,
        catalogue: Catalogue,
        *,
        canaries: Mapping[str, Canary],
        clock: Callable[[], float],
        terms: Terms,
        pause: float,
        enrolled_at: Callable[[str], float],
        rng: random.Random | None = None,
    ) -> None:
        """`pause` is the mean time between two canaries of a worker's service in seconds; 0: none is asked.

        `enrolled_at` tells of a worker when it was let in, in Unix seconds.
        """
        rng = rng or random.Random()  # noqa: S311 - spreads requests, guards nothing
        self._tasks = TaskSet("canaries")
        self.book = book
        self.endings = Endings(registry, clock, terms)
        self.rounds = Rounds(
            registry,
            catalogue,
            canaries,
            self._tasks,
            clock=clock,
            pause=pause,
            rng=rng,
            next_at=self._next_at,
            found=self._found,
        )
        self.changed: Callable[[str], None] = lambda _worker_id: None
        self.clock_in_doubt: Callable[[], bool] = lambda: False  # then nothing is deleted for being long over
        self._audit = audit
        self._registry = registry
        self._clock = clock
        self._terms = terms
        self._enrolled_at = enrolled_at
        self._proven: set[Pair] = set()  # that have answered a canary rightly
        self._doubtful: set[Pair] = set()  # whose last canary failed
        self._accused: dict[Pair, str] = {}  # whose requests failed, and how many: a canary is to tell
        self._progress: dict[Pair, Progress] = {}
        self._next_forget = 0.0
        book.changed = self._book_changed

    # --- what others ask --------------------------------------------------------------------------------------

    def doubts(self, worker_id: str, service: str) -> bool:
        """Say whether others should be asked first: it is on probation, or new and not yet seen to answer rightly.

        Who has been here for longer is in the book if there was anything. To doubt all of them after a restart, or
        when another coordinator's workers come, would leave all requests to the few that were asked first.
        """
        if self.book.is_on_probation(worker_id, service):
            return True
        if service not in self.rounds.canaries or (worker_id, service) in self._proven:
            return False
        return self._clock() - self._enrolled_at(worker_id) < NEWCOMER

    def told(self, worker_id: str) -> str:
        """Return what a worker is told of its probation, in a sentence; empty where there is none."""
        return told_of(self.book.of(worker_id))

    def on_probation(self) -> Mapping[str, int]:
        """Return how many workers are on probation, and how many of them are suspected."""
        every = [[one for one in records.values() if one.since is not None] for records in self.book.all().values()]
        return {
            "probation": sum(bool(records) for records in every),
            "suspected": sum(any(one.suspected for one in records) for records in every),
        }

    # --- life -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        self._tasks.every(LOOK, self.tick, "look")

    async def stop(self) -> None:
        await self._tasks.stop()

    async def tick(self) -> None:
        """See who is to be put on probation or let off it, and ask those whose turn it is."""
        now = self._clock()
        try:
            await self._judge(now)
            await self._release(now)
        except StoreError as error:
            log.info("probations cannot be written down now: %s", error)
        await self.rounds.look(now)
        if now >= self._next_forget or now < self._next_forget - FORGET:
            self._next_forget = now + FORGET
            self._forget()
            if not self.clock_in_doubt():
                await self._clear_away(now)

    async def pardon(self, worker_id: str, address: str = "") -> bool:
        """Forget all that is held against a worker; return whether there was anything."""
        line = self._audit.line("worker-pardoned", actor="admin", subject=worker_id, address=address)
        self.endings.pardon(worker_id)
        self._accused = {pair: reason for pair, reason in self._accused.items() if pair[0] != worker_id}
        return await self.book.write(worker_id, lambda _: {}, line)

    async def _judge(self, now: float) -> None:
        """Ask those a canary whose requests end badly, and worse than those of others; without one, believe it."""
        for (worker_id, service), reason in self.endings.accused(now):
            if service in self.rounds.canaries:
                self._accused[worker_id, service] = reason
                self.rounds.ask_now((worker_id, service), now)
            else:
                await self._put_on(worker_id, service, reason, now, proven=False)

    def _may_be_hearsay(self, service: str) -> bool:
        """Say whether one more worker may be put on probation for what requests alone have shown.

        At most half of those that run a service: else one client would have all asked last but a worker of its own.
        """
        here = [member.worker_id for member in self._registry.members() if service in member.running]
        return 2 * (1 + sum(self.book.is_on_probation(name, service) for name in here)) <= len(here)

    async def _put_on(self, worker_id: str, service: str, reason: str, now: float, *, proven: bool) -> None:
        if not (proven or self._may_be_hearsay(service)):
            log.info("%s is not put on probation for %s, as too many would be: %s", worker_id, service, reason)
            return

        def change(records: Records) -> Records:
            before = records.get(service)
            if before is not None and before.since is not None:
                return records
            return {**records, service: put_on(before, reason, now, self._terms, proven=proven)}

        again = put_on(self.book.record(worker_id, service), reason, now, self._terms, proven=proven)
        action = "worker-suspected" if again.suspected else "worker-on-probation"
        line = self._audit.line(action, actor="coordinator", subject=worker_id, detail=f"{service}: {reason}")
        if await self.book.write(worker_id, change, line):
            log.warning("%s is on probation for %s: %s", worker_id, service, reason)
        self._proven.discard((worker_id, service))

    async def _release(self, now: float) -> None:
        for worker_id, records in list(self.book.all().items()):
            for service, record in records.items():
                pair = (worker_id, service)
                if record.since is None or self._registry.member(worker_id) is None:
                    continue
                progress = self._progress.setdefault(pair, begin(record, now, self._terms))
                if gets_off(record, progress, now, self._terms, has_canary=service in self.rounds.canaries):
                    await self._let_off(worker_id, service)

    async def _let_off(self, worker_id: str, service: str) -> None:
        def change(records: Records) -> Records:
            record = records.get(service)
            if record is None or record.since is None or record.suspected:
                return records
            return {**records, service: let_off(record)}

        line = self._audit.line("worker-off-probation", actor="coordinator", subject=worker_id, detail=service)
        await self.book.write(worker_id, change, line)
        self._progress.pop((worker_id, service), None)
        self.endings.drop((worker_id, service))  # what was before does not count again

    # --- canaries ---------------------------------------------------------------------------------------------

    def _next_at(self, worker_id: str, service: str) -> float | None:
        """Return when who is on probation is to be asked next."""
        record = self.book.record(worker_id, service)
        if record is None or record.since is None:
            return None
        return self._progress.setdefault((worker_id, service), begin(record, self._clock(), self._terms)).next_at

    async def _found(self, worker_id: str, service: str, verdict: str | None) -> None:
        """Take in how a canary went; where that cannot be told, what it is accused of is believed."""
        accused = self._accused.pop((worker_id, service), "")
        try:
            if verdict is not None:
                if accused and not verdict:
                    log.info("%s answers %s rightly, though %s: it stays", worker_id, service, accused)
                await self._take(worker_id, service, verdict)
            elif accused and self.endings.is_ours(worker_id, service):
                await self._put_on(worker_id, service, accused, self._clock(), proven=False)
        except StoreError as error:
            log.info("a probation cannot be written down now: %s", error)

    async def _take(self, worker_id: str, service: str, verdict: str) -> None:
        """Take in how a canary went; one that fails comes again soon, and the second time counts."""
        pair, now = (worker_id, service), self._clock()
        record = self.book.record(worker_id, service)
        if record is not None and record.since is not None:
            progress = self._progress.get(pair) or begin(record, now, self._terms)
            self._progress[pair] = after_canary(progress, not verdict, now, self._terms)
            if not verdict:
                self._proven.add(pair)  # which counts when the probation is over
            return
        if not verdict:
            self._doubtful.discard(pair)
            if pair not in self._proven:
                self._proven.add(pair)
                self._registry.look_again()
        elif pair in self._doubtful:
            self._doubtful.discard(pair)
            await self._put_on(worker_id, service, verdict, now, proven=True)
        else:
            self._doubtful.add(pair)
            self.rounds.ask_again(pair, now)

    # --- both -------------------------------------------------------------------------------------------------

    def _book_changed(self, worker_id: str) -> None:
        for pair in [pair for pair in self._progress if pair[0] == worker_id]:
            record = self.book.record(*pair)
            if record is None or record.since is None:
                del self._progress[pair]
        self._registry.look_again()
        self.changed(worker_id)

    def _forget(self) -> None:
        """Forget what was counted and found of workers that are gone."""
        here = {member.worker_id for member in self._registry.members()}
        self.endings.keep(here)
        self.rounds.keep(here)
        self._progress = {pair: progress for pair, progress in self._progress.items() if pair[0] in here}
        self._proven = {pair for pair in self._proven if pair[0] in here}
        self._doubtful = {pair for pair in self._doubtful if pair[0] in here}
        self._accused = {pair: reason for pair, reason in self._accused.items() if pair[0] in here}

    async def _clear_away(self, now: float) -> None:
        """Delete of the book what is long over, of workers that have left, too; next time those that are left."""
        over = [name for name, records in self.book.all().items() if counting(records, now) != records]
        try:
            for worker_id in over[:CLEARED]:
                await self.book.write(worker_id, lambda records: counting(records, now), None)
        except StoreError as error:
            log.info("probations that are long over cannot be deleted now: %s", error)


def told_of(records: Mapping[str, Record]) -> str:
    """Return for a person which services are on probation and why, or an empty string."""
    running = {service: record for service, record in sorted(records.items()) if record.since is not None}
    if not running:
        return ""
    why = "; ".join(f"{service}: {record.reason}" for service, record in running.items())
    if any(record.suspected for record in running.values()):
        return f"This computer gets requests only where nobody else can, until the operator has looked: {why}."[
            :LONGEST
        ]
    return f"This computer gets requests only where nobody else can, until it answers rightly again: {why}."[
        :LONGEST
    ]
