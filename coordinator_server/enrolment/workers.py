"""The enrolled machines: who each is, what it is trusted with, and whether it was drained or revoked.

Enrolments are read once and kept in memory; every change is on the disk before it counts.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from coordinator_server.audit import Audit
from coordinator_server.enrolment import bans
from coordinator_server.enrolment.blocklist import Blocklist
from coordinator_server.enrolment.kept_blocklist import KeptBlocklist
from coordinator_server.enrolment.leases import Lease
from coordinator_server.enrolment.roll import Roll
from coordinator_server.keys import ID_PREFIX
from coordinator_server.store.interface import ABSENT, AuditLine, Seen, Store, Versioned, Write, check_sure
from coordinator_server.store.unreadable import Unreadable
from node.program.tasks import TaskSet
from node.wire.credentials import Name, Trust
from node.wire.problems import Problem

PREFIX = "worker/"
IDENTITY_PREFIX = "identity/"  # public key -> worker id, so that one machine never becomes two workers
CHANGE_TRIES = 100
TOGETHER = 200  # enrolments that are read in one go


class Enrolment(msgspec.Struct, frozen=True, kw_only=True):
    """One enrolled machine; no services means all of them. Times are Unix seconds, the key is base64url."""

    worker_id: str
    name: str
    identity_public_key: str
    invite_id: str
    trust: Trust
    services: tuple[str, ...] = ()
    enrolled_at: float
    address: str = ""
    draining: bool = False
    pending: bool = False  # it waits for the operator to let it in, and is nobody until then
    revoked_at: float | None = None
    vpn: Lease | None = None  # its place in the overlay
    place: bytes = b""  # in the DHT; of those enrolled by an older version it is derived from the founding key
    credential_until: float = 0.0  # when the last credential ends that it was given; 0 where that is not known
    mesh_progress: int = 0  # how far it follows the mesh's keys, as it said in a rotation

    @property
    def revoked(self) -> bool:
        return self.revoked_at is not None

    @property
    def waits(self) -> bool:
        """Whether it is for the operator to let it in or to refuse it."""
        return self.pending and not self.revoked


class Workers:
    """All enrolments; `changed` is called after each change with the worker's id."""

    def __init__(self, store: Store, audit: Audit, clock: Callable[[], float], credential_life: float) -> None:
        self._store = store
        self._audit = audit
        self._clock = clock
        self._roll = Roll[Enrolment]()
        self.unsure: set[str] = set()  # of whom the store, in doubt, could not say whether they are gone: ask again
        self._tasks = TaskSet("workers")
        self.unreadable = Unreadable()
        self.changed: Callable[[str], None] = lambda _worker_id: None
        self.out = KeptBlocklist(store, clock, credential_life)

    async def load(self) -> None:
        """Read what earlier runs kept."""
        for enrolment in self.unreadable.read_all(await self._store.list(PREFIX), Enrolment):
            self._roll.keep(enrolment)
        await self.out.load()

    async def stop(self) -> None:
        await self._tasks.stop()

    @property
    def blocklist(self) -> Blocklist:
        """Who was put out, as it was written last."""
        return self.out.current

    def __len__(self) -> int:
        return len(self._roll)

    def __iter__(self) -> Iterator[Enrolment]:
        return iter(self._roll)

    def waiting(self) -> int:
        """Return how many machines wait to be let in."""
        return sum(enrolment.waits for enrolment in self._roll)

    def __contains__(self, worker_id: object) -> bool:
        return isinstance(worker_id, str) and self.get(worker_id) is not None

    def get(self, worker_id: str) -> Enrolment | None:
        found = self._roll.get(worker_id)
        return found if found is not None and found.worker_id == worker_id else None

    def enrolled_at(self, worker_id: str) -> float:
        """Return when a machine was let in, in Unix seconds; 0.0 for one that is not known."""
        enrolment = self.get(worker_id)
        return enrolment.enrolled_at if enrolment is not None else 0.0

    def by_identity(self, identity_public_key: str) -> Enrolment | None:
        """Return the machine with this key that was not revoked."""
        return self._roll.by_identity(identity_public_key)

    def is_taken(self, worker_id: str) -> bool:
        """Say whether an id is or was a worker's, however it is capitalised."""
        lowered = worker_id.lower()
        known = lowered in self._roll.ids() or PREFIX + lowered in self.unreadable.rows
        return known or any(name.lower() == lowered for name in self.blocklist.until)

    def is_revoked(self, worker_id: str) -> bool:
        found = self._roll.get(worker_id)
        return worker_id in self.blocklist.until or (found is not None and found.revoked)

    async def admit(self, enrolment: Enrolment, spent: Write, line: AuditLine, also: Sequence[Write] = ()) -> bool:
        """Add a machine, count its invite's use and do what goes with it; False when others were quicker."""
        identity_key = IDENTITY_PREFIX + enrolment.identity_public_key
        known = await self._store.get(identity_key)
        writes = [
            Write(_key(enrolment.worker_id), msgspec.json.encode(enrolment), ABSENT),
            Write(identity_key, enrolment.worker_id.encode(), known.version if known else ABSENT),
            spent,
            *also,
        ]
        return await self._commit(writes, line, lambda: self._roll.keep(enrolment))

    async def replace(
        self,
        before: Enrolment,
        after: Enrolment,
        line: AuditLine | None,
        also: Sequence[Write] = (),
        outdated: Mapping[str, float] | None = None,
    ) -> bool:
        """Change an enrolment that is still `before`, with what goes with it; False when others were quicker.

        What is in memory is then what the store has, so that the next try begins there. `outdated` certificates go
        onto the blocklist.
        """
        entry = await self._store.get(_key(before.worker_id))
        if entry is None:
            check_sure(self._store)
            self._roll.drop(before)
            return False
        found = self._read(entry, before.worker_id)
        if found != before:
            self._roll.keep(found)
            return False
        writes = [Write(_key(before.worker_id), msgspec.json.encode(after), entry.version), *also]
        blocklist = self.blocklist
        if outdated:
            blocklist = await self.out.longer(outdated, (), writes, by_choice=True)
        apply = functools.partial(self._take, before, after, blocklist)
        return await self._commit(writes, line, apply, before.worker_id)

    async def approve(self, worker_id: str, *, actor: str = "admin", address: str = "") -> Enrolment:
        """Trust a machine with personal data; raise unknown-worker."""
        line = self._audit.line("worker-approved", actor=actor, subject=worker_id, address=address)
        return await self._change(worker_id, {"trust": "vetted"}, line)

    async def let_in(self, worker_id: str, trust: Trust, *, actor: str = "admin", address: str = "") -> Enrolment:
        """Let in a machine that waits for it, with this trust; raise unknown-worker."""
        line = self._audit.line("worker-let-in", actor=actor, subject=worker_id, detail=trust, address=address)
        return await self._change(worker_id, {"pending": False, "trust": trust}, line)

    async def refuse(self, worker_id: str, *, actor: str = "admin", address: str = "") -> Enrolment:
        """Turn away for good a machine that waits to be let in; raise unknown-worker."""
        line = self._audit.line("worker-not-let-in", actor=actor, subject=worker_id, address=address)
        return await self._change(worker_id, {"revoked_at": self._clock()}, line)

    async def drain(
        self, worker_id: str, draining: bool = True, *, actor: str = "admin", address: str = ""
    ) -> Enrolment:
        """Give a machine nothing to do any more, or again something; raise unknown-worker."""
        action = "worker-drained" if draining else "worker-undrained"
        line = self._audit.line(action, actor=actor, subject=worker_id, address=address)
        return await self._change(worker_id, {"draining": draining}, line)

    async def revoke(
        self, worker_id: str, *, unknown: bool = False, actor: str = "admin", address: str = ""
    ) -> None:
        """Put a machine out for good: no node and no coordinator takes its credential any more.

        Its credential names the id, so that is all that is needed: where nobody can read what the store has of the
        machine, and with `unknown` where the store has nothing, as after a backup of before. Else raise
        unknown-worker.
        """
        line = self._audit.line("worker-revoked", actor=actor, subject=worker_id, address=address)
        known = await self.refresh(worker_id)
        unreadable = _key(worker_id) in self.unreadable.rows
        if known is not None and not unreadable:
            await self._change(worker_id, {"revoked_at": self._clock()}, line)
        elif unreadable or (unknown and known is None):
            check_worker_id(worker_id)
            await self._ban(worker_id, line)
        else:
            check_sure(self._store)
            self._existing(worker_id)

    async def remove(self, worker_id: str, *, actor: str, address: str = "") -> None:
        """Forget a machine that leaves of its own will; it may come back with a new invite and gets a new id."""
        line = self._audit.line("worker-left", actor=actor, subject=worker_id, address=address)
        await self._change(worker_id, None, line)

    async def _change(self, worker_id: str, changes: Mapping[str, Any] | None, line: AuditLine) -> Enrolment:
        """Change an enrolment, or remove it for `changes` None; what ends it goes onto the blocklist with it."""
        for _ in range(CHANGE_TRIES):
            self._existing(worker_id)
            entry = await self._store.get(_key(worker_id))
            if entry is None:
                check_sure(self._store)
                continue
            before = self._read(entry, worker_id)
            after = None if changes is None else msgspec.structs.replace(before, **changes)
            if after == before or (after is not None and after.revoked and before.revoked):
                return before
            writes = [Write(_key(worker_id), None if after is None else msgspec.json.encode(after), entry.version)]
            blocklist = self.blocklist
            if after is None or after.revoked:
                certificates = before.vpn.blocked(self._clock()) if before.vpn is not None else {}
                names = [before.worker_id]
                blocklist = await self.out.longer(certificates, names, writes, by_choice=after is None)
            if after is None:
                writes.append(Write(IDENTITY_PREFIX + before.identity_public_key, None))
            if await self._commit(writes, line, functools.partial(self._take, before, after, blocklist)):
                return after or before
        raise _conflict(worker_id)

    async def _ban(self, worker_id: str, line: AuditLine) -> None:
        """Put out whoever has this id, and say so in its row as far as that can be."""
        key = _key(worker_id)
        for _ in range(CHANGE_TRIES):
            names = bans.spelt(worker_id, await self._store.list(IDENTITY_PREFIX))
            entry, known, now = await self._store.get(key), self._roll.get(worker_id), self._clock()
            said = b"" if entry is None else entry.value if known is None else msgspec.json.encode(known)
            row, certificates = bans.with_ban(said, now), bans.certificates_in(said, now)
            writes = [Write(key, row, entry.version)] if entry is not None and row is not None else []
            if entry is None:
                writes.append(Write(key, None, ABSENT))  # else somebody could be let in as this one meanwhile
            blocklist = await self.out.longer(certificates, sorted(names), writes)
            if await self._commit(writes, line, functools.partial(self._take_ban, names, row, blocklist)):
                return
        raise _conflict(worker_id)

    def _take_ban(self, names: Collection[str], row: bytes | None, blocklist: Blocklist) -> None:
        self.out.take(blocklist)
        for name in sorted(names):
            found = self._told(name.lower(), Versioned(row, ABSENT)) if row is not None else None
            if found is not None:
                self._roll.keep(found)
            self.changed(name)

    async def prune(self) -> None:
        """Take over what other coordinators have put on the blocklist, and take off what has expired everywhere."""
        for name in sorted(await self.out.look()):
            await self.refresh(name)
            self.changed(name)
        await self.out.shorten()
        for worker_id in sorted(self.unsure):
            if not self._store.in_doubt:
                await self.refresh(worker_id)

    async def refresh(self, worker_id: str) -> Enrolment | None:
        """Return an enrolment as the store has it now: another coordinator may have made, changed or ended it.

        What was known goes on where the store cannot say for certain that it is otherwise.
        """
        before = self._store.in_doubt
        entry = await self._store.get(_key(worker_id))
        in_doubt = before or self._store.in_doubt  # others may have asked meanwhile, and were answered
        known = self._roll.get(worker_id)
        found = self._told(worker_id.lower(), entry)
        self.unsure.discard(worker_id)
        if entry is not None and found is None:
            found = self._as_known(known)
        elif in_doubt and (found is None or not found.revoked):
            found = known or found
            self.unsure |= {found.worker_id} if found is not None else set()
        if found is not None:
            self._roll.keep(found)
        elif known is not None:
            self._roll.drop(known)
        if found != known:
            self.changed(worker_id)
        return self.get(worker_id)

    def _as_known(self, known: Enrolment | None) -> Enrolment | None:
        """Return what goes on of a machine whose row nobody can read: that it is out the blocklist says, too."""
        if known is None or known.revoked or known.worker_id not in self.blocklist.until:
            return known
        return msgspec.structs.replace(known, revoked_at=self._clock())

    async def take(self, seen: Seen) -> None:
        """Take in what a watch of PREFIX tells: others let machines in, change them and put them out."""
        told = {change.key.removeprefix(PREFIX): change.entry for change in seen.changes}
        gone = self._roll.ids() - told.keys() if seen.whole else ()
        if seen.whole:
            self.unreadable.keep_only(PREFIX + lowered for lowered in told)
        for number, (lowered, entry) in enumerate([*told.items(), *((one, None) for one in gone)]):
            if number % TOGETHER == TOGETHER - 1:
                await asyncio.sleep(0)
            found = self._told(lowered, entry)
            if entry is not None and found is None:
                continue  # what others did besides is to be followed nevertheless
            known = self._roll.get(lowered)
            is_new = known is None and found is not None and found.worker_id not in self.blocklist.until
            if found is not None and found != known and (is_new or found.revoked):  # which nothing takes back
                self._roll.keep(found)
                self.changed(found.worker_id)
            elif found != known:  # what is in memory may be newer than what was just told
                await self.refresh(lowered if known is None else known.worker_id)

    def _read(self, entry: Versioned, worker_id: str) -> Enrolment:
        """Return what the store has of a machine; raise conflict where nobody can read it."""
        found = self._told(worker_id.lower(), entry)
        if found is None:
            text = f"What the store has of {worker_id} cannot be read, so nothing of it can be changed."
            raise Problem("conflict", f"{text} The coordinator's operator finds in `status` what to do.")
        return found

    def _told(self, lowered: str, entry: Versioned | None) -> Enrolment | None:
        """Return an enrolment of the store, None for one that is not there or that nobody can read."""
        if entry is None:
            self.unreadable.rows.pop(PREFIX + lowered, None)
            return None
        return self.unreadable.read(PREFIX + lowered, entry.value, Enrolment)

    def _existing(self, worker_id: str) -> Enrolment:
        found = self.get(worker_id)
        if found is None:
            raise Problem("unknown-worker", f"No worker with the id {worker_id[:64]!r} is enrolled.")
        return found

    async def _commit(
        self, writes: Sequence[Write], line: AuditLine | None, apply: Callable[[], None], worker_id: str = ""
    ) -> bool:
        """Write, then change what is in memory: also when whoever asked has gone away meanwhile."""

        async def work() -> bool:
            done = await self._store.commit(writes, [line] if line else [])
            if done:
                apply()
                self.changed(line.subject if line else worker_id)
            return done

        return await asyncio.shield(self._tasks.start(work(), line.action if line else "change"))

    def _take(self, before: Enrolment, after: Enrolment | None, blocklist: Blocklist) -> None:
        if after is None:
            self._roll.drop(before)
        else:
            self._roll.keep(after)
        self.out.take(blocklist)


def _key(worker_id: str) -> str:
    return PREFIX + worker_id.lower()


def check_worker_id(text: str) -> None:
    """Raise a 422 for what no worker can be called: nobody else is to be put out by it."""
    try:
        msgspec.convert(text, Name)
    except msgspec.ValidationError:
        raise Problem("invalid-body", f"{text[:64]!r} is no machine's id.", field="id") from None
    if text.lower().startswith(ID_PREFIX):
        raise Problem("invalid-body", f"{text!r} is a coordinator's id, and no machine's.", field="id")


def _conflict(worker_id: str) -> Problem:
    return Problem("conflict", f"{worker_id} is being changed by somebody else. Please try again.")
