"""What the app knows of how this computer does: the node's looks, followed while they are shown, and logs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import msgspec
from PySide6.QtCore import QCoreApplication, QObject, QTimer, Signal

from app.intents import NodeRefused, NodeUnreachable
from node.program.tasks import TaskSet
from node.vitals.values import Contribution, Gauges, LogTail, ServiceVitals, Vitals

log = logging.getLogger(__name__)

SECONDS = 60.0  # of history
MOST_LOOKS = 240  # whatever the node says
GATHER_MS = 500
SILENT_MS = 8000  # without a look, though the node has not hung up: it hangs
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0  # seconds between two tries to listen
PATH = "/vitals/stream"
LOG_LINES = 2000

_looks = msgspec.json.Decoder(Vitals)


class Sources(Protocol):
    """The way to the node; raises NodeUnreachable or NodeRefused."""

    def listen(self, path: str) -> AsyncGenerator[bytes]: ...
    async def ask(self, method: str, path: str, body: object, *, wait: float = 10.0) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Sight:
    """What may be drawn. `lost` says that the node tells nothing, so that what is there is old: of `told_at`."""

    latest: Vitals | None = None
    history: tuple[tuple[float, Gauges], ...] = ()  # of the last minute, by the looks' own clock
    told_at: float = 0.0  # Unix seconds
    lost: bool = False

    @property
    def contribution(self) -> Contribution | None:
        return self.latest.contribution if self.latest is not None else None

    def service(self, name: str) -> ServiceVitals | None:
        services = self.latest.services if self.latest is not None else ()
        return next((one for one in services if one.name == name), None)


class VitalsModel(QObject):
    """Follows the looks while anybody watches; `changed` tells of something new, twice a second at most."""

    changed = Signal()
    log_arrived = Signal(object)  # LogTail
    log_failed = Signal(str, str)  # the service, and why in a sentence

    def __init__(self, parent: QObject | None = None, now: Callable[[], float] = time.time) -> None:
        super().__init__(parent)
        self.sight = Sight()
        self._now = now
        self._sources: Sources | None = None
        self._watchers: set[object] = set()
        self._following: asyncio.Task[Any] | None = None
        self._reading: set[str] = set()
        self._tasks = TaskSet("app-vitals")
        self._gathering = QTimer(self, singleShot=True, interval=GATHER_MS)
        self._gathering.timeout.connect(self._gathered)
        self._untold = False
        self._silence = QTimer(self, singleShot=True, interval=SILENT_MS)
        self._silence.timeout.connect(lambda: self._change(lost=True))

    @property
    def watched(self) -> bool:
        return bool(self._watchers)

    def connect_to(self, sources: Sources) -> None:
        self._sources = sources
        self._look()

    def watch(self, watcher: object, *, wanted: bool) -> None:
        """Follow the looks from now on for somebody, or no more."""
        (self._watchers.add if wanted else self._watchers.discard)(watcher)
        self._look()

    async def stop(self) -> None:
        self._watchers.clear()
        self._following = None
        self._gathering.stop()
        self._silence.stop()
        await self._tasks.stop()

    # --- logs -----------------------------------------------------------------------------------------------

    def read_log(self, service: str) -> None:
        """Ask for the end of a service's log; it comes with `log_arrived`, or why not with `log_failed`."""
        if self._sources is not None and service not in self._reading:
            self._reading.add(service)
            task = self._tasks.start(self._read_log(self._sources, service), f"log of {service}")
            task.add_done_callback(lambda _: self._reading.discard(service))

    async def _read_log(self, sources: Sources, service: str) -> None:
        try:
            answer = await sources.ask("GET", f"/services/{service}/log?lines={LOG_LINES}", None)
            self.log_arrived.emit(msgspec.json.decode(answer, type=LogTail))
        except NodeUnreachable:
            text = QCoreApplication.translate("ServiceLog", "The node on this computer does not answer just now.")
            self.log_failed.emit(service, text)
        except NodeRefused as error:
            self.log_failed.emit(service, error.detail)
        except msgspec.MsgspecError:
            text = QCoreApplication.translate("ServiceLog", "The node's answer cannot be read.")
            self.log_failed.emit(service, text)

    # --- following ------------------------------------------------------------------------------------------

    def _look(self) -> None:
        if self._watchers and self._sources is not None and self._following is None:
            self._following = self._tasks.start(self._follow(self._sources), "follow")
        elif not self._watchers and self._following is not None:
            self._following.cancel()
            self._following = None
            self._silence.stop()

    async def _follow(self, sources: Sources) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                async with contextlib.aclosing(sources.listen(PATH)) as messages:
                    async for data in messages:
                        self._take(_looks.decode(data))
                        pause = FIRST_PAUSE
            except (NodeRefused, NodeUnreachable) as error:
                log.debug("the node tells nothing of itself: %s", error)
            except msgspec.MsgspecError as error:
                log.warning("what the node tells of itself cannot be read: %s", error)
            self._change(lost=True)
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 2)

    def _take(self, look: Vitals) -> None:
        kept = [one for one in self.sight.history if look.at - SECONDS <= one[0] < look.at]
        history = (*kept, (look.at, look.gauges))[-MOST_LOOKS:]
        self._silence.start()
        self._change(latest=look, history=history, told_at=self._now(), lost=False)

    def _change(self, **changes: Any) -> None:
        self.sight = replace(self.sight, **changes)
        self._untold = True
        if not self._gathering.isActive():
            self._gathered()

    def _gathered(self) -> None:
        if self._untold:
            self._untold = False
            self._gathering.start()
            self.changed.emit()
