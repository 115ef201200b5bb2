"""What the app knows of the mesh: the node's stream of it, followed while it is shown, told ten times a second."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from typing import Any, Protocol

import msgspec
from PySide6.QtCore import QObject, QTimer, Signal

from app.intents import NodeRefused, NodeUnreachable
from node.mesh_view.changes import GapError, applied
from node.mesh_view.values import MeshMessage, MeshSnapshot, MeshView
from node.program.tasks import TaskSet

log = logging.getLogger(__name__)

GATHER_MS = 100
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0  # seconds between two tries to listen
PATH = "/mesh/stream"

_messages = msgspec.json.Decoder(MeshMessage)


class Streams(Protocol):
    """The way to the node's streams; raises NodeUnreachable or NodeRefused."""

    def listen(self, path: str) -> AsyncGenerator[bytes]: ...


@dataclass(frozen=True, slots=True)
class MeshSight:
    """What may be drawn of the mesh; `live` is false while the node tells nothing, `refusal` is its reason."""

    view: MeshView | None = None
    live: bool = False
    refusal: str = ""


class MeshModel(QObject):
    """Follows the mesh while `watch` says so; `changed` carries a MeshSight."""

    changed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.sight = MeshSight()
        self._streams: Streams | None = None
        self._wanted = False
        self._following: asyncio.Task[Any] | None = None
        self._tasks = TaskSet("app-mesh")
        self._gathering = QTimer(self, singleShot=True, interval=GATHER_MS)
        self._gathering.timeout.connect(lambda: self.changed.emit(self.sight))

    def connect_to(self, streams: Streams) -> None:
        self._streams = streams
        self._look()

    def watch(self, *, wanted: bool) -> None:
        """Follow the mesh from now on, or no more."""
        self._wanted = wanted
        self._look()

    async def stop(self) -> None:
        self._wanted, self._following = False, None
        self._gathering.stop()
        await self._tasks.stop()

    def _look(self) -> None:
        if self._wanted and self._streams is not None and self._following is None:
            self._following = self._tasks.start(self._follow(self._streams), "follow")
        elif not self._wanted and self._following is not None:
            self._following.cancel()
            self._following = None

    async def _follow(self, streams: Streams) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                if await self._listen(streams):
                    pause = FIRST_PAUSE
            except NodeRefused as error:
                self._change(live=False, refusal=error.detail)
            except NodeUnreachable:
                self._change(live=False)
            except (msgspec.MsgspecError, GapError) as error:
                log.warning("The node's stream of the mesh cannot be read: %s", error)
                self._change(live=False)
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 2)

    async def _listen(self, streams: Streams) -> bool:
        """Follow one stream to its end; return whether it said anything."""
        sequence = -1
        try:
            async with contextlib.aclosing(streams.listen(PATH)) as messages:
                async for data in messages:
                    message = _messages.decode(data)
                    if message.sequence != sequence + 1:
                        raise GapError("a message is missing")
                    sequence = message.sequence
                    self._take(message)
        finally:
            self._change(live=False)
        return sequence >= 0

    def _take(self, message: MeshMessage) -> None:
        if isinstance(message, MeshSnapshot):
            view = message.view
        elif self.sight.view is not None:
            view = applied(self.sight.view, message)
        else:
            raise GapError("a change came before what it changes")
        self._change(view=view, live=True, refusal="")

    def _change(self, **changes: Any) -> None:
        self.sight = replace(self.sight, **changes)
        if not self._gathering.isActive():
            self._gathering.start()
