"""Texts: labels of each rank, one that elides what does not fit, and the coloured pill."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QRect, QSize, Qt
from PySide6.QtGui import QAction, QGuiApplication, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QStyle, QStyleOption, QWidget

from app.picture import Tone
from app.widgets.tips import tip


def label(text: str = "", kind: str = "text", *, wrap: bool = False) -> QLabel:
    """Make a plain-text label. Kinds: text, muted, small, strong, title, heading, state, figure."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)  # what others named a machine is never markup
    made.setProperty("kind", kind)
    if wrap:
        made.setWordWrap(True)
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        made.setSizePolicy(policy)
    return made


class ElidedLabel(QLabel):
    """One line that ends in … where it does not fit; then the tooltip has it whole. Its menu copies it."""

    def __init__(
        self, text: str = "", kind: str = "text", mode: Qt.TextElideMode = Qt.TextElideMode.ElideRight
    ) -> None:
        super().__init__()
        self._mode = mode
        self._whole = ""
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setProperty("kind", kind)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        copy = QAction(QCoreApplication.translate("Labels", "Copy"), self)
        copy.triggered.connect(lambda: QGuiApplication.clipboard().setText(self._whole))
        self.addAction(copy)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self.show_text(text)

    def show_text(self, text: str) -> None:
        if text != self._whole:
            self._whole = text
            self.setText(text)
            self.setAccessibleName(text)
            self._explain()

    def minimumSizeHint(self) -> QSize:
        return QSize(self.fontMetrics().averageCharWidth() * 4, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._explain()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter, option = QPainter(self), QStyleOption()
        option.initFrom(self)
        area = self._text_area()
        self.style().drawItemText(
            painter,
            area,
            int(QStyle.visualAlignment(self.layoutDirection(), self.alignment())),
            option.palette,
            self.isEnabled(),
            self.fontMetrics().elidedText(self._whole, self._mode, area.width()),
            self.foregroundRole(),
        )

    def _text_area(self) -> QRect:
        return self.contentsRect()

    def _explain(self) -> None:
        fits = self.fontMetrics().horizontalAdvance(self._whole) <= self._text_area().width()
        self.setToolTip(tip("" if fits else self._whole))


class Pill(QLabel):
    """A short state in its tone's colours."""

    def __init__(self) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setProperty("kind", "pill")
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def show_state(self, text: str, tone: Tone) -> None:
        self.setText(text)
        set_style_property(self, "pill", tone)


def set_style_property(widget: QWidget, name: str, value: str) -> None:
    """Set a property that the style sheet selects by, and style the widget anew if it changed."""
    if widget.property(name) != value:
        widget.setProperty(name, value)
        widget.style().unpolish(widget)
        widget.style().polish(widget)
