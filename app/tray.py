"""The tray icon: its picture and tooltip say the state, its menu acts, a click opens the window.

An icon made before the desktop's tray is there never appears, so it is made anew whenever a tray comes, or comes
back; when none has been there for a while, `gave_up` says so. Never run on Windows and macOS so far.
"""

from __future__ import annotations

import sys
import time

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QSystemTrayIcon

from app import icons, wording
from app.node_model import NodeModel
from app.tray_menu import SNOOZES, TrayMenu
from app.tray_picture import TrayPicture, tray_picture
from app.widgets.tips import tip
from node.rules.settings import Rules

__all__ = ["SNOOZES", "Tray"]

LOOK_MS = 2000
PATIENCE = 5  # looks without a tray before the window takes its place
NO_RULES = Rules()


class Tray(QObject):
    """Drawn from the picture; `present` says whether there is a tray now."""

    open_wanted = Signal()
    quit_wanted = Signal()
    presence_changed = Signal(bool)
    gave_up = Signal()
    message_clicked = Signal()

    def __init__(self, model: NodeModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._icon: QSystemTrayIcon | None = None
        self._shown: TrayPicture | None = None
        self._absent = 0
        self._stopped = False
        self._menu = TrayMenu(model)
        self._menu.opening.triggered.connect(self.open_wanted)
        self._menu.quitting.triggered.connect(self.quit_wanted)
        self._looking = QTimer(self, interval=LOOK_MS)
        self._looking.timeout.connect(self._look)
        model.changed.connect(self.draw)
        model.rules.changed.connect(self.draw)

    @property
    def present(self) -> bool:
        return self._icon is not None

    def start(self) -> None:
        self.draw()
        self._look()
        self._looking.start()
        if sys.platform == "linux":
            from app.tray_panels import Panels

            panels = Panels(self)
            panels.came.connect(self._make_anew)
            panels.start()

    def stop(self) -> None:
        """Take the icon away; what the model still tells is not drawn any more. May be called again."""
        self._looking.stop()
        self._remove()
        if self._stopped:
            return
        self._stopped = True
        for changed in (self._model.changed, self._model.rules.changed):
            changed.disconnect(self.draw)
        self._menu.deleteLater()

    def draw(self) -> None:
        """Show what is known now."""
        picture = self._model.picture
        rules = self._model.rules.over(picture.state.rules if picture.state is not None else NO_RULES)
        before, now = self._shown, tray_picture(picture, rules, time.time())
        self._shown = now
        self._menu.draw(now)
        if self._icon is None:
            return
        if before is None or before.icon != now.icon:
            self._icon.setIcon(icons.state_icon(now.icon))
        if before is None or before.tooltip != now.tooltip:
            self._icon.setToolTip(tip(now.tooltip))

    def show_message(self, title: str, text: str) -> bool:
        """Show a notification at the icon; return whether that is possible."""
        if self._icon is None or not QSystemTrayIcon.supportsMessages():
            return False
        self._icon.showMessage(title, text, icons.program_icon())
        return True

    def _look(self) -> None:
        available = QSystemTrayIcon.isSystemTrayAvailable()
        if available != self.present:
            self._make() if available else self._remove()
            self.presence_changed.emit(available)
        self._absent = 0 if available else self._absent + 1
        if self._absent == PATIENCE:
            self.gave_up.emit()
        if self._shown is not None:
            self.draw()  # a text may tell a time that has passed

    def _make_anew(self) -> None:
        """Show the icon to a panel that is new, now or as soon as it takes icons in."""
        if self._stopped:
            return
        self._remove()
        self._look()

    def _make(self) -> None:
        self._icon = QSystemTrayIcon(icons.state_icon(self._shown.icon if self._shown else "offline"), self)
        self._icon.setToolTip(tip(self._shown.tooltip if self._shown else wording.PROGRAM))
        self._icon.setContextMenu(self._menu)
        self._icon.activated.connect(self._activated)
        self._icon.messageClicked.connect(self.message_clicked)
        self._icon.show()

    def _remove(self) -> None:
        if self._icon is not None:
            self._icon.hide()
            self._icon.deleteLater()
            self._icon = None

    def _activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        clicks = (QSystemTrayIcon.ActivationReason.Trigger, QSystemTrayIcon.ActivationReason.DoubleClick)
        if reason in clicks and sys.platform != "darwin":  # there a click opens the menu
            self.open_wanted.emit()
