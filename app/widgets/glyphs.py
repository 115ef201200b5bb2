"""Icons beside text and on buttons, which follow the palette by themselves."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QPushButton, QSizePolicy, QToolButton, QWidget

from app import icons
from app.picture import Tone
from app.widgets.theme import colours
from app.widgets.tips import tip
from app.wording import StateIcon


class Glyph(QWidget):
    """A one-colour icon in the colour of a tone, or muted; an ornament, so it has no name for screen readers."""

    def __init__(self, name: str, size: int = 18, tone: Tone | None = None) -> None:
        super().__init__()
        self._name, self._tone = name, tone
        self.setFixedSize(size, size)

    def show_glyph(self, name: str, tone: Tone | None = None) -> None:
        if (name, tone) != (self._name, self._tone):
            self._name, self._tone = name, tone
            self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        c = colours()
        colour = c.tones[self._tone].text if self._tone else c.muted
        pixmap = icons.glyph_pixmap(self._name, colour, self.width(), self.devicePixelRatioF())
        QPainter(self).drawPixmap(0, 0, pixmap)


class StatePicture(QWidget):
    """The big picture of the node's state, the same as in the tray."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._name: StateIcon = "offline"
        self.setFixedSize(size, size)

    def show_state(self, name: StateIcon, title: str) -> None:
        self.setAccessibleName(title)
        if name != self._name:
            self._name = name
            self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        pixmap = icons.state_pixmap(self._name, self.width(), self.devicePixelRatioF())
        QPainter(self).drawPixmap(0, 0, pixmap)


class Button(QPushButton):
    """A button with an icon in its text's colour. Kinds: primary, plain, quiet."""

    def __init__(self, text: str, glyph: str | None = None, kind: str = "plain") -> None:
        super().__init__(text)
        self._glyph = glyph
        self.setProperty("kind", kind)
        self.setAutoDefault(False)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._tint()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange:
            self._tint()
        super().changeEvent(event)

    def _tint(self) -> None:
        if self._glyph is None:
            return
        c = colours()
        colour = {"primary": c.on_accent, "quiet": c.muted}.get(self.property("kind"), c.text)
        self.setIcon(icons.button_icon(self._glyph, colour, c.muted))
        self.setIconSize(icons.BUTTON)


class IconButton(QToolButton):
    """A small button that is only an icon; its name is spoken and shown as a tooltip."""

    def __init__(self, glyph: str, name: str) -> None:
        super().__init__()
        self._glyph = glyph
        self.setProperty("kind", "icon")
        self.setAccessibleName(name)
        self.setToolTip(tip(name))
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._tint()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange:
            self._tint()
        super().changeEvent(event)

    def _tint(self) -> None:
        c = colours()
        self.setIcon(icons.glyph_icon(self._glyph, c.muted, c.border))
        self.setIconSize(QSize(16, 16))
