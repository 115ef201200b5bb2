"""Frames around other widgets: card, fact row, notice banner, empty state, page that scrolls."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from app.picture import Notice, Tone
from app.widgets.glyphs import Glyph, IconButton
from app.widgets.labels import ElidedLabel, label, set_style_property


class Card(QFrame):
    """A titled card; `body` takes what it holds, `corner` what stands at the end of its title's line."""

    def __init__(self, title: str = "") -> None:
        super().__init__()
        self.setProperty("kind", "card")
        outer = QVBoxLayout(self)
        outer.setContentsMargins(16, 14, 16, 16)
        outer.setSpacing(12)
        self.corner = QHBoxLayout()
        if title:
            self.setAccessibleName(title)
            self.corner.addWidget(label(title, "title", wrap=True), 1)
            outer.addLayout(self.corner)
        self.body = QVBoxLayout()
        self.body.setSpacing(9)
        outer.addLayout(self.body)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)


class Fact(QWidget):
    """One line: an icon, what it is, and its value; hidden while there is no value."""

    NAME_CHARACTERS = 13

    def __init__(self, glyph: str, name: str, mode: Qt.TextElideMode = Qt.TextElideMode.ElideRight) -> None:
        super().__init__()
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(10)
        self._name = label(name, "muted")
        self._name.setMinimumWidth(self._name.fontMetrics().averageCharWidth() * self.NAME_CHARACTERS)
        self.value = ElidedLabel(mode=mode)
        self._name.setBuddy(self.value)
        line.addWidget(Glyph(glyph))
        line.addWidget(self._name)
        line.addWidget(self.value, 1)
        self.hide()

    def show_value(self, text: str) -> None:
        self.value.show_text(text)
        self.value.setAccessibleName(f"{self._name.text()}: {text}")
        self.setVisible(bool(text))


class Banner(QWidget):
    """A notice across the window: what happened, why, what to do; may be closed. `gap` is the room above it."""

    closed = Signal(str)

    def __init__(self, *, closable: bool = True, gap: int = 0) -> None:
        super().__init__()
        self._about = ""
        self._frame = QFrame()
        self._frame.setProperty("kind", "banner")
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, gap, 0, 0)
        outer.addWidget(self._frame)
        line = QHBoxLayout(self._frame)
        line.setContentsMargins(12, 9, 8, 9)
        line.setSpacing(10)
        self._glyph = Glyph("bad", 20, "bad")
        self._title = label("", "strong", wrap=True)
        self._text = label("", wrap=True)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self._title)
        words.addWidget(self._text)
        line.addWidget(self._glyph, 0, Qt.AlignmentFlag.AlignTop)
        line.addLayout(words, 1)
        self.buttons = QHBoxLayout()
        line.addLayout(self.buttons)
        if closable:
            close = IconButton("close", self.tr("Dismiss this message"))
            close.clicked.connect(lambda: self.closed.emit(self._about))
            line.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        self.hide()

    def show_notice(self, notice: Notice | None) -> None:
        self.setVisible(notice is not None)
        if notice is None:
            return
        self._about = notice.about
        self._title.setText(notice.title)
        self._text.setText(notice.text)
        self._text.setVisible(bool(notice.text))
        self._glyph.show_glyph(notice.tone, notice.tone)
        self.setAccessibleName(f"{notice.title}. {notice.text}")
        set_style_property(self._frame, "tone", notice.tone)


class EmptyState(QWidget):
    """What stands where there is nothing yet: why that is so and what to do, if anything."""

    def __init__(self, glyph: str) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 40, 24, 40)
        column.setSpacing(8)
        self._picture = Glyph(glyph, 44)
        self._title = label("", "title", wrap=True)
        self._text = label("", "muted", wrap=True)
        for widget in (self._title, self._text):
            widget.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(1)
        column.addWidget(self._picture, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self._title)
        column.addWidget(self._text)
        column.addStretch(2)

    def show_glyph(self, glyph: str, tone: Tone) -> None:
        self._picture.show_glyph(glyph, tone)

    def show_text(self, title: str, text: str) -> None:
        self._title.setText(title)
        self._text.setText(text)


class ReasonLine(QWidget):
    """One reason of the state: an icon of its tone, a short label and a sentence."""

    def __init__(self) -> None:
        super().__init__()
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(10)
        self._glyph = Glyph("quiet", 20)
        self._title = label("", "strong", wrap=True)
        self._text = label("", "muted", wrap=True)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self._title)
        words.addWidget(self._text)
        line.addWidget(self._glyph, 0, Qt.AlignmentFlag.AlignTop)
        line.addLayout(words, 1)

    def show_reason(self, title: str, text: str, tone: Tone) -> None:
        self._glyph.show_glyph(tone, tone)
        self._title.setText(title)
        self._text.setText(text)

    def show_icon(self, glyph: str, tone: Tone) -> None:
        """Show another icon than the tone's own."""
        self._glyph.show_glyph(glyph, tone)


class Page(QScrollArea):
    """A panel's page: scrolls up and down where the window is small, never sideways."""

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        inside = QWidget()
        inside.setProperty("kind", "page")
        self.column = QVBoxLayout(inside)
        self.column.setContentsMargins(20, 18, 20, 20)
        self.column.setSpacing(14)
        self.setWidget(inside)


def line() -> QFrame:
    """Make a thin line between two parts of a card."""
    made = QFrame()
    made.setProperty("kind", "line")
    return made
