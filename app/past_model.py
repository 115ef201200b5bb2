"""What the app knows of the node's past: requests over time and the activity log, asked for while they are seen."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import msgspec
from PySide6.QtCore import QObject, Signal

from app.intents import NodeRefused, NodeUnreachable
from node.activity.entries import Entries, Entry
from node.program.tasks import TaskSet
from node.routing.journeys import Journey, Journeys
from node.routing.samples import Series

log = logging.getLogger(__name__)

PAUSE = 1.0  # seconds between two questions
DAY_EVERY = 30  # of those: what is told by the minute
MOST_JOURNEYS = 200
MOST_ENTRIES = 2000

_series = msgspec.json.Decoder(Series)
_journeys = msgspec.json.Decoder(Journeys)
_entries = msgspec.json.Decoder(Entries)


class Asks(Protocol):
    """The way to the node; raises NodeUnreachable or NodeRefused."""

    async def ask(self, method: str, path: str, body: object) -> bytes: ...


@dataclass(frozen=True, slots=True)
class RoutingSight:
    """What may be drawn of routing, the newest request first; `live` is false while the node tells nothing."""

    recent: Series | None = None
    day: Series | None = None
    run: int = 0
    journeys: tuple[Journey, ...] = ()
    live: bool = False


@dataclass(frozen=True, slots=True)
class ActivitySight:
    """What may be drawn of the activity log, the newest entry first; None before it was heard of."""

    entries: tuple[Entry, ...] | None = None
    live: bool = False


class PolledModel(QObject):
    """Asks the node again and again while `watch` says so; `changed` says that there is something to draw."""

    changed = Signal()

    def __init__(self, name: str, parent: QObject | None = None, pause: float = PAUSE) -> None:
        super().__init__(parent)
        self._desk: Asks | None = None
        self._wanted = False
        self._asking: asyncio.Task[Any] | None = None
        self._pause = pause
        self._unreadable = False  # which was said already
        self._tasks = TaskSet(name)

    def connect_to(self, desk: Asks) -> None:
        self._desk = desk
        self._look()

    def watch(self, *, wanted: bool) -> None:
        """Ask from now on, or no more."""
        self._wanted = wanted
        self._look()

    async def stop(self) -> None:
        self._wanted, self._asking = False, None
        await self._tasks.stop()

    def _look(self) -> None:
        if self._wanted and self._desk is not None and self._asking is None:
            self._asking = self._tasks.start(self._go_on_asking(self._desk), "ask")
        elif not self._wanted and self._asking is not None:
            self._asking.cancel()
            self._asking = None

    async def _go_on_asking(self, desk: Asks) -> None:
        while True:
            try:
                await self._ask(desk)
            except (NodeUnreachable, NodeRefused) as error:
                log.debug("%s", error)
                self._lost()
            except msgspec.MsgspecError as error:
                level, self._unreadable = logging.DEBUG if self._unreadable else logging.WARNING, True
                log.log(level, "What the node tells of its past cannot be read: %s", error)
                self._lost()
            await asyncio.sleep(self._pause)

    async def _ask(self, desk: Asks) -> None:
        raise NotImplementedError

    def _lost(self) -> None:
        raise NotImplementedError


class RoutingModel(PolledModel):
    """Requests over time, and the last ones."""

    def __init__(self, parent: QObject | None = None, pause: float = PAUSE) -> None:
        super().__init__("app-routing", parent, pause)
        self.sight = RoutingSight()
        self._round = 0

    def watch(self, *, wanted: bool) -> None:
        self._round = 0
        super().watch(wanted=wanted)

    async def _ask(self, desk: Asks) -> None:
        sight = self.sight
        recent = _series.decode(await desk.ask("GET", "/routing/history?span=recent", None))
        day = sight.day
        if self._round % DAY_EVERY == 0 or day is None:
            day = _series.decode(await desk.ask("GET", "/routing/history?span=day", None))
        self._round += 1
        last = sight.journeys[0].number if sight.journeys else 0
        path = f"/routing/requests?run={sight.run}&after={last}"
        told = _journeys.decode(await desk.ask("GET", path, None))
        self.sight = RoutingSight(recent, day, told.run, with_newer(sight, told), live=True)
        self.changed.emit()

    def _lost(self) -> None:
        if self.sight.live:
            self.sight = replace(self.sight, live=False)
            self.changed.emit()


def with_newer(sight: RoutingSight, told: Journeys) -> tuple[Journey, ...]:
    """Return the last requests, the newest first; those of another run of the node are forgotten."""
    newer = tuple(reversed(told.journeys))
    if told.run != sight.run or not newer:
        return newer if told.run != sight.run else sight.journeys
    return (*newer, *sight.journeys)[:MOST_JOURNEYS]


class ActivityModel(PolledModel):
    """The activity log; `newest` returns the number of the newest entry that the node has told of, if it did."""

    def __init__(
        self, newest: Callable[[], int | None], parent: QObject | None = None, pause: float = PAUSE
    ) -> None:
        super().__init__("app-activity", parent, pause)
        self.sight = ActivitySight()
        self._newest = newest

    async def _ask(self, desk: Asks) -> None:
        known = self.sight.entries[0].number if self.sight.entries else 0
        if self.sight.live and self._newest() == known:
            return
        told = _entries.decode(await desk.ask("GET", f"/activity?after={known}", None))
        newer = tuple(reversed(told.entries))
        before = self.sight.entries or ()
        if told.last < known:  # another log, as after everything was deleted
            told = _entries.decode(await desk.ask("GET", "/activity?after=0", None))
            newer, before = tuple(reversed(told.entries)), ()
        if newer or not self.sight.live:
            self.sight = ActivitySight((*newer, *before)[:MOST_ENTRIES], live=True)
            self.changed.emit()

    def _lost(self) -> None:
        if self.sight.live:
            self.sight = replace(self.sight, live=False)
            self.changed.emit()
