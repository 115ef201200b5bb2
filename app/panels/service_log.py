"""A service's log in a window of its own: the last lines, search, copy; it follows what is written meanwhile."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLineEdit, QPlainTextEdit, QVBoxLayout, QWidget

from app.vitals_model import VitalsModel
from app.widgets.glyphs import Button
from app.widgets.labels import ElidedLabel, label
from node.vitals.values import LogTail

EVERY_MS = 3000


class ServiceLogDialog(QDialog):
    """Shows the lines that hold what is searched for, in any case; at the end it stays at the end."""

    def __init__(self, parent: QWidget, vitals: VitalsModel, name: str, title: str) -> None:
        super().__init__(parent.window())
        self._vitals, self._service = vitals, name
        self._tail: LogTail | None = None
        self.setObjectName("window")
        self.setWindowTitle(self.tr("Log of %1").replace("%1", title))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Search in the log"))
        self.search.setAccessibleName(self.search.placeholderText())
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(lambda _text: self._draw())
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setTabChangesFocus(True)
        self.text.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        self.text.setAccessibleName(self.windowTitle())
        self.count = label(self.tr("The log is being read."), "small", wrap=True)
        self._path = ElidedLabel("", "small", Qt.TextElideMode.ElideMiddle)
        self.copy = Button(self.tr("Copy"), "paste")
        self.copy.clicked.connect(self._copy)
        self.close_button = Button(self.tr("Close"), kind="primary")
        self.close_button.clicked.connect(self.accept)
        self._lay_out()
        vitals.log_arrived.connect(self._arrived)
        vitals.log_failed.connect(self._failed)
        self._timer = QTimer(self, interval=EVERY_MS)
        self._timer.timeout.connect(self._read)
        self._timer.start()
        self._read()

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self.count, 1)
        buttons.addWidget(self.copy)
        buttons.addWidget(self.close_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 16, 18, 16)
        column.setSpacing(10)
        column.addWidget(self.search)
        column.addWidget(self.text, 1)
        column.addWidget(self._path)
        column.addLayout(buttons)
        metrics = self.fontMetrics()
        room = self.screen().availableSize() * 0.9
        self.resize(min(room.width(), metrics.averageCharWidth() * 110), min(room.height(), metrics.height() * 30))

    def _read(self) -> None:
        if self.isVisible() or self._tail is None:
            self._vitals.read_log(self._service)

    def _arrived(self, tail: LogTail) -> None:
        if tail.name == self._service and tail != self._tail:
            self._tail = tail
            self._path.show_text(tail.path)
            self._draw()

    def _failed(self, name: str, why: str) -> None:
        if name == self._service:
            self.count.setText(why)

    def _draw(self) -> None:
        if self._tail is None:
            return
        wanted, lines = self.search.text().casefold(), self._tail.lines
        found = [line for line in lines if wanted in line.casefold()]
        bar = self.text.verticalScrollBar()
        place, at_end = bar.value(), bar.value() == bar.maximum()
        self.text.setPlainText("\n".join(found))
        bar.setValue(bar.maximum() if at_end else place)
        self.copy.setEnabled(bool(found))
        self.count.setText(self._sentence(len(found), len(lines), cut=self._tail.cut))

    def _sentence(self, found: int, there: int, *, cut: bool) -> str:
        if not there:
            return self.tr("Nothing has been written yet.")
        if found < there:
            text = self.tr("Lines that have it: %1 of %2")
        else:
            text = self.tr("The last lines: %2") if cut else self.tr("Lines: %2")
        return text.replace("%1", str(found)).replace("%2", str(there))

    def _copy(self) -> None:
        """Copy what is selected, or else all that is shown."""
        chosen = self.text.textCursor().selectedText().replace("\u2029", "\n")
        QGuiApplication.clipboard().setText(chosen or self.text.toPlainText())
