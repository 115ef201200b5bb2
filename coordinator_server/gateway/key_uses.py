"""When and from where each API key was used last: kept in memory, and written down once in a while for all at once.

No request waits for it, and none makes a write. Of an address only the household is kept.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

import msgspec

from coordinator_server.gateway.rates import address_key
from coordinator_server.store.interface import ABSENT, MOST_TOGETHER, Store, StoreError, Write
from node.wire.messages import UNREADABLE

log = logging.getLogger(__name__)
PREFIX = "key-use/"
MOST = 20_000  # keys that are remembered between two writes
MOST_CAME = 8  # households of which it is remembered how their requests looked


class Use(msgspec.Struct, frozen=True, array_like=True):
    """A use of a key, at a Unix time and from a household."""

    at: float
    household: str


class Came(msgspec.Struct, frozen=True, array_like=True):
    """From where a request came (the other end of its connection), and for which host."""

    peer: str
    host: str


class KeyUses:
    """The last use of each key since these were written down last, and how the last requests came."""

    def __init__(self) -> None:
        self._latest: dict[str, tuple[float, str]] = {}  # key id -> when, from which address
        self._came: dict[str, Came] = {}  # by household, the last one last
        self._last: Came | None = None

    def used(self, key_id: str, at: float, address: str) -> None:
        """Note a use; what is too much to remember is left out."""
        latest = self._latest
        if key_id in latest or len(latest) < MOST:
            latest[key_id] = (at, address)

    def came(self, peer: str, host: str) -> None:
        """Note how somebody came who was let in, with a key or without one."""
        last = self._last
        if last is not None and last.peer == peer and last.host == host:
            return
        self._last = came = Came(peer, host)
        household = address_key(peer)
        self._came.pop(household, None)
        self._came[household] = came
        if len(self._came) > MOST_CAME:
            del self._came[next(iter(self._came))]

    def all_came(self) -> tuple[Came, ...]:
        """Return how requests of the last few households came: a canary takes after one of them.

        With that of the last one alone, a client could have canaries look like requests of its own, and a worker
        that it is in league with would know them.
        """
        return tuple(self._came.values())

    def take(self) -> dict[str, Use]:
        """Return all that was noted, and begin anew."""
        found, self._latest = self._latest, {}
        return {key_id: Use(at, address_key(address)) for key_id, (at, address) in found.items()}

    def absorb(self, uses: Mapping[str, Use]) -> None:
        """Take over what another process has noted, or what could not be written down."""
        for key_id, use in uses.items():
            known = self._latest.get(key_id)
            if known is None or known[0] < use.at:
                self.used(key_id, use.at, use.household)

    def noted(self) -> dict[str, Use]:
        """Return what was noted, which stays."""
        return {key_id: Use(at, address_key(address)) for key_id, (at, address) in self._latest.items()}


class UseBook:
    """Writes uses down in the store, for all coordinators, and tells them."""

    def __init__(self, store: Store, uses: KeyUses, keys: str) -> None:
        """`keys` is below what the store has the keys: of others nothing is written."""
        self._store = store
        self._uses = uses
        self._keys = keys

    async def write(self) -> None:
        """Write down what is new; what cannot be written now is kept for the next time."""
        new = self._uses.take()
        if not new:
            return
        try:
            await self._write(new)
        except StoreError as error:
            self._uses.absorb(new)
            log.info("it cannot be written down now when API keys were used: %s", error)

    async def _write(self, new: Mapping[str, Use]) -> None:
        written = dict(await self._store.list(PREFIX))
        existing = {key.removeprefix(self._keys) for key, _ in await self._store.list(self._keys)}
        writes = []
        for key_id in sorted(existing & new.keys()):
            entry = written.get(PREFIX + key_id)
            if entry is None or _read(entry.value).at < new[key_id].at:
                version = ABSENT if entry is None else entry.version
                writes.append(Write(PREFIX + key_id, msgspec.json.encode(new[key_id]), version))
        gone = written.keys() - {PREFIX + key_id for key_id in existing}  # revoked while a use was written down
        writes += [Write(key, None, written[key].version) for key in sorted(gone)]
        for start in range(0, len(writes), MOST_TOGETHER):
            portion = writes[start : start + MOST_TOGETHER]
            if not await self._store.commit(portion):  # another coordinator was quicker with one of them
                names = [write.key.removeprefix(PREFIX) for write in portion]
                self._uses.absorb({name: new[name] for name in names if name in new})

    async def last(self) -> dict[str, Use]:
        """Return the last use of each key that was ever used."""
        found = {key.removeprefix(PREFIX): _read(entry.value) for key, entry in await self._store.list(PREFIX)}
        for key_id, use in self._uses.noted().items():
            if key_id not in found or found[key_id].at < use.at:
                found[key_id] = use
        return found


def _read(value: bytes) -> Use:
    try:
        return msgspec.json.decode(value, type=Use)
    except UNREADABLE:
        return Use(0.0, "")  # the next use is written over it
