"""The QApplication: its name, icon and style, and the system's wish to quit turned into a signal."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, Signal
from PySide6.QtGui import QSessionManager
from PySide6.QtWidgets import QApplication

from app import icons, translations, wording


class Application(QApplication):
    """Ends only when we say so: closing the last window, Cmd-Q and the end of the session only ask for it."""

    quit_wanted = Signal()
    session_ends = Signal()

    def __init__(self, arguments: Sequence[str]) -> None:
        super().__init__(list(arguments))
        self.setApplicationName("rma-mesh")
        translations.install(self, "en")  # until it is known which one is wanted
        self.setApplicationDisplayName(wording.PROGRAM)
        self.setDesktopFileName("rma-mesh")
        self.setWindowIcon(icons.program_icon())
        self.setStyle("Fusion")  # the one style that looks the same everywhere and follows any palette
        self.setQuitOnLastWindowClosed(False)
        self.commitDataRequest.connect(self._session_ends)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Quit:
            event.ignore()
            self.quit_wanted.emit()
            return True
        return super().event(event)

    def _session_ends(self, _manager: QSessionManager) -> None:
        self.session_ends.emit()
