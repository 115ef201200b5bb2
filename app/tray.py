"""The tray icon: its picture and tooltip say the state, its menu pauses, resumes, opens and quits.

An icon made before the desktop's tray is there never appears, so it is made anew whenever a tray comes; when none
has been there for a while, `gave_up` says so. Never run on Windows and macOS so far.
"""

from __future__ import annotations

import sys
import time

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QSystemTrayIcon

from app import icons, wording
from app.appearance import menu_style_sheet
from app.node_model import NodeModel
from app.picture import Picture
from app.widgets.theme import colours
from app.wording import StateIcon

LOOK_MS = 2000
PATIENCE = 5  # looks without a tray before the window takes its place
SNOOZES = ((30 * 60, "Pause for 30 minutes"), (2 * 3600, "Pause for 2 hours"))


class Tray(QObject):
    """Drawn from the picture; `present` says whether there is a tray now."""

    open_wanted = Signal()
    quit_wanted = Signal()
    presence_changed = Signal(bool)
    gave_up = Signal()

    def __init__(self, model: NodeModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._icon: QSystemTrayIcon | None = None
        self._shown: StateIcon | None = None
        self._tooltip = wording.PROGRAM
        self._absent = 0
        self._menu = TrayMenu(model)
        self._menu.opening.triggered.connect(self.open_wanted)
        self._menu.quitting.triggered.connect(self.quit_wanted)
        self._looking = QTimer(self, interval=LOOK_MS)
        self._looking.timeout.connect(self._look)
        model.changed.connect(self.draw)

    @property
    def present(self) -> bool:
        return self._icon is not None

    def start(self) -> None:
        self.draw(self._model.picture)
        self._look()
        self._looking.start()

    def stop(self) -> None:
        self._looking.stop()
        self._remove()
        self._menu.deleteLater()

    def draw(self, picture: Picture) -> None:
        look = wording.look(picture, time.time())
        self._menu.draw(picture, look)
        self._tooltip = look.tooltip
        if self._shown != look.icon:
            self._shown = look.icon
            if self._icon is not None:
                self._icon.setIcon(icons.state_icon(look.icon))
        if self._icon is not None and self._icon.toolTip() != look.tooltip:
            self._icon.setToolTip(look.tooltip)

    def _look(self) -> None:
        available = QSystemTrayIcon.isSystemTrayAvailable()
        if available != self.present:
            self._make() if available else self._remove()
            self.presence_changed.emit(available)
        self._absent = 0 if available else self._absent + 1
        if self._absent == PATIENCE:
            self.gave_up.emit()

    def _make(self) -> None:
        self._icon = QSystemTrayIcon(icons.state_icon(self._shown or "offline"), self)
        self._icon.setToolTip(self._tooltip)
        self._icon.setContextMenu(self._menu)
        self._icon.activated.connect(self._activated)
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


class TrayMenu(QMenu):
    """Status, open, pause or resume, pause for a while, quit."""

    def __init__(self, model: NodeModel) -> None:
        super().__init__()
        self._status = self.addAction(wording.PROGRAM)
        self._status.setEnabled(False)
        self.addSeparator()
        self.opening = self.addAction("Open RMA Mesh")
        self.setDefaultAction(self.opening)
        self.addSeparator()
        self._pause = self.addAction("Pause")
        self._pause.triggered.connect(model.pause)
        self._resume = self.addAction("Resume")
        self._resume.triggered.connect(model.resume)
        self._snoozes = [self._snooze(model, seconds, text) for seconds, text in SNOOZES]
        self.addSeparator()
        self.quitting = self.addAction("Quit")
        self.aboutToShow.connect(lambda: self.setStyleSheet(menu_style_sheet(colours())))

    def draw(self, picture: Picture, look: wording.Look) -> None:
        self._status.setText(f"{look.title} – {look.sentence.rstrip('.')}")
        self._status.setIcon(icons.state_icon(look.icon))
        possible = picture.enrolled and picture.connected and "pause" not in picture.pending
        paused = picture.state is not None and picture.state.paused
        snoozed = picture.state is not None and picture.state.snoozed_until is not None
        self._pause.setVisible(not paused)
        self._resume.setVisible(paused)
        for action in (self._pause, self._resume):
            action.setEnabled(possible)
        for action in self._snoozes:
            action.setEnabled(possible and not snoozed)

    def _snooze(self, model: NodeModel, seconds: int, text: str) -> QAction:
        action = self.addAction(text)
        action.triggered.connect(lambda: model.snooze(seconds))
        return action
