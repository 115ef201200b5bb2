"""Makes the seals while a coordinator runs: one coordinator of the mesh does, and no two can at once.

A seal is written only where there is none with its number: who thinks he is elected and is not does no harm.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence

from coordinator_server.seals.chain import MOST_LINES, Seal, SealError, decode, encode, make_seal
from coordinator_server.store.interface import ABSENT, AuditLine, Store, StoreError, Write
from node.wire.mesh_keys import SigningKey

log = logging.getLogger(__name__)

PREFIX = "audit-seal/"
LAST = "audit-sealed"  # the number of the last seal
DIGITS = 12
LAST_WORDS = 5.0  # seconds for what is sealed at the end


class Sealer:
    """Seals what is new in the audit log, when `tick` is called and we are elected."""

    def __init__(
        self,
        store: Store,
        identity: SigningKey,
        credential: Callable[[], str],
        clock: Callable[[], float],
        is_elected: Callable[[], bool] = lambda: True,
    ) -> None:
        """`identity` is this coordinator's key, `credential` what the mesh says of it now."""
        self._store = store
        self._identity = identity
        self._credential = credential
        self._clock = clock
        self._is_elected = is_elected
        self._turn = asyncio.Lock()
        self._told = ""

    async def tick(self) -> None:
        """Seal what has come since the last time; a store that fails is left for the next time."""
        if not self._is_elected():
            return
        try:
            async with self._turn:
                while await self._seal_some():
                    pass
        except StoreError as error:
            log.info("the audit log cannot be sealed now: %s", error)

    async def finish(self) -> None:
        """Seal at the end what there is, if that does not take long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS):
                await self.tick()

    async def _seal_some(self) -> bool:
        """Make one seal; return whether there may be more to seal."""
        entry = await self._store.get(LAST)
        before = None if entry is None else await self._read(number_of(entry.value))
        if entry is not None and before is None:
            return False
        done = 0 if before is None else before.last
        newest = await self._store.audit(1)
        last = newest[0].number if newest else 0
        lines = await lines_of(self._store, done + 1, min(last, done + MOST_LINES))
        if not self._is_whole(lines, done, last) or not lines:
            return False
        seal = make_seal(before, lines, time=self._clock(), credential=self._credential(), sign=self._identity.sign)
        writes = [
            Write(key_of_seal(seal.number), encode(seal), ABSENT),
            Write(LAST, b"%d" % seal.number, entry.version if entry else ABSENT),
        ]
        return await self._store.commit(writes) and seal.last < last

    async def _read(self, number: int | None) -> Seal | None:
        if number is None:
            self._tell("nobody can read how many seals there are")
            return None
        entry = await self._store.get(key_of_seal(number))
        if entry is None:
            self._tell(f"seal {number} is missing")
            return None
        try:
            return decode(entry.value)
        except SealError as error:
            self._tell(f"seal {number} cannot be read: {error}")
            return None

    def _is_whole(self, lines: Sequence[AuditLine], done: int, last: int) -> bool:
        """Say whether nothing is missing that should be sealed now: what is not whole is not sealed."""
        if last < done:
            self._tell(f"it ends at line {last}, and was sealed to line {done}")
            return False
        for number, line in enumerate(lines, done + 1):
            if line.number != number:
                self._tell(f"line {number} is missing")
                return False
        return len(lines) == min(last, done + MOST_LINES) - done

    def _tell(self, what: str) -> None:
        if what != self._told:
            self._told = what
            log.error("the audit log is not whole: %s; see `rma-mesh-coordinator audit verify`", what)


async def lines_of(store: Store, first: int, last: int) -> Sequence[AuditLine]:
    """Return the lines with these numbers, as far as they are there, in order."""
    if last < first:
        return ()
    lines = await store.audit(last - first + 1, last + 1)
    return [line for line in reversed(lines) if line.number >= first]


def number_of(value: bytes) -> int | None:
    """Read the number of the last seal; None where it is none."""
    return int(value) if value.isdigit() and len(value) <= DIGITS else None


def key_of_seal(number: int) -> str:
    return f"{PREFIX}{number:0{DIGITS}}"
