"""Says in the store that this coordinator lives, and finds there which others do."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Callable, Sequence

import msgspec

from coordinator_server.fleet.presence import Presence, Serving
from coordinator_server.store.interface import Store, StoreError
from node.wire.messages import CoordinatorInfo

log = logging.getLogger(__name__)
PREFIX = "serving/"
LIVES = 3  # heartbeats without one after which a coordinator counts as dead
LOOK = 5.0  # seconds between two looks at the others, or a quarter of a heartbeat
FORGOTTEN = 86_400.0  # seconds after which what a coordinator left behind is cleared away


class Fleet:
    """All coordinators that share our store; `others` are those that live, but for ourselves.

    `changed` is called when those are others than before.
    """

    def __init__(
        self,
        store: Store,
        own_id: str,
        heartbeat: float,
        clock: Callable[[], float],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`heartbeat` is the pause between two words of ours in seconds, `clock` gives Unix seconds."""
        self.heartbeat = heartbeat
        self.others: tuple[CoordinatorInfo, ...] = ()
        self.changed: Callable[[], None] = lambda: None
        self._store = store
        self._key = PREFIX + own_id
        self._clock = clock
        self._now = now
        self._presence = Presence(own_id, LIVES * heartbeat)
        self._run = secrets.token_urlsafe(8)
        self._urls: dict[str, str] = {}
        self._turn = asyncio.Lock()  # a word that is under way must not come after the last one
        self._beaten = self._doubled = self._left = False

    @property
    def look_every(self) -> float:
        return min(LOOK, self.heartbeat / 4)

    def url_of(self, coordinator_id: str) -> str | None:
        """Return where a coordinator is that lives, but for ourselves."""
        return self._urls.get(coordinator_id)

    def alive(self) -> Sequence[Serving]:
        """Return what those that live say of themselves, but for ourselves."""
        return self._presence.alive(self._now())

    def silent(self) -> Sequence[Serving]:
        """Return those that have ended without a word."""
        return self._presence.silent(self._now())

    async def beat(self, info: CoordinatorInfo, workers: int, load: float) -> None:
        """Say that we live, and how we are."""
        async with self._turn:
            if self._left:
                return
            await self._check_alone()
            said = Serving(info=info, seen_at=self._clock(), run=self._run, workers=workers, load=load)
            await self._store.put(self._key, msgspec.json.encode(said))
            self._beaten = True

    async def leave(self) -> None:
        """Say that we end; may be called again. Where that cannot be, the others find out."""
        async with self._turn:
            if self._left:
                return
            self._left = True
            with contextlib.suppress(StoreError):
                await self._store.delete(self._key)

    async def look(self) -> None:
        """See who lives."""
        rows = {}
        for key, entry in await self._store.list(PREFIX):
            try:
                said = msgspec.json.decode(entry.value, type=Serving)
            except msgspec.MsgspecError:  # by a newer version of this program
                continue
            rows[key.removeprefix(PREFIX)] = (said, entry.version)
        self._presence.look(rows, self._now(), self._clock())
        await self._clear_away()
        others = tuple(said.info for said in self.alive())
        if others == self.others:
            return
        self._tell(others)
        self.others = others
        self._urls = {info.id: info.url for info in others}
        self.changed()

    async def _check_alone(self) -> None:
        """Warn where another coordinator has our id, as when a data directory was copied whole."""
        entry = await self._store.get(self._key) if self._beaten else None
        if entry is None:
            return
        try:
            said = msgspec.json.decode(entry.value, type=Serving)
        except msgspec.MsgspecError:
            return
        doubled = said.run != self._run
        if doubled and not self._doubled:
            log.error(
                "another coordinator, at %s, has the same id as this one: each needs a data directory of its own, "
                "which is not a copy of another's",
                said.info.url,
            )
        self._doubled = doubled

    async def _clear_away(self) -> None:
        for said in self.silent():
            if self._clock() - said.seen_at > FORGOTTEN:
                await self._store.delete(PREFIX + said.info.id)

    def _tell(self, others: Sequence[CoordinatorInfo]) -> None:
        before, after = {info.id for info in self.others}, {info.id: info.url for info in others}
        for name in sorted(after.keys() - before):
            log.info("coordinator %s is there, at %s", name, after[name])
        for name in sorted(before - after.keys()):
            log.info("coordinator %s is not heard of any more", name)
