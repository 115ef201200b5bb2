"""API keys of frontends: kept as hashes, recognised in constant time, useless the moment they are revoked.

A key reads `rma_<id>_<secret>`. The secret has 256 random bits, so one SHA-256 is as good as a slow hash: there is
nothing to guess from a dictionary.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from coordinator_server.gateway import key_uses
from coordinator_server.gateway.key_uses import KeyUses, UseBook
from coordinator_server.gateway.rates import parse_rate
from coordinator_server.store.interface import ABSENT, AuditLine, Seen, Store, StoreError, Write, check_sure
from coordinator_server.store.unreadable import Unreadable

PREFIX = "apikey/"
FORM = re.compile(r"rma_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
KEPT = 4096  # keys that are remembered between two reads of the store
FRESH = 5.0  # seconds; a key that another coordinator revoked is refused here after at most this long
ALONE = 900.0  # seconds for which a key that was read counts while no part of the store answers: calls go on
PATIENCE = 2.0  # seconds for which a request with a key that counts so waits for the store; for its rate 0.5 more
NOBODY = hashlib.sha256(b"").hexdigest()


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """One key as it is stored; no services means all of them. Times are Unix seconds."""

    id: str
    name: str
    secret_hash: str
    services: tuple[str, ...] = ()
    rate: str = "120/min"
    created_at: float = 0.0
    expires_at: float | None = None

    def expired(self, now: float) -> bool:
        return self.expires_at is not None and now >= self.expires_at

    def allows(self, service: str) -> bool:
        return not self.services or service in self.services


class ApiKeys:
    """Makes, finds, lists and revokes keys in the store."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._recent: OrderedDict[str, tuple[float, ApiKey]] = OrderedDict()
        self._silent_until = float("-inf")  # the store did not answer a moment ago
        self.unreadable = Unreadable()
        self._revocations = 0  # a read that began before one must not be remembered after it
        self.uses = KeyUses()
        self.book = UseBook(store, self.uses, PREFIX)
        self.revoked: Callable[[str], Awaitable[None]] = _nobody_else  # returns when all processes know of it

    async def create(
        self,
        name: str,
        *,
        services: Sequence[str] = (),
        rate: str = "120/min",
        expires_at: float | None = None,
        address: str = "",
    ) -> tuple[ApiKey, str]:
        """Make a key; return its record and its text, which is not kept. Raise RateError for a bad rate."""
        secret = secrets.token_urlsafe(32)
        key = ApiKey(
            id=secrets.token_hex(6),
            name=name,
            secret_hash=_hash(secret),
            services=tuple(services),
            rate=str(parse_rate(rate)),
            created_at=self._clock(),
            expires_at=expires_at,
        )
        line = AuditLine(
            time=self._clock(), actor="admin", action="key-created", subject=key.id, detail=name, address=address
        )
        if not await self._store.commit([Write(PREFIX + key.id, msgspec.json.encode(key), ABSENT)], [line]):
            raise RuntimeError("two API keys got one id")  # once in 2**48
        return key, f"rma_{key.id}_{secret}"

    async def find(self, presented: str) -> ApiKey | None:
        """Return the key that this text is, or None; it may have expired."""
        match = FORM.fullmatch(presented)
        if match is None:
            return None
        key = await self._read(match[1])
        matches = hmac.compare_digest(_hash(match[2]), key.secret_hash if key else NOBODY)
        return key if matches else None

    def recall(self, presented: str) -> ApiKey | None:
        """Return the key that this text is where it was read a moment ago, else None; see `find`."""
        match = FORM.fullmatch(presented)
        key = self._fresh(match[1]) if match is not None else None
        if match is None or key is None or not hmac.compare_digest(_hash(match[2]), key.secret_hash):
            return None
        return key

    def still(self, key: ApiKey) -> ApiKey | None:
        """Return this record where it was read a moment ago and is not revoked, else None."""
        return key if self._fresh(key.id) is key else None

    async def list(self) -> Sequence[ApiKey]:
        """Return all keys, the oldest first."""
        keys = self.unreadable.read_all(await self._store.list(PREFIX), ApiKey)
        return sorted(keys, key=lambda key: key.created_at)

    async def revoke(self, key_id: str, address: str = "") -> bool:
        """Remove a key; return False when there is none with this id."""
        entry = await self._store.get(PREFIX + key_id)
        if entry is None:
            check_sure(self._store)
            return False
        key = self.unreadable.read(PREFIX + key_id, entry.value, ApiKey)
        line = AuditLine(
            time=self._clock(),
            actor="admin",
            action="key-revoked",
            subject=key_id,
            detail=key.name if key is not None else "it could not be read",
            address=address,
        )
        await self._store.commit([Write(PREFIX + key_id, None), Write(key_uses.PREFIX + key_id, None)], [line])
        self.forget(key_id)
        await self.revoked(key_id)
        return True

    def forget(self, key_id: str) -> None:
        """Remember nothing of a key that was revoked, also not what is being read of it now."""
        self._revocations += 1
        self._recent.pop(key_id, None)

    async def take(self, seen: Seen) -> None:
        """Forget at once what another coordinator has revoked, as a watch of PREFIX tells it."""
        told = {change.key.removeprefix(PREFIX): change.entry for change in seen.changes}
        gone = [key_id for key_id, entry in told.items() if entry is None]
        gone += [key_id for key_id in self._recent if key_id not in told] if seen.whole else []
        for key_id in gone:
            self.forget(key_id)
            await self.revoked(key_id)

    def fresh(self, key_id: str) -> ApiKey | None:
        """Return the key with this id where it was read a moment ago; it may have expired."""
        return self._fresh(key_id)

    async def get(self, key_id: str) -> ApiKey | None:
        """Return the key with this id, or None; it may have expired."""
        return await self._read(key_id)

    async def _read(self, key_id: str) -> ApiKey | None:
        key = self._fresh(key_id)
        if key is not None:
            return key
        now = self._clock()
        revocations = self._revocations
        if self._silent_until > float("-inf"):
            self._silent_until = now + FRESH  # one asks again, the others need not wait for that
        read_at, _ = self._recent.get(key_id, (float("-inf"), None))
        try:
            async with asyncio.timeout(PATIENCE if 0 <= now - read_at < ALONE - PATIENCE else None):
                entry = await self._store.get(PREFIX + key_id)
        except (StoreError, TimeoutError):
            self._silent_until = self._clock() + FRESH
            known = self._fresh(key_id)
            if known is None:
                raise
            return known
        self._silent_until = float("-inf")
        if entry is None:
            self._recent.pop(key_id, None)
            check_sure(self._store)
            return None
        key = self.unreadable.read(PREFIX + key_id, entry.value, ApiKey)
        if key is None:
            self._recent.pop(key_id, None)
            return None
        if revocations != self._revocations:
            return key
        self._recent[key_id] = (now, key)
        self._recent.move_to_end(key_id)
        while len(self._recent) > KEPT:
            self._recent.popitem(last=False)
        return key

    def _fresh(self, key_id: str) -> ApiKey | None:
        read_at, key = self._recent.get(key_id, (0.0, None))
        now = self._clock()
        counts = ALONE if 0 < self._silent_until - now <= FRESH else FRESH
        return key if key is not None and 0 <= now - read_at < counts else None


def id_of(presented: str) -> str:
    """Return the id in a key's text, or an empty string for what is no key; it says nothing about the secret."""
    match = FORM.fullmatch(presented)
    return match[1] if match else ""


async def _nobody_else(key_id: str) -> None:
    """Have no other process to tell."""


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
