"""Says in the store that this coordinator lives, and finds there which others do."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Callable, Iterable, Sequence

import msgspec

from coordinator_server.fleet.presence import Presence, Serving
from coordinator_server.store.interface import ABSENT, Seen, Store, StoreError, Versioned, Write
from node.wire.messages import UNREADABLE, CoordinatorInfo

log = logging.getLogger(__name__)
PREFIX = "serving/"
HERE = "here/"  # below it: the leased keys
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
        """`heartbeat` is the pause between our words (seconds); `clock` gives Unix seconds, `now` steady ones."""
        self.heartbeat = heartbeat
        self.double = ""  # where another coordinator is that has our id, as when a data directory was copied whole
        self.others: tuple[CoordinatorInfo, ...] = ()
        self.changed: Callable[[], None] = lambda: None
        self._store = store
        self._own_id = own_id
        self._key, self._here_key = PREFIX + own_id, PREFIX + HERE + own_id
        self._clock = clock
        self._now = now
        self._presence = Presence(own_id)
        self._run = secrets.token_urlsafe(8)
        self._rows: dict[str, Versioned] = {}
        self._urls: dict[str, str] = {}
        self._heard: dict[str, tuple[int, float]] = {}  # by id: the version of its last word, and when we saw that
        self._turn = asyncio.Lock()  # a word that is under way must not come after the last one
        self._beaten = self._left = False

    def url_of(self, coordinator_id: str) -> str | None:
        """Return where a coordinator is that lives, but for ourselves."""
        return self._urls.get(coordinator_id)

    def alive(self) -> Sequence[Serving]:
        """Return what those that live say of themselves, but for ourselves."""
        return self._presence.alive()

    def silent(self) -> Sequence[Serving]:
        """Return those that have ended without a word."""
        return self._presence.silent()

    def unheard(self, coordinator_id: str) -> float:
        """Return for how many seconds we have seen no new word of a coordinator."""
        _, at = self._heard.get(coordinator_id, (ABSENT, self._now()))
        return self._now() - at

    async def beat(self, info: CoordinatorInfo, workers: int, load: float) -> None:
        """Say that we live, and how we are."""
        async with self._turn:
            if self._left:
                return
            await self._check_alone()
            said = Serving(info=info, seen_at=self._clock(), run=self._run, workers=workers, load=load)
            here = Write(self._here_key, self._run.encode(), leased=True)
            await self._store.commit([Write(self._key, msgspec.json.encode(said)), here])
            self._beaten = True

    async def leave(self) -> None:
        """Say that we end; may be called again. Where that cannot be, the others find out."""
        async with self._turn:
            if self._left:
                return
            self._left = True
            with contextlib.suppress(StoreError):
                await self._store.commit([Write(self._key, None), Write(self._here_key, None)])

    @property
    def is_missing(self) -> bool:
        """True when the store has forgotten that we are here, as after we were halted for long."""
        return self._beaten and not self._left and self._here_key not in self._rows

    async def look(self) -> None:
        """See who lives."""
        self._rows = dict(await self._store.list(PREFIX))
        self._settle()
        await self._clear_away()

    def take(self, seen: Seen) -> None:
        """Take in what a watch of PREFIX tells."""
        if seen.whole:
            self._rows = {}
        for change in seen.changes:
            if change.entry is None:
                self._rows.pop(change.key, None)
            else:
                self._rows[change.key] = change.entry
        self._settle()

    def _settle(self) -> None:
        said = {}
        for key, entry in self._rows.items():
            if not key.startswith(PREFIX + HERE):
                with contextlib.suppress(*UNREADABLE):  # by a newer version of this program
                    said[key.removeprefix(PREFIX)] = msgspec.json.decode(entry.value, type=Serving)
        self._hear(said)
        here = [key.removeprefix(PREFIX + HERE) for key in self._rows if key.startswith(PREFIX + HERE)]
        self._presence.look(said, here)
        others = tuple(one.info for one in self.alive())
        if others == self.others:
            return
        self._tell(others)
        self.others = others
        self._urls = {info.id: info.url for info in others}
        self.changed()

    def _hear(self, said: Iterable[str]) -> None:
        """Note when each has said something new."""
        before, now = self._heard, self._now()
        versions = {name: self._rows[PREFIX + name].version for name in said}
        self._heard = {
            name: before[name] if name in before and before[name][0] == version else (version, now)
            for name, version in versions.items()
        }

    async def _check_alone(self) -> None:
        """See whether another coordinator has our id."""
        entry = await self._store.get(self._key) if self._beaten else None
        if entry is None:
            return
        try:
            said = msgspec.json.decode(entry.value, type=Serving)
        except UNREADABLE:
            return
        self.double = said.info.url if said.run != self._run else ""

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
