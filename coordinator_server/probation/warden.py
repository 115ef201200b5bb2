"""Counts how requests end, asks canaries, and puts workers on probation and off it again.

It asks the workers that talk to this coordinator, each service of each at random moments; no worker is asked twice
at once. What is found is in the book, by which every coordinator goes.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping

from coordinator_server.audit import Audit
from coordinator_server.probation.book import Book, Records
from coordinator_server.probation.canaries import Canary, Question, question_of
from coordinator_server.probation.standing import (
    Progress,
    Record,
    Tally,
    Terms,
    after_canary,
    begin,
    counting,
    gets_off,
    let_off,
    put_on,
    too_wrong,
)
from coordinator_server.registry.registry import Registry
from coordinator_server.store.interface import StoreError
from node.program.tasks import TaskSet
from node.wire.manifests import Catalogue
from node.wire.messages import WorkerRecord
from node.wire.problems import Problem

log = logging.getLogger(__name__)
LOOK = 2.0  # seconds between looks at whom to ask
TOGETHER = 500  # pairs that are looked at in one go
AT_ONCE = 16  # canaries
EACH = 0.05  # seconds that each canary of a round gets at least: many workers are asked more rarely
FIRST = 2.0  # seconds in which a service that is new on a worker is asked first
AGAIN = 15.0  # seconds until a canary comes again that failed once: only the second counts
FORGET = 60.0  # seconds between looks at what can be forgotten
CLEARED = 20  # workers whose old probations are deleted in one go
WRONG = frozenset({500, 502, 504, *range(505, 600)})
NEWCOMER = 3600.0  # seconds since its enrolment in which a worker has to show first what it can
LONGEST = 200  # characters of what a worker is told
MOST = 100_000  # pairs of worker and service that are counted

Ask = Callable[[WorkerRecord, str, Question], Awaitable[tuple[int, bytes]]]
Pair = tuple[str, str]  # worker, service


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
        self.book = book
        self.ask: Ask | None = None
        self.changed: Callable[[str], None] = lambda _worker_id: None
        self.clock_in_doubt: Callable[[], bool] = lambda: False  # then nothing is deleted for being long over
        self.results = {"right": 0, "wrong": 0, "unclear": 0}
        self.told_results = dict(self.results)  # as everybody may read them: nobody can tell which request it was
        self._next_told = 0.0
        self._audit = audit
        self._registry = registry
        self._paths = {manifest.name: manifest.default_path for manifest in catalogue.manifests}
        self._canaries = {name: canary for name, canary in canaries.items() if name in self._paths and pause}
        self._clock = clock
        self._terms = terms
        self._pause = pause
        self._enrolled_at = enrolled_at
        self._rng = rng or random.Random()  # noqa: S311 - spreads requests, guards nothing
        self._tallies: dict[Pair, Tally] = {}
        self._due: dict[Pair, float] = {}
        self._proven: set[Pair] = set()  # that have answered a canary rightly
        self._doubtful: set[Pair] = set()  # whose last canary failed
        self._accused: dict[Pair, str] = {}  # whose requests failed, and how many: a canary is to tell
        self._progress: dict[Pair, Progress] = {}
        self._asked: set[str] = set()  # workers that have a canary now
        self._count_of_pairs = 0  # that could be asked the last time
        self._next_forget = 0.0
        self._tasks = TaskSet("canaries")
        book.changed = self._book_changed

    # --- what others ask --------------------------------------------------------------------------------------

    def doubts(self, worker_id: str, service: str) -> bool:
        """Say whether others should be asked first: it is on probation, or new and not yet seen to answer rightly.

        Who has been here for longer is in the book if there was anything. To doubt all of them after a restart, or
        when another coordinator's workers come, would leave all requests to the few that were asked first.
        """
        if self.book.is_on_probation(worker_id, service):
            return True
        if service not in self._canaries or (worker_id, service) in self._proven:
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

    # --- how requests end -------------------------------------------------------------------------------------

    def ended(self, service: str, worker_id: str | None, status: int, count: int = 1) -> None:
        """Count requests that a worker has answered with this status."""
        if worker_id:
            wrong = count if status in WRONG else 0
            self._count(worker_id, service, 0 if wrong else count, wrong)

    def broke_off(self, worker_id: str) -> None:
        """Count a request to a worker that came to nothing, whatever it was for."""
        member = self._registry.member(worker_id)
        for service in member.running if member is not None else ():
            self._count(worker_id, service, 0, 1)

    def _count(self, worker_id: str, service: str, right: int, wrong: int) -> None:
        pair = (worker_id, service)
        tally = self._tallies.get(pair)
        if tally is None:
            if len(self._tallies) >= MOST:
                return
            tally = self._tallies[pair] = Tally(self._clock())
        tally.count(right, wrong, self._clock(), self._terms.window)

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
        await self._begin_asking(now)
        if now >= self._next_told or now < self._next_told - self._pause:
            self._next_told = now + self._pause
            self.told_results = dict(self.results)
        if now >= self._next_forget or now < self._next_forget - FORGET:
            self._next_forget = now + FORGET
            self._forget()
            if not self.clock_in_doubt():
                await self._clear_away(now)

    async def pardon(self, worker_id: str, address: str = "") -> bool:
        """Forget all that is held against a worker; return whether there was anything."""
        line = self._audit.line("worker-pardoned", actor="admin", subject=worker_id, address=address)
        for pair in [pair for pair in self._tallies if pair[0] == worker_id]:
            del self._tallies[pair]
        self._accused = {pair: reason for pair, reason in self._accused.items() if pair[0] != worker_id}
        return await self.book.write(worker_id, lambda _: {}, line)

    async def _judge(self, now: float) -> None:
        """Ask those a canary whose requests end badly, and worse than those of others; without one, believe it."""
        suspects = [(pair, tally) for pair, tally in self._tallies.items() if tally.wrong and self._is_ours(*pair)]
        if not suspects:
            return
        every = self._totals()
        for (worker_id, service), tally in suspects:
            tally.turn(now, self._terms.window)
            count, wrong = every[service]
            reason = too_wrong(tally, max(0, count - tally.all), max(0, wrong - tally.all_wrong), self._terms)
            if reason:
                self._tallies.pop((worker_id, service), None)
                if service in self._canaries:
                    self._accused[worker_id, service], self._due[worker_id, service] = reason, now
                else:
                    await self._put_on(worker_id, service, reason, now, proven=False)

    def _totals(self) -> Mapping[str, tuple[int, int]]:
        """Return for each service how many requests were counted, and how many of them ended badly."""
        found: dict[str, tuple[int, int]] = {}
        for (_, service), tally in self._tallies.items():
            count, wrong = found.get(service, (0, 0))
            found[service] = (count + tally.all, wrong + tally.all_wrong)
        return found

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
                if gets_off(record, progress, now, self._terms, has_canary=service in self._canaries):
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
        self._tallies.pop((worker_id, service), None)  # what was before does not count again

    # --- asking -----------------------------------------------------------------------------------------------

    async def _begin_asking(self, now: float) -> None:
        """Look at all pairs, some at a time: heartbeats and requests go on in between."""
        if self.ask is None or not self._canaries:
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
        now = self._clock()
        for member in self._registry.members():
            if self._registry.status(member) != "active":
                continue
            for service in member.running:
                if service not in self._canaries:
                    continue
                record = self.book.record(member.worker_id, service)
                if record is not None and record.since is not None:
                    pair = (member.worker_id, service)
                    progress = self._progress.setdefault(pair, begin(record, now, self._terms))
                    self._due[pair] = progress.next_at
                yield member.worker_id, service

    async def _ask(self, worker_id: str, service: str) -> None:
        try:
            verdict = await self._verdict(worker_id, service)
            accused = self._accused.pop((worker_id, service), "")
            if verdict is None:
                self.results["unclear"] += 1
                if accused and self._is_ours(worker_id, service):
                    await self._put_on(worker_id, service, accused, self._clock(), proven=False)
            else:
                if accused and not verdict:
                    log.info("%s answers %s rightly, though %s: it stays", worker_id, service, accused)
                self.results["wrong" if verdict else "right"] += 1
                await self._take(worker_id, service, verdict)
        except StoreError as error:
            log.info("a probation cannot be written down now: %s", error)
        finally:
            self._asked.discard(worker_id)

    async def _verdict(self, worker_id: str, service: str) -> str | None:
        member = self._registry.member(worker_id)
        if member is None or self.ask is None:
            return None
        number = self._rng.randint(1_000, 9_999)
        question = question_of(self._canaries[service], self._paths[service], number)
        try:
            status, body = await self.ask(member.record(), service, question)
        except (OSError, Problem) as error:  # it may have been switched off, which is nobody's fault
            log.info("%s could not be asked for %s: %s", worker_id, service, error or "no answer in time")
            return None
        return question.verdict(status, body)

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
            self._due[pair] = now + AGAIN * self._rng.uniform(0.5, 1.5)

    # --- both -------------------------------------------------------------------------------------------------

    def _is_ours(self, worker_id: str, service: str) -> bool:
        member = self._registry.member(worker_id)
        return member is not None and service in member.running

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
        self._tallies = {pair: tally for pair, tally in self._tallies.items() if pair[0] in here}
        self._due = {pair: due for pair, due in self._due.items() if pair[0] in here}
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
