"""Keeps in the store who is on probation, so that a restart ends none and all coordinators go by it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import msgspec

from coordinator_server.probation.standing import Record
from coordinator_server.store.interface import ABSENT, AuditLine, Seen, Store, Write
from node.wire.messages import UNREADABLE, Doubted

log = logging.getLogger(__name__)
PREFIX = "probation/"
TRIES = 10
MOST_TOLD = 64  # pairs of worker and service of which nodes are told: those that began last

Records = Mapping[str, Record]  # by service


class Book:
    """All records, by worker; `changed` is called with each worker of which something is different."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._records: dict[str, Records] = {}
        self._doubted: tuple[Doubted, ...] | None = ()
        self.changed: Callable[[str], None] = lambda _worker_id: None

    def of(self, worker_id: str) -> Records:
        return self._records.get(worker_id, {})

    def record(self, worker_id: str, service: str) -> Record | None:
        return self.of(worker_id).get(service)

    def all(self) -> Mapping[str, Records]:
        return self._records

    def is_on_probation(self, worker_id: str, service: str) -> bool:
        record = self.record(worker_id, service)
        return record is not None and record.since is not None

    def doubted(self) -> tuple[Doubted, ...]:
        """Return who is on probation, as nodes are told: they ask others first."""
        if self._doubted is None:
            self._doubted = _told(self._records)
        return self._doubted

    async def load(self) -> None:
        """Read what there is."""
        for key, entry in await self._store.list(PREFIX):
            self._take(key.removeprefix(PREFIX), entry.value)

    async def take(self, seen: Seen) -> None:
        """Take in what another coordinator has written, or we ourselves."""
        if seen.whole:
            told = {change.key.removeprefix(PREFIX) for change in seen.changes}
            for worker_id in self._records.keys() - told:
                self._take(worker_id, None)
        for change in seen.changes:
            self._take(change.key.removeprefix(PREFIX), change.entry.value if change.entry is not None else None)

    async def write(self, worker_id: str, change: Callable[[Records], Records], line: AuditLine | None) -> bool:
        """Change what is kept of a worker, with a line in the audit log; return whether it is different now."""
        key = PREFIX + worker_id
        for _ in range(TRIES):
            entry = await self._store.get(key)
            before = _read(entry.value) if entry is not None else {}
            after = change(before)
            if after == before:
                self._take(worker_id, entry.value if entry is not None else None)
                return False
            value = msgspec.json.encode(after) if after else None
            writes = [Write(key, value, entry.version if entry is not None else ABSENT)]
            if await self._store.commit(writes, [line] if line is not None else []):
                self._take(worker_id, value)
                return True
        log.warning("what is kept of %s is being changed all the time", worker_id)
        return False

    def _take(self, worker_id: str, value: bytes | None) -> None:
        after = _read(value) if value is not None else {}
        if after == self.of(worker_id):
            return
        self._doubted = None
        if after:
            self._records[worker_id] = after
        else:
            self._records.pop(worker_id, None)
        self.changed(worker_id)


def _told(all_records: Mapping[str, Records]) -> tuple[Doubted, ...]:
    running = [
        (record.since, service, worker_id)
        for worker_id, records in all_records.items()
        for service, record in records.items()
        if record.since is not None
    ]
    by_service: dict[str, list[str]] = {}
    for _, service, worker_id in sorted(running, reverse=True)[:MOST_TOLD]:
        by_service.setdefault(service, []).append(worker_id)
    return tuple(Doubted(service, tuple(sorted(who))) for service, who in sorted(by_service.items()))


def _read(value: bytes) -> Records:
    try:
        return msgspec.json.decode(value, type=dict[str, Record])
    except UNREADABLE:
        log.warning("what is kept of somebody's probation cannot be read, and counts as nothing")
        return {}
