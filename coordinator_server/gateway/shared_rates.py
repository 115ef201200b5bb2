"""Has all coordinators count an API key's requests in one bucket, without asking the store for each request.

Alone, nothing is asked and nothing written. With others, a request for which no token is at hand waits at most
PATIENCE; while the store does not answer, each coordinator lets through its part of the rate.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from coordinator_server.gateway.portions import Account, Portion, Row
from coordinator_server.gateway.rates import ENOUGH, MAX_BUCKETS, Buckets, Rate, Verdict
from coordinator_server.store.interface import ABSENT, MOST_TOGETHER, Store, StoreError, Versioned, Write
from node.program.tasks import TaskSet
from node.wire.messages import UNREADABLE

log = logging.getLogger(__name__)
PREFIX = "rate/"
PATIENCE = 0.5  # seconds that a request waits for the store
PAUSE = 1.0  # seconds between two tries while the store does not answer
TICK = 1.0  # seconds
CONFLICT = 0.02  # seconds at most until a row is tried again that another coordinator has written: drawn
MOST_WAITING = 1024  # requests of one key
FEW = 8  # rows that are read one by one
IDLE = 60.0  # seconds beyond a bucket's filling after which nothing of it is kept
CLEAN = 30.0  # seconds between looks for rows that nobody uses


class Lacking(Exception):  # noqa: N818 - it is no error: the answer is elsewhere
    """There is no token at hand; `obtain` waits for one."""


@dataclass(slots=True, eq=False)
class _Waiting:
    need: int
    takes: bool  # one token, at once when it is there
    answer: asyncio.Future[Verdict]


class SharedBuckets(Buckets):
    """The buckets of API keys. `sharers` says how many coordinators there are, `now` never runs backwards."""

    def __init__(self, store: Store, sharers: Callable[[], int], now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._store = store
        self._sharers = sharers
        self._now = now
        self._accounts: OrderedDict[str, Account] = OrderedDict()
        self._waiting: dict[str, list[_Waiting]] = {}
        self._wanted: dict[str, None] = {}
        self._woken = asyncio.Event()
        self._silent = False  # the store did not answer the last time
        self._rows: dict[str, tuple[int, float]] = {}  # version, since when we see it
        self._cleaned_at = float("-inf")
        self._tasks = TaskSet("rates")

    def start(self) -> None:
        self._tasks.start(self._work(), "portions")
        self._tasks.every(TICK, self._tick, "unused tokens")

    async def stop(self) -> None:
        await self._tasks.stop()
        self._silent = True
        for key in list(self._waiting):
            self._settle(key)

    # --- for requests -------------------------------------------------------------------------------------------

    def take(self, key: str, rate: Rate, now: float, cost: float = 1.0) -> Verdict:
        """Take tokens, or look with a cost of 0; raise Lacking where only the store knows whether there is one."""
        sharers = self._sharers()
        if sharers <= 1:
            self._keep_alone(key, now)
            return super().take(key, rate, now, cost)
        account, moment = self._account(key, rate, now), self._now()
        if not cost:
            level = self._level(account, moment, sharers)
            return Verdict(level >= ENOUGH, rate, level)
        if account.take(moment, int(cost)):
            return Verdict(True, rate, account.level(moment))
        if self._silent or len(self._waiting.get(key, ())) >= MOST_WAITING:
            self._want(key)
            return self._by_share(account, sharers, int(cost))
        if account.is_dry(moment):
            return Verdict(False, rate, account.level(moment))
        raise Lacking

    async def obtain(self, key: str, rate: Rate, now: float) -> Verdict:
        """Take a token, and wait for the store where that is needed."""
        try:
            return self.take(key, rate, now)
        except Lacking:
            verdict = await self._wait(key, 1, takes=True)
            return verdict or self._by_share(self._account(key, rate, now), max(2, self._sharers()), 1)

    def lacks(self, key: str, rate: Rate, now: float, need: int) -> bool:
        """Say whether to `fetch` would bring tokens that are not at hand."""
        if self._sharers() <= 1 or self._silent:
            return False
        account, moment = self._account(key, rate, now), self._now()
        return account.at_hand(moment) < need and not account.is_dry(moment)

    async def fetch(self, key: str, need: int) -> None:
        """Have so many tokens at hand, as far as there are so many."""
        await self._wait(key, need, takes=False)

    def at_hand(self, key: str, rate: Rate, now: float) -> float:
        sharers = self._sharers()
        if sharers <= 1:
            return super().at_hand(key, rate, now)
        account, moment = self._account(key, rate, now), self._now()
        there = account.at_hand(moment)
        return float(there) if there or not self._silent else account.share(moment, sharers)

    def put_back(self, key: str, rate: Rate, now: float, tokens: float) -> None:
        """Put back what was not used; where others share it, it is lost: little, and only of what is plenty."""
        if self._sharers() <= 1:
            super().put_back(key, rate, now, tokens)

    def _level(self, account: Account, moment: float, sharers: int) -> float:
        return account.share(moment, sharers) if self._silent else account.level(moment)

    def _by_share(self, account: Account, sharers: int, tokens: int) -> Verdict:
        moment = self._now()
        allowed = account.take_share(moment, sharers, tokens)
        return Verdict(allowed, account.rate, min(account.share(moment, sharers), account.rate.limit))

    def _account(self, key: str, rate: Rate, now: float) -> Account:
        account = self._accounts.get(key)
        if account is None or account.rate != rate:
            level = super().take(key, rate, now, 0.0).tokens
            account = self._accounts[key] = Account(rate, level, self._now())
            if len(self._accounts) > MAX_BUCKETS:
                self._accounts.popitem(last=False)
        self._accounts.move_to_end(key)
        return account

    def _keep_alone(self, key: str, now: float) -> None:
        """Go on alone where we were when the others went."""
        account = self._accounts.pop(key, None) if self._accounts else None
        if account is not None:
            self._levels[key] = account.level(self._now()), now

    async def _wait(self, key: str, need: int, *, takes: bool) -> Verdict | None:
        answer: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        waiting = _Waiting(need, takes, answer)
        self._waiting.setdefault(key, []).append(waiting)
        self._want(key)
        try:
            async with asyncio.timeout(PATIENCE):
                return await answer
        except TimeoutError:
            self._is_silent("it takes too long")
            return None
        finally:
            left = self._waiting.get(key, [])
            if waiting in left:
                left.remove(waiting)
                if not left:
                    del self._waiting[key]

    def _want(self, key: str) -> None:
        self._wanted[key] = None
        self._woken.set()

    # --- with the store -----------------------------------------------------------------------------------------

    async def _work(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            while self._wanted:
                pause = await self._portions()
                if pause is not None:
                    await asyncio.sleep(pause)

    async def _portions(self) -> float | None:
        """Take portions for the keys that need one; return how long to wait then."""
        now = self._now()
        for key in [key for key in self._wanted if key not in self._accounts]:
            self._wanted.pop(key)
        due = [key for key in self._wanted if self._accounts[key].next_at <= now][:MOST_TOGETHER]
        if not due:
            return min((self._accounts[key].next_at - now for key in self._wanted), default=None)
        for key in due:
            del self._wanted[key]
        try:
            again = await self._lease(due)
        except StoreError as error:
            self._is_silent(str(error))
            for key in due:
                self._settle(key)
            return PAUSE
        except Exception:  # nobody would take portions any more
            log.exception("rates could not be shared")
            self._silent = True
            return PAUSE
        for key in again:
            self._want(key)
        return secrets.randbelow(1000) / 1000 * CONFLICT if again else None

    def _is_silent(self, why: str) -> None:
        if not self._silent:
            self._silent = True
            log.warning(
                "the store cannot tell rates of API keys (%s): each coordinator counts its part of them", why
            )

    async def _lease(self, keys: Sequence[str]) -> Sequence[str]:
        """Take portions for keys; return those with which another coordinator was quicker."""
        entries = await self._read(keys)
        found: dict[str, Portion] = {}
        for key in keys:
            portion = self._portion(key, entries.get(key))
            if portion is None:
                self._settle(key)
            else:
                found[key] = portion
        if not found or await self._commit(found, entries):
            return ()
        if len(found) == 1:
            return list(found)
        return [key for key, portion in found.items() if not await self._commit({key: portion}, entries)]

    def _portion(self, key: str, entry: Versioned | None) -> Portion | None:
        account = self._accounts.get(key)
        if account is None:
            return None
        need = sum(one.need for one in self._waiting.get(key, ()) if not one.answer.done()) or int(self._silent)
        row = _read(entry.value) if entry is not None else None
        return account.portion(row, need, max(2, self._sharers()), self._now(), secrets.token_urlsafe(6))

    async def _commit(self, found: Mapping[str, Portion], entries: Mapping[str, Versioned]) -> bool:
        writes = []
        for key, portion in found.items():
            version = entries[key].version if key in entries else ABSENT
            writes.append(Write(PREFIX + key, msgspec.json.encode(portion.row), version))
        accounts = {key: self._accounts.get(key) for key in found}
        try:
            if not await self._store.commit(writes):
                return False
        except StoreError:
            for account in accounts.values():
                if account is not None:
                    account.lost()
            raise
        if self._silent:
            self._silent = False
            log.info("rates of API keys are shared with the other coordinators again")
        for key, account in accounts.items():
            if account is not None:
                account.granted(found[key], self._now())
            self._settle(key)
        return True

    async def _read(self, keys: Sequence[str]) -> Mapping[str, Versioned]:
        if len(keys) > FEW:
            wanted = set(keys)
            listed = [(key.removeprefix(PREFIX), entry) for key, entry in await self._store.list(PREFIX)]
            return {key: entry for key, entry in listed if key in wanted}
        read = [(key, await self._store.get(PREFIX + key)) for key in keys]
        return {key: entry for key, entry in read if entry is not None}

    def _settle(self, key: str) -> None:
        """Tell those who wait what became of it."""
        account = self._accounts.get(key)
        for one in self._waiting.get(key, ()):
            verdict = self._verdict(account, one) if account is not None and not one.answer.done() else None
            if verdict is not None:
                one.answer.set_result(verdict)
        if any(not one.answer.done() for one in self._waiting.get(key, ())):
            self._want(key)  # they came while the others' portion was under way

    def _verdict(self, account: Account, one: _Waiting) -> Verdict | None:
        moment = self._now()
        if one.takes and account.take(moment):
            return Verdict(True, account.rate, account.level(moment))
        if one.takes and self._silent:
            return self._by_share(account, max(2, self._sharers()), 1)
        level = account.level(moment)
        return Verdict(False, account.rate, level) if not one.takes or level < ENOUGH else None

    # --- what is left over --------------------------------------------------------------------------------------

    async def _tick(self) -> None:
        """Bring back what nobody has used in time, and forget what nobody uses."""
        now = self._now()
        for key, account in list(self._accounts.items()):
            if account.has_loose(now) and self._sharers() > 1:
                self._want(key)
            elif now - account.used_at > account.rate.seconds + IDLE:
                del self._accounts[key]
        if now - self._cleaned_at >= CLEAN:
            self._cleaned_at = now
            try:
                await self._clean(now)
            except StoreError as error:
                log.info("rows of rates that nobody uses cannot be removed now: %s", error)

    async def _clean(self, now: float) -> None:
        """Remove the rows of buckets that are full again, as we have seen them unchanged for so long."""
        before, self._rows = self._rows, {}
        old = []
        for key, entry in await self._store.list(PREFIX):
            version, since = before.get(key, (ABSENT, now))
            since = since if version == entry.version else now
            self._rows[key] = entry.version, since
            row = _read(entry.value)
            if now - since > (row.seconds if row is not None else 0.0) + IDLE:
                old.append(Write(key, None, entry.version))
        for start in range(0, len(old), MOST_TOGETHER):
            await self._store.commit(old[start : start + MOST_TOGETHER])


def _read(value: bytes) -> Row | None:
    try:
        return msgspec.json.decode(value, type=Row)
    except UNREADABLE:
        return None  # by another version of this program: it is written over
