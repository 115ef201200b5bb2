"""Has several coordinators be as one: they tell one another of their workers, and one of them assigns for all.

Three things run side by side. *Following* takes in what the store tells of `roster/`. *Publishing* writes what
others have to know of our workers, when there are others. *Leading* assigns, if that is for us to do: whoever holds
the key plans for all workers of the mesh and writes down what each shall run; everybody tells its own workers.
Alone, a plan counts at once and is written down later; else it counts when it is written. Without a store that can
be written to, everybody goes on with what was written last.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence

import msgspec

from coordinator_server.fleet.assigning import differences
from coordinator_server.fleet.election import Lead, Resign, Role, Take, fence, resignation, role
from coordinator_server.fleet.everybody import Everybody
from coordinator_server.fleet.publishing import Publishing
from coordinator_server.fleet.roster import PREFIX, Read, Roster, Told, read
from coordinator_server.registry.facts import Facts, facts_of
from coordinator_server.registry.planning import Planning
from coordinator_server.registry.plans import Plan
from coordinator_server.registry.registry import Registry
from coordinator_server.store.interface import AuditLine, Change, Seen, Store, StoreError, Write
from node.program.tasks import TaskSet
from node.wire.messages import UNREADABLE

log = logging.getLogger(__name__)
GRACE = 2.5  # heartbeats for which a worker is expected whose coordinator has died
LINGER = 60.0  # seconds for which we behave as one of several after the last other one has gone
GATHER = 0.05  # seconds from a change until it is written: more may come
PAUSE = 1.0  # seconds after a failure, and between looks at what time has changed
CONFLICT = 0.1  # seconds after others have changed the same
SEEN_WITHIN = 10.0  # seconds in which we see what we have written
CHUNK = 200  # changes that are read in one go
LAST_WORDS = 5.0  # seconds for what is written at the end
OLD_KEY = "assigned"  # where earlier versions kept what each coordinator's workers were to run


class Together:
    """One coordinator's part in it, from `open` to `stop`."""

    def __init__(
        self,
        store: Store,
        roster: Roster,
        registry: Registry,
        planning: Planning,
        everybody: Everybody,
        *,
        own_id: str,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`now` gives seconds, by the clock of the store's `leased_until`."""
        self.roster = roster
        self.told: Callable[[Collection[str]], None] = lambda _worker_ids: None  # who shall run something else
        self._store = store
        self._registry = registry
        self._planning = planning
        self._everybody = everybody
        self._own_id = own_id
        self._now = now
        self._publishing = Publishing(own_id, roster)
        self._stands = True
        self._others_until = float("-inf")
        self._turn = asyncio.Lock()
        self._moved = asyncio.Event()  # the roster has changed
        self._to_publish = asyncio.Event()
        self._to_lead = asyncio.Event()
        self._tasks = TaskSet("together")
        self._led = False
        registry.heard = self._heard
        planning.expected = roster.expected

    @property
    def leads(self) -> bool:
        """Tell whether we assign."""
        return isinstance(self._role(), Lead)

    @property
    def assigner(self) -> str:
        """Return the id of the coordinator that assigns, empty while nobody does."""
        held = self.roster.assigner
        if held is None:
            return ""
        return self._own_id if held.run == self.roster.own_run else self.roster.runs.get(held.run, "")

    # --- life -------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Read what there is, and from then on take part."""
        entries = await self._store.list(PREFIX)
        await self._take(Seen(0, [Change(key, entry) for key, entry in entries], whole=True))
        await self._expect_as_before()
        self._tasks.every(PAUSE, self._follow, "following")
        self._tasks.start(self._repeat(self._to_publish, self._publish), "publishing")
        self._tasks.start(self._repeat(self._to_lead, self._lead), "leading")

    def resign(self) -> None:
        """Assign no more, where others can: we are about to end."""
        if self._everybody.together:
            self._stands = False
            self._to_lead.set()

    async def stop(self) -> None:
        """Write down what each shall run, as far as that is not yet done, and end."""
        with contextlib.suppress(StoreError, TimeoutError):
            async with asyncio.timeout(LAST_WORDS):
                if not self._everybody.together:
                    await self._save_at_last()
        await self._tasks.stop()

    def tick(self) -> None:
        """See what time has changed; call it about once a second."""
        for worker_id in self.roster.tick(self._now()):
            log.info("worker %s did not come back, and its services go to others", worker_id)
            self._planning.worker_changed(worker_id)
        self._settle_mode()

    async def _expect_as_before(self) -> None:
        """Leave to our workers what they had when an earlier version of this program ran."""
        entry = await self._store.get(f"{OLD_KEY}/{self._own_id}") or await self._store.get(OLD_KEY)
        if entry is None:
            return
        try:
            before = msgspec.json.decode(entry.value, type=dict[str, tuple[str, ...]])
        except UNREADABLE as error:
            log.error("what workers ran before cannot be read in the store, and is planned anew: %s", error)
            return
        new = {name: services for name, services in before.items() if name not in self.roster.assigned}
        self._planning.follow(new)
        self.roster.expect(new, self._now())
        for key in (f"{OLD_KEY}/{self._own_id}", OLD_KEY):
            with contextlib.suppress(StoreError):
                await self._store.delete(key)

    # --- following --------------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        async with self._store.watch(PREFIX) as watch:
            async for seen in watch:
                await self._take(seen)

    async def _take(self, seen: Seen) -> None:
        every = [one async for part in self._read(seen.changes) for one in part]
        told = self.roster.take(every, self._now(), whole=seen.whole)
        if seen.whole:
            self._publishing.begin_anew()
            self._publishing.look_at(member.worker_id for member in self._registry.members())
        self._settle_mode()
        self._settle(told)
        self._moved.set()
        self._to_publish.set()
        self._to_lead.set()

    async def _read(self, changes: Sequence[Change]) -> AsyncIterator[Sequence[Read]]:
        now = self._now()
        for start in range(0, len(changes), CHUNK):
            yield [read(change, now) for change in changes[start : start + CHUNK]]
            await asyncio.sleep(0)

    def _settle(self, told: Told) -> None:
        """Do what follows from what was told."""
        roster, planning = self.roster, self._planning
        for name in self._publishing.seen(told.live, lambda name: self._registry.member(name) is not None):
            log.info("worker %s talks to another coordinator now", name)
            self._registry.hand_over(name)
        changed = planning.follow({name: roster.assigned.get(name) for name in told.assigned})
        if told.live:
            planning.look_again()
        if changed:
            self.told(changed)

    def _settle_mode(self) -> None:
        """Be one of several, or alone."""
        now, everybody = self._now(), self._everybody
        if self.roster.others():
            self._others_until = now + LINGER
        together = now < self._others_until
        if together == everybody.together:
            return
        everybody.together = self._planning.together = together
        log.info("there are other coordinators now" if together else "this coordinator is alone now")
        for name in self.roster.live:
            self.roster.differs(name)
        ours = [member.worker_id for member in self._registry.members()]
        if together:
            self.roster.expect(ours, now)  # until they are in the store as well
            self._planning.follow(self.roster.assigned)
        self._publishing.look_at(ours)
        self._publishing.look_at(
            name for name, live in self.roster.live.items() if live.row.run == self.roster.own_run
        )
        self._planning.look_again()
        self._to_publish.set()

    # --- publishing -------------------------------------------------------------------------------------------

    def _heard(self, worker_id: str, registered: bool) -> None:
        if registered:
            self._publishing.claim(worker_id)
        if self._everybody.together:
            self._publishing.look_at([worker_id])
            self._to_publish.set()
        elif registered:
            self.roster.arrived(worker_id)  # else when the store says so: until then it is not planned for

    def _facts(self, worker_id: str) -> Facts | None:
        member = self._registry.member(worker_id)
        if member is None or not self._everybody.together:
            return None
        return facts_of(member, stale=self._registry.is_stale(member))

    async def _publish(self) -> None:
        while self._publishing:
            try:
                writes = self._publishing.portion(self._facts, self._now())
                done = not writes or await self._store.commit(writes)
            except BaseException:
                self._publishing.failed()
                raise
            if done:
                self._publishing.written()
            else:
                self._publishing.failed()
            await asyncio.sleep(0 if done else CONFLICT)

    # --- leading ----------------------------------------------------------------------------------------------

    async def commit(self, writes: Sequence[Write], audit: Sequence[AuditLine] = ()) -> bool:
        """Write as the one who assigns: False, and nothing of it is written, where that is another one by now.

        MOST_TOGETHER records at most, one of which goes with them.
        """
        async with self._turn:
            now = self._role()
            if not isinstance(now, Lead):
                return False
            if not await self._store.commit([fence(self.roster.own_run, now.version), *writes], audit):
                return False
            await self._see(lambda: self.roster.assigner is None or self.roster.assigner.version != now.version)
            return True

    async def _see(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(SEEN_WITHIN):
            while not true():
                self._moved.clear()
                await self._moved.wait()

    def _role(self) -> Role:
        roster = self.roster
        return role(roster.assigner, roster.own_run, self._store.leased_until, self._now(), stands=self._stands)

    async def _lead(self) -> None:
        now = self._role()
        if isinstance(now, Lead) and not self._led:
            self._planning.look_again()  # what was planned before did not count
        self._led = isinstance(now, Lead)
        match now:
            case Take():
                if await self._store.commit([fence(self.roster.own_run)]):
                    log.info("this coordinator says what workers run")
                return
            case Resign(version):
                await self._store.commit([resignation(version)])
            case Lead() if not self._everybody.together:
                await self._save()
            case Lead():
                await self._assign()
            case _ if self._everybody.together:
                await self._plan()
            case _:
                pass

    async def _save(self) -> None:
        """Write down what was planned alone."""
        await self._write(self._planning.all_assigned())

    async def _save_at_last(self) -> None:
        if isinstance(self._role(), Take):
            await self._store.commit([fence(self.roster.own_run)])
            await self._see(lambda: self.roster.assigner is not None)
        await self._save()

    async def _assign(self) -> None:
        """Plan for all, and write down what each shall run."""
        done = False
        try:
            plan = await self._plan()
            if plan is not None:
                self._planning.tell(plan)
            done = plan is None or await self._write(plan.services)
        finally:
            if not done:
                self._planning.look_again()

    async def _plan(self) -> Plan | None:
        """Plan, if something has changed: who does not assign can say so what is missing, and why."""
        if not self._planning.is_due:
            return None
        return self._planning.made(*await asyncio.to_thread(self._planning.propose, self._planning.begin()))

    async def _write(self, wanted: Mapping[str, tuple[str, ...]]) -> bool:
        for writes in differences(wanted, self.roster.assigned):
            if not await self.commit(writes):
                return False
        return True

    # --- both -------------------------------------------------------------------------------------------------

    async def _repeat(self, woken: asyncio.Event, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                async with asyncio.timeout(PAUSE):
                    await woken.wait()
            except TimeoutError:
                pass
            await asyncio.sleep(GATHER)
            woken.clear()
            try:
                await work()
            except (StoreError, TimeoutError) as error:
                log.info("other coordinators cannot be told now: %s", error or "the store is silent")
                await asyncio.sleep(PAUSE)
            except Exception:  # whoever holds the key and had stopped here would keep all others from assigning
                log.exception("what coordinators do together failed; it is tried again in %.1f s", PAUSE)
                await asyncio.sleep(PAUSE)
