"""A question before something that cannot be taken back; the safe answer has the focus."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from app import wording
from app.widgets.glyphs import Button, Glyph
from app.widgets.labels import label


class Question(QDialog):
    """Asks without blocking anything else; `act` is called for yes, and nothing for no, Escape or closing."""

    def __init__(
        self, parent: QWidget, title: str, text: str, *, yes: str, no: str, act: Callable[[], object]
    ) -> None:
        super().__init__(parent.window())
        self.setWindowTitle(wording.PROGRAM)
        self.setObjectName("window")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setAccessibleName(title)
        self.setAccessibleDescription(text)
        self.yes, self.no = Button(yes), Button(no, kind="primary")
        self.yes.clicked.connect(self.accept)
        self.no.clicked.connect(self.reject)
        for button in (self.yes, self.no):
            button.setAutoDefault(True)  # Enter presses the one that has the focus
        self.no.setDefault(True)
        self.accepted.connect(act)
        self._lay_out(title, text)
        self.no.setFocus()

    def event(self, event: QEvent) -> bool:
        """Be as high as the text needs at this width: a dialog by itself makes room for half of a long one."""
        kind = event.type()
        handled = super().event(event)  # which may be the end of it
        if kind in (QEvent.Type.LayoutRequest, QEvent.Type.Show):
            layout = self.layout()
            if layout is not None:
                self.setFixedHeight(layout.totalHeightForWidth(self.width()))
        return handled

    def _lay_out(self, title: str, text: str) -> None:
        words = QVBoxLayout()
        words.setSpacing(6)
        words.addWidget(label(title, "title", wrap=True))
        words.addWidget(label(text, "muted", wrap=True))
        top = QHBoxLayout()
        top.setSpacing(14)
        top.addWidget(Glyph("warn", 30, "warn"), 0, Qt.AlignmentFlag.AlignTop)
        top.addLayout(words, 1)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.yes)
        buttons.addWidget(self.no)
        column = QVBoxLayout(self)
        column.setContentsMargins(22, 20, 22, 18)
        column.setSpacing(18)
        column.addLayout(top)
        column.addLayout(buttons)
        self.setFixedWidth(max(420, self.fontMetrics().averageCharWidth() * 62))


def ask(parent: QWidget, title: str, text: str, *, yes: str, no: str, act: Callable[[], object]) -> Question:
    """Open the question over the parent's window and return it."""
    question = Question(parent, title, text, yes=yes, no=no, act=act)
    question.open()
    return question
