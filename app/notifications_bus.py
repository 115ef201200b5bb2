"""Notifications by org.freedesktop.Notifications, which a Linux desktop shows as its own, with or without a tray.

Source: Desktop Notifications Specification 1.2. A signal may come from anybody on the bus; the most that
one can do is to open our window.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from app import wording
from app.notifications import Notification
from node.program.tasks import TaskSet

if TYPE_CHECKING:
    from node.hardware.sensing.bus import Bus

NAME, PATH = "org.freedesktop.Notifications", "/org/freedesktop/Notifications"
MOST_SHOWN = 20


class BusNotifications:
    """Shows notifications on the session bus; `clicked` is told the panel of one that a person clicked on."""

    def __init__(self, clicked: Callable[[str], None], tasks: TaskSet) -> None:
        self._clicked = clicked
        self._tasks = tasks
        self._bus: Bus | None = None
        self._panels: dict[int, str] = {}

    async def show(self, told: Notification) -> bool:
        """Show it; return whether there is a desktop that does."""
        from node.hardware.sensing.told import Unknown

        bus = await self._connected()
        actions, hints = ["default", told.title], {"desktop-entry": ("s", "rma-mesh"), "urgency": ("y", 1)}
        answer = await bus.call(
            NAME, PATH, NAME, "Notify", signature="susssasa{sv}i",
            body=(wording.PROGRAM, 0, "rma-mesh", told.title, told.text, actions, hints, -1),
        )  # fmt: skip
        if isinstance(answer, Unknown) or not answer or not isinstance(answer[0], int):
            return False
        self._panels[answer[0]] = told.panel
        for number in list(self._panels)[:-MOST_SHOWN]:
            del self._panels[number]
        return True

    def close(self) -> None:
        if self._bus is not None:
            self._bus.close()

    async def _connected(self) -> Bus:
        from node.hardware.sensing.bus import Bus, Signal, session_address  # needs D-Bus, which only Linux has

        if self._bus is None:
            self._bus = Bus("session bus", session_address, self._tasks)
            await self._bus.listen(Signal(PATH, NAME, "ActionInvoked"), self._invoked)
            await self._bus.listen(Signal(PATH, NAME, "NotificationClosed"), self._closed)
        return self._bus

    def _invoked(self, arguments: tuple[Any, ...]) -> None:
        panel = self._panels.pop(arguments[0], None) if arguments else None
        if panel is not None:
            self._clicked(panel)

    def _closed(self, arguments: tuple[Any, ...]) -> None:
        if arguments:
            self._panels.pop(arguments[0], None)
