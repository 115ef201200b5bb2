"""The audit log: who did what, when and from where, on the disk before the answer goes out."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from coordinator_server.gateway.rates import Buckets, Rate, address_key
from coordinator_server.store.interface import AuditLine, Store, StoreError

log = logging.getLogger(__name__)

REFUSAL_PAUSE = 60.0  # seconds in which one address is refused the same thing without another line
REMEMBERED = 4096
MOST_OWED = 100
REFUSALS_TOGETHER = Rate(60, 60.0)  # lines about one action, however many addresses somebody has


class Audit:
    """Appends and reads lines; refusals are thinned out, so that nobody can fill the disk with them."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._refused: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._together = Buckets()
        self._owed: list[AuditLine] = []  # lines that the store did not take, the oldest first
        self._settling = asyncio.Lock()

    def line(
        self,
        action: str,
        *,
        actor: str,
        subject: str = "",
        detail: str = "",
        address: str = "",
        outcome: Literal["done", "refused"] = "done",
    ) -> AuditLine:
        """Make a line of now, for `record` or to go along with `Store.commit`."""
        return AuditLine(
            time=self._clock(),
            actor=actor,
            action=action,
            subject=subject[:200],
            detail=detail[:500],
            address=address[:64],
            outcome=outcome,
        )

    async def record(self, *lines: AuditLine) -> None:
        await self._store.commit((), lines)

    async def record_or_owe(self, line: AuditLine) -> bool:
        """Record what is done all the same; where the store takes nothing, return False and record it later."""
        try:
            await self.record(line)
        except StoreError as error:
            log.warning(
                "%s, by %s %s: the audit log cannot say so now: %s", line.action, line.actor, line.address, error
            )
            self._owed = [*self._owed, line][-MOST_OWED:]
            return False
        return True

    async def settle(self) -> None:
        """Record what is owed, if the store takes it now; lines say when they should have been written."""
        async with self._settling:
            while self._owed:
                line = self._owed[0]
                at = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(line.time))
                detail = f"at {at}, when the store took no writes"
                try:
                    await self.record(msgspec.structs.replace(line, time=self._clock(), detail=detail))
                except StoreError:
                    return
                self._owed = [one for one in self._owed if one is not line]

    async def refusal(self, line: AuditLine) -> None:
        """Record a refusal, unless its household was refused the same a minute ago or too many others were."""
        key = (address_key(line.address), line.action)
        last = self._refused.get(key)
        if last is not None and 0 <= line.time - last < REFUSAL_PAUSE:
            return
        if not self._together.take(line.action, REFUSALS_TOGETHER, line.time).allowed:
            return
        self._refused[key] = line.time
        self._refused.move_to_end(key)
        while len(self._refused) > REMEMBERED:
            self._refused.popitem(last=False)
        await self.record(line)

    async def newest(self, limit: int = 1000, before: int | None = None) -> Sequence[AuditLine]:
        """Return lines, newest first; `before` is the number of the line to go on from."""
        return await self._store.audit(limit, before)
