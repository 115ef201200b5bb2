"""Leaving for good: what is done step by step, as a value to draw, and the one object that has it done."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from PySide6.QtCore import QObject, Signal

from node.program.tasks import TaskSet

log = logging.getLogger(__name__)

Step = Literal["none", "leaving", "stopping", "deleting", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Goodbye:
    """How far it is. `told` is whether a coordinator heard it; None where there was no mesh to leave."""

    step: Step = "none"
    told: bool | None = None
    rest: tuple[str, ...] = ()  # sentences about what stays, and why
    trouble: str = ""  # why it failed


class Crew(Protocol):
    """What has to be done, each to its end; nothing of it raises for what a person can be told."""

    async def leave(self) -> bool | None:
        """Leave the mesh; return whether a coordinator heard it, or None where there was none to leave."""

    async def stop(self) -> str:
        """End the node; return why it could not be ended, or nothing."""

    async def delete(self) -> tuple[str, ...]:
        """Delete everything; return sentences about what stays."""


class GoodbyeModel(QObject):
    """Leaves and deletes everything, once; `changed` carries a Goodbye, `closed` says that the app may end."""

    changed = Signal(object)
    closed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.now = Goodbye()
        self._make_crew: Callable[[], Crew] | None = None
        self._tasks = TaskSet("app-goodbye")
        self._task: asyncio.Task[Any] | None = None

    def connect_to(self, make_crew: Callable[[], Crew]) -> None:
        """`make_crew` is called when it begins."""
        self._make_crew = make_crew

    @property
    def deleted(self) -> bool:
        """Whether nothing of the volunteer's is kept any more."""
        return self.now.step == "done"

    def start(self) -> None:
        """Begin, unless that was done already."""
        if self._make_crew is not None and self._task is None:
            self._task = self._tasks.start(self._run(self._make_crew()), "goodbye")

    def close(self) -> None:
        """Let the app end."""
        self.closed.emit()

    async def stop(self) -> None:
        await self._tasks.stop()

    async def _run(self, crew: Crew) -> None:
        try:
            self._say(step="leaving")
            self._say(told=await crew.leave(), step="stopping")
            trouble = await crew.stop()
            if trouble:
                self._say(step="failed", trouble=trouble)
                return
            self._say(step="deleting")
            self._say(rest=await crew.delete(), step="done")
        except Exception as error:
            log.exception("leaving for good failed")
            self._say(step="failed", trouble=str(error))

    def _say(self, **changes: Any) -> None:
        self.now = replace(self.now, **changes)
        self.changed.emit(self.now)
