"""Shows the notifications that the policy asks for: on the desktop's own bus, else at the tray icon."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QObject, QTimer, Signal

from app import notifications_memory
from app.node_model import NodeModel
from app.notifications import Notification, notify
from app.notifications_bus import BusNotifications
from app.picture import Notice, Picture
from node.program.tasks import TaskSet

LOOK_MS = 15_000  # between looks for a cause that has lasted long enough by now
ANSWERS = ("pause",)  # intents that the tray sends, whose refusal would else not be seen


class Shows(Protocol):
    """The tray icon, as far as it can show a message."""

    def show_message(self, title: str, text: str) -> bool: ...


class NotificationDesk(QObject):
    """Watches the picture and tells a person what needs one; `clicked` carries the panel that helps."""

    clicked = Signal(str)

    def __init__(
        self,
        model: NodeModel,
        tray: Shows,
        seen: Callable[[], bool],
        data_dir: Path,
        *,
        bus: bool = sys.platform == "linux",
        clock: Callable[[], float] = time.time,
        parent: QObject | None = None,
    ) -> None:
        """`seen` says whether a person sees the window now; `bus` whether to ask the session bus first."""
        super().__init__(parent)
        self._model = model
        self._tray = tray
        self._seen = seen
        self._data_dir = data_dir
        self._clock = clock
        self._tasks = TaskSet("app-notifications")
        self._bus = BusNotifications(self.clicked.emit, self._tasks) if bus else None
        self._turn = asyncio.Lock()
        self._stopped = False
        self._before = model.picture
        self._refusal: Notice | None = None
        self._at_icon = ""  # the panel of what the tray icon shows
        self._memory = notifications_memory.load(data_dir)
        self._looking = QTimer(self, interval=LOOK_MS)
        self._looking.timeout.connect(lambda: self.look(model.picture))
        model.changed.connect(self.look)
        model.rules.changed.connect(self._rules_answered)

    def start(self) -> None:
        self._looking.start()

    async def stop(self) -> None:
        """Tell nothing any more; may be called again."""
        if not self._stopped:
            self._stopped = True
            self._model.changed.disconnect(self.look)
            self._model.rules.changed.disconnect(self._rules_answered)
        self._looking.stop()
        if self._bus is not None:
            self._bus.close()
        await self._tasks.stop()

    def look(self, after: Picture) -> None:
        """Take what is known now, and tell what has to be told."""
        before, self._before = self._before, after
        kept = self._memory
        self._memory, told = notify(before, after, kept, self._clock(), seen=self._seen())
        if (kept.told, kept.last) != (self._memory.told, self._memory.last):
            notifications_memory.save(self._data_dir, self._memory)
        if told is not None:
            self._show(told)
        for notice in after.notices:
            if notice.about in ANSWERS and notice not in before.notices:
                self._answer(notice)

    def icon_clicked(self) -> None:
        """Open what the message at the tray icon was about."""
        self.clicked.emit(self._at_icon or "overview")

    def _rules_answered(self) -> None:
        refusal = self._model.rules.refusal
        if refusal is not None and refusal != self._refusal:
            self._answer(refusal)
        self._refusal = refusal

    def _answer(self, notice: Notice) -> None:
        """Say that what somebody has just chosen in the tray was not done."""
        if not self._seen():
            panel = "settings" if notice.about == "rules" else "overview"
            self._show(Notification(notice.about, notice.title, notice.hint, panel))

    def _show(self, told: Notification) -> None:
        self._tasks.start(self._shown(told), "show")

    async def _shown(self, told: Notification) -> None:
        async with self._turn:
            if self._bus is not None and await self._bus.show(told):
                return
            if self._tray.show_message(told.title, told.text):
                self._at_icon = told.panel
