"""Has the node look at this computer, and keeps what it found until the next look."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

import msgspec
from PySide6.QtCore import QObject, Signal

from app.intents import Channel, NodeRefused, NodeUnreachable
from node.program.tasks import TaskSet
from node.survey import Survey

log = logging.getLogger(__name__)

WAIT = 30.0  # seconds; the node itself gives up on a driver that hangs after ten


@dataclass(frozen=True, slots=True)
class Look:
    """The newest survey, whether another look is under way, and whether the last one was in vain."""

    survey: Survey | None = None
    under_way: bool = False
    failed: bool = False


class SurveyModel(QObject):
    """The one place that knows how this computer looks; nothing is asked before `look_again` is called."""

    changed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.look = Look()
        self._channel: Channel | None = None
        self._tasks = TaskSet("survey")

    def connect_to(self, channel: Channel) -> None:
        self._channel = channel

    async def stop(self) -> None:
        await self._tasks.stop()

    def look_again(self) -> None:
        """Start a look unless one is under way."""
        if self.look.under_way or self._channel is None:
            return
        self._become(Look(self.look.survey, under_way=True))
        self._tasks.start(self._ask(self._channel), "look")

    async def _ask(self, channel: Channel) -> None:
        before, after = self.look.survey, None
        try:
            after = msgspec.json.decode(await channel.send("/survey", wait=WAIT), type=Survey)
        except (NodeUnreachable, NodeRefused, msgspec.MsgspecError) as error:
            log.info("the look at this computer failed: %s", error)
        except asyncio.CancelledError:
            self._become(Look(before))
            raise
        self._become(Look(after or before, failed=after is None))

    def _become(self, look: Look) -> None:
        self.look = look
        self.changed.emit(look)
