"""Copies the list of entry points to Cloudflare KV when it has changed, and as seldom as the free plan wants."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from coordinator_server.entry_points.budget import Budget, day_of, next_day, pause_after
from coordinator_server.entry_points.cloudflare_kv import CloudflareKv, KvError
from coordinator_server.entry_points.office import Listed
from coordinator_server.store.interface import Store
from node.wire.messages import UNREADABLE

log = logging.getLogger(__name__)
STORE_KEY = "entry-points/kv"
SETTINGS_PAUSE = 900.0  # seconds, where a person must mend something


@dataclass(frozen=True, slots=True)
class KvStanding:
    """How the copy is, in words; and what was counted."""

    ok: bool
    text: str
    used_today: int
    writes: int
    failures: int


class KvSync:
    """Looks at the list whenever `tick` is called, about once a second."""

    def __init__(
        self,
        *,
        kv: CloudflareKv,
        key: str,
        listed: Callable[[], Sequence[Listed]],
        store: Store,
        clock: Callable[[], float],
        per_day: int,
        settle: float,
        coordinator_id: str,
    ) -> None:
        """`settle` is the seconds after a restart in which workers come back, so that nothing is written yet."""
        self._kv = kv
        self._key = key
        self._listed = listed
        self._store = store
        self._clock = clock
        self._per_day = per_day
        self._settle = settle
        self._coordinator_id = coordinator_id
        self._budget: Budget | None = None
        self._not_before = 0.0
        self._failed_in_a_row = 0
        self._said_spent = -1
        self._text, self._ok = "It has not been written yet.", True
        self.writes = self.failures = 0

    def standing(self) -> KvStanding:
        used = self._budget.used_on(self._clock()) if self._budget is not None else 0
        return KvStanding(self._ok, self._text, used, self.writes, self.failures)

    async def tick(self) -> None:
        """Write the list, if it has changed and may be written; raise StoreError."""
        now = self._clock()
        budget = self._budget
        if budget is None:
            budget = self._budget = await self._load()
            self._not_before = now + self._settle if budget.digest else now
        listed = self._listed()
        digest = digest_of(listed)
        if digest == budget.digest or now < self._not_before:
            return
        due = budget.next_write(now, self._per_day)
        if due > now:
            if budget.used_on(now) >= self._per_day:
                self._spent(now, "All writes of today are used up.")
            return
        await self._write(budget.writing(now), digest, document_of(listed, now, self._coordinator_id))

    async def _write(self, budget: Budget, digest: str, document: bytes) -> None:
        await self._save(budget)  # first: a write that is not counted might be one too many
        self._budget = budget
        try:
            await self._kv.put(self._key, document)
        except KvError as error:
            self._fail(error)
            return
        self._budget = budget.wrote(digest)
        self.writes += 1
        self._failed_in_a_row = 0
        self._ok, self._text = True, "It is what was written last."
        await self._save(self._budget)

    def _fail(self, error: KvError) -> None:
        now = self._clock()
        self.failures += 1
        self._failed_in_a_row += 1
        if error.spent:
            self._not_before = next_day(now)
            self._spent(now, str(error))
            return
        pause = SETTINGS_PAUSE if error.settings else pause_after(self._failed_in_a_row, error.wait)
        self._not_before = now + pause
        if self._text != str(error):
            log.warning("the entry points were not copied to Cloudflare KV: %s", error)
        self._ok, self._text = False, str(error)

    def _spent(self, now: float, text: str) -> None:
        """Say once a day that changes have to wait."""
        day = day_of(now)
        self._ok, self._text = False, f"{text} Changes wait until 00:00 UTC."
        if self._said_spent != day:
            self._said_spent = day
            log.warning("the entry points are not copied to Cloudflare KV: %s", self._text)

    async def _load(self) -> Budget:
        entry = await self._store.get(STORE_KEY)
        try:
            return msgspec.json.decode(entry.value, type=Budget) if entry is not None else Budget()
        except UNREADABLE:
            return Budget()

    async def _save(self, budget: Budget) -> None:
        await self._store.put(STORE_KEY, msgspec.json.encode(budget))


def document_of(listed: Sequence[Listed], now: float, coordinator_id: str) -> bytes:
    """Return what is written: the list in the form of GET /entry-points, when and by whom."""
    document = {
        "entry_points": [_shown(one) for one in listed],
        "count": len(listed),
        "timestamp": now,
        "coordinator": coordinator_id,
    }
    return msgspec.json.encode(document)


def digest_of(listed: Sequence[Listed]) -> str:
    return hashlib.sha256(msgspec.json.encode([_shown(one) for one in listed])).hexdigest()


def _shown(one: Listed) -> dict[str, Any]:
    shown = {"worker_id": one.worker_id, "access_url": one.access_url, "services": sorted(one.services)}
    return {**shown, "insecure": True} if one.insecure else shown
