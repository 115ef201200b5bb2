"""Start at login: as the system keeps it, read whenever it is looked at."""

from __future__ import annotations

import logging

from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtGui import QShowEvent

from app.autostart import Autostart
from app.panels.settings_groups.row import NOTHING, RuleRow, Status
from app.widgets.frames import Card

log = logging.getLogger(__name__)


class LoginCard(Card):
    """One switch, which shows what the system says, and never what was clicked."""

    def __init__(self, place: Autostart | None) -> None:
        super().__init__(QCoreApplication.translate("LoginCard", "Start"))
        self._place = place
        self.row = RuleRow(
            self.tr("Start RMA Mesh when I log in"),
            self.tr("It starts in the tray, without a window. Nothing is started before you log in."),
        )
        self.row.switched.connect(self._switch)
        self.body.addWidget(self.row)
        self.look()

    def look(self) -> None:
        """Ask the system again."""
        self._show()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.look()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.ActivationChange and self.isVisible() and self.isActiveWindow():
            self.look()  # somebody may come back from the system's own settings

    def _switch(self, on: bool) -> None:
        if self._place is None:
            return
        try:
            self._place.enable() if on else self._place.disable()
        except (OSError, ValueError) as error:
            log.warning("start at login was not changed: %s", error)
            why = getattr(error, "strerror", None) or str(error)
            self._show(Status(self.tr("The system did not let it be changed: {why}.").format(why=why), "bad"))
        else:
            self._show()

    def _show(self, status: Status = NOTHING) -> None:
        if self._place is None:
            status = Status(self.tr("This system has no place for it that we know."), "quiet")
            self.row.draw(on=False, usable=False, status=status)
            return
        try:
            on = self._place.enabled()
        except OSError as error:
            why = error.strerror or str(error)
            status = Status(self.tr("The system does not tell how it is: {why}.").format(why=why), "warn")
            on = False
        self.row.draw(on=on, usable=True, status=status)
