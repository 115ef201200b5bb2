"""The enrolled machines: who each is, what it is trusted with, and whether it was drained or revoked.

Enrolments are read once and kept in memory; every change is on the disk before it counts.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from coordinator_server.audit import Audit
from coordinator_server.enrolment.blocklist import Blocklist
from coordinator_server.enrolment.leases import Lease
from coordinator_server.store.interface import ABSENT, AuditLine, Seen, Store, Versioned, Write
from coordinator_server.store.unreadable import Unreadable
from node.program.errors import UserFacingError
from node.program.tasks import TaskSet
from node.wire.credentials import Trust
from node.wire.messages import UNREADABLE
from node.wire.problems import Problem

log = logging.getLogger(__name__)

PREFIX = "worker/"
IDENTITY_PREFIX = "identity/"  # public key -> worker id, so that one machine never becomes two workers
BLOCKLIST_KEY = "blocklist"
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
        self._credential_life = credential_life  # seconds
        self._enrolments: dict[str, Enrolment] = {}  # by worker id in lower case
        self._by_identity: dict[str, str] = {}
        self._tasks = TaskSet("workers")
        self.blocklist = Blocklist()
        self.unreadable = Unreadable()
        self._unreadable = ABSENT  # the version of a blocklist that nobody can read, and of which was told
        self.changed: Callable[[str], None] = lambda _worker_id: None
        self.clock_in_doubt: Callable[[], bool] = lambda: False  # then nothing is taken off the blocklist

    async def load(self) -> None:
        """Read what earlier runs kept."""
        for enrolment in self.unreadable.read_all(await self._store.list(PREFIX), Enrolment):
            self._keep(enrolment)
        entry_or_none = await self._store.get(BLOCKLIST_KEY)
        if entry_or_none is None:
            return
        try:
            self.blocklist = msgspec.json.decode(entry_or_none.value, type=Blocklist)
        except UNREADABLE as error:
            raise UserFacingError(
                "The list of who was put out cannot be read in the store, so nothing is started without it.",
                f"Its entry {BLOCKLIST_KEY!r} is bad: {error}.",
                "Bring back a backup. Where another coordinator runs, it still knows the list, and writes it anew "
                "with the next `worker revoke`.",
            ) from None

    async def stop(self) -> None:
        await self._tasks.stop()

    def __len__(self) -> int:
        return len(self._enrolments)

    def __iter__(self) -> Iterator[Enrolment]:
        return iter(list(self._enrolments.values()))

    def waiting(self) -> int:
        """Return how many machines wait to be let in."""
        return sum(enrolment.waits for enrolment in self._enrolments.values())

    def __contains__(self, worker_id: object) -> bool:
        return isinstance(worker_id, str) and self.get(worker_id) is not None

    def get(self, worker_id: str) -> Enrolment | None:
        found = self._enrolments.get(worker_id.lower())
        return found if found is not None and found.worker_id == worker_id else None

    def enrolled_at(self, worker_id: str) -> float:
        """Return when a machine was let in, in Unix seconds; 0.0 for one that is not known."""
        enrolment = self.get(worker_id)
        return enrolment.enrolled_at if enrolment is not None else 0.0

    def by_identity(self, identity_public_key: str) -> Enrolment | None:
        """Return the machine with this key that was not revoked."""
        worker_id = self._by_identity.get(identity_public_key)
        return self.get(worker_id) if worker_id is not None else None

    def is_taken(self, worker_id: str) -> bool:
        """Say whether an id is or was a worker's, however it is capitalised."""
        lowered = worker_id.lower()
        known = lowered in self._enrolments or PREFIX + lowered in self.unreadable.rows
        return known or any(name.lower() == lowered for name in self.blocklist.until)

    def is_revoked(self, worker_id: str) -> bool:
        found = self._enrolments.get(worker_id.lower())
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
        return await self._commit(writes, line, lambda: self._keep(enrolment))

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
            self._drop(before)
            return False
        found = self._read(entry, before.worker_id)
        if found != before:
            self._keep(found)
            return False
        writes = [Write(_key(before.worker_id), msgspec.json.encode(after), entry.version), *also]
        blocklist = await self.block(outdated, writes) if outdated else self.blocklist
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

    async def revoke(self, worker_id: str, *, actor: str = "admin", address: str = "") -> Enrolment:
        """Put a machine out for good: no node and no coordinator takes its credential any more."""
        line = self._audit.line("worker-revoked", actor=actor, subject=worker_id, address=address)
        return await self._change(worker_id, {"revoked_at": self._clock()}, line)

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
                continue
            before = self._read(entry, worker_id)
            after = None if changes is None else msgspec.structs.replace(before, **changes)
            if after == before or (after is not None and after.revoked and before.revoked):
                return before
            writes = [Write(_key(worker_id), None if after is None else msgspec.json.encode(after), entry.version)]
            blocklist = self.blocklist
            if after is None or after.revoked:
                certificates = before.vpn.blocked(self._clock()) if before.vpn is not None else {}
                blocklist = await self.block(certificates, writes, before.worker_id)
            if after is None:
                writes.append(Write(IDENTITY_PREFIX + before.identity_public_key, None))
            if await self._commit(writes, line, functools.partial(self._take, before, after, blocklist)):
                return after or before
        raise Problem("conflict", f"{worker_id} is being changed by somebody else. Please try again.")

    async def prune(self) -> None:
        """Take over what other coordinators have put on the blocklist, and take off what has expired everywhere."""
        listed = await self._store.get(BLOCKLIST_KEY)
        current = self._read_blocklist(listed)
        before = self.blocklist
        self.take_blocklist(current)
        for name in sorted(self.blocklist.until.keys() - before.until.keys()):
            await self.refresh(name)
            self.changed(name)
        if listed is None or self.clock_in_doubt():
            return
        shorter = current.pruned(self._clock())
        if shorter is current:
            return
        if await self._store.compare_and_set(BLOCKLIST_KEY, listed.version, msgspec.json.encode(shorter)):
            self.blocklist = shorter

    async def refresh(self, worker_id: str) -> Enrolment | None:
        """Return an enrolment as the store has it now: another coordinator may have made, changed or ended it."""
        entry = await self._store.get(_key(worker_id))
        known = self._enrolments.get(worker_id.lower())
        found = self._told(worker_id.lower(), entry)
        if entry is not None and found is None:
            return self.get(worker_id)  # nobody can read it: what was known goes on
        if found is not None:
            self._keep(found)
        elif known is not None:
            self._drop(known)
        if found != known:
            self.changed(worker_id)
        return self.get(worker_id)

    async def take(self, seen: Seen) -> None:
        """Take in what a watch of PREFIX tells: others let machines in, change them and put them out."""
        told = {change.key.removeprefix(PREFIX): change.entry for change in seen.changes}
        gone = self._enrolments.keys() - told.keys() if seen.whole else ()
        if seen.whole:
            self.unreadable.keep_only(PREFIX + lowered for lowered in told)
        for number, (lowered, entry) in enumerate([*told.items(), *((one, None) for one in gone)]):
            if number % TOGETHER == TOGETHER - 1:
                await asyncio.sleep(0)
            found = self._told(lowered, entry)
            if entry is not None and found is None:
                continue  # what others did besides is to be followed nevertheless
            known = self._enrolments.get(lowered)
            if found is not None and known is None and found.worker_id not in self.blocklist.until:
                self._keep(found)
                self.changed(found.worker_id)
            elif found != known:  # what is in memory may be newer than what was just told
                await self.refresh(lowered if known is None else known.worker_id)

    async def renumber(self) -> None:
        """Have a newer version of the blocklist: this may be a backup, and nodes take no older one than theirs."""
        for _ in range(CHANGE_TRIES):
            listed = await self._store.get(BLOCKLIST_KEY)
            current = self._read_blocklist(listed)
            newer = current.renumbered(self._clock())
            before = listed.version if listed else ABSENT
            if await self._store.compare_and_set(BLOCKLIST_KEY, before, msgspec.json.encode(newer)):
                self.blocklist = newer
                return

    async def block(self, certificates: Mapping[str, float], writes: list[Write], name: str = "") -> Blocklist:
        """Return the blocklist with more certificates and a name, and add the write that makes it so."""
        listed = await self._store.get(BLOCKLIST_KEY)
        current = self._read_blocklist(listed)
        now, prune = self._clock(), not self.clock_in_doubt()
        if name:
            longer = current.with_name(name, now, self._credential_life, certificates, prune=prune)
        else:
            longer = current.with_certificates(certificates, now, prune=prune)
        writes.append(Write(BLOCKLIST_KEY, msgspec.json.encode(longer), listed.version if listed else ABSENT))
        return longer

    def _read_blocklist(self, listed: Versioned | None) -> Blocklist:
        """Return what the store has; where nobody can read that, what was known goes on, and is written anew."""
        if listed is None:
            return Blocklist()
        try:
            return msgspec.json.decode(listed.value, type=Blocklist)
        except UNREADABLE as error:
            if self._unreadable != listed.version:
                self._unreadable = listed.version
                log.error(
                    "the blocklist in the store cannot be read; the one that was known goes on, and is written "
                    "with the next revocation: %s",
                    error,
                )
            return self.blocklist

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
            self._drop(before)
        else:
            self._keep(after)
        self.take_blocklist(blocklist)

    def take_blocklist(self, blocklist: Blocklist) -> None:
        """Use a blocklist that is in the store, unless it is older than what we have."""
        if blocklist.version > self.blocklist.version:
            self.blocklist = blocklist

    def _keep(self, enrolment: Enrolment) -> None:
        self._enrolments[enrolment.worker_id.lower()] = enrolment
        if not enrolment.revoked:
            self._by_identity[enrolment.identity_public_key] = enrolment.worker_id
        elif self._by_identity.get(enrolment.identity_public_key) == enrolment.worker_id:
            del self._by_identity[enrolment.identity_public_key]

    def _drop(self, enrolment: Enrolment) -> None:
        self._enrolments.pop(enrolment.worker_id.lower(), None)
        if self._by_identity.get(enrolment.identity_public_key) == enrolment.worker_id:
            del self._by_identity[enrolment.identity_public_key]


def _key(worker_id: str) -> str:
    return PREFIX + worker_id.lower()
