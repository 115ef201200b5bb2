"""Quitting: who asked for it, how long it may take, and what is shown while the node finishes its work."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtWidgets import QDialog, QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from app import wording
from app.picture import Picture
from app.widgets.glyphs import Button
from app.widgets.labels import label

SHOW_AFTER_MS = 1000


class Quitting(QObject):
    """The one wish to quit; `wanted` and `hurry` are waited for by whoever ends things."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.wanted = asyncio.Event()
        self.hurry = asyncio.Event()

    def ask(self) -> None:
        """Quit in good order; asked for a second time, in a hurry."""
        if self.wanted.is_set():
            self.hurry.set()
        self.wanted.set()

    def session_ends(self) -> None:
        """Quit fast: the system will not wait for us."""
        self.hurry.set()
        self.wanted.set()

    def listen_to_signals(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let SIGINT and SIGTERM quit; where the loop cannot watch signals, Python's own handling stays."""
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and os.name == "posix":
                with contextlib.suppress(NotImplementedError, RuntimeError):
                    loop.add_signal_handler(number, self.ask)


class QuittingDialog(QDialog):
    """Shown when quitting takes more than a second: what is being waited for, and a way not to wait."""

    def __init__(self, quitting: Quitting, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(wording.PROGRAM)
        self.setObjectName("window")
        self.setMinimumWidth(380)
        self._text = label("", "muted", wrap=True)
        bar = QProgressBar()
        bar.setRange(0, 0)
        bar.setTextVisible(False)
        bar.setFixedHeight(6)
        bar.setAccessibleName(self.tr("Closing"))
        now = Button(self.tr("Quit now"))
        now.setAccessibleDescription(self.tr("Breaks off the requests that are still under way"))
        now.clicked.connect(quitting.hurry.set)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(now)
        column = QVBoxLayout(self)
        column.setContentsMargins(22, 20, 22, 18)
        column.setSpacing(12)
        column.addWidget(label(self.tr("Closing RMA Mesh"), "title"))
        column.addWidget(self._text)
        column.addWidget(bar)
        column.addLayout(buttons)
        self._timer = QTimer(self, singleShot=True, interval=SHOW_AFTER_MS)
        self._timer.timeout.connect(self.show)

    def start(self) -> None:
        self._timer.start()

    def draw(self, picture: Picture, now: float) -> None:
        most = self.tr("This takes half a minute at most.")
        self._text.setText(f"{wording.look(picture, now).sentence} {most}")

    def finish(self) -> None:
        self._timer.stop()
        self.hide()
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.close()
